"""Who comes: answers are given one after the other, so that the last place goes to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from node.calendar.places import Party, choose_next, decide_answer
from node.connections import Pool, Reader
from node.errors import EventFull, EventOver, NotFound
from node.people.blocks import read_hidden

KEPT_MS = 400 * 24 * 3600 * 1000
"""How long it is remembered who came to what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says: whether they come, with how many, and what lift they offer or want."""

    comes: bool
    guests: int
    lift_offered: int
    lift_wanted: bool


async def answer(
    connection: Reader,
    number: int,
    original: datetime,
    person: int,
    given: Answer,
    *,
    entered_by: int,
    now: int,
) -> None:
    """Take an answer, and give places that it frees to those who wait.

    A transaction. Raises NotFound, EventOver, and EventFull when somebody who has a place asks for
    more than are left: they keep what they have.
    """
    capacity = await _lock_occurrence(connection, number, original, now)
    before = await connection.fetchrow(
        "SELECT answer FROM rsvps WHERE event = $1 AND original = $2 AND person = $3",
        *(number, original, person),
    )
    if given.comes:
        taken = await _count_taken(connection, number, original, besides=person)
        decided = decide_answer(capacity, taken, 1 + given.guests)
        if decided == "waiting" and before is not None and before["answer"] == "yes":
            raise EventFull(number, max(0, (capacity or 0) - taken))
    else:
        decided = "no"
    if before is not None and before["answer"] == "no":
        await _forget(connection, number, original, person)  # they go to the end of the line
    await _write(connection, number, original, person, decided, given, entered_by)
    await connection.execute(
        """
        DELETE FROM event_notices WHERE event = $1 AND original = $2 AND person = $3
            AND $4 = 'no'
        """,
        *(number, original, person, decided),
    )
    await fill_places(connection, number, original, capacity, now)


async def _lock_occurrence(
    connection: Reader, number: int, original: datetime, now: int
) -> int | None:
    """Let nobody else answer until the transaction ends; returns the capacity."""
    event = await connection.fetchrow(
        "SELECT capacity, duration FROM events WHERE number = $1 FOR SHARE", number
    )
    row = await connection.fetchrow(
        """
        SELECT starts, cancelled FROM occurrences WHERE event = $1 AND original = $2 FOR UPDATE
        """,
        *(number, original),
    )
    if event is None or row is None:
        raise NotFound("event at that time")
    if row["cancelled"]:
        raise EventOver(number, "cancelled")
    if row["starts"] + event["duration"] * 60_000 <= now:
        raise EventOver(number, "over")
    capacity: int | None = event["capacity"]
    return capacity


async def _count_taken(
    connection: Reader, number: int, original: datetime, besides: int = 0
) -> int:
    taken: int = await connection.fetchval(
        """
        SELECT COALESCE(sum(1 + guests), 0)::bigint FROM rsvps
        WHERE event = $1 AND original = $2 AND answer = 'yes' AND person <> $3
        """,
        *(number, original, besides),
    )
    return taken


async def _forget(connection: Reader, number: int, original: datetime, person: int) -> None:
    await connection.execute(
        "DELETE FROM rsvps WHERE event = $1 AND original = $2 AND person = $3",
        *(number, original, person),
    )


async def _write(
    connection: Reader,
    number: int,
    original: datetime,
    person: int,
    decided: str,
    given: Answer,
    entered_by: int,
) -> None:
    await connection.execute(
        """
        INSERT INTO rsvps (event, original, person, entered_by, answer, guests, lift_offered,
            lift_wanted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (event, original, person) DO UPDATE SET entered_by = $4, answer = $5,
            guests = $6, lift_offered = $7, lift_wanted = $8
        """,
        *(number, original, person, entered_by, decided),
        *(given.guests, given.lift_offered, given.lift_wanted),
    )


async def fill_places(
    connection: Reader, number: int, original: datetime, capacity: int | None, now: int
) -> None:
    """Give free places to those who wait, and leave them a notice. The occurrence is locked."""
    rows = await connection.fetch(
        """
        SELECT person, 1 + guests AS size FROM rsvps
        WHERE event = $1 AND original = $2 AND answer = 'waiting' ORDER BY turn
        """,
        *(number, original),
    )
    if not rows:
        return
    taken = await _count_taken(connection, number, original)
    parties = [Party(row["person"], row["size"]) for row in rows]
    chosen = [party.person for party in choose_next(capacity, taken, parties)]
    await connection.execute(
        """
        WITH placed AS (
            UPDATE rsvps SET answer = 'yes'
            WHERE event = $1 AND original = $2 AND person = ANY($3::bigint[]) RETURNING person
        )
        INSERT INTO event_notices SELECT $1, $2, person, 'place', $4 FROM placed
        ON CONFLICT (event, original, person, kind) DO UPDATE SET due = EXCLUDED.due
        """,
        *(number, original, chosen, now),
    )


async def fill_all_places(connection: Reader, number: int, capacity: int | None, now: int) -> None:
    """The same for all that is to come of an event, which has another capacity now."""
    rows = await connection.fetch(
        """
        SELECT original FROM occurrences
        WHERE event = $1 AND starts > $2 AND NOT cancelled ORDER BY original FOR UPDATE
        """,
        *(number, now),
    )
    for row in rows:
        await fill_places(connection, number, row["original"], capacity, now)


async def fill_if_on(connection: Reader, number: int, original: datetime, now: int) -> None:
    """The same for one occurrence, unless it is cancelled or over."""
    try:
        capacity = await _lock_occurrence(connection, number, original, now)
    except (EventOver, NotFound):
        return
    await fill_places(connection, number, original, capacity, now)


async def refill(connection: Reader, freed: Sequence[tuple[int, datetime]]) -> None:
    """The same for occurrences at which an answer was taken away, by the log's own clock."""
    now = await connection.fetchval("SELECT log_time FROM head")
    for number, original in sorted(freed):
        await fill_if_on(connection, number, original, now)


async def read_answers(
    connection: Reader,
    number: int,
    original: datetime,
    cursor: int,
    limit: int,
    *,
    lifts_for: int | None,
) -> list[asyncpg.Record]:
    """Who answered, in the order of their turns.

    With ``lifts_for`` only those who come and offer or want a lift, and have no block with that
    person, either way.
    """
    hidden = [] if lifts_for is None else await read_hidden(connection, lifts_for)
    return await connection.fetch(
        """
        SELECT rsvps.person, people.handle, people.name, answer, guests, lift_offered,
            lift_wanted, entered_by, turn
        FROM rsvps LEFT JOIN people USING (person)
        WHERE event = $1 AND original = $2 AND turn > $3
            AND (NOT $5 OR answer = 'yes' AND (lift_offered > 0 OR lift_wanted))
            AND NOT rsvps.person = ANY($6::bigint[])
        ORDER BY turn LIMIT $4
        """,
        *(number, original, cursor, limit, lifts_for is not None, hidden),
    )


async def read_due(
    connection: Reader, person: int, now: int, until: int, limit: int
) -> list[asyncpg.Record]:
    """What somebody is to be told of events that are not over, soonest first."""
    return await connection.fetch(
        """
        SELECT due, told.kind, event, original, begins, starts, title,
            COALESCE(occurrences.place, events.place) AS place
        FROM event_reminders AS told JOIN occurrences USING (event, original)
            JOIN events ON number = event
        WHERE person = $1 AND starts > $2 AND due <= $3
        ORDER BY due, event, original, told.kind LIMIT $4
        """,
        *(person, now, until, limit),
    )


async def forget_answers(pool: Pool, now: int) -> None:
    """Forget who came to what was long ago."""
    await pool.execute(
        """
        WITH over AS (SELECT event, original FROM occurrences WHERE starts < $1),
        told AS (DELETE FROM event_notices USING over
            WHERE event_notices.event = over.event AND event_notices.original = over.original)
        DELETE FROM rsvps USING over
            WHERE rsvps.event = over.event AND rsvps.original = over.original
        """,
        now - KEPT_MS,
    )
