"""aio-pika: robust connections, confirmed publishes, and its patterns, which lean on headers exchanges."""

import asyncio
from collections.abc import Coroutine

import aio_pika
import pytest
from aio_pika.patterns import RPC, Master

from broker import Broker

TIMEOUT_SECS = 20


def run(scenario: Coroutine) -> None:
    """Run a scenario to its end, but not for ever."""
    asyncio.run(asyncio.wait_for(scenario, TIMEOUT_SECS))


def test_post_office(broker: Broker, name: str) -> None:
    """A letter is confirmed when it is posted, and comes as it was sent."""

    async def scenario() -> None:
        async with await aio_pika.connect_robust(broker.url) as connection:
            channel = await connection.channel(publisher_confirms=True)
            queue = await channel.declare_queue(name, exclusive=True)
            letter = aio_pika.Message(bytes(range(256)), headers={"to": "Alice"}, message_id="1")
            await channel.default_exchange.publish(letter, routing_key=name)
            async with queue.iterator() as letters:
                async for received in letters:
                    async with received.process():
                        assert received.body == bytes(range(256))
                        assert received.headers == {"to": "Alice"}
                        return

    run(scenario())


def test_unroutable(broker: Broker, name: str) -> None:
    """aio-pika publishes everything as mandatory: what has no queue raises an error."""

    async def scenario() -> None:
        async with await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel(on_return_raises=True)
            with pytest.raises(aio_pika.exceptions.PublishError):
                await channel.default_exchange.publish(aio_pika.Message(b"lost"), routing_key=name)

    run(scenario())


def test_many_at_once(broker: Broker, name: str) -> None:
    """A thousand publishes wait for their confirms side by side."""

    async def scenario() -> None:
        async with await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(name, exclusive=True)
            publish = channel.default_exchange.publish
            await asyncio.gather(*(publish(aio_pika.Message(b"%d" % n), routing_key=name) for n in range(1000)))
            assert (await channel.declare_queue(name, passive=True)).declaration_result.message_count == 1000
            assert (await queue.get()).body == b"0"

    run(scenario())


def test_remote_procedure_calls(broker: Broker) -> None:
    """The RPC pattern finds dead calls through a headers exchange that takes its name from `From`."""

    async def multiply(*, x: int, y: int) -> int:
        return x * y

    async def fail() -> None:
        raise ValueError("no good")

    async def scenario() -> None:
        async with (
            await aio_pika.connect_robust(broker.url) as server_connection,
            await aio_pika.connect_robust(broker.url) as client_connection,
        ):
            server = await RPC.create(await server_connection.channel())
            await server.register("multiply", multiply, auto_delete=True)
            await server.register("fail", fail, auto_delete=True)
            client = await RPC.create(await client_connection.channel())
            calls = (client.proxy.multiply(x=n, y=2) for n in range(50))
            assert await asyncio.gather(*calls) == [2 * n for n in range(50)]
            with pytest.raises(ValueError, match="no good"):
                await client.proxy.fail()
            with pytest.raises(aio_pika.exceptions.MessageProcessError):
                await client.proxy.nobody_has_this()
            await client.close()
            await server.close()

    run(scenario())


def test_master_and_worker(broker: Broker, name: str) -> None:
    """The master pattern sends tasks to a queue that its worker consumes."""
    done: list[int] = []

    async def scenario() -> None:
        everything = asyncio.Event()

        async def work(*, number: int) -> None:
            done.append(number)
            if len(done) == 20:
                everything.set()

        async with await aio_pika.connect_robust(broker.url) as connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=5)
            master = Master(channel)
            worker = await master.create_worker(name, work, auto_delete=True)
            for number in range(20):
                await master.create_task(name, {"number": number})
            await everything.wait()
            await worker.close()

    run(scenario())
    assert sorted(done) == list(range(20))


def test_headers_exchange(broker: Broker, name: str) -> None:
    """`x-match` says whether all headers of a binding must agree, or any."""

    async def scenario() -> None:
        async with await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel(publisher_confirms=False)
            exchange = await channel.declare_exchange(name, aio_pika.ExchangeType.HEADERS, auto_delete=True)
            all_of = await channel.declare_queue(exclusive=True)
            any_of = await channel.declare_queue(exclusive=True)
            await all_of.bind(exchange, arguments={"x-match": "all", "a": 1, "b": "two"})
            await any_of.bind(exchange, arguments={"x-match": "any", "a": 1, "b": "two"})
            for body, headers in {b"both": {"a": 1, "b": "two"}, b"one": {"a": 1}, b"none": {"c": 1}}.items():
                await exchange.publish(aio_pika.Message(body, headers=headers), routing_key="", mandatory=False)
            counts = [
                (await channel.declare_queue(queue.name, passive=True)).declaration_result.message_count
                for queue in (all_of, any_of)
            ]
            assert counts == [1, 2]

    run(scenario())


def test_robust_connection(own_broker: Broker, name: str) -> None:
    """A robust connection comes back after a restart, with its queues and consumers."""

    async def scenario() -> None:
        async with await aio_pika.connect_robust(own_broker.url, reconnect_interval=0.2) as connection:
            back = asyncio.Event()
            connection.reconnect_callbacks.add(lambda *_: back.set())
            letters: asyncio.Queue[bytes] = asyncio.Queue()
            channel = await connection.channel()
            queue = await channel.declare_queue(name, auto_delete=True)

            async def receive(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                await letters.put(message.body)

            await queue.consume(receive, no_ack=True)
            await asyncio.to_thread(own_broker.restart)
            await back.wait()
            await channel.default_exchange.publish(aio_pika.Message(b"still here"), routing_key=name)
            assert await letters.get() == b"still here"

    asyncio.run(asyncio.wait_for(scenario(), 90))
