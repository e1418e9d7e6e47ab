"""``tally ask``: asking for help, and how what one asked for stands."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import click

from client import help as helping
from client.answers import FINAL_CODES
from client.cli.amounts import read_amount
from client.cli.answer import cancel_request
from client.cli.categories import find_category
from client.cli.command import Told, command
from client.cli.event_times import TIME, write_time
from client.cli.help_neighbours import tell_referred
from client.cli.help_promises import make_promises, tell_freed
from client.cli.help_times import read_between, read_visit_length
from client.cli.help_words import name_of, tell_own, tell_wanted, view_fields
from client.cli.parties import find_person
from client.cli.prompts import agree
from client.cli.run import Run
from client.cli.words import capital, plain, wrap
from client.errors import AnswerInvalid, InputRefused, NodeRefused
from client.help import TRAITS
from client.help_views import HelpView, Window
from client.node_session import NodeSession
from ledger.amount import Unit, amount_in_words

OVER = ("over", "cancelled")
TITLE_MAX = 80
_NUMBER = re.compile(r"#?([0-9]{1,15})")


@command("ask")
@click.argument("title", required=False, metavar="TITLE")
@click.option("--with", "category", metavar="CATEGORY", help="What kind of help: garden.")
@click.option("--for", "length", metavar="LENGTH", default="1h", help="How long: 1h, 1h30.")
@click.option("--at", multiple=True, type=TIME, metavar="TIME", help='"2026-11-27 10:00".')
@click.option(
    "--between", multiple=True, metavar="TIMES", help='Or when it suits: "2026-11-27 9-17".'
)
@click.option("--weeks", type=click.IntRange(1, 12), default=1, metavar="N", help="So many weeks.")
@click.option(
    "--helpers", type=click.IntRange(1, 10), default=1, metavar="N", help="So many people."
)
@click.option(
    "--needs", "traits", multiple=True, type=click.Choice(TRAITS), help="What they have to be."
)
@click.option("--language", metavar="NAME", default="", help="One that they have to speak.")
@click.option("--vetted", "vetting", metavar="LEVEL", help="Only who was checked so by the circle.")
@click.option("--familiar", is_flag=True, help="Rather somebody who has helped you before.")
@click.option("--pick", "picks", is_flag=True, help="You choose among those who say yes.")
@click.option("--wider", is_flag=True, help="Neighbouring circles may be asked, too.")
@click.option("--most", metavar="AMOUNT", help="What it may cost at most, each time.")
@click.option("--area", metavar="TEXT", default="", help="Where about, for all who are asked.")
@click.option("--where", "address", metavar="TEXT", default="", help="Where, for who comes.")
@click.option("--words", metavar="TEXT", default="", help="More about it, for all who are asked.")
@click.option("--note", "private", metavar="TEXT", default="", help="More, only for who comes.")
@click.option("--as", "on_behalf_of", metavar="WHO", help="Whom you ask for.")
@click.option("--slip", nargs=2, metavar="CHANNEL NUMBER", help="For coordinators: a paper slip.")
@click.option("--yes", is_flag=True, help="Go on with what was interrupted, without being asked.")
async def ask(
    run: Run,
    title: str | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
    yes: bool,
    **given: Any,
) -> Told:
    """Ask for help, such as: ask "Roses to cut" --with garden --for 1h --at "2026-11-27 10:00".

    What it may cost at most is set aside; who comes is paid for the time it took, and the rest is
    free again. Nobody sees the address and the note but who comes. Without TITLE: what you asked
    for, and how it stands.
    """
    if title is None:
        return await _show(run, yes)
    if given["category"] is None:
        raise InputRefused("Say what kind of help it is: --with garden, for one.")
    if slip is not None and on_behalf_of is None:
        raise InputRefused("A slip is somebody's: say whose with --as.")
    session = await (await run.member()).session()
    item = await _read_item(run, session, title, **given)
    if on_behalf_of is not None:
        item |= await _find_asker(run, on_behalf_of)
    view = await helping.draft_help(session, item)
    if view.most != item.get("most", view.most):
        raise AnswerInvalid("asks for another amount than the one that was said")
    try:
        view = await make_promises(run, view, slip).set_aside()
    except NodeRefused as refused:
        if refused.problem in FINAL_CODES:
            # What they may not set aside, they cannot ask for: nothing stays of it.
            begun = await helping.read_help(session, view.number)
            await cancel_request(run, session, begun)
        raise
    assert run.unit is not None, "a member's circle has a unit"
    return Told(_tell_asked(view, run.unit), {"help": view_fields(view)})


async def _read_item(
    run: Run,
    session: NodeSession,
    title: str,
    *,
    category: str,
    length: str,
    at: tuple[datetime, ...],
    between: tuple[str, ...],
    most: str | None,
    **plainly: Any,
) -> dict[str, Any]:
    if len(title) > TITLE_MAX:
        raise InputRefused(
            f"A title has at most {TITLE_MAX} letters, and that one has {len(title)}: say the rest"
            " with --words."
        )
    minutes = read_visit_length(length)
    if not at and not between:
        raise InputRefused('Say when: --at "2026-11-27 10:00", or --between "2026-11-27 9-17".')
    windows = [Window(when, when + timedelta(minutes=minutes)) for when in at]
    windows += [read_between(text) for text in between]
    if short := next((w for w in windows if w.ends - w.begins < timedelta(minutes=minutes)), None):
        raise InputRefused(
            f"From {short.begins:%H:%M} to {short.ends:%H:%M} is less than the {minutes} minutes"
            " that it takes."
        )
    item: dict[str, Any] = {
        "title": title,
        "category": (await find_category(session, category)).category,
        "minutes": minutes,
        "windows": [
            {"begins": write_time(each.begins), "ends": write_time(each.ends)} for each in windows
        ],
        **plainly,
    }
    item["traits"] = list(plainly["traits"])
    if most is not None:
        assert run.unit is not None, "a member's circle has a unit"
        item["most"] = read_amount(most, run.unit)
    return item


async def _find_asker(run: Run, who: str) -> dict[str, int]:
    """For whom, and with which account: by a short name, or the account's number."""
    if found := _NUMBER.fullmatch(who.strip()):
        account = int(found[1])
        member = await run.member()
        for mandate in (await member.me()).mandates:
            if mandate.account == account and not mandate.given and mandate.account_handle:
                return await _find_asker(run, mandate.account_handle) | {"account": account}
        holders = (await (await member.session()).account(account)).holders
        if not holders:
            raise InputRefused(f"Account {account} is nobody's who could ask for help.")
        return {"person": holders[0], "account": account}
    other = await find_person(run, who)
    return {"person": other.person}


def _tell_asked(view: HelpView, unit: Unit) -> str:
    each = " for each time" if len(view.visits) > 1 else ""
    whom = "" if not view.phones else f" for {name_of(view.asker)}"
    look, stop = (
        ("tally desk", "tally desk cancel") if view.phones else ("tally ask", "tally cancel")
    )
    lines = [
        f"You asked for help{whom}. {tell_wanted(view)}",
        f"{capital(amount_in_words(view.most, unit))} at most{each}; so much is set aside until it"
        " is done.",
        f"We are asking who can come. How it stands: {look}. Not needed any more: {stop}"
        f" {view.number}",
    ]
    return "\n".join(wrap(line, "  ") for line in lines)


async def _show(run: Run, yes: bool) -> Told:
    """What one asked for; goes on with what was interrupted, and frees what is over."""
    member = await run.member()
    session, unit = await member.session(), member.circle.unit
    lines, shown = [], []
    for found in await helping.list_help(session):
        view, told = found, []
        if view.status not in OVER and _lacks_promise(view) and _agrees(view, yes):
            then = ": we are asking who can come." if view.status == "draft" else "."
            view = await make_promises(run, view).set_aside()
            told.append(f"All that it may cost is set aside now{then}")
        freed, kept = await make_promises(run, view).free_over()
        told += tell_freed(freed, kept)
        if freed:
            view = await helping.read_help(session, view.number)
        if told or view.status not in OVER or _waits(view):
            lines.append(tell_own(view, unit, member.person))
            lines += [wrap(f"  {each}", "    ") for each in tell_referred(view)]
            lines += [wrap(f"  {each}", "    ") for each in told]
            shown.append(view_fields(view))
    if not lines:
        lines = ['You wait for no help. To ask: tally ask "Roses to cut" --with garden --at TIME']
    return Told("\n".join(lines), {"requests": shown})


def _waits(view: HelpView) -> bool:
    """Whether the asker still has something to say or to wait for."""
    return any(
        (visit.status in ("done", "missed") and visit.promised)
        or (visit.status in ("done", "paid") and not visit.thanks)
        for visit in view.visits
    )


def _lacks_promise(view: HelpView) -> bool:
    return any(visit.lacks_promise for visit in view.visits)


def _agrees(view: HelpView, yes: bool) -> bool:
    question = (
        f"You began to ask for {plain(view.title)} ({view.number}), and nobody is asked yet. Set"
        " aside what it may cost, and ask now?"
    )
    if view.status != "draft":
        question = (
            f"Nothing is set aside any more for {plain(view.title)} ({view.number}), for which"
            " somebody comes. Set aside again what it may cost?"
        )
    return yes or agree(question)
