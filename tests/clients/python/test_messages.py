"""Messages come back as they were sent: bodies of every size, properties, headers of every type."""

import datetime
import os
from decimal import Decimal

import amqp
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from inbox import Inbox

FRAME_BODY_MAX = 131072 - 8


@pytest.mark.parametrize("size", [0, 1, FRAME_BODY_MAX - 1, FRAME_BODY_MAX, FRAME_BODY_MAX + 1, 1 << 20, 16 << 20])
def test_body(channel: BlockingChannel, name: str, size: int) -> None:
    """A body of any size comes back, cut into frames and put together."""
    body = os.urandom(size)
    channel.queue_declare(name, exclusive=True)
    channel.basic_publish("", name, body)
    assert Inbox(channel, name).wait_for(1)[0].body == body


def test_properties(channel: BlockingChannel, name: str) -> None:
    """Every property comes back as it was sent."""
    properties = pika.BasicProperties(
        content_type="application/x-post",
        content_encoding="identity",
        headers={"answer": 42},
        delivery_mode=2,
        priority=255,
        correlation_id="c" * 255,
        reply_to="sender",
        expiration="60000",
        message_id="m",
        timestamp=2**40,
        type="letter",
        user_id="guest",
        app_id="post",
        cluster_id="old",
    )
    channel.queue_declare(name, exclusive=True)
    channel.basic_publish("", name, b"", properties)
    assert Inbox(channel, name).wait_for(1)[0].properties == properties


HEADERS = {
    "str": "Grüße",
    "bytes": b"raw",
    "int": 2**31 - 1,
    "negative": -(2**31),
    "long": 2**40,
    "negative long": -(2**40),
    "float": 0.5,
    "true": True,
    "false": False,
    "none": None,
    "list": [None, "a", 1, [2, {}]],
    "dict": {"nested": {"deep": [1, 2]}},
    "time": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC).replace(tzinfo=None),
    "decimal": Decimal("12.34"),
}


def test_headers(amqp_channel: amqp.Channel, name: str) -> None:
    """Every type that py-amqp writes comes back; of bytes it makes a string, as they have no type of their own."""
    amqp_channel.queue_declare(name, exclusive=True)
    amqp_channel.basic_publish(amqp.Message("", application_headers=HEADERS), routing_key=name)
    assert amqp_channel.basic_get(name, no_ack=True).headers == {**HEADERS, "bytes": "raw"}


def test_headers_of_a_celery_task(amqp_channel: amqp.Channel, name: str) -> None:
    """What Celery puts in its headers stays untouched."""
    headers = {"timelimit": [None, None], "stamps": {}, "stamped_headers": None, "ignore_result": False, "retries": 0}
    amqp_channel.queue_declare(name, exclusive=True)
    amqp_channel.basic_publish(amqp.Message("[]", application_headers=headers, priority=0), routing_key=name)
    message = amqp_channel.basic_get(name, no_ack=True)
    assert message.headers == headers
    assert message.properties["priority"] == 0


def test_interleaved_channels(connection: pika.BlockingConnection, name: str) -> None:
    """Large messages of several channels do not mix."""
    bodies = {f"{name}-{number}": bytes([number]) * 400_000 for number in range(4)}
    inboxes = []
    for queue, body in bodies.items():
        channel = connection.channel()
        channel.queue_declare(queue, exclusive=True)
        inboxes.append(Inbox(channel, queue))
        for _ in range(3):
            channel.basic_publish("", queue, body)
    for inbox in inboxes:
        assert [delivery.body for delivery in inbox.wait_for(3)] == [bodies[inbox.queue]] * 3
