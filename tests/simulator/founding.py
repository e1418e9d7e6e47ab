"""Circles at the moment of their founding, and the agreements between them.

They are made once a process and copied for each seed: nothing in them depends on it.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache
from hashlib import sha256

from ledger import keys
from ledger.append import Entry, append, genesis
from ledger.charter import Certificate, Charter, certify, encode_charter, encode_rules, origin_of
from ledger.charter import terms_hash as hash_terms
from ledger.decide import Decision
from ledger.federation.agreement import (
    Party,
    encode_agreement,
    join_agreement,
    make_agreement,
    sign_agreement,
)
from ledger.orders import FIRST_MEMBER, TREASURY
from ledger.state import Change, Device, PutAccount, PutDevice, PutOffice, State
from ledger.verdict import Move
from tests.circle import NOON, RULES

MEMBERS = 3
STARTER = 2_000
FLOOR, CEILING = -3_000, 20_000
COORDINATOR = FIRST_MEMBER + MEMBERS
"""The last of those with an account; the first member has one device in all circles."""


@cache
def seed_of(circle: int, name: str) -> bytes:
    """The 32-byte seed of a circle's key called so."""
    return sha256(f"{circle}/{name}".encode()).digest()


@cache
def secret_of(circle: int, name: str) -> bytes:
    """The same key, as signing with it again and again takes it."""
    return keys.expand(seed_of(circle, name))


@cache
def key_of(circle: int, name: str) -> bytes:
    return keys.public_key(seed_of(circle, name))


@cache
def device_seed(circle: int, person: int) -> bytes:
    """The seed of a member's device. The first member of all circles is one person."""
    return seed_of(0 if person == FIRST_MEMBER else circle, f"person {person}")


def found(circle: int) -> State:
    """The circle of that number, with its members and a coordinator. To be copied, not changed."""
    return found_entries(circle)[0]


@cache
def found_entries(circle: int) -> tuple[State, tuple[Entry, ...]]:
    """The circle of that number, and the entries that its log begins with."""
    address = f"circle{circle}.example"
    rules = RULES._replace(address=address, credit_total_max=10**9, treasury_floor=-(10**6))
    identity = key_of(circle, "identity")
    number = keys.circle_id(identity)
    encoded = encode_rules(rules)
    paper = key_of(circle, "paper")
    working = (key_of(circle, name) for name in ("log", "witness", "link", "decision"))
    origin = origin_of(address, number, 1)
    terms = hash_terms(encoded, paper, ())
    certificate = Certificate._make((number, 1, origin, *working, terms))
    body, signature = certify(certificate, seed_of(circle, "identity"))
    charter = encode_charter(Charter(identity, body, signature, encoded, paper, ()))
    state, first = genesis(charter, seed_of(circle, "entry 0"), NOON)
    entries = [first]
    for person in range(FIRST_MEMBER, COORDINATOR + 1):
        device = keys.public_key(device_seed(circle, person))
        changes: list[Change] = [
            PutAccount(person, "member", FLOOR, CEILING, False, False, frozenset((person,))),
            PutDevice(Device(device, person, "device", "phone")),
        ]
        if person == COORDINATOR:
            changes.append(PutOffice(person, "coordinator"))
        moves = (Move(TREASURY, -STARTER), Move(person, STARTER))
        opened = Decision("open", "circle", moves, tuple(changes))
        secret = seed_of(circle, f"entry {person}")
        entries.append(append(state, opened, b"", (), secret, NOON))
    return state, tuple(entries)


def copy_state(state: State) -> State:
    """A copy that later steps do not change. What no step here touches is shared."""
    return replace(
        state,
        accounts={number: copy(account) for number, account in state.accounts.items()},
        holds=dict(state.holds),
        links=dict(state.links),
        link_holds=dict(state.link_holds),
        transits=dict(state.transits),
        unconfirmed=set(state.unconfirmed),
    )


def party(circle: int, rate: tuple[int, int], owes_max: int) -> Party:
    """A circle's side of an agreement: ``rate`` is (own minor units, of the link's unit)."""
    state = found(circle)
    link, decision = key_of(circle, "link"), key_of(circle, "decision")
    url = state.rules.address
    return Party(state.circle, f"{url}/log", link, decision, f"https://{url}", *rate, owes_max)


@cache
def agree(
    one: int,
    other: int,
    rates: tuple[tuple[int, int], tuple[int, int]],
    owes_max: tuple[int, int],
    hold_max: int,
    holds_max: int,
) -> bytes:
    """The wire form of the first agreement of two circles, signed by both."""
    parties = {
        found(circle).circle: (circle, party(circle, rate, owes))
        for circle, rate, owes in zip((one, other), rates, owes_max, strict=True)
    }
    low, high = (parties[number] for number in sorted(parties))
    body = encode_agreement(make_agreement(1, b"minutes", hold_max, holds_max, low[1], high[1]))
    signatures = (sign_agreement(body, seed_of(circle, "link")) for circle, _ in (low, high))
    return join_agreement(body, *signatures)
