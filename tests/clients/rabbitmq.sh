#!/usr/bin/env bash
# A private RabbitMQ that starts and stops as `pillarbox` does, so that every client suite can be tried against the
# original (BROKER=rabbitmq): takes `--port` and `--data-dir`, prints `listening on 127.0.0.1:PORT`, ends on SIGTERM. Its
# process id is in `pid` in the data folder. Its name has the port in it: it finds its data again on the same port only.
set -euo pipefail

port=0
dir=
while [ $# -gt 0 ]; do
    case $1 in
        --port) port=$2; shift 2 ;;
        --data-dir) dir=$2; shift 2 ;;
        --config | --management-port) shift 2 ;; # Only pillarbox has these.
        *) echo "unknown argument: $1" >&2; exit 2 ;;
    esac
done

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
accepts() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

[ "$port" != 0 ] || port=$(free_port)
made=
[ -n "$dir" ] || { made=$(mktemp -d); dir=$made; }
mkdir -p "$dir"
export HOME=$dir \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_NODENAME="pillarbox-$port@localhost" \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODE_PORT=$port \
    RABBITMQ_DIST_PORT="$(free_port)" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    RABBITMQ_MNESIA_BASE="$dir/mnesia" \
    RABBITMQ_LOG_BASE="$dir/log" \
    RABBITMQ_PID_FILE="$dir/pid" \
    RABBITMQ_CONFIG_FILE="$dir/rabbitmq" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$dir/plugins"
mkdir -p "$dir/mnesia" "$dir/log"
echo '[].' >"$RABBITMQ_ENABLED_PLUGINS_FILE"

stop() {
    kill "$(cat "$dir/pid")" 2>/dev/null || true
    wait "$server" || true
    [ -z "$made" ] || rm -rf "$made"
}
/usr/lib/rabbitmq/bin/rabbitmq-server >"$dir/out" 2>&1 &
server=$!
trap 'stop; exit 0' TERM INT

until accepts; do
    kill -0 "$server" 2>/dev/null || { cat "$dir/out" >&2; exit 1; }
    sleep 0.2
done
echo "listening on 127.0.0.1:$port"
wait "$server"
