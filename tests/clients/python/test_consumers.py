"""Consuming: prefetch, acknowledgements, redelivery, cancellation, priorities, reply-to."""

import amqp
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from broker import Broker
from inbox import Inbox
from polling import eventually


@pytest.fixture
def queue(channel: BlockingChannel, name: str) -> str:
    """Declare a queue that goes with the connection, with five messages in it."""
    channel.queue_declare(name, exclusive=True)
    for number in range(5):
        channel.basic_publish("", name, str(number).encode())
    return name


def test_prefetch_of_a_consumer(channel: BlockingChannel, queue: str) -> None:
    """With global=false each consumer that starts afterwards has the limit for itself."""
    channel.basic_qos(prefetch_count=2)
    first, second = Inbox(channel, queue, auto_ack=False), Inbox(channel, queue, auto_ack=False)
    assert len(first.settle()) == 2
    assert len(second.settle()) == 2
    channel.basic_ack(first.deliveries[0].method.delivery_tag)
    assert first.wait_for(3)[2].body == b"4"


def test_prefetch_of_a_channel(channel: BlockingChannel, queue: str) -> None:
    """With global=true the channel's consumers share one limit, and changes of it apply at once."""
    channel.basic_qos(prefetch_count=1, global_qos=True)
    inboxes = [Inbox(channel, queue, auto_ack=False) for _ in range(2)]
    assert sum(len(inbox.settle()) for inbox in inboxes) == 1
    channel.basic_qos(prefetch_count=3, global_qos=True)
    assert sum(len(inbox.settle()) for inbox in inboxes) == 3
    channel.basic_qos(prefetch_count=1, global_qos=True)
    [first, *_] = sorted(delivery.method.delivery_tag for inbox in inboxes for delivery in inbox.deliveries)
    channel.basic_ack(first)
    assert sum(len(inbox.settle()) for inbox in inboxes) == 3
    channel.basic_qos(prefetch_count=0, global_qos=True)
    assert sum(len(inbox.settle()) for inbox in inboxes) == 5


def test_prefetch_does_not_count_without_acks(channel: BlockingChannel, queue: str) -> None:
    """A consumer that does not acknowledge is outside the limit."""
    channel.basic_qos(prefetch_count=1)
    assert len(Inbox(channel, queue).wait_for(5)) == 5


def test_prefetch_of_a_running_consumer(amqp_connection: amqp.Connection, name: str) -> None:
    """Celery changes the limit of consumers that run already, on quorum queues by global=false."""
    channel = amqp_connection.channel()
    channel.queue_declare(name, exclusive=True)
    for number in range(3):
        channel.basic_publish(amqp.Message(str(number)), routing_key=name)
    bodies: list[str] = []
    channel.basic_qos(0, 1, False)
    channel.basic_consume(name, callback=lambda message: bodies.append(message.body))
    channel.queue_declare(name, passive=True)
    assert bodies == ["0"]
    channel.basic_qos(0, 3, False)
    eventually(lambda: (channel.queue_declare(name, passive=True), len(bodies) == 3)[1])


def test_global_prefetch_on_a_quorum_queue(amqp_channel: amqp.Channel, name: str) -> None:
    """The limit of a channel holds for quorum queues too."""
    amqp_channel.queue_declare(name, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    for number in range(3):
        amqp_channel.basic_publish(amqp.Message(str(number)), routing_key=name)
    bodies: list[str] = []
    amqp_channel.basic_qos(0, 2, True)
    tag = amqp_channel.basic_consume(name, callback=lambda message: bodies.append(message.body))
    amqp_channel.queue_declare(name, passive=True)
    assert bodies == ["0", "1"]
    amqp_channel.basic_cancel(tag)
    amqp_channel.queue_delete(name)


def test_requeue_keeps_the_place(channel: BlockingChannel, queue: str) -> None:
    """What is sent back comes again first, marked as redelivered."""
    method, _, body = channel.basic_get(queue)
    assert (body, method.message_count, method.redelivered) == (b"0", 4, False)
    channel.basic_reject(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue)
    assert (body, method.redelivered) == (b"0", True)


def test_nack_of_several(channel: BlockingChannel, queue: str) -> None:
    """One nack sends back all up to its tag, in their order."""
    inbox = Inbox(channel, queue, auto_ack=False)
    inbox.wait_for(5)
    channel.basic_cancel(inbox.deliveries[0].method.consumer_tag)
    channel.basic_nack(3, multiple=True, requeue=True)
    channel.basic_ack(0, multiple=True)
    assert [channel.basic_get(queue, auto_ack=True)[2] for _ in range(3)] == [b"0", b"1", b"2"]
    assert channel.basic_get(queue) == (None, None, None)


def test_recover(channel: BlockingChannel, queue: str) -> None:
    """`basic.recover` sends back all that the channel has not acknowledged."""
    for _ in range(2):
        channel.basic_get(queue)
    channel.basic_recover(requeue=True)
    assert channel.queue_declare(queue, passive=True).method.message_count == 5
    assert channel.basic_get(queue, auto_ack=True)[0].redelivered


def test_quorum_queue_counts_deliveries(channel: BlockingChannel, name: str) -> None:
    """A header tells how often a message was delivered in vain; a reject counts, since RabbitMQ 4.3 a nack does not."""
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    channel.basic_publish("", name, b"again")
    method, _, _ = eventually(lambda: found if (found := channel.basic_get(name))[0] else None)
    channel.basic_reject(method.delivery_tag, requeue=True)
    method, properties, _ = eventually(lambda: found if (found := channel.basic_get(name))[0] else None)
    assert method.redelivered
    assert properties.headers["x-delivery-count"] == 1
    channel.queue_delete(name)


def test_queue_deleted_under_a_consumer(channel: BlockingChannel, broker: Broker, name: str) -> None:
    """The broker tells the consumer with a cancel of its own."""
    channel.queue_declare(name)
    cancelled: list[str] = []
    channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
    tag = channel.basic_consume(name, lambda *_: None)
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as other:
        other.channel().queue_delete(name)
    eventually(lambda: (channel.connection.process_data_events(), cancelled)[1])
    assert cancelled == [tag]


def test_cancel_of_an_unknown_consumer(amqp_channel: amqp.Channel) -> None:
    """It is done already, so it succeeds."""
    amqp_channel.basic_cancel("never heard of it")
    assert amqp_channel.queue_declare(exclusive=True).queue


def test_server_named_consumer(amqp_channel: amqp.Channel, name: str) -> None:
    """A consumer without a tag gets one from the broker."""
    amqp_channel.queue_declare(name, exclusive=True)
    assert amqp_channel.basic_consume(name).startswith("amq.ctag-")


def test_consumer_tags_belong_to_their_channel(connection: pika.BlockingConnection, name: str) -> None:
    """Celery uses the same tags on each of its channels."""
    for number in range(3):
        channel = connection.channel()
        channel.queue_declare(f"{name}-{number}", exclusive=True)
        assert channel.basic_consume(f"{name}-{number}", lambda *_: None, consumer_tag="None1") == "None1"


def test_exclusive_consumer(channel: BlockingChannel, connection: pika.BlockingConnection, queue: str) -> None:
    """A consumer that wants the queue for itself gets it only while no other is there."""
    channel.basic_consume(queue, lambda *_: None, exclusive=True)
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as raised:
        connection.channel().basic_consume(queue, lambda *_: None)
    assert raised.value.reply_code == 403
    assert raised.value.reply_text == f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"


def test_priority_queue(channel: BlockingChannel, name: str) -> None:
    """The more urgent comes first; what is equally urgent, in its order."""
    channel.queue_declare(name, exclusive=True, arguments={"x-max-priority": 5})
    for number, priority in enumerate([0, 3, 5, 3, 200]):
        channel.basic_publish("", name, str(number).encode(), pika.BasicProperties(priority=priority))
    bodies = [channel.basic_get(name, auto_ack=True)[2] for _ in range(5)]
    assert bodies == [b"2", b"4", b"1", b"3", b"0"]


def test_message_ttl_and_dead_lettering(channel: BlockingChannel, name: str) -> None:
    """An expired message goes to the dead-letter queue, with its history in `x-death`."""
    arguments = {"x-message-ttl": 50, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}-dead"}
    channel.queue_declare(name, exclusive=True, arguments=arguments)
    channel.queue_declare(f"{name}-dead", exclusive=True)
    channel.basic_publish("", name, b"late")
    [dead] = Inbox(channel, f"{name}-dead").wait_for(1)
    [death] = dead.properties.headers["x-death"]
    assert (death["queue"], death["reason"], death["count"]) == (name, "expired", 1)
    assert (death["exchange"], death["routing-keys"]) == ("", [name])
    assert dead.properties.headers["x-first-death-reason"] == "expired"


def test_direct_reply_to(connection: pika.BlockingConnection, name: str) -> None:
    """A reply comes without a queue in between."""
    client, server = connection.channel(), connection.channel()
    server.queue_declare(name, exclusive=True)
    replies = Inbox(client, "amq.rabbitmq.reply-to")
    assert replies.deliveries == []
    client.basic_publish("", name, b"ping", pika.BasicProperties(reply_to="amq.rabbitmq.reply-to"))
    [request] = Inbox(server, name).wait_for(1)
    assert request.properties.reply_to.startswith("amq.rabbitmq.reply-to.")
    server.basic_publish("", request.properties.reply_to, b"pong")
    assert replies.wait_for(1)[0].body == b"pong"


def test_transaction(amqp_channel: amqp.Channel, name: str) -> None:
    """Publishes of a transaction appear at its commit, or never."""
    amqp_channel.queue_declare(name, exclusive=True)
    amqp_channel.tx_select()
    amqp_channel.basic_publish(amqp.Message("no"), routing_key=name)
    amqp_channel.tx_rollback()
    amqp_channel.basic_publish(amqp.Message("yes"), routing_key=name)
    assert amqp_channel.queue_declare(name, passive=True).message_count == 0
    amqp_channel.tx_commit()
    assert amqp_channel.basic_get(name, no_ack=True).body == "yes"
