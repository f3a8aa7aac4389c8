"""A post box: takes a letter for someone, and returns once the post office has it.

python post_box.py ADDRESSEE [FILE]   (without a file, the letter is read from the standard input)
"""

import os
import sys
from pathlib import Path

import pika

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672")


def post(addressee: str, letter: bytes) -> None:
    """Post a letter, any bytes; raise an error if the post office did not take it."""
    with pika.BlockingConnection(pika.URLParameters(AMQP_URL)) as connection:
        channel = connection.channel()
        channel.queue_declare(addressee, durable=True)
        channel.confirm_delivery()
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        channel.basic_publish("", addressee, letter, persistent, mandatory=True)


def main() -> None:
    """Post what the command line names."""
    addressee, *file = sys.argv[1:]
    letter = Path(file[0]).read_bytes() if file else sys.stdin.buffer.read()
    post(addressee, letter)
    print(f"posted {len(letter)} bytes to {addressee}")


if __name__ == "__main__":
    main()
