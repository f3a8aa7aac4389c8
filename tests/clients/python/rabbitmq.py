"""A private RabbitMQ with its management plugin: what the broker's API is compared with."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from broker import HOST, REPOSITORY

# Where Debian's package puts the server, and where CI takes that package apart without installing it.
ROOTS = [Path("/"), REPOSITORY / "target/rabbitmq"]
EPMD_PORT = 4369


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return listener.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


def server() -> Path:
    """Return the program that starts a RabbitMQ."""
    for root in ROOTS:
        # What lies in `bin` may be a wrapper that changes to a user of its own.
        for program in root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"):
            return program
    raise RuntimeError("there is no RabbitMQ (Debian: rabbitmq-server)")


@dataclass
class RabbitMq:
    """A running RabbitMQ, which is asked as a broker of ours is."""

    management_port: int
    host: str = HOST


@contextlib.contextmanager
def running_rabbitmq() -> Iterator[RabbitMq]:
    """Start a RabbitMQ with nothing in it, and end it when the block ends."""
    epmd = None
    if not is_open(EPMD_PORT):
        # Erlang would start one that stays, and listens on every address.
        epmd = subprocess.Popen([shutil.which("epmd") or "epmd", "-address", HOST])
    with tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as folder:
        api = free_port()
        process = start(Path(folder), api)
        try:
            wait_until_ready(process, api, Path(folder))
            yield RabbitMq(api)
        finally:
            process.terminate()
            process.wait(60)
            if epmd:
                epmd.terminate()
                epmd.wait(10)


def start(folder: Path, api: int) -> subprocess.Popen:
    """Start a RabbitMQ that keeps everything in a folder, and listens on this machine alone."""
    (folder / "plugins").write_text("[rabbitmq_management].")
    (folder / "rabbitmq.conf").write_text(f"management.tcp.ip = {HOST}\nmanagement.tcp.port = {api}\n")
    settings = {
        "HOME": folder,
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_NODENAME": f"roundtrip-{os.getpid()}-{api}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": HOST,
        "RABBITMQ_NODE_PORT": free_port(),
        "RABBITMQ_DIST_PORT": free_port(),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": folder / "mnesia",
        "RABBITMQ_LOG_BASE": folder / "log",
        "RABBITMQ_PID_FILE": folder / "pid",
        "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
    }
    environment = os.environ | {name: str(value) for name, value in settings.items()}
    with (folder / "out").open("wb") as out:
        return subprocess.Popen([server()], cwd=folder, env=environment, stdout=out, stderr=out)


def wait_until_ready(process: subprocess.Popen, api: int, folder: Path) -> None:
    """Wait until the API answers."""
    give_up = time.monotonic() + 100
    while time.monotonic() < give_up:
        assert process.poll() is None, (folder / "out").read_text()
        with contextlib.suppress(urllib.error.HTTPError, OSError):
            urllib.request.urlopen(f"http://{HOST}:{api}/", timeout=5)
            return
        time.sleep(0.2)
    raise RuntimeError((folder / "out").read_text())
