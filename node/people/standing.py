"""Who may see and change what is a member's: members see, and change what is their own.

A coordinator does so for one without a device. A session is enough for that: no tokens move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import PersonUnknown
from node.connections import Reader
from node.errors import NotPermitted, NotYours

if TYPE_CHECKING:  # a session's own module needs the circle, and that needs this one
    from node.api.sessions import Session

OWNERS = "the member, or a coordinator where the member has no device,"


def member_condition(person: str) -> str:
    """SQL that says whether a person holds an open account; ``person`` is a column or parameter."""
    return (
        "EXISTS (SELECT FROM holders JOIN accounts ON number = account AND NOT closed"
        f" WHERE holders.person = {person})"
    )


async def is_member(connection: Reader, person: int) -> bool:
    """Whether somebody holds an open account."""
    return bool(await connection.fetchval(f"SELECT {member_condition('$1')}", person))


async def check_member(connection: Reader, person: int, what: str) -> None:
    """Raise NotPermitted for somebody who holds no open account."""
    if not await is_member(connection, person):
        raise NotPermitted("members", what)


async def check_reader(connection: Reader, session: Session, what: str) -> None:
    """Raise NotPermitted for who left: what members tell each other is for members, and officers.

    Whoever left keeps their session for a while, and their devices for what is their own.
    """
    if not session.offices:
        await check_member(connection, session.person, what)


async def check_owner(connection: Reader, session: Session, person: int, what: str) -> None:
    """Raise NotPermitted unless the session may do ``what`` with what is this person's.

    They have to hold an open account: for a coordinator, one that is flagged deviceless.
    """
    row = await connection.fetchrow(
        """
        SELECT count(*) > 0 AS member, coalesce(bool_or(deviceless), false) AS deviceless
        FROM holders JOIN accounts ON number = account AND NOT closed WHERE person = $1
        """,
        person,
    )
    assert row is not None, "an aggregate has one row"
    own = session.person == person and row["member"]
    if not own and not (session.is_coordinator and row["deviceless"]):
        raise NotPermitted(OWNERS, what)


def check_coordinator(session: Session, what: str) -> None:
    """Raise NotPermitted for all but coordinators."""
    if not session.is_coordinator:
        raise NotPermitted("the coordinators", what)


def check_sight(session: Session, person: int, what: str) -> None:
    """Raise NotYours for all but the person and the coordinators."""
    if session.person != person and not session.is_coordinator:
        raise NotYours(what)


async def hold_person(connection: Reader, person: int) -> None:
    """Let what is a person's be changed by one transaction after another, from here to its end.

    So what is counted stays so, and a place that is being hidden comes onto no listing meanwhile.
    Raises PersonUnknown, also for somebody who is erased.
    """
    held = await connection.fetchval(
        "SELECT true FROM people WHERE person = $1 FOR NO KEY UPDATE", person
    )
    if not held:
        raise PersonUnknown(person)
