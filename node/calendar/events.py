"""Events as they are stored: made, changed, moved, cancelled, and read with who comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from node.calendar.local_time import moment_of, shown_at
from node.connections import Reader
from node.errors import CalendarZoneUnset, NotFound, TooManyEvents

MEMBER_EVENTS_MAX = 50
COORDINATOR_EVENTS_MAX = 500
"""Of one person: those that are not over, and those made in the last ``COUNTED_MS``."""
COUNTED_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be made. Times are local, ``duration`` is minutes, ``price`` minor units."""

    key: UUID
    kind: str
    host: int
    made_by: int
    title: str
    words: str
    place: str
    access: str
    public: bool
    capacity: int | None
    price: int
    duration: int
    repeats: str | None
    times: tuple[datetime, ...]


async def read_circle_zone(connection: Reader) -> ZoneInfo:
    """The circle's time zone. Raises CalendarZoneUnset until a coordinator has said it."""
    return _zone(await connection.fetchval("SELECT zone FROM calendar"))


async def hold_circle_zone(connection: Reader) -> ZoneInfo:
    """The same, and it stays so until the transaction ends. It is locked before any event is."""
    return _zone(await connection.fetchval("SELECT zone FROM calendar FOR SHARE"))


def _zone(name: str | None) -> ZoneInfo:
    if name is None:
        raise CalendarZoneUnset
    return ZoneInfo(name)


async def set_circle_zone(connection: Reader, zone: ZoneInfo, now: int) -> None:
    """Set the time zone: events keep their time on the wall, and get another in the world."""
    await connection.execute("UPDATE calendar SET zone = $1", zone.key)
    await connection.execute("UPDATE events SET sequence = sequence + 1, changed = $1", now)
    rows = await connection.fetch("SELECT DISTINCT begins FROM occurrences WHERE starts > $1", now)
    times = [row["begins"] for row in rows]
    await connection.execute(
        """
        UPDATE occurrences SET starts = moved.starts
        FROM unnest($1::timestamp[], $2::bigint[]) AS moved (begins, starts)
        WHERE occurrences.begins = moved.begins
        """,
        times,
        [moment_of(begins, zone) for begins in times],
    )


async def insert_event(
    connection: Reader, new: NewEvent, zone: ZoneInfo, now: int, *, events_max: int
) -> int:
    """Store an event with all its occurrences, and return its number; by its key, once.

    Raises TooManyEvents; NotFound when the key is somebody else's.
    """
    await connection.execute(
        """
        SELECT pg_advisory_xact_lock(
            hashtextextended('tallystick events ' || current_schema || ' ' || $1::bigint, 0))
        """,
        new.made_by,
    )
    made = await connection.fetchrow("SELECT number, made_by FROM events WHERE key = $1", new.key)
    if made is not None:
        if made["made_by"] != new.made_by:
            raise NotFound("event of that key")
        return int(made["number"])
    await _check_room(connection, new.made_by, now, events_max)
    number: int = await connection.fetchval(
        """
        INSERT INTO events (key, kind, host, made_by, made, title, words, place, access, public,
            capacity, price, duration, repeats, changed)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $5)
        RETURNING number
        """,
        *(new.key, new.kind, new.host, new.made_by, now, new.title, new.words, new.place),
        *(new.access, new.public, new.capacity, new.price, new.duration, new.repeats),
    )
    await connection.execute(
        """
        INSERT INTO occurrences (event, original, begins, starts)
        SELECT $1, * FROM unnest($2::timestamp[], $3::timestamp[], $4::bigint[])
        """,
        number,
        new.times,
        [shown_at(each, zone) for each in new.times],
        [moment_of(each, zone) for each in new.times],
    )
    return number


async def _check_room(connection: Reader, person: int, now: int, events_max: int) -> None:
    count = await connection.fetchval(
        """
        SELECT count(*) FROM events WHERE made_by = $1 AND (made > $2 OR EXISTS (
            SELECT FROM occurrences WHERE event = number AND starts > $3))
        """,
        person,
        now - COUNTED_MS,
        now,
    )
    if count >= events_max:
        raise TooManyEvents(events_max)


_COLUMNS = """
    event, original, begins, starts, moved, cancelled, note,
        COALESCE(occurrences.place, events.place) AS place, events.place AS usual_place,
        key, kind, title, words, access, public,
        capacity, price, duration, repeats, sequence, changed, host,
        people.handle AS host_handle, people.name AS host_name,
        (SELECT COALESCE(sum(1 + guests), 0) FROM rsvps WHERE rsvps.event = occurrences.event
            AND rsvps.original = occurrences.original AND answer = 'yes')::integer AS taken,
        (SELECT count(*) FROM rsvps WHERE rsvps.event = occurrences.event
            AND rsvps.original = occurrences.original AND answer = 'waiting')::integer AS waiting,
        mine.answer, mine.guests, mine.lift_offered, mine.lift_wanted
"""
_SOURCES = """
    occurrences JOIN events ON events.number = event
        LEFT JOIN people ON people.person = host
        LEFT JOIN (SELECT * FROM rsvps WHERE person = $1) AS mine USING (event, original)
"""
_SEEN_BY = f"SELECT {_COLUMNS} FROM {_SOURCES}"


async def read_between(
    connection: Reader,
    viewer: int,
    first: datetime,
    before: datetime,
    after: tuple[datetime, int, datetime] | None = None,
    *,
    limit: int,
    public_only: bool = False,
) -> list[asyncpg.Record]:
    """Occurrences that begin in a span of local time, in order, with the viewer's answers.

    ``after`` is what begins, event and original were of the last one read.
    """
    return await connection.fetch(
        _SEEN_BY
        + """
        WHERE begins >= $2 AND begins < $3 AND (begins, event, original) > ($4, $5, $6)
            AND (public OR NOT $7)
        ORDER BY begins, event, original LIMIT $8
        """,
        viewer,
        first,
        before,
        *(after or (datetime.min, 0, datetime.min)),
        public_only,
        limit,
    )


async def read_event(connection: Reader, viewer: int, number: int) -> list[asyncpg.Record]:
    """All occurrences of an event, by when they are. Raises NotFound."""
    rows = await connection.fetch(
        _SEEN_BY + "WHERE event = $2 ORDER BY begins, original", viewer, number
    )
    if not rows:
        raise NotFound("event of that number")
    return rows


async def read_occurrence(
    connection: Reader, viewer: int, number: int, original: datetime
) -> asyncpg.Record:
    """One occurrence. Raises NotFound."""
    row = await connection.fetchrow(
        _SEEN_BY + "WHERE event = $2 AND original = $3", viewer, number, original
    )
    if row is None:
        raise NotFound("event at that time")
    return row


async def read_minutes(connection: Reader, number: int) -> str:
    """What was written down at an event."""
    minutes: str = await connection.fetchval("SELECT minutes FROM events WHERE number = $1", number)
    return minutes


async def lock_event(connection: Reader, number: int) -> asyncpg.Record:
    """The event's own row, which nobody else changes until the transaction ends."""
    row = await connection.fetchrow("SELECT * FROM events WHERE number = $1 FOR UPDATE", number)
    if row is None:
        raise NotFound("event of that number")
    return row


async def change_event(
    connection: Reader, row: asyncpg.Record, changes: Mapping[str, Any], now: int
) -> None:
    """Write an event's row, as `lock_event` read it, with some columns changed."""
    value = {**row, **changes}
    await connection.execute(
        """
        UPDATE events SET host = $2, title = $3, words = $4, place = $5, access = $6, public = $7,
            capacity = $8, price = $9, minutes = $10, sequence = sequence + 1, changed = $11
        WHERE number = $1
        """,
        *(row["number"], value["host"], value["title"], value["words"], value["place"]),
        *(value["access"], value["public"], value["capacity"], value["price"], value["minutes"]),
        now,
    )


async def tell_rest(connection: Reader, number: int, now: int) -> None:
    """Leave a notice for all who come to what is still to come of an event that has changed."""
    rows = await connection.fetch(
        """
        SELECT original FROM occurrences
        WHERE event = $1 AND starts > $2 AND NOT cancelled AND place IS NULL
        """,
        *(number, now),
    )
    await _tell(connection, number, [row["original"] for row in rows], "changed", now)


async def cancel_rest(connection: Reader, number: int, note: str, now: int) -> None:
    """Cancel what is still to come of an event."""
    rows = await connection.fetch(
        """
        UPDATE occurrences SET cancelled = true, note = $2
        WHERE event = $1 AND starts > $3 AND NOT cancelled RETURNING original
        """,
        number,
        note,
        now,
    )
    await _tell(connection, number, [row["original"] for row in rows], "cancelled", now)


async def change_occurrence(
    connection: Reader,
    number: int,
    original: datetime,
    changes: Mapping[str, Any],
    zone: ZoneInfo,
    now: int,
) -> None:
    """Move or cancel one occurrence, or take that back; those who come are to be told."""
    row = await connection.fetchrow(
        "SELECT * FROM occurrences WHERE event = $1 AND original = $2 FOR UPDATE", number, original
    )
    if row is None:
        raise NotFound("event at that time")
    value = {**row, **changes}
    is_moved = value["begins"] != shown_at(original, zone) or value["place"] is not None
    await connection.execute(
        """
        UPDATE occurrences SET begins = $3, starts = $4, place = $5, cancelled = $6, note = $7,
            moved = $8
        WHERE event = $1 AND original = $2
        """,
        *(number, original, value["begins"], moment_of(value["begins"], zone), value["place"]),
        *(value["cancelled"], value["note"], is_moved),
    )
    await connection.execute(
        "UPDATE events SET sequence = sequence + 1, changed = $2 WHERE number = $1", number, now
    )
    kind = "cancelled" if value["cancelled"] else "changed"
    await _tell(connection, number, [original], kind, now)


# What is not as the rule has it, of occurrences.
_APART = "(moved OR cancelled OR note <> '' OR begins <> original)"
# ``parts`` counts the VEVENTs of an event and of all that go before it: at most, as an occurrence
# that is apart may be answered too.
_FOR_FEED = f"""
    WITH answered AS (
        SELECT event AS number, count(*) AS answers FROM rsvps WHERE person = $1 GROUP BY event
    ), kept AS (
        SELECT number AS kept, first_one, last_one, all_cancelled, sum(
            CASE WHEN all_cancelled OR repeats IS NULL THEN 1
                ELSE 1 + apart + coalesce(answers, 0) END
        ) OVER (ORDER BY next_one, latest DESC, number) AS parts
        FROM events LEFT JOIN answered USING (number) JOIN LATERAL (
            SELECT min(original) AS first_one, max(original) AS last_one,
                min(starts) FILTER (WHERE starts >= $3) AS next_one, max(starts) AS latest,
                bool_and(cancelled) AS all_cancelled, count(*) FILTER (WHERE {_APART}) AS apart
            FROM occurrences WHERE event = number OFFSET 0
        ) AS told ON true
        WHERE (public OR NOT $4)
            AND number IN (SELECT event FROM occurrences WHERE starts >= $2)
        ORDER BY parts LIMIT $5
    )
    SELECT {_COLUMNS}, all_cancelled FROM {_SOURCES} JOIN kept ON kept = event
    WHERE parts <= $6 AND (
        original IN (first_one, last_one)
        OR NOT all_cancelled AND ({_APART} OR mine.answer IS NOT NULL)
    )
    ORDER BY event, original
"""


async def read_for_feed(
    connection: Reader,
    viewer: int,
    since: int,
    now: int,
    *,
    events_max: int,
    parts_max: int,
    public_only: bool,
) -> list[asyncpg.Record]:
    """What a feed says, by event: the first and the last occurrence, and all that is not as the
    rule has it, unless all is cancelled.

    It is of the events that are on ``since`` then, the next one first, and after those that are to
    come the latest one; of so many of them as are told in ``parts_max`` VEVENTs.
    """
    return await connection.fetch(
        _FOR_FEED, *(viewer, since, now, public_only, events_max, parts_max)
    )


async def _tell(
    connection: Reader, number: int, originals: Sequence[datetime], kind: str, now: int
) -> None:
    """Leave a notice for all who come or wait, in place of what no longer is so."""
    await connection.execute(
        """
        DELETE FROM event_notices WHERE event = $1 AND original = ANY($2::timestamp[])
            AND (kind <> 'place' OR $3 = 'cancelled')
        """,
        number,
        originals,
        kind,
    )
    await connection.execute(
        """
        INSERT INTO event_notices (event, original, person, kind, due)
        SELECT event, original, person, $3, $4 FROM rsvps
        WHERE event = $1 AND original = ANY($2::timestamp[]) AND answer <> 'no'
        """,
        number,
        originals,
        kind,
        now,
    )
