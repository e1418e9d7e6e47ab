"""Why somebody is not asked: the hard rules one by one, for coordinators who wonder.

These are the rules of ``ranking``, said again as sentences; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import replace

from node.connections import Reader
from node.errors import HelpTaken
from node.help.ranking import Ranked, Wanted, rank
from node.people.blocks import read_hidden
from node.people.standing import is_member

_FACTS = """
    SELECT helpers.person IS NOT NULL AS helps,
        skills @> ARRAY[$2] AS has_skill,
        ARRAY(SELECT unnest($3::text[]) EXCEPT SELECT unnest(traits)) AS lacks,
        EXISTS (SELECT FROM suspensions WHERE suspensions.person = people.person) AS is_suspended,
        $4::text IS NULL OR EXISTS (
            SELECT FROM vettings WHERE vettings.person = people.person AND level = $4
                AND expires > $5::date
        ) AS is_vetted,
        $6 = '' OR EXISTS (
            SELECT FROM profiles, unnest(languages) AS spoken
            WHERE profiles.person = people.person AND plain_words(spoken) = plain_words($6)
        ) AS speaks,
        $7::integer IS NULL OR easting IS NULL
            OR (easting - $7::bigint) ^ 2 + (northing - $8::bigint) ^ 2 <= reach::bigint ^ 2
            AS is_near,
        people.person = ANY($9::bigint[]) AS is_hidden,
        EXISTS (SELECT FROM asks WHERE request = $10 AND helper = $1) AS was_asked
    FROM people LEFT JOIN helpers USING (person) WHERE people.person = $1
"""
CANNOT = "They cannot be asked for this."
"""For blocks and suspensions, of which nobody is told through this."""
ASKED = "They were asked already."
ASKED_ANEW = ("no", "no-reply", "late")
"""Whoever answered so may be asked anew by hand."""
BUSY = "They are not free then, or help as much in that week as they can already."


async def find_obstacles(
    connection: Reader, wanted: Wanted, person: int, now: int, minute: int
) -> list[str]:
    """Which rules keep somebody from being asked, as sentences; none where they come into question.

    ``now`` is in Unix milliseconds, ``minute`` the same on the circle's clock.
    """
    easting, northing = wanted.spot or (None, None)
    facts = await connection.fetchrow(
        _FACTS,
        *(person, wanted.category, list(wanted.traits), wanted.vetting),
        *(wanted.last_day, wanted.language),
        *(easting, northing, await read_hidden(connection, wanted.asker), wanted.request),
    )
    if facts is None or not await is_member(connection, person):
        return ["They are no member of the circle."]
    if person == wanted.asker:
        return ["It is their own request."]
    if not facts["helps"]:
        return ["They have not said that they can help, and when."]
    told = {
        ASKED: facts["was_asked"],
        CANNOT: facts["is_hidden"] or facts["is_suspended"],
        f"They do not help with {wanted.category}.": not facts["has_skill"],
        f"They lack: {', '.join(facts['lacks'])}.": bool(facts["lacks"]),
        f"They are not vetted for {wanted.vetting}.": not facts["is_vetted"],
        f"They do not speak {wanted.language}.": not facts["speaks"],
        "It is further than they go.": not facts["is_near"],
    }
    found = [words for words, is_so in told.items() if is_so]
    if not found and not await _fits(connection, wanted, person, now, minute):
        found.append(BUSY)
    return found


async def _fits(
    connection: Reader, wanted: Wanted, person: int, now: int, minute: int
) -> Ranked | None:
    if not wanted.windows:
        return None
    ranked = await rank(connection, replace(wanted, only=person), now, minute, 1)
    return ranked[0] if ranked else None


async def rank_by_hand(
    connection: Reader, wanted: Wanted, person: int, now: int, minute: int, *, tell: bool
) -> Ranked | None:
    """Somebody whom a coordinator chose, as they are ranked without skills, needs and distance.

    None for who was asked and may still answer, or said yes; those who did not come into it before
    are ranked as if they had not been asked. Raises HelpTaken where a rule stands that nobody
    overrides; which one it is, only if the one who asks may be told (``tell``).
    """
    asked = await connection.fetchrow(
        "SELECT answer FROM asks WHERE request = $1 AND helper = $2", wanted.request, person
    )
    if asked is not None and asked["answer"] in (None, "yes"):
        return None
    if asked is not None and asked["answer"] not in ASKED_ANEW:
        raise HelpTaken(
            wanted.request, "they gave it back, or who asked would rather have somebody else"
        )
    freely = replace(
        wanted,
        category="",
        traits=(),
        language="",
        vetting=None,
        spot=None,
        excluded=await read_hidden(connection, wanted.asker),
    )
    found = await _fits(connection, freely, person, now, minute)
    if found is None and not tell:
        raise HelpTaken(wanted.request, CANNOT.rstrip("."))
    if found is None:
        told = await find_obstacles(connection, wanted, person, now, minute)
        told = [words for words in told if words != ASKED] or [BUSY]
        raise HelpTaken(wanted.request, " ".join(told).rstrip("."))
    return found
