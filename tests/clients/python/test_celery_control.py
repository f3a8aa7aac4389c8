"""Watching and steering workers: inspect, control, revoke, events, and Celery's command line."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.app.control import Inspect
from celery.exceptions import TaskRevokedError, Terminated
from kombu import Queue

from broker import Broker
from celery_worker import (
    CeleryProcess,
    Workshop,
    run_celery,
    running_worker,
    settings_of_their_own,
    workshop,
)
from polling import eventually

TIMEOUT_SECS = 30


@pytest.fixture(scope="module")
def shop(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """Start a prefork worker `w1`, whose tasks can be terminated, and beside it `w2` with threads."""
    directory = tmp_path_factory.mktemp("workers")
    settings = settings_of_their_own(broker, task_send_sent_event=True)
    with (
        workshop(settings, directory, "w1", "prefork") as shop,
        running_worker(settings, directory, "w2", "threads", 2, "-Q", f"{shop.app.conf.task_default_queue}-2"),
    ):
        shop.app.control.enable_events(destination=["w1@test"], reply=True, timeout=10)
        yield shop


@pytest.fixture
def inspect(shop: Workshop) -> Inspect:
    """Return the questions that one can put to `w1`."""
    return shop.app.control.inspect(destination=[shop.worker.node], timeout=10)


@pytest.fixture
def command(shop: Workshop) -> Iterator[dict]:
    """Return the options of a command to `w1` that waits for its answer."""
    return {"destination": [shop.worker.node], "reply": True, "timeout": 10}


def test_ping(shop: Workshop) -> None:
    """Everyone answers, or those who are named, or whose name fits a pattern."""
    control = shop.app.control

    def nodes(replies: list[dict]) -> set[str]:
        assert all(answer == {"ok": "pong"} for reply in replies for answer in reply.values())
        return {node for reply in replies for node in reply}

    assert nodes(control.ping(limit=2, timeout=10)) == {"w1@test", "w2@test"}
    assert nodes(control.ping(destination=["w2@test"], timeout=10)) == {"w2@test"}
    by_pattern = control.broadcast("ping", pattern="w1*", matcher="glob", reply=True, limit=1, timeout=10)
    assert nodes(by_pattern) == {"w1@test"}


def test_inspect_tasks(shop: Workshop, inspect: Inspect, tmp_path: Path) -> None:
    """`active`, `reserved` and `scheduled` show each task where it is."""
    go = tmp_path / "go"
    running = [shop.task("wait_for_file").delay(str(go)) for _ in range(2)]
    eventually(lambda: len(inspect.active()["w1@test"]) == 2)
    waiting = shop.task("add").delay(1, 1)
    later = shop.task("add").apply_async([2, 2], countdown=2)

    assert {task["id"] for task in inspect.active()["w1@test"]} == {result.id for result in running}
    assert [task["id"] for task in eventually(lambda: inspect.reserved()["w1@test"])] == [waiting.id]
    [scheduled] = eventually(lambda: inspect.scheduled()["w1@test"])
    assert scheduled["request"]["id"] == later.id
    assert scheduled["request"]["delivery_info"]["routing_key"] == shop.app.conf.task_default_queue
    [[state, _]] = inspect.query_task(waiting.id)["w1@test"].values()
    assert state == "reserved"

    go.touch()
    assert [result.get(TIMEOUT_SECS) for result in running] == ["done", "done"]
    assert (waiting.get(TIMEOUT_SECS), later.get(TIMEOUT_SECS)) == (2, 4)


def test_inspect_worker(shop: Workshop, inspect: Inspect) -> None:
    """What a worker tells about itself."""
    node = shop.worker.node
    assert [queue["name"] for queue in inspect.active_queues()[node]] == [shop.app.conf.task_default_queue]
    assert "celery_app.tasks.add" in inspect.registered()[node]
    assert inspect.conf()[node]["control_exchange"] == shop.app.conf.control_exchange
    assert inspect.clock()[node]["clock"] > 0
    assert "py-amqp" in inspect.report()[node]["ok"]
    stats = inspect.stats()[node]
    assert stats["broker"]["transport"] == "amqp"
    assert stats["broker"]["port"] == int(shop.app.connection().port)
    assert stats["prefetch_count"] == 8


def test_revoke_before_it_runs(shop: Workshop, inspect: Inspect, command: dict) -> None:
    """A task that waits for its time never starts."""
    result = shop.task("add").apply_async([1, 1], countdown=1)
    eventually(lambda: inspect.scheduled()["w1@test"])
    shop.app.control.revoke(result.id, **command)
    assert result.id in inspect.revoked()["w1@test"]
    with pytest.raises(TaskRevokedError):
        result.get(TIMEOUT_SECS)


def test_terminate(shop: Workshop, tmp_path: Path) -> None:
    """A running task's process is killed, and its worker goes on."""
    result = shop.task("wait_for_file").delay(str(tmp_path / "never"))
    eventually((tmp_path / "never.started").exists)
    result.revoke(terminate=True, signal="SIGKILL")
    with pytest.raises((TaskRevokedError, Terminated)):
        result.get(TIMEOUT_SECS)
    assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2


def test_consumers_come_and_go(shop: Workshop, inspect: Inspect, command: dict, name: str) -> None:
    """A worker starts and stops consuming a queue while it runs."""
    control = shop.app.control

    def queues() -> set[str]:
        return {queue["name"] for queue in inspect.active_queues()[shop.worker.node]}

    [reply] = control.add_consumer(name, **command)
    assert reply == {shop.worker.node: {"ok": f"add consumer {name}"}}
    eventually(lambda: name in queues())
    assert shop.task("add").apply_async([2, 2], queue=name).get(TIMEOUT_SECS) == 4
    [reply] = control.cancel_consumer(name, **command)
    assert reply == {shop.worker.node: {"ok": f"no longer consuming from {name}"}}
    eventually(lambda: name not in queues())

    waiting = shop.task("add").apply_async([3, 3], queue=name)
    with shop.app.connection_for_write() as connection:
        queue = Queue(name, no_declare=True)(connection)
        eventually(lambda: queue.queue_declare(passive=True).message_count == 1)
    control.add_consumer(name, **command)
    assert waiting.get(TIMEOUT_SECS) == 6
    control.cancel_consumer(name, **command)


def test_pool_grows_and_shrinks(shop: Workshop, inspect: Inspect, command: dict) -> None:
    """More processes come with a larger prefetch, and go with it."""

    def prefetch_count() -> int:
        return inspect.stats()[shop.worker.node]["prefetch_count"]

    assert shop.app.control.pool_grow(1, **command) == [{shop.worker.node: {"ok": "pool will grow"}}]
    eventually(lambda: prefetch_count() == 12)
    assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2
    # Refused as long as the worker has not noticed that its processes are done.
    eventually(lambda: "ok" in shop.app.control.pool_shrink(1, **command)[0][shop.worker.node])
    eventually(lambda: prefetch_count() == 8)
    assert shop.task("add").delay(1, 1).get(TIMEOUT_SECS) == 2


def test_limits(shop: Workshop, command: dict) -> None:
    """Rate and time limits are set while the worker runs."""
    control, node = shop.app.control, shop.worker.node
    task = "celery_app.tasks.started_at"
    assert control.rate_limit(task, "2/s", **command) == [{node: {"ok": "new rate limit set successfully"}}]
    starts = sorted(result.get(TIMEOUT_SECS) for result in [shop.task("started_at").delay() for _ in range(4)])
    assert starts[-1] - starts[0] > 0.9
    control.rate_limit(task, 0, **command)
    assert control.time_limit(task, hard=60, soft=50, **command) == [{node: {"ok": "time limits set successfully"}}]


def test_events_on_and_off(shop: Workshop, command: dict) -> None:
    """Workers start and stop telling about their tasks."""
    control, node = shop.app.control, shop.worker.node
    assert control.disable_events(**command) == [{node: {"ok": "task events disabled"}}]
    assert control.enable_events(**command) == [{node: {"ok": "task events enabled"}}]


def test_events_dump(shop: Workshop, tmp_path: Path) -> None:
    """`celery events --dump` hears of a task's whole life, and of the workers' heartbeats."""
    events = CeleryProcess(shop.worker.settings, ("events", "--dump"), tmp_path / "events.log")
    try:
        events.wait_for_log("w1@test [")
        result = shop.task("add").delay(1, 1)
        result.get(TIMEOUT_SECS)
        for event in ("sent", "received", "started", "succeeded"):
            events.wait_for_log(f"task {event}: celery_app.tasks.add({result.id})")
        events.wait_for_log("heartbeat")
    finally:
        events.send(signal.SIGINT)
        events.process.wait(10)


def test_event_receiver(shop: Workshop) -> None:
    """A monitor of one's own gets the events as they happen."""
    seen: list[str] = []

    def on_event(event: dict) -> None:
        seen.append(event["type"])
        if event["type"] == "task-succeeded":
            receiver.should_stop = True

    with shop.app.connection_for_read() as connection:
        receiver = shop.app.events.Receiver(connection, handlers={"*": on_event})
        consuming = receiver.itercapture(limit=None, timeout=TIMEOUT_SECS, wakeup=False)
        next(consuming)
        shop.task("add").delay(1, 1)
        for _ in consuming:
            pass
    assert {"task-received", "task-started", "task-succeeded"} <= set(seen)


def test_beat(shop: Workshop, tmp_path: Path, name: str) -> None:
    """`celery beat` sends its task at every tick."""
    path = tmp_path / "lines"
    entry = {"task": "celery_app.tasks.append", "schedule": 0.5, "args": [str(path), "tick"]}
    settings = {**shop.worker.settings, "beat_schedule": {name: entry}}
    beat = CeleryProcess(settings, ("beat", "-s", tmp_path / "schedule", "-l", "INFO"), tmp_path / "beat.log")
    try:
        beat.wait_for_log(f"Sending due task {name}")
        eventually(lambda: path.exists() and path.read_text().count("tick") >= 3)
    finally:
        assert beat.stop() == 0


def test_status(shop: Workshop) -> None:
    """`celery status` lists the workers."""
    status = run_celery(shop.worker.settings, "status")
    assert "w1@test: OK" in status
    assert "2 nodes online." in status


def test_inspect_from_the_command_line(shop: Workshop) -> None:
    """`celery inspect --json` prints what the workers answer."""
    answer = run_celery(shop.worker.settings, "inspect", "active_queues", "--json", "-d", "w1@test")
    assert [queue["name"] for queue in json.loads(answer)["w1@test"]] == [shop.app.conf.task_default_queue]


def test_purge(shop: Workshop, broker: Broker) -> None:
    """`celery purge` empties the queues, and says how many messages it threw away."""
    settings = settings_of_their_own(broker)
    for number in range(3):
        shop.task("add").apply_async([number, 1], queue=settings["task_default_queue"], ignore_result=True)
    assert "Purged 3 messages from 1 known task queue" in run_celery(settings, "purge", "-f")
    assert "No messages purged" in run_celery(settings, "purge", "-f")


def test_amqp_shell(shop: Workshop, name: str) -> None:
    """`celery amqp` declares, publishes, gets and deletes by hand."""
    script = [
        f"queue.declare {name}",
        f"queue.bind {name} amq.direct {name}",
        f"basic.publish hello amq.direct {name}",
        f"basic.get {name}",
        f"queue.delete {name}",
    ]
    printed = run_celery(shop.worker.settings, "amqp", "repl", typed="\n".join(script))
    assert "'body': 'hello'" in printed
    assert "ERROR" not in printed


def test_warm_shutdown(broker: Broker, tmp_path: Path) -> None:
    """SIGTERM lets the running task finish; what has not begun is there for the next worker."""
    settings = settings_of_their_own(broker)
    go = tmp_path / "go"
    with workshop(settings, tmp_path, "w1", "prefork", 1) as shop:
        running = shop.task("wait_for_file").delay(str(go))
        eventually((tmp_path / "go.started").exists)
        waiting = [shop.task("add").delay(n, n) for n in range(3)]
        shop.worker.process.terminate()
        shop.worker.wait_for_log("Warm shutdown")
        go.touch()
        assert shop.worker.process.wait(TIMEOUT_SECS) == 0
        assert running.get(TIMEOUT_SECS) == "done"
        with running_worker(settings, tmp_path, "w2"):
            assert [result.get(TIMEOUT_SECS) for result in waiting] == [0, 2, 4]
