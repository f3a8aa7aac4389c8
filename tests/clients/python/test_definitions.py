"""Definitions on their way from RabbitMQ to our broker and back: nothing is lost or becomes something else."""

from collections.abc import Iterator

import pytest

from broker import Broker
from management import Management, part
from rabbitmq import RabbitMq, running_rabbitmq

# What tells of the broker that wrote it, and nothing else.
LEFT_OUT = {"rabbit_version", "rabbitmq_version", "product_name", "product_version"}

# What no other cluster may be called by.
CLUSTER_ID = "internal_cluster_id"


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMq]:
    """Start a RabbitMQ for this module."""
    with running_rabbitmq() as rabbitmq:
        yield rabbitmq


def furnish(api: Management) -> None:
    """Declare something of everything."""
    vhost = part("shop/1")
    api.ask("PUT", f"vhosts/{vhost}", {"description": "orders", "tags": "a,b"})
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    api.ask("PUT", "users/anna", {"password": "secret", "tags": "monitoring,management"})
    api.ask("PUT", "users/none", {"password_hash": "", "tags": ""})
    api.ask("PUT", f"permissions/{vhost}/anna", {"configure": "^own", "write": "", "read": ".*"})
    api.ask("PUT", f"permissions/{vhost}/guest", everything)
    api.ask("PUT", f"topic-permissions/{vhost}/anna", {"exchange": "topic", "write": "^a", "read": "b$"})
    api.ask("PUT", f"vhost-limits/{vhost}/max-queues", {"value": 90})
    api.ask("PUT", "user-limits/anna/max-channels", {"value": 9})
    policy = {"pattern": "^c", "definition": {"max-length": 7, "dead-letter-exchange": "x"}, "priority": 2}
    api.ask("PUT", f"policies/{vhost}/shorten", policy | {"apply-to": "queues"})
    policy = {"pattern": "", "definition": {"expires": 9000000}, "priority": -1, "apply-to": "all"}
    api.ask("PUT", f"operator-policies/{vhost}/expire", policy)
    api.ask("PUT", "global-parameters/own", {"value": {"a": [1, "ä", None, 1.5]}})
    for kind in ["direct", "fanout", "topic", "headers"]:
        body = {"type": kind, "durable": True, "arguments": {"alternate-exchange": "amq.fanout", "own": [1, "ä"]}}
        api.ask("PUT", f"exchanges/{vhost}/{kind}", body)
    api.ask(
        "PUT", f"exchanges/{vhost}/inner", {"type": "fanout", "durable": True, "internal": True, "auto_delete": True}
    )
    queues = {
        "classic": {"arguments": {"x-max-length": 9, "x-message-ttl": 60000, "x-dead-letter-exchange": "topic"}},
        "priorities": {"arguments": {"x-max-priority": 9, "x-queue-mode": "lazy", "x-single-active-consumer": True}},
        "quorum": {"arguments": {"x-queue-type": "quorum", "x-delivery-limit": 3}},
        "passing": {"durable": False, "auto_delete": True, "arguments": {"x-expires": 900000}},
        "ä/ö %20": {},
    }
    for name, body in queues.items():
        api.ask("PUT", f"queues/{vhost}/{part(name)}", {"durable": True} | body)
    bind = f"bindings/{vhost}/e"
    api.ask("POST", f"{bind}/topic/q/classic", {"routing_key": "a.#"})
    api.ask("POST", f"{bind}/topic/q/classic", {"routing_key": "b.*", "arguments": {"n": 1, "t": {"f": 1.5}}})
    api.ask("POST", f"{bind}/headers/q/quorum", {"arguments": {"x-match": "any", "colour": "red", "count": 7}})
    api.ask("POST", f"{bind}/direct/e/inner", {"routing_key": ""})
    api.ask("POST", f"{bind}/direct/q/{part('ä/ö %20')}", {"routing_key": "ü ?&"})


def definitions(api: Management) -> dict:
    """Return what is to be equal, in one order."""
    exported = api.get("definitions")
    kept = {name: value for name, value in exported.items() if name not in LEFT_OUT}
    kept["global_parameters"] = [of for of in kept["global_parameters"] if of["name"] != CLUSTER_ID]
    return {name: sorted(value, key=str) for name, value in kept.items()}


def test_from_rabbitmq_and_back(rabbitmq: RabbitMq, own_broker: Broker) -> None:
    """What RabbitMQ exports comes back to a RabbitMQ as it was, by way of our broker."""
    theirs, ours = Management(rabbitmq), Management(own_broker)
    furnish(theirs)
    before = definitions(theirs)
    assert len(before["queues"]) == 5
    assert len(before["bindings"]) == 5
    assert len(before["policies"]) == 1
    assert len(before["parameters"]) == 2
    assert [of["name"] for of in before["global_parameters"]] == ["own"]
    ours.ask("POST", "definitions", theirs.get("definitions"))
    exported = ours.get("definitions")
    mismatched = differences(before, definitions(ours))
    assert mismatched == {}
    with running_rabbitmq() as other:
        api = Management(other)
        api.ask("POST", "definitions", exported)
        assert differences(before, definitions(api)) == {}
    # Nor does it matter that everything is there already.
    ours.ask("POST", "definitions", theirs.get("definitions"))
    assert differences(before, definitions(ours)) == {}


def test_of_one_vhost(rabbitmq: RabbitMq, own_broker: Broker) -> None:
    """The same for what is in one vhost."""
    theirs, ours = Management(rabbitmq), Management(own_broker)
    vhost = part("one")
    theirs.ask("PUT", f"vhosts/{vhost}", {})
    theirs.ask("PUT", f"queues/{vhost}/q", {"durable": True, "arguments": {"x-max-length": 5}})
    theirs.ask("POST", f"bindings/{vhost}/e/amq.topic/q/q", {"routing_key": "k"})
    theirs.ask("PUT", f"vhost-limits/{vhost}/max-connections", {"value": 7})
    ours.ask("PUT", f"vhosts/{vhost}", {})
    ours.ask("POST", f"definitions/{vhost}", theirs.get(f"definitions/{vhost}"))
    one, other = theirs.get(f"definitions/{vhost}"), ours.get(f"definitions/{vhost}")
    for name in ["queues", "exchanges", "bindings"]:
        assert one[name] == other[name]
    limits = ours.get(f"vhost-limits/{vhost}")
    assert limits[0]["value"] == {"max-connections": 7}


def differences(one: dict, other: dict) -> dict:
    """Return what only one of two exports says, by section; fields that only ours have are no difference."""
    found = {}
    for section in one:
        known = one[section]
        keys = {key for entry in known for key in entry}
        shown = [{name: value for name, value in entry.items() if name in keys} for entry in other.get(section, [])]
        missing = [entry for entry in known if entry not in shown]
        extra = [entry for entry in shown if entry not in known]
        if missing or extra:
            found[section] = (missing, extra)
    return found
