"""What is refused: the code, the words, and the class and method they name, as py-amqp shows them to people."""

from collections.abc import Callable
from dataclasses import dataclass

import amqp
import pytest
from amqp import exceptions

from broker import Broker

QUEUE_DECLARE = (50, 10)
QUEUE_BIND = (50, 20)
EXCHANGE_DECLARE = (40, 10)
EXCHANGE_DELETE = (40, 20)
BASIC_QOS = (60, 10)
BASIC_CONSUME = (60, 20)
BASIC_PUBLISH = (60, 40)
BASIC_GET = (60, 70)
BASIC_ACK = (60, 80)


@dataclass
class Refusal:
    """An operation on a channel that ends in an error. `{name}` in the text is the test's own name."""

    operation: Callable[[amqp.Channel, str], object]
    code: int
    text: str
    method: tuple[int, int]


def redeclare_queue(first: dict, second: dict) -> Callable[[amqp.Channel, str], object]:
    """Declare a queue twice, differently."""

    def operation(channel: amqp.Channel, name: str) -> None:
        channel.queue_declare(name, **{"auto_delete": False, **first})
        try:
            channel.queue_declare(name, **{"auto_delete": False, **second})
        finally:
            with channel.connection.channel() as other:
                other.queue_delete(name)

    return operation


def declare_queue(arguments: dict, **properties: bool) -> Callable[[amqp.Channel, str], object]:
    """Declare a queue with something wrong in it."""
    properties = {"durable": True, "auto_delete": False, **properties}
    return lambda channel, name: channel.queue_declare(name, arguments=arguments, **properties)


def redeclare_exchange(channel: amqp.Channel, name: str) -> None:
    """Declare an exchange twice, with different types."""
    channel.exchange_declare(name, "direct", auto_delete=False)
    try:
        channel.exchange_declare(name, "topic", auto_delete=False)
    finally:
        with channel.connection.channel() as other:
            other.exchange_delete(name)


def bind_to_missing_exchange(channel: amqp.Channel, name: str) -> None:
    """Bind a queue that is there to an exchange that is not."""
    queue = channel.queue_declare(exclusive=True).queue
    channel.queue_bind(queue, name)


def publish_to_missing_exchange(channel: amqp.Channel, name: str) -> None:
    """Publish, and wait for what the broker has to say."""
    channel.basic_publish(amqp.Message("lost"), name, "key")
    channel.queue_declare(exclusive=True)


def acknowledge_what_never_came(channel: amqp.Channel, name: str) -> None:
    """Acknowledge, and wait for what the broker has to say."""
    channel.basic_ack(99)
    channel.queue_declare(exclusive=True)


def lock(channel: amqp.Channel, name: str) -> None:
    """Declare a queue that another connection holds for itself."""
    with amqp.Connection(channel.connection.host) as other:
        other.channel().queue_declare(name, exclusive=True)
        channel.queue_declare(name, exclusive=True)


def consume_twice_with_one_tag(channel: amqp.Channel, name: str) -> None:
    """Use a consumer tag that the channel has in use."""
    queue = channel.queue_declare(exclusive=True).queue
    channel.basic_consume(queue, consumer_tag="twin")
    channel.basic_consume(queue, consumer_tag="twin")


QUORUM = {"x-queue-type": "quorum"}

CHANNEL_REFUSALS = {
    "inequivalent durable": Refusal(
        redeclare_queue({"durable": True}, {"durable": False}),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'false' but current is 'true'",
        QUEUE_DECLARE,
    ),
    "argument added": Refusal(
        redeclare_queue({}, {"arguments": {"x-max-priority": 5}}),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue '{name}' in vhost '/': "
        "received the value '5' of type 'signedint' but current is none",
        QUEUE_DECLARE,
    ),
    "argument removed": Refusal(
        redeclare_queue({"arguments": {"x-expires": 60000}}, {}),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue '{name}' in vhost '/': "
        "received none but current is the value '60000' of type 'signedint'",
        QUEUE_DECLARE,
    ),
    "argument changed": Refusal(
        redeclare_queue({"arguments": {"x-message-ttl": 1000}}, {"arguments": {"x-message-ttl": 2000}}),
        406,
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{name}' in vhost '/': "
        "received '2000' but current is '1000'",
        QUEUE_DECLARE,
    ),
    "inequivalent exchange": Refusal(
        redeclare_exchange,
        406,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{name}' in vhost '/': "
        "received 'topic' but current is 'direct'",
        EXCHANGE_DECLARE,
    ),
    "no queue to declare passively": Refusal(
        lambda channel, name: channel.queue_declare(name, passive=True),
        404,
        "NOT_FOUND - no queue '{name}' in vhost '/'",
        QUEUE_DECLARE,
    ),
    "no queue to consume": Refusal(
        lambda channel, name: channel.basic_consume(name),
        404,
        "NOT_FOUND - no queue '{name}' in vhost '/'",
        BASIC_CONSUME,
    ),
    "no queue to get from": Refusal(
        lambda channel, name: channel.basic_get(name),
        404,
        "NOT_FOUND - no queue '{name}' in vhost '/'",
        BASIC_GET,
    ),
    "no exchange to declare passively": Refusal(
        lambda channel, name: channel.exchange_declare(name, "direct", passive=True),
        404,
        "NOT_FOUND - no exchange '{name}' in vhost '/'",
        EXCHANGE_DECLARE,
    ),
    "no exchange to bind": Refusal(
        bind_to_missing_exchange,
        404,
        "NOT_FOUND - no exchange '{name}' in vhost '/'",
        QUEUE_BIND,
    ),
    "no exchange to publish to": Refusal(
        publish_to_missing_exchange,
        404,
        "NOT_FOUND - no exchange '{name}' in vhost '/'",
        BASIC_PUBLISH,
    ),
    "locked queue": Refusal(
        lock,
        405,
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'. "
        "It could be originally declared on another connection or the exclusive property value "
        "does not match that of the original declaration.",
        QUEUE_DECLARE,
    ),
    "reserved queue name": Refusal(
        lambda channel, name: channel.queue_declare("amq.foo"),
        403,
        "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'",
        QUEUE_DECLARE,
    ),
    "reserved exchange name": Refusal(
        lambda channel, name: channel.exchange_declare("amq.foo", "direct"),
        403,
        "ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'",
        EXCHANGE_DECLARE,
    ),
    "default exchange": Refusal(
        lambda channel, name: channel.exchange_delete(""),
        403,
        "ACCESS_REFUSED - operation not permitted on the default exchange",
        EXCHANGE_DELETE,
    ),
    "negative ttl": Refusal(
        declare_queue({"x-message-ttl": -1}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue '{name}' in vhost '/': {{value_negative,-1}}",
        QUEUE_DECLARE,
    ),
    "fractional ttl": Refusal(
        declare_queue({"x-message-ttl": 1.5}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-message-ttl' for queue '{name}' in vhost '/': "
        '"expected integer, got double"',
        QUEUE_DECLARE,
    ),
    "zero expires": Refusal(
        declare_queue({"x-expires": 0}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-expires' for queue '{name}' in vhost '/': {{value_zero,0}}",
        QUEUE_DECLARE,
    ),
    "priority too high": Refusal(
        declare_queue({"x-max-priority": 256}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue '{name}' in vhost '/': "
        "{{max_value_exceeded,256}}",
        QUEUE_DECLARE,
    ),
    "quorum and auto-delete": Refusal(
        declare_queue(QUORUM, auto_delete=True),
        406,
        "PRECONDITION_FAILED - invalid property 'auto-delete' for queue '{name}' in vhost '/'",
        QUEUE_DECLARE,
    ),
    "quorum and exclusive": Refusal(
        declare_queue(QUORUM, exclusive=True),
        406,
        "PRECONDITION_FAILED - invalid property 'exclusive-owner' for queue '{name}' in vhost '/'",
        QUEUE_DECLARE,
    ),
    "quorum and transient": Refusal(
        declare_queue(QUORUM, durable=False),
        406,
        "PRECONDITION_FAILED - invalid property 'non-durable' for queue '{name}' in vhost '/'",
        QUEUE_DECLARE,
    ),
    "quorum and priorities": Refusal(
        declare_queue({**QUORUM, "x-max-priority": 5}),
        406,
        "PRECONDITION_FAILED - invalid arg 'x-max-priority' for queue '{name}' in vhost '/' "
        "of queue type rabbit_quorum_queue",
        QUEUE_DECLARE,
    ),
    "unknown delivery tag": Refusal(
        acknowledge_what_never_came,
        406,
        "PRECONDITION_FAILED - unknown delivery tag 99",
        BASIC_ACK,
    ),
    "unknown exchange type": Refusal(
        lambda channel, name: channel.exchange_declare(name, "x"),
        406,
        "PRECONDITION_FAILED - unknown exchange type 'x'",
        EXCHANGE_DECLARE,
    ),
}

CONNECTION_REFUSALS = {
    "channel.flow": Refusal(
        lambda channel, name: channel.flow(False),
        540,
        "NOT_IMPLEMENTED - active=false",
        (20, 20),
    ),
    "prefetch size": Refusal(
        lambda channel, name: channel.basic_qos(1, 0, False),
        540,
        "NOT_IMPLEMENTED - prefetch_size!=0 (1)",
        BASIC_QOS,
    ),
    "consumer tag in use": Refusal(
        consume_twice_with_one_tag,
        530,
        "NOT_ALLOWED - attempt to reuse consumer tag 'twin'",
        BASIC_CONSUME,
    ),
}


def check(refusal: Refusal, error: exceptions.AMQPError, name: str) -> None:
    """Compare what the broker said with what it should have said."""
    assert error.reply_code == refusal.code
    assert error.reply_text == refusal.text.format(name=name)
    assert error.method_sig == refusal.method


@pytest.mark.parametrize("case", CHANNEL_REFUSALS)
def test_channel_error(amqp_connection: amqp.Connection, name: str, case: str) -> None:
    """The channel closes with the right words; its number and the connection stay usable."""
    refusal = CHANNEL_REFUSALS[case]
    channel = amqp_connection.channel()
    number = channel.channel_id
    with pytest.raises(exceptions.AMQPError) as raised:
        refusal.operation(channel, name)
    check(refusal, raised.value, name)
    assert amqp_connection.connected
    again = amqp_connection.channel(number)
    assert again.queue_declare(exclusive=True).queue.startswith("amq.gen-")


@pytest.mark.parametrize("case", CONNECTION_REFUSALS)
def test_connection_error(broker: Broker, name: str, case: str) -> None:
    """The connection closes with the right words."""
    refusal = CONNECTION_REFUSALS[case]
    connection = amqp.Connection(f"{broker.host}:{broker.port}")
    connection.connect()
    with pytest.raises(exceptions.AMQPError) as raised:
        refusal.operation(connection.channel(), name)
    check(refusal, raised.value, name)
    assert not connection.connected


@pytest.mark.parametrize("mechanism", ["PLAIN", "AMQPLAIN"])
def test_wrong_password(broker: Broker, mechanism: str) -> None:
    """A client that understands it is told that its login was refused, not just cut off."""
    connection = amqp.Connection(f"{broker.host}:{broker.port}", password="wrong", login_method=mechanism)
    with pytest.raises(exceptions.AccessRefused) as raised:
        connection.connect()
    assert raised.value.reply_text == (
        f"ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. "
        "For details see the broker logfile."
    )
    assert raised.value.method_sig == (0, 0)


def test_unknown_vhost(broker: Broker) -> None:
    """Opening a vhost that does not exist names it."""
    with pytest.raises(exceptions.NotAllowed) as raised:
        amqp.Connection(f"{broker.host}:{broker.port}", virtual_host="nope").connect()
    assert raised.value.reply_text == "NOT_ALLOWED - vhost nope not found"
    assert raised.value.method_sig == (10, 40)
