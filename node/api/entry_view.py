"""One entry of the log, with as much of what it commits to as the one who asks may see."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cache

from ledger import keys, merkle
from ledger.append import Entry
from ledger.codec import to_base64url
from ledger.orders import Order, Pay, Payout
from ledger.receipt import format_receipt
from node.api.bounds import Number
from node.api.elsewhere import parse_wire
from node.api.entries import read_entry
from node.api.orders import Base64, Model, PostingOpening
from node.api.sessions import Session
from node.circle import Circle
from node.connections import Reader
from node.errors import NotFound
from node.http.reply import Reply


class EntryView(Model):
    """An entry: its public leaf, its receipt, and the openings that the asker may see.

    ``order`` with ``authority`` and ``salt`` opens the leaf's order commitment, ``text`` with
    ``text_salt`` its personal one. By the authority "peer" or "circle", ``order`` is no order but
    what another circle signed. What is absent is not there, or not for the asker.
    """

    index: int
    kind: str
    log_time: int
    leaf: Base64
    authority: str | None = None
    order: Base64 | None = None
    salt: Base64 | None = None
    postings: list[PostingOpening]
    text: str | None = None
    text_salt: Base64 | None = None
    receipt: str


@dataclass(frozen=True, slots=True)
class _Sight:
    """Which postings somebody sees, and whether the order and the text."""

    places: tuple[int, ...] = ()
    order: bool = False
    text: bool = False


async def get_entry(state: Circle, session: Session | None, index: Number) -> Reply:
    """One entry, with its receipt against the newest head.

    Anybody sees the leaf. Who signed in sees the order, the text and their own postings if one of
    the entry's accounts is theirs or they ordered it; but an order that pays several is not shown
    to those whom it only pays. Coordinators see all, and auditors all but the text.
    """
    head = state.writer.loaded.head
    if index >= head.size:
        raise NotFound(f"entry {index}")
    async with state.pool.acquire() as connection:
        found = await read_entry(connection, head, index)
        entry = found.entry
        sight = await _look(connection, session, entry, state.clock())
        text = await _read_text(connection, index) if sight.text else None
    shows_order = sight.order and entry.wire != b""
    view = EntryView(
        index=index,
        kind=entry.kind,
        log_time=entry.log_time,
        leaf=to_base64url(entry.leaf),
        authority=entry.authority if shows_order else None,
        order=to_base64url(entry.wire) if shows_order else None,
        salt=to_base64url(keys.derive_salt(entry.secret, 0)) if shows_order else None,
        postings=_open_postings(entry, sight.places),
        text=None if text is None else text[0],
        text_salt=None if text is None else text[1],
        receipt=format_receipt(index, found.proof_lines, found.checkpoint),
    )
    return Reply(view.model_dump_json(exclude_none=True))


async def _look(connection: Reader, session: Session | None, entry: Entry, now: int) -> _Sight:
    everywhere = tuple(range(len(entry.postings)))
    if session is None:
        return _Sight()
    if session.is_coordinator:
        return _Sight(everywhere, order=True, text=True)
    accounts = await _accounts_of(connection, session.person, now)
    places = tuple(place for place in everywhere if entry.postings[place].account in accounts)
    signed = parse_wire(entry.authority, entry.wire)
    order = None if signed is None else signed.order
    ordered = order is not None and order.header.person == session.person
    concerned = bool(places) or ordered
    if session.is_auditor:
        return _Sight(everywhere, order=True, text=concerned)
    only_paid = order is not None and not ordered and _only_pays(order, entry, places, accounts)
    return _Sight(places, order=concerned and not only_paid, text=concerned)


def _only_pays(order: Order, entry: Entry, places: tuple[int, ...], accounts: Set[int]) -> bool:
    """Whether these accounts are payees among several: what the others get is not theirs to see.

    Whose account is charged, as by a levy, is shown on which order.
    """
    match order.act:
        case Pay(legs) | Payout(legs) if len(legs) > 1:
            charged = any(entry.postings[place].delta < 0 for place in places)
            return not charged and order.header.account not in accounts
        case _:
            return False


async def _accounts_of(connection: Reader, person: int, now: int) -> Set[int]:
    """The accounts that a person holds or, by a mandate, acts for."""
    rows = await connection.fetch(
        """
        SELECT account FROM holders WHERE person = $1
        UNION SELECT account FROM mandates WHERE person = $1 AND until > $2
        """,
        person,
        now,
    )
    return {row["account"] for row in rows}


async def _read_text(connection: Reader, index: int) -> tuple[str, str] | None:
    row = await connection.fetchrow("SELECT salt, body FROM personal WHERE entry = $1", index)
    return None if row is None else (row["body"].decode(), to_base64url(row["salt"]))


def _open_postings(entry: Entry, places: tuple[int, ...]) -> list[PostingOpening]:
    hashes = entry.hashes

    @cache
    def read(level: int, index: int) -> bytes:
        """Each node of the small tree once: an auditor may ask for a thousand proofs in it."""
        return merkle.root(hashes[index << level : (index + 1) << level])

    return [
        PostingOpening(
            posting=to_base64url(entry.packed[place]),
            salt=to_base64url(keys.derive_salt(entry.secret, place + 1)),
            position=place,
            count=len(hashes),
            path=list(map(to_base64url, merkle.inclusion_proof_from(read, place, len(hashes)))),
        )
        for place in places
    ]
