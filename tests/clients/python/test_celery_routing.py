"""Tasks on their way: topic routes, broadcasts to all workers, several queues with limits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery

from broker import Broker
from celery_app import make_app
from celery_worker import Worker, running_worker, settings_of_their_own
from polling import eventually

TIMEOUT_SECS = 30
PREFIX = "routed"


@pytest.fixture(scope="module")
def settings(broker: Broker) -> dict:
    """Return settings with the first of the routed queues as the default."""
    return settings_of_their_own(
        broker,
        task_default_queue=f"{PREFIX}-tasks",
        task_default_exchange=f"{PREFIX}-direct",
        task_default_routing_key="tasks",
    )


@pytest.fixture(scope="module")
def workers(settings: dict, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Worker]]:
    """Start two workers: both hear what is for everyone, and each consumes another topic."""
    directory = tmp_path_factory.mktemp("workers")

    def queues(*names: str) -> tuple[str, str]:
        return "-Q", ",".join(f"{PREFIX}-{name}" for name in names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CELERY_TEST_ROUTES", PREFIX)
        with (
            running_worker(settings, directory, "w1", "threads", 2, *queues("tasks", "errors", "everyone")) as w1,
            running_worker(settings, directory, "w2", "threads", 2, *queues("logs", "everyone", "limited")) as w2,
        ):
            yield w1, w2


@pytest.fixture
def app(settings: dict, workers: tuple[Worker, Worker]) -> Iterator[Celery]:
    """Open the app as a client that knows the routes."""
    with make_app(settings, PREFIX) as app:
        yield app


def lines(path: Path) -> list[str]:
    """Return what the tasks have appended."""
    return path.read_text().splitlines() if path.exists() else []


def test_default_route(app: Celery) -> None:
    """A task for a queue on a direct exchange is published by the queue's name, whatever its binding key."""
    assert app.tasks["celery_app.tasks.add"].delay(1, 2).get(TIMEOUT_SECS) == 3
    info = app.tasks["celery_app.tasks.delivery_info"].delay().get(TIMEOUT_SECS)
    assert (info["exchange"], info["routing_key"]) == ("", f"{PREFIX}-tasks")


def test_topic_route(app: Celery, tmp_path: Path) -> None:
    """A task goes to every queue whose pattern fits its routing key."""
    append = app.tasks["celery_app.tasks.append"]
    path = tmp_path / "lines"
    for key in ["logs.web.error", "logs.web.info", "logs.error"]:
        append.apply_async([str(path), key], exchange=f"{PREFIX}-logs", routing_key=key)
    expected = ["logs.error", "logs.web.error", "logs.web.error", "logs.web.info"]
    eventually(lambda: sorted(lines(path)) == expected)


def test_broadcast(app: Celery, workers: tuple[Worker, Worker], tmp_path: Path) -> None:
    """A task that is sent to everyone runs once on each worker."""
    path = tmp_path / "lines"
    result = app.tasks["celery_app.tasks.append"].apply_async([str(path), "all"], queue=f"{PREFIX}-everyone")
    eventually(lambda: lines(path) == ["all", "all"])
    for worker in workers:
        eventually(lambda worker=worker: f"celery_app.tasks.append[{result.id}] succeeded" in worker.log)


def test_queue_limits(app: Celery, workers: tuple[Worker, Worker], tmp_path: Path) -> None:
    """A queue with a length limit drops its oldest tasks while nobody consumes it."""
    control = {"destination": [workers[1].node], "reply": True, "timeout": 10}
    app.control.cancel_consumer(f"{PREFIX}-limited", **control)
    path = tmp_path / "lines"
    for number in range(10):
        app.tasks["celery_app.tasks.append"].apply_async(
            [str(path), str(number)], exchange=f"{PREFIX}-direct", routing_key="limited", ignore_result=True
        )
    app.control.add_consumer(f"{PREFIX}-limited", **control)
    eventually(lambda: sorted(lines(path)) == ["7", "8", "9"])
