"""``tally messages``: what is new, and writing to other members."""

from __future__ import annotations

from dataclasses import asdict

import click

from client import messages
from client.cli.abouts import ABOUT, about_path
from client.cli.command import Told, command
from client.cli.lazy_group import Entry, LazyGroup
from client.cli.message_words import tell_about, tell_message, tell_notice, tell_thread
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person, plain
from client.errors import InputRefused
from client.messages import MessageView, ThreadView

_HERE = "client.cli.messages"
_RING = "client.cli.officer.ring"
OPENED_MAX = 10
"""Threads with something new that are shown at once."""

SECTIONS = {
    "Commands": {
        "list": Entry(f"{_HERE}:news", "What is new."),
        "notices": Entry(f"{_HERE}:notices", "What the circle told you lately."),
        "with": Entry(f"{_HERE}:with_", "What you and somebody wrote to each other."),
        "to": Entry(f"{_HERE}:to", "Write to somebody, about something."),
    },
    "For coordinators": {
        "ring": Entry(f"{_RING}:ring", "Whom to call, and what to tell them."),
        "called": Entry(f"{_RING}:called", "Note what came of a call."),
        "letters": Entry(f"{_RING}:letters", "Save the letters to post, to print."),
        "posted": Entry(f"{_RING}:posted", "Note that a letter was posted."),
    },
}


@click.group("messages", cls=LazyGroup, sections=SECTIONS, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def messages_group(context: click.Context, as_json: bool) -> int:
    """What the circle and its members tell you. Without a command: what is new."""
    if context.invoked_subcommand is not None:
        return 0
    status: int = context.invoke(news, circle=None, home=None, as_json=as_json)
    return status


@command("list")
async def news(run: Run) -> Told:
    """What is new: first what the circle tells you, then messages. To read them is to be told."""
    member = await run.member()
    session = await member.session()
    new = await messages.new_notices(session)
    found = await messages.threads(session)
    unread = [each for each in found if each.unread][:OPENED_MAX]
    lines = [tell_notice(each) for each in new if each.kind != "message"]
    read: list[MessageView] = []
    for each in unread:
        told = [
            message
            for message in await messages.thread(session, each.thread)
            if message.author == each.other
        ][-each.unread :]
        read += told
        lines += _tell_thread(each, told, member.person)
    lines += [tell_thread(each) for each in found if each not in unread]
    return Told(
        "\n".join(lines) or "There is nothing new. You have no messages.",
        {
            "new_notices": [asdict(each) for each in new],
            "messages": [asdict(each) for each in read],
            "threads": [asdict(each) for each in found],
        },
    )


def _tell_thread(thread: ThreadView, told: list[MessageView], own: int) -> list[str]:
    head = f"{plain(thread.name)} ({plain(thread.handle)}), about {tell_about(thread)}:"
    return [head, *(tell_message(each, thread, own) for each in told)]


@command("notices")
async def notices(run: Run) -> Told:
    """What the circle told you lately, the newest first."""
    found = await messages.notices(await (await run.member()).session())
    told = "\n".join(map(tell_notice, found)) or "The circle has told you nothing lately."
    return Told(told, {"told": [asdict(each) for each in found]})


@command("with")
@click.argument("who")
async def with_(run: Run, who: str) -> Told:
    """What you and WHO wrote to each other, the oldest first."""
    member = await run.member()
    session, other = await member.session(), await find_person(run, who)
    lines, read = [], []
    for each in (await messages.threads(session, other.person))[::-1]:
        told = list(await messages.thread(session, each.thread))
        read += told
        lines += _tell_thread(each, told, member.person)
    name = person(other.handle, other.name)
    nothing = f"You and {name} have not written to each other."
    return Told("\n".join(lines) or nothing, {"messages": [asdict(each) for each in read]})


@command("to")
@click.argument("who")
@click.argument("words")
@click.option(
    "--about",
    type=ABOUT,
    metavar="WHAT NUMBER",
    help="Such as offer 12, want 7 or event 3; what you last wrote about otherwise.",
)
@click.option("--member", "whose", metavar="WHO", help="For somebody who told you; coordinators.")
async def to(
    run: Run, who: str, words: str, about: tuple[str, int] | None, whose: str | None
) -> Told:
    """Write WORDS to WHO: messages to ben "Could you come on Friday?" --about offer 12.

    You can write to whoever offers or wants something, or hosts an event, and answer whoever wrote
    to you.
    """
    session = await (await run.member()).session()
    other = await find_person(run, who)
    name = person(other.handle, other.name)
    writer = None if whose is None else (await find_person(run, whose)).person
    if about:
        path = about_path(*about)
    elif writer is None and (latest := await messages.threads(session, other.person)):
        path = latest[0].about
    else:
        raise InputRefused("Say what it is about, such as --about offer 12.")
    made = await messages.write(session, other.person, path, words, writer)
    return Told(f"{name} has it, and is told.", {"message": asdict(made)})
