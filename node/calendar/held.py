"""What the calendar holds on one person: given out to them, and erased."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from node.calendar.local_time import write_local
from node.calendar.rsvps import refill
from node.connections import Acquire, Reader

ROWS = 200


async def hosted_events(
    acquire: Acquire, person: int
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """The events that somebody hosts or made, page by page, in the order of their numbers."""
    last = 0
    while True:
        async with acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT number, kind, host, made_by, made, title, words, place, access, public,
                    capacity, price, duration, repeats, minutes,
                    ARRAY(SELECT begins FROM occurrences WHERE event = number ORDER BY begins)
                        AS begins
                FROM events WHERE (host = $1 OR made_by = $1) AND number > $2
                ORDER BY number LIMIT $3
                """,
                *(person, last, ROWS),
            )
        yield [{**row, "begins": [write_local(each) for each in row["begins"]]} for row in rows]
        if len(rows) < ROWS:
            return
        last = rows[-1]["number"]


async def given_answers(
    acquire: Acquire, person: int
) -> AsyncGenerator[list[dict[str, Any]], None]:
    """What somebody answered, with their turn, and what they are to be told; page by page."""
    last = 0
    while True:
        async with acquire() as connection:
            rows = await connection.fetch(
                """
                SELECT event, original, title, answer, guests, lift_offered, lift_wanted,
                    entered_by, turn,
                    ARRAY(SELECT kind FROM event_notices AS told WHERE told.event = rsvps.event
                        AND told.original = rsvps.original AND told.person = $1 ORDER BY kind)
                        AS notices
                FROM rsvps JOIN events ON number = event
                WHERE person = $1 AND turn > $2 ORDER BY turn LIMIT $3
                """,
                *(person, last, ROWS),
            )
        yield [
            {
                **{name: value for name, value in row.items() if name not in ("original", "turn")},
                "at": write_local(row["original"]),
            }
            for row in rows
        ]
        if len(rows) < ROWS:
            return
        last = rows[-1]["turn"]


async def has_feed(connection: Reader, person: int) -> bool:
    """Whether somebody has a private feed; its address is known to them alone."""
    found = "SELECT EXISTS (SELECT FROM calendar_feeds WHERE person = $1)"
    return bool(await connection.fetchval(found, person))


async def erase_from_calendar(connection: Reader, person: int) -> int:
    """Erase a person from the calendar, and return how many of their events and answers went.

    What they hosted for pleasure goes with all answers to it, since its words and place are theirs;
    trading days and meetings are the circle's, and only forget who they were.
    """
    gone = await connection.fetch(
        "DELETE FROM events WHERE host = $1 AND kind = 'social' RETURNING number", person
    )
    answers = await connection.fetch(
        "DELETE FROM rsvps WHERE person = $1 RETURNING event, original, answer", person
    )
    statements = (
        "DELETE FROM event_notices WHERE person = $1",
        "DELETE FROM calendar_feeds WHERE person = $1",
        "UPDATE events SET host = NULL WHERE host = $1",
        "UPDATE events SET made_by = NULL WHERE made_by = $1",
        "UPDATE rsvps SET entered_by = NULL WHERE entered_by = $1",
    )
    for statement in statements:
        await connection.execute(statement, person)
    freed = [(row["event"], row["original"]) for row in answers if row["answer"] == "yes"]
    await refill(connection, freed)
    return len(gone) + len(answers)
