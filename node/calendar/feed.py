"""The calendar as iCalendar (RFC 5545), for the calendars that people already have.

A repeated event is one VEVENT with its rule, in local time with its VTIMEZONE; an occurrence that
is elsewhere, cancelled or answered is another of the same UID, with a RECURRENCE-ID. One that is
cancelled whole is the one VEVENT. What it says of an event does not depend on when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from icalendar import Calendar, vRecur
from icalendar import Event as Component

from ledger.amount import Unit, amount_in_words
from node.calendar.local_time import local_of, moment_of
from node.calendar.zone_component import describe_zone

PRODUCT = "-//Tallystick//Calendar//EN"
REFRESH = timedelta(hours=1)

_Row = asyncpg.Record | dict[str, Any]
_OWN_WORDS = {"yes": "You said yes", "no": "You said no", "waiting": "You wait for a place"}


def render_feed(
    name: str, rows: Sequence[asyncpg.Record], zone: ZoneInfo | None, unit: Unit
) -> bytes:
    """The feed of these occurrences, which come by event. Without any there need be no zone.

    Of an event that repeats, the first and the last must be there, and all that differ; where all
    are cancelled, those two are enough.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("name", name)
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    if zone is not None and rows:
        years = [each.year for row in rows for each in (row["original"], row["begins"])]
        calendar.add_component(describe_zone(zone, min(years) - 1, max(years) + 1))
        for _, group in groupby(rows, key=lambda row: row["event"]):
            for component in _components(list(group), zone, unit):
                calendar.add_component(component)
    content: bytes = calendar.to_ical()
    return content


def _components(rows: list[asyncpg.Record], zone: ZoneInfo, unit: Unit) -> list[Component]:
    if rows[0]["repeats"] is None:
        return [_component(rows[0], zone, unit)]
    # Why it is cancelled whole was said last of what would be last.
    whole = {**rows[0], "note": rows[-1]["note"]}
    master = _component(whole, zone, unit, is_rule=True)
    until = datetime.fromtimestamp(moment_of(rows[-1]["original"], zone) / 1000, UTC)
    rule = vRecur.from_ical(rows[0]["repeats"])
    rule["UNTIL"] = [until]
    master.add("rrule", rule)
    changed: list[Component] = []
    if rows[0]["all_cancelled"]:
        return [master]
    for row in filter(_is_apart, rows):
        component = _component(row, zone, unit)
        component.add("recurrence-id", row["original"].replace(tzinfo=zone))
        changed.append(component)
    return [master, *changed]


def _is_apart(row: asyncpg.Record) -> bool:
    is_elsewhere = row["moved"] or row["begins"] != row["original"]
    return bool(is_elsewhere or row["cancelled"] or row["note"] or row["answer"])


def _component(row: _Row, zone: ZoneInfo, unit: Unit, *, is_rule: bool = False) -> Component:
    """One VEVENT: of an occurrence as it is, or of the rule that all others follow."""
    component = Component()
    changed = datetime.fromtimestamp(row["changed"] // 1000, UTC)
    component.add("uid", f"urn:uuid:{row['key']}")
    component.add("dtstamp", changed)
    component.add("last-modified", changed)
    component.add("sequence", row["sequence"])
    begins = row["original"] if is_rule else row["begins"]
    component.add("dtstart", begins.replace(tzinfo=zone))
    # Exact, also where the clocks change in between; an end would be read in two ways.
    component.add("duration", timedelta(minutes=row["duration"]))
    component.add("summary", row["title"])
    place = row["usual_place"] if is_rule else row["place"]
    if place:
        component.add("location", place)
    if told := _describe(row, unit, is_rule):
        component.add("description", "\n".join(told))
    component.add("class", "PUBLIC" if row["public"] else "PRIVATE")
    is_off = row["all_cancelled"] if is_rule else row["cancelled"]
    component.add("status", "CANCELLED" if is_off else "CONFIRMED")
    comes = row["answer"] == "yes" and not is_rule
    component.add("transp", "OPAQUE" if comes and not is_off else "TRANSPARENT")
    return component


def _describe(row: _Row, unit: Unit, is_rule: bool) -> list[str]:
    told = []
    if row["answer"] is not None and not is_rule:
        guests = f", with {row['guests']} more" if row["guests"] else ""
        told.append(f"{_OWN_WORDS[row['answer']]}{guests}.")
    if row["note"] and (row["all_cancelled"] or not is_rule):
        told.append(row["note"])
    if row["words"]:
        told.append(row["words"])
    if row["access"]:
        told.append(f"Getting in: {row['access']}")
    if row["price"]:
        told.append(f"Costs {amount_in_words(row['price'], unit)}.")
    return told


def ends_at(row: asyncpg.Record, zone: ZoneInfo) -> datetime:
    """When an occurrence ends, in local time."""
    return local_of(row["starts"] + row["duration"] * 60_000, zone)
