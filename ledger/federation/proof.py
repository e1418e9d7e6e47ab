"""Evidence: what somebody signed that cannot be, in one piece that convicts them before anybody
(protocol.md, "Evidence").

It holds all that is needed: the accused circle's identity key, which its id is the hash of, the
certificate of its working keys, and the signed things themselves. It is verified without a network,
a clock, or any trust in who made it.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys, merkle
from ledger.charter import open_certificate
from ledger.checkpoint import open_checkpoint
from ledger.codec import array_of, binary, one_of, optional
from ledger.errors import InvalidProof, InvalidSignature, MalformedObject
from ledger.federation import gossip_envelope as gossip
from ledger.federation.agreement import AGREEMENT_BYTES_MAX, decode_agreement
from ledger.federation.message import (
    MESSAGE_BYTES_MAX,
    RUN_BYTES_MAX,
    STATEMENT_BYTES_MAX,
    Accept,
    Commit,
    Prepare,
    Propose,
    Release,
    decode_run,
    open_run,
)
from ledger.federation.payment import (
    HEADER_BYTES_MAX,
    decode_header,
    open_status,
    payment_id,
    verify_commit,
)
from ledger.federation.proof_books import find_wrong
from ledger.federation.proof_link import (
    Accused,
    Claim,
    Finding,
    Who,
    contradict,
    disagree,
    open_accused,
    open_claim,
)
from ledger.note import format_vkey, parse_vkey

EVIDENCE_BYTES_MAX = 8 * 2**20
BODIES_MAX = 32_768
"""Messages of each direction in evidence that has to be counted through."""

FINAL = "payee"
"""The one reason with which a decider releases what it will never commit to."""

_NOTE_BYTES_MAX = 65_536
_WHAT = "piece of evidence"


class Claims(NamedTuple):
    """Two things that one circle signed about one link, and that cannot both be."""

    who: Who
    agreement: bytes
    first: Claim
    second: Claim


class WrongBooks(NamedTuple):
    """A statement that is not what the messages come to which it names.

    ``low`` and ``high`` are the bodies of the messages of both directions from ``base``, an earlier
    statement of the same circle with nothing under way, or from the first if it is b"".
    """

    who: Who
    agreement: bytes
    base: bytes
    statement: bytes
    low: tuple[bytes, ...]
    high: tuple[bytes, ...]


class Impossible(NamedTuple):
    """A run whose first message no honest circle signs: it shows a signature that nobody made, a
    payment that has no header, or terms that are not of this link.

    ``about`` is what was to be signed: for a COMMIT the payment's header, for an acceptance the
    agreement's body, else b"".
    """

    who: Who
    agreement: bytes
    run: bytes
    about: bytes


class Verdicts(NamedTuple):
    """Two verdicts of one decider on one payment: a "commit", its signature; a "status", signed; or
    a "release", a run of which the first message releases it for good.

    ``who`` is (Who,), or () where only its decision key is known, which the header has.
    """

    who: tuple[Who, ...]
    header: bytes
    first: Claim
    second: Claim


class Heads(NamedTuple):
    """Two heads of one log, as signed notes. ``who`` is (Who,), or () where only its key is known.

    Of one size, ``path`` is empty and ``root`` b"". Else ``path`` proves that the second continues
    a tree with ``root``, of as many leaves as the first has.
    """

    who: tuple[Who, ...]
    key: bytes
    first: bytes
    second: bytes
    root: bytes
    path: tuple[bytes, ...]


class Versions(NamedTuple):
    """Two versions of one statement in gossip (protocol.md, "Conflicts")."""

    conflict: bytes


class Dispute(NamedTuple):
    """What one circle signed, and what the other did: one of the two is wrong."""

    who: Who
    agreement: bytes
    theirs: Claim
    ours: Claim


class Past(NamedTuple):
    """A statement that acknowledges messages of which the other circle knows nothing."""

    who: Who
    agreement: bytes
    statement: bytes


Evidence = Claims | WrongBooks | Impossible | Verdicts | Heads | Versions | Dispute | Past

_WHO = codec.record(
    identity=binary(keys.KEY_BYTES),
    certificate=binary(1, 1024),
    signature=binary(keys.SIGNATURE_BYTES),
)
_AGREEMENT = binary(1, 2 * AGREEMENT_BYTES_MAX)
_CLAIM = codec.record(what=one_of("run", "statement"), signed=binary(1, RUN_BYTES_MAX))
_VERDICT = codec.record(what=one_of("commit", "status", "release"), signed=binary(1, RUN_BYTES_MAX))
_STATEMENT = binary(1, STATEMENT_BYTES_MAX)
_BODIES = array_of(binary(1, MESSAGE_BYTES_MAX), 0, BODIES_MAX)
_NOTE = binary(1, _NOTE_BYTES_MAX)
_link = (("who", _WHO), ("agreement", _AGREEMENT))
_EVIDENCE: dict[str, tuple[type[Evidence], codec.Shape]] = {
    "claims": (Claims, codec.record(*_link, first=_CLAIM, second=_CLAIM)),
    "books": (
        WrongBooks,
        codec.record(
            *_link,
            base=binary(0, STATEMENT_BYTES_MAX),
            statement=_STATEMENT,
            low=_BODIES,
            high=_BODIES,
        ),
    ),
    "impossible": (
        Impossible,
        codec.record(*_link, run=binary(1, RUN_BYTES_MAX), about=binary(0, AGREEMENT_BYTES_MAX)),
    ),
    "verdicts": (
        Verdicts,
        codec.record(
            who=optional(_WHO),
            header=binary(1, HEADER_BYTES_MAX),
            first=_VERDICT,
            second=_VERDICT,
        ),
    ),
    "heads": (
        Heads,
        codec.record(
            who=optional(_WHO),
            key=binary(1, 512),
            first=_NOTE,
            second=_NOTE,
            root=binary(0, keys.HASH_BYTES),
            path=array_of(binary(keys.HASH_BYTES), 0, 128),
        ),
    ),
    "versions": (Versions, codec.record(conflict=binary(1, gossip.CONFLICT_BYTES_MAX))),
    "dispute": (Dispute, codec.record(*_link, theirs=_CLAIM, ours=_CLAIM)),
    "past": (Past, codec.record(*_link, statement=_STATEMENT)),
}
_KINDS = {made: kind for kind, (made, _) in _EVIDENCE.items()}
_WHOLE = codec.record(kind=one_of(*_EVIDENCE), content=binary(1, EVIDENCE_BYTES_MAX))

KINDS = tuple(_EVIDENCE)


def encode_evidence(evidence: Evidence) -> bytes:
    """[kind, content]. Raises MalformedObject, for what is out of bounds or too long."""
    kind = _KINDS[type(evidence)]
    content = codec.write(evidence, _EVIDENCE[kind][1], EVIDENCE_BYTES_MAX, _WHAT)
    return codec.write((kind, content), _WHOLE, EVIDENCE_BYTES_MAX, _WHAT)


def decode_evidence(data: bytes) -> Evidence:
    """Take evidence apart, nothing verified. Raises MalformedObject."""
    kind, content = codec.decode(data, _WHOLE, EVIDENCE_BYTES_MAX, _WHAT)
    made, shape = _EVIDENCE[kind]
    return made._make(codec.decode(content, shape, EVIDENCE_BYTES_MAX, _WHAT))


def verify_evidence(data: bytes) -> Finding:
    """What the evidence proves, and against whom.

    Raises MalformedObject, InvalidSignature or InvalidNote for what is not all there or not all
    signed, and InvalidProof for what contradicts nothing.
    """
    match decode_evidence(data):
        case Claims(who, agreement, first, second):
            accused = open_accused(who, agreement)
            return contradict(accused, *(open_claim(accused, each) for each in (first, second)))
        case WrongBooks() as books:
            accused = open_accused(books.who, books.agreement)
            return find_wrong(accused, books.base, books.statement, (books.low, books.high))
        case Impossible(who, agreement, run, about):
            return _impossible(who, agreement, run, about)
        case Verdicts() as verdicts:
            return _two_verdicts(verdicts)
        case Heads() as heads:
            return _two_heads(heads)
        case Versions(conflict):
            return _two_versions(conflict)
        case Dispute(who, agreement, theirs, ours):
            accused = open_accused(who, agreement)
            pair = open_claim(accused, theirs), open_claim(accused.turned(), ours)
            return disagree(accused, *pair)
        case Past(who, agreement, statement):
            accused = open_accused(who, agreement)
            claim = open_claim(accused, Claim("statement", statement))
            number = claim.received
            if not number:
                raise InvalidProof("This proves nothing: the statement acknowledges no message.")
            return accused.finding("past", convicted=False, number=number)


def _impossible(who: Who, agreement: bytes, run: bytes, about: bytes) -> Finding:
    accused = open_accused(who, agreement)
    seq, content = open_claim(accused, Claim("run", run)).contents[0]
    match content:
        case Commit(payment, signature):
            if payment_id(about) != payment:
                raise MalformedObject(_WHAT, "the header is another payment's")
            if not _fits(keys.COMMIT, payment, signature, decode_header(about).decision):
                return accused.finding("false-commit", number=seq, payment=payment)
        case Accept(agreed, signature):
            if keys.object_id(keys.AGREEMENT, about) != agreed:
                raise MalformedObject(_WHAT, "the agreement is another one")
            if not _fits(keys.AGREEMENT, about, signature, accused.key):
                return accused.finding("false-terms", number=seq)
        case Propose() | Prepare() if about:
            raise MalformedObject(_WHAT, "its message needs nothing beside it")
        case Propose(body, signature):
            of_link = _is_of_link(accused, body)
            if not of_link or not _fits(keys.AGREEMENT, body, signature, accused.key):
                return accused.finding("false-terms", number=seq)
        case Prepare(header):
            try:
                decode_header(header)
            except MalformedObject:
                return accused.finding("false-payment", number=seq, payment=payment_id(header))
        case _:
            pass
    raise InvalidProof("This proves nothing: an honest circle can have signed that message.")


def _fits(context: bytes, body: bytes, signature: bytes, key: bytes) -> bool:
    try:
        keys.verify(context, body, signature, key)
    except InvalidSignature:
        return False
    return True


def _is_of_link(accused: Accused, body: bytes) -> bool:
    """Whether proposed terms are between the circles of the link, with their keys and its unit."""
    try:
        proposed = decode_agreement(body)
    except MalformedObject:
        return False
    terms = accused.terms
    fixed = proposed.low[:4], proposed.high[:4], proposed.unit
    return fixed == (terms.low[:4], terms.high[:4], terms.unit)


def _two_verdicts(verdicts: Verdicts) -> Finding:
    header, payment = decode_header(verdicts.header), payment_id(verdicts.header)
    circle, origin, link = b"", "", b""
    for identity, body, signature in verdicts.who:
        certificate = open_certificate(body, signature, identity)
        circle, origin, link = certificate.circle, certificate.origin, certificate.link
        if (header.decider, header.decision) != (circle, certificate.decision):
            raise MalformedObject(_WHAT, "another circle decides on the payment")
    told = set()
    for what, signed in (verdicts.first, verdicts.second):
        match what:
            case "commit":
                verify_commit(verdicts.header, signed)
                told.add("committed")
            case "status":
                status = open_status(signed, header.decision)
                if status.payment != payment:
                    raise MalformedObject(_WHAT, "a status is of another payment")
                told.add(status.verdict)
            case _:
                _check_release(signed, circle, link, payment)
                told.add("refused")
    if told != {"committed", "refused"}:
        raise InvalidProof("This proves nothing: the two verdicts can both be.")
    return Finding("verdict", circle, origin, payment=payment, key=header.decision.hex())


def _check_release(run: bytes, circle: bytes, link: bytes, payment: bytes) -> None:
    """Check that the decider released a payment for good: with "payee", and for no other reason."""
    _, message, content = open_run(decode_run(run), link)[0]
    if message.sender != circle or not isinstance(content, Release) or content.payment != payment:
        raise MalformedObject(_WHAT, "the decider released another payment, or another circle did")
    if content.reason != FINAL:
        raise InvalidProof(
            f"This proves nothing: a payment released with {content.reason!r} may come another way."
        )


def _two_heads(heads: Heads) -> Finding:
    try:
        key = parse_vkey(heads.key.decode())
    except UnicodeDecodeError:
        raise MalformedObject(_WHAT, "the log's key is not UTF-8") from None
    circle = b""
    for identity, body, signature in heads.who:
        certificate = open_certificate(body, signature, identity)
        if (certificate.origin, certificate.log) != (key.name, key.public_key):
            raise MalformedObject(_WHAT, "the log's key is not the circle's")
        circle = certificate.circle
    first, second = (open_checkpoint(note, [key], key.name) for note in (heads.first, heads.second))
    if heads.path or heads.root:
        if not 0 < first.size < second.size:
            raise MalformedObject(_WHAT, "its second head is not the larger one")
        merkle.verify_consistency(first.size, second.size, heads.path, heads.root, second.root)
        same = heads.root == first.root
    else:
        if first.size != second.size:
            raise InvalidProof("This proves nothing: a log that grows has heads of many sizes.")
        same = first.root == second.root
    if same:
        raise InvalidProof("This proves nothing: the two heads are of one history.")
    return Finding("heads", circle, key.name, number=first.size, key=format_vkey(key))


def _two_versions(conflict: bytes) -> Finding:
    found = gossip.parse_conflict(conflict)
    gossip.verify_conflict(found)
    certificate = gossip.open_announcement(found.announcement or found.first)
    about = "keys" if found.announcement is None else "bulletin"
    return Finding(about, certificate.circle, certificate.origin, number=found.first.seq)
