"""Sends tasks to the worker, and prints what comes back."""

from celery import chain, group
from tasks import add, count_letters, total


def main() -> None:
    """Try the ways to call a task."""
    print("one task:", add.delay(2, 3).get(timeout=10))
    print("a chain:", chain(add.s(1, 2), add.s(3)).apply_async().get(timeout=10))
    print("a group:", group(add.s(n, n) for n in range(5))().get(timeout=10))
    print("a list:", total.delay([1, 2, 3]).get(timeout=10))
    print("in a second:", count_letters.apply_async(["Dear Alice"], countdown=1).get(timeout=10))


if __name__ == "__main__":
    main()
