"""Celery's processes, started from its command line as a user would."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from celery import Celery

from broker import Broker
from celery_app import make_app
from polling import eventually

HERE = Path(__file__).resolve().parent


def settings_of_their_own(broker: Broker, **more: object) -> dict:
    """Return settings that keep an app's queues and exchanges apart from any other app's."""
    prefix = uuid.uuid4().hex[:8]
    return {
        "broker_url": f"{broker.url}//",
        "result_backend": "rpc://",
        "task_default_queue": f"{prefix}-tasks",
        "control_exchange": f"{prefix}-control",
        "event_exchange": f"{prefix}-events",
        **more,
    }


def celery_command(*arguments: object) -> list[str]:
    """Return a command line of Celery's."""
    return [sys.executable, "-m", "celery", "-A", "celery_app", *map(str, arguments)]


def celery_environment(settings: dict) -> dict[str, str]:
    """Return the environment in which `celery_app` finds its settings."""
    return {**os.environ, "CELERY_TEST_SETTINGS": json.dumps(settings), "C_FORCE_ROOT": "1"}


def run_celery(settings: dict, *arguments: object, typed: str = "") -> str:
    """Run one of Celery's commands to its end, give it what is `typed`, and return what it printed."""
    return subprocess.run(
        celery_command(*arguments),
        cwd=HERE,
        env=celery_environment(settings),
        check=True,
        capture_output=True,
        text=True,
        input=typed,
        timeout=30,
    ).stdout


@dataclass
class CeleryProcess:
    """A running `celery` command, in a process group of its own, which writes to a log."""

    settings: dict
    arguments: tuple[object, ...]
    log_path: Path
    process: subprocess.Popen = field(init=False)

    def __post_init__(self) -> None:
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(
                celery_command(*self.arguments),
                cwd=HERE,
                env=celery_environment(self.settings),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """All that the process has printed."""
        return self.log_path.read_text()

    def wait_for_log(self, words: str, timeout_secs: float = 30) -> None:
        """Wait until the process has printed `words`."""

        def printed() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log}"
            return words in self.log

        try:
            eventually(printed, timeout_secs)
        except AssertionError as error:
            raise AssertionError(f"no {words!r} in the log:\n{self.log}") from error

    def send(self, signal_: signal.Signals) -> None:
        """Send a signal to the whole group: a prefork worker's children too."""
        os.killpg(self.process.pid, signal_)

    def stop(self) -> int:
        """Ask the process to end after what it has begun, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process and its children at once."""
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self.process.wait()


class Worker(CeleryProcess):
    """A running worker. Its node name is `<name>@test`."""

    def __init__(
        self,
        settings: dict,
        log_dir: Path,
        name: str = "w1",
        pool: str = "threads",
        concurrency: int = 2,
        *more: object,
    ) -> None:
        self.node = f"{name}@test"
        arguments = ("-P", pool, "-c", concurrency, "-n", self.node, "-l", "INFO", *more)
        super().__init__(settings, ("worker", *arguments), log_dir / f"{name}-{uuid.uuid4().hex[:8]}.log")

    def wait_until_ready(self) -> None:
        """Wait until the worker consumes its queues."""
        self.wait_for_log(f"{self.node} ready.")


@contextmanager
def running_worker(settings: dict, log_dir: Path, *arguments: object, **options: object) -> Iterator[Worker]:
    """Start a worker, wait until it is ready, and end it when the block ends."""
    worker = Worker(settings, log_dir, *arguments, **options)
    try:
        worker.wait_until_ready()
        yield worker
    finally:
        # A worker may hang at its end on a busy machine. How workers end has a test of its own.
        with suppress(subprocess.TimeoutExpired):
            worker.stop()


@dataclass
class Workshop:
    """An app as its clients see it, and the worker that serves it."""

    app: Celery
    worker: Worker

    def task(self, name: str) -> object:
        """Return the app's task of that name in `celery_app.tasks`."""
        return self.app.tasks[f"celery_app.tasks.{name}"]


@contextmanager
def workshop(settings: dict, log_dir: Path, *arguments: object, **options: object) -> Iterator[Workshop]:
    """Open an app and start a worker for it."""
    with running_worker(settings, log_dir, *arguments, **options) as worker, make_app(settings) as app:
        yield Workshop(app, worker)
