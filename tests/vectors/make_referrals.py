"""Makes the vectors of referrals: ``python -m tests.vectors.make_referrals``.

Their form is that of :mod:`tests.vectors.make_federation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX
from ledger.federation.referral import (
    HALF_BYTES_MAX,
    HALVES_MAX,
    HEARD_MAX,
    MOMENT_MAX,
    Referrals,
    encode_reply,
    encode_want,
    sign_referrals,
)
from tests.circle import NOON, key, seed
from tests.vectors.federation_agreements import LINK, circle_of
from tests.vectors.ledger_orders import Case, Files, render
from tests.vectors.referral_faults import each_odd, fault_files, other_forms
from tests.vectors.referral_halves import (
    FEWEST,
    ID,
    REPLY,
    SILENT,
    WANT,
    half_files,
    want_of_bytes,
)

FOLDER = Path(__file__).parent
ENCODING = "bytes are lowercase hex; an optional field is an empty list or a list of one"

REQUEST = Referrals(
    part="referrals-request",
    link=LINK,
    sender=circle_of("exeter"),
    receiver=circle_of("luton"),
    nonce=bytes(range(16)),
    at=NOON,
    heard=((ID, 0, REPLY.seq), (bytes(16), 1, 1)),
    wants=(encode_want(WANT), encode_want(FEWEST)),
    replies=(encode_reply(SILENT),),
)
ANSWER = REQUEST._replace(
    part="referrals-answer",
    sender=REQUEST.receiver,
    receiver=REQUEST.sender,
    at=NOON + 250,
    heard=((ID, 1, WANT.seq), (FEWEST.id, 1, FEWEST.seq), (SILENT.id, 0, SILENT.seq)),
    wants=(),
    replies=(encode_reply(REPLY),),
)


def make() -> dict[str, str]:
    """Path under this folder to content, for every file."""
    files = half_files() | fault_files() | _referral_files()
    return {
        path: json.dumps({"about": about, "encoding": ENCODING, "cases": cases}, indent=1) + "\n"
        for path, (about, cases) in files.items()
    }


def _referral_files() -> Files:
    return {
        "valid/referrals.json": (
            "what two nodes tell each other of referrals: a request, an answer",
            [_say(shows, said) for shows, said in _told()],
        ),
        "invalid/referrals.json": (
            "bodies that are no request or answer, or that the link key did not sign",
            [*_no_referrals(), *_not_signed()],
        ),
    }


def _name_of(said: Referrals) -> str:
    return "exeter link" if said.sender == circle_of("exeter") else "luton link"


def _say(shows: str, said: Referrals) -> Case:
    name = _name_of(said)
    return {
        "shows": shows,
        "link_seed": seed(name).hex(),
        "link_key": key(name).hex(),
        "referrals": render(said),
        "wire": sign_referrals(said, seed(name)).hex(),
    }


def _told() -> list[tuple[str, Referrals]]:
    nothing = REQUEST._replace(heard=(), wants=(), replies=())
    long = encode_want(want_of_bytes(HALF_BYTES_MAX))
    return [
        ("A request with two wants, a reply, and what was heard.", REQUEST),
        ("The answer to it, with a reply.", ANSWER),
        ("A request that has nothing to say.", nothing),
        ("An answer to it that has none either.", ANSWER._replace(heard=(), replies=())),
        ("The first moment.", nothing._replace(at=0, nonce=bytes(16))),
        ("The last moment of the century.", nothing._replace(at=MOMENT_MAX)),
        (
            "As many halves as there may be, and as much that was heard.",
            nothing._replace(
                heard=((ID, 1, AMOUNT_MAX),) * HEARD_MAX,
                wants=(encode_want(FEWEST),) * HALVES_MAX,
                replies=(encode_reply(SILENT),) * HALVES_MAX,
            ),
        ),
        (
            "A half that cannot be read, which stops no other.",
            nothing._replace(wants=(b"?", encode_want(FEWEST)), replies=(encode_want(FEWEST),)),
        ),
        (
            "More than 65,535 bytes, with halves that are as long as can be.",
            nothing._replace(wants=(long, long), replies=(b"?" * HALF_BYTES_MAX,)),
        ),
    ]


def _refused(why: str, wire: bytes, error: str = "malformed") -> Case:
    return {"why": why, "error": error, "link_key": key("exeter link").hex(), "wire": wire.hex()}


def _sign(body: bytes, context: bytes = keys.REFERRALS, name: str = "exeter link") -> bytes:
    return codec.encode((body, keys.sign(context, body, seed(name))))


_ODD_HASHES = (bytes(31), bytes(33), "a" * 32)
_ODD_NUMBERS = (-1, True, 1.0, "1")


def _no_referrals() -> Iterator[Case]:
    odd: dict[str, tuple[Any, ...]] = {
        "part": ("", "request", "answer", "referrals", b"referrals-request", 1),
        "link": _ODD_HASHES,
        "sender": _ODD_HASHES,
        "receiver": _ODD_HASHES,
        "nonce": (bytes(15), bytes(17), "a" * 16),
        "at": (MOMENT_MAX + 1, *_ODD_NUMBERS),
    }
    faults = [*each_odd(REQUEST, odd), *_no_lists()]
    for why, said in faults:
        yield _refused(why, _sign(codec.encode(said)))
    for why, body in other_forms(REQUEST):
        yield _refused(why, _sign(body))
    yield _refused("A field is missing.", _sign(codec.encode(REQUEST[:-1])))
    yield _refused("A field is added.", _sign(codec.encode((*REQUEST, 0))))
    yield _refused("A want, and nothing around it.", _sign(encode_want(WANT)))


def _no_lists() -> Iterator[tuple[str, Any]]:
    """Wrong arrays of halves, and of what was heard."""
    half = encode_want(FEWEST)
    heard: dict[str, Any] = {
        "17 heard": ((ID, 1, 1),) * (HEARD_MAX + 1),
        "An id of 15 bytes heard": ((ID[1:], 1, 1),),
        "An id of 17 bytes heard": ((bytes(17), 1, 1),),
        "One heard that is neither want nor reply": ((ID, 2, 1),),
        "One heard, whether it is a want as a truth": ((ID, True, 1),),
        "The number 0 heard": ((ID, 1, 0),),
        "The number 2^53 heard": ((ID, 1, AMOUNT_MAX + 1),),
        "One heard without a number": ((ID, 1),),
        "One heard with a field more": ((ID, 1, 1, 0),),
        "One heard, in no array of such": (ID, 1, 1),
    }
    for why, value in heard.items():
        yield f"{why}.", REQUEST._replace(heard=value)
    halves: dict[str, Any] = {
        "Nine": (half,) * (HALVES_MAX + 1),
        "None in one of the": (half, b""),
        "24,577 bytes in one of the": (half, bytes(HALF_BYTES_MAX + 1)),
        "A string among the": ("a",),
        "An array among the": (tuple(FEWEST),),
        "No array for the": half,
    }
    for name in ("wants", "replies"):
        for why, value in halves.items():
            yield f"{why} {name}.", REQUEST._replace(**{name: value})


def _not_signed() -> Iterator[Case]:
    wrong = "signature-invalid"
    body = codec.encode(REQUEST)
    signature = keys.sign(keys.REFERRALS, body, seed("exeter link"))
    for purpose, context in {
        "an exchange": keys.EXCHANGE,
        "an agreement": keys.AGREEMENT,
        "a link message": keys.MESSAGE,
        "a statement": keys.STATEMENT,
        "a COMMIT": keys.COMMIT,
        "a gossip envelope": keys.GOSSIP,
        "referrals of a second version": b"tallystick/referrals/v2\0",
        "referrals, without the byte after the context": keys.REFERRALS[:-1],
        "nothing": b"",
    }.items():
        yield _refused(f"Signed as {purpose}.", _sign(body, context), wrong)
    for who in ("luton link", "exeter decision", "exeter identity"):
        yield _refused(f"Signed by another key: {who}.", _sign(body, name=who), wrong)
    others: dict[str, Any] = {
        "part": ANSWER.part,
        "link": bytes(32),
        "sender": REQUEST.receiver,
        "receiver": REQUEST.sender,
        "nonce": bytes(16),
        "at": REQUEST.at + 1,
        "heard": REQUEST.heard[:1],
        "wants": REQUEST.wants[:1],
        "replies": (),
    }
    for field, value in others.items():
        changed = codec.encode(REQUEST._replace(**{field: value}))
        yield _refused(
            f"Another {field} than was signed.", codec.encode((changed, signature)), wrong
        )
    for place in (0, 31, 32, 63):
        bits = bytearray(signature)
        bits[place] ^= 1
        wire = codec.encode((body, bytes(bits)))
        yield _refused(f"Byte {place} of the signature is another.", wire, wrong)
    yield _refused("Nobody signed.", codec.encode((body, bytes(64))), wrong)
    for why, wire in (
        ("A signature of 63 bytes.", codec.encode((body, signature[:63]))),
        ("A signature of 65 bytes.", codec.encode((body, signature + b"\0"))),
        ("No signature.", codec.encode((body,))),
        ("A third part.", codec.encode((body, signature, 0))),
        ("No body.", _sign(b"")),
        ("The body alone.", body),
        ("A byte follows the signature.", _sign(body) + b"\0"),
        ("The pair is an array of 16 bits.", b"\xdc\0\2" + _sign(body)[1:]),
        ("Nothing at all.", b""),
    ):
        yield _refused(why, wire)


if __name__ == "__main__":
    for path, content in make().items():
        (FOLDER / path).write_text(content)
