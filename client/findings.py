"""What ``verify`` found, and the comparison of a statement with what was proved. No I/O.

A statement is the node's word. Each line of it must say what the posting under the same number in
the signed log says, and each posting names the one before it by its hash, so none can be left out,
put in or changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from client.finding import Finding as Finding
from client.payment_findings import compare_said, find_fault
from client.receipts import Proved, expected_deltas
from client.records import KeptReceipt
from client.views import AccountView, StatementLine
from ledger import entry
from ledger.entry import Posting
from ledger.orders import (
    Act,
    Hold,
    Holder,
    Levy,
    Mandate,
    Order,
    Pay,
    Payout,
    Redeem,
    Sell,
    Settle,
)

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who looks at an account: a person, the keys of their devices, and all who hold it now."""

    person: int
    devices: frozenset[bytes]
    holders: frozenset[int]


@dataclass(frozen=True, slots=True)
class Line:
    """A posting of one account as it was proved, and the hash by which the next one names it.

    ``among`` is how many postings its entry has.
    """

    proved: Proved
    posting: Posting
    link: bytes
    among: int


def lines_of(receipt: KeptReceipt, proved: Proved) -> Iterator[Line]:
    """The postings that a verified receipt opens."""
    for opening, posting in zip(receipt.openings, proved.postings, strict=True):
        link = entry.posting_hash(opening.posting, opening.salt)
        yield Line(proved, posting, link, opening.count)


def compare_account(view: AccountView, lines: Sequence[StatementLine]) -> Iterator[Finding]:
    """The balance shown is that of the line it belongs to, and no line is left out.

    ``lines`` are newest first and were read after ``view``.
    """
    seqs = {line.seq: line for line in lines}
    newest = seqs.get(view.seq)
    if newest is None:
        yield Finding("line-missing", view.number, view.seq)
    elif (newest.balance, newest.held) != (view.balance, view.held):
        yield Finding("balance-wrong", view.number, view.seq, newest.entry)
    if view.available != view.balance - view.held:
        yield Finding("balance-wrong", view.number, view.seq, detail="available")
    if len(seqs) != len(lines):
        yield Finding("line-doubled", view.number)
    for seq in range(1, view.seq):
        if seq not in seqs:
            yield Finding("line-missing", view.number, seq)


def compare_lines(
    account: int,
    lines: Sequence[StatementLine],
    proved: Mapping[int, Sequence[Line]],
    asker: Asker,
    headers: Mapping[bytes, bytes],
) -> Iterator[Finding]:
    """Hold each line against what was proved under its number, and each posting against the last.

    ``proved`` has, by ``seq``, every distinct posting of the account that a receipt opens. What the
    ``asker`` wrote must still be there, and what was done in their name be ordered by them.
    ``headers`` are those of payments into other circles, by their ids: what is charged for one must
    be signed by the circle that the header names.
    """
    shown = {line.seq: line for line in lines}
    for seq, known in sorted(proved.items()):
        if len({each.proved.index for each in known}) > 1:
            yield Finding("line-doubled", account, seq, known[0].proved.index)
        line = shown.get(seq)
        for each in known:
            if line is None or line.entry != each.proved.index:
                yield Finding("line-missing", account, seq, each.proved.index)
            else:
                yield from _compare_line(line, each, asker.person)
        before = proved.get(seq - 1, ())
        if before and known[0].posting.previous not in {each.link for each in before}:
            yield Finding("line-doubled", account, seq, known[0].proved.index, "previous")
    every = [line for known in proved.values() for line in known]
    yield from _compare_orders(account, every, asker, headers)
    yield from compare_said(account, lines, [line.proved for line in every])


def _compare_orders(
    account: int, lines: Sequence[Line], asker: Asker, headers: Mapping[bytes, bytes]
) -> Iterator[Finding]:
    """Each posting is what its order comes to, and the order is of somebody who could give it.

    All who ever held the account are its holders now, or were let in or out by an entry on it; and
    so are mandates and promises. Which officer may do what is for those to check who see all.
    """
    acts = {line.proved.index: line.proved.order.order.act for line in lines if line.proved.order}
    holders = asker.holders | {act.person for act in acts.values() if isinstance(act, Holder)}
    asker = replace(asker, holders=holders)
    for line in lines:
        proved, posting = line.proved, line.posting
        if proved.order is not None:
            reason = _ill_booked(posting, proved, acts)
            if not reason and proved.order.order.header.account == account:
                reason = _ill_ordered(proved.order.order, proved.authority, asker, acts)
        elif proved.evidence is not None:
            reason = find_fault(posting, proved.evidence, acts.values(), headers)
        else:
            shown = not proved.leaf.order or _is_one_of_several_paid(line)
            reason = "" if shown else "the order is not shown"
        if reason:
            yield Finding("line-unproved", account, posting.seq, proved.index, reason)


def _is_one_of_several_paid(line: Line) -> bool:
    """Whether the order is not for the account to see: it would tell what the other payees got."""
    kind = line.proved.leaf.kind
    return kind in ("pay", "payout") and line.among > 2 and line.posting.delta > 0


def _ill_booked(posting: Posting, proved: Proved, acts: Mapping[int, Act]) -> str:
    """Why a posting does not follow from its order, or ""."""
    assert proved.order is not None, "asked only of entries that stand on an order"
    header, act = proved.order.order
    ordered = expected_deltas(header.account, act)
    expected = ordered.get(posting.account)
    if expected not in (None, posting.delta):
        return f"it moves {posting.delta} where {expected} was ordered"
    if isinstance(act, Pay | Levy | Payout | Sell | Redeem) and posting.account not in ordered:
        return "it was ordered for other accounts"
    if posting.delta < 0:
        if isinstance(act, Settle) and not isinstance(acts.get(act.hold), Hold):
            return "nothing was set aside for it"
        if proved.authority in ("member", "mandate") and header.account != posting.account:
            return "it was ordered on another account"
    return ""


def _ill_ordered(order: Order, authority: str | None, asker: Asker, acts: Mapping[int, Act]) -> str:
    """Why an order on the asker's account is not of somebody who could give it, or ""."""
    header, act = order
    match authority:
        case "member" if header.person == asker.person:
            return "" if header.device in asker.devices else "none of your devices ordered it"
        case "member":
            return "" if header.person in asker.holders else "no holder ordered it"
        case "mandate":
            granted = acts.get(header.mandate[0]) if header.mandate else None
            is_good = isinstance(granted, Mandate) and granted.person == header.person
            return "" if is_good else "there was no such mandate"
        case "officer" if header.slip:
            return ""
        case _:
            return "nobody who may ordered it" if isinstance(act, Pay | Hold) else ""


def _compare_line(line: StatementLine, known: Line, person: int) -> Iterator[Finding]:
    posting, proved = known.posting, known.proved
    pairs: dict[str, tuple[object, object]] = {
        "delta": (line.delta, posting.delta),
        "balance": (line.balance, posting.balance),
        "held": (line.held, posting.held),
        "kind": (line.kind, proved.leaf.kind),
        "log_time": (line.log_time, proved.leaf.log_time),
    }
    if proved.order is not None:
        pairs |= _told_by_order(line, proved)
    elif proved.evidence is not None:
        pairs["authority"] = (line.authority, proved.authority)
    wrong = [name for name, (shown, true) in pairs.items() if shown != true]
    if wrong:
        yield Finding("line-wrong", posting.account, line.seq, line.entry, ", ".join(wrong))
    if line.text != proved.text and (line.text is not None or _must_show(proved, person)):
        yield Finding("text-changed", posting.account, line.seq, line.entry)


def _must_show(proved: Proved, person: int) -> bool:
    """Whether a text that was proved once may not be gone: erasing another person takes theirs.

    What is written to open an account are names, which no statement repeats.
    """
    own = proved.order is not None and proved.order.order.header.person == person
    return own and proved.leaf.kind != "open"


def _told_by_order(line: StatementLine, proved: Proved) -> dict[str, tuple[object, object]]:
    """What a line says beyond the posting, and what the order it stands on says."""
    assert proved.order is not None, "asked only of entries that stand on an order"
    header, act = proved.order.order
    pairs: dict[str, tuple[object, object]] = {
        "authority": (line.authority, proved.authority),
        "slip": (line.slip, header.slip[0] if header.slip else None),
    }
    if line.order_id is not None:
        pairs["order"] = (line.order_id, proved.order.id)
    if isinstance(act, Pay):
        day = _EPOCH + timedelta(act.happened_on[0]) if act.happened_on else None
        pairs["happened_on"] = (line.happened_on, day)
    if isinstance(act, Sell | Redeem):
        pairs["reference"] = (line.reference, act.reference)
    others = expected_deltas(header.account, act)
    if line.counterparty is not None and len(others) > 1:
        pairs["counterparty"] = (line.counterparty.account in others, True)
    return pairs
