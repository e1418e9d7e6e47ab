"""A week on paper: large type, for the door, the fridge, and whoever has no device."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from html import escape
from itertools import groupby
from zoneinfo import ZoneInfo

import asyncpg

from ledger.amount import Unit, amount_in_words
from node.calendar.feed import ends_at

KINDS = {"trading": "Trading day", "meeting": "Core group meeting"}


def render_week(
    rows: Sequence[asyncpg.Record],
    monday: date,
    zone: ZoneInfo,
    unit: Unit,
    path: str,
    *,
    with_names: bool,
) -> str:
    """The body of the page: the days on which something is on, and links to the weeks around.

    Hosts are named to members only.
    """
    parts = [f"<p>{_write_span(monday)}</p>", _navigation(monday, path)]
    if not rows:
        parts.append("<p>There is nothing in the calendar this week.</p>")
    for day, group in groupby(rows, key=lambda row: row["begins"].date()):
        parts.append(f"<h2>{day:%A} {day.day} {day:%B}</h2>\n<ul>")
        parts += [_item(row, zone, unit, with_names) for row in group]
        parts.append("</ul>")
    return '<div class="sheet">\n' + "\n".join(parts) + "\n</div>"


def _write_span(monday: date) -> str:
    sunday = monday + timedelta(days=6)
    return f"{monday.day} {monday:%B} to {sunday.day} {sunday:%B %Y}"


def _navigation(monday: date, path: str) -> str:
    before, after = monday - timedelta(days=7), monday + timedelta(days=7)
    return (
        '<nav aria-label="Other weeks"><ul>'
        f'<li><a href="{path}?day={before}">The week before</a></li>'
        f'<li><a href="{path}?day={after}">The week after</a></li></ul></nav>'
    )


def _item(row: asyncpg.Record, zone: ZoneInfo, unit: Unit, with_names: bool) -> str:
    ends = ends_at(row, zone)
    until = f"{ends:%H:%M}"
    if ends.date() != row["begins"].date():
        until += f" on {ends:%A} {ends.day} {ends:%B}"
    lines = [f"<strong>{row['begins']:%H:%M} to {until}: {escape(row['title'])}</strong>"]
    if row["cancelled"]:
        lines.append("<strong>Cancelled.</strong>")
    if row["note"]:
        lines.append(escape(row["note"]))
    if row["cancelled"]:
        return f"<li>{'<br>'.join(lines)}</li>"
    if row["kind"] in KINDS:
        lines.append(f"{KINDS[row['kind']]}.")
    if row["place"]:
        lines.append(f"Where: {escape(row['place'])}")
    if row["access"]:
        lines.append(f"Getting in: {_broken(row['access'])}")
    if row["words"]:
        lines.append(_broken(row["words"]))
    price = amount_in_words(row["price"], unit) if row["price"] else "Free"
    lines.append(f"{escape(price)}.{_places(row)}")
    if with_names and row["host_name"]:
        lines.append(f"Ask {escape(row['host_name'])}.")
    return f"<li>{'<br>'.join(lines)}</li>"


def _places(row: asyncpg.Record) -> str:
    if row["capacity"] is None:
        return ""
    left = max(0, row["capacity"] - row["taken"])
    return f" {left} of {row['capacity']} places left." if left else " Full: ask to wait."


def _broken(text: str) -> str:
    return "<br>".join(escape(line) for line in text.split("\n"))
