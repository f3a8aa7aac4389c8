"""The broker under test: our binary, or with `BROKER=rabbitmq` a private RabbitMQ."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
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
    """A running broker. Its address and its data stay the same when it is restarted."""

    process: subprocess.Popen
    port: int
    data_dir: Path
    management_port: int | None = None
    host: str = HOST

    @classmethod
    def start(cls, data_dir: Path, port: int = 0) -> "Broker":
        """Start a broker and wait until it listens; port 0 takes any free one."""
        command = [BINARY, "--port", str(port), "--management-port", "0", "--data-dir", data_dir]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        management_port = None
        for line in process.stdout:
            if management := re.search(r"management on \S+:(\d+)", line):
                management_port = int(management[1])
            if listening := re.search(r"listening on \S+:(\d+)", line):
                return cls(process, int(listening[1]), data_dir, management_port)
        raise RuntimeError(f"{BINARY} ended with {process.wait()} before it listened")

    @property
    def url(self) -> str:
        """The broker's URL, without a path: clients then open the vhost `/`."""
        return f"amqp://guest:guest@{self.host}:{self.port}"

    def stop(self) -> int:
        """End the broker as an operator would, and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """End the broker where it stands."""
        if IS_RABBITMQ:
            # The process is a script, which ends with its broker.
            os.kill(int((self.data_dir / "pid").read_text()), signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(30)

    def start_again(self) -> None:
        """Start another broker on the same port and data."""
        started = Broker.start(self.data_dir, self.port)
        self.process, self.management_port = started.process, started.management_port

    def restart(self) -> None:
        """Stop the broker and start another one on the same port and data."""
        self.stop()
        self.start_again()

    def kill_and_restart(self) -> None:
        """Kill the broker and start another one on the same port and data."""
        self.kill()
        self.start_again()


@contextlib.contextmanager
def running_broker() -> Iterator[Broker]:
    """Start a broker with an empty data folder, and end it when the block ends."""
    # What a killed broker left running may still write into it.
    with tempfile.TemporaryDirectory(prefix="pillarbox-", ignore_cleanup_errors=True) as folder:
        broker = Broker.start(Path(folder))
        try:
            yield broker
        finally:
            if broker.process.poll() is None:
                broker.stop()
