"""Vectors of halves of referrals: what a circle wants of its neighbour, and what that offers."""

from __future__ import annotations

from ledger import codec
from ledger.codec import AMOUNT_MAX
from ledger.federation.referral import (
    HALF_BYTES_MAX,
    MOMENT_MAX,
    OFFERS_MAX,
    TRAITS,
    WINDOWS_MAX,
    Offer,
    Reply,
    Verdict,
    Want,
    Who,
    encode_reply,
    encode_want,
)
from tests.circle import NOON
from tests.ledger.samples import HASH
from tests.vectors.ledger_orders import Case, Files, render

HOUR = 3_600_000
BEGINS = NOON + 48 * HOUR
ID = bytes(range(16))

SCRIPTS = (
    "Thank you, dear Ana\u00efs!",
    "Dzi\u0119kuj\u0119 bardzo",
    "\u0421\u043f\u0430\u0441\u0438\u0431\u043e",
    "\u0395\u03c5\u03c7\u03b1\u03c1\u03b9\u03c3\u03c4\u03ce",
    "\u0634\u0643\u0631\u0627",
    "\u05ea\u05d5\u05d3\u05d4",
    "\u0927\u0928\u094d\u092f\u0935\u093e\u0926",
    "\u0e02\u0e2d\u0e1a\u0e04\u0e38\u0e13",
    "\u8c22\u8c22",
    "\u3042\u308a\u304c\u3068\u3046",
    "\uac10\uc0ac\ud569\ub2c8\ub2e4",
    "\U0001f64f\U0001f3fd \u2764\ufe0f",
)
"""Thanks, as different people write them."""

SHOWN = (
    "\u0020\u007e\u00a1\u00ac\u00ae\u061b\u061d\u167f\u1681\u180d\u180f\u1fff\u2010\u2027\u2030"
    "\u205e\u2070\u2fff\u3001\ud7ff\uf900\ufdcf\ufdf0\ufefe\uff00\uffef\ufffc\ufffd\U00010000"
    "\U0001342f\U00013440\U0001bc9f\U0001bca4\U0001d172\U0001d17b\U000dffff\U000e0100\U000effff"
)
"""What stands right beside what cannot be shown."""

WHO = Who(b"Ann Hart", "ann", b"07700 900123", b"3 Mill Lane\nExeter", b"The key is at number 5.")
THANKED = Verdict(5, "accepted", 75, "", HASH, b"Thank you, all is well.")
WANT = Want(
    id=ID,
    seq=7,
    state="settled",
    category="garden",
    area=b"St Thomas, by the river",
    spot=((291_500, 91_500),),
    minutes=90,
    places=3,
    picks=1,
    windows=((BEGINS, BEGINS + 3 * HOUR), (BEGINS + 24 * HOUR, BEGINS + 26 * HOUR)),
    traits=TRAITS,
    language="Fran\u00e7ais".encode(),
    vetting="keys-and-money",
    hour=1_250,
    who=(WHO,),
    verdicts=(
        Verdict(1, "held", 0, "", b"", b""),
        Verdict(2, "late", 0, "", b"", b""),
        Verdict(3, "declined", 0, "", b"", b""),
        Verdict(4, "accepted", 0, "", b"", b""),
        THANKED,
        Verdict(6, "accepted", 60, "", b"", b""),
        Verdict(7, "accepted", 0, "helper", b"", b""),
        Verdict(8, "accepted", 0, "asker", b"", b""),
        Verdict(9, "cancelled", 0, "", b"", b""),
    ),
)
FEWEST = Want(
    *(bytes(16), 1, "open", "a", b"", (), 15, 1, 0, ((0, 1),), (), b"", "", 1, (), ()),
)
CAME = Offer(4, BEGINS, NOON, 1, 80, "", b"Ben Okoro", "ben", b"ben@luton.example")
REPLY = Reply(
    id=ID,
    seq=6,
    state="looking",
    offers=(
        Offer(1, BEGINS, NOON, 1, 0, "", b"", "", b""),
        Offer(2, BEGINS + HOUR, 0, 0, 0, "", b"", "", b""),
        CAME,
        Offer(5, BEGINS, 0, 1, 0, "helper", b"Cleo", "cleo", b""),
        Offer(6, BEGINS, 0, 1, 0, "asker", b"Dov", "dov", b""),
    ),
)
SILENT = Reply(bytes(16), 1, "looking", ())


def half_files() -> Files:
    """Path to (about, cases)."""
    return {
        "valid/want.json": (
            "the half of a referral of the circle that asks: fields, and their encoding",
            [_say(shows, want=want) for shows, want in _wants()],
        ),
        "valid/reply.json": (
            "the half of a referral of the circle that is asked: fields, and their encoding",
            [_say(shows, reply=reply) for shows, reply in _replies()],
        ),
    }


def _say(shows: str, **named: Want | Reply) -> Case:
    [(name, half)] = named.items()
    encoded = encode_want(half) if isinstance(half, Want) else encode_reply(half)
    return {"shows": shows, name: render(half), "encoded": encoded.hex()}


def want_of_bytes(size: int) -> Want:
    """One that has so many, and no text at its limit."""
    who = WHO._replace(address=b"a" * 7_000, private=b"p" * 7_000)
    first, last = (
        THANKED._replace(thanks=b"t" * 5_000),
        THANKED._replace(offer=6, thanks=bytes(256)),
    )
    want = WANT._replace(who=(who,), verdicts=(first, last))
    rest = size - len(codec.encode(want))
    return want._replace(verdicts=(first, last._replace(thanks=b"t" * (256 + rest))))


def reply_of_bytes(size: int) -> Reply:
    """One that has so many, and no text at its limit."""
    offers = tuple(
        CAME._replace(offer=number, name=b"n" * 790, reach=b"r" * 770) for number in range(1, 16)
    )
    last = CAME._replace(offer=16, reach=bytes(256))
    rest = size - len(codec.encode(REPLY._replace(offers=(*offers, last))))
    return REPLY._replace(offers=(*offers, last._replace(reach=b"r" * (256 + rest))))


def _wants() -> list[tuple[str, Want]]:
    long, prose = "\u00e9".encode() * 400, "\u8c22".encode() * 2_666 + b"\n!"
    many = tuple((BEGINS + n * HOUR, BEGINS + (n + 1) * HOUR) for n in range(WINDOWS_MAX))
    shown = SHOWN.encode()
    return [
        ("The least that can be wanted.", FEWEST),
        ("All that a want can have, and every word of a verdict.", WANT),
        ("Nobody came, and nothing more is wanted.", FEWEST._replace(seq=2, state="over")),
        ("Somebody has still to say yes.", WANT._replace(state="open", who=(), verdicts=())),
        (
            "Thanks in many scripts.",
            WANT._replace(
                verdicts=tuple(
                    THANKED._replace(offer=number, thanks=thanks.encode())
                    for number, thanks in enumerate(SCRIPTS, 1)
                )
            ),
        ),
        (
            "Lines of 800 bytes, and names of 32 characters.",
            WANT._replace(
                *(),
                category="c" * 32,
                area=long,
                language=long,
                vetting="v" * 32,
                who=(WHO._replace(name=long, handle="h" * 32, reach=long),),
            ),
        ),
        (
            "An address, what is private, and thanks of 8,000 bytes each.",
            FEWEST._replace(
                who=(Who(b"", "", b"", prose, prose),), verdicts=(THANKED._replace(thanks=prose),)
            ),
        ),
        ("24,576 bytes, which is the most.", want_of_bytes(HALF_BYTES_MAX)),
        (
            "The largest numbers.",
            WANT._replace(
                seq=AMOUNT_MAX,
                spot=((19_999_500, -19_999_500),),
                minutes=480,
                places=10,
                hour=AMOUNT_MAX // 48_000,
                verdicts=(THANKED._replace(offer=AMOUNT_MAX, minutes=1440),),
            ),
        ),
        ("As many windows as there may be.", WANT._replace(windows=many)),
        ("Windows in no order, of which two overlap.", WANT._replace(windows=(many[3], *many[:2]))),
        ("The last moment of the century.", FEWEST._replace(windows=((0, MOMENT_MAX),))),
        ("A trait that is named twice.", WANT._replace(traits=("car", "car"))),
        (
            "As many verdicts as there may be, in no order.",
            WANT._replace(
                verdicts=tuple(THANKED._replace(offer=1 + n * 5 % 64) for n in range(OFFERS_MAX))
            ),
        ),
        (
            "Line feeds, and characters next to those that cannot be shown.",
            WANT._replace(
                area=shown, language=b"\n" + shown, who=(Who(shown, "", shown, shown, b"\n\n"),)
            ),
        ),
    ]


def _replies() -> list[tuple[str, Reply]]:
    long = "\u8c22".encode() * 266 + b"\n."
    named = tuple(
        CAME._replace(offer=number, name=name.encode(), reach=name.encode())
        for number, name in enumerate(SCRIPTS, 1)
    )
    plain = Offer(1, 0, 0, 1, 0, "", b"", "", b"")
    return [
        ("Somebody is looked for.", SILENT),
        ("Nobody else will be asked.", SILENT._replace(seq=2, state="nobody")),
        ("The circle cannot look.", SILENT._replace(state="unfit")),
        ("Offers: one that stands, one that does not, and three that were accepted.", REPLY),
        ("Names in many scripts.", REPLY._replace(offers=named)),
        (
            "Lines of 800 bytes, and a short name of 32 characters.",
            REPLY._replace(offers=(CAME._replace(name=long, handle="h" * 32, reach=long),)),
        ),
        ("24,576 bytes, which is the most.", reply_of_bytes(HALF_BYTES_MAX)),
        (
            "The largest numbers.",
            REPLY._replace(
                seq=AMOUNT_MAX,
                offers=(
                    CAME._replace(
                        offer=AMOUNT_MAX, begins=MOMENT_MAX, vetted=MOMENT_MAX, minutes=1440
                    ),
                ),
            ),
        ),
        (
            "As many offers as there may be, in no order.",
            REPLY._replace(
                offers=tuple(plain._replace(offer=1 + n * 5 % 64) for n in range(OFFERS_MAX))
            ),
        ),
        (
            "Characters next to those that cannot be shown.",
            REPLY._replace(offers=(CAME._replace(name=SHOWN.encode(), reach=b"\n"),)),
        ),
    ]
