"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout_secs: float = 20) -> T:
    """Call `condition` until it returns something true, and return that; fail after `timeout_secs`."""
    deadline = time.monotonic() + timeout_secs
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_secs} s, last: {value!r}"
        time.sleep(0.05)
    return value
