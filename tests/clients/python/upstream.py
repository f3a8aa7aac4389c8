"""Runs the clients' own test suites, unchanged, against the broker under test.

They come from the source distributions of the versions in requirements.txt. Each suite has a broker of its own, so
they run side by side. Nothing may fail or be skipped but what `../left_out.toml` names.

    .venv/bin/python upstream.py [suite…]
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from broker import Broker, running_broker

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".venv" / "upstream"


@dataclass(frozen=True)
class Suite:
    """The part of a package's tests that needs a broker."""

    package: str
    arguments: tuple[str, ...]

    @property
    def source(self) -> Path:
        """Where the package's source distribution is unpacked."""
        return CACHE / f"{self.package}-{version(self.package)}"


def celery_suite(topic: str) -> Suite:
    """Return one file of Celery's integration tests: its files do not share a worker well."""
    return Suite("celery", ("-p", "celery.contrib.pytest", f"t/integration/test_{topic}.py"))


SUITES = {
    "amqp": Suite("amqp", ("t/integration",)),
    "kombu": Suite("kombu", ("t/integration/test_py_amqp.py",)),
    "rabbitpy": Suite("rabbitpy", ("tests/test_integration.py", "tests/integration")),
    "celery-inspect": celery_suite("inspect"),
    "celery-tasks": celery_suite("tasks"),
    "celery-worker": celery_suite("worker"),
}


def unpack(suite: Suite) -> None:
    """Download and unpack the source distribution, unless that has been done."""
    if suite.source.exists():
        return
    CACHE.mkdir(exist_ok=True)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--dest", CACHE),
            f"{suite.package}=={version(suite.package)}",
        ],
        check=True,
    )
    archive = suite.source.with_name(f"{suite.source.name}.tar.gz")
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", CACHE], check=True)


def environment(suite: Suite, broker: Broker) -> dict[str, str]:
    """Tell the suite where the broker is, and otherwise what its own CI tells it."""
    return {
        **os.environ,
        "PATH": f"{HERE / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(HERE),
        "LEFT_OUT_SUITE": suite.package,
        "RABBITMQ_HOST": broker.host,
        "RABBITMQ_5672_TCP": str(broker.port),
        "RABBITMQ_URL": f"{broker.url}/%2f",
        "TEST_BROKER": f"pyamqp://guest:guest@{broker.host}:{broker.port}//",
        "TEST_BACKEND": "rpc",
        "WORKER_LOGLEVEL": "INFO",
    }


def run(name: str) -> bool:
    """Run one suite; print its last line, or all of it if it failed."""
    suite = SUITES[name]
    log = CACHE / f"{name}.log"
    started = time.monotonic()
    with running_broker() as broker, log.open("w") as output:
        passed = (
            subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-p", "left_out", "-p", "no:cacheprovider"),
                    *("-ra", "--disable-warnings", *suite.arguments),
                ],
                cwd=suite.source,
                env=environment(suite, broker),
                stdout=output,
                stderr=subprocess.STDOUT,
            ).returncode
            == 0
        )
    lines = log.read_text().splitlines()
    print(f"{name}: {time.monotonic() - started:.0f} s", *(lines[-1:] if passed else lines), sep="\n")
    return passed


def main(names: list[str]) -> int:
    """Run the named suites, or all."""
    names = names or list(SUITES)
    for name in names:
        unpack(SUITES[name])
    with ThreadPoolExecutor(len(names)) as pool:
        return 0 if all(list(pool.map(run, names))) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
