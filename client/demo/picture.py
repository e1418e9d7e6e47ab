"""The four circles and what is between them, drawn with letters."""

from __future__ import annotations

from collections.abc import Mapping

from client.demo.neighbourhood import AGREEMENTS, LINK_UNIT, Agreement, Standing
from ledger.amount import format_amount

MAP = r"""
   Elm Street ------ 1 ------ Mill Lane
             \              /
              3            2
               \          /
                 Harbour ------ 4 ------ Chapel Hill
""".strip("\n").splitlines()


def draw(rows: list[str]) -> list[str]:
    """The map, and a line for each link beneath it."""
    return [*MAP, "", *(f"   {number}  {row}" for number, row in enumerate(rows, 1))]


def tell_limits(agreement: Agreement) -> str:
    """Who may owe whom how much."""
    one, other = agreement.one.title, agreement.other.title
    if agreement.one_owes_max == agreement.other_owes_max:
        limit = format_amount(agreement.one_owes_max, LINK_UNIT)
        return f"{one} and {other} may owe each other up to {limit}"
    limits = agreement.one_owes_max, agreement.other_owes_max
    most, least = (format_amount(limit, LINK_UNIT) for limit in limits)
    return f"{one} may owe {other} up to {most}, {other} only {least}"


def tell_standing(agreement: Agreement, owed: int) -> str:
    """Who owes whom what, of how much at most; ``owed`` is what ``one`` is owed, in minutes."""
    one, other = agreement.one.title, agreement.other.title
    if owed == 0:
        return f"{one} and {other} are even"
    debtor, creditor = (other, one) if owed > 0 else (one, other)
    most = agreement.other_owes_max if owed > 0 else agreement.one_owes_max
    amount, limit = format_amount(abs(owed), LINK_UNIT), format_amount(most, LINK_UNIT)
    return f"{debtor} owes {creditor} {amount} (at most {limit})"


def draw_limits() -> list[str]:
    """The picture before anything is traded."""
    return draw([tell_limits(agreement) for agreement in AGREEMENTS])


def draw_standings(told: Mapping[str, Mapping[str, Standing]]) -> list[str]:
    """The picture of how things stand, by what each circle (its address) says of the others."""
    rows = []
    for agreement in AGREEMENTS:
        standing = told[agreement.one.address][agreement.other.address]
        row = tell_standing(agreement, standing.owed)
        rows.append(f"{row}: CLOSED, it lied" if standing.status == "frozen" else row)
    return draw(rows)
