"""Suspensions: who is left out of matching for now. The person is not told why, and may ask.

What they agreed to before is not called off by it: whoever is on duty, and those who would read a
concern about them, are told of the visits that are to come, and look at them by hand.
"""

from __future__ import annotations

from typing import Literal

import asyncpg
from pydantic import Field

from ledger.errors import PersonUnknown
from node.api.names import PersonName
from node.api.sessions import Session
from node.care.duty import alert_duty
from node.care.safeguarding import is_carer, is_close, read_household
from node.connections import Reader
from node.errors import NotPermitted, NotYours
from node.help.agreed import read_agreed, tell_agreed
from node.http.fields import Model
from node.people.standing import hold_person
from node.people.writing import Prose
from node.talking.notices import Notice, notify_all


class SuspensionItem(Model):
    """Why somebody is not to be matched for now."""

    reason: Prose = Field(min_length=1)


ACTS_SHOWN = 50


class SuspensionAct(Model):
    """What was done of somebody's suspensions, when and by whom; nothing changes or removes it."""

    act: Literal["suspended", "lifted"]
    made: int
    by: PersonName | None
    reason: str


class Suspension(Model):
    """Whether somebody is suspended, and since when; why and by whom is null for themselves.

    So is ``history``, the newest first, which is shown where it is asked for one person.
    """

    person: int
    handle: str
    name: str
    since: int | None
    reason: str | None
    by: PersonName | None
    history: list[SuspensionAct] | None


_COLUMNS = """
    SELECT people.person, people.handle, people.name, made, reason, suspended_by,
        suspenders.handle AS by_handle, suspenders.name AS by_name
"""


async def suspend(connection: Reader, session: Session, person: int, reason: str, now: int) -> None:
    """Leave somebody out of matching, inside a transaction; again gives another reason.

    Raises NotPermitted, PersonUnknown.
    """
    await _check_judge(connection, session, person)
    await hold_person(connection, person)
    is_new = not await connection.fetchval("SELECT true FROM suspensions WHERE person = $1", person)
    await connection.execute(
        """
        INSERT INTO suspensions (person, suspended_by, made, reason) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person) DO UPDATE SET suspended_by = $2, reason = $4
        """,
        *(person, session.person, now, reason),
    )
    await _note(connection, session, person, "suspended", reason, now)
    to_come = await _tell_to_come(connection, person, now) if is_new else ""
    await _tell(connection, session, person, "was suspended from being matched", now, to_come)
    if to_come:
        never = await read_household(connection, person)
        about = f"people/{person}/suspension"
        await alert_duty(connection, about, to_come, now, never=never)


async def _tell_to_come(connection: Reader, person: int, now: int) -> str:
    """Which visits that they agreed to, or that they asked for, are to come; "" for none."""
    rows = await read_agreed(connection, person, now)
    if not rows:
        return ""
    name = await connection.fetchval("SELECT name FROM people WHERE person = $1", person)
    return (
        f"{name} is left out of matching, and visits were agreed before: {tell_agreed(rows)}. They"
        " take place unless somebody calls them off: the safeguarding lead decides, and tally desk"
        " shows them."
    )


async def lift(connection: Reader, session: Session, person: int, now: int) -> None:
    """Let somebody be matched again, inside a transaction; once more changes nothing.

    Raises NotPermitted, PersonUnknown.
    """
    await _check_judge(connection, session, person)
    await hold_person(connection, person)
    done = await connection.execute("DELETE FROM suspensions WHERE person = $1", person)
    if done != "DELETE 0":
        await _note(connection, session, person, "lifted", "", now)
        await _tell(connection, session, person, "may be matched again", now)


async def _note(
    connection: Reader, session: Session, person: int, act: str, reason: str, now: int
) -> None:
    await connection.execute(
        """
        INSERT INTO suspension_acts (person, act, judge, made, reason)
        VALUES ($1, $2, $3, $4, $5)
        """,
        *(person, act, session.person, now, reason),
    )


async def _check_judge(connection: Reader, session: Session, person: int) -> None:
    who = "the coordinators and those who look after safeguarding"
    if not await is_carer(connection, session):
        raise NotPermitted(who, "suspend somebody or lift that")
    if await is_close(connection, session.person, person):
        raise NotPermitted(
            f"others of {who}", "do so for you, or for whom you share an account with"
        )


async def _tell(
    connection: Reader, session: Session, person: int, what: str, now: int, to_come: str = ""
) -> None:
    """Tell those who would read a concern about them, so that nobody does it on their own."""
    rows = await connection.fetch(
        """
        SELECT reader, subjects.name AS name, judges.name AS judge
        FROM concern_readers($1) AS reader, people AS subjects, people AS judges
        WHERE subjects.person = $1 AND judges.person = $2 AND reader <> $2
        """,
        *(person, session.person),
    )
    if rows:
        words = f"{rows[0]['name']} {what}, by {rows[0]['judge']}. {to_come}".rstrip()
        never = await read_household(connection, person)
        notice = Notice("suspension", f"people/{person}/suspension", words, never=never)
        await notify_all(connection, [row["reader"] for row in rows], notice, now)


async def read_suspension(connection: Reader, session: Session, person: int) -> Suspension:
    """How it stands with somebody: for themselves, and their household, without the reason.

    Raises NotYours, PersonUnknown.
    """
    if session.person != person and not await is_carer(connection, session):
        raise NotYours("whether somebody is suspended")
    row = await connection.fetchrow(
        f"""
        {_COLUMNS} FROM people LEFT JOIN suspensions USING (person)
            LEFT JOIN people AS suspenders ON suspenders.person = suspended_by
        WHERE people.person = $1
        """,
        person,
    )
    if row is None:
        raise PersonUnknown(person)
    if await is_close(connection, session.person, person):
        return _make(row, all_of_it=False)
    return _make(row, all_of_it=True, history=await _read_history(connection, person))


async def _read_history(connection: Reader, person: int) -> list[SuspensionAct]:
    rows = await connection.fetch(
        """
        SELECT act, made, reason, judge, handle, name
        FROM suspension_acts LEFT JOIN people ON people.person = judge
        WHERE suspension_acts.person = $1 ORDER BY number DESC LIMIT $2
        """,
        *(person, ACTS_SHOWN),
    )
    return [
        SuspensionAct(
            act=row["act"],
            made=row["made"],
            by=None
            if row["judge"] is None
            else PersonName(person=row["judge"], handle=row["handle"], name=row["name"]),
            reason=row["reason"],
        )
        for row in rows
    ]


async def read_suspensions(
    connection: Reader, session: Session, cursor: int, limit: int
) -> list[Suspension]:
    """All who are suspended, but for the one who asks and their household. Raises NotYours."""
    if not await is_carer(connection, session):
        raise NotYours("who is suspended")
    rows = await connection.fetch(
        f"""
        {_COLUMNS} FROM suspensions JOIN people USING (person)
            LEFT JOIN people AS suspenders ON suspenders.person = suspended_by
        WHERE people.person > $1 AND people.person NOT IN (SELECT household($2))
        ORDER BY people.person LIMIT $3
        """,
        *(cursor, session.person, limit),
    )
    return [_make(row, all_of_it=True) for row in rows]


def _make(
    row: asyncpg.Record, *, all_of_it: bool, history: list[SuspensionAct] | None = None
) -> Suspension:
    by = None
    if all_of_it and row["suspended_by"] is not None:
        by = PersonName(person=row["suspended_by"], handle=row["by_handle"], name=row["by_name"])
    return Suspension(
        person=row["person"],
        handle=row["handle"],
        name=row["name"],
        since=row["made"],
        reason=row["reason"] if all_of_it else None,
        by=by,
        history=history,
    )
