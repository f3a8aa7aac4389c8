"""What Celery's users do every day, on every pool of workers and with two kinds of results."""

import time
from collections.abc import Iterator

import pytest
from celery import chain, chord, chunks, group, signature
from celery.exceptions import TaskRevokedError
from kombu import Queue

from broker import Broker
from celery_app import make_app
from celery_worker import Workshop, settings_of_their_own, workshop
from polling import eventually

TIMEOUT_SECS = 30


@pytest.fixture(
    scope="module", params=["prefork rpc", "prefork file", "threads rpc", "threads file", "threads confirms"]
)
def shop(
    request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """Start a worker, used by all tests: its pool, then how results come back or tasks are published."""
    pool, kind = request.param.split()
    directory = tmp_path_factory.mktemp("worker")
    settings = settings_of_their_own(broker)
    if kind == "file":
        (directory / "results").mkdir()
        settings["result_backend"] = f"file://{directory}/results"
    if kind == "confirms":
        settings["broker_transport_options"] = {"confirm_publish": True}
    with workshop(settings, directory, "w1", pool) as shop:
        yield shop


@pytest.fixture(scope="module", params=["solo", "gevent", "eventlet"])
def smoke_shop(
    request: pytest.FixtureRequest, broker: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """Start a worker of one of the other pools."""
    with workshop(settings_of_their_own(broker), tmp_path_factory.mktemp("worker"), "w1", request.param) as shop:
        yield shop


def test_add(shop: Workshop) -> None:
    """A task runs, and its result comes back."""
    assert shop.task("add").delay(2, 3).get(TIMEOUT_SECS) == 5


def test_many(shop: Workshop) -> None:
    """Two hundred tasks run once each."""
    results = [shop.task("add").delay(n, 1) for n in range(200)]
    assert [result.get(TIMEOUT_SECS) for result in results] == list(range(1, 201))


def test_failure(shop: Workshop) -> None:
    """An exception travels to the client."""
    with pytest.raises(ValueError, match="no good"):
        shop.task("fail").delay("no good").get(TIMEOUT_SECS)


def test_chain(shop: Workshop) -> None:
    """Each task takes the result of the one before."""
    add = shop.task("add")
    assert chain(add.s(1, 2), add.s(3), add.s(4), app=shop.app).apply_async().get(TIMEOUT_SECS) == 10


def test_group(shop: Workshop) -> None:
    """Tasks side by side, with their results in order."""
    add = shop.task("add")
    assert group((add.s(n, n) for n in range(20)), app=shop.app)().get(TIMEOUT_SECS) == [2 * n for n in range(20)]


def test_chord(shop: Workshop) -> None:
    """A task that takes the results of a group; Celery refuses it with rpc results."""
    add, total = shop.task("add"), shop.task("total")
    body = chord((add.s(n, n) for n in range(5)), app=shop.app)
    if shop.app.conf.result_backend == "rpc://":
        with pytest.raises(NotImplementedError, match="chords"):
            body(total.s())
    else:
        assert body(total.s()).get(TIMEOUT_SECS) == 20


def test_starmap(shop: Workshop) -> None:
    """One message for many calls."""
    task = shop.task("add").starmap([(1, 2), (3, 4)])
    assert task.apply_async().get(TIMEOUT_SECS) == [3, 7]


def test_chunks(shop: Workshop) -> None:
    """Many calls in few messages."""
    pieces: chunks = shop.task("add").chunks(((n, n) for n in range(10)), 4)
    results = pieces.group()().get(TIMEOUT_SECS)
    assert results == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18]]


def test_countdown(shop: Workshop) -> None:
    """A task with a countdown starts no sooner, and does not hold up one without."""
    before = time.monotonic()
    later = [shop.task("started_at").apply_async(countdown=4) for _ in range(12)]
    # Long enough for a machine that is busy with something else.
    assert shop.task("started_at").delay().get(TIMEOUT_SECS) - before < 3.9
    for result in later:
        assert 3.9 < result.get(TIMEOUT_SECS) - before < 20


def test_retry(shop: Workshop) -> None:
    """A task is tried again until it works."""
    assert shop.task("flaky").apply_async([2], max_retries=3).get(TIMEOUT_SECS) == 2


def test_expires(shop: Workshop) -> None:
    """A task that comes too late is revoked instead."""
    result = shop.task("add").apply_async([1, 1], countdown=1, expires=0.2)
    with pytest.raises(TaskRevokedError):
        result.get(TIMEOUT_SECS)


def test_ignore_result(shop: Workshop, tmp_path: pytest.TempPathFactory) -> None:
    """A task without a result runs all the same."""
    path = tmp_path / "lines"
    shop.task("append").apply_async([str(path), "here"], ignore_result=True)
    eventually(path.exists)
    eventually(lambda: path.read_text() == "here\n")


def test_priority(shop: Workshop, name: str) -> None:
    """Of the tasks that wait, the more urgent one starts first."""
    queue = Queue(name, routing_key=name, max_priority=9)
    started_at = shop.task("started_at")
    with shop.app.connection_for_write() as connection:
        queue(connection).declare()
    priorities = [1, 1, 5, 5, 9, 9]
    results = [started_at.apply_async([0.2], queue=queue, priority=priority) for priority in priorities]
    reply = shop.app.control.add_consumer(
        name, options={"queue_arguments": {"x-max-priority": 9}}, destination=[shop.worker.node], reply=True, timeout=10
    )
    assert "ok" in reply[0][shop.worker.node]
    starts = [result.get(TIMEOUT_SECS) for result in results]
    assert max(starts[4:]) < min(starts[2:4])
    assert max(starts[2:4]) < min(starts[:2])
    shop.app.control.cancel_consumer(name, destination=[shop.worker.node], reply=True, timeout=10)


def test_large_message(shop: Workshop) -> None:
    """An argument of a megabyte comes in many frames."""
    assert shop.task("length").delay("x" * 1_000_000).get(TIMEOUT_SECS) == 1_000_000


def test_link(shop: Workshop, tmp_path: pytest.TempPathFactory) -> None:
    """A callback runs after its task, in a message of its own."""
    path = tmp_path / "lines"
    link = signature("celery_app.tasks.append", [str(path), "linked"], immutable=True, app=shop.app)
    shop.task("add").apply_async([1, 1], link=link)
    eventually(path.exists)


def test_reject_and_requeue(shop: Workshop) -> None:
    """A message that a task sends back is delivered again, marked as redelivered."""
    assert shop.task("reject_first").delay().get(TIMEOUT_SECS) is True


def test_result_status(shop: Workshop) -> None:
    """A client that only asks for the state polls: with rpc results by `basic.get`, as no consumer runs yet."""
    with make_app(shop.worker.settings) as app:
        result = app.tasks["celery_app.tasks.add"].delay(1, 1)
        assert eventually(result.ready)
        assert (result.state, result.result) == ("SUCCESS", 2)
        result.forget()


def test_smoke(smoke_shop: Workshop) -> None:
    """The other pools run tasks, groups, chains, countdowns and retries."""
    add, flaky = smoke_shop.task("add"), smoke_shop.task("flaky")
    countdown = add.apply_async([1, 1], countdown=1)
    retried = flaky.apply_async([1])
    together = group((add.s(n, n) for n in range(10)), app=smoke_shop.app)()
    chained = chain(add.s(1, 2), add.s(3), app=smoke_shop.app).apply_async()
    assert add.delay(2, 3).get(TIMEOUT_SECS) == 5
    assert together.get(TIMEOUT_SECS) == [2 * n for n in range(10)]
    assert chained.get(TIMEOUT_SECS) == 6
    assert countdown.get(TIMEOUT_SECS) == 2
    assert retried.get(TIMEOUT_SECS) == 1
