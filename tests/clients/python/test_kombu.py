"""kombu, on which Celery stands: its queues and options, pools and retries, mailboxes."""

import socket

import pytest
from amqp.exceptions import NotFound
from kombu import Connection, Consumer, Exchange, Producer, Queue, pidbox
from kombu.exceptions import OperationalError
from kombu.pools import producers

from broker import Broker
from polling import eventually


@pytest.fixture
def kombu_connection(broker: Broker) -> Connection:
    """Connect through kombu."""
    with Connection(f"{broker.url}//") as connection:
        yield connection


def test_simple_queue(kombu_connection: Connection, name: str) -> None:
    """The simplest way: put and get."""
    with kombu_connection.SimpleQueue(name) as queue:
        queue.put({"hello": "world"}, compression="zlib")
        assert queue.qsize() == 1
        message = queue.get(timeout=10)
        assert message.payload == {"hello": "world"}
        message.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)
    queue.queue(kombu_connection.channel()).delete()


@pytest.mark.parametrize("serializer", ["json", "yaml", "msgpack", "pickle"])
def test_serializers(kombu_connection: Connection, name: str, serializer: str) -> None:
    """A message says how it was written."""
    payload = {"n": 1, "text": "Grüße", "list": [1, 2.5, None, True]}
    received = []
    queue = Queue(name, exclusive=True)
    with Consumer(
        kombu_connection, queue, callbacks=[lambda body, message: received.append(body)], accept=[serializer]
    ):
        Producer(kombu_connection).publish(payload, routing_key=name, serializer=serializer)
        kombu_connection.drain_events(timeout=10)
    assert received == [payload]


def test_queue_options(kombu_connection: Connection, name: str) -> None:
    """Kombu's names for the queue arguments: each is accepted again, and refused when it differs."""
    options = {
        "message_ttl": 60.0,
        "expires": 600.0,
        "max_length": 100,
        "max_length_bytes": 1_000_000,
        "max_priority": 9,
        "queue_arguments": {"x-overflow": "drop-head", "x-queue-mode": "lazy"},
    }
    queue = Queue(name, Exchange(name, "topic"), routing_key="a.#", **options)(kombu_connection)
    for _ in range(2):
        queue.declare()
    with pytest.raises(kombu_connection.channel_errors, match="inequivalent arg 'x-max-priority'"):
        Queue(name, **{**options, "max_priority": 5})(kombu_connection.channel()).declare()
    queue.delete()
    queue.exchange(kombu_connection).delete()


def test_large_ttl(kombu_connection: Connection, name: str) -> None:
    """Celery's longest delay is more milliseconds than fit into 32 bits."""
    queue = Queue(name, exclusive=True, queue_arguments={"x-message-ttl": 134_217_728_000})
    queue(kombu_connection).declare()


def test_bindings_of_exchanges(kombu_connection: Connection, name: str) -> None:
    """An exchange bound to another passes on what fits, and no more once it is unbound."""
    channel = kombu_connection.default_channel
    first = Exchange(f"{name}-1", "topic", channel=channel)
    second = Exchange(f"{name}-2", "topic", channel=channel)
    queue = Queue(name, second, routing_key="#", exclusive=True, channel=channel)
    first.declare()
    queue.declare()
    second.bind_to(first, routing_key="*.mail")
    producer = Producer(channel, first)
    producer.publish("1", routing_key="express.mail")
    producer.publish("2", routing_key="express.parcel")
    assert queue.get(no_ack=True).payload == "1"
    second.unbind_from(first, routing_key="*.mail")
    producer.publish("3", routing_key="express.mail")
    assert queue.get(no_ack=True) is None
    first.delete()
    second.delete()


def test_missing_exchange(kombu_connection: Connection, name: str) -> None:
    """A channel that closed for an error leaves its connection usable."""
    Producer(kombu_connection.channel()).publish("lost", exchange=name, routing_key="key")
    with pytest.raises(NotFound, match=f"no exchange '{name}' in vhost '/'"):
        kombu_connection.drain_events(timeout=10)
    Queue(name, exclusive=True)(kombu_connection.channel()).declare()


def test_producer_pool_survives_a_lost_connection(broker: Broker, name: str) -> None:
    """A publish with retry reconnects when its connection is gone."""
    with Connection(f"{broker.url}//") as connection, producers[connection].acquire(block=True) as producer:
        queue = Queue(name, routing_key=name)
        producer.publish(1, routing_key=name, declare=[queue])
        queue(producer.connection).queue_declare(passive=True)
        producer.connection.connection.transport.sock.shutdown(socket.SHUT_RDWR)
        producer.publish(2, routing_key=name, retry=True, retry_policy={"max_retries": 3}, declare=[queue])
        bound = queue(producer.connection)
        assert [eventually(lambda: bound.get(no_ack=True)).payload for _ in range(2)] == [1, 2]
        bound.delete()


def test_wrong_port_gives_up() -> None:
    """What kombu says when there is no broker."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with Connection(f"amqp://127.0.0.1:{port}//") as connection, pytest.raises(OperationalError):
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)


def test_mailbox(broker: Broker, name: str) -> None:
    """Workers are steered through a mailbox: a fanout of questions, and a direct exchange for the answers."""
    with Connection(f"{broker.url}//") as worker, Connection(f"{broker.url}//") as manager:
        node = pidbox.Mailbox(name, type="fanout")(worker).Node("w1", state={})
        node.handlers["ping"] = lambda state, **_: "pong"
        node.listen(channel=worker.default_channel)

        mailbox = pidbox.Mailbox(name, type="fanout")(manager)
        replies = mailbox.get_reply_queue()(manager.default_channel)
        replies.declare()
        mailbox._publish("ping", {}, reply_ticket="t1", channel=manager.default_channel)
        worker.drain_events(timeout=10)
        assert eventually(lambda: replies.get(no_ack=True)).payload == {"w1": "pong"}
