"""The examples, run by the commands of their READMEs."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker import REPOSITORY, Broker
from polling import eventually

EXAMPLES = REPOSITORY / "clients/examples"
PYTHON_BIN = Path(__file__).resolve().parent / ".venv/bin"


class Readme:
    """A README: its commands are the indented lines, run in its folder or one below it."""

    def __init__(self, path: Path, folder: Path, broker: Broker) -> None:
        self.text = path.read_text()
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{PYTHON_BIN}:{os.environ['PATH']}",
            "AMQP_URL": broker.url,
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def command(self, beginning: str, replace: dict[str, str] | None = None) -> str:
        """Return the command that begins so, with a path of the test's own in it."""
        command = re.search(rf"^    ({re.escape(beginning)}.*)$", self.text, re.MULTILINE)[1]
        for old, new in (replace or {}).items():
            command = command.replace(old, new)
        return command

    def expected(self, first_line: str) -> str:
        """Return the block of output that begins with this line."""
        block = re.search(rf"^    {re.escape(first_line)}\n(?:    .*\n)*", self.text, re.MULTILINE)[0]
        return re.sub(r"^    ", "", block, flags=re.MULTILINE)

    def run(self, command: str) -> str:
        """Run a command to its end, and return what it prints."""
        return subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        ).stdout

    @contextmanager
    def running(self, command: str, log: Path) -> Iterator[None]:
        """Run a command beside the test, and interrupt it at the end."""
        with log.open("w") as output:
            process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_celery(broker: Broker, tmp_path: Path) -> None:
    """The worker runs what the client and the beat send."""
    readme = Readme(EXAMPLES / "celery/README.md", EXAMPLES / "celery", broker)
    worker, beat = tmp_path / "worker.log", tmp_path / "beat.log"
    schedule = {"/tmp/beat-schedule": str(tmp_path / "beat-schedule")}
    with readme.running(readme.command("celery -A tasks worker"), worker):
        assert readme.run(readme.command("python client.py")) == readme.expected("one task: 5")
        with readme.running(readme.command("celery -A tasks beat", schedule), beat):
            eventually(lambda: len(re.findall(r"count_letters\[.*succeeded.*: 7", worker.read_text())) >= 1)


@pytest.mark.parametrize("letter", [b"", bytes(range(256)), os.urandom(1 << 20)], ids=["empty", "every byte", "1 MiB"])
def test_post_office(broker: Broker, tmp_path: Path, letter: bytes) -> None:
    """A letter that was posted while nobody was there arrives as it was."""
    readme = Readme(EXAMPLES / "post-office/README.md", EXAMPLES / "post-office/python", broker)
    home, log, file = tmp_path / "alice", tmp_path / "postman.log", tmp_path / "letter"
    file.write_bytes(letter)
    readme.run(readme.command('echo "Dear Alice" |'))
    with readme.running(readme.command("python postman.py", {"/tmp/alice": str(home)}), log):
        expected = readme.expected("waiting for letters to alice").replace("/tmp/alice", str(home))
        eventually(lambda: log.read_text() == expected)
        readme.run(readme.command("python post_box.py alice postman.py", {"postman.py": str(file)}))
        eventually(lambda: f"delivered {len(letter)} bytes to {home}/letter-2\n" in log.read_text())
    assert (home / "letter-2").read_bytes() == letter
    assert log.read_text().endswith("the postman goes home\n")


def test_post_office_keeps_letters(own_broker: Broker, tmp_path: Path) -> None:
    """Letters that nobody has fetched are still there when the post office was closed, or burnt down."""
    readme = Readme(EXAMPLES / "post-office/README.md", EXAMPLES / "post-office/python", own_broker)
    home, log = tmp_path / "alice", tmp_path / "postman.log"
    readme.run(readme.command('echo "Dear Alice" |'))
    own_broker.restart()
    readme.run(readme.command("python post_box.py alice postman.py"))
    own_broker.kill_and_restart()
    with readme.running(readme.command("python postman.py", {"/tmp/alice": str(home)}), log):
        eventually(lambda: (home / "letter-2").exists() and log.read_text().count("delivered") == 2)
    assert (home / "letter-1").read_text() == "Dear Alice\n"
    assert (home / "letter-2").read_bytes() == (readme.folder / "postman.py").read_bytes()
