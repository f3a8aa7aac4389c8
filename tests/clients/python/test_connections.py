"""Connections: what the broker says of itself, heartbeats, and how they end."""

import socket
import time

import amqp
import pika
import pytest

from broker import Broker
from polling import eventually


def test_server_properties(amqp_connection: amqp.Connection) -> None:
    """Celery chooses its prefetch by product and version; libraries look for the capabilities."""
    properties = amqp_connection.server_properties
    assert properties["product"] == "RabbitMQ"
    assert (3, 3) <= tuple(int(part) for part in properties["version"].split(".")[:2]) < (4, 0)
    assert properties["capabilities"] == dict.fromkeys(
        [
            "authentication_failure_close",
            "basic.nack",
            "connection.blocked",
            "consumer_cancel_notify",
            "consumer_priorities",
            "direct_reply_to",
            "exchange_exchange_bindings",
            "per_consumer_qos",
            "publisher_confirms",
        ],
        True,
    )
    assert {"cluster_name", "copyright", "information", "platform"} <= properties.keys()
    assert {"PLAIN", "AMQPLAIN"} <= {mechanism.decode() for mechanism in amqp_connection.mechanisms}
    assert amqp_connection.locales == ["en_US"]


def test_tuning(broker: Broker) -> None:
    """The broker offers its limits, and takes what the client makes of them."""
    with amqp.Connection(f"{broker.host}:{broker.port}", heartbeat=17) as connection:
        assert (connection.channel_max, connection.frame_max) == (2047, 131072)
        assert connection.server_heartbeat == 60
        assert connection.heartbeat == 17


def ended(stream: socket.socket) -> bool:
    """Return whether the other side has closed, after reading what has come."""
    try:
        return not stream.recv(4096)
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_silent_client_is_cut(broker: Broker) -> None:
    """A client that misses its heartbeats loses its connection; one that sends them does not."""
    silent = amqp.Connection(f"{broker.host}:{broker.port}", heartbeat=1)
    silent.connect()
    with pika.BlockingConnection(pika.URLParameters(f"{broker.url}/%2f?heartbeat=1")) as alive:
        started = time.monotonic()
        silent.transport.sock.settimeout(0.1)
        eventually(lambda: (alive.process_data_events(), ended(silent.transport.sock))[1])
        assert 1 < time.monotonic() - started < 5
        assert alive.channel().is_open


def test_heartbeats_keep_an_idle_connection(broker: Broker) -> None:
    """The broker sends heartbeats too: pika would give up a connection that is silent for two intervals."""
    with pika.BlockingConnection(pika.URLParameters(f"{broker.url}/%2f?heartbeat=1")) as connection:
        connection.process_data_events(time_limit=4)
        assert connection.channel().is_open


def test_client_that_just_leaves(broker: Broker, name: str) -> None:
    """An end of the stream is the end of the connection: exclusive queues go, unacked messages come back."""
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as watching:
        channel = watching.channel()
        channel.queue_declare(name)
        channel.basic_publish("", name, b"again")

        leaving = amqp.Connection(f"{broker.host}:{broker.port}")
        leaving.connect()
        leaving.channel().queue_declare(f"{name}-exclusive", exclusive=True)
        assert eventually(lambda: leaving.channel().basic_get(name)).body == b"again"
        leaving.transport.sock.shutdown(socket.SHUT_RDWR)

        method, _, body = eventually(lambda: found if (found := channel.basic_get(name, auto_ack=True))[0] else None)
        assert (method.redelivered, body) == (True, b"again")

        def gone() -> bool:
            try:
                watching.channel().queue_declare(f"{name}-exclusive", passive=True)
            except pika.exceptions.ChannelClosedByBroker as error:
                return error.reply_code == 404
            return False

        eventually(gone)
        channel.queue_delete(name)


def test_broker_says_goodbye(own_broker: Broker) -> None:
    """A broker that ends closes its connections with a reason, and exits cleanly."""
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    assert own_broker.stop() == 0
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as raised:
        connection.process_data_events(time_limit=5)
    assert raised.value.reply_code == 320
    assert raised.value.reply_text.startswith("CONNECTION_FORCED")


def test_silent_owner_of_an_exclusive_queue(broker: Broker, name: str) -> None:
    """A second claim waits while the owner may be dead, and succeeds when it is."""
    silent = amqp.Connection(f"{broker.host}:{broker.port}", heartbeat=1)
    silent.connect()
    silent.channel().queue_declare(name, exclusive=True)
    claimed = time.monotonic()
    eventually(lambda: time.monotonic() - claimed > 1)
    with amqp.Connection(f"{broker.host}:{broker.port}") as heir:
        assert heir.channel().queue_declare(name, exclusive=True).queue == name
