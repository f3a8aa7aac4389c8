"""The API against its own description: random requests that fit it are answered as it says."""

import subprocess
import sys
from pathlib import Path

from broker import Broker
from management import Management

# So many requests for each operation; with a fixed seed, so that a run can be repeated.
EXAMPLES = 12
SEED = 20261128

# What is well there is said with 200, and what is not with 503: that is no fault of the server's. And nobody answers after
# a shutdown.
SPARED = "^/api/(health|shutdown)"


def test_answers_are_as_described(own_broker: Broker, tmp_path: Path) -> None:
    """No answer is a fault of the server's, or has a status, type or shape that the description does not have."""
    api = Management(own_broker)
    for name in ["q", "0"]:
        api.ask("PUT", f"queues/%2F/{name}", {})
    base = f"http://{own_broker.host}:{own_broker.management_port}"
    tool = Path(sys.executable).with_name("schemathesis")
    conformance = [f"{what}_conformance" for what in ["status_code", "content_type", "response_schema"]]
    options = {
        "--url": base,
        "--auth": "guest:guest",
        "--max-examples": str(EXAMPLES),
        "--seed": str(SEED),
        "--phases": "fuzzing",
        "--checks": ",".join(["not_a_server_error", *conformance]),
        "--exclude-path-regex": SPARED,
    }
    arguments = [word for option in options.items() for word in option]
    command = [tool, "run", f"{base}/api/openapi.json", "--no-color", *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout or "passed" in done.stdout, done.stdout
    assert api.get("whoami")["name"] == "guest"
