"""RabbitMQ's own tool for the HTTP API, through all its commands."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from broker import Broker
from management import Management

Run = Callable[..., str]


@pytest.fixture
def tool(own_broker: Broker, tmp_path: Path) -> Run:
    """Return a function that runs one command of the tool, and returns what it prints."""
    # Debian's package of the server brings it; nothing of it is kept here.
    script = shutil.which("rabbitmqadmin")
    assert script, "rabbitmqadmin is missing (Debian: rabbitmq-server)"
    copy = tmp_path / "rabbitmqadmin.py"
    shutil.copy(script, copy)

    def run(*arguments: str, fails: bool = False) -> str:
        command = [sys.executable, copy, "-H", own_broker.host, "-P", str(own_broker.management_port), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode != 0) == fails, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    return run


def rows(printed: str) -> list[dict[str, str]]:
    """Return the rows of a table in the format `tsv`."""
    return list(csv.DictReader(io.StringIO(printed), delimiter="\t"))


def names(run: Run, what: str, column: str = "name") -> list[str]:
    """Return the names of everything of a kind."""
    return [row[column] for row in rows(run("-f", "tsv", "list", what, column))]


def test_queues_exchanges_bindings_and_messages(tool: Run) -> None:
    """What an application needs is declared, used and deleted."""
    tool("declare", "queue", "name=letters", "durable=true", 'arguments={"x-max-length": 9}')
    tool("declare", "queue", "name=safe", "queue_type=quorum")
    tool("declare", "exchange", "name=post", "type=topic")
    tool("declare", "binding", "source=post", "destination=letters", "routing_key=to.#")
    assert names(tool, "queues") == ["letters", "safe"]
    assert "post" in names(tool, "exchanges")
    assert tool("publish", "exchange=post", "routing_key=to.anna", "payload=hello") == "Message published\n"
    assert "NOT routed" in tool("publish", "exchange=post", "routing_key=nowhere", "payload=x")
    table = rows(tool("-f", "tsv", "list", "queues", "name", "messages", "consumers", "state"))
    assert table[0] == {"name": "letters", "messages": "1", "consumers": "0", "state": "running"}
    got = json.loads(tool("-f", "raw_json", "get", "queue=letters", "ackmode=ack_requeue_true"))
    assert got[0]["payload"] == "hello"
    assert got[0]["routing_key"] == "to.anna"
    tool("purge", "queue", "name=letters")
    assert json.loads(tool("-f", "raw_json", "get", "queue=letters")) == []
    tool("delete", "binding", "source=post", "destination_type=queue", "destination=letters", "properties_key=to.%23")
    assert names(tool, "bindings", "destination") == ["letters", "safe"]
    tool("delete", "exchange", "name=post")
    tool("delete", "queue", "name=letters")
    assert names(tool, "queues") == ["safe"]
    assert "Not found" in tool("delete", "queue", "name=letters", fails=True)
    refusal = tool("declare", "queue", "name=safe", "durable=false", fails=True)
    assert "inequivalent arg 'durable'" in refusal


def test_vhosts_users_permissions_and_limits(tool: Run) -> None:
    """Rights are given and taken."""
    tool("declare", "vhost", "name=shop")
    tool("declare", "user", "name=anna", "password=pw", "tags=management")
    tool("declare", "permission", "vhost=shop", "user=anna", "configure=.*", "write=.*", "read=.*")
    tool("declare", "vhost_limit", "vhost=shop", "name=max-queues", "value=3")
    assert sorted(names(tool, "vhosts")) == ["/", "shop"]
    assert names(tool, "users") == ["anna", "guest"]
    assert "shop" in tool("list", "vhost_limits")
    assert tool("-u", "anna", "-p", "pw", "-V", "shop", "declare", "queue", "name=q") == "queue declared\n"
    assert "Access refused" in tool("-u", "anna", "-p", "wrong", "list", "queues", fails=True)
    assert [row["user"] for row in rows(tool("-f", "tsv", "list", "permissions", "user"))] == ["anna", "guest", "guest"]
    tool("delete", "vhost_limit", "vhost=shop", "name=max-queues")
    tool("delete", "permission", "vhost=shop", "user=anna")
    tool("delete", "user", "name=anna")
    tool("delete", "vhost", "name=shop")
    assert names(tool, "vhosts") == ["/"]


def test_policies_and_parameters(tool: Run) -> None:
    """Policies count for what they match, and go again."""
    tool("declare", "queue", "name=letters")
    tool("declare", "policy", "name=bounded", "pattern=^let", 'definition={"max-length": 5}', "priority=2", "apply-to=queues")
    tool("declare", "operator_policy", "name=bound", "pattern=", 'definition={"max-length": 3}')
    assert names(tool, "policies") == ["bounded"]
    assert names(tool, "operator_policies") == ["bound"]
    queue = json.loads(tool("-f", "raw_json", "list", "queues", "policy", "effective_policy_definition"))[0]
    assert queue == {"policy": "bounded", "effective_policy_definition": {"max-length": 3}}
    refusal = tool("declare", "policy", "name=bad", "pattern=", 'definition={"x": 1}', fails=True)
    assert "are not recognised policy settings" in refusal
    limits = 'value={"max-queues": 9}'
    tool("declare", "parameter", "component=vhost-limits", "name=limits", limits)
    assert sorted(names(tool, "parameters", "component")) == ["operator_policy", "vhost-limits"]
    assert "component shovel not found" in tool(
        "declare", "parameter", "component=shovel", "name=s", "value={}", fails=True
    )
    tool("delete", "parameter", "component=vhost-limits", "name=limits")
    tool("delete", "operator_policy", "name=bound")
    tool("delete", "policy", "name=bounded")
    assert names(tool, "policies") == []
    assert json.loads(tool("-f", "raw_json", "list", "queues", "policy"))[0]["policy"] is None


def test_lists_in_every_format(tool: Run, own_broker: Broker) -> None:
    """Whatever there is can be listed whole, in each format."""
    tool("declare", "queue", "name=letters")
    for kind in ["connections", "channels", "consumers", "exchanges", "bindings", "users", "vhosts", "nodes"]:
        tool("-f", "long", "list", kind)
    for form in ["long", "raw_json", "pretty_json", "tsv", "table", "bash", "kvp"]:
        tool("-f", form, "list", "queues")
    overview = json.loads(tool("-f", "raw_json", "show", "overview"))
    assert overview[0]["object_totals"]["queues"] == 1
    assert "name: letters" in tool("-d", "3", "-f", "long", "list", "queues")
    sorted_names = json.loads(tool("-f", "raw_json", "-S", "name", "-R", "list", "exchanges", "name"))
    assert sorted_names[0]["name"] == "amq.topic"
    assert own_broker.management_port


def test_a_connection_is_closed(tool: Run, own_broker: Broker) -> None:
    """The tool ends another client's connection."""
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(own_broker.url))
    name = names(tool, "connections")[0]
    tool("close", "connection", f"name={name}")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="CONNECTION_FORCED"):
        connection.sleep(10)


def test_definitions_go_out_and_in(tool: Run, own_broker: Broker, tmp_path: Path) -> None:
    """What was exported and deleted is there again after the import."""
    tool("declare", "queue", "name=letters", "durable=true")
    tool("declare", "exchange", "name=post", "type=fanout")
    tool("declare", "binding", "source=post", "destination=letters")
    file = tmp_path / "definitions.json"
    tool("export", str(file))
    tool("delete", "queue", "name=letters")
    tool("delete", "exchange", "name=post")
    tool("import", str(file))
    api = Management(own_broker)
    assert [binding["source"] for binding in api.get("queues/%2F/letters/bindings")] == ["", "post"]
