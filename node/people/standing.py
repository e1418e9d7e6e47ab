"""Who may change what is a member's: they do, or a coordinator for one without a device.

A session is enough for that: no tokens move.
"""

from __future__ import annotations

from node.api.sessions import Session
from node.connections import Reader
from node.errors import NotPermitted, NotYours

OWNERS = "the member, or a coordinator where the member has no device,"


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
