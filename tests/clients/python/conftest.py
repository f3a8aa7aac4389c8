"""Fixtures of every client's tests: the broker, connections to it, names that nobody else uses."""

import re
import signal
import uuid
from collections.abc import Iterator

import amqp
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from broker import Broker, running_broker

pytest_plugins = ["left_out"]

# A shell has its background jobs ignore SIGINT, and whoever they start inherits that: nothing could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Start the broker that the tests share."""
    with running_broker() as broker:
        yield broker


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """Start a broker for a test that stops it."""
    with running_broker() as broker:
        yield broker


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Return a name for the test's queues and exchanges."""
    return f"{re.sub(r'[^a-z0-9_]', '-', request.node.name)[:24]}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def connection(broker: Broker) -> Iterator[pika.BlockingConnection]:
    """Connect through pika."""
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    yield connection
    if connection.is_open:
        connection.close()


@pytest.fixture
def channel(connection: pika.BlockingConnection) -> BlockingChannel:
    """Open a channel through pika."""
    return connection.channel()


@pytest.fixture
def amqp_connection(broker: Broker) -> Iterator[amqp.Connection]:
    """Connect through py-amqp, which kombu and Celery use."""
    connection = amqp.Connection(f"{broker.host}:{broker.port}")
    connection.connect()
    yield connection
    connection.close()


@pytest.fixture
def amqp_channel(amqp_connection: amqp.Connection) -> amqp.Channel:
    """Open a channel through py-amqp."""
    return amqp_connection.channel()
