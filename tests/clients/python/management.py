"""The broker's HTTP API, asked by the tests of the tools that use it."""

import base64
import json
import urllib.error
import urllib.request
from urllib.parse import quote

from broker import Broker


class Management:
    """A client of the API that is logged in as `guest`."""

    def __init__(self, broker: Broker) -> None:
        self.base = f"http://{broker.host}:{broker.management_port}/api"

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Send a request and return the JSON of its answer, or `None` if it has none."""
        request = urllib.request.Request(f"{self.base}/{path}", method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        data = None
        if body is not None:
            request.add_header("Content-Type", "application/json")
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path: str) -> object:
        """Return the JSON at a path."""
        return self.ask("GET", path)

    def exists(self, path: str) -> bool:
        """Whether there is something at a path."""
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True


def part(name: str) -> str:
    """Return a name as a part of a path."""
    return quote(name, safe="")
