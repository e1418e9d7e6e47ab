"""What those who look after safeguarding do: concerns, and who is left out of matching."""

from __future__ import annotations

from dataclasses import asdict

import click

from client import care
from client.care import ConcernLine, ConcernView, SuspensionView
from client.cli.command import Told, command
from client.cli.concern import EMERGENCY, name_of
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import day, moment, person, plain, wrap
from client.errors import InputRefused

_NUMBER = click.IntRange(100_000, 999_999)


@command("concerns")
@click.argument("number", type=_NUMBER, required=False)
@click.option("--note", metavar="TEXT", help="Write something down on it, for good.")
@click.option("--close", "outcome", metavar="TEXT", help="Close it, and say what came of it.")
@click.option("--hand-on", is_flag=True, help="Let who looks after safeguarding now read it, too.")
@click.option("--keep", is_flag=True, help="Keep it for longer than three years.")
@click.option("--let-go", is_flag=True, help="Keep it no longer than that.")
async def concerns(
    run: Run,
    number: int | None,
    note: str | None,
    outcome: str | None,
    hand_on: bool,
    keep: bool,
    let_go: bool,
) -> Told:
    """Concerns that are for you to read; with their NUMBER, one of them.

    That you read it is noted, with your name and the time. Those that are about you, or about
    whoever you share an account with, are not among them. They stay with you when others come to
    look after safeguarding, who read what is raised from then on, and what you hand on to them.
    """
    session = await (await run.member()).session()
    if number is None:
        if note is not None or outcome is not None or hand_on or keep or let_go:
            raise InputRefused("Say which one: its number comes first.")
        found = await care.concerns(session)
        told = "\n".join(map(_tell_line, found)) or "There is no concern for you to read."
        if found:
            told += f"\nTo read one: tally officer concerns {found[0].number}"
        return Told(told, {"concerns": [asdict(each) for each in found]})
    if keep and let_go:
        raise InputRefused("Write either --keep or --let-go.")
    if note is not None:
        await care.note_on_concern(session, number, note)
    if outcome is not None:
        await care.close_concern(session, number, outcome)
    if hand_on:
        await care.hand_on_concern(session, number)
    if keep or let_go:
        await care.keep_concern(session, number, longer=keep)
    view = await care.concern(session, number)
    return Told(_tell(view), {"concern": asdict(view)})


def _tell_line(line: ConcernLine) -> str:
    facts = ["urgent"] if line.urgent else []
    facts.append("open" if line.closed is None else f"closed on {day(line.closed)}")
    if line.notes:
        facts.append(f"{line.notes} note{'s' * (line.notes > 1)}")
    if line.pinned:
        facts.append("to be kept")
    return wrap(f"{line.number}. {day(line.made)}: {', '.join(facts)}", "  ")


def _tell(view: ConcernView) -> str:
    through = "" if view.entered_by is None else f" through {name_of(view.entered_by)}"
    about = "" if view.about is None else f", on {view.about.replace('/', ' ')}"
    head = f"{name_of(view.reporter)}{through}, about {name_of(view.person)}{about}"
    lines = [
        f"{view.number}. {'Urgent. ' if view.urgent else ''}{moment(view.made)}: {head}",
        *(plain(line) for line in view.text.split("\n")),
    ]
    for note in view.notes:
        lines.append(f"{moment(note.made)}, {name_of(note.by)}: {plain(note.text)}")
    if view.closed is not None:
        lines.append(f"Closed on {day(view.closed)} by {name_of(view.closed_by)}.")
        lines.append(f"What came of it: {plain(view.outcome)}")
        kept = "until you let it go" if view.pinned else "for three years from then"
        lines.append(f"It is kept {kept}.")
    elif view.urgent:
        lines.append(EMERGENCY)
    lines.append("Read by:")
    lines += [f"  {name_of(each.by)}, {moment(each.made)}" for each in view.readings]
    return "\n".join(wrap(line, "  ") for line in lines)


@command("safeguarding")
@click.option("--lead", metavar="WHO", help="Who reads what members are worried about.")
@click.option("--deputy", metavar="WHO", help="Who reads it when the lead must not.")
@click.option("--no-lead", is_flag=True, help="Nobody any more.")
@click.option("--no-deputy", is_flag=True, help="Nobody any more.")
async def safeguarding(
    run: Run, lead: str | None, deputy: str | None, no_lead: bool, no_deputy: bool
) -> Told:
    """Who looks after safeguarding; with options, change it. Both are told."""
    session = await (await run.member()).session()
    if (no_lead and lead is not None) or (no_deputy and deputy is not None):
        raise InputRefused("Name somebody, or nobody, but not both.")
    named = await care.safeguarders(session)
    numbers = [None if each is None else each.person for each in (named.lead, named.deputy)]
    for place, (who, nobody) in enumerate(((lead, no_lead), (deputy, no_deputy))):
        if who is not None:
            numbers[place] = (await find_person(run, who)).person
        elif nobody:
            numbers[place] = None
    if any((lead, deputy, no_lead, no_deputy)):
        named = await care.name_safeguarders(session, *numbers)
    told = [
        f"The lead is {'nobody yet' if named.lead is None else name_of(named.lead)}.",
        f"The deputy is {'nobody yet' if named.deputy is None else name_of(named.deputy)}.",
    ]
    return Told(" ".join(told), {"safeguarding": asdict(named)})


@command("suspend")
@click.argument("who", required=False)
@click.option("--reason", metavar="TEXT", help="Why; only coordinators and the lead see it.")
async def suspend(run: Run, who: str | None, reason: str | None) -> Told:
    """Let nobody be matched with WHO for now; never yourself. Without WHO: who is left out.
    Without a reason: how it stands with WHO, and what was before.

    They are not told why; if they ask, tell them that you are looking into something.
    """
    session = await (await run.member()).session()
    if who is None:
        found = await care.suspensions(session)
        told = "\n".join(map(_tell_suspension, found)) or "Nobody is suspended."
        return Told(told, {"suspensions": [asdict(each) for each in found]})
    somebody = await find_person(run, who)
    if reason is None:
        view = await care.suspension(session, somebody.person)
        return Told(_tell_history(view), {"suspension": asdict(view)})
    view = await care.suspend(session, somebody.person, reason)
    told = (
        f"{plain(view.name)} is not matched with anybody until you lift it: tally officer"
        f" unsuspend {plain(view.handle)}. They are not told why."
    )
    return Told(wrap(told), {"suspension": asdict(view)})


def _tell_suspension(view: SuspensionView) -> str:
    since = "" if view.since is None else f" since {day(view.since)}"
    by = "" if view.by is None else f", by {name_of(view.by)}"
    reason = "" if view.reason is None else f": {plain(view.reason)}"
    return wrap(f"{plain(view.name)} ({plain(view.handle)}){since}{by}{reason}", "  ")


def _tell_history(view: SuspensionView) -> str:
    name = person(view.handle, view.name)
    if view.since is None:
        lines = [f'{name} is not suspended. To suspend them, say why: --reason "...".']
    else:
        lines = [_tell_suspension(view)]
    for each in view.history:
        reason = f": {plain(each.reason)}" if each.reason else ""
        done = "lifted" if each.act == "lifted" else "suspended"
        lines.append(wrap(f"  {moment(each.made)}, {done} by {name_of(each.by)}{reason}", "    "))
    return "\n".join(lines)


@command("unsuspend")
@click.argument("who")
async def unsuspend(run: Run, who: str) -> Told:
    """Let WHO be matched again; never yourself."""
    somebody = await find_person(run, who)
    await care.unsuspend(await (await run.member()).session(), somebody.person)
    name = person(somebody.handle, somebody.name)
    return Told(f"{name} may be matched again.", {"person": somebody.person})
