"""``tally officer people``."""

from __future__ import annotations

from dataclasses import asdict

import click

from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import listed, plain


@command("people")
@click.option("--find", metavar="TEXT", help="Only those with this in their names.")
async def people(run: Run, find: str | None) -> Told:
    """Everybody in the circle: short name, name, accounts, and their number as a person."""
    session = await (await run.member()).session()
    wanted = (find or "").casefold()
    found = [
        person
        async for person in session.people()
        if wanted in f"{person.handle} {person.name}".casefold()
    ]
    lines = [
        f"{plain(person.handle or '')}: {plain(person.name or 'a former member')},"
        f" account {listed(map(str, person.accounts)) or 'none'}, person {person.person}"
        for person in found
    ]
    fields = {"people": [asdict(person) for person in found]}
    return Told("\n".join(lines) or "Nobody is called that.", fields)
