"""A statement as CSV (RFC 4180), fit to be opened in a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime

from ledger.charter import Rules
from node.api.statement_line import Line
from node.http.csv_cells import csv_line, figure, written

COLUMNS = (
    *("logged_at", "happened_on", "kind", "authority", "change", "balance", "set_aside", "unit"),
    *("counterparty_account", "counterparty_handle", "counterparty_name", "text", "reference"),
    *("slip_channel", "slip_number", "by_person", "by_handle", "entry", "order_id"),
)


def csv_header() -> bytes:
    """The first line."""
    return csv_line(COLUMNS)


def csv_row(line: Line, rules: Rules) -> bytes:
    """One line. Amounts are in whole units with a decimal point, or in minutes; times in UTC."""
    other, by, slip = line.counterparty, line.by, line.slip
    scale = rules.unit_scale
    unit = "minutes" if rules.unit_kind == "minutes" else rules.unit_plural.decode()
    return csv_line(
        (
            datetime.fromtimestamp(line.log_time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            line.happened_on.isoformat() if line.happened_on else "",
            line.kind,
            line.authority,
            figure(line.delta, scale),
            figure(line.balance, scale),
            figure(line.held, scale),
            written(unit),
            str(other.account) if other else "",
            written(other.handle if other else None),
            written((other.name or "former member") if other else None),
            written(_said(line)),
            written(line.reference),
            written(slip.channel if slip else None),
            written(slip.number if slip else None),
            str(by.person) if by else "",
            written(by.handle if by else None),
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
