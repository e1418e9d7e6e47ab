"""The process that checks signatures: ``python -m node.signature_process``, run by node.verifier.

Its standard input is a socket. It takes messages of four bytes' length and a msgpack array of
signatures, and answers each with one byte a signature: 1 for a good one, 0 for any other. It ends
with the socket, so that it does not outlive its node.
"""

from __future__ import annotations

import socket

import msgpack

from ledger import keys
from ledger.errors import InvalidSignature


def _is_good(signature: tuple[bytes, bytes, bytes, bytes]) -> bool:
    try:
        keys.verify(*signature)
    except InvalidSignature:
        return False
    return True


def main() -> None:
    """Answer until the socket ends."""
    with socket.socket(fileno=0) as link, link.makefile("rb") as messages:
        while length := messages.read(4):
            signatures = msgpack.unpackb(messages.read(int.from_bytes(length, "big")))
            link.sendall(bytes(map(_is_good, signatures)))


if __name__ == "__main__":
    main()
