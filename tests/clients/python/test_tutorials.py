"""What RabbitMQ's seven Python tutorials do, each with a sender and a receiver of its own connection."""

import uuid
from collections.abc import Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from broker import Broker
from inbox import Inbox

QUORUM = {"x-queue-type": "quorum"}


@pytest.fixture
def receiver(broker: Broker) -> Iterator[BlockingChannel]:
    """Open the channel of a second program."""
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        yield connection.channel()


def declare_work_queue(channel: BlockingChannel, name: str) -> None:
    """Declare the durable queue that both programs of a tutorial declare alike."""
    channel.queue_declare(name, durable=True, arguments=QUORUM)


def subscribe(channel: BlockingChannel, exchange: str, *binding_keys: str | None) -> Inbox:
    """Bind an exclusive queue named by the server, and consume it."""
    queue = channel.queue_declare("", exclusive=True).method.queue
    assert queue.startswith("amq.gen-")
    assert len(queue) == len("amq.gen-") + 22
    for key in binding_keys:
        channel.queue_bind(queue, exchange, key)
    return Inbox(channel, queue)


def test_1_hello_world(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """A message waits in its queue until someone receives it."""
    declare_work_queue(channel, name)
    channel.basic_publish("", name, b"Hello World!")
    channel.connection.close()

    declare_work_queue(receiver, name)
    [hello] = Inbox(receiver, name).wait_for(1)
    assert hello.body == b"Hello World!"
    assert (hello.method.exchange, hello.method.routing_key) == ("", name)
    assert not hello.method.redelivered
    receiver.queue_delete(name)


def test_2_work_queues(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """Workers take turns, one task at a time; what a lost worker had goes to another."""
    declare_work_queue(channel, name)
    workers = [Inbox(channel.connection.channel(), name, auto_ack=False), Inbox(receiver, name, auto_ack=False)]
    for worker in workers:
        declare_work_queue(worker.channel, name)
        worker.channel.basic_qos(prefetch_count=1)
        assert worker.settle() == []
    persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
    for number in range(4):
        channel.basic_publish("", name, f"task {number}".encode(), persistent)

    first, second = (worker.wait_for(1)[0] for worker in workers)
    assert {first.body, second.body} == {b"task 0", b"task 1"}
    assert first.properties.delivery_mode == pika.DeliveryMode.Persistent.value
    assert [len(worker.settle()) for worker in workers] == [1, 1]

    workers[0].channel.basic_ack(first.method.delivery_tag)
    assert workers[0].wait_for(2)[1].body == b"task 2"

    receiver.connection.close()
    workers[0].channel.basic_ack(workers[0].deliveries[-1].method.delivery_tag)
    workers[0].wait_for(3)
    workers[0].channel.basic_ack(workers[0].deliveries[-1].method.delivery_tag)
    workers[0].wait_for(4)
    workers[0].channel.basic_ack(workers[0].deliveries[-1].method.delivery_tag)
    redelivered = {delivery.body for delivery in workers[0].deliveries if delivery.method.redelivered}
    assert redelivered == {second.body}
    assert channel.queue_delete(name).method.message_count == 0


def test_3_publish_subscribe(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """Every subscriber of a fanout exchange gets every message; without any, messages are dropped."""
    channel.exchange_declare(name, "fanout")
    channel.basic_publish(name, "", b"nobody listens")
    receiver.exchange_declare(name, "fanout")
    inboxes = [subscribe(receiver, name, None), subscribe(receiver.connection.channel(), name, None)]

    channel.basic_publish(name, "", b"info: Hello World!")
    for inbox in inboxes:
        assert inbox.wait_for(1)[0].body == b"info: Hello World!"
        assert len(inbox.settle()) == 1
    channel.exchange_delete(name)


def test_4_routing(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """A direct exchange routes by the exact key; a queue may bind several."""
    channel.exchange_declare(name, "direct")
    errors = subscribe(receiver, name, "error")
    everything = subscribe(receiver.connection.channel(), name, "info", "warning", "error")

    for severity in ["info", "error", "warning", "debug"]:
        channel.basic_publish(name, severity, severity.encode())
    everything.wait_for(3)
    assert [delivery.body for delivery in everything.settle()] == [b"info", b"error", b"warning"]
    assert [delivery.body for delivery in errors.settle()] == [b"error"]
    channel.exchange_delete(name)


def test_5_topics(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """A topic exchange routes by words, `*` for one and `#` for any number; one copy to each queue."""
    channel.exchange_declare(name, "topic")
    kernel = subscribe(receiver, name, "kern.*")
    critical = subscribe(receiver.connection.channel(), name, "kern.*", "*.critical")
    everything = subscribe(receiver.connection.channel(), name, "#")

    keys = ["kern.critical", "kern.info.detail", "cron.critical", "kern.info", "", "kern"]
    for key in keys:
        channel.basic_publish(name, key, key.encode())
    everything.wait_for(len(keys))
    assert everything.bodies == [key.encode() for key in keys]
    assert [delivery.body for delivery in kernel.settle()] == [b"kern.critical", b"kern.info"]
    assert [delivery.body for delivery in critical.settle()] == [b"kern.critical", b"cron.critical", b"kern.info"]
    channel.exchange_delete(name)


def fibonacci(n: int) -> int:
    """Return the n-th Fibonacci number."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def test_6_remote_procedure_call(channel: BlockingChannel, receiver: BlockingChannel, name: str) -> None:
    """A reply comes to the queue that the request names, under the request's correlation id."""
    server = receiver

    def reply(_: BlockingChannel, method: pika.spec.Basic.Deliver, request: pika.BasicProperties, body: bytes) -> None:
        server.basic_publish(
            "",
            request.reply_to,
            str(fibonacci(int(body))).encode(),
            pika.BasicProperties(correlation_id=request.correlation_id),
        )
        server.basic_ack(method.delivery_tag)

    declare_work_queue(server, name)
    server.basic_qos(prefetch_count=1)
    server.basic_consume(name, reply)

    replies = Inbox(channel, channel.queue_declare("", exclusive=True).method.queue)
    requests = {str(uuid.uuid4()): n for n in (0, 10, 30)}
    for correlation_id, n in requests.items():
        properties = pika.BasicProperties(reply_to=replies.queue, correlation_id=correlation_id)
        channel.basic_publish("", name, str(n).encode(), properties)
        while len(replies.settle()) < 1 + list(requests).index(correlation_id):
            server.connection.process_data_events()
    assert {reply.properties.correlation_id: int(reply.body) for reply in replies.deliveries} == {
        correlation_id: fibonacci(n) for correlation_id, n in requests.items()
    }
    server.queue_delete(name)


def test_7_publisher_confirms(channel: BlockingChannel) -> None:
    """Every publish is confirmed: pika waits for each."""
    channel.confirm_delivery()
    queue = channel.queue_declare("", exclusive=True).method.queue
    for number in range(200):
        channel.basic_publish("", queue, str(number).encode())
    assert channel.queue_declare(queue, passive=True).method.message_count == 200
