"""Flower beside a worker: what it shows of workers, tasks and queues."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker import Broker
from celery_worker import HERE, Workshop, celery_environment, settings_of_their_own, workshop
from polling import eventually


@pytest.fixture(scope="module")
def watched(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workshop, dict]]:
    """Start a worker that sends events."""
    settings = settings_of_their_own(broker)
    with workshop(settings, tmp_path_factory.mktemp("flower"), "w1", "threads", 2, "-E") as shop:
        yield shop, settings


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Flower:
    """A running Flower."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"

    def page(self, path: str, method: str = "GET") -> str:
        """Return a page."""
        request = urllib.request.Request(f"{self.base}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def json(self, path: str) -> object:
        """Return what its own API says."""
        return json.loads(self.page(path))


@contextmanager
def flower(settings: dict, broker_api: str, log_dir: Path) -> Iterator[Flower]:
    """Start Flower, wait until it answers, and end it when the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "celery", "-A", "celery_app", "flower", f"--port={port}"]
    environment = celery_environment(settings) | {"FLOWER_UNAUTHENTICATED_API": "1", "HOME": os.environ["HOME"]}
    log_path = log_dir / f"flower-{uuid.uuid4().hex[:8]}.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [*command, "--address=127.0.0.1", f"--broker-api={broker_api}"],
            cwd=HERE,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    running = Flower(port)

    def answers() -> bool:
        assert process.poll() is None, log_path.read_text()
        try:
            return "Flower" in running.page("workers")
        except (urllib.error.URLError, ConnectionError):
            return False

    try:
        eventually(answers, 60)
        yield running
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("slash", ["/", ""], ids=["as documented", "without the last slash"])
def test_broker_tab(broker: Broker, watched: tuple[Workshop, dict], tmp_path: Path, slash: str) -> None:
    """The tab Broker and `/api/queues/length` have the queue with its numbers, however its address was written."""
    shop, settings = watched
    queue = settings["task_default_queue"]
    api = f"http://guest:guest@{broker.host}:{broker.management_port}/api{slash}"
    with flower(settings, api, tmp_path) as running:
        shop.task("add").delay(2, 3).get(timeout=30)

        def seen() -> bool:
            queues = running.json("api/queues/length")["active_queues"]
            return any(found["name"] == queue and found["consumers"] == 1 for found in queues)

        eventually(seen, 30)
        assert queue in running.page("broker")


def test_workers_and_tasks(broker: Broker, watched: tuple[Workshop, dict], tmp_path: Path) -> None:
    """Flower knows the worker, and the task that it has run, with its result."""
    shop, settings = watched
    api = f"http://guest:guest@{broker.host}:{broker.management_port}/api/"
    with flower(settings, api, tmp_path) as running:
        eventually(lambda: shop.worker.node in running.json("api/workers?refresh=1"), 30)
        result = shop.task("add").delay(20, 22)
        assert result.get(timeout=30) == 42

        def succeeded() -> bool:
            task = running.json("api/tasks").get(result.id)
            return task is not None and task["state"] == "SUCCESS" and task["result"] == "42"

        eventually(succeeded, 30)
        assert shop.worker.node in running.page("workers")
        assert "flower_worker_online" in running.page("metrics")
