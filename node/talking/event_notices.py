"""What is due of events becomes notices: that one is on, that there is a place, or a change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import asyncpg

from node.connections import Pool, Reader
from node.talking.notices import Notice, notify

BATCH = 100
URGENT_MS = 24 * 3600 * 1000
"""What changes within a day of its beginning is told at once."""
KEPT_MS = 7 * 24 * 3600 * 1000


async def tell_of_events(connection: Reader, zone: ZoneInfo, now: int) -> None:
    """Make notices of what is due and was not made one, inside a transaction.

    What changed again is due again, and so is told again.
    """
    rows = await connection.fetch(
        """
        WITH told AS (
            INSERT INTO event_told
            SELECT event, original, person, kind, due
            FROM event_reminders JOIN occurrences USING (event, original) JOIN people USING (person)
            WHERE starts > $1 AND due <= $1 AND NOT EXISTS (
                SELECT FROM event_told AS before WHERE before.event = event_reminders.event
                    AND before.original = event_reminders.original
                    AND before.person = event_reminders.person
                    AND before.kind = event_reminders.kind AND before.due = event_reminders.due)
            ORDER BY due, event, original, person, kind LIMIT $2
            ON CONFLICT (event, original, person, kind) DO UPDATE SET due = EXCLUDED.due
            RETURNING event, original, person, kind, due
        )
        SELECT told.*, begins, starts, title, note,
            COALESCE(occurrences.place, events.place) AS place
        FROM told JOIN occurrences USING (event, original) JOIN events ON number = event
        ORDER BY told.due, event, original, person, told.kind
        """,
        *(now, BATCH),
    )
    for row in rows:
        notice = Notice(
            f"event-{row['kind']}",
            f"events/{row['event']}",
            write_words(row),
            urgent=row["kind"] != "soon" and row["starts"] - now <= URGENT_MS,
            expires=row["starts"],
            begins=row["starts"],
        )
        await notify(connection, row["person"], notice, now)


def write_words(row: asyncpg.Record) -> str:
    """The notice in plain words."""
    place = f", {row['place']}" if row["place"] else ""
    what = f"{row['title']}, {write_day(row['begins'])}{place}"
    note = f" {row['note']}" if row["note"] else ""
    match row["kind"]:
        case "soon":
            return f"You said that you come: {what}."
        case "place":
            return f"There is a place for you now: {what}. If you cannot come, please say so."
        case "cancelled":
            return f"This is cancelled: {what}.{note}"
        case _:
            return f"This has changed: {what}.{note}"


def write_day(begins: datetime) -> str:
    """``Sunday 14 March at 10:00``."""
    return f"{begins:%A} {begins.day} {begins:%B} at {begins:%H:%M}"


async def forget_told(pool: Pool, now: int) -> None:
    """Forget what was told of events that are over."""
    await pool.execute(
        """
        DELETE FROM event_told USING occurrences WHERE starts < $1
            AND occurrences.event = event_told.event AND occurrences.original = event_told.original
        """,
        now - KEPT_MS,
    )
