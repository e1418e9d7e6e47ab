"""Vectors of what is no half of a referral: every limit overstepped, every word that is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger import codec
from ledger.codec import AMOUNT_MAX
from ledger.federation.referral import (
    HALF_BYTES_MAX,
    MOMENT_MAX,
    OFFERS_MAX,
    TRAITS,
    WINDOWS_MAX,
    Reply,
    Want,
)
from tests.ledger.samples import HASH
from tests.ledger.spelling import FOREIGN, other_spellings, spell
from tests.vectors.ledger_orders import Case, Files
from tests.vectors.referral_halves import (
    BEGINS,
    CAME,
    HOUR,
    ID,
    REPLY,
    THANKED,
    WANT,
    WHO,
    reply_of_bytes,
    want_of_bytes,
)

NOT_SHOWN = (
    "\u0000\u0009\u000b\u000d\u001b\u001f\u007f\u0085\u00a0\u00ad\u061c\u1680\u180e\u2000\u200b"
    "\u200d\u200f\u2028\u2029\u202e\u202f\u205f\u2066\u206f\u3000\ue000\uf8ff\ufdd0\ufdef\ufeff"
    "\ufff0\ufffb\ufffe\uffff\U00013430\U0001bca0\U0001d173\U000e0001\U000e00ff\U000f0000"
    "\U0010ffff"
)
NOT_UTF8 = {
    "a byte that begins nothing": b"St \xff",
    "a letter cut short": b"St \xc3",
    "a letter of Latin-1": b"Ana\xefs",
    "a letter spelt too long": b"\xc1\x81",
    "half of a pair": b"\xed\xa0\x80",
    "a character beyond the last": b"\xf4\x90\x80\x80",
}

Faults = Iterator[tuple[str, Any]]
Listed = list[tuple[str, Any]]
_NUMBERS = (-1, AMOUNT_MAX + 1, True, 1.0, "1")
_HALVES: dict[str, tuple[Any, ...]] = {
    "id": (ID[1:], bytes(17), "a" * 16),
    "seq": (0, *_NUMBERS),
}


def fault_files() -> Files:
    """Path to (about, cases)."""
    return {
        "invalid/want.json": (
            "encodings that are no half of the circle that asks",
            list(_refuse(_no_wants(), WANT)),
        ),
        "invalid/reply.json": (
            "encodings that are no half of the circle that is asked",
            list(_refuse(_no_replies(), REPLY)),
        ),
    }


def _refuse(faults: Faults, half: Want | Reply) -> Iterator[Case]:
    plain = tuple(half)
    spelt = [(why, codec.encode(fault)) for why, fault in faults]
    spelt += [
        (f"Its field {name} is {foreign}.", spell(plain, (place,), raw))
        for place, name in ((1, "seq"), (len(plain) - 1, half._fields[-1]))
        for foreign, raw in FOREIGN.items()
    ]
    spelt += [*other_forms(half), ("A field is missing.", codec.encode(plain[:-1]))]
    spelt.append(("A field is added.", codec.encode((*plain, 0))))
    for why, encoded in spelt:
        yield {"why": why, "error": "malformed", "encoded": encoded.hex()}


def other_forms(value: Any) -> Iterator[tuple[str, bytes]]:
    """The same value as no encoder of ours would write it, and what is only a part of it."""
    plain = tuple(value)
    for name, raw in other_spellings(plain).items():
        yield f"The whole is an array of {name}.", raw
    for place, part in enumerate(plain):
        for name, raw in other_spellings(part).items():
            field = value._fields[place]
            yield f"Its field {field} is spelt as {name}.", spell(plain, (place,), raw)
    encoded = codec.encode(plain)
    yield "A byte follows.", encoded + b"\0"
    yield "It ends too soon.", encoded[:-1]
    yield "Nothing at all.", b""
    yield "A map.", b"\x80"


def each_odd(value: Any, odd: dict[str, tuple[Any, ...]]) -> Faults:
    """The value with every listed oddity in the field of that name."""
    for name, values in odd.items():
        for wrong in values:
            yield f"Its {name} is {_tell(wrong)}.", value._replace(**{name: wrong})


def _tell(wrong: Any) -> str:
    return f"{len(wrong)} long" if len(repr(wrong)) > 40 else repr(wrong)


def _texts(value: Any, names: tuple[str, ...]) -> Faults:
    """Texts in the named fields that are not UTF-8, or not to be shown."""
    for name in names:
        for why, text in NOT_UTF8.items():
            yield f"In its {name} is {why}.", value._replace(**{name: text})
        yield f"In its {name} is a tab.", value._replace(**{name: b"a\tb"})
    for sign in NOT_SHOWN:
        text = f"a{sign}b".encode()
        yield f"In its {names[0]} is U+{ord(sign):04X}.", value._replace(**{names[0]: text})


def _no_wants() -> Faults:
    odd = _HALVES | {
        "state": ("", "closed", "looking", b"open", 0),
        "category": ("", "c" * 33, b"garden", "g\u00e4rten", "a\nb"),
        "area": (b"a" * 801, "St Thomas"),
        "minutes": (14, 481, True, 60.0),
        "places": (0, 11, True),
        "picks": (2, -1, True),
        "language": (b"l" * 801, "French"),
        "vetting": ("v" * 33, b"", "\u00e9", ()),
        "hour": (0, AMOUNT_MAX // 48_000 + 1, True),
    }
    yield from each_odd(WANT, odd)
    yield from _texts(WANT, ("area", "language"))
    for field, faults in (
        ("spot", _SPOTS),
        ("windows", _WINDOWS),
        ("traits", _TRAITS),
        ("who", _lists(WHO, "One to meet", "Two to meet", (WHO, WHO))),
        ("verdicts", _numbered(THANKED, "verdict", "word", "late")),
    ):
        for why, value in faults:
            yield why, WANT._replace(**{field: value})
    for why, who in _no_who():
        yield f"Of whom they meet: {why}", WANT._replace(who=(who,))
    for why, verdict in _no_verdicts():
        yield f"Of a verdict: {why}", WANT._replace(verdicts=(verdict,))
    yield "24,577 bytes.", want_of_bytes(HALF_BYTES_MAX + 1)


_PAIR = (BEGINS, BEGINS + HOUR)
_SPOTS: Listed = [
    ("Too far east.", ((20_000_000, 500),)),
    ("Too far north.", ((500, 20_000_000),)),
    ("Too far west.", ((-20_000_001, 500),)),
    ("Too far south.", ((500, -20_000_001),)),
    ("Two spots.", ((500, 500), (500, 500))),
    ("A spot without a northing.", ((500,),)),
    ("A spot with a height.", ((500, 500, 500),)),
    ("A spot that is in no array of one.", (500, 500)),
    ("Half a metre.", ((0.5, 500),)),
]
_WINDOWS: Listed = [
    ("No window.", ()),
    ("29 windows.", tuple((_PAIR[0] + n, _PAIR[1]) for n in range(WINDOWS_MAX + 1))),
    ("A window that does not end.", (_PAIR[:1],)),
    ("A window with a third moment.", ((*_PAIR, _PAIR[1] + 1),)),
    ("A window that is in no array of windows.", _PAIR),
    ("A window that ends as it begins.", ((BEGINS, BEGINS),)),
    ("A window that ends before it begins.", ((BEGINS + 1, BEGINS),)),
    ("The second window ends before it begins.", (_PAIR, _PAIR[::-1])),
    ("A window from before 1970.", ((-1, BEGINS),)),
    ("A window that ends after the century.", ((BEGINS, MOMENT_MAX + 1),)),
    ("A window between no whole numbers.", ((1.0, 2.0),)),
]
_TRAITS: Listed = [
    ("A trait that is none.", ("ladder",)),
    ("A trait without a name.", ("",)),
    ("Five traits.", (*TRAITS, "car")),
    ("A trait in bytes.", (b"car",)),
    ("A trait that is in no array.", "car"),
]


def _lists(value: Any, one: str, many: str, too_many: Any) -> Listed:
    """How an array of such records can be wrong."""
    return [
        (f"{many}.", too_many),
        (f"{one}, without the last field.", (value[:-1],)),
        (f"{one}, with a field more.", ((*value, 0),)),
        (f"{one}, in no array of such.", value),
    ]


def _numbered(value: Any, name: str, field: str, other: Any) -> Listed:
    """How an array of what has the number of an offer can be wrong."""
    many = tuple(value._replace(offer=number) for number in range(1, OFFERS_MAX + 2))
    return [
        *_lists(value, f"One {name}", f"65 {name}s", many),
        (f"The same {name} twice.", (value, value)),
        (f"Another {name} of the same offer.", (value, value._replace(**{field: other}))),
    ]


def _no_who() -> Faults:
    odd: dict[str, tuple[Any, ...]] = {
        "name": (b"n" * 801, "Ann"),
        "handle": ("h" * 33, b"ann", "\u00e9"),
        "reach": (b"r" * 801,),
        "address": (b"a" * 8_001,),
        "private": (b"p" * 8_001,),
    }
    yield from each_odd(WHO, odd)
    yield from _texts(WHO, ("name", "reach", "address", "private"))


def _no_verdicts() -> Faults:
    odd: dict[str, tuple[Any, ...]] = {
        "offer": (0, *_NUMBERS),
        "word": ("", "perhaps", "looking", b"held", 1),
        "minutes": (-1, 1441, True),
        "missed": ("both", b"", 0),
        "payment": (HASH[:1], HASH[:31], bytes(33), "a" * 32, (HASH,)),
        "thanks": (b"t" * 8_001, "Thank you"),
    }
    yield from each_odd(THANKED, odd)
    yield from _texts(THANKED, ("thanks",))


def _no_replies() -> Faults:
    odd = _HALVES | {
        "state": ("", "open", "settled", b"looking", 0),
    }
    yield from each_odd(REPLY, odd)
    for why, offers in _numbered(CAME, "offer", "stands", 0):
        yield why, REPLY._replace(offers=offers)
    offered: dict[str, tuple[Any, ...]] = {
        "offer": (0, *_NUMBERS),
        "begins": (-1, MOMENT_MAX + 1, True),
        "vetted": (-1, MOMENT_MAX + 1, True),
        "stands": (2, -1, True),
        "minutes": (-1, 1441, True),
        "missed": ("both", b"", 0),
        "name": (b"n" * 801, "Ben"),
        "handle": ("h" * 33, b"ben", "\u00e9"),
        "reach": (b"r" * 801, ""),
    }
    for faults in (each_odd(CAME, offered), _texts(CAME, ("name", "reach"))):
        for why, offer in faults:
            yield f"Of an offer: {why}", REPLY._replace(offers=(offer,))
    yield "24,577 bytes.", reply_of_bytes(HALF_BYTES_MAX + 1)
