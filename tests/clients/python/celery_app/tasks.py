"""The tasks that Celery's tests run."""

import os
import time
from pathlib import Path

from celery import Task, shared_task
from celery.exceptions import Reject


@shared_task
def add(x: float, y: float) -> float:
    """Add two numbers."""
    return x + y


@shared_task
def total(numbers: list[float]) -> float:
    """Add many numbers, the body of a chord."""
    return sum(numbers)


@shared_task
def length(blob: str) -> int:
    """Return the length of what may be a large argument."""
    return len(blob)


@shared_task
def started_at(delay_secs: float = 0) -> float:
    """Return when this task started, on the clock that all processes of the machine share."""
    now = time.monotonic()
    time.sleep(delay_secs)
    return now


@shared_task(bind=True)
def flaky(self: Task, failures: int, countdown: float = 0.2) -> int:
    """Fail that often, then return the number of retries."""
    if self.request.retries < failures:
        raise self.retry(countdown=countdown)
    return self.request.retries


@shared_task
def fail(words: str) -> None:
    """Raise an error."""
    raise ValueError(words)


@shared_task(bind=True)
def delivery_info(self: Task) -> dict:
    """Return how the broker delivered this task."""
    return self.request.delivery_info


@shared_task
def append(path: str, line: str) -> None:
    """Write a line to a file, for tasks without a result."""
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


@shared_task(acks_late=True)
def append_late(path: str, line: str, secs: float) -> None:
    """Work for a while, write a line to a file, and only then be done with the message."""
    time.sleep(secs)
    append(path, line)


@shared_task
def wait_for_file(path: str) -> str:
    """Run until a file appears; write to `<path>.started` first."""
    append(f"{path}.started", str(os.getpid()))
    while not Path(path).exists():
        time.sleep(0.05)
    return "done"


@shared_task(bind=True, acks_late=True, reject_on_worker_lost=True)
def survive(self: Task, path: str) -> dict:
    """Hold on at the first delivery, to be killed; return the second one's delivery info."""
    append(path, str(os.getpid()))
    while not self.request.delivery_info["redelivered"]:
        time.sleep(0.05)
    return self.request.delivery_info


@shared_task(bind=True, acks_late=True)
def reject_first(self: Task) -> bool:
    """Send the message back at its first delivery; return whether it was redelivered."""
    if not self.request.delivery_info["redelivered"]:
        raise Reject("try again", requeue=True)
    return True
