"""The fields of every signed or hashed object, as tables of tests (protocol.md, "Encoding").

A table lists what each place of an array may be. ``read`` takes canonical bytes apart by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ledger import codec
from node.check.findings import WrongEntry

AMOUNT_MAX = 2**53 - 1
DAY_MS = 86_400_000
ORDER_BYTES_MAX = 32_768

Test = Callable[[Any], bool]
Table = Sequence[tuple[str, Test]]


def whole(low: int = -AMOUNT_MAX, high: int = AMOUNT_MAX) -> Test:
    return lambda value: type(value) is int and low <= value <= high


def octets(low: int, high: int | None = None) -> Test:
    most = low if high is None else high
    return lambda value: type(value) is bytes and low <= len(value) <= most


def printable(low: int, high: int) -> Test:
    return lambda value: (
        type(value) is str and low <= len(value) <= high and all(" " <= c <= "~" for c in value)
    )


def word(*words: str) -> Test:
    return lambda value: type(value) is str and value in words


def perhaps(test: Test) -> Test:
    return lambda value: (
        type(value) is tuple and (not value or (len(value) == 1 and test(value[0])))
    )


def several(test: Test, low: int, high: int) -> Test:
    return lambda value: (
        type(value) is tuple and low <= len(value) <= high and all(map(test, value))
    )


def group(*tests: Test) -> Test:
    return lambda value: (
        type(value) is tuple
        and len(value) == len(tests)
        and all(test(part) for test, part in zip(tests, value, strict=True))
    )


HASH = KEY = octets(32)
SIGNATURE = octets(64)
SOME, ANY, DELTA = whole(1), whole(0), whole()
FLOOR = whole(-AMOUNT_MAX, 0)
FLAG = whole(0, 1)
OFFICE = word("coordinator", "auditor")
ACT_FOR_ANOTHER = ("pay", "hold", "settle", "release", "claim", "object", "assign")
"""What a mandate or a slip can be for."""
LEGS = several(group(SOME, SOME), 1, 1000)

LEAF: Table = (
    ("version", whole(1, 1)),
    ("kind", printable(1, 16)),
    ("log_time", ANY),
    ("public", octets(0, 4096)),
    ("order", perhaps(HASH)),
    ("postings", perhaps(HASH)),
    ("personal", perhaps(HASH)),
)
POSTING: Table = (
    ("account", SOME),
    ("seq", SOME),
    ("delta", DELTA),
    ("balance", DELTA),
    ("held", ANY),
    ("previous", HASH),
)
SIGNED_ORDER: Table = (
    ("body", octets(1, ORDER_BYTES_MAX)),
    ("signature", SIGNATURE),
    ("cosignatures", several(group(KEY, SIGNATURE), 0, 16)),
)
HEADER: Table = (
    ("circle", HASH),
    ("kind", printable(1, 16)),
    ("account", ANY),
    ("person", ANY),
    ("device", KEY),
    ("nonce", ANY),
    ("expires", ANY),
    ("text", perhaps(HASH)),
    ("slip", perhaps(group(printable(1, 32), printable(1, 32)))),
    ("mandate", perhaps(ANY)),
)
_EVIDENCE = perhaps(octets(1, 4096))
ACTS: dict[str, Table] = {
    "pay": (
        ("legs", LEGS),
        ("happened_on", perhaps(whole(0, 2_932_896))),
        ("request", perhaps(HASH)),
    ),
    "hold": (
        ("payee", perhaps(SOME)),
        ("amount", SOME),
        ("until", ANY),
        ("claim_window", perhaps(ANY)),
        ("coordinator", FLAG),
        ("evidence", perhaps(HASH)),
    ),
    "settle": (("hold", ANY), ("payee", SOME), ("amount", SOME), ("evidence", _EVIDENCE)),
    "release": (("hold", ANY), ("evidence", _EVIDENCE)),
    "claim": (("hold", ANY), ("amount", SOME)),
    "object": (("hold", ANY),),
    "assign": (("hold", ANY), ("payee", perhaps(SOME)), ("claim_window", perhaps(ANY))),
    "defer": (("hold", ANY),),
    "sell": (("amount", SOME), ("reference", printable(1, 64))),
    "redeem": (("amount", SOME), ("reference", printable(1, 64))),
    "levy": (("legs", LEGS),),
    "payout": (("legs", LEGS),),
    "reverse": (("entry", ANY),),
    "invite": (
        ("key", KEY),
        ("floor", FLOOR),
        ("ceiling", ANY),
        ("starter", ANY),
        ("office", word("", "coordinator", "auditor")),
        ("until", ANY),
    ),
    "uninvite": (("key", KEY),),
    "join": (("invitation", KEY), ("signature", SIGNATURE)),
    "open": (
        ("holder", perhaps(SOME)),
        ("floor", FLOOR),
        ("ceiling", ANY),
        ("starter", ANY),
        ("deviceless", FLAG),
        ("enrolment", perhaps(octets(1, 512))),
    ),
    "close": (),
    "limits": (("floor", FLOOR), ("ceiling", ANY)),
    "holder": (("person", SOME), ("holds", FLAG)),
    "assist": (("deviceless", FLAG),),
    "enrol": (
        ("person", SOME),
        ("enrolment", octets(1, 512)),
        ("role", word("device", "recovery")),
        ("present", FLAG),
    ),
    "revoke": (("device", KEY),),
    "freeze": (("device", KEY),),
    "thaw": (("device", KEY),),
    "veto": (("device", KEY),),
    "mandate": (
        ("person", SOME),
        ("scope", several(word(*ACT_FOR_ANOTHER), 1, 7)),
        ("cap", ANY),
        ("window", SOME),
        ("until", ANY),
    ),
    "unmandate": (("mandate", ANY),),
    "appoint": (("person", SOME), ("office", OFFICE)),
    "dismiss": (("person", SOME), ("office", OFFICE)),
    "amend": (("rules", octets(1, 1024)),),
}
ORDERS: dict[str, Table] = {kind: (*HEADER, *table) for kind, table in ACTS.items()}
DECLARATION: Table = (("body", octets(1, 512)), ("signature", SIGNATURE))
ENROLMENT: Table = (
    ("circle", HASH),
    ("device", KEY),
    ("created", ANY),
    ("label", printable(0, 64)),
)
REQUEST: Table = (
    ("circle", HASH),
    ("account", SOME),
    ("person", SOME),
    ("device", KEY),
    ("amount", SOME),
    ("nonce", ANY),
    ("expires", ANY),
    ("text", perhaps(HASH)),
)
CHARTER: Table = (
    ("identity", KEY),
    ("certificate", octets(1, 1024)),
    ("signature", SIGNATURE),
    ("rules", octets(1, 1024)),
    ("paper", KEY),
    ("previous", perhaps(group(printable(1, 255), SOME, HASH, HASH))),
)
CERTIFICATE: Table = (
    ("circle", HASH),
    ("epoch", SOME),
    ("origin", printable(1, 255)),
    ("log", KEY),
    ("witness", KEY),
    ("link", KEY),
    ("decision", KEY),
    ("terms", HASH),
)
RULES: Table = (
    ("name", octets(1, 200)),
    ("address", printable(1, 210)),
    ("unit_name", octets(1, 40)),
    ("unit_plural", octets(1, 40)),
    ("unit_kind", word("decimal", "minutes")),
    ("unit_scale", whole(0, 9)),
    ("threshold", whole(1, 16)),
    ("credit_limit_max", ANY),
    ("credit_total_max", ANY),
    ("treasury_floor", FLOOR),
    ("community_floor", FLOOR),
    ("floor", FLOOR),
    ("ceiling", ANY),
    ("starter", ANY),
    ("assisted_cap", ANY),
    ("device_cap", ANY),
    ("device_wait", whole(0, 90 * DAY_MS)),
)


def read(data: bytes, table: Table, bytes_max: int, what: str) -> tuple[Any, ...]:
    """The fields of ``data``. Raises WrongEntry, MalformedObject."""
    values = codec.unpack(data, bytes_max, what)
    fit(values, table, what)
    return values


def fit(values: tuple[Any, ...], table: Table, what: str) -> None:
    """Raise WrongEntry unless each value passes the test of its place."""
    if len(values) != len(table):
        raise WrongEntry(f"the {what} has {len(values)} fields where {len(table)} belong")
    for (name, test), value in zip(table, values, strict=True):
        if not test(value):
            raise WrongEntry(f"the {what}'s {name} is not one that may stand there")
