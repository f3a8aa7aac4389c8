"""TLS, through pika and py-amqp."""

import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import amqp
import pika
import pytest

from broker import Broker
from certificates import Certificates
from polling import eventually


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for all that is made here."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def right(folder: Path) -> Certificates:
    """Make the certificates of the broker that the tests share."""
    return Certificates.make(folder / "right")


@pytest.fixture(scope="module")
def foreign(folder: Path) -> Certificates:
    """Make those of another CA."""
    return Certificates.make(folder / "foreign")


@pytest.fixture(scope="module")
def expired(folder: Path) -> Certificates:
    """Make some that are of no use any more."""
    return Certificates.make(folder / "expired", "--days", "0")


@pytest.fixture(scope="module")
def broker(folder: Path, right: Certificates) -> Iterator[Broker]:
    """Start a broker that speaks TLS, and asks for certificates."""
    broker = Broker.start_with_tls(folder / "data", right.settings_file())
    yield broker
    broker.stop()


def connect(
    broker: Broker, context: ssl.SSLContext, credentials: pika.credentials.PlainCredentials | None = None
) -> pika.BlockingConnection:
    """Connect through pika."""
    parameters = pika.ConnectionParameters(
        "localhost",
        broker.tls_port,
        ssl_options=pika.SSLOptions(context, "localhost"),
        credentials=credentials or pika.PlainCredentials("guest", "guest"),
    )
    return pika.BlockingConnection(parameters)


def why_not(broker: Broker, context: ssl.SSLContext) -> str:
    """Return why a client does not connect; pika wraps the reason several times."""
    try:
        connect(broker, context).close()
    except Exception as error:
        return f"{error!r} {error.__cause__!r}"
    return "it does"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_messages(broker: Broker, right: Certificates, name: str, version: ssl.TLSVersion) -> None:
    """Messages of every size go there and back."""
    context = right.context()
    context.minimum_version = context.maximum_version = version
    with connect(broker, context) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(name, exclusive=True)
        bodies = [bytes([size % 251]) * size for size in (0, 1, 5_000, 20_000, 200_000, 3_000_000)]
        for body in bodies:
            channel.basic_publish("", name, body)
        received = [body for _, _, body in (channel.basic_get(name, auto_ack=True) for _ in bodies)]
        assert received == bodies


def test_py_amqp(broker: Broker, right: Certificates, name: str) -> None:
    """py-amqp, and so kombu and Celery, take a CA by its file."""
    options = {"ca_certs": str(right.folder / "ca.pem"), "server_hostname": "localhost", "cert_reqs": ssl.CERT_REQUIRED}
    with amqp.Connection(f"localhost:{broker.tls_port}", ssl=options) as connection:
        channel = connection.channel()
        channel.queue_declare(name, exclusive=True)
        channel.basic_publish(amqp.Message("x" * 100_000), routing_key=name)
        assert eventually(lambda: channel.basic_get(name, no_ack=True)).body == "x" * 100_000


def test_unknown_ca(broker: Broker, foreign: Certificates) -> None:
    """A client that knows another CA does not connect."""
    assert "unable to get local issuer certificate" in why_not(broker, foreign.context())


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--days", "0"], "certificate has expired"), (["--host", "elsewhere.example.org"], "Hostname mismatch")],
)
def test_wrong_certificate_of_the_broker(folder: Path, options: list[str], reason: str) -> None:
    """A client refuses a broker whose certificate has expired, or is somebody else's."""
    wrong = Certificates.make(folder / f"wrong{options[1]}", *options)
    broker = Broker.start_with_tls(folder / f"data{options[1]}", wrong.settings_file())
    try:
        assert reason in why_not(broker, wrong.context())
    finally:
        broker.stop()


def test_login_by_certificate(broker: Broker, right: Certificates, name: str) -> None:
    """A client with a certificate needs no password."""
    external = pika.credentials.ExternalCredentials()
    with connect(broker, right.context(right), external) as connection:
        channel = connection.channel()
        channel.queue_declare(name, exclusive=True)
        channel.basic_publish("", name, b"", pika.BasicProperties(user_id="anna"))
        assert eventually(lambda: channel.basic_get(name, auto_ack=True)[1]).user_id == "anna"
    login = {"certfile": right.folder / "client-anna.pem", "keyfile": right.folder / "client-anna-key.pem"}
    options = {name: str(path) for name, path in (login | {"ca_certs": right.folder / "ca.pem"}).items()}
    external = amqp.sasl.EXTERNAL()
    with amqp.Connection(
        f"localhost:{broker.tls_port}", ssl=options | {"server_hostname": "localhost"}, authentication=external
    ) as connection:
        assert connection.channel().queue_declare(exclusive=True).queue


def test_login_without_certificate(broker: Broker, right: Certificates) -> None:
    """EXTERNAL is not offered to a client without one."""
    with pytest.raises(pika.exceptions.AMQPError):
        connect(broker, right.context(), pika.credentials.ExternalCredentials())


@pytest.mark.parametrize("who", ["foreign", "expired"])
def test_wrong_certificate_of_a_client(
    broker: Broker, right: Certificates, who: str, request: pytest.FixtureRequest
) -> None:
    """A certificate of another CA, or one that has expired, ends the handshake."""
    wrong = request.getfixturevalue(who)
    with pytest.raises((pika.exceptions.AMQPError, OSError)):
        connect(broker, right.context(wrong), pika.credentials.ExternalCredentials())


def test_replaced_certificate(folder: Path, foreign: Certificates, name: str) -> None:
    """A new certificate is shown to new connections once the broker is told; the others go on."""
    first = Certificates.make(folder / "first")
    broker = Broker.start_with_tls(folder / "data-first", first.settings_file())
    try:
        with connect(broker, first.context()) as old:
            first.replace_by(foreign)
            broker.process.send_signal(signal.SIGHUP)

            eventually(lambda: why_not(broker, foreign.context()) == "it does")
            channel = old.channel()
            channel.queue_declare(name, exclusive=True)
            channel.basic_publish("", name, b"as before")
            assert eventually(lambda: channel.basic_get(name, auto_ack=True)[2]) == b"as before"
    finally:
        assert broker.stop() == 0
