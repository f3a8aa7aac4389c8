"""The API against its own description: random requests that fit it, and some that do not, are answered as it says."""

import urllib.error
import urllib.request

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings

from broker import Broker, running_broker
from management import Management

# One place in which a run can be made longer or shorter: examples for each of the operations.
EXAMPLES = 12


@pytest.fixture(scope="module")
def described() -> object:
    """Start a broker, and read the description that it gives of itself."""
    with running_broker() as broker:
        for name in ["q", "0"]:
            Management(broker).ask("PUT", f"queues/%2F/{name}", {})
        base = f"http://{broker.host}:{broker.management_port}"
        schema = schemathesis.openapi.from_url(f"{base}/api/openapi.json", auth=("guest", "guest"))
        schema.config.base_url = base
        yield schema
        assert alive(broker), "the broker has ended"


def alive(broker: Broker) -> bool:
    """Whether the broker still answers."""
    try:
        return Management(broker).get("whoami")["name"] == "guest"
    except urllib.error.URLError:
        return False


# What ends the broker is asked for elsewhere.
schema = schemathesis.pytest.from_fixture("described").exclude(path="/api/shutdown")


@schema.parametrize()
@seed(20261128)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_as_described(case: schemathesis.Case) -> None:
    """No answer is a fault of the server's, or has a status, type or shape that the description does not have."""
    case.call_and_validate(auth=("guest", "guest"), timeout=20)
