"""What circles say of themselves by gossip: envelopes, and what is in them (protocol.md, "Gossip").

An envelope is ``[issuer, epoch, seq, body, signature]``, signed with the issuer's link key over all
of its bytes before the signature. It is passed on as it came: who relays it never looks into a
bulletin. Envelopes are of two kinds, told apart by ``seq``:

- 0, an *announcement*: the identity key's certificate of the circle's working keys. A circle's id
  is the hash of its identity key, so that an announcement proves itself.
- n >= 1, a *bulletin*: what the circle says of its log, its totals, its unit and its links. Its
  number is the count of whole ten-minute periods since 1970. So a circle has at most one bulletin
  in ten minutes, a rule that all circles judge alike, whatever arrived before; two of one period
  are two versions of one statement, which convict it; and no circle reuses a number after a
  restored backup, as its clock has gone on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from ledger import codec, keys
from ledger.characters import is_printable
from ledger.charter import Certificate, open_certificate
from ledger.codec import array_of, ascii_text, binary, integer, one_of
from ledger.errors import MalformedObject
from ledger.federation.message import STATEMENT_BYTES_MAX, Statement, open_statement
from ledger.keys import GOSSIP, HASH_BYTES, KEY_BYTES, SIGNATURE_BYTES

PERIOD_MS = 10 * 60 * 1000
"""A circle issues at most one bulletin in each such period."""

ENVELOPE_BYTES_MAX = 32 * 1024
ANNOUNCEMENT_BYTES_MAX = 2048
CONFLICT_BYTES_MAX = 2 * ENVELOPE_BYTES_MAX + ANNOUNCEMENT_BYTES_MAX + 16
LINKS_MAX = 64
CHECKPOINT_BYTES_MAX = 4096
VERSION_MAX = 2**32 - 1
"""The largest epoch and the largest number: each has four bytes in an item."""

_SIGNATURE_FIELD_BYTES = 2 + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class Envelope:
    """One signed statement of a circle, parsed; ``data`` are its bytes as they came."""

    issuer: bytes
    epoch: int
    seq: int
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    data: bytes = field(repr=False)
    id: bytes = field(repr=False)

    @property
    def version(self) -> tuple[int, int]:
        """What decides which of two envelopes of one kind is newer."""
        return self.epoch, self.seq

    @property
    def issued(self) -> int:
        """When the period of a bulletin began: Unix milliseconds."""
        return self.seq * PERIOD_MS

    @property
    def is_announcement(self) -> bool:
        return self.seq == 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two envelopes with one issuer, epoch and number: whoever signed both is convicted.

    ``announcement`` certifies the key that signed two bulletins; two announcements prove themselves
    and have None. So it is a proof that anyone can check without asking anybody.
    """

    announcement: Envelope | None
    first: Envelope
    second: Envelope

    @property
    def version(self) -> tuple[int, int]:
        """Its epoch, and 1 if the keys themselves are in conflict, which ends the epoch."""
        return self.first.epoch, int(self.first.is_announcement)


class Totals(NamedTuple):
    """How many accounts, the sum of balances above zero, and the credit granted. Minor units."""

    accounts: int
    positive: int
    granted: int


class Unit(NamedTuple):
    """As in the charter: its name and plural in UTF-8, "decimal" or "minutes", and decimals."""

    name: bytes
    plural: bytes
    kind: str
    scale: int


class LinkPosition(NamedTuple):
    """A link as its owner shows it.

    ``unit`` is what it counts in, as in the agreement. ``statement`` is the link's latest state
    with both signatures, not looked into here. The rate is the issuer's own: numerator and
    denominator as in the agreement. ``inward`` is what the peer may still send through the issuer,
    ``outward`` what the issuer may still send to the peer.
    """

    peer: bytes
    unit: bytes
    statement: bytes
    numerator: int
    denominator: int
    inward: int
    outward: int


class Bulletin(NamedTuple):
    """What a circle says of itself. ``checkpoint`` is a signed note, UTF-8."""

    checkpoint: bytes
    totals: Totals
    endpoint: str
    unit: Unit
    links: tuple[LinkPosition, ...]


_key = binary(KEY_BYTES)
_amount = integer(0)
_CONTENT = (
    ("issuer", binary(HASH_BYTES)),
    ("epoch", integer(1, VERSION_MAX)),
    ("seq", integer(0, VERSION_MAX)),
    ("body", binary(1, ENVELOPE_BYTES_MAX)),
)
_ENVELOPE = codec.record(*_CONTENT, ("signature", binary(SIGNATURE_BYTES)))
_ANNOUNCEMENT = codec.record(
    identity=_key, certificate=binary(1, 1024), signature=binary(SIGNATURE_BYTES)
)
_CONFLICT = codec.record(
    announcement=binary(0, ANNOUNCEMENT_BYTES_MAX),
    first=binary(1, ENVELOPE_BYTES_MAX),
    second=binary(1, ENVELOPE_BYTES_MAX),
)
_LINK = codec.record(
    peer=binary(HASH_BYTES),
    unit=binary(1, 40),
    statement=binary(0, STATEMENT_BYTES_MAX),
    numerator=integer(1),
    denominator=integer(1),
    inward=_amount,
    outward=_amount,
)
_BULLETIN = codec.record(
    checkpoint=binary(1, CHECKPOINT_BYTES_MAX),
    totals=codec.record(accounts=_amount, positive=_amount, granted=_amount),
    endpoint=ascii_text(1, 255),
    unit=codec.record(
        name=binary(1, 40),
        plural=binary(1, 40),
        kind=one_of("decimal", "minutes"),
        scale=integer(0, 9),
    ),
    links=array_of(_LINK, 0, LINKS_MAX),
)


def period_of(time: int) -> int:
    """The number of a bulletin issued at ``time`` (Unix milliseconds)."""
    return time // PERIOD_MS


# --- envelopes ------------------------------------------------------------------------------------


def seal(issuer: bytes, epoch: int, seq: int, body: bytes, link_seed: bytes) -> Envelope:
    """Sign ``body``. Raises MalformedObject when a field is out of its bounds."""
    content = (issuer, epoch, seq, body)
    unsigned = codec.write((*content, bytes(SIGNATURE_BYTES)), _ENVELOPE, _limit(seq), "envelope")
    signature = keys.sign(GOSSIP, unsigned[:-_SIGNATURE_FIELD_BYTES], link_seed)
    return parse_envelope(codec.encode((*content, signature)))


def parse_envelope(data: bytes) -> Envelope:
    """Take an envelope apart without verifying anything. Raises MalformedObject."""
    issuer, epoch, seq, body, signature = codec.decode(
        data, _ENVELOPE, ENVELOPE_BYTES_MAX, "envelope"
    )
    if len(data) > _limit(seq):
        raise MalformedObject("announcement", f"{len(data)} bytes are over the limit")
    envelope_id = keys.object_id(GOSSIP, data[:-_SIGNATURE_FIELD_BYTES])
    return Envelope(issuer, epoch, seq, body, signature, data, envelope_id)


def verify_envelope(envelope: Envelope, link_key: bytes) -> None:
    """Raise InvalidSignature unless ``link_key`` signed the envelope."""
    signed = envelope.data[:-_SIGNATURE_FIELD_BYTES]
    keys.verify(GOSSIP, signed, envelope.signature, link_key)


def _limit(seq: int) -> int:
    return ENVELOPE_BYTES_MAX if seq else ANNOUNCEMENT_BYTES_MAX


# --- announcements --------------------------------------------------------------------------------


def announce(identity: bytes, certificate: bytes, signature: bytes, link_seed: bytes) -> Envelope:
    """The one announcement of an epoch, from what leaf 0 says.

    It has no time and no chance in it, so that it is the same whenever it is made again. Raises
    MalformedObject or InvalidSignature when the certificate or the link key is another's.
    """
    certified = open_certificate(certificate, signature, identity)
    body = codec.write(
        (identity, certificate, signature), _ANNOUNCEMENT, ANNOUNCEMENT_BYTES_MAX, "announcement"
    )
    envelope = seal(certified.circle, certified.epoch, 0, body, link_seed)
    verify_envelope(envelope, certified.link)
    return envelope


def parse_announcement(envelope: Envelope) -> tuple[bytes, bytes, bytes]:
    """Identity key, certificate and its signature, unverified. Raises MalformedObject."""
    identity, certificate, signature = codec.decode(
        envelope.body, _ANNOUNCEMENT, ANNOUNCEMENT_BYTES_MAX, "announcement"
    )
    return identity, certificate, signature


def open_announcement(envelope: Envelope) -> Certificate:
    """The certified keys, all proved by the issuer's id. Raises MalformedObject, InvalidSignature.

    The link key has signed too: so no circle announces a key that another circle holds.
    """
    if not envelope.is_announcement:
        raise MalformedObject("announcement", "only the envelope with number 0 is one")
    certificate = open_certificate(*_certificate_first(parse_announcement(envelope)))
    if certificate.circle != envelope.issuer:
        raise MalformedObject("announcement", "its issuer is not the identity key's circle")
    if certificate.epoch != envelope.epoch:
        raise MalformedObject("announcement", "its certificate is of another epoch")
    verify_envelope(envelope, certificate.link)
    return certificate


def _certificate_first(parts: tuple[bytes, bytes, bytes]) -> tuple[bytes, bytes, bytes]:
    identity, certificate, signature = parts
    return certificate, signature, identity


# --- bulletins ------------------------------------------------------------------------------------


def encode_bulletin(bulletin: Bulletin) -> bytes:
    """The body of an envelope. Raises MalformedObject for a bulletin out of bounds."""
    body = codec.write(bulletin, _BULLETIN, ENVELOPE_BYTES_MAX, "bulletin")
    _check_bulletin(bulletin)
    return body


def parse_bulletin(body: bytes) -> Bulletin:
    """Parse an envelope's body. Raises MalformedObject.

    Nothing in it is proved but that the issuer said so: the checkpoint is to be opened with the log
    key of the issuer's certificate, a link's statement with both circles' link keys.
    """
    checkpoint, totals, endpoint, unit, links = codec.decode(
        body, _BULLETIN, ENVELOPE_BYTES_MAX, "bulletin"
    )
    positions = tuple(map(LinkPosition._make, links))
    bulletin = Bulletin(checkpoint, Totals(*totals), endpoint, Unit(*unit), positions)
    _check_bulletin(bulletin)
    return bulletin


def _check_bulletin(bulletin: Bulletin) -> None:
    try:
        bulletin.checkpoint.decode()
        names = (*bulletin.unit[:2], *(link.unit for link in bulletin.links))
        if not all(is_printable(name.decode()) for name in names):
            raise MalformedObject("bulletin", "a unit's name has characters that do not print")
    except UnicodeDecodeError:
        raise MalformedObject("bulletin", "a text in it is not UTF-8") from None
    peers = [link.peer for link in bulletin.links]
    if any(first >= second for first, second in pairwise(peers)):
        raise MalformedObject(
            "bulletin", "its links are not in the order of their peers, each once"
        )


# --- statements of links --------------------------------------------------------------------------


class Joined(NamedTuple):
    """A link's statement with the signatures of both its circles."""

    body: bytes
    low: bytes
    high: bytes


_JOINED = codec.record(
    body=binary(1, STATEMENT_BYTES_MAX),
    low=binary(SIGNATURE_BYTES),
    high=binary(SIGNATURE_BYTES),
)


def read_joined(data: bytes) -> Joined:
    """Parse what a bulletin has as a link's statement, unverified. Raises MalformedObject."""
    return Joined._make(codec.decode(data, _JOINED, STATEMENT_BYTES_MAX, "joined statement"))


def open_joined(data: bytes, low_key: bytes, high_key: bytes) -> Statement:
    """Parse and verify it with both link keys. Raises MalformedObject, InvalidSignature."""
    body, low, high = read_joined(data)
    keys.verify(keys.STATEMENT, body, high, high_key)
    return open_statement(codec.encode((body, low)), low_key)


# --- conflicts ------------------------------------------------------------------------------------


def encode_conflict(conflict: Conflict) -> bytes:
    """``[announcement or nothing, first, second]``, each as it came."""
    announcement = conflict.announcement.data if conflict.announcement else b""
    return codec.encode((announcement, conflict.first.data, conflict.second.data))


def parse_conflict(data: bytes) -> Conflict:
    """Take a conflict apart without verifying a signature. Raises MalformedObject."""
    announced, *pair = codec.decode(data, _CONFLICT, CONFLICT_BYTES_MAX, "conflict")
    first, second = map(parse_envelope, pair)
    if (first.issuer, first.version) != (second.issuer, second.version):
        raise MalformedObject("conflict", "its envelopes are of other issuers, epochs or numbers")
    if first.id >= second.id:
        raise MalformedObject("conflict", "its envelopes are not two, in the order of their ids")
    if first.is_announcement:
        if announced:
            raise MalformedObject("conflict", "two announcements need no third")
        return Conflict(None, first, second)
    announcement = parse_envelope(announced)
    expected = (first.issuer, (first.epoch, 0))
    if (announcement.issuer, announcement.version) != expected:
        raise MalformedObject("conflict", "its announcement is not the one of that epoch")
    return Conflict(announcement, first, second)


def verify_conflict(conflict: Conflict) -> None:
    """Raise MalformedObject or InvalidSignature unless it convicts its issuer."""
    if conflict.announcement is None:
        open_announcement(conflict.first)
        open_announcement(conflict.second)
    else:
        link_key = open_announcement(conflict.announcement).link
        verify_envelope(conflict.first, link_key)
        verify_envelope(conflict.second, link_key)
