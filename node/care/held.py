"""What is held on a person of looking after people, for the export of everything.

Complaints and concerns are there for whoever made them, and for nobody whom they are about. Of a
suspension there is since when it is, and of earlier ones when they began and ended, and not why.
"""

from __future__ import annotations

from typing import Any

from node.connections import Reader

Rows = list[dict[str, Any]]


async def read_cared(connection: Reader, person: int) -> dict[str, Rows]:
    """What they complained of and were worried about, whether they are suspended, their duty, and
    their handover notes; bounded."""
    return {
        "complaints": await _read(
            connection,
            """
            SELECT number, about, title, body AS text, made, closed, outcome
            FROM complaints WHERE by = $1 ORDER BY made DESC, number LIMIT 1000
            """,
            person,
        ),
        "concerns": await _read(
            connection,
            """
            SELECT number, subject AS person, about, body AS text, urgent, made, closed
            FROM concerns WHERE reporter = $1 ORDER BY made DESC, number LIMIT 1000
            """,
            person,
        ),
        "suspension": await _read(
            connection, "SELECT made AS since FROM suspensions WHERE person = $1", person
        ),
        "suspensions": await _read(
            connection,
            """
            SELECT act, made FROM suspension_acts WHERE person = $1
            ORDER BY number DESC LIMIT 1000
            """,
            person,
        ),
        "duty": await _read(
            connection,
            """
            SELECT NULL::text AS day, weekday, to_char(begins, 'HH24:MI') AS begins,
                to_char(ends, 'HH24:MI') AS ends
            FROM duty_week WHERE person = $1
            UNION ALL
            SELECT day::text, NULL, to_char(begins, 'HH24:MI'), to_char(ends, 'HH24:MI')
            FROM duty_turns WHERE person = $1
            ORDER BY day NULLS FIRST, weekday, begins
            """,
            person,
        ),
        "handover_notes": await _read(
            connection,
            """
            SELECT number, made, body AS text FROM handover_notes WHERE author = $1
            ORDER BY number DESC LIMIT 1000
            """,
            person,
        ),
    }


async def _read(connection: Reader, statement: str, person: int) -> Rows:
    return [dict(row) for row in await connection.fetch(statement, person)]
