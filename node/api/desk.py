"""The phone desk: what coordinators do by telephone, for those who ring and those who are rung.

Neither side needs a device for any of it: find who rings, ask for them, ring the ranked one after
the other, tick what they said, read it back.
"""

from __future__ import annotations

from typing import Annotated, Literal

import asyncpg
from pydantic import Field

from node.api.bounds import Limit, Number
from node.api.help_models import HelpRequest
from node.api.help_views import local_time, render_request, render_requests
from node.api.names import PersonName, names_of_persons
from node.api.sessions import Session
from node.calendar.events import hold_circle_zone, read_circle_zone
from node.care.safeguarding import is_close, read_household
from node.circle import Circle
from node.connections import Reader
from node.errors import HelpOver, NotFound, NotPermitted
from node.help.asking import BY_HAND, LEAD_MINUTES, ask, pass_on
from node.help.minutes import minute_at
from node.help.ranking import Ranked, rank
from node.help.reasons import Reasons, tell_coordinator
from node.help.requests import lock_request, read_ends, read_request, read_wanted
from node.help.rules import ASKED_ANEW, find_obstacles, rank_by_hand
from node.help.silence import SILENCE_MS
from node.http.fields import Model
from node.people.standing import check_coordinator

LOOK_AFTER = "look after requests for help"


class Candidate(Model):
    """Somebody who can help: why, the first time that suits, and how to reach them.

    ``score`` is what they are ordered by.
    """

    helper: PersonName
    begins: str
    score: float
    why: str
    channel: str | None
    contact: str | None
    by_call: bool


class Ranking(Model):
    """Who can help and was not asked yet, the best first."""

    helpers: list[Candidate]


class Obstacles(Model):
    """Why somebody is not asked, as whole sentences; none where they come into question."""

    person: PersonName
    why: list[str]


class Call(Model):
    """Somebody to ring: about which request, and what it is about."""

    person: PersonName
    contact: str | None
    request: int
    title: str
    what: Literal["ask", "accept", "confirm", "miss", "look", "over", "free", "promise"]
    words: str
    since: int


class Desk(Model):
    """What waits for a coordinator: requests without enough helpers, and calls to make."""

    requests: list[HelpRequest]
    calls: list[Call]


async def check_apart(connection: Reader, session: Session, what: str, *people: int | None) -> None:
    """Raise NotPermitted for a coordinator who is one of these people, or of their household."""
    for person in people:
        if person is not None and await is_close(connection, session.person, person):
            raise NotPermitted("coordinators whom it is not about, nor their household,", what)


async def get_ranking(
    state: Circle, session: Session, request: Number, limit: Limit = 10
) -> Ranking:
    """Whom to ask next about a request, and why: for coordinators."""
    check_coordinator(session, LOOK_AFTER)
    now = state.clock()
    async with state.pool.acquire() as connection:
        row = await read_request(connection, request)
        await check_apart(connection, session, LOOK_AFTER, row["asker"])
        minute = minute_at(now, await read_circle_zone(connection))
        wanted = await read_wanted(connection, row, minute + LEAD_MINUTES)
        ranked = await rank(connection, wanted, now, minute, limit) if wanted.windows else []
        return Ranking(helpers=await _render(connection, row, ranked[:limit]))


async def _render(connection: Reader, row: asyncpg.Record, ranked: list[Ranked]) -> list[Candidate]:
    rows = await connection.fetch(
        """
        SELECT person, handle, name, channel, contact FROM people LEFT JOIN profiles USING (person)
        WHERE person = ANY($1::bigint[])
        """,
        [each.helper for each in ranked],
    )
    people = {row["person"]: row for row in rows}
    return [
        Candidate(
            helper=PersonName(person=each.helper, handle=who["handle"], name=who["name"]),
            begins=local_time(each.begins),
            score=round(each.score, 4),
            why=tell_coordinator(Reasons.of(row["category"], each, placed=True)),
            channel=who["channel"],
            contact=who["contact"],
            by_call=each.by_call,
        )
        for each in ranked
        if (who := people.get(each.helper)) is not None
    ]


async def explain_absence(
    state: Circle, session: Session, request: Number, person: Number
) -> Obstacles:
    """Which rule keeps somebody from being asked about a request: for coordinators."""
    check_coordinator(session, LOOK_AFTER)
    now = state.clock()
    async with state.pool.acquire() as connection:
        row = await read_request(connection, request)
        await check_apart(connection, session, LOOK_AFTER, row["asker"], person)
        minute = minute_at(now, await read_circle_zone(connection))
        wanted = await read_wanted(connection, row, minute + LEAD_MINUTES)
        why = await find_obstacles(connection, wanted, person, now, minute)
        names = await names_of_persons(connection, [person])
        return Obstacles(person=names[person], why=why)


async def ask_by_hand(
    state: Circle, session: Session, request: Number, person: Number
) -> HelpRequest:
    """Ask somebody whom a coordinator chose, whatever the ranking says of them.

    But for blocks, suspensions and time that they do not have: these nobody overrides. Who said no,
    did not answer or came too late is asked anew. Why they cannot be asked, coordinators are not
    told of themselves nor of their household.
    """
    check_coordinator(session, LOOK_AFTER)
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        zone = await hold_circle_zone(connection)
        row = await lock_request(connection, request)
        await check_apart(connection, session, LOOK_AFTER, row["asker"])
        if row["status"] != "open":
            raise HelpOver(request)
        minute = minute_at(now, zone)
        wanted = await read_wanted(connection, row, minute + LEAD_MINUTES)
        tell = not await is_close(connection, session.person, person)
        chosen = await rank_by_hand(connection, wanted, person, now, minute, tell=tell)
        ends = await read_ends(connection, row)
        await connection.execute(
            "DELETE FROM asks WHERE request = $1 AND helper = $2 AND answer = ANY($3::text[])",
            *(request, person, ASKED_ANEW),
        )
        await ask(connection, row, [chosen] if chosen else [], BY_HAND, ends, now)
        return await render_request(
            connection, await read_request(connection, request), session, own=False
        )


async def note_no_reply(
    state: Circle, session: Session, request: Number, person: Number
) -> HelpRequest:
    """Tick that somebody was rung about a request, and did not answer: the next one is asked."""
    check_coordinator(session, LOOK_AFTER)
    now = state.clock()
    async with state.pool.acquire() as connection, connection.transaction():
        row = await lock_request(connection, request)
        await check_apart(connection, session, LOOK_AFTER, row["asker"])
        asked = await connection.fetchrow(
            "SELECT answer FROM asks WHERE request = $1 AND helper = $2", request, person
        )
        if asked is None:
            raise NotFound("request for help of that number that they were asked about")
        if asked["answer"] is None:
            await connection.execute(
                """
                UPDATE asks SET answer = 'no-reply', answered = $3, answered_by = $4
                WHERE request = $1 AND helper = $2
                """,
                *(request, person, now, session.person),
            )
            await pass_on(connection, row, now)
        return await render_request(connection, row, session, own=False)


async def get_desk(
    state: Circle,
    session: Session,
    limit: Annotated[int, Field(ge=1, le=100, description="How many of each at most")] = 50,
) -> Desk:
    """What waits for a coordinator, the longest first. Nothing waits anywhere else, silently."""
    check_coordinator(session, LOOK_AFTER)
    async with state.pool.acquire() as connection:
        rows = await connection.fetch(
            """
            SELECT * FROM help_requests
            WHERE desk_since IS NOT NULL AND status = 'open' ORDER BY ends, number LIMIT $1
            """,
            limit,
        )
        household = await read_household(connection, session.person)
        requests = await render_requests(connection, rows, session, ())
        calls = await connection.fetch(_CALLS, limit, state.clock(), list(household))
        names = await names_of_persons(connection, {row["person"] for row in calls})
    return Desk(
        requests=requests,
        calls=[Call(**{**row, "person": names[row["person"]]}) for row in calls],
    )


_DAY_MS = 24 * 3600 * 1000
_UNPAID_MS = 30 * _DAY_MS
"""So long somebody asks why a neighbour's help is not paid: both circles then forget who it was."""
_UNCOLLECTED_MS = 7 * _DAY_MS
"""So long a helper has to collect what silence pays; a neighbour, to pay."""
_NEIGHBOUR = "'somebody of a neighbouring circle'"

# What is set aside for a visit, and still for an account of somebody who does not come to it. Where
# nothing is to come any more, they have a day to hand it back by themselves.
_STILL_NAMED = f"""
    SELECT request, payee, min(ended) AS ended FROM (
        SELECT request, payee, ended FROM visits JOIN holds ON index = hold
        WHERE status IN ('open', 'held') AND payee IS NOT NULL AND NOT EXISTS (
            SELECT FROM holders WHERE holders.account = payee AND person = helper
        )
        UNION ALL
        SELECT request, payee, ended FROM visits JOIN holds ON index = hold
        WHERE status IN ('cancelled', 'dropped', 'missed')
            AND (status <> 'missed' OR confirmed OR until < $2)
            AND payee IS NOT NULL AND ended < $2::bigint - {_DAY_MS}
            AND hold >= (SELECT min(index) FROM holds)
    ) AS each_visit GROUP BY request, payee
"""

# Who is asked by a call; who phones, and has to be asked whether a helper may come, once for all
# weeks, or whether it was done; who says nothing of what somebody did whom silence does not pay,
# as they have no device, are of a neighbour, or did not collect it in a week; who was not there,
# or says that nobody was; who is to come to somebody, where one of the two was suspended since;
# whom one asks whether it took place, where neither of the two said so; for whom something is
# still set aside though they do not come, at once where it is wanted for another; and who phones,
# and has something set aside for what does not come about, or nothing any more for what they
# asked for. What is about a coordinator, or their household ($3), is not for them to find out.
_CALLS = f"""
    SELECT calls.*, contact FROM (
        SELECT helper AS person, request, title, 'ask' AS what,
            'Can you help: ' || title || '?' AS words, asked AS since
        FROM asks JOIN help_requests ON number = request
        WHERE by_call AND answer IS NULL AND status = 'open'
        UNION ALL (
            SELECT DISTINCT ON (request, place) asker, request, title, 'accept',
                'May ' || coalesce(name, {_NEIGHBOUR}) || ' come for ' || title || '?',
                coalesce(answered, made)
            FROM visits JOIN help_requests ON help_requests.number = request
                LEFT JOIN people ON people.person = helper LEFT JOIN asks USING (request, helper)
            WHERE visits.status = 'held' AND phones AND asker IS NOT NULL
            ORDER BY request, place, visits.week
        )
        UNION ALL
        SELECT asker, request, title, 'confirm', title || ': did ' || coalesce(
                name, CASE WHEN offer IS NULL THEN 'somebody who left' ELSE {_NEIGHBOUR} END
            ) || ' come, for ' || visits.minutes || ' minutes?', ended
        FROM visits JOIN help_requests ON help_requests.number = request
            LEFT JOIN people ON people.person = helper
        WHERE visits.status = 'done' AND asker IS NOT NULL
            AND (offer IS NULL AND EXISTS (
                    SELECT FROM holds LEFT JOIN accounts ON number = payee
                    WHERE index = hold AND (phones OR ended < $2::bigint - CASE
                        WHEN deviceless OR claim_window IS NULL THEN {SILENCE_MS}
                        ELSE {_UNCOLLECTED_MS} END))
                OR offer IS NOT NULL AND ended > $2::bigint - {_UNPAID_MS}
                    AND (phones OR ended < $2::bigint - {SILENCE_MS}) AND NOT EXISTS (
                        SELECT FROM transits
                        WHERE transits.payment = visits.payment AND transits.status <> 'released'
                    ))
        UNION ALL
        SELECT asker, visits.request, title, 'look', title || ': the neighbouring circle has not'
            || ' heard yet that somebody is to come; ring it, or find another', starts
        FROM visits JOIN help_requests ON help_requests.number = visits.request
            JOIN referral_offers ON referral_offers.number = visits.offer
            JOIN referrals ON referrals.number = referral
        WHERE visits.status = 'booked' AND acked < seq AND starts > $2
            AND starts < $2::bigint + {_DAY_MS} AND asker IS NOT NULL
        UNION ALL
        SELECT helper, request, title, 'look', title || ': the neighbouring circle has not paid for'
            || ' it; ring it', ended
        FROM visits JOIN help_requests ON help_requests.number = request
        WHERE visits.status = 'done' AND link IS NOT NULL AND helper IS NOT NULL
            AND ended < $2::bigint - {_UNCOLLECTED_MS} AND ended > $2::bigint - {_UNPAID_MS}
        UNION ALL
        SELECT coalesce(helper, asker), request, title, 'miss',
            title || ': somebody was not there; find out, and note it', ended
        FROM visits JOIN help_requests ON help_requests.number = request
        WHERE visits.status = 'missed' AND NOT confirmed AND coalesce(helper, asker) IS NOT NULL
            AND coalesce(helper <> ALL($3::bigint[]), true)
            AND coalesce(asker <> ALL($3), true)
        UNION ALL (
            SELECT DISTINCT ON (request, place) coalesce(helper, asker), request, title, 'look',
                title || ': ' || coalesce(helpers.name, 'somebody of another circle')
                || ' is to come to ' || coalesce(askers.name, 'somebody of another circle')
                || ', and one of the two is left out of matching; the safeguarding lead decides',
                suspensions.made
            FROM visits JOIN help_requests ON help_requests.number = request
                JOIN suspensions ON suspensions.person IN (helper, asker)
                LEFT JOIN people AS helpers ON helpers.person = helper
                LEFT JOIN people AS askers ON askers.person = asker
            WHERE visits.status IN ('held', 'booked') AND starts > $2
                AND suspensions.person <> ALL($3)
            ORDER BY request, place, visits.week
        )
        UNION ALL
        SELECT coalesce(helper, asker), request, title, 'over',
            title || ': did it take place? Nobody has said so', starts + visits.minutes * 60000
        FROM visits JOIN help_requests ON help_requests.number = request
        WHERE visits.status = 'booked' AND starts < $2::bigint - {_DAY_MS}
            AND starts + visits.minutes * 60000 < $2::bigint - {_DAY_MS}
            AND coalesce(helper, asker) IS NOT NULL
        UNION ALL
        SELECT whose.person, named.request, title, 'free', title || ': they do not come; may what'
            || ' is set aside for them be handed back?', coalesce(ended, answered, made)
        FROM ({_STILL_NAMED}) AS named JOIN help_requests ON help_requests.number = named.request
            JOIN LATERAL (
                SELECT min(person) AS person FROM holders WHERE account = payee
            ) AS whose ON whose.person IS NOT NULL
            LEFT JOIN asks ON asks.request = named.request AND asks.helper = whose.person
        UNION ALL
        SELECT DISTINCT asker, request, title, 'free', title || ': it does not come about; may what'
            || ' is set aside for it be freed?', made
        FROM visits JOIN help_requests ON help_requests.number = request
            JOIN holds ON index = hold AND payee IS NULL
        WHERE phones AND asker IS NOT NULL
            AND visits.status IN ('cancelled', 'dropped', 'missed')
            AND (visits.status <> 'missed' OR confirmed OR until < $2)
            AND hold >= (SELECT min(index) FROM holds)
        UNION ALL
        SELECT asker, number, title, 'promise', title || ': nothing is set aside for it any more;'
            || ' is it still wanted?', opened
        FROM help_requests
        WHERE phones AND opened IS NOT NULL AND asker IS NOT NULL
            AND status IN ('draft', 'open', 'filled') AND EXISTS (
                SELECT FROM visits
                WHERE request = help_requests.number AND hold IS NULL
                    AND visits.status IN ('open', 'held', 'booked')
            )
    ) AS calls LEFT JOIN profiles USING (person)
    ORDER BY since, request, what LIMIT $1
"""
