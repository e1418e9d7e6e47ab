"""A circle in which everything happens once, and how one in memory is put into a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger import keys, merkle, tile
from ledger.append import Entry, append
from ledger.charter import encode_rules, origin_of
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.decide import Decision
from ledger.declarations import sign_request
from ledger.entry import decode_leaf
from ledger.federation.link import FederationChange
from ledger.merkle import EMPTY_FRONTIER, Frontier
from ledger.note import make_signer
from ledger.orders import (
    COMMUNITY,
    FIRST_MEMBER,
    TREASURY,
    Amend,
    Appoint,
    Assign,
    Assist,
    Claim,
    Close,
    Dismiss,
    Enrol,
    Freeze,
    Hold,
    Holder,
    Invite,
    Levy,
    Limits,
    Mandate,
    Object,
    Open,
    Pay,
    Payout,
    Redeem,
    Release,
    Reverse,
    Revoke,
    Sell,
    Settle,
    SignedOrder,
    Thaw,
    Uninvite,
    Unmandate,
    Veto,
    parse,
)
from ledger.tile import Tile
from node.connections import Connection
from node.migrate import migrate
from node.store import Batch, NewHead, Text, commit
from tests.circle import DAY, HOUR, MINUTE, PAPER, REASON, RULES, Circle, key, salt, seed, town


def eventful() -> Circle:
    """A town's history with every kind of entry, and most ways to order one."""
    circle = town()
    _trade(circle)
    _set_aside(circle)
    _act_for_others(circle)
    circle.now += DAY
    circle.close_day()
    _keep_keys(circle)
    _keep_office(circle)
    return circle


def _trade(circle: Circle) -> None:
    ann, ben, mia, noa, oli = (circle[name] for name in ("ann", "ben", "mia", "noa", "oli"))
    paid = circle.do(mia, Pay(((noa.account, 120),)))
    circle.do(noa, Pay(((mia.account, 20), (oli.account, 30), (TREASURY, 5)), (20_000,)))
    request = circle.request(oli, 40)
    circle.do(mia, Pay(((oli.account, 40),), (), (request,)))
    circle.request(noa, 7)
    circle.now += MINUTE
    sold = circle.do(ann, Sell(900, "cash 1"), account=oli.account)
    circle.do(ben, Redeem(100, "cash 2"), account=oli.account)
    circle.do(ann, Levy(((mia.account, 10), (noa.account, 10))), account=COMMUNITY)
    circle.do(ann, Payout(((mia.account, 50),)), account=TREASURY)
    circle.do(ben, Reverse(paid.number), account=0)
    circle.do(ben, Reverse(sold.number), account=0, cosigners=("ann",))


def _set_aside(circle: Circle) -> None:
    ann, mia, noa, oli = (circle[name] for name in ("ann", "mia", "noa", "oli"))
    later = circle.now + HOUR
    window = (MINUTE,)
    claimed = circle.do(mia, Hold((noa.account,), 60, later, window)).number
    circle.do(noa, Claim(claimed, 50))
    circle.do(mia, Object(claimed))
    circle.do(noa, Claim(claimed, 55))
    circle.now += 2 * MINUTE
    circle.do(noa, Settle(claimed, noa.account, 55))
    given = circle.do(mia, Hold((), 30, later)).number
    circle.do(mia, Settle(given, oli.account, 25))
    refused = circle.do(mia, Hold((oli.account,), 30, later)).number
    circle.do(oli, Release(refused))
    by_office = circle.do(mia, Hold((oli.account,), 30, later, (), 1)).number
    circle.do(ann, Settle(by_office, oli.account, 30), account=mia.account, text=REASON)
    circle.do(mia, Hold((oli.account,), 11, later, window))
    waiting = circle.do(mia, Hold((oli.account,), 12, later, window)).number
    circle.do(oli, Claim(waiting, 12))
    circle.now += HOUR
    ended = circle.do(noa, Hold((), 10, circle.now + MINUTE)).number
    circle.now += MINUTE
    circle.do(noa, Release(ended))
    _ask(circle)


def _ask(circle: Circle) -> None:
    """Tokens set aside for whoever helps: one cancels, one has claimed, one is not found yet."""
    ann, mia, noa, oli = (circle[name] for name in ("ann", "mia", "noa", "oli"))
    later = circle.now + HOUR
    asked = circle.do(mia, Hold((), 9, later, (), 1)).number
    circle.do(mia, Assign(asked, (noa.account,), (MINUTE,)))
    circle.do(noa, Claim(asked, 9))
    circle.do(noa, Assign(asked, ()))
    by_office: dict[str, Any] = {"account": mia.account, "text": REASON}
    circle.do(ann, Assign(asked, (oli.account,)), **by_office)
    circle.do(ann, Assign(asked, ()), **by_office)
    circle.do(mia, Assign(asked, (noa.account,), (MINUTE,)))
    circle.do(mia, Release(circle.do(mia, Hold((), 3, later)).number))
    circle.do(mia, Hold((), 2, later))


def _act_for_others(circle: Circle) -> None:
    ann, mia, noa, oli, dot = (circle[name] for name in ("ann", "mia", "noa", "oli", "dot"))
    slip: dict[str, Any] = {"account": dot.account, "text": REASON}
    circle.do(ann, Pay(((mia.account, 100),)), slip=(("telephone", "1"),), **slip)
    large = Pay(((mia.account, 400),))
    circle.do(ann, large, slip=(("telephone", "2"),), cosigners=("ben",), **slip)
    held = circle.do(ann, Hold((), 50, circle.now), slip=(("market day", "1"),), **slip)
    circle.do(ann, Settle(held.number, mia.account, 45), slip=(("market day", "2"),), **slip)
    scope = ("pay", "hold", "settle")
    granted = circle.do(mia, Mandate(noa.person, scope, 100, DAY, circle.now + 9 * DAY)).number
    ended = circle.do(mia, Mandate(oli.person, ("pay",), 5, 1, circle.now + 1)).number
    circle.do(noa, Pay(((oli.account, 60),)), account=mia.account, mandate=(granted,))
    circle.do(noa, Pay(((oli.account, 40),)), account=mia.account, mandate=(granted,))
    circle.now += DAY
    circle.do(noa, Pay(((oli.account, 70),)), account=mia.account, mandate=(granted,))
    circle.do(mia, Unmandate(ended), account=0)


def _keep_keys(circle: Circle) -> None:
    ann, mia, noa, oli = (circle[name] for name in ("ann", "mia", "noa", "oli"))

    def enrol(name: str, person: int, role: str = "device", present: int = 0) -> Enrol:
        return Enrol(person, circle.enrolment(name), role, present)

    circle.do(mia, enrol("mia's tablet", mia.person), account=0)
    circle.do(mia, enrol("mia's sheet", mia.person, "recovery"), account=0)
    circle.do(mia, enrol("mia's new one", mia.person), account=0, device="mia's sheet")
    circle.do(mia, Pay(((noa.account, 30),)), device="mia's new one")
    circle.do(mia, enrol("mia's watch", mia.person), account=0, device="mia's new one")
    circle.do(ann, enrol("noa's new one", noa.person, present=1), account=0)
    circle.do(ann, enrol("oli's new one", oli.person), account=0)
    circle.do(oli, Veto(key("oli's new one")), account=0)
    circle.do(ann, enrol("ada's new one", circle["ada"].person), account=0, cosigners=("ben",))
    circle.do(mia, Freeze(key("mia's tablet")), account=0)
    circle.do(mia, Freeze(key("mia's sheet")), account=0)
    circle.do(mia, Thaw(key("mia's sheet")), account=0)
    circle.do(ann, Revoke(key("mia's tablet")), account=0)


def _keep_office(circle: Circle) -> None:
    ann, ben, noa, oli, dot = (circle[name] for name in ("ann", "ben", "noa", "oli", "dot"))
    circle.do(ann, Limits(-2_000, 10), account=oli.account)
    circle.do(ann, Limits(-1_500, 6_000), account=ben.account, cosigners=("paper",))
    circle.do(ann, Holder(oli.person, 1), account=noa.account, cosigners=("noa",))
    circle.do(ann, Pay(((noa.account, 1),)), device="ann")
    circle.do(oli, Pay(((dot.account, 1),)), account=noa.account)
    circle.do(ann, Holder(noa.person, 0), account=noa.account)
    circle.do(ann, Assist(1), account=oli.account, cosigners=("oli",))
    circle.do(ann, Open((noa.person,), -100, 900, 0, 0, ()), account=0)
    circle.do(ann, Appoint(noa.person, "coordinator"), account=0, cosigners=("ben",))
    circle.do(ann, Dismiss(circle["ada"].person, "auditor"), account=0, cosigners=("paper",))
    rules = RULES._replace(treasury_floor=-100, community_floor=-9_000, device_cap=700)
    circle.do(PAPER, Amend(encode_rules(rules)), account=0, cosigners=("ben",))
    circle.do(ann, Close(), account=dot.account)
    circle.open(ann, "pia", floor=0, ceiling=100, starter=0)
    circle.do(ann, Close(), account=circle["pia"].account)
    later = circle.now + DAY
    circle.do(ann, Invite(key("taken back"), -10, 10, 5, "", later), account=0)
    circle.do(ann, Uninvite(key("taken back")), account=0)
    circle.do(ann, Invite(key("unused"), -10, 10, 5, "", later), account=0)


def forge(circle: Circle, signed: SignedOrder, decision: Decision) -> Entry:
    """Append what no rule was asked about, with every hash and number in order."""
    received = parse(signed.wire)
    number = circle.state.size
    text = received.order.header.text
    entry = append(circle.state, decision, received.wire, text, salt(f"entry {number}"), circle.now)
    circle.entries.append(entry)
    return entry


async def create(connection: Connection, schema: str, circle: Circle) -> None:
    """Make a new schema for a circle, without entries, and put it on the search path."""
    await migrate(connection, schema)
    await connection.execute(f"SET search_path TO {schema}")
    await connection.execute(
        "INSERT INTO head (size, root, log_time, frontier, checkpoint) VALUES (0, $1, 0, '', '')",
        merkle.root([]),
    )
    await connection.execute("INSERT INTO rules (encoded) VALUES ($1)", encode_rules(circle.rules))


@dataclass(slots=True)
class Edge:
    """How far a circle is stored, and the right edge of its tree."""

    frontier: Frontier = EMPTY_FRONTIER
    partial: dict[Tile, bytes] = field(default_factory=dict)


async def store(
    connection: Connection,
    circle: Circle,
    edge: Edge,
    changes: Sequence[FederationChange] = (),
) -> None:
    """Write the entries that are not stored yet, as the writer would, in one batch, and what
    ``changes`` between circles beside them."""
    start, state = edge.frontier.size, circle.state
    extension = merkle.extend(edge.frontier, circle.leaf_hashes[start:])
    partial, full = tile.fill_tiles(edge.partial, extension)
    origin = origin_of(circle.rules.address, state.circle, 1)
    checkpoint = Checkpoint(origin, state.size, extension.root)
    head = NewHead(
        state.size,
        extension.root,
        state.log_time,
        b"".join(extension.frontier.hashes),
        sign_checkpoint(checkpoint, make_signer(origin, seed("log"))),
    )
    entries = circle.entries[start:]
    texts, names = _texts(circle, entries), _names(circle, entries)
    batch = Batch(start, entries, [], texts, names, list(changes))
    async with connection.transaction():
        await _store_requests(connection, circle)
        await commit(connection, batch, head, full, state.accounts)
    edge.frontier, edge.partial = extension.frontier, partial


def naming(handle: str) -> Text:
    """What somebody new is called."""
    return Text(salt(f"the name of {handle}"), f"{handle}\n{handle.title()} of the town".encode())


def named(handle: str) -> tuple[bytes]:
    """The commitment to it."""
    text = naming(handle)
    return (keys.text_commitment(text.salt, text.body),)


def _is_named(circle: Circle, entry: Entry) -> bool:
    """Whether it commits to a new person's name; elsewhere such a name is as good as erased."""
    handle = circle.handles.get(entry.number)
    return bool(handle) and decode_leaf(entry.leaf).personal == named(handle or "")


def _texts(circle: Circle, entries: Sequence[Entry]) -> list[tuple[int, int, Text]]:
    """Whose they are does not matter here."""
    reason = Text(salt("reason"), b"as the meeting decided")
    texts = []
    for each in entries:
        handle = circle.handles.get(each.number)
        if each.authority == "peer":
            continue  # those of payments between circles are as good as erased
        if _is_named(circle, each):
            texts.append((each.number, 0, naming(handle or "")))
        elif decode_leaf(each.leaf).personal and not handle:
            texts.append((each.number, 0, reason))
    return texts


def _names(circle: Circle, entries: Sequence[Entry]) -> list[tuple[int, str, str]]:
    """The names of those who came and were not erased."""
    new = [number for number, handle in sorted(circle.handles.items()) if handle]
    numbered = dict(zip(new, range(FIRST_MEMBER, circle.state.next_person), strict=True))
    names = []
    for each in entries:
        if _is_named(circle, each):
            handle, _, name = naming(circle.handles[each.number]).body.decode().partition("\n")
            names.append((numbered[each.number], handle, name))
    return names


async def _store_requests(connection: Connection, circle: Circle) -> None:
    """As they were before they were paid; here even before their accounts."""
    await connection.execute("ALTER TABLE requests DROP CONSTRAINT IF EXISTS requests_account_fkey")
    devices = {person.account: person.device for person in circle.people.values()}
    for number, known in circle.facts.requests.items():
        request = known.request
        await connection.execute(
            """
            INSERT INTO requests (id, wire, account, expires) VALUES ($1, $2, $3, $4)
            ON CONFLICT DO NOTHING
            """,
            number,
            sign_request(request, seed(devices[request.account])),
            request.account,
            request.expires,
        )
