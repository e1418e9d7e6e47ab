"""Who looks after safeguarding: a lead, and a deputy for what the lead must not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from ledger.errors import PersonUnknown
from node.api.bounds import Number
from node.api.names import PersonName, names_of_persons
from node.connections import Reader
from node.errors import NotPermitted
from node.http.fields import Model
from node.people.standing import is_member
from node.talking.notices import Notice, notify_all

if TYPE_CHECKING:  # a session's own module needs the circle, and that needs this one
    from node.api.sessions import Session

_TITLES = {"lead": "safeguarding lead", "deputy": "deputy of the safeguarding lead"}


class Safeguarding(Model):
    """Who the lead is, and who stands in; null where nobody was named."""

    lead: PersonName | None
    deputy: PersonName | None


class SafeguardingItem(Model):
    """The numbers of the lead and of the deputy, who are two people."""

    lead: Number | None = None
    deputy: Number | None = None

    @model_validator(mode="after")
    def _are_two(self) -> SafeguardingItem:
        if self.lead is not None and self.lead == self.deputy:
            raise ValueError("lead and deputy must be two people")
        return self


async def read_safeguarding(connection: Reader) -> Safeguarding:
    """Who was named."""
    row = await connection.fetchrow("SELECT lead, deputy FROM safeguarding")
    assert row is not None, "a circle's schema has this row"
    names = await names_of_persons(connection, [each for each in row.values() if each is not None])
    return Safeguarding(lead=names.get(row["lead"]), deputy=names.get(row["deputy"]))


async def put_safeguarding(connection: Reader, item: SafeguardingItem, now: int) -> None:
    """Name lead and deputy, inside a transaction; all whom it concerns are told.

    Raises PersonUnknown; NotPermitted for somebody without an open account.
    """
    before = await connection.fetchrow("SELECT lead, deputy FROM safeguarding FOR UPDATE")
    assert before is not None, "a circle's schema has this row"
    after = {"lead": item.lead, "deputy": item.deputy}
    for person in after.values():
        if person is not None:
            await _check_member(connection, person)
    await connection.execute(
        "UPDATE safeguarding SET lead = $1, deputy = $2", item.lead, item.deputy
    )
    for part, title in _TITLES.items():
        if before[part] == after[part]:
            continue
        ended = (
            f"You are not the {title} of the circle any more. Concerns that you read already stay"
            " with you; tally officer concerns NUMBER --hand-on lets who comes after you read one."
        )
        begun = (
            f"You are the {title} of the circle now. What members are worried about comes to you"
            f" from now on{'' if part == 'lead' else ', when the lead must not see it'}."
        )
        for person, words in ((before[part], ended), (after[part], begun)):
            if person is not None:
                notice = Notice("safeguarding", "safeguarding", words)
                await notify_all(connection, [person], notice, now)


async def _check_member(connection: Reader, person: int) -> None:
    if not await connection.fetchval("SELECT true FROM people WHERE person = $1", person):
        raise PersonUnknown(person)
    if not await is_member(connection, person):
        raise NotPermitted("members", "look after safeguarding")


async def is_carer(connection: Reader, session: Session) -> bool:
    """Whether somebody is a coordinator, the lead or the deputy."""
    if session.is_coordinator:
        return True
    named = "SELECT EXISTS (SELECT FROM safeguarding WHERE $1 IN (lead, deputy))"
    return bool(await connection.fetchval(named, session.person)) and await is_member(
        connection, session.person
    )


async def read_household(connection: Reader, person: int) -> frozenset[int]:
    """A person, and all who hold an account together with them."""
    rows = await connection.fetch("SELECT other FROM household($1) AS other", person)
    return frozenset(row["other"] for row in rows)


async def is_close(connection: Reader, person: int, other: int) -> bool:
    """Whether two are one person, or one household: they hold an account together."""
    return bool(await connection.fetchval("SELECT $1 IN (SELECT household($2))", person, other))
