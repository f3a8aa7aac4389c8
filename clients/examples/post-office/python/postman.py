"""A postman: brings someone's letters into a folder, each as a file, as they arrive.

python postman.py ADDRESSEE FOLDER
"""

import os
import sys
from pathlib import Path

import pika

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672")


def deliver(addressee: str, folder: Path) -> None:
    """Deliver letters for ever. One is acknowledged when it is in the folder, so none is lost on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    with pika.BlockingConnection(pika.URLParameters(AMQP_URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(addressee, durable=True)
        channel.basic_qos(prefetch_count=10)
        print(f"waiting for letters to {addressee}", flush=True)
        for method, _, letter in channel.consume(addressee):
            path = folder / f"letter-{len(list(folder.iterdir())) + 1}"
            path.write_bytes(letter)
            channel.basic_ack(method.delivery_tag)
            print(f"delivered {len(letter)} bytes to {path}", flush=True)


def main() -> None:
    """Deliver to the folder that the command line names."""
    addressee, folder = sys.argv[1:]
    try:
        deliver(addressee, Path(folder))
    except KeyboardInterrupt:
        print("the postman goes home")


if __name__ == "__main__":
    main()
