"""What a neighbour tells all others about our link has to be what it told us."""

from __future__ import annotations

from ledger.federation.confirm import confirm
from ledger.federation.link import Link
from ledger.federation.message import Statement, open_statement
from ledger.federation.step import Step, freeze
from ledger.state import State


def check_mirror(link_id: bytes, wire: bytes, state: State, now: int) -> Step:
    """Compare a statement out of the peer's bulletin with our books, at its pair of numbers.

    ``wire`` is [body, the peer's signature]. A contradiction is evidence, and freezes the link.
    Raises MalformedObject, InvalidSignature when the peer did not sign it.
    """
    link = state.links[link_id]
    theirs = open_statement(wire, link.theirs.link)
    before = _agreed(link)
    if before is not None and _place(before) == _place(theirs) and before != theirs:
        return freeze(state, link, "statement", wire, now)
    return confirm(state, link_id, theirs, wire, now, is_newest=False)


def _agreed(link: Link) -> Statement | None:
    return open_statement(link.agreed, link.theirs.link) if link.agreed else None


def _place(statement: Statement) -> tuple[bytes, int, int]:
    return statement.link, statement.low_seq, statement.high_seq
