"""The broker under test: our binary, or with `BROKER=rabbitmq` a private RabbitMQ."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent
REPOSITORY = CLIENTS.parent.parent
IS_RABBITMQ = os.environ.get("BROKER") == "rabbitmq"
BINARY = (
    CLIENTS / "rabbitmq.sh"
    if IS_RABBITMQ
    else Path(os.environ.get("PILLARBOX_BIN", REPOSITORY / "target/release/pillarbox"))
)
HOST = "127.0.0.1"


@dataclass
class Broker:
    """A running broker. Its address stays the same when it is restarted."""

    process: subprocess.Popen
    port: int
    host: str = HOST

    @classmethod
    def start(cls, port: int = 0, *arguments: str) -> "Broker":
        """Start a broker and wait until it listens; port 0 takes any free one."""
        process = subprocess.Popen([BINARY, "--port", str(port), *arguments], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if listening := re.search(r"listening on \S+:(\d+)", line):
                return cls(process, int(listening[1]))
        raise RuntimeError(f"{BINARY} ended with {process.wait()} before it listened")

    @property
    def url(self) -> str:
        """The broker's URL, without a path: clients then open the vhost `/`."""
        return f"amqp://guest:guest@{self.host}:{self.port}"

    def stop(self) -> int:
        """End the broker as an operator would, and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def restart(self) -> None:
        """Stop the broker and start another one on the same port."""
        self.stop()
        self.process = Broker.start(self.port).process


@contextlib.contextmanager
def running_broker(port: int = 0, *arguments: str) -> Iterator[Broker]:
    """Start a broker, and end it when the block ends."""
    broker = Broker.start(port, *arguments)
    try:
        yield broker
    finally:
        if broker.process.poll() is None:
            broker.stop()
