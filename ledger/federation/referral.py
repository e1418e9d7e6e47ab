"""A request for help that one circle passes on to its neighbour (protocol.md, "Referrals").

Of each referral either circle writes one half, as a whole each time, under a rising number: the
circle that refers what is wanted and what it says of each offer, its neighbour what it offers. The
other keeps the newest and acts on it. So a half that is lost, repeated or late does no harm, and
there is nothing to be taken back. No tokens move: helpers are paid by payments.

Names, addresses and how to reach somebody stand in a half only once an offer is accepted.
"""

from __future__ import annotations

from typing import NamedTuple

from ledger import codec, keys
from ledger.characters import is_printable
from ledger.codec import AMOUNT_MAX, array_of, ascii_text, binary, integer, one_of, optional
from ledger.errors import MalformedObject
from ledger.federation.exchange import NONCE_BYTES, check_said

PATH = "/peer/v1/referrals"
ID_BYTES = 16
HALF_BYTES_MAX = 24 * 1024
HALVES_MAX = 8
"""In one request or answer."""
HEARD_MAX = 2 * HALVES_MAX
REFERRALS_BYTES_MAX = 512 * 1024
WINDOWS_MAX = 28
PLACES_MAX = 10
OFFERS_MAX = 64
LINE_BYTES_MAX = 800
PROSE_BYTES_MAX = 8000
TRAITS = ("car", "step-free", "woman", "no-pets")
NAME_MAX = 32
MINUTES_MAX = 480
TAKEN_MINUTES_MAX = 1440
"""What somebody asks for, and what it may have taken."""
HOUR_MAX = AMOUNT_MAX // (100 * MINUTES_MAX)
MOMENT_MAX = 4_102_444_799_999
"""Unix milliseconds: the last one of this century."""
SPOT_SIDE = 1000
"""Metres: a place is told as the middle of a square of that side."""


class Who(NamedTuple):
    """Whom an accepted helper meets: a name, a short name, how to reach them, and where.

    All in UTF-8, but for the short name.
    """

    name: bytes
    handle: str
    reach: bytes
    address: bytes
    private: bytes


class Verdict(NamedTuple):
    """What the circle that asked says of an offer.

    ``word`` is held (the asker thinks about it), late, declined, accepted or cancelled. Of an
    accepted one: ``minutes`` that it took, 0 before it is done; who was not there, ``missed``
    (helper, asker or ""); the ``payment`` by which it is paid, b"" before; and ``thanks``.
    """

    offer: int
    word: str
    minutes: int
    missed: str
    payment: bytes
    thanks: bytes


class Want(NamedTuple):
    """The half of the circle that asks, the ``seq``-th version.

    ``state`` is open while offers are taken, settled while somebody comes, and over. ``spot`` is
    easting and northing in metres, or ().
    ``windows`` are Unix milliseconds, within which ``minutes`` lie; ``places`` helpers are wanted,
    and with ``picks`` (1) the asker chooses among several. ``vetting`` is a level of the circle
    that is asked, or "". An ``hour`` is worth so many of its minor units. ``who`` is () until an
    offer is accepted.
    """

    id: bytes
    seq: int
    state: str
    category: str
    area: bytes
    spot: tuple[tuple[int, int], ...]
    minutes: int
    places: int
    picks: int
    windows: tuple[tuple[int, int], ...]
    traits: tuple[str, ...]
    language: bytes
    vetting: str
    hour: int
    who: tuple[Who, ...]
    verdicts: tuple[Verdict, ...]


class Offer(NamedTuple):
    """Somebody who can come, at ``begins`` (Unix milliseconds).

    ``vetted`` is the end of the day until which they have the vetting that was wanted, 0 where none
    was. ``stands`` is 0 once they cannot come. Once they are accepted: name, short name, how to
    reach them; ``minutes`` that it took, 0 before they say so; who was not there, ``missed``.
    """

    offer: int
    begins: int
    vetted: int
    stands: int
    minutes: int
    missed: str
    name: bytes
    handle: str
    reach: bytes


class Reply(NamedTuple):
    """The half of the circle that was asked: looking, nobody, or unfit where it cannot look."""

    id: bytes
    seq: int
    state: str
    offers: tuple[Offer, ...]


class Referrals(NamedTuple):
    """What two nodes say to each other. ``part`` is "referrals-request" or "referrals-answer".

    An answer has its request's ``nonce``; ``at`` is the sender's clock (Unix milliseconds).
    ``heard`` are the other's halves that the sender took: id, whether it is a want (1) or a reply
    (0), and number.
    """

    part: str
    link: bytes
    sender: bytes
    receiver: bytes
    nonce: bytes
    at: int
    heard: tuple[tuple[bytes, int, int], ...]
    wants: tuple[bytes, ...]
    replies: tuple[bytes, ...]


_hash = binary(keys.HASH_BYTES)
_id = binary(ID_BYTES)
_line = binary(0, LINE_BYTES_MAX)
_prose = binary(0, PROSE_BYTES_MAX)
_count = integer(1)
_moment = integer(0, MOMENT_MAX)
_flag = integer(0, 1)
_handle = ascii_text(0, NAME_MAX)
_missed = one_of("", "helper", "asker")
_metres = integer(-20_000_000, 19_999_999)
_WANT = codec.record(
    id=_id,
    seq=_count,
    state=one_of("open", "settled", "over"),
    category=ascii_text(1, NAME_MAX),
    area=_line,
    spot=optional(codec.record(easting=_metres, northing=_metres)),
    minutes=integer(15, MINUTES_MAX),
    places=integer(1, PLACES_MAX),
    picks=_flag,
    windows=array_of(codec.record(begins=_moment, ends=_moment), 1, WINDOWS_MAX),
    traits=array_of(one_of(*TRAITS), 0, len(TRAITS)),
    language=_line,
    vetting=ascii_text(0, NAME_MAX),
    hour=integer(1, HOUR_MAX),
    who=optional(
        codec.record(name=_line, handle=_handle, reach=_line, address=_prose, private=_prose)
    ),
    verdicts=array_of(
        codec.record(
            offer=_count,
            word=one_of("held", "late", "declined", "accepted", "cancelled"),
            minutes=integer(0, TAKEN_MINUTES_MAX),
            missed=_missed,
            payment=binary(0, keys.HASH_BYTES),
            thanks=_prose,
        ),
        0,
        OFFERS_MAX,
    ),
)
_REPLY = codec.record(
    id=_id,
    seq=_count,
    state=one_of("looking", "nobody", "unfit"),
    offers=array_of(
        codec.record(
            offer=_count,
            begins=_moment,
            vetted=_moment,
            stands=_flag,
            minutes=integer(0, TAKEN_MINUTES_MAX),
            missed=_missed,
            name=_line,
            handle=_handle,
            reach=_line,
        ),
        0,
        OFFERS_MAX,
    ),
)
_HALVES = array_of(binary(1, HALF_BYTES_MAX), 0, HALVES_MAX)
_REFERRALS = codec.record(
    part=one_of("referrals-request", "referrals-answer"),
    link=_hash,
    sender=_hash,
    receiver=_hash,
    nonce=binary(NONCE_BYTES),
    at=_moment,
    heard=array_of(codec.record(id=_id, is_want=_flag, seq=_count), 0, HEARD_MAX),
    wants=_HALVES,
    replies=_HALVES,
)
_SIGNED = codec.record(body=binary(1, REFERRALS_BYTES_MAX), signature=binary(keys.SIGNATURE_BYTES))


def encode_want(want: Want) -> bytes:
    """Raises MalformedObject, as all below."""
    return codec.write(want, _WANT, HALF_BYTES_MAX, "referral")


def decode_want(data: bytes) -> Want:
    """What a circle wants of its neighbour; text that cannot be shown is refused."""
    want = Want._make(codec.decode(data, _WANT, HALF_BYTES_MAX, "referral"))
    who = tuple(map(Who._make, want.who))
    verdicts = tuple(map(Verdict._make, want.verdicts))
    words = [want.area, want.language, *(each.thanks for each in verdicts)]
    for each in who:
        words += [each.name, each.reach, each.address, each.private]
    _check_words(words)
    _check_once([each.offer for each in verdicts])
    if any(begins >= ends for begins, ends in want.windows):
        raise MalformedObject("referral", "a window ends before it begins")
    if any(len(each.payment) not in (0, keys.HASH_BYTES) for each in verdicts):
        raise MalformedObject("referral", "a payment has another id than 32 bytes")
    return want._replace(who=who, verdicts=verdicts)


def encode_reply(reply: Reply) -> bytes:
    return codec.write(reply, _REPLY, HALF_BYTES_MAX, "reply to a referral")


def decode_reply(data: bytes) -> Reply:
    """What a neighbour offers."""
    reply = Reply._make(codec.decode(data, _REPLY, HALF_BYTES_MAX, "reply to a referral"))
    offers = tuple(map(Offer._make, reply.offers))
    _check_words([text for each in offers for text in (each.name, each.reach)])
    _check_once([each.offer for each in offers])
    return reply._replace(offers=offers)


def _check_words(words: list[bytes]) -> None:
    for each in words:
        try:
            shown = each.decode()
        except UnicodeDecodeError:
            raise MalformedObject("referral", "a text is not UTF-8") from None
        if not all(is_printable(line) for line in shown.split("\n")):
            raise MalformedObject("referral", "a text has characters that cannot be shown")


def _check_once(numbers: list[int]) -> None:
    if len(set(numbers)) < len(numbers):
        raise MalformedObject("referral", "an offer stands in it twice")


def sign_referrals(said: Referrals, link_seed: bytes) -> bytes:
    """The bytes of a request's or an answer's body."""
    body = codec.write(said, _REFERRALS, REFERRALS_BYTES_MAX, "referrals")
    return codec.encode((body, keys.sign(keys.REFERRALS, body, link_seed)))


def read_referrals(wire: bytes) -> tuple[Referrals, bytes, bytes]:
    """Parse, the signature not yet verified: what was said, what was signed, and the signature."""
    body, signature = codec.decode(wire, _SIGNED, REFERRALS_BYTES_MAX, "signed referrals")
    fields = codec.decode(body, _REFERRALS, REFERRALS_BYTES_MAX, "referrals")
    return Referrals._make(fields), body, signature


def verify_referrals(
    said: Referrals, body: bytes, signature: bytes, expected: Referrals, link_key: bytes
) -> None:
    """Check who said it, to whom and when: as ``expected`` has part, link, sender, receiver and
    nonce, and at most CLOCKS_MS_MAX from its ``at``.

    Raises InvalidSignature, MalformedObject.
    """
    keys.verify(keys.REFERRALS, body, signature, link_key)
    check_said("referrals", said[:5] == expected[:5], said.at, expected.at)
