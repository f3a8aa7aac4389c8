"""The app and its tasks. Its worker runs with: celery -A tasks worker."""

import os

from celery import Celery

app = Celery(
    "tasks",
    broker=os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672"),
    backend="rpc://",
)
app.conf.beat_schedule = {
    "count the letters": {"task": "tasks.count_letters", "schedule": 2, "args": ["Dear Bob"]},
}


@app.task
def add(x: int, y: int) -> int:
    """Add two numbers."""
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    """Add many numbers."""
    return sum(numbers)


@app.task
def count_letters(text: str) -> int:
    """Count the letters of a text."""
    return sum(character.isalpha() for character in text)
