"""What was asked for in a span of time, and what became of it, counted in the tables of help."""

from __future__ import annotations

from node.connections import Reader
from node.numbers.figures import Group, Outcome


async def count_asked(connection: Reader, begins: int, ends: int) -> Group:
    """Requests that were opened from ``begins`` on and before ``ends``, in Unix milliseconds.

    Those that neighbouring circles passed on are counted there.
    """
    row = await connection.fetchrow(
        """
        SELECT count(*) AS asked, count(DISTINCT account) AS askers FROM help_requests
        WHERE opened >= $1 AND opened < $2 AND link IS NULL
        """,
        *(begins, ends),
    )
    assert row is not None, "an aggregate has one row"
    return Group(row["asked"], row["askers"])


async def read_outcome(connection: Reader, begins: int, ends: int) -> Outcome:
    """What became by now of the requests that were opened then.

    A place is filled where somebody was found for each of its weeks, and unfilled where one went by
    with nobody. What is looked for still, or was called off before anybody was found, is neither.
    """
    row = await connection.fetchrow(
        """
        WITH asked AS (
            SELECT number, account, (matched - opened) / 60000 AS took FROM help_requests
            WHERE opened >= $1 AND opened < $2 AND link IS NULL
        ), places AS (
            SELECT asked.number, asked.account, took,
                bool_or(status = 'dropped') AS unfilled,
                bool_and(status NOT IN ('dropped', 'open'))
                    AND bool_or(visits.account IS NOT NULL OR offer IS NOT NULL) AS filled
            FROM asked JOIN visits ON request = asked.number
            GROUP BY asked.number, asked.account, took, place
        ), requests AS (
            SELECT number, account, took, count(*) FILTER (WHERE filled) AS filled,
                count(*) FILTER (WHERE unfilled) AS unfilled
            FROM places GROUP BY number, account, took
        )
        SELECT coalesce(sum(filled), 0)::bigint AS places_filled,
            coalesce(sum(unfilled), 0)::bigint AS places_unfilled,
            count(*) FILTER (WHERE filled > 0) AS filled,
            count(DISTINCT account) FILTER (WHERE filled > 0) AS filled_askers,
            count(*) FILTER (WHERE unfilled > 0) AS unfilled,
            count(DISTINCT account) FILTER (WHERE unfilled > 0) AS unfilled_askers,
            count(*) FILTER (WHERE unfilled = 0) AS others,
            count(DISTINCT account) FILTER (WHERE unfilled = 0) AS others_askers,
            count(took) AS matched,
            count(DISTINCT account) FILTER (WHERE took IS NOT NULL) AS matched_askers,
            percentile_disc(0.5) WITHIN GROUP (ORDER BY took) AS half,
            percentile_disc(0.9) WITHIN GROUP (ORDER BY took) AS most
        FROM requests
        """,
        *(begins, ends),
    )
    given = await connection.fetchrow(
        """
        SELECT count(*) AS visits, count(DISTINCT visits.account) AS helpers,
            count(DISTINCT help_requests.account) AS askers,
            coalesce(sum(visits.minutes), 0)::bigint AS minutes
        FROM visits JOIN help_requests ON help_requests.number = request
        WHERE starts >= $1 AND starts < $2 AND visits.status = 'paid'
        """,
        *(begins, ends),
    )
    assert row is not None, "an aggregate has one row"
    assert given is not None, "an aggregate has one row"
    return Outcome(
        filled=Group(row["filled"], row["filled_askers"]),
        unfilled=Group(row["unfilled"], row["unfilled_askers"]),
        others=Group(row["others"], row["others_askers"]),
        matched=Group(row["matched"], row["matched_askers"]),
        visits=Group(given["visits"], min(given["helpers"], given["askers"])),
        places_filled=row["places_filled"],
        places_unfilled=row["places_unfilled"],
        half=row["half"],
        most=row["most"],
        helped=given["minutes"],
    )
