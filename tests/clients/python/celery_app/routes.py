"""Queues beyond the default one: by topic, for everyone, with limits."""

from kombu import Exchange, Queue
from kombu.common import Broadcast


def routed_queues(prefix: str) -> list[Queue]:
    """Return the app's queues, under names that begin with `prefix`."""
    logs = Exchange(f"{prefix}-logs", type="topic")
    direct = Exchange(f"{prefix}-direct", type="direct")
    return [
        Queue(f"{prefix}-tasks", direct, routing_key="tasks"),
        Queue(f"{prefix}-errors", logs, routing_key="logs.*.error"),
        Queue(f"{prefix}-logs", logs, routing_key="logs.#"),
        Broadcast(f"{prefix}-everyone"),
        Queue(
            f"{prefix}-limited",
            direct,
            routing_key="limited",
            max_length=3,
            max_length_bytes=1_000_000,
            message_ttl=60,
            expires=600,
        ),
    ]
