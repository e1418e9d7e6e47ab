"""The charter: what a circle is, and the rules its officers may not pass (protocol.md, "Charter").

Leaf 0 carries it in public: the identity key's certificate of the working keys, the rules, the
sealed paper key and, in a later epoch, the last head known of the one before.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ledger import codec, keys
from ledger.characters import is_printable
from ledger.codec import AMOUNT_MAX, ascii_text, binary, integer, one_of, optional
from ledger.errors import MalformedObject

CHARTER_BYTES_MAX = 4096
ADDRESS_LENGTH_MAX = 210
"""An origin of 255 bytes has room for no longer one, in whatever epoch."""
PORT_MAX = 65_535

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*(?::([1-9][0-9]{{0,4}}))?")


class Rules(NamedTuple):
    """What officers may change together. Amounts are minor units, floors are <= 0.

    ``name``, ``unit_name`` and ``unit_plural`` are UTF-8. ``unit_kind`` is "decimal" (with
    ``unit_scale`` decimals) or "minutes" (scale 0). ``threshold`` of the committee sign a weighty
    act; while it has fewer members, all of them. ``floor``, ``ceiling``, ``starter`` are what an
    invitation gives unless told otherwise. ``assisted_cap`` is the most a lone officer moves for a
    member with one slip; ``device_cap`` the most that a person's devices move together while they
    are in their first week, unless the person enrolled them; ``device_wait`` how many milliseconds
    one enrolled at a distance waits.
    """

    name: bytes
    address: str
    unit_name: bytes
    unit_plural: bytes
    unit_kind: str
    unit_scale: int
    threshold: int
    credit_limit_max: int
    credit_total_max: int
    treasury_floor: int
    community_floor: int
    floor: int
    ceiling: int
    starter: int
    assisted_cap: int
    device_cap: int
    device_wait: int


class Certificate(NamedTuple):
    """What the identity key certifies: the working keys of one epoch, one key per role.

    ``terms`` is the :func:`terms_hash` of all else that leaf 0 says.
    """

    circle: bytes
    epoch: int
    origin: str
    log: bytes
    witness: bytes
    link: bytes
    decision: bytes
    terms: bytes


class Previous(NamedTuple):
    """The end of the epoch before: its last known head, and the root over its accounts."""

    origin: str
    size: int
    root: bytes
    state: bytes


class Charter(NamedTuple):
    """The public part of leaf 0.

    ``previous`` is () or ((origin, size, root, state),) of the epoch before: the last head known,
    and the root over its accounts as a state entry has it.
    """

    identity: bytes
    certificate: bytes
    signature: bytes
    rules: bytes
    paper: bytes
    previous: tuple[Previous, ...]


_key = binary(keys.KEY_BYTES)
_name = binary(1, 200)
_floor = integer(-AMOUNT_MAX, 0)
_RULES = codec.record(
    name=_name,
    address=ascii_text(1, ADDRESS_LENGTH_MAX),
    unit_name=binary(1, 40),
    unit_plural=binary(1, 40),
    unit_kind=one_of("decimal", "minutes"),
    unit_scale=integer(0, 9),
    threshold=integer(1, 16),
    credit_limit_max=integer(0),
    credit_total_max=integer(0),
    treasury_floor=_floor,
    community_floor=_floor,
    floor=_floor,
    ceiling=integer(0),
    starter=integer(0),
    assisted_cap=integer(0),
    device_cap=integer(0),
    device_wait=integer(0, 90 * 24 * 3600 * 1000),
)
_CERTIFICATE = codec.record(
    circle=binary(keys.HASH_BYTES),
    epoch=integer(1),
    origin=ascii_text(1, 255),
    log=_key,
    witness=_key,
    link=_key,
    decision=_key,
    terms=binary(keys.HASH_BYTES),
)
_PREVIOUS = codec.record(
    origin=ascii_text(1, 255),
    size=integer(1),
    root=binary(keys.HASH_BYTES),
    state=binary(keys.HASH_BYTES),
)
_CHARTER = codec.record(
    identity=_key,
    certificate=binary(1, 1024),
    signature=binary(keys.SIGNATURE_BYTES),
    rules=binary(1, 1024),
    paper=_key,
    previous=optional(_PREVIOUS),
)


def origin_of(address: str, circle: bytes, epoch: int) -> str:
    """The log's origin: the address, the circle's id in short, and the epoch."""
    return f"{address}/tallystick/{circle.hex()[:16]}/{epoch}"


def encode_rules(rules: Rules) -> bytes:
    """The canonical bytes. Raises MalformedObject for rules out of bounds."""
    _check_rules(rules)
    return codec.write(rules, _RULES, CHARTER_BYTES_MAX, "charter")


def decode_rules(data: bytes) -> Rules:
    """Parse the rules. Raises MalformedObject."""
    rules = Rules._make(codec.decode(data, _RULES, CHARTER_BYTES_MAX, "charter"))
    _check_rules(rules)
    return rules


def _check_rules(rules: Rules) -> None:
    for text in (rules.name, rules.unit_name, rules.unit_plural):
        try:
            if not is_printable(text.decode()):
                raise MalformedObject("charter", "a name has characters that do not print")
        except UnicodeDecodeError:
            raise MalformedObject("charter", "a name is not UTF-8") from None
    address = _ADDRESS.fullmatch(rules.address)
    if address is None or int(address[1] or 0) > PORT_MAX:
        raise MalformedObject("charter", f"{rules.address} is not a host, or host:port")
    if rules.unit_kind == "minutes" and rules.unit_scale:
        raise MalformedObject("charter", "minutes have no decimals")
    if rules.starter > rules.ceiling:
        raise MalformedObject("charter", "members start with more than their ceiling")
    if -rules.floor > rules.credit_limit_max:
        raise MalformedObject("charter", "members start with more credit than the largest allowed")


def terms_hash(rules: bytes, paper: bytes, previous: tuple[Previous, ...]) -> bytes:
    """What the certificate commits to: the encoded rules, the paper key, the epoch before."""
    return keys.object_id(keys.TERMS, codec.encode((rules, paper, previous)))


def certify(certificate: Certificate, identity_seed: bytes) -> tuple[bytes, bytes]:
    """The certificate's bytes and the identity key's signature over them."""
    body = codec.write(certificate, _CERTIFICATE, CHARTER_BYTES_MAX, "certificate")
    return body, keys.sign(keys.CERTIFICATE, body, identity_seed)


def open_certificate(body: bytes, signature: bytes, identity: bytes) -> Certificate:
    """Parse and verify a certificate. Raises MalformedObject, InvalidSignature."""
    certificate = Certificate._make(
        codec.decode(body, _CERTIFICATE, CHARTER_BYTES_MAX, "certificate")
    )
    keys.verify(keys.CERTIFICATE, body, signature, identity)
    if certificate.circle != keys.circle_id(identity):
        raise MalformedObject("certificate", "its circle is not the identity key's")
    roles = (identity, *certificate[3:7])
    if len(set(roles)) != len(roles):
        raise MalformedObject("certificate", "one key has two roles")
    return certificate


def encode_charter(charter: Charter) -> bytes:
    """The canonical bytes of leaf 0's public part."""
    return codec.write(charter, _CHARTER, CHARTER_BYTES_MAX, "charter")


def decode_charter(data: bytes) -> tuple[Charter, Certificate, Rules]:
    """Parse and verify leaf 0's public part. Raises MalformedObject, InvalidSignature."""
    charter = Charter._make(codec.decode(data, _CHARTER, CHARTER_BYTES_MAX, "charter"))
    charter = charter._replace(previous=tuple(map(Previous._make, charter.previous)))
    certificate = open_certificate(charter.certificate, charter.signature, charter.identity)
    keys.check_public_key(charter.paper)
    if charter.paper in (charter.identity, *certificate[3:7]):
        raise MalformedObject("charter", "the paper key has another role too")
    if certificate.terms != terms_hash(charter.rules, charter.paper, charter.previous):
        raise MalformedObject("charter", "the certificate is for other terms")
    rules = decode_rules(charter.rules)
    if certificate.origin != origin_of(rules.address, certificate.circle, certificate.epoch):
        raise MalformedObject("charter", f"{certificate.origin} is not this circle's origin")
    if bool(charter.previous) != (certificate.epoch > 1):
        raise MalformedObject("charter", "only an epoch after the first follows another")
    return charter, certificate, rules
