"""Messages and clients outlive a broker that is stopped or killed."""

import asyncio
import itertools
from collections.abc import Callable

import aio_pika
import pika
import pytest

from broker import Broker

TIMEOUT_SECS = 90
PERSISTENT = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
DURABLE = pytest.mark.parametrize("queue_type", ["classic", "quorum"])
ENDS = pytest.mark.parametrize("end", [Broker.restart, Broker.kill_and_restart], ids=["stopped", "killed"])


@ENDS
@DURABLE
def test_pika(own_broker: Broker, name: str, queue_type: str, end: Callable[[Broker], None]) -> None:
    """A consumer that connects again finds what it had not acked, marked, and what nobody had seen."""
    url = pika.URLParameters(own_broker.url)
    with pika.BlockingConnection(url) as connection:
        channel = connection.channel()
        channel.queue_declare(name, durable=True, arguments={"x-queue-type": queue_type})
        channel.exchange_declare(f"{name}-exchange", "topic", durable=True)
        channel.queue_bind(name, f"{name}-exchange", "letters.#")
        channel.confirm_delivery()
        for number in range(10):
            channel.basic_publish(f"{name}-exchange", "letters.to.alice", b"%d" % number, PERSISTENT, mandatory=True)

    connection = pika.BlockingConnection(url)
    channel = connection.channel()
    channel.basic_qos(prefetch_count=5)
    deliveries = channel.consume(name)
    consumed = [(int(body), method.delivery_tag) for method, _, body in itertools.islice(deliveries, 5)]
    assert [number for number, _ in consumed] == list(range(5))
    for _, delivery_tag in consumed[:3]:
        channel.basic_ack(delivery_tag)
    # The acks are flushed with the next batch, which an answer to this shows.
    channel.queue_declare(f"{name}-other", durable=True)
    end(own_broker)
    with pytest.raises(pika.exceptions.AMQPError):
        # What came while the answer was waited for is handed out first.
        for _ in deliveries:
            pass

    with pika.BlockingConnection(url) as connection:
        channel = connection.channel()
        again = []
        for _ in range(7):
            method, _, body = channel.basic_get(name)
            again.append((int(body), method.redelivered))
            channel.basic_ack(method.delivery_tag)
        assert channel.basic_get(name) == (None, None, None)
        assert sorted(number for number, _ in again) == list(range(3, 10))
        assert {3, 4} <= {number for number, redelivered in again if redelivered}
        channel.confirm_delivery()
        channel.basic_publish(f"{name}-exchange", "letters.to.alice", b"new", PERSISTENT, mandatory=True)
        assert channel.basic_get(name, auto_ack=True)[2] == b"new"


@ENDS
def test_robust_connection(own_broker: Broker, name: str, end: Callable[[Broker], None]) -> None:
    """aio-pika's robust connection comes back, and its consumer gets what waited in the durable queue."""

    async def scenario() -> None:
        async with await aio_pika.connect_robust(own_broker.url, reconnect_interval=0.2) as connection:
            back = asyncio.Event()
            connection.reconnect_callbacks.add(lambda *_: back.set())
            channel = await connection.channel(publisher_confirms=True)
            await channel.set_qos(prefetch_count=2)
            queue = await channel.declare_queue(name, durable=True)
            for number in range(6):
                letter = aio_pika.Message(b"%d" % number, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(letter, routing_key=name)
            letters: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
            await queue.consume(letters.put)
            unacked = [await letters.get() for _ in range(2)]
            assert [letter.body for letter in unacked] == [b"0", b"1"]

            await asyncio.to_thread(end, own_broker)
            await back.wait()
            await channel.default_exchange.publish(aio_pika.Message(b"6"), routing_key=name)
            for number in range(7):
                letter = await letters.get()
                assert letter.body == b"%d" % number
                assert letter.redelivered or number > 1
                await letter.ack()

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_SECS))
