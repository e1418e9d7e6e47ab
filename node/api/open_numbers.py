"""Open numbers: for people as a page, for programs as JSON, for spreadsheets as CSV."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from ledger.amount import Unit, UnitKind
from node.api.orders import Model
from node.api.wellknown import UnitDescription
from node.circle import Circle
from node.http.page import render_page
from node.http.reply import Context, Reply
from node.numbers.keeping import read_wall_clock
from node.numbers.reading import Month, Neighbour, make_month, read_rows
from node.numbers.sheet import render_numbers
from node.numbers.table import write_table

JSON, CSV, HTML = "application/json", "text/csv", "text/html"
KEPT_SECONDS = 900


class OpenNumbers(Model):
    """The months that are over, newest first, at most 24.

    ``worked_out`` is when the newest was, in Unix milliseconds, or null before the first; ``zone``
    is that of the circle's wall clock. Amounts are minor units of ``unit``. ``responsible`` are the
    addresses of the coordinators, and ``auditors`` those of who checks them: complain to either.
    """

    circle: str
    zone: str
    unit: UnitDescription
    worked_out: int | None
    months: list[Month]
    responsible: list[str]
    auditors: list[str]


@dataclass(frozen=True, slots=True)
class _Read:
    """What all three are made of."""

    months: list[Month]
    worked_out: int | None
    zone: ZoneInfo
    coordinators: list[str]
    auditors: list[str]


async def get_open_numbers(
    state: Circle,
    context: Context,
    format_: Annotated[
        Literal["json", "csv"], Field(description="csv has a line a month")
    ] = "json",
) -> Reply:
    """What this circle did, month by month, for everybody to read."""
    read, rules = await _read(state), state.writer.loaded.state.rules
    if format_ == "csv":
        headers = {"Content-Disposition": 'attachment; filename="open-numbers.csv"'}
        return _reply(context, write_table(read.months, rules), CSV, headers)
    numbers = OpenNumbers(
        circle=rules.name.decode(),
        zone=read.zone.key,
        unit=UnitDescription(
            name=rules.unit_name.decode(),
            plural=rules.unit_plural.decode(),
            kind=rules.unit_kind,
            scale=rules.unit_scale,
        ),
        worked_out=read.worked_out,
        months=read.months,
        responsible=read.coordinators,
        auditors=read.auditors,
    )
    return _reply(context, numbers.model_dump_json().encode(), JSON, {})


async def get_open_page(state: Circle, context: Context) -> Reply:
    """The same as a page for people, to read, to print and to hear."""
    read, rules = await _read(state), state.writer.loaded.state.rules
    unit = Unit(
        rules.unit_name.decode(),
        rules.unit_plural.decode(),
        UnitKind(rules.unit_kind),
        rules.unit_scale,
    )
    when = None
    if read.worked_out is not None:
        when = datetime.fromtimestamp(read.worked_out // 1000, UTC).astimezone(read.zone)
    body = render_numbers(read.months, unit, when, read.coordinators, read.auditors)
    page = render_page(f"{rules.name.decode()} in numbers", body)
    return _reply(context, page.encode(), HTML, {})


async def _read(state: Circle) -> _Read:
    async with state.pool.acquire() as connection:
        rows = await read_rows(connection)
        zone = await read_wall_clock(connection)
        titles = {
            row["link"]: row["title"]
            for row in await connection.fetch("SELECT link, title FROM peers")
        }
        officers = await connection.fetch(
            "SELECT office, handle FROM offices JOIN people USING (person) ORDER BY handle"
        )
    neighbours = {
        link.account: Neighbour(
            circle=link.peer.hex(),
            name=titles.get(link.id, link.theirs.origin),
            address=link.theirs.origin.partition("/")[0],
        )
        for link in state.writer.loaded.links.values()
    }
    address = state.writer.loaded.state.rules.address
    addresses: dict[str, list[str]] = {"coordinator": [], "auditor": []}
    for row in officers:
        addresses.setdefault(row["office"], []).append(f"{row['handle']}@{address}")
    return _Read(
        [make_month(row, neighbours) for row in rows],
        rows[0]["worked_out"] if rows else None,
        zone,
        addresses["coordinator"],
        addresses["auditor"],
    )


def _reply(context: Context, content: bytes, content_type: str, headers: dict[str, str]) -> Reply:
    """The answer, or that it is still the one they have."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**headers, "ETag": tag, "Cache-Control": f"public, max-age={KEPT_SECONDS}"}
    known = context.request.headers.get("If-None-Match", "")
    if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Reply(b"", content_type, 304, headers)
    return Reply(content, content_type, headers=headers)
