"""How this circle stands with others, as its operator reads it; and how a command asks for more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ledger.characters import is_printable
from ledger.charter import Certificate, Charter, Rules, decode_charter, decode_rules
from ledger.entry import decode_leaf
from ledger.federation.link import Link
from node.config import Config, read_config
from node.connections import Connection
from node.database import is_served, reading
from node.errors import PeerRefused
from node.federation.loading import read_links
from node.federation.wishes import ask
from node.running import run
from node.telling import tell

PEER = click.argument("name")
LIMIT_MAX = 10**12
LIMIT = click.IntRange(0, LIMIT_MAX)
RATE = "how many of this circle's minor units are worth how many of the link's, such as 10:6"
RATE_MAX = 10**6
UNIT_BYTES_MAX = 40


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A circle that there is an agreement with. ``waiting_since`` is when the oldest payment that
    is under way there was sent, in Unix milliseconds, or None."""

    name: str
    link: Link
    contradictions: int
    waiting_since: int | None

    @property
    def address(self) -> str:
        return self.link.theirs.origin.partition("/")[0]

    @property
    def unit(self) -> str:
        return self.link.terms.unit.decode()

    @property
    def rate(self) -> str:
        return f"{self.link.ours.own}:{self.link.ours.linked}"


def read_rate(text: str) -> tuple[int, int]:
    """A rate as it is written on the command line. Raises click.BadParameter."""
    parts = text.split(":")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"{text!r} is not like 10:6: {RATE}")
    own, linked = map(int, parts)
    if not 0 < own <= RATE_MAX >= linked > 0:
        raise click.BadParameter(f"{text!r} has a number that is not from 1 to {RATE_MAX}")
    return own, linked


def read_unit(text: str) -> str:
    """What a link counts in, as it is written on the command line. Raises click.BadParameter."""
    if not 1 <= len(text.encode(errors="replace")) <= UNIT_BYTES_MAX or not is_printable(text):
        raise click.BadParameter("a unit has a name, of 1 to 40 bytes that can be printed")
    return text


def with_circle(directory: Path, job: Callable[[Config, Connection], Awaitable[None]]) -> None:
    """Run a command with a connection to the circle's database."""

    async def connected() -> None:
        config = read_config(directory)
        async with reading(config) as connection:
            await job(config, connection)

    run(connected)


async def own_identity(connection: Connection) -> tuple[Charter, Certificate, str]:
    """The circle's charter, its certificate and its name."""
    leaf = await connection.fetchval("SELECT leaf FROM entries WHERE index = 0")
    charter, certificate, rules = decode_charter(decode_leaf(leaf).public)
    return charter, certificate, rules.name.decode()


async def own_rules(connection: Connection) -> Rules:
    """The circle's rules as they are by now."""
    encoded = await connection.fetchval("SELECT encoded FROM rules")
    if encoded is None:
        leaf = await connection.fetchval("SELECT leaf FROM entries WHERE index = 0")
        return decode_charter(decode_leaf(leaf).public)[2]
    return decode_rules(encoded)


async def wish(connection: Connection, wanted: dict[str, Any], done: str) -> None:
    """Have the serving node do something, and say that it is done. Raises PeerRefused."""
    answer = await ask(connection, wanted)
    if answer is None and await is_served(
        connection, await connection.fetchval("SELECT current_schema()")
    ):
        tell("The node is busy. It is noted, and done soon.", err=True)
    elif answer is None:
        tell("The node is not serving. It is noted, and done once you run: tallyd serve", err=True)
    elif answer:
        raise PeerRefused(answer.rstrip("."))
    else:
        tell(done)


async def read_neighbours(connection: Connection) -> list[Neighbour]:
    """All circles that there is an agreement with, in the order of their names."""
    _, certificate, _ = await own_identity(connection)
    rows = await connection.fetch(
        """
        SELECT links.id, title,
            (SELECT count(*) FROM evidence WHERE evidence.link = links.id) AS contradictions,
            (SELECT min(since) FROM link_holds WHERE link_holds.link = links.id) AS since
        FROM links LEFT JOIN peers ON link = id
        """
    )
    links = await read_links(connection, certificate.circle)
    found = []
    for row in rows:
        link = links[row["id"]]
        name = row["title"] or link.theirs.origin
        found.append(Neighbour(name, link, row["contradictions"], row["since"]))
    return sorted(found, key=lambda each: (each.name, each.link.peer))


async def find_neighbour(connection: Connection, name: str) -> Neighbour:
    """The one circle that is called so. Raises PeerRefused."""
    wanted = name.casefold()
    found = [
        each
        for each in await read_neighbours(connection)
        if wanted in (each.name.casefold(), each.address)
        or (len(wanted) >= 8 and each.link.peer.hex().startswith(wanted))
    ]
    if len(found) != 1:
        raise PeerRefused(f"{name!r} is not the name of one of them; see: tallyd peer list")
    return found[0]


_STANDING = {
    "open": "",
    "suspended": " New payments are suspended by this circle.",
    "frozen": " NO NEW PAYMENTS: it signed things that contradict each other; see:"
    " tallyd peer evidence",
    "lost": " NO PAYMENTS: this node's records are older than what it signed; it is an old backup.",
    "left": " The agreement has ended.",
}


def tell_standing(neighbour: Neighbour) -> str:
    """One line on a neighbour."""
    link, name, unit = neighbour.link, neighbour.name, neighbour.unit
    told = [f"{tell_owed(name, link.owed, unit)}."]
    if neighbour.waiting_since is not None:
        since = tell_time(neighbour.waiting_since)
        told.append(f"On their way: {link.incoming} in, {link.outgoing} out; since {since}.")
    told.append(f"At most {link.may_be_owed} may be owed, and {link.may_owe} by this circle.")
    standing = _STANDING[link.standing]
    if link.peer_suspended and not link.left:
        standing += " New payments are suspended by them."
    if link.offered:
        standing += " They propose new terms; see: tallyd peer terms"
    if link.proposed:
        standing += " What this circle proposed is with them."
    return " ".join(told) + standing


def tell_owed(name: str, owed: int, unit: str) -> str:
    """Half a sentence on who owes whom."""
    if owed > 0:
        return f"{name} owes this circle {owed} {unit}"
    if owed < 0:
        return f"This circle owes {name} {-owed} {unit}"
    return f"{name} and this circle are even"


def tell_time(milliseconds: int) -> str:
    """A moment, as the log has it."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def describe(neighbour: Neighbour) -> dict[str, Any]:
    """The same for programs."""
    link = neighbour.link
    return {
        "circle": link.peer.hex(),
        "name": neighbour.name,
        "address": neighbour.address,
        "unit": neighbour.unit,
        "status": link.standing,
        "suspended_by_peer": link.peer_suspended,
        "owed": link.owed,
        "incoming": link.incoming,
        "outgoing": link.outgoing,
        "waiting_since": neighbour.waiting_since,
        "may_owe": link.may_owe,
        "may_be_owed": link.may_be_owed,
        "rate": neighbour.rate,
        "agreement": link.terms.number,
        "proposed": bool(link.proposed),
        "offered": bool(link.offered),
        "rounding_millionths": link.rounding,
        "messages": [link.sent.seq, link.received.seq],
        "contradictions": neighbour.contradictions,
    }
