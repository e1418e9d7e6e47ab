"""What coordinators tell for the circle: calls, letters and announcements."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

import click

from client import ring_list
from client.cli.amounts import NUMBER
from client.cli.command import Told, command
from client.cli.everything import write_new
from client.cli.message_words import tell_errand
from client.cli.run import Run
from client.errors import InputRefused


@command("ring")
async def ring(run: Run) -> Told:
    """Whom to call or to write to, and what to tell them; the oldest first.

    Tick each: tally messages called NUMBER, or with --no-reply; tally messages posted NUMBER.
    """
    found = await ring_list.errands(await (await run.member()).session())
    told = "\n".join(map(tell_errand, found)) or "There is nobody to call and no letter to post."
    return Told(told, {"errands": [asdict(each) for each in found]})


@command("called")
@click.argument("number", type=NUMBER)
@click.option("--no-reply", is_flag=True, help="Nobody answered.")
async def called(run: Run, number: int, no_reply: bool) -> Told:
    """Note that you told somebody by telephone, or that nobody answered.

    NUMBER is the one before the call in tally messages ring. Your name is kept with it.
    """
    session = await (await run.member()).session()
    await ring_list.tick(session, number, "no-reply" if no_reply else "told")
    told = "Nobody answered: it stays on the list." if no_reply else "They are told."
    return Told(told, {"number": number, "told": not no_reply})


@command("posted")
@click.argument("number", type=NUMBER)
async def posted(run: Run, number: int) -> Told:
    """Note that a letter is in the post."""
    await ring_list.tick(await (await run.member()).session(), number, "told")
    return Told("The letter is posted.", {"number": number, "told": True})


@command("letters")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
async def letters(run: Run, file: Path) -> Told:
    """Save the letters to post as a page in large type, to print: letters letters.html."""
    page = await ring_list.letters(await (await run.member()).session())
    try:
        await asyncio.to_thread(write_new, file, page)
    except OSError as error:
        raise InputRefused(f"{file} cannot be written ({error.strerror}).") from None
    return Told(f"The letters are in {file} now.", {"saved": str(file), "bytes": len(page)})


@command("announce")
@click.argument("words")
@click.option("--event", type=NUMBER, metavar="NUMBER", help="Only who comes to this event.")
@click.option("--urgent", is_flag=True, help="It is about today.")
async def announce(run: Run, words: str, event: int | None, urgent: bool) -> Told:
    """Tell all members something, each as they wish to be told: announce "The hall is closed."

    With --event only those who come to it. Up to 800 letters, and ten times a day in all.
    """
    session = await (await run.member()).session()
    people = await ring_list.announce(session, words, event, urgent=urgent)
    told = f"{people} {'person is' if people == 1 else 'people are'} being told."
    return Told(told, {"people": people})
