"""What Celery survives: killed workers and children, a broker that restarts, queues that vanish, silent losses."""

import os
import signal
import time
from pathlib import Path

import pika
import pytest

from broker import Broker
from celery_app import make_app
from celery_worker import Worker, running_worker, settings_of_their_own, workshop
from polling import eventually

TIMEOUT_SECS = 40


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_worker_killed(broker: Broker, tmp_path: Path, pool: str) -> None:
    """What a killed worker had goes to another one at once, marked as redelivered."""
    settings = settings_of_their_own(broker)
    path = tmp_path / "pids"
    with workshop(settings, tmp_path, "w1", pool) as shop, running_worker(settings, tmp_path, "w2", pool) as other:
        result = shop.task("survive").delay(str(path))
        eventually(path.exists)
        holder = shop.worker if result.id in shop.worker.log else other
        killed = time.monotonic()
        holder.kill()
        assert result.get(TIMEOUT_SECS)["redelivered"] is True
        assert time.monotonic() - killed < 2


def test_child_killed(broker: Broker, tmp_path: Path) -> None:
    """When a child is killed, its worker sends the task back, and gets it again."""
    path = tmp_path / "pids"
    with workshop(settings_of_their_own(broker), tmp_path, "w1", "prefork") as shop:
        result = shop.task("survive").delay(str(path))
        eventually(lambda: path.exists() and path.read_text().endswith("\n"))
        os.kill(int(path.read_text()), signal.SIGKILL)
        assert result.get(TIMEOUT_SECS)["redelivered"] is True
        assert "WorkerLostError" in shop.worker.log


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_broker_restarted(own_broker: Broker, tmp_path: Path, pool: str) -> None:
    """The broker closes every connection when it ends; workers and clients come back by themselves."""
    with workshop(settings_of_their_own(own_broker), tmp_path, "w1", pool) as shop:
        assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2
        own_broker.restart()
        with make_app(shop.worker.settings) as app:
            assert app.tasks["celery_app.tasks.add"].delay(2, 2).get(TIMEOUT_SECS) == 4
            assert app.control.ping(limit=1, timeout=10) == [{shop.worker.node: {"ok": "pong"}}]
        assert shop.task("append").apply_async([str(tmp_path / "lines"), "x"], ignore_result=True)
        eventually((tmp_path / "lines").exists)
        assert "Connection to broker lost" in shop.worker.log


def test_queue_deleted(broker: Broker, connection: pika.BlockingConnection, tmp_path: Path) -> None:
    """A worker is told that its queue is gone, and declares and consumes it again."""

    def consumer_count() -> int:
        try:
            return connection.channel().queue_declare(queue, passive=True).method.consumer_count
        except pika.exceptions.ChannelClosedByBroker:
            return 0

    with workshop(settings_of_their_own(broker), tmp_path) as shop:
        queue = shop.app.conf.task_default_queue
        assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2
        connection.channel().queue_delete(queue)
        eventually(lambda: consumer_count() == 1)
        assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2


def test_connection_lost_in_silence(broker: Broker, tmp_path: Path) -> None:
    """A worker that comes back while its old connection hangs is not locked out of its own mailbox."""
    heartbeat_secs = 4
    settings = settings_of_their_own(broker, broker_heartbeat=heartbeat_secs)
    lost = Worker(settings, tmp_path)
    try:
        lost.wait_until_ready()
        lost.send(signal.SIGSTOP)
        stopped = time.monotonic()
        eventually(lambda: time.monotonic() - stopped > heartbeat_secs)
        with workshop(settings, tmp_path) as shop:
            assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2
            assert shop.app.control.ping(limit=1, timeout=10) == [{shop.worker.node: {"ok": "pong"}}]
    finally:
        lost.kill()
