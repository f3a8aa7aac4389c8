"""Certificates for a broker and its clients, as `pillarbox tls self-signed` makes them."""

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from broker import PILLARBOX

# A user with a password, and one who has but a certificate.
USERS = """
[[users]]
name = "guest"
password = "guest"
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
[[users]]
name = "anna"
password = ""
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
"""


@dataclass
class Certificates:
    """A folder with a CA, a broker's certificate, and those of clients."""

    folder: Path
    settings: str

    @classmethod
    def make(cls, folder: Path, *options: str) -> "Certificates":
        """Have them made, with one for the client `anna`."""
        command = [PILLARBOX, "tls", "self-signed", "--client", "anna", "--dir", folder, *options]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return cls(folder, printed.split("\n\n")[0])

    def context(self, client: "Certificates | None" = None) -> ssl.SSLContext:
        """Return what a client trusts that knows this CA, and shows the certificate of `client` if there is one."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if client:
            context.load_cert_chain(client.folder / "client-anna.pem", client.folder / "client-anna-key.pem")
        return context

    def settings_file(self, *lines: str) -> Path:
        """Write the printed settings, with a free port and these lines, into a file."""
        text = self.settings.replace("127.0.0.1:5671", "127.0.0.1:0")
        file = self.folder / "broker.toml"
        file.write_text("\n".join([text, *lines, USERS]))
        return file

    def replace_by(self, other: "Certificates") -> None:
        """Put another broker's certificate in the place of this one's."""
        for name in ("server.pem", "server-key.pem"):
            shutil.copy(other.folder / name, self.folder / name)
