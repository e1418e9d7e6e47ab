"""Messages of a link, written as tests need them."""

from __future__ import annotations

from ledger.federation.message import sign_run, write_wire


def sign_alone(body: bytes, link_seed: bytes) -> bytes:
    """The wire form of a message that is a run by itself."""
    [wire] = sign_run([write_wire(body)], link_seed)
    return wire
