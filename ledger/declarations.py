"""Signed objects that are not orders: enrolments, payment requests, sessions, invitations.

The first three travel as the canonical array [body, signature]; each has a context of its own, so
that none can be offered where another belongs (protocol.md, "Declarations").
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.codec import Shape, ascii_text, binary, integer, optional

DECLARATION_BYTES_MAX = 512
SESSION_LIFETIME_MS_MAX = 10 * 60 * 1000
"""A session opening is signed for at most this long ahead."""
REQUEST_LIFETIME_MS_MAX = 400 * 24 * 3600 * 1000
"""A payment request lives at most this long."""


class Enrolment(NamedTuple):
    """A device says that it holds this key and is to act for somebody in this circle.

    ``created`` is in Unix milliseconds; ``label`` is what the owner calls the device.
    """

    circle: bytes
    device: bytes
    created: int
    label: str


class PaymentRequest(NamedTuple):
    """The payee asks for ``amount`` minor units into ``account``, once, before ``expires``.

    ``person`` and ``device`` are the payee's. ``nonce`` tells equal requests apart; ``text`` is ()
    or (commitment,).
    """

    circle: bytes
    account: int
    person: int
    device: bytes
    amount: int
    nonce: int
    expires: int
    text: tuple[bytes, ...]


class SessionOpening(NamedTuple):
    """A device asks to read from the log ``origin``; good once, until ``expires`` (Unix ms)."""

    circle: bytes
    device: bytes
    origin: str
    nonce: int
    expires: int


_key = binary(keys.KEY_BYTES)
_hash = binary(keys.HASH_BYTES)
_ENVELOPE = codec.record(
    body=binary(1, DECLARATION_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES)
)
_ENROLMENT = codec.record(circle=_hash, device=_key, created=integer(0), label=ascii_text(0, 64))
_REQUEST = codec.record(
    circle=_hash,
    account=integer(1),
    person=integer(1),
    device=_key,
    amount=integer(1),
    nonce=integer(0),
    expires=integer(0),
    text=optional(_hash),
)
_SESSION = codec.record(
    circle=_hash, device=_key, origin=ascii_text(1, 255), nonce=integer(0), expires=integer(0)
)


def _sign(body: tuple[object, ...], shape: Shape, context: bytes, what: str, seed: bytes) -> bytes:
    encoded = codec.write(body, shape, DECLARATION_BYTES_MAX, what)
    return codec.encode((encoded, keys.sign(context, encoded, seed)))


def _open(wire: bytes, shape: Shape, what: str) -> tuple[tuple[object, ...], bytes, bytes]:
    encoded, signature = codec.decode(wire, _ENVELOPE, 2 * DECLARATION_BYTES_MAX, what)
    return codec.decode(encoded, shape, DECLARATION_BYTES_MAX, what), encoded, signature


def sign_enrolment(enrolment: Enrolment, seed: bytes) -> bytes:
    """The wire form, signed with the new device's own seed."""
    return _sign(enrolment, _ENROLMENT, keys.ENROLMENT, "enrolment", seed)


def parse_enrolment(wire: bytes) -> Enrolment:
    """Parse, its signature not yet verified. Raises MalformedObject."""
    fields, _, _ = _open(wire, _ENROLMENT, "enrolment")
    enrolment = Enrolment._make(fields)
    keys.check_public_key(enrolment.device)
    return enrolment


def enrolment_signature(wire: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """What :func:`ledger.keys.verify` takes to check an enrolment. Raises MalformedObject."""
    fields, body, signature = _open(wire, _ENROLMENT, "enrolment")
    return keys.ENROLMENT, body, signature, Enrolment._make(fields).device


def open_enrolment(wire: bytes) -> Enrolment:
    """Parse and verify. Raises MalformedObject, InvalidSignature."""
    enrolment = parse_enrolment(wire)
    keys.verify(*enrolment_signature(wire))
    return enrolment


def sign_request(request: PaymentRequest, seed: bytes) -> bytes:
    """The wire form, signed with the payee's device."""
    return _sign(request, _REQUEST, keys.REQUEST, "payment request", seed)


def open_request(wire: bytes) -> tuple[PaymentRequest, bytes]:
    """Parse and verify; returns it and its id. Raises MalformedObject, InvalidSignature."""
    fields, body, signature = _open(wire, _REQUEST, "payment request")
    request = PaymentRequest._make(fields)
    keys.verify(keys.REQUEST, body, signature, request.device)
    return request, keys.object_id(keys.REQUEST, body)


def sign_session(opening: SessionOpening, seed: bytes) -> bytes:
    """The wire form, signed with the reading device."""
    return _sign(opening, _SESSION, keys.SESSION, "session opening", seed)


def open_session(wire: bytes) -> SessionOpening:
    """Parse and verify. Raises MalformedObject, InvalidSignature."""
    fields, body, signature = _open(wire, _SESSION, "session opening")
    opening = SessionOpening._make(fields)
    keys.verify(keys.SESSION, body, signature, opening.device)
    return opening


def sign_invitation(circle: bytes, device: bytes, seed: bytes) -> bytes:
    """The signature, 64 bytes, of a one-time invitation key over the device that uses it.

    The key's 32-byte seed is the code that was handed out.
    """
    return keys.sign(keys.INVITATION, invitation_body(circle, device), seed)


def invitation_body(circle: bytes, device: bytes) -> bytes:
    """What an invitation's key signs to choose a device."""
    return codec.encode((circle, device))


def verify_invitation(circle: bytes, device: bytes, signature: bytes, invitation: bytes) -> None:
    """Raise InvalidSignature unless the invitation's key chose this device."""
    keys.verify(keys.INVITATION, invitation_body(circle, device), signature, invitation)
