"""One well-formed act of every kind, and the integers in each with their bounds."""

from __future__ import annotations

from ledger import keys, orders
from ledger.charter import encode_rules
from ledger.codec import AMOUNT_MAX as M
from ledger.declarations import Enrolment, sign_enrolment, sign_invitation
from ledger.orders import Act, Header, Order, SignedOrder, kind_of, sign_order
from tests.circle import NOON, RULES, key, seed

CIRCLE = keys.circle_id(key("identity"))
HASH = bytes(range(32))
ENROLMENT = sign_enrolment(Enrolment(CIRCLE, key("new"), NOON, "phone"), seed("new"))

ACTS: tuple[Act, ...] = (
    orders.Pay(((102, 1), (103, 250)), (20_833,), (HASH,)),
    orders.Hold((102,), 60, NOON, (86_400_000,), 1, (HASH,)),
    orders.Settle(7, 102, 60, (b"evidence",)),
    orders.Release(7, (b"evidence",)),
    orders.Claim(7, 45),
    orders.Object(7),
    orders.Assign(7, (102,), (86_400_000,)),
    orders.Defer(7),
    orders.Sell(300, "cash book 12"),
    orders.Redeem(300, "cash book 13"),
    orders.Levy(((102, 5), (103, 5))),
    orders.Payout(((102, 5), (103, 5))),
    orders.Reverse(7),
    orders.Invite(key("code"), -1_000, 5_000, 200, "coordinator", NOON),
    orders.Uninvite(key("code")),
    orders.Join(key("code"), sign_invitation(CIRCLE, key("phone"), seed("code"))),
    orders.Open((102,), -1_000, 5_000, 200, 1, (ENROLMENT,)),
    orders.Close(),
    orders.Limits(-1_000, 5_000),
    orders.Holder(102, 1),
    orders.Assist(1),
    orders.Enrol(102, ENROLMENT, "recovery", 1),
    orders.Revoke(key("phone")),
    orders.Freeze(key("phone")),
    orders.Thaw(key("phone")),
    orders.Veto(key("phone")),
    orders.Mandate(103, ("pay", "claim"), 300, 604_800_000, NOON),
    orders.Unmandate(7),
    orders.Appoint(102, "auditor"),
    orders.Dismiss(102, "coordinator"),
    orders.Amend(encode_rules(RULES)),
)

Bounds = dict[tuple[int, ...], tuple[int, int]]


def header_bounds(kind: str) -> Bounds:
    """Account, person, nonce, expiry and mandate: places in the header, least and greatest."""
    account = (0, 0) if kind in orders.WITHOUT_ACCOUNT else (1, M)
    person = (0, 0) if kind == "join" else (1, M)
    mandate: Bounds = {(9, 0): (0, M)} if kind in orders.MANDATE_SCOPE else {}
    return {(2,): account, (3,): person, (5,): (0, M), (6,): (0, M)} | mandate


FIRST = 10
"""The place of an act's first field in the body."""

_LEG: Bounds = {(10, 0, 0): (1, M), (10, 0, 1): (1, M)}
ACT_BOUNDS: dict[str, Bounds] = {
    "pay": _LEG | {(10, 1, 1): (1, M), (11, 0): (0, 2_932_896)},
    "hold": {(10, 0): (1, M), (11,): (1, M), (12,): (0, M), (13, 0): (0, M), (14,): (0, 1)},
    "settle": {(10,): (0, M), (11,): (1, M), (12,): (1, M)},
    "release": {(10,): (0, M)},
    "claim": {(10,): (0, M), (11,): (1, M)},
    "object": {(10,): (0, M)},
    "assign": {(10,): (0, M), (11, 0): (1, M), (12, 0): (0, M)},
    "defer": {(10,): (0, M)},
    "sell": {(10,): (1, M)},
    "redeem": {(10,): (1, M)},
    "levy": _LEG,
    "payout": _LEG,
    "reverse": {(10,): (0, M)},
    "invite": {(11,): (-M, 0), (12,): (0, M), (13,): (0, M), (15,): (0, M)},
    "open": {(10, 0): (1, M), (11,): (-M, 0), (12,): (0, M), (13,): (0, M), (14,): (0, 1)},
    "limits": {(10,): (-M, 0), (11,): (0, M)},
    "holder": {(10,): (1, M), (11,): (0, 1)},
    "assist": {(10,): (0, 1)},
    "enrol": {(10,): (1, M), (13,): (0, 1)},
    "mandate": {(10,): (1, M), (12,): (0, M), (13,): (1, M), (14,): (0, M)},
    "unmandate": {(10,): (0, M)},
    "appoint": {(10,): (1, M)},
    "dismiss": {(10,): (1, M)},
}


def make_order(act: Act) -> Order:
    """An order with this act, every optional field of the header filled where it has a place."""
    kind = kind_of(act)
    text = (HASH,)
    account = 0 if kind in orders.WITHOUT_ACCOUNT else 101
    person = 0 if kind == "join" else 101
    header = Header(CIRCLE, kind, account, person, key("phone"), 1, NOON, text)
    if kind in orders.MANDATE_SCOPE:
        header = header._replace(slip=(("book", "17"),), mandate=(7,))
    return Order(header, act)


def signed_orders() -> dict[str, SignedOrder]:
    """One signed order of each kind, by its kind."""
    return {kind_of(act): sign_order(make_order(act), seed("phone")) for act in ACTS}
