"""All that the circle holds on a person beside the ledger, for the export of everything."""

from __future__ import annotations

from datetime import date
from typing import Any

from node.connections import Reader

Rows = list[dict[str, Any]]


async def read_held(connection: Reader, person: int) -> dict[str, Rows]:
    """Their profile, vetting, blocks and listings.

    Each is a list of rows, and bounded; of a profile there is one or none. What others did about
    them, such as a block, is those others': so the blocks here are for that person alone.
    """
    return {
        "profile": await _read(
            connection,
            """
            SELECT languages, about, place, easting, northing, side, channel, contact, shown
            FROM profiles WHERE person = $1
            """,
            person,
        ),
        "vetting": await _read(
            connection,
            """
            SELECT level, vetting_levels.name, checked_on, expires
            FROM vettings JOIN vetting_levels USING (level) WHERE person = $1
            ORDER BY position, level
            """,
            person,
        ),
        "blocks": await _read(
            connection,
            "SELECT other AS person FROM blocks WHERE person = $1 ORDER BY other",
            person,
        ),
        "listings": await _read(
            connection,
            """
            SELECT id, kind, form, category, title, body AS text, price, cash, made, days, expires,
                easting, northing
            FROM listings WHERE person = $1 ORDER BY id
            """,
            person,
        ),
    }


async def _read(connection: Reader, statement: str, person: int) -> Rows:
    rows = await connection.fetch(statement, person)
    return [
        {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in row.items()
        }
        for row in rows
    ]
