"""Vectors of agreements between circles, and of what their rates make of amounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger import codec, keys
from ledger.codec import AMOUNT_MAX
from ledger.federation.agreement import (
    Agreement,
    Party,
    encode_agreement,
    link_amount,
    link_id,
    make_agreement,
    sign_agreement,
    worth_at_least,
    worth_at_most,
)
from tests.circle import key, seed
from tests.vectors.ledger_keys import MIXED, NO_POINT
from tests.vectors.ledger_orders import Case, Files, render


def circle_of(name: str) -> bytes:
    """The id of the circle whose identity key is called so."""
    return keys.circle_id(key(f"{name} identity"))


def party_of(name: str, own: int, linked: int, owes_max: int) -> Party:
    """One side of an agreement."""
    link, decision = key(f"{name} link"), key(f"{name} decision")
    origin, url = f"{name}.example/log", f"https://{name}.example"
    return Party(circle_of(name), origin, link, decision, url, own, linked, owes_max)


ONE, OTHER = party_of("exeter", 1, 1, 5_000), party_of("luton", 7, 3, 4_000)
AGREEMENT = make_agreement(1, b"hours", 2_000, 50, ONE, OTHER)
BODY = encode_agreement(AGREEMENT)
LOW, HIGH = (
    "exeter" if side.circle == ONE.circle else "luton" for side in (AGREEMENT.low, AGREEMENT.high)
)
LINK = link_id(ONE.circle, OTHER.circle)


def agreement_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/agreement.json": (
            "agreements of two circles: fields, the body that both sign, the wire, the link's id",
            list(_agreements()),
        ),
        "invalid/agreement.json": (
            "wires that are no agreement, or that not both signed",
            [*_no_agreements(), *_unsigned_agreements()],
        ),
        "valid/rate.json": (
            "what a link's amounts are worth to a circle whose own minor units are worth linked",
            _rates(),
        ),
    }


def _agreements() -> Iterator[Case]:
    large = party_of("exeter", 1_000_000, 1, 9 * 10**8)
    largest = AMOUNT_MAX - 5_001
    changes: list[tuple[str, Agreement]] = [
        ("The first agreement of two circles.", AGREEMENT),
        ("A later one, by which nobody may owe.", AGREEMENT._replace(number=7, hold_max=1)),
        ("A unit in another script.", AGREEMENT._replace(unit="\u65f6".encode())),
        ("The largest rate.", make_agreement(1, b"h", 1, 10_000, large, OTHER)),
        (
            "All that may be owed is the largest amount.",
            make_agreement(
                1,
                b"h",
                1,
                1,
                ONE._replace(owes_max=largest),
                OTHER._replace(own=1, linked=1, owes_max=5_000),
            ),
        ),
    ]
    for shows, agreement in changes:
        body = encode_agreement(agreement)
        signatures = [sign_agreement(body, seed(f"{name} link")) for name in (LOW, HIGH)]
        yield {
            "shows": shows,
            "low_seed": seed(f"{LOW} link").hex(),
            "high_seed": seed(f"{HIGH} link").hex(),
            "agreement": render(agreement),
            "body": body.hex(),
            "wire": codec.encode((body, *signatures)).hex(),
            "id": keys.object_id(keys.AGREEMENT, body).hex(),
            "link": LINK.hex(),
        }


def _both_sign(body: bytes) -> bytes:
    signatures = [sign_agreement(body, seed(f"{name} link")) for name in (LOW, HIGH)]
    return codec.encode((body, *signatures))


def _no_agreements() -> Iterator[Case]:
    low, high = AGREEMENT.low, AGREEMENT.high
    changes: list[tuple[str, Any]] = [
        ("The higher circle first.", AGREEMENT._replace(low=high, high=low)),
        ("A circle with itself.", AGREEMENT._replace(high=low)),
        ("The number 0.", AGREEMENT._replace(number=0)),
        ("No unit.", AGREEMENT._replace(unit=b"")),
        ("A unit that is not UTF-8.", AGREEMENT._replace(unit=b"\xff")),
        ("A unit with a line break.", AGREEMENT._replace(unit=b"a\nb")),
        ("A unit of 41 bytes.", AGREEMENT._replace(unit=b"h" * 41)),
        ("No payment may be of anything.", AGREEMENT._replace(hold_max=0)),
        ("10,001 payments at once.", AGREEMENT._replace(holds_max=10_001)),
        ("A rate of nothing.", AGREEMENT._replace(low=low._replace(own=0))),
        ("A rate for nothing.", AGREEMENT._replace(low=low._replace(linked=0))),
        ("A rate over 1,000,000.", AGREEMENT._replace(high=high._replace(own=1_000_001))),
        ("More owed than an amount.", AGREEMENT._replace(hold_max=AMOUNT_MAX)),
        (
            "More owed than an amount, in one circle's own unit.",
            AGREEMENT._replace(hold_max=10**10, low=low._replace(own=10**6, linked=1)),
        ),
        ("A negative debt.", AGREEMENT._replace(low=low._replace(owes_max=-1))),
        ("A link key that is no point.", AGREEMENT._replace(low=low._replace(link=NO_POINT))),
        (
            "A decision key outside the subgroup.",
            AGREEMENT._replace(low=low._replace(decision=MIXED)),
        ),
        ("An address of nothing.", AGREEMENT._replace(low=low._replace(url=""))),
        ("A number that is true.", AGREEMENT._replace(number=True)),
        ("A field is missing.", AGREEMENT[:-1]),
        ("A field is added.", (*AGREEMENT, 0)),
    ]
    for why, value in changes:
        wire = _both_sign(codec.encode(value))
        yield {"why": why, "error": "malformed", "wire": wire.hex()}
    for why, body in not_canonical(BODY):
        yield {"why": why, "error": "malformed", "wire": _both_sign(body).hex()}


def not_canonical(body: bytes) -> list[tuple[str, bytes]]:
    """Other spellings of an array of fewer than 16."""
    return [
        ("A byte follows.", body + b"\0"),
        ("It ends too soon.", body[:-1]),
        ("An array of 16 bits.", b"\xdc\0" + bytes((body[0] & 15,)) + body[1:]),
        ("Nothing at all.", b""),
    ]


def _unsigned_agreements() -> Iterator[Case]:
    low, high = (sign_agreement(BODY, seed(f"{name} link")) for name in (LOW, HIGH))
    wrong = {
        "Signatures in the other order.": (high, low),
        "The lower circle signed alone.": (low, low),
        "A stranger signed for the higher.": (low, sign_agreement(BODY, seed("stranger"))),
        "Signed for another purpose.": (
            low,
            keys.sign(keys.MESSAGE, BODY, seed(f"{HIGH} link")),
        ),
        "The decision key signed.": (low, sign_agreement(BODY, seed(f"{HIGH} decision"))),
    }
    for why, pair in wrong.items():
        wire = codec.encode((BODY, *pair))
        yield {"why": why, "error": "signature-invalid", "wire": wire.hex()}
    short = codec.encode((BODY, low, high[:63]))
    yield {"why": "A signature of 63 bytes.", "error": "malformed", "wire": short.hex()}


def _rates() -> list[Case]:
    cases = []
    for own, linked in ((1, 1), (6, 1), (1, 6), (7, 3), (3, 7), (1_000_000, 999_983)):
        for amount in (1, 2, 3, 100, 6_000_001):
            side = ONE._replace(own=own, linked=linked)
            cases.append(
                {
                    "shows": f"{own} are worth {linked}.",
                    "own": own,
                    "linked": linked,
                    "amount": amount,
                    "worth_at_least": worth_at_least(side, amount),
                    "worth_at_most": worth_at_most(side, amount),
                    "amount_for": link_amount(side, amount),
                }
            )
    return cases
