"""The link from accounts and persons to names, which erasing a person cuts."""

from __future__ import annotations

from collections.abc import Collection

from node.connections import Reader
from node.http.fields import Model


class PersonName(Model):
    """A person by number; nameless once erased."""

    person: int
    handle: str | None
    name: str | None


class Party(Model):
    """An account and whose it is: the circle's own, its holders', or a former member's (null).

    One that mirrors what is owed between this circle and another has that one's name.
    """

    account: int
    handle: str | None
    name: str | None


async def names_of_persons(connection: Reader, persons: Collection[int]) -> dict[int, PersonName]:
    """The names of these persons, those without one included."""
    if not persons:
        return {}
    rows = await connection.fetch(
        "SELECT person, handle, name FROM people WHERE person = ANY($1::bigint[])", list(persons)
    )
    names = {person: PersonName(person=person, handle=None, name=None) for person in persons}
    return names | {row["person"]: PersonName(**row) for row in rows}


async def parties_of(connection: Reader, accounts: Collection[int]) -> dict[int, Party]:
    """Whose these accounts are. Several holders are named together, by the first one's handle."""
    if not accounts:
        return {}
    rows = await connection.fetch(
        """
        SELECT number, kind, max(title) AS title,
            array_agg(handle ORDER BY person) FILTER (WHERE handle IS NOT NULL) AS handles,
            array_agg(name ORDER BY person) FILTER (WHERE handle IS NOT NULL) AS names
        FROM accounts
            LEFT JOIN holders ON holders.account = number
            LEFT JOIN people USING (person)
            LEFT JOIN links ON links.account = number
            LEFT JOIN peers ON peers.link = links.id
        WHERE number = ANY($1::bigint[])
        GROUP BY number
        """,
        list(accounts),
    )
    parties = {}
    for row in rows:
        own = None if row["kind"] == "member" else row["title"] or row["kind"].capitalize()
        handles, names = row["handles"] or [None], row["names"] or [own]
        parties[row["number"]] = Party(
            account=row["number"],
            handle=handles[0],
            name=None if names[0] is None else " and ".join(names),
        )
    return parties
