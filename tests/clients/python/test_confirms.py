"""Confirms and returns: what the broker says about each publish, and in which order."""

import threading
from collections.abc import Callable

import amqp
import pika
import pytest
from amqp.exceptions import MessageNacked
from pika.adapters.blocking_connection import BlockingChannel

from broker import Broker
from polling import eventually


class ConfirmingPublisher:
    """A publisher on pika's asynchronous connection, which notes what comes back in the order it comes."""

    def __init__(self, url: str, queue: str, count: int) -> None:
        self.queue = queue
        self.count = count
        self.confirms: list[tuple[str, int, bool]] = []
        self.connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=self.on_open,
            on_close_callback=lambda connection, _: connection.ioloop.stop(),
        )

    def on_open(self, connection: pika.SelectConnection) -> None:
        """Open a channel."""
        connection.channel(on_open_callback=self.on_channel)

    def on_channel(self, channel: pika.channel.Channel) -> None:
        """Ask for confirms, then publish everything at once."""

        def publish(_: pika.frame.Method) -> None:
            for number in range(self.count):
                channel.basic_publish("", self.queue, str(number).encode())

        channel.confirm_delivery(self.on_confirm, callback=publish)

    def on_confirm(self, frame: pika.frame.Method) -> None:
        """Note a confirm; the last one ends the connection."""
        self.confirms.append((frame.method.NAME, frame.method.delivery_tag, frame.method.multiple))
        if len(self.confirmed()) == self.count:
            self.connection.close()

    def confirmed(self) -> set[int]:
        """Return the tags that are confirmed by now, those of `multiple` included."""
        tags: set[int] = set()
        for _, tag, multiple in self.confirms:
            tags |= set(range(1, tag + 1)) if multiple else {tag}
        return tags

    def run(self) -> None:
        """Publish and wait for all confirms."""
        self.connection.ioloop.call_later(30, self.connection.ioloop.stop)
        self.connection.ioloop.start()


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_streaming_confirms(broker: Broker, channel: BlockingChannel, name: str, queue_type: str) -> None:
    """Thousands of publishes in flight are all confirmed, many by one frame or each by its own."""
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": queue_type})
    publisher = ConfirmingPublisher(broker.url, name, 5000)
    publisher.run()
    assert publisher.confirmed() == set(range(1, 5001))
    assert {method for method, _, _ in publisher.confirms} == {"Basic.Ack"}
    assert channel.queue_delete(name).method.message_count == 5000


def test_unroutable_message_is_returned(channel: BlockingChannel, name: str) -> None:
    """A mandatory message without a queue comes back, and pika raises that with the confirm."""
    channel.confirm_delivery()
    properties = pika.BasicProperties(message_id="m1", headers={"n": 1})
    with pytest.raises(pika.exceptions.UnroutableError) as raised:
        channel.basic_publish("amq.direct", name, b"come back", properties, mandatory=True)
    [returned] = raised.value.messages
    assert (returned.method.reply_code, returned.method.reply_text) == (312, "NO_ROUTE")
    assert (returned.method.exchange, returned.method.routing_key) == ("amq.direct", name)
    assert returned.body == b"come back"
    assert (returned.properties.message_id, returned.properties.headers) == ("m1", {"n": 1})


def test_return_comes_before_the_confirm(amqp_channel: amqp.Channel, name: str) -> None:
    """Who waits for the confirm has seen the return by then."""
    events: list[str] = []
    amqp_channel.events["basic_return"].add(lambda *_: events.append("return"))
    amqp_channel.events["basic_ack"].add(lambda *_: events.append("ack"))
    amqp_channel.confirm_select()
    amqp_channel.basic_publish(amqp.Message("lost"), "", name, mandatory=True)
    amqp_channel.wait(amqp.spec.Basic.Ack, timeout=10)
    assert events == ["return", "ack"]


def test_unroutable_message_without_mandatory_is_dropped(channel: BlockingChannel, name: str) -> None:
    """It is confirmed all the same: nobody asked to have it back."""
    channel.confirm_delivery()
    channel.basic_publish("", name, b"nobody")


@pytest.mark.parametrize("publish", [pika.BasicProperties(), pika.BasicProperties(delivery_mode=2)])
def test_full_queue_refuses(channel: BlockingChannel, name: str, publish: pika.BasicProperties) -> None:
    """With `reject-publish` a full queue answers with nack, which pika raises."""
    channel.confirm_delivery()
    channel.queue_declare(name, exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.basic_publish("", name, b"fits", publish)
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", name, b"does not", publish)
    assert channel.basic_get(name, auto_ack=True)[2] == b"fits"
    channel.basic_publish("", name, b"fits again", publish)


def test_py_amqp_raises_a_nack(broker: Broker, name: str) -> None:
    """The way kombu publishes with `confirm_publish`."""
    with amqp.Connection(f"{broker.host}:{broker.port}", confirm_publish=True) as connection:
        channel = connection.channel()
        channel.queue_declare(name, exclusive=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        channel.basic_publish(amqp.Message("fits"), routing_key=name)
        with pytest.raises(MessageNacked):
            channel.basic_publish(amqp.Message("does not"), routing_key=name)


def test_commands_behind_a_publish_are_in_order(broker: Broker, channel: BlockingChannel, name: str) -> None:
    """Publishes followed at once by channel.close and connection.close all arrive."""
    channel.queue_declare(name)
    for round_ in range(20):
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as hasty:
            publisher = hasty.channel()
            for number in range(10):
                publisher.basic_publish("", name, f"{round_}.{number}".encode())
    bodies = [channel.basic_get(name, auto_ack=True)[2] for _ in range(200)]
    assert bodies == [f"{round_}.{number}".encode() for round_ in range(20) for number in range(10)]
    channel.queue_delete(name)


def test_confirms_of_two_channels_are_apart(connection: pika.BlockingConnection, name: str) -> None:
    """Each channel counts its own publishes."""
    channels = [connection.channel() for _ in range(2)]
    channels[0].queue_declare(name, exclusive=True)
    for channel in channels:
        channel.confirm_delivery()
    for number in range(20):
        channels[number % 2].basic_publish("", name, str(number).encode())
    assert channels[0].queue_declare(name, passive=True).method.message_count == 20


def test_pipelined_confirms_of_many_threads(broker: Broker, channel: BlockingChannel, name: str) -> None:
    """Publishers that wait for each confirm do not wait for one another."""
    channel.queue_declare(name, exclusive=True)
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as failure:
                failures.append(failure)

        return run

    def publish() -> None:
        with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
            publisher = connection.channel()
            publisher.confirm_delivery()
            for number in range(50):
                publisher.basic_publish("", name, str(number).encode())

    threads = [threading.Thread(target=guarded(publish)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    eventually(lambda: channel.queue_declare(name, passive=True).method.message_count == 400)
