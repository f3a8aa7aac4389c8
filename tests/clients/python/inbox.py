"""Consuming with pika in a test: deliveries are collected in a list."""

from dataclasses import dataclass
from functools import cached_property

import pika
from pika.adapters.blocking_connection import BlockingChannel

from polling import eventually


@dataclass(frozen=True)
class Delivery:
    """A message as its consumer got it."""

    method: pika.spec.Basic.Deliver
    properties: pika.BasicProperties
    body: bytes


@dataclass
class Inbox:
    """A consumer of `queue` on `channel`; it starts with the first look at it."""

    channel: BlockingChannel
    queue: str
    auto_ack: bool = True

    @cached_property
    def deliveries(self) -> list[Delivery]:
        """What has come so far."""
        deliveries: list[Delivery] = []
        self.channel.basic_consume(
            self.queue,
            lambda _, method, properties, body: deliveries.append(Delivery(method, properties, body)),
            auto_ack=self.auto_ack,
        )
        return deliveries

    def wait_for(self, count: int) -> list[Delivery]:
        """Return the first `count` deliveries, once there are so many."""

        def arrived() -> bool:
            self.channel.connection.process_data_events()
            return len(self.deliveries) >= count

        if len(self.deliveries) < count:
            eventually(arrived)
        return self.deliveries[:count]

    def settle(self) -> list[Delivery]:
        """Return all that the broker had sent when it was asked."""
        self.deliveries  # noqa: B018 - starts the consumer
        self.channel.queue_declare(self.queue, passive=True)
        self.channel.connection.process_data_events()
        return self.deliveries

    @property
    def bodies(self) -> list[bytes]:
        """The bodies of what has come so far."""
        return [delivery.body for delivery in self.deliveries]
