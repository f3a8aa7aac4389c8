"""Runs the clients' own test suites, unchanged, against the broker under test.

They come from the source distributions of the versions in requirements.txt. Each suite has a broker of its own, so
they run side by side. Nothing may fail or be skipped but what `../left_out.toml` names.

    .venv/bin/python upstream.py [suite…]
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from broker import IS_RABBITMQ, Broker, running_broker
from certificates import Certificates

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


@contextlib.contextmanager
def broker_for(suite: Suite) -> Iterator[Broker]:
    """Start a broker for a suite. That of py-amqp speaks TLS, with certificates where the suite looks for them."""
    if suite.package != "amqp" or IS_RABBITMQ:
        with running_broker() as broker:
            yield broker
        return
    folder = suite.source / "t" / "certs"
    shutil.rmtree(folder, ignore_errors=True)
    certificates = Certificates.make(folder)
    for ours, theirs in [
        ("ca.pem", "ca_certificate.pem"),
        ("client-anna.pem", "client_certificate.pem"),
        ("client-anna-key.pem", "client_key.pem"),
    ]:
        shutil.copy(folder / ours, folder / theirs)
    for broken in ("client_certificate_broken.pem", "client_key_broken.pem"):
        (folder / broken).write_text("-----BEGIN NOTHING-----\n")
    broker = Broker.start_with_tls(folder / "data", certificates.settings_file())
    try:
        yield broker
    finally:
        broker.stop()


def arguments(suite: Suite) -> list[str]:
    """Tell pytest which tests are meant. Those of TLS are for Pillarbox."""
    without_tls = ["-k", "not tls"] if suite.package == "amqp" and IS_RABBITMQ else []
    return [*suite.arguments, *without_tls]


def environment(suite: Suite, broker: Broker) -> dict[str, str]:
    """Tell the suite where the broker is, and otherwise what its own CI tells it."""
    return {
        **os.environ,
        "PATH": f"{HERE / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(HERE),
        "LEFT_OUT_SUITE": suite.package,
        "RABBITMQ_HOST": broker.host,
        "RABBITMQ_5672_TCP": str(broker.port),
        "RABBITMQ_5671_TCP": str(broker.tls_port),
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
    with broker_for(suite) as broker, log.open("w") as output:
        passed = (
            subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-p", "left_out", "-p", "no:cacheprovider"),
                    *("-ra", "--disable-warnings", *arguments(suite)),
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
