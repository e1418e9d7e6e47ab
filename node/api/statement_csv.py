"""A statement as CSV (RFC 4180), fit to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime

from ledger.charter import Rules
from node.api.statement_line import Line

COLUMNS = (
    *("logged_at", "happened_on", "kind", "authority", "change", "balance", "set_aside", "unit"),
    *("counterparty_account", "counterparty_handle", "counterparty_name", "text", "reference"),
    *("slip_channel", "slip_number", "by_person", "by_handle", "entry", "order_id"),
)
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV injection"), full-width signs
# included: some text beginning so could fetch or run something.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_header() -> bytes:
    """The first line."""
    return _row(COLUMNS)


def csv_row(line: Line, rules: Rules) -> bytes:
    """One line. Amounts are in whole units with a decimal point, or in minutes; times in UTC."""
    other, by, slip = line.counterparty, line.by, line.slip
    scale = rules.unit_scale
    unit = "minutes" if rules.unit_kind == "minutes" else rules.unit_plural.decode()
    return _row(
        (
            datetime.fromtimestamp(line.log_time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            line.happened_on.isoformat() if line.happened_on else "",
            line.kind,
            line.authority,
            _figure(line.delta, scale),
            _figure(line.balance, scale),
            _figure(line.held, scale),
            _text(unit),
            str(other.account) if other else "",
            _text(other.handle if other else None),
            _text((other.name or "former member") if other else None),
            _text(_said(line)),
            _text(line.reference),
            _text(slip.channel if slip else None),
            _text(slip.number if slip else None),
            str(by.person) if by else "",
            _text(by.handle if by else None),
            str(line.entry),
            line.order_id or "",
        )
    )


def _said(line: Line) -> str | None:
    """What it is for; of a payment between circles also who is at its other end."""
    if line.elsewhere is None:
        return line.text
    said = ": ".join(part for part in (line.elsewhere.who, line.elsewhere.text) if part)
    return said or None


def _figure(amount: int, scale: int) -> str:
    whole, part = divmod(abs(amount), 10**scale)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{part:0{scale}d}" if scale else f"{sign}{whole}"


def _text(value: str | None) -> str:
    """What a person wrote, as text and never a formula."""
    if value is None:
        return ""
    return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value


def _row(cells: Sequence[str]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().encode()
