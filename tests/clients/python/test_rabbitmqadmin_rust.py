"""RabbitMQ's newer tool for the HTTP API, which is written in Rust, through all its commands."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pika
import pytest

from broker import Broker
from management import Management
from polling import eventually

# What the tool says of whatever is not there.
NOT_FOUND = "API responded with a 404 Not Found"

Option = str | int | bool | dict[str, object] | Path


@dataclass
class Tool:
    """The tool as its user types it: a command, and its options by their names."""

    program: Path
    broker: Broker
    home: Path

    def run(self, *words: str, fails: bool = False) -> str:
        """Run the tool with nothing but these words, and return what it prints."""
        # Settings of whoever runs the tests would count, too.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RABBITMQADMIN_")}
        environment["HOME"] = str(self.home)
        command = [self.program, *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) == fails, f"{words}: {printed}"
        assert "panicked" not in printed, printed
        assert "error decoding response body" not in printed, printed
        return printed

    def words(self, command: str, options: dict[str, Option]) -> list[str]:
        """Return what to type for a command against the broker."""
        typed = ["-H", self.broker.host, "-P", str(self.broker.management_port), "--table-style", "psql"]
        typed += command.split()
        for name, value in options.items():
            text = str(value) if isinstance(value, str | Path) else json.dumps(value)
            typed += [f"--{name.replace('_', '-')}", text]
        return typed

    def __call__(self, command: str, **options: Option) -> str:
        """Run a command that works, and return what it prints."""
        return self.run(*self.words(command, options))

    def refused(self, command: str, **options: Option) -> str:
        """Run a command that fails, and return what it prints."""
        return self.run(*self.words(command, options), fails=True)

    def rows(self, command: str, **options: Option) -> list[dict[str, str]]:
        """Run a command and return the rows of its table."""
        return rows(self(command, **options))

    def column(self, command: str, column: str = "name", **options: Option) -> list[str]:
        """Run a command and return one column of its table."""
        return [row[column] for row in self.rows(command, **options)]

    def facts(self, command: str, **options: Option) -> dict[str, str]:
        """Run a command whose table has a key and a value in each row, and return these."""
        return {row["key"]: row["value"] for row in self.rows(command, **options)}


def rows(printed: str) -> list[dict[str, str]]:
    """Return the rows of a table of the style `psql`; what takes several lines there has them here."""
    lines = [line for line in printed.splitlines() if line.strip() and not re.fullmatch(r"[-+]+", line)]
    # A title has no columns, unlike the head of all tables but those with one column.
    if len(lines) > 1 and "|" in lines[1] and "|" not in lines[0]:
        del lines[0]
    head, *others = [[cell.strip() for cell in line.split("|")] for line in lines]
    table: list[list[str]] = []
    for cells in others:
        if table and not cells[0] and (len(cells) == 2 or not cells[1]):
            table[-1] = [f"{above}\n{cell}".strip() for above, cell in zip(table[-1], cells, strict=True)]
        else:
            table.append(cells)
    return [dict(zip(head, cells, strict=True)) for cells in table]


@pytest.fixture
def tool(own_broker: Broker, tmp_path: Path) -> Tool:
    """Return the tool, which finds a broker of its own and no settings."""
    program = Path(os.environ.get("RABBITMQADMIN_RUST", "")).resolve()
    assert program.is_file(), (
        "RABBITMQADMIN_RUST names no program: set it to what `cargo install rabbitmqadmin` installs"
    )
    return Tool(program, own_broker, tmp_path)


@pytest.fixture
def node(tool: Tool) -> str:
    """Return the name of the broker's node."""
    return tool.column("nodes list")[0]


@pytest.fixture
def client(own_broker: Broker) -> Iterator[pika.BlockingConnection]:
    """Connect to the tool's broker, and consume with one message unacked."""
    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=7)
    channel.queue_declare("letters", durable=True)
    channel.basic_publish("", "letters", b"hello")
    channel.basic_consume("letters", lambda *_: None, consumer_tag="reader", arguments={"x-priority": 5})
    connection.process_data_events(1)
    yield connection
    if connection.is_open:
        connection.close()


def test_queues(tool: Tool) -> None:
    """Queues of each type are declared, shown and deleted."""
    tool("declare queue", name="letters", arguments={"x-max-length": 9})
    tool("declare queue", name="safe", type="quorum")
    tool("queues declare", name="passing", durable=False, auto_delete=True)
    listed = {row["name"]: row for row in tool.rows("queues list")}
    assert list(listed) == ["letters", "passing", "safe"] == tool.column("list queues")
    assert listed["letters"]["queue_type"] == "classic"
    assert "x-max-length: 9" in listed["letters"]["arguments"]
    assert listed["letters"]["state"] == "running"
    assert listed["safe"]["queue_type"] == "quorum"
    assert listed["safe"]["leader"] == listed["safe"]["members"] == listed["safe"]["node"]
    assert (listed["passing"]["durable"], listed["passing"]["auto_delete"]) == ("false", "true")
    assert tool.column("list queues", page=2, page_size=2) == ["safe"]
    assert tool.column("queues list", page=1, page_size=1) == ["letters"]
    assert tool.rows("queues list", columns="name,durable")[1] == {"name": "passing", "durable": "false"}
    shown = tool.rows("queues show", name="safe", columns="name,queue_type")
    assert shown == [{"name": "safe", "queue_type": "quorum"}]
    assert tool.rows("queues show", name="letters") == [listed["letters"]]
    assert "inequivalent arg 'durable'" in tool.refused("queues declare", name="letters", durable=False)
    tool("delete queue", name="letters")
    tool("queues delete", name="safe")
    assert NOT_FOUND in tool.refused("queues show", name="safe")
    assert NOT_FOUND in tool.refused("delete queue", name="safe")
    tool("delete queue --idempotently", name="safe")
    tool("queues delete --idempotently", name="safe")
    assert tool.column("queues list") == ["passing"]


def test_many_queues_and_vhosts_are_deleted_at_once(tool: Tool) -> None:
    """What a pattern matches is shown first, and then deleted."""
    for name in ["old.1", "old.2", "new"]:
        tool("declare queue", name=name)
        tool("declare vhost", name=name)
    for kind in ["queues", "vhosts"]:
        before = tool.column(f"{kind} list")
        assert tool.column(f"{kind} delete_multiple --dry-run", name_pattern="^old") == ["old.1", "old.2"]
        tool.refused(f"{kind} delete_multiple", name_pattern="^old")
        assert tool.column(f"{kind} list") == before
        report = json.loads(tool(f"-q {kind} delete_multiple --approve", name_pattern="^old", output="json"))
        assert (report["attempted"], report["succeeded"], report["failed"]) == (2, 2, 0)
        tool(f"{kind} delete_multiple --approve", name_pattern="^old")
        assert "new" in tool.column(f"{kind} list")
        assert "old.1" not in tool.column(f"{kind} list")


def test_exchanges_and_bindings(tool: Tool) -> None:
    """Exchanges are declared and bound, and all of it goes again."""
    tool("declare queue", name="letters")
    tool("declare exchange", name="post", type="topic")
    alternate = {"alternate-exchange": "post"}
    tool("exchanges declare", name="copy", type="fanout", durable=False, auto_delete=True, arguments=alternate)
    shown = {row["name"]: row for row in tool.rows("list exchanges")}
    assert shown["post"]["exchange_type"] == "topic"
    assert (shown["copy"]["durable"], shown["copy"]["auto_delete"]) == ("false", "true")
    assert shown["copy"]["arguments"] == 'alternate-exchange: "post"'
    assert tool.column("exchanges list", page=1, page_size=2) == ["", "amq.direct"]

    to_queue = {"source": "post", "destination_type": "queue", "destination": "letters"}
    to_exchange = {"source": "post", "destination_type": "exchange", "destination": "copy", "routing_key": "a"}
    tool("declare binding", routing_key="to.#", **to_queue)
    tool("bindings declare", arguments={"x": 1}, **to_exchange)
    tool("exchanges bind", routing_key="safe", **to_queue)
    bound = [row for row in tool.rows("bindings list") if row["source"]]
    assert sorted((row["destination"], row["routing_key"], row["arguments"]) for row in bound) == [
        ("copy", "a", "x: 1"),
        ("letters", "safe", ""),
        ("letters", "to.#", ""),
    ]
    assert "to.%23" in [row["properties_key"] for row in bound]
    tool("exchanges unbind", routing_key="safe", **to_queue)
    tool("bindings delete", arguments={"x": 1}, **to_exchange)
    tool("delete binding", routing_key="to.#", **to_queue)
    assert tool.column("list bindings", "destination") == ["letters"]
    assert NOT_FOUND in tool.refused("delete binding", routing_key="to.#", **to_queue)
    tool("delete binding --idempotently", routing_key="to.#", **to_queue)

    tool("delete exchange", name="post")
    tool("exchanges delete --idempotently", name="copy")
    assert NOT_FOUND in tool.refused("exchanges delete", name="post")
    assert not {"post", "copy"} & set(tool.column("exchanges list"))


def test_messages(tool: Tool, tmp_path: Path) -> None:
    """Messages are published, fetched and purged."""
    tool("declare queue", name="letters")
    properties = {"content_type": "text/plain", "headers": {"a": [1, 2.5, {"b": True}]}, "delivery_mode": 2}
    routed = tool("publish message", routing_key="letters", payload="hello", properties=properties)
    assert routed == "Message published and routed successfully\n"
    file = tmp_path / "payload"
    file.write_text("from a file")
    tool("publish message", routing_key="letters", payload_file=file)
    assert tool("publish message", routing_key="nowhere") == "Message published but NOT routed\n"
    assert "no exchange 'nosuch'" in tool.refused("publish message", exchange="nosuch")

    first, second = tool.rows("get messages", queue="letters", count=5, ack_mode="ack_requeue_true")
    assert (first["payload"], first["payload_bytes"], first["payload_encoding"]) == ("hello", "5", "string")
    assert first["properties"].splitlines() == [
        'content_type: "text/plain"',
        "delivery_mode: 2",
        'headers: {"a":[1,2.5,{"b":true}]}',
    ]
    assert (first["redelivered"], first["message_count"]) == ("false", "1")
    assert second["payload"] == "from a file"
    (again,) = tool.rows("get messages", queue="letters")
    assert (again["payload"], again["redelivered"]) == ("hello", "true")
    tool("purge queue", name="letters")
    assert tool.rows("get messages", queue="letters") == []
    tool("queues purge", name="letters")
    assert NOT_FOUND in tool.refused("purge queue", name="nosuch")
    assert NOT_FOUND in tool.refused("get messages", queue="nosuch")


def test_a_payload_that_is_no_text(tool: Tool, client: pika.BlockingConnection) -> None:
    """Bytes come in base64, beside headers of every kind."""
    channel = client.channel()
    channel.queue_declare("bytes")
    properties = pika.BasicProperties(headers={"list": [1, {"a": None}], "yes": True}, priority=3, timestamp=1700000000)
    channel.basic_publish("", "bytes", b"\xff\xfe\x00", properties)
    (got,) = eventually(lambda: tool.rows("get messages", queue="bytes", ack_mode="reject_requeue_true"))
    assert (got["payload"], got["payload_encoding"]) == ("//4A", "base64")
    assert got["properties"].splitlines() == [
        'headers: {"list":[1,{"a":null}],"yes":true}',
        "priority: 3",
        "timestamp: 1700000000",
    ]


def test_vhosts(tool: Tool) -> None:
    """Vhosts are declared, protected and deleted, and others are not found."""
    tool("declare vhost --tracing", name="shop", description="orders", default_queue_type="quorum")
    tool("vhosts declare", name="yard")
    listed = {row["name"]: row for row in tool.rows("list vhosts")}
    assert list(listed) == ["/", "shop", "yard"] == tool.column("vhosts list")
    assert (listed["shop"]["description"], listed["shop"]["default_queue_type"]) == ("orders", "quorum")
    tool("declare queue", vhost="shop", name="orders")
    assert tool.column("list queues", vhost="yard") == []
    assert tool.column("list queues", vhost="shop") == ["orders"]
    assert NOT_FOUND in tool.refused("list queues", vhost="nosuch")
    assert NOT_FOUND in tool.refused("declare queue", vhost="nosuch", name="orders")
    tool("delete vhost", name="yard")
    assert NOT_FOUND in tool.refused("vhosts delete", name="yard")
    tool("vhosts delete --idempotently", name="yard")
    tool("delete vhost --idempotently", name="yard")


def test_a_protected_vhost(tool: Tool) -> None:
    """Nobody deletes a vhost while it is protected."""
    tool("declare vhost", name="shop")
    tool("vhosts enable_deletion_protection", name="shop")
    assert tool.column("list vhosts", "protected_from_deletion") == ["false", "true"]
    assert "protected" in tool.refused("delete vhost", name="shop")
    tool("vhosts disable_deletion_protection", name="shop")
    tool("delete vhost", name="shop")
    assert tool.column("list vhosts") == ["/"]
    assert NOT_FOUND in tool.refused("vhosts enable_deletion_protection", name="shop")


def test_users_and_permissions(tool: Tool) -> None:
    """Users come with a password or its hash, and may do what they are allowed."""
    tool("declare user", name="anna", password="pw", tags="management,monitoring")
    hashed = tool.facts("passwords salt_and_hash secret")["password hash"]
    tool("users declare", name="bert", password_hash=hashed, tags="administrator")
    assert tool.rows("list users")[1] == {"name": "bert", "tags": "administrator", "password_hash": hashed}
    assert tool.column("users list", page=1, page_size=2) == ["anna", "bert"]
    everything = {"configure": ".*", "read": ".*", "write": "^a"}
    tool("declare permissions", username="anna", **everything)
    tool("permissions declare", username="bert", **everything)
    given = {"user": "anna", "vhost": "/", "configure": ".*", "read": ".*", "write": "^a"}
    for command in ["permissions list", "list permissions", "users permissions"]:
        assert given in tool.rows(command)
        assert tool.column(command, "user") == ["anna", "bert", "guest"]
    assert tool("-u bert -p secret list users") == tool("list users")
    assert "Not administrator user" in tool.refused("-u anna -p pw list users")
    assert "Login failed" in tool.refused("-u anna -p wrong list queues")
    assert "vhost_or_user_not_found" in tool.refused("declare permissions", username="nosuch", **everything)
    tool("delete permissions", username="anna")
    tool("permissions delete", username="bert")
    assert NOT_FOUND in tool.refused("permissions delete", username="bert")
    tool("delete permissions --idempotently", username="bert")
    assert tool.column("permissions list", "user") == ["guest"]
    tool("delete user", name="anna")
    tool("users delete", name="bert")
    assert NOT_FOUND in tool.refused("delete user", name="bert")
    tool("users delete --idempotently", name="bert")
    assert tool.column("users list") == ["guest"]


def test_a_hash_that_would_let_nobody_in(tool: Tool) -> None:
    """The tool sends a hash of SHA-512 without saying so, which RabbitMQ takes for one that no password has."""
    assert len(tool.facts("passwords salt_and_hash secret", hashing_algorithm="SHA512")["password hash"]) == 92
    refusal = tool.refused("declare user", name="anna", password="pw", hashing_algorithm="SHA512")
    assert "the password hash is not one of rabbit_password_hashing_sha256" in refusal


def test_limits(tool: Tool) -> None:
    """Vhosts and users get limits, which count, and lose them again."""
    tool("declare vhost_limit", name="max-queues", value=1)
    tool("vhost_limits declare", name="max-connections", value=70)
    given = [{"vhost": "/", "limits": "max-connections: 70\nmax-queues: 1"}]
    assert tool.rows("vhost_limits list") == given == tool.rows("list vhost_limits")
    tool("declare queue", name="letters")
    assert "limit" in tool.refused("declare queue", name="more")
    tool("delete vhost_limit", name="max-queues")
    tool("vhost_limits delete", name="max-connections")
    assert tool.rows("vhost_limits list") == []
    tool("declare queue", name="more")
    tool("declare user_limit", username="guest", name="max-channels", value=7)
    tool("user_limits declare", username="guest", name="max-connections", value=70)
    given = [{"username": "guest", "limits": "max-channels: 7\nmax-connections: 70"}]
    assert tool.rows("user_limits list") == given == tool.rows("list user_limits") == tool.rows("users limits")
    tool("delete user_limit", username="guest", name="max-channels")
    tool("user_limits delete", username="guest", name="max-connections")
    assert tool.rows("user_limits list") == []


def definitions(tool: Tool, kind: str) -> dict[str, str]:
    """Return the definition of each policy by its name."""
    return {row["name"]: row["definition"] for row in tool.rows(f"list {kind}")}


def test_policies(tool: Tool) -> None:
    """Policies are declared, found, changed key by key and deleted."""
    tool("declare queue", name="letters")
    bounded = {"name": "bounded", "pattern": "^let", "apply_to": "queues", "priority": 2}
    tool("declare policy", definition={"max-length": 5, "overflow": "reject-publish"}, **bounded)
    other = {"name": "other", "pattern": "^let", "apply_to": "classic_queues", "priority": 2}
    tool("policies declare", definition={"expires": 500000}, **other)
    refusal = tool.refused("policies declare", name="bad", pattern="", apply_to="all", definition={"nosuch": 1})
    assert "are not recognised policy settings" in refusal
    tool("policies declare_override", name="bounded", override_name="over", definition={"max-length": 4})
    tool("policies declare_blanket", name="rest", apply_to="queues", definition={"max-length": 1000})
    listed = {row["name"]: (row["pattern"], row["apply_to"], row["priority"]) for row in tool.rows("policies list")}
    assert listed == {
        "bounded": ("^let", "queues", "2"),
        "other": ("^let", "classic_queues", "2"),
        "over": ("^let", "queues", "102"),
        "rest": (".*", "queues", "-20"),
    }
    assert tool.rows("queues show", name="letters")[0]["policy"] == "over"
    assert tool.column("policies list_in", apply_to="queues") == list(listed)
    assert tool.column("policies list_in", vhost="/") == list(listed)
    assert tool.column("policies list_matching_object", name="letters", type="queues") == ["over", "bounded", "rest"]
    for command in ["policies list_conflicting", "policies list_conflicting_in"]:
        assert tool.column(command) == ["bounded", "other"]

    tool("policies patch", name="bounded", definition={"max-length": 6})
    assert definitions(tool, "policies")["bounded"] == 'max-length: 6\noverflow: "reject-publish"'
    tool("policies update_definition", name="rest", definition_key="max-length", new_value=8)
    assert definitions(tool, "policies")["rest"] == "max-length: 8"
    for command in ["policies update_definitions_of_all_in", "policies update_definitions_of_all"]:
        tool(command, definition_key="max-length", new_value=9 + len(command))
        assert definitions(tool, "policies")["other"] == f"expires: 500000\nmax-length: {9 + len(command)}"
    tool("policies delete_definition_keys", name="bounded", definition_keys="overflow")
    assert "overflow" not in definitions(tool, "policies")["bounded"]
    tool("policies delete_definition_keys_from_all_in", definition_keys="expires")
    tool("policies delete_definition_keys_from_all", definition_keys="overflow")
    assert all(definition.startswith("max-length") for definition in definitions(tool, "policies").values())
    tool("policies update", definition={"max-length": 1}, **bounded)
    tool("policies set", definition={"max-length": 2}, **other)

    for name in ["bounded", "other", "over"]:
        tool("delete policy", name=name)
    tool("policies delete", name="rest")
    assert NOT_FOUND in tool.refused("delete policy", name="rest")
    tool("policies delete --idempotently", name="rest")
    assert tool.rows("policies list") == []


def test_operator_policies(tool: Tool) -> None:
    """Operator policies are declared, found, changed key by key and deleted."""
    tool("declare queue", name="letters")
    bound = {"name": "bound", "pattern": "^let", "apply_to": "queues", "priority": 2}
    tool("declare operator_policy", definition={"max-length": 5, "message-ttl": 1000}, **bound)
    tool("operator_policies declare", definition={"expires": 500000}, **bound | {"name": "other", "priority": 3})
    for command in ["operator_policies list", "list operator_policies", "operator_policies list_in"]:
        assert tool.column(command) == ["bound", "other"]
    assert tool.column("operator_policies list_in", apply_to="queues") == ["bound", "other"]
    matching = tool.column("operator_policies list_matching_object", name="letters", type="queues")
    assert matching == ["other", "bound"]
    assert tool.rows("queues show", name="letters")[0]["operator_policy"] == "other"
    tool("operator_policies patch", name="bound", definition={"max-length": 6})
    assert definitions(tool, "operator_policies")["bound"] == "max-length: 6\nmessage-ttl: 1000"
    tool("operator_policies update_definition", name="bound", definition_key="max-length", new_value=8)
    assert definitions(tool, "operator_policies")["bound"] == "max-length: 8\nmessage-ttl: 1000"
    tool("operator_policies update_definitions_of_all_in", definition_key="max-length", new_value=9)
    assert definitions(tool, "operator_policies")["other"] == "expires: 500000\nmax-length: 9"
    tool("operator_policies delete_definition_keys", name="bound", definition_keys="max-length")
    tool("operator_policies delete_definition_keys_from_all_in", definition_keys="expires")
    assert definitions(tool, "operator_policies") == {"bound": "message-ttl: 1000", "other": "max-length: 9"}
    tool("operator_policies delete", name="bound")
    tool("delete operator_policy", name="other")
    assert NOT_FOUND in tool.refused("delete operator_policy", name="other")
    tool("operator_policies delete --idempotently", name="other")
    assert tool.rows("operator_policies list") == []


def test_parameters(tool: Tool) -> None:
    """Runtime parameters are set, listed and cleared."""
    limits = {"component": "vhost-limits", "name": "limits"}
    tool("declare parameter", value={"max-queues": 9}, **limits)
    tool("parameters set", value={"max-queues": 10}, **limits)
    given = [{"name": "limits", "vhost": "/", "component": "vhost-limits", "value": "max-queues: 10"}]
    for command in ["list parameters", "parameters list", "parameters list_in"]:
        assert tool.rows(command, component="vhost-limits") == given
    assert tool.rows("parameters list_all") == given == tool.rows("list parameters")
    tool("parameters clear", **limits)
    assert NOT_FOUND in tool.refused("delete parameter", **limits)
    tool("delete parameter --idempotently", **limits)
    assert tool.rows("parameters list_all") == []


def test_global_parameters(tool: Tool) -> None:
    """Global parameters are set, listed and cleared."""
    tool("global_parameters set", name="own", value={"a": 1})
    listed = {row["name"]: row["value"] for row in tool.rows("global_parameters list")}
    assert listed.keys() == {"internal_cluster_id", "own"}
    assert json.loads(listed["own"]) == {"a": 1}
    tool("global_parameters clear", name="own")
    assert NOT_FOUND in tool.refused("global_parameters clear", name="own")
    assert tool.column("global_parameters list") == ["internal_cluster_id"]


def test_health_checks(tool: Tool, own_broker: Broker) -> None:
    """A healthy broker passes all checks, and a listener that is not there fails its own."""
    for check in ["local_alarms", "cluster_wide_alarms", "node_is_quorum_critical"]:
        assert tool(f"health_check {check}") == "health check passed\n"
    assert "passed" in tool("health_check port_listener", port=own_broker.port)
    assert "passed" in tool("health_check protocol_listener", protocol="amqp")
    failed = rows(tool.refused("health_check port_listener", port=1))
    assert {"key": "inactive port", "value": "1"} in failed
    failed = rows(tool.refused("health_check protocol_listener", protocol="mqtt"))
    assert {"key": "inactive protocol", "value": "mqtt"} in failed


def test_health_checks_during_an_alarm(tool: Tool, own_broker: Broker, node: str) -> None:
    """Both checks name the alarm and its node."""
    api = Management(own_broker)
    api.ask("PUT", "node-limits/memory", {"value": 1000})
    eventually(lambda: api.get("nodes")[0]["mem_alarm"])
    for check in ["local_alarms", "cluster_wide_alarms"]:
        failed = rows(tool.refused(f"health_check {check}"))
        assert {"key": f"alarm in effect on node {node}", "value": "memory"} in failed


def test_the_node(tool: Tool, node: str) -> None:
    """The node tells of itself and of its memory."""
    assert tool.rows("list nodes")[0]["name"] == node
    (shown,) = tool.rows("nodes list")
    assert int(shown["memory_high_watermark"]) > 0
    assert (shown["has_memory_alarm_in_effect"], shown["being_drained"]) == ("false", "false")
    for group in ["nodes", "show"]:
        in_bytes = tool.facts(f"{group} memory_breakdown_in_bytes", node=node)
        assert int(in_bytes["Total (RSS)"]) >= int(in_bytes["Other processes"]) > 0
        in_percent = {
            row["key"]: row["percentage"] for row in tool.rows(f"{group} memory_breakdown_in_percent", node=node)
        }
        assert in_percent["total"] == "100%"
        assert 0 < float(in_percent["Other processes"].removesuffix("%")) <= 100
        assert NOT_FOUND in tool.refused(f"{group} memory_breakdown_in_bytes", node="nosuch@node")


def test_plugins_and_features(tool: Tool, node: str) -> None:
    """What is built in shows as plugins and feature flags, which are all enabled; nothing is deprecated."""
    built_in = [{"node": node, "name": f"rabbitmq_{name}", "state": "Enabled"} for name in ["management", "prometheus"]]
    assert tool.rows("plugins list_all") == built_in == tool.rows("plugins list_on_node", node=node)
    assert NOT_FOUND in tool.refused("plugins list_on_node", node="nosuch")
    flags = {row["name"]: row["state"] for row in tool.rows("feature_flags list")}
    assert flags["quorum_queue"] == "enabled"
    assert set(flags.values()) == {"enabled"}
    assert tool.column("list feature_flags") == list(flags)
    tool("feature_flags enable_all")
    tool("feature_flags enable", name="quorum_queue")
    assert "'nosuch' is none of the flags" in tool.refused("feature_flags enable", name="nosuch")
    for command in ["deprecated_features list", "deprecated_features list_used"]:
        assert tool.rows(command) == []
    for command in ["list deprecated_features", "list deprecated_features_in_use"]:
        assert tool.rows(command) == []


def test_the_overview(tool: Tool, own_broker: Broker, client: pika.BlockingConnection, node: str) -> None:
    """The overview counts what there is, and the churn what came and went."""
    assert client.is_open
    overview = tool.facts("show overview")
    assert overview["Product name"] == "Pillarbox"
    counted = {name: overview[f"{name} (total)"] for name in ["Connections", "AMQP 0-9-1 channels", "Consumers"]}
    assert set(counted.values()) == {"1"}
    assert overview["Messages delivered but unacknowledged by consumers (total)"] == "1"
    churn = tool.facts("show churn")
    assert (churn["Client connections opened"], churn["Queues and streams created"]) == ("1", "1")
    assert f"http://{own_broker.host}:{own_broker.management_port}/api" in tool("show endpoint")
    attempts = {row["Protocol"]: row["Successful"] for row in tool.rows("auth_attempts stats", node=node)}
    assert attempts["amqp"] == "1"


def test_connections_and_channels(tool: Tool, client: pika.BlockingConnection) -> None:
    """A client shows with its channel."""
    assert client.is_open
    (connection,) = tool.rows("list connections")
    assert (connection["username"], connection["protocol"], connection["state"]) == ("guest", "AMQP 0-9-1", "running")
    assert connection["channel_count"] == "1"
    assert tool.rows("connections list", page=1, page_size=1) == [connection]
    for command in ["users connections", "connections list_of_user", "list user_connections"]:
        assert tool.column(command, username="guest") == [connection["name"]]
    (channel,) = tool.rows("list channels")
    assert channel["name"] == f"{connection['name']} (1)"
    assert (channel["prefetch_count"], channel["messages_unacknowledged"]) == ("7", "1")
    assert channel["has_publisher_confirms_enabled"] == "true"
    assert tool.rows("channels list", page=1, page_size=1) == [channel]


def test_consumers(tool: Tool, client: pika.BlockingConnection) -> None:
    """A consumer shows with its arguments."""
    assert client.is_open
    (consumer,) = tool.rows("list consumers")
    assert (consumer["queue"], consumer["consumer_tag"]) == ("letters", "reader")
    assert (consumer["manual_ack"], consumer["active"], consumer["prefetch_count"]) == ("true", "true", "7")
    assert consumer["arguments"] == "x-priority: 5"


@pytest.mark.parametrize("command", ["close connection", "connections close"])
def test_a_connection_is_closed(tool: Tool, client: pika.BlockingConnection, command: str) -> None:
    """The tool ends another client's connection by its name."""
    tool(command, name=tool.column("list connections")[0])
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="CONNECTION_FORCED"):
        client.sleep(10)
    assert NOT_FOUND in tool.refused(command, name="nosuch")
    tool(f"{command} --idempotently", name="nosuch")


@pytest.mark.parametrize("command", ["close user_connections", "connections close_of_user"])
def test_all_connections_of_a_user_are_closed(tool: Tool, client: pika.BlockingConnection, command: str) -> None:
    """The tool ends what a user has opened."""
    tool(f"{command} --idempotently", username="anna")
    assert client.is_open
    tool(command, username="guest")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="CONNECTION_FORCED"):
        client.sleep(10)


@pytest.fixture
def furnished(tool: Tool) -> Tool:
    """Declare something of everything."""
    tool("declare vhost", name="shop")
    tool("declare user", name="anna", password="pw", tags="management")
    tool("declare permissions", vhost="shop", username="anna", configure=".*", read=".*", write=".*")
    tool("declare vhost_limit", vhost="shop", name="max-queues", value=3)
    tool("declare queue", vhost="shop", name="letters", arguments={"x-max-length": 9})
    tool("declare exchange", vhost="shop", name="post", type="fanout")
    to_queue = {"destination_type": "queue", "destination": "letters", "routing_key": ""}
    tool("declare binding", vhost="shop", source="post", **to_queue)
    mirrored = {"definition": {"ha-mode": "all"}, "pattern": "", "apply_to": "queues"}
    tool("declare policy", vhost="shop", name="mirrored", **mirrored)
    tool("declare policy", vhost="shop", name="bounded", **mirrored | {"definition": {"max-length": 3}})
    return tool


@pytest.mark.parametrize(
    ("export", "load"),
    [("definitions export", "definitions import"), ("export definitions", "import definitions")],
)
def test_all_goes_out_and_in(furnished: Tool, tmp_path: Path, export: str, load: str) -> None:
    """What was exported and deleted is there again after the import."""
    file = tmp_path / "all.json"
    furnished(export, file=file)
    exported = json.loads(file.read_text())
    assert json.loads(furnished(f"{export} --stdout")) == exported
    furnished("delete vhost", name="shop")
    furnished("delete user", name="anna")
    furnished(load, file=file)
    assert json.loads(furnished(f"{export} --stdout")) == exported
    assert furnished.column("list users") == ["anna", "guest"]
    assert furnished.column("list queues", vhost="shop") == ["letters"]
    assert furnished.column("list vhost_limits", "limits", vhost="shop") == ["max-queues: 3"]


def test_a_vhost_goes_out_and_into_another(furnished: Tool, tmp_path: Path) -> None:
    """What a vhost has is declared in another one."""
    file = tmp_path / "shop.json"
    furnished("definitions export_from_vhost", vhost="shop", file=file)
    furnished("declare vhost", name="yard")
    furnished("definitions import_into_vhost", vhost="yard", file=file)
    moved = json.loads(furnished("definitions export_from_vhost --stdout", vhost="yard"))
    assert moved == json.loads(file.read_text())
    (queue,) = furnished.rows("list queues", vhost="yard")
    assert (queue["name"], queue["policy"]) == ("letters", "bounded")
    assert NOT_FOUND in furnished.refused("definitions export_from_vhost --stdout", vhost="nosuch")
    furnished.refused("definitions import_into_vhost", vhost="nosuch", file=file)


def test_definitions_that_cannot_be_read(tool: Tool, tmp_path: Path) -> None:
    """The tool says what is wrong with a file, and the broker what is wrong with its content."""
    file = tmp_path / "bad.json"
    file.write_text("{bad")
    assert "is not a valid JSON file" in tool.refused("definitions import", file=file)
    file.write_text('{"queues": [{"name": "letters", "vhost": "nosuch", "durable": true}]}')
    assert "nosuch" in tool.refused("definitions import", file=file)
    assert tool.rows("list queues") == []


def transformed(tool: Tool, names: str, command: str = "definitions export", **options: str) -> dict[str, list[dict]]:
    """Return the definitions after some transformations."""
    return json.loads(tool(f"{command} --stdout", transformations=names, **options))


def test_definitions_are_transformed(furnished: Tool) -> None:
    """The tool reads all definitions, and leaves out or changes what it is told to."""
    plain = transformed(furnished, "no_op")
    assert [user["name"] for user in plain["users"]] == ["anna", "guest"]
    assert {policy["name"] for policy in plain["policies"]} == {"bounded", "mirrored"}
    hidden = transformed(furnished, "obfuscate_usernames", "export definitions")
    assert not {"anna", "guest"} & {user["name"] for user in hidden["users"]}
    assert len(hidden["permissions"]) == len(plain["permissions"]) > 0
    less = transformed(furnished, "exclude_users,exclude_permissions,exclude_runtime_parameters,exclude_policies")
    assert [less[kind] for kind in ["users", "permissions", "parameters", "policies"]] == [[]] * 4
    assert less["queues"] == plain["queues"]
    stripped = transformed(furnished, "strip_cmq_keys_from_policies,drop_empty_policies")
    assert [policy["name"] for policy in stripped["policies"]] == ["bounded"]
    of_vhost = "definitions export_from_vhost"
    migrated = transformed(furnished, "prepare_for_quorum_queue_migration", of_vhost, vhost="shop")
    assert migrated["queues"][0]["arguments"]["x-queue-type"] == "quorum"
    assert [binding["source"] for binding in migrated["bindings"]] == ["post"]


def test_rebalancing(tool: Tool) -> None:
    """One node leads all queues, so there is nothing to do."""
    tool("declare queue", name="safe", type="quorum")
    tool("queues rebalance")
    tool("rebalance queues")


AMQP = {"source_uri": "amqp://", "destination_uri": "amqp://"}
FILES = {
    f"node_local_{name}_path": "/nosuch.pem"
    for name in ["ca_certificate_bundle", "client_certificate_file", "client_private_key_file"]
}


# What each command says, and which options it needs.
REFUSED: dict[str, tuple[str, dict[str, Option]]] = {
    "declare stream": ("queue type 'stream' is not supported", {"expiration": "12h"}),
    "streams declare": ("queue type 'stream' is not supported", {"expiration": "1M"}),
    "queues declare": ("queue type 'stream' is not supported", {"type": "stream"}),
    "streams show": (NOT_FOUND, {}),
    "streams delete": (NOT_FOUND, {}),
    "delete stream": (NOT_FOUND, {}),
    "shovels delete": (NOT_FOUND, {}),
    "delete shovel": (NOT_FOUND, {}),
    "shovels declare_amqp091": ("shovel not found", AMQP | {"source_queue": "a", "destination_queue": "b"}),
    "shovels declare_amqp10": ("shovel not found", AMQP | {"source_address": "a", "destination_address": "b"}),
    "federation declare_upstream": ("federation-upstream not found", {"uri": "amqp://"}),
    "federation declare_upstream_for_exchanges": ("federation-upstream not found", {"uri": "amqp://"}),
    "federation declare_upstream_for_queues": ("federation-upstream not found", {"uri": "amqp://"}),
    "federation delete_upstream": (NOT_FOUND, {}),
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_not_there_cannot_be_declared(tool: Tool, command: str) -> None:
    """Streams, shovels and federation are refused by their names."""
    reason, options = REFUSED[command]
    assert reason in tool.refused(command, name="x", **options)
    assert tool.rows("list queues") == tool.rows("streams list") == tool.rows("parameters list_all") == []


def test_what_is_not_there_is_not_found(tool: Tool, node: str) -> None:
    """Lists of shovels and federation, and what only Tanzu has, are not found."""
    for command in ["shovels list_all", "shovels list", "federation list_all_links", "tanzu wsr status"]:
        assert NOT_FOUND in tool.refused(command)
    for command in ["enable_cluster_wide", "disable_cluster_wide"]:
        assert NOT_FOUND in tool.refused(f"tanzu sds {command}")
    for command in ["status_on_node", "enable_on_node", "disable_on_node"]:
        assert NOT_FOUND in tool.refused(f"tanzu sds {command}", node=node)
    for command in ["delete stream", "shovels delete", "delete shovel", "federation delete_upstream"]:
        tool(f"{command} --idempotently", name="x")
    assert tool.rows("federation list_all_upstreams") == []
    uris = {"shovels": ["source_uris", "destination_uris"], "federation": ["upstreams"]}
    for group, ends in uris.items():
        for end in ends:
            assert "0 items" in tool(f"{group} disable_tls_peer_verification_for_all_{end}")
            assert "0 items" in tool(f"{group} enable_tls_peer_verification_for_all_{end}", **FILES)


def test_the_tools_own_settings(tool: Tool, own_broker: Broker) -> None:
    """A node is added to the tool's file, changed there, used and removed."""
    assert "does not exist" in tool.run("config_file", "show", fails=True)
    place = ["--host", own_broker.host, "--port", str(own_broker.management_port)]
    login = ["--username", "guest", "--password", "guest", "--vhost", "/"]
    tool.run("config_file", "add_node", "--node", "here", *place, *login, "--create-file-if-missing")
    assert str(tool.home / ".rabbitmqadmin.conf") in tool.run("config_file", "show_path")
    assert "********" in tool.run("config_file", "show")
    assert "********" not in tool.run("config_file", "show", "--reveal-passwords")
    assert "Pillarbox" in tool.run("-N", "here", "show", "overview")
    tool.run("config_file", "update_node", "--node", "here", "--password", "wrong")
    assert "Login failed" in tool.run("-N", "here", "show", "overview", fails=True)
    tool.run("config_file", "delete_node", "--node", "here")
    assert "here" not in tool.run("config_file", "show")


@pytest.mark.parametrize("shell", ["bash", "elvish", "fish", "nushell", "powershell", "zsh"])
def test_shell_completions(tool: Tool, shell: str) -> None:
    """The tool writes a script for each shell."""
    assert "health_check" in tool.run("shell", "completions", "--shell", shell)


def test_ways_to_ask_and_to_show(tool: Tool, own_broker: Broker) -> None:
    """The address may be a URI, and tables come in each style."""
    base = f"http://{own_broker.host}:{own_broker.management_port}"
    for style in ["ascii", "borderless", "dots", "markdown", "modern", "psql", "sharp"]:
        assert "default_queue_type" in tool.run("-U", f"{base}/api", "--table-style", style, "list", "vhosts")
    for flag in ["-q", "-v", "--timeout=30"]:
        assert "default_queue_type" in tool(f"{flag} list vhosts")
    assert tool.run("-U", f"{base}/api", "--non-interactive", "list", "vhosts").startswith("/")
    assert NOT_FOUND in tool.refused("--path-prefix /nosuch list vhosts")
    assert tool.run("-U", "http://127.0.0.1:1/api", "list", "vhosts", fails=True)
