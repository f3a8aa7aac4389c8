"""Celery on quorum queues: native delayed delivery through 28 levels, redelivery, confirmed publishes."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker import Broker
from celery_worker import Workshop, running_worker, settings_of_their_own, workshop
from polling import eventually

TIMEOUT_SECS = 40


def quorum_settings(broker: Broker, **more: object) -> dict:
    """Return the settings that Celery's documentation has for quorum queues."""
    settings = settings_of_their_own(
        broker,
        task_default_queue_type="quorum",
        task_default_exchange_type="topic",
        broker_transport_options={"confirm_publish": True},
        **more,
    )
    return {**settings, "task_default_exchange": settings["task_default_queue"]}


@pytest.fixture(scope="module", params=["prefork", "threads"])
def shop(
    request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """Start a worker on a quorum queue."""
    with workshop(quorum_settings(broker), tmp_path_factory.mktemp("worker"), "w1", request.param) as shop:
        yield shop


def test_global_qos_is_off(shop: Workshop) -> None:
    """Celery has seen that its queue is a quorum queue."""
    assert "Global QoS is disabled" in shop.worker.log


def test_tasks(shop: Workshop) -> None:
    """Tasks run, though their queue has other rules than the queues of the results."""
    results = [shop.task("add").delay(n, n) for n in range(50)]
    assert [result.get(TIMEOUT_SECS) for result in results] == [2 * n for n in range(50)]


def test_countdown(shop: Workshop) -> None:
    """A countdown passes in the broker, and many of them do not fill the worker's prefetch."""
    before = time.monotonic()
    later = [shop.task("started_at").apply_async(countdown=2) for _ in range(12)]
    assert shop.task("started_at").delay().get(TIMEOUT_SECS) - before < 1.9
    for result in later:
        assert 1.9 < result.get(TIMEOUT_SECS) - before < 6


def test_delayed_delivery_leaves_its_route(shop: Workshop) -> None:
    """The task arrives from the last of the delaying exchanges, under the key that drew its way."""
    info = shop.task("delivery_info").apply_async(countdown=1).get(TIMEOUT_SECS)
    assert info["exchange"] == "celery_delayed_delivery"
    *bits, queue = info["routing_key"].split(".")
    assert len(bits) == 28
    assert int("".join(bits), 2) == 1
    assert queue == shop.app.conf.task_default_queue


def test_retry(shop: Workshop) -> None:
    """A retry waits as a countdown does, in whole seconds."""
    assert shop.task("flaky").delay(1, countdown=1).get(TIMEOUT_SECS) == 1


def test_reject_and_requeue(shop: Workshop) -> None:
    """A quorum queue marks what it delivers again."""
    assert shop.task("reject_first").delay().get(TIMEOUT_SECS) is True


def test_classic_delayed_delivery(own_broker: Broker, tmp_path: Path) -> None:
    """The levels of delay may be classic queues."""
    settings = quorum_settings(own_broker, broker_native_delayed_delivery_queue_type="classic")
    with workshop(settings, tmp_path) as shop:
        info = shop.task("delivery_info").apply_async(countdown=1).get(TIMEOUT_SECS)
        assert info["exchange"] == "celery_delayed_delivery"


def test_worker_killed(broker: Broker, tmp_path: Path) -> None:
    """What a killed worker had goes to the next one, marked as redelivered."""
    settings = quorum_settings(broker)
    path = tmp_path / "pids"
    with workshop(settings, tmp_path, "w1", "prefork", 1) as shop:
        result = shop.task("survive").delay(str(path))
        eventually(path.exists)
        shop.worker.send(signal.SIGKILL)
        with running_worker(settings, tmp_path, "w2", "prefork", 1):
            info = result.get(TIMEOUT_SECS)
    assert info["redelivered"] is True
