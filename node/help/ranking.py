"""Who can help with a request, best first, and why (ARCHITECTURE.md, "Who is asked").

The hard rules come first: whoever breaks one is not there. The rest is one score of five parts,
each from 0 to 1, worked out in one statement that reads only those in whose reach the place is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from node.connections import Reader
from node.help.minutes import DAY, WEEK, time_of
from node.people.standing import member_condition

NEAR, FIT, RELIABLE, EVEN, RESTED = 0.15, 0.10, 0.20, 0.35, 0.20
"""What the parts weigh: together 1. A familiar face, where one is wanted, is 1 more."""
NEW_ASKS = 5
"""Whoever was asked so often, and never agreed, is a newcomer no longer: the place that waves keep
for those would be theirs for ever."""
SPAN_DAYS = 28
"""Evenness and rest look so far back."""
DAY_MS = 24 * 3600 * 1000
VISIT_MINUTES_MAX = 480
CONSIDERED_MAX = 2000
"""Where the asker has no place, so many of the able are looked at, others for each request; first,
where that is wanted, who has helped them before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks of its helpers. ``windows`` are begins and ends, in minutes on the clock;
    ``excluded`` are not asked: those who have a block with the asker, and those who were asked;
    nor is anybody but ``only``, if that is somebody. Without a category, any skill will do. It is
    the same again in so many ``weeks``, by the same helper."""

    request: int
    asker: int
    category: str
    minutes: int
    traits: Sequence[str]
    language: str
    vetting: str | None
    familiar: bool
    spot: tuple[int, int] | None
    windows: Sequence[tuple[int, int]]
    excluded: Sequence[int]
    only: int | None = None
    weeks: int = 1

    @property
    def last_day(self) -> date:
        """On which help may be wanted: a helper has to be vetted until then."""
        last = max((ends for _, ends in self.windows), default=0)
        return time_of(last + (self.weeks - 1) * WEEK).date()


@dataclass(frozen=True, slots=True)
class Ranked:
    """Somebody who can help, and the parts of their score.

    ``begins`` is the first time that suits both; ``distance`` is in metres, None where a place is
    not known; ``fit`` the share of the windows that suit; ``by_call`` says that they are rung up.
    """

    helper: int
    begins: int
    score: float
    distance: int | None
    fit: float
    reliable: float
    even: float
    rested: float
    familiar: bool
    newcomer: bool
    by_call: bool


async def rank(
    connection: Reader, wanted: Wanted, now: int, minute: int, most: int
) -> list[Ranked]:
    """The ``most`` best, and the best newcomer if none is among them. ``now`` is in Unix
    milliseconds, ``minute`` the same on the circle's clock."""
    rows = await connection.fetch(_rank_sql(wanted), *_arguments(wanted, now, minute), most)
    return [Ranked(*row.values()) for row in rows]


def _arguments(wanted: Wanted, now: int, minute: int) -> list[object]:
    begins, ends = zip(*wanted.windows, strict=True) if wanted.windows else ((), ())
    return [
        *(wanted.request, wanted.asker, wanted.category, wanted.minutes, list(wanted.traits)),
        *(wanted.language, wanted.vetting, wanted.familiar, *(wanted.spot or (None, None))),
        *(list(begins), list(ends), list(wanted.excluded), now, minute, wanted.only),
        *(wanted.weeks, wanted.last_day),
    ]


_TAKEN = "('held', 'booked', 'done', 'paid')"

# The first minute, within a window, that is free for as long as it takes: of a usual week, without
# what they have agreed to already, without the days that they are away, in a week with room for it.
# What repeats has to fit into each of its weeks: what is in a later one is seen from the first.
_FITS = f"""
    SELECT min(lower(piece)) AS first
    FROM (SELECT span.begins - span.begins % {WEEK} AS monday) AS of_week, unnest(
        free * int4multirange(int4range(span.begins - monday, span.ends - monday))
        - coalesce((
            SELECT range_agg(int4range(begins - later, begins + minutes - later))
            FROM generate_series(monday, monday + ($17 - 1) * {WEEK}, {WEEK}) AS later
                JOIN visits ON begins > span.begins - monday + later - {VISIT_MINUTES_MAX}
                    AND begins < span.ends - monday + later
            WHERE helper = able.person AND status IN {_TAKEN}
        ), '{{}}')
        - CASE WHEN away IS NULL THEN '{{}}' ELSE (
            SELECT range_agg(int4range(lower(away) - later, upper(away) - later))
            FROM generate_series(monday, monday + ($17 - 1) * {WEEK}, {WEEK}) AS later
        ) END
    ) AS piece
    WHERE upper(piece) - lower(piece) >= $4
        AND CASE WHEN free && int4range(span.begins - monday, span.ends - monday) THEN
            $4 + coalesce((
                SELECT max(taken) FROM (
                    SELECT sum(minutes) AS taken FROM visits
                    WHERE helper = able.person AND status IN {_TAKEN}
                        AND begins >= monday AND begins < monday + $17 * {WEEK}
                    GROUP BY begins / {WEEK}
                ) AS weeks
            ), 0) <= weekly END
"""

_RULES = """
    ($3 = '' OR skills @> ARRAY[$3]) AND ($16::bigint IS NULL OR person = $16)
    AND traits @> $5::text[]
    AND person <> ALL($13::bigint[]) AND person <> $2
    AND NOT EXISTS (SELECT FROM suspensions WHERE suspensions.person = helpers.person)
    AND ($7::text IS NULL OR EXISTS (
        SELECT FROM vettings WHERE vettings.person = helpers.person AND level = $7
            AND expires > $18::date
    ))
    AND ($6 = '' OR EXISTS (
        SELECT FROM profiles, unnest(languages) AS spoken
        WHERE profiles.person = helpers.person AND plain_words(spoken) = plain_words($6)
    ))
"""
_SOME = f"""
    ORDER BY $8 AND person IN (
        SELECT helper FROM visits JOIN help_requests ON help_requests.number = request
        WHERE asker = $2 AND visits.status IN ('done', 'paid') AND helper IS NOT NULL
    ) DESC, hashint8(person # $1) LIMIT {CONSIDERED_MAX}
"""
_ANYWHERE = "($9::integer IS NULL AND $10::integer IS NULL)"
_IN_REACH = """
    (easting IS NULL OR easting IS NOT NULL
        AND box(point(easting - reach, northing - reach), point(easting + reach, northing + reach))
            @> box(point($9::integer, $10::integer), point($9::integer, $10::integer))
        AND (easting - $9::bigint) ^ 2 + (northing - $10::bigint) ^ 2 <= reach::bigint ^ 2)
"""


# Each step is worked out once, and costs more for one helper than the one before: whoever it leaves
# out is not looked at again.
def _rank_sql(wanted: Wanted) -> str:
    where, some = (_ANYWHERE, _SOME) if wanted.spot is None else (_IN_REACH, "")
    return f"""
    WITH able AS (
        SELECT *, round(sqrt((easting - $9::bigint) ^ 2 + (northing - $10::bigint) ^ 2))::integer
            AS distance
        FROM helpers WHERE {where} AND {_RULES} {some}
    ), fitting AS MATERIALIZED (
        SELECT able.*, fit, begins FROM able JOIN LATERAL (
            SELECT count(first)::float8 / count(*) AS fit,
                min(first + span.begins - span.begins % {WEEK}) AS begins
            FROM unnest($11::integer[], $12::integer[]) AS span (begins, ends)
                LEFT JOIN LATERAL ({_FITS}) AS fits ON true
        ) AS found ON begins IS NOT NULL
    ), parts AS MATERIALIZED (
        SELECT person, begins, distance, fit, agreed = 0 AND {NEW_ASKS} > (
                SELECT count(*) FROM (SELECT FROM asks WHERE helper = person LIMIT {NEW_ASKS}) AS a
            ) AS newcomer,
            coalesce(1 - distance / reach::float8, 0.5) AS near,
            (kept + 2)::float8 / (kept + failed + 2) AS reliable,
            1 - least(1, (
                SELECT coalesce(sum(minutes), 0) FROM visits
                WHERE helper = person AND status IN {_TAKEN}
                    AND visits.begins > $15::integer - {SPAN_DAYS * DAY}
            ) / (weekly * {SPAN_DAYS / 7}::float8)) AS even,
            coalesce(least(1, ($14 - last_asked) / {SPAN_DAYS * DAY_MS}::float8), 1) AS rested,
            $8 AND EXISTS (
                SELECT FROM visits JOIN help_requests ON help_requests.number = request
                WHERE helper = person AND asker = $2 AND visits.status IN ('done', 'paid')
            ) AS familiar
        FROM fitting WHERE {member_condition("fitting.person")}
    ), scored AS (
        SELECT *, {NEAR} * near + {FIT} * fit + {RELIABLE} * reliable + {EVEN} * even
            + {RESTED} * rested + CASE WHEN familiar THEN 1 ELSE 0 END AS score
        FROM parts
    ), ordered AS (
        SELECT *, row_number() OVER by_score AS nth,
            row_number() OVER (PARTITION BY newcomer ORDER BY score DESC, hashint8(person # $1))
                AS among
        FROM scored WINDOW by_score AS (ORDER BY score DESC, hashint8(person # $1))
    )
    SELECT person, begins, score, distance, fit, reliable, even, rested, familiar, newcomer,
        coalesce(channel IN ('call', 'letter'), false) AS by_call
    FROM ordered LEFT JOIN profiles USING (person)
    WHERE nth <= $19 OR newcomer AND among = 1
    ORDER BY nth
    """
