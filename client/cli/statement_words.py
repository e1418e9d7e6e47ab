"""A statement's lines as sentences, in columns and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime

from client.cli.payment_words import tell_return
from client.cli.words import day, person, plain, signed, wrap, write_day
from client.payment_views import Elsewhere
from client.views import StatementLine
from ledger.amount import Unit, amount_in_words, format_figure

_EVENTS = {
    "open": "the account was opened",
    "close": "the account was closed",
    "limits": "how far you can go was set",
    "holder": "who holds the account was changed",
    "assist": "whether coordinators act for you was changed",
    "hold": "you set something aside",
    "defer": "what waits for another circle was moved to the suspense account",
    "link": "an agreement with another circle began",
    "release": "something was no longer set aside",
    "claim": "something set aside was claimed",
    "object": "a claim was objected to",
    "assign": "something set aside was given to somebody, or given back",
    "enrol": "a new phone, computer or sheet was added",
    "revoke": "a device was ended",
    "freeze": "a device was reported lost",
    "thaw": "a device was found again",
    "veto": "a new device was stopped",
    "mandate": "somebody was allowed to act for you",
    "unmandate": "somebody may no longer act for you",
}


def tell_line(line: StatementLine, unit: Unit) -> str:
    """One line as a sentence."""
    return wrap(f"{day(line.log_time)}: {_what(line, unit)}{_details(line)}.", "  ")


def tell_row(line: StatementLine, unit: Unit) -> str:
    """One line in columns: when, how much, what was left, and what it was."""
    moved = signed(line.delta, unit) if line.delta else ""
    left = format_figure(line.balance, unit)
    head = f"{day(line.log_time):>17}  {moved:>10}  {left:>10}  "
    return wrap(f"{head}{_what(line, unit)}{_details(line)} (no. {line.entry})", " " * len(head))


HEADINGS = f"{'When':>17}  {'Change':>10}  {'Then':>10}  What"


def _what(line: StatementLine, unit: Unit) -> str:
    amount = amount_in_words(abs(line.delta), unit)
    other = line.counterparty
    who = "several" if other is None else person(other.handle, other.name, other.account)
    if line.elsewhere is not None:
        return _elsewhere(line, line.elsewhere, amount)
    if line.delta == 0:
        with_whom = f" ({who})" if line.kind == "assign" and other is not None else ""
        return _EVENTS.get(line.kind, plain(line.kind)) + with_whom
    given = line.delta < 0
    match line.kind:
        case "pay" | "settle":
            return f"you paid {who} {amount}" if given else f"{who} paid you {amount}"
        case "sell":
            return f"{who} bought {amount}" if given else f"you bought {amount}"
        case "redeem":
            return f"you gave back {amount}" if given else f"{who} gave back {amount}"
        case "levy":
            return f"circle fee of {amount}" if given else f"circle fees of {amount}"
        case "payout":
            return f"{who} were paid {amount}" if given else f"the circle paid you {amount}"
        case "reverse":
            return f"an earlier line was undone: {amount} {'taken' if given else 'given'} back"
        case "open":
            return f"{amount} to {who} to begin with" if given else f"you began with {amount}"
        case "close":
            return f"the account was closed: {amount} {'went' if given else 'came'}"
        case "relay":
            return f"a payment passed through: {amount}"
        case _:
            return f"{plain(line.kind)} of {amount}"


def _elsewhere(line: StatementLine, payment: Elsewhere, amount: str) -> str:
    """A payment to another circle, or from one."""
    other = line.counterparty
    circle = "another circle" if other is None else person(other.handle, other.name, other.account)
    who = circle if payment.who is None else plain(payment.who)
    match line.kind:
        case "arrive":
            return f"{who} paid {'you' if line.delta > 0 else circle} {amount}"
        case "settle" if line.delta:
            return f"{'you' if line.delta < 0 else circle} paid {who} {amount}"
        case "settle":
            return f"what you paid {who} has arrived"
        case "release":
            return f"what was on its way to {who} came back: " + tell_return(
                payment.reason, "the other circle", payment.who or "that name"
            )
        case _:
            return f"something was set aside, on its way to {who}"


def _details(line: StatementLine) -> str:
    text = line.text if line.elsewhere is None else line.elsewhere.text
    told = "" if text is None else f", for {plain(text)}"
    if line.happened_on is not None:
        told += f", about {write_day(line.happened_on)}"
    if line.reference is not None:
        told += f", reference {plain(line.reference)}"
    if line.by is not None:
        told += f", entered by {plain(line.by)}"
    if line.slip is not None:
        told += f" from slip {plain(line.slip[1])} ({plain(line.slip[0])})"
    return told


CSV_FIELDS = (
    "number",
    "entry",
    "logged",
    "happened_on",
    "kind",
    "change",
    "balance",
    "set_aside",
    "account",
    "handle",
    "name",
    "text",
    "reference",
    "by",
)


def write_csv(lines: Iterable[StatementLine], unit: Unit) -> str:
    """The lines as CSV (RFC 4180), figures in the circle's unit, times in UTC."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(CSV_FIELDS)
    for line in lines:
        other = line.counterparty
        writer.writerow(
            [
                line.seq,
                line.entry,
                datetime.fromtimestamp(line.log_time / 1000, UTC).isoformat("T", "seconds"),
                "" if line.happened_on is None else line.happened_on.isoformat(),
                _cell(line.kind),
                format_figure(line.delta, unit),
                format_figure(line.balance, unit),
                format_figure(line.held, unit),
                "" if other is None else other.account,
                _cell(None if other is None else other.handle),
                _cell(None if other is None else other.name),
                _cell(_said(line)),
                _cell(line.reference),
                _cell(line.by),
            ]
        )
    return written.getvalue()


def _said(line: StatementLine) -> str | None:
    """What it is for; of a payment between circles also who is at its other end."""
    if line.elsewhere is None:
        return line.text
    return ": ".join(part for part in (line.elsewhere.who, line.elsewhere.text) if part)


def _cell(text: str | None) -> str:
    """Others' words; what a spreadsheet would take for a formula is made text."""
    if not text:
        return ""
    return f"'{text}" if text[0] in "=+-@\t\r" else text
