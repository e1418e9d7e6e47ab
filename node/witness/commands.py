"""``tallyd witness``: whose heads this node cosigns, and who cosigns its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from ledger.charter import Certificate, decode_charter
from ledger.entry import decode_leaf
from ledger.errors import InvalidNote
from ledger.note import ED25519, VerifierKey, format_vkey, parse_vkey
from node.config import read_config
from node.connections import Connection
from node.database import reading
from node.errors import WitnessUnusable
from node.running import DIRECTORY, run
from node.telling import tell
from node.witness.client import check_url, witness_client
from node.witness.logs import accept_log, list_logs, refuse_log, witness_key
from node.witness.policy import Witness, add_witness, read_policy, remove_witness, set_needed


@click.group()
def witness() -> None:
    """Neighbours that watch over this log, and it over theirs.

    A witness cosigns the newest head of a log once it has proof that the log only grew, so that
    nobody can be shown another history unnoticed. A node that is serving follows within seconds.
    """


def _with_circle(directory: Path, job: Callable[[Connection], Awaitable[None]]) -> None:
    async def connected() -> None:
        async with reading(read_config(directory)) as connection:
            await job(connection)

    run(connected)


@witness.command()
@DIRECTORY
@click.argument("url")
@click.option("--key", help="The verifier key of a witness that is no circle's node.")
def add(directory: Path, url: str, key: str | None) -> None:
    """Ask the witness at URL to cosign this circle's heads.

    Where a circle's node answers there, its heads are cosigned here in turn.
    """

    async def job(connection: Connection) -> None:
        own, where = await _certificate(connection), check_url(url)
        if key is None:
            await _add_neighbour(connection, own, where, read_config(directory).address)
            return
        vkey = _parse_key(key)
        await add_witness(connection, Witness(vkey, vkey.name, where))
        tell(
            f"{vkey.name} is asked from now on. It has to know this circle's log:\n"
            f"{format_vkey(_log_key(own))}"
        )

    _with_circle(directory, job)


async def _add_neighbour(connection: Connection, own: Certificate, url: str, own_url: str) -> None:
    async with witness_client(own_url) as client:
        neighbour = await client.describe(url)
    if neighbour.circle == own.circle.hex():
        raise WitnessUnusable(url, "it is this circle's own node")
    async with connection.transaction():
        await add_witness(connection, Witness(neighbour.witness, neighbour.title, url))
        await accept_log(connection, neighbour.log)
    tell(
        f"{neighbour.title} is asked from now on, once it has added this circle too; its own heads "
        f"are cosigned here.\nIts number, to compare with its coordinator: {neighbour.circle}"
    )


@witness.command(short_help="Cosign the heads of a log without an agreement.")
@DIRECTORY
@click.argument("key")
def accept(directory: Path, key: str) -> None:
    """Cosign the heads of the log with this verifier KEY, without asking anything in turn."""

    async def job(connection: Connection) -> None:
        vkey = _parse_key(key)
        if vkey.name == (await _certificate(connection)).origin:
            raise WitnessUnusable(vkey.name, "it is this circle's own log")
        await accept_log(connection, vkey)
        tell(f"The heads of {vkey.name} are cosigned here from now on.")

    _with_circle(directory, job)


@witness.command(name="list", short_help="Who is asked, and whose heads are cosigned.")
@DIRECTORY
def list_(directory: Path) -> None:
    """Show who is asked, whose heads are cosigned, and the keys that others need."""

    async def job(connection: Connection) -> None:
        own, policy = await _certificate(connection), await read_policy(connection)
        tell(f"This circle's log:     {format_vkey(_log_key(own))}")
        tell(f"This node as witness:  {format_vkey(witness_key(own))}")
        tell(f"\nAsked for cosignatures ({policy.needed} needed):")
        for one in policy.witnesses:
            tell(f"  {one.title}, at {one.url}\n    {format_vkey(one.key)}")
        tell("\nCosigned here:")
        for log in await list_logs(connection):
            size = "nothing yet" if log.size is None else f"{log.size} entries"
            forked = "; IT HAS SIGNED TWO HISTORIES: tallyd peer evidence" if log.is_forked else ""
            tell(f"  {log.origin}: {size}{forked}")

    _with_circle(directory, job)


@witness.command(short_help="Ask NAME no more, and cosign no more for it.")
@DIRECTORY
@click.argument("name")
def remove(directory: Path, name: str) -> None:
    """Ask the witness NAME no more, and cosign no more heads of the log of that NAME.

    NAME is what stands before the first + of its key.
    """

    async def job(connection: Connection) -> None:
        async with connection.transaction():
            asked = await remove_witness(connection, name)
            watched = await refuse_log(connection, name)
        if not asked and not watched:
            raise WitnessUnusable(name, "no witness and no log here has that name")
        tell(f"{name} is removed. What was cosigned for it is remembered.")

    _with_circle(directory, job)


@witness.command()
@DIRECTORY
@click.argument("count", type=click.IntRange(0))
def need(directory: Path, count: int) -> None:
    """Serve only heads that COUNT of the witnesses cosigned; 0 is none."""

    async def job(connection: Connection) -> None:
        await set_needed(connection, count)
        tell(f"Heads are served once {count} of the witnesses cosigned them.")

    _with_circle(directory, job)


def _parse_key(text: str) -> VerifierKey:
    try:
        return parse_vkey(text)
    except InvalidNote as error:
        reason = str(error).rstrip(".")
        raise WitnessUnusable(f"{text[:80]!a}", f"it is no verifier key: {reason}") from None


async def _certificate(connection: Connection) -> Certificate:
    leaf = await connection.fetchval("SELECT leaf FROM entries WHERE index = 0")
    return decode_charter(decode_leaf(leaf).public)[1]


def _log_key(certificate: Certificate) -> VerifierKey:
    return VerifierKey(certificate.origin, ED25519, certificate.log)
