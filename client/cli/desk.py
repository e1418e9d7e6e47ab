"""``tally desk``: the telephone desk, for coordinators."""

from __future__ import annotations

from dataclasses import asdict

import click

from client import directory, help_desk
from client import help as helping
from client.cli.amounts import read_amount
from client.cli.asked import NUMBER
from client.cli.command import Told, command
from client.cli.event_words import tell_when
from client.cli.help_words import handle_of, name_of, tell_wanted, view_fields
from client.cli.lazy_group import Entry, LazyGroup
from client.cli.listing_words import REACHED
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person, plain, wrap
from client.directory import ProfileView
from client.errors import NodeRefused
from client.help_desk import Call, Candidate
from client.help_views import HelpView, Somebody
from client.node_session import NodeSession
from ledger.amount import amount_in_words

RINGS = 3
"""So many of the ranked are shown with each request."""

_HERE = "client.cli.desk"
_BOOKING = "client.cli.desk_booking"

SECTIONS = {
    "What waits": {
        "show": Entry(f"{_HERE}:show", "Requests without helpers, and calls to make."),
        "ring": Entry(f"{_HERE}:ring", "Whom to ring about a request, the best first."),
        "why": Entry(f"{_HERE}:why", "Why somebody is not asked about a request."),
        "terms": Entry(f"{_HERE}:terms", "What an hour of help costs."),
        "neighbours": Entry(
            "client.cli.desk_neighbours:neighbours", "Neighbouring circles: who helps whom."
        ),
    },
    "While you ring helpers": {
        "ask": Entry(f"{_BOOKING}:ask", "Ask somebody whom you chose."),
        "yes": Entry(f"{_BOOKING}:say_yes", "They can come."),
        "no": Entry(f"{_BOOKING}:say_no", "They cannot."),
        "no-reply": Entry(f"{_BOOKING}:no_reply", "They did not answer."),
    },
    "For those without a device": {
        "accept": Entry(f"{_BOOKING}:accept", "Book a helper, and read it back."),
        "decline": Entry(f"{_BOOKING}:decline", "They would rather have somebody else."),
        "cancel": Entry(f"{_BOOKING}:cancel", "It is not needed; or the helper cannot come."),
        "promise": Entry(f"{_BOOKING}:promise", "Set aside again what it may cost."),
        "done": Entry(f"{_BOOKING}:done", "It is done, and took so long."),
        "missed": Entry(f"{_BOOKING}:missed", "One of the two was not there."),
        "pay": Entry(f"{_BOOKING}:pay", "They say that it is right: the helper is paid."),
        "found": Entry(f"{_BOOKING}:found", "Why somebody was not there."),
    },
}


@click.group("desk", cls=LazyGroup, sections=SECTIONS, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def desk(context: click.Context, as_json: bool) -> int:
    """The telephone desk: whom to ring, and what they said. Without a command: what waits.

    For somebody without a device, ask with tally ask --as WHO.
    """
    if context.invoked_subcommand is not None:
        return 0
    status: int = context.invoke(show, circle=None, home=None, as_json=as_json)
    return status


@command("show")
async def show(run: Run) -> Told:
    """Requests that nobody has said yes to, with whom to ring; and other calls to make."""
    session = await (await run.member()).session()
    found = await help_desk.read_desk(session)
    lines, requests = [], []
    for view in found.requests:
        ranked = await _find_ranked(session, view)
        lines.append(_tell_waiting(view))
        lines += await _tell_unanswered(session, view)
        lines += map(_tell_short, ranked or ())
        if ranked is None:
            lines.append(
                wrap("  It is for you or your household: another coordinator rings.", "    ")
            )
            ranked = ()
        elif not ranked:
            lines.append(wrap(f"  Nobody else can: see tally desk why {view.number} WHO.", "    "))
        fields = [_candidate_fields(each) for each in ranked]
        requests.append({**view_fields(view), "ring": fields})
    if found.calls:
        lines.append("To ring:")
        lines += [_tell_call(each) for each in found.calls]
    fields_of_calls = [asdict(each) for each in found.calls]
    told = "\n".join(lines) or "Nothing waits at the desk."
    return Told(told, {"requests": requests, "calls": fields_of_calls})


async def _find_ranked(session: NodeSession, view: HelpView) -> tuple[Candidate, ...] | None:
    """Whom to ring next; None for what coordinators ask for themselves or their household."""
    try:
        return await help_desk.read_ranking(session, view.number, RINGS)
    except NodeRefused as refused:
        if refused.problem != "not-permitted":
            raise
        return None


def _tell_waiting(view: HelpView) -> str:
    whom = name_of(view.asker)
    no_device = ", who has no device" if view.phones else ""
    return wrap(f"{tell_wanted(view)} For {whom}{no_device}.", "  ")


async def _tell_unanswered(session: NodeSession, view: HelpView) -> list[str]:
    """Who was asked and has not answered, with how to reach them: they may be rung, too."""
    waiting = [each for each in view.offers or () if each.answer in (None, "no-reply")]
    told = []
    for each in waiting[:RINGS]:
        profile = await directory.profile(session, each.helper.person)
        contact = f", {_reached(profile)}," if profile.contact else ""
        said = "did not answer the telephone" if each.answer else "was asked, and has not answered"
        told.append(wrap(f"  {_who(each.helper)}{contact} {said}.", "    "))
    if len(waiting) > RINGS:
        told.append(wrap(f"  {len(waiting) - RINGS} more were asked.", "    "))
    return told


def _reached(profile: ProfileView) -> str:
    """A number is told as it is; what is none, with what it is for."""
    contact = plain(profile.contact or "")
    if profile.channel in (None, "app", "call", "sms"):
        return contact
    return f"{REACHED.get(profile.channel, profile.channel)} ({contact})"


def _who(somebody: Somebody) -> str:
    return f"{name_of(somebody)} ({handle_of(somebody)})"


def _tell_short(each: Candidate) -> str:
    contact = f", {plain(each.contact)}" if each.contact else ", no number known"
    return wrap(f"  Ring {_who(each.helper)}{contact}: for {tell_when(each.begins)}.", "    ")


def _tell_call(call: Call) -> str:
    contact = f", {plain(call.contact)}" if call.contact else ""
    who, number = f"{name_of(call.person)}{contact}", call.request
    match call.what:
        case "ask":
            handle = handle_of(call.person)
            then = f"tally desk yes {number} {handle}, or no, or no-reply"
        case "accept":
            then = f"tally desk accept {number}, or decline"
        case "confirm":
            then = f"tally desk pay {number}"
        case "over":
            then = f"tally desk done {number}, or tally desk missed {number}"
        case "free":
            then = f"tally desk cancel {number} {handle_of(call.person)}"
        case "look":
            then = f"to call it off: tally desk cancel {number} {handle_of(call.person)}"
        case "promise":
            then = f"tally desk promise {number}, or tally desk cancel {number}"
        case _:
            then = f"tally desk found {number} --failed or --not-failed"
    return wrap(f"  {who}: {plain(call.words)} ({then})", "    ")


def _candidate_fields(each: Candidate) -> dict[str, object]:
    return {**asdict(each), "begins": each.begins.isoformat(timespec="minutes")}


@command("ring")
@click.argument("number", type=NUMBER, metavar="N")
@click.option("--most", type=click.IntRange(1, 200), default=10, show_default=True)
async def ring(run: Run, number: int, most: int) -> Told:
    """Whom to ring about request N, the best first, and what speaks for each."""
    session = await (await run.member()).session()
    ranked = await help_desk.read_ranking(session, number, most)
    lines = [_tell_ranked(place, each) for place, each in enumerate(ranked, 1)]
    told = "\n".join(lines) or (
        "Everybody who could come was asked already. tally desk shows who has not answered; why"
        f" somebody else was not asked: tally desk why {number} WHO"
    )
    return Told(told, {"helpers": [_candidate_fields(each) for each in ranked]})


def _tell_ranked(place: int, each: Candidate) -> str:
    contact = f", {plain(each.contact)}" if each.contact else ", no number known"
    return wrap(
        f"{place}. {_who(each.helper)}{contact}: for {tell_when(each.begins)}. {plain(each.why)}",
        "   ",
    )


@command("why")
@click.argument("number", type=NUMBER, metavar="N")
@click.argument("who")
async def why(run: Run, number: int, who: str) -> Told:
    """Why WHO is not asked about request N."""
    found = await find_person(run, who)
    session = await (await run.member()).session()
    reasons = await help_desk.read_obstacles(session, number, found.person)
    name = person(found.handle, found.name)
    told = (
        f"{name}: {' '.join(map(plain, reasons))}"
        if reasons
        else f"{name} could come, and was not asked yet. To ask them: tally desk ask {number} {who}"
    )
    return Told(wrap(told, "  "), {"person": found.person, "why": list(reasons)})


@command("terms")
@click.argument("amount", required=False)
async def terms(run: Run, amount: str | None) -> Told:
    """Say what an hour of help costs from now on; without AMOUNT, what it costs."""
    member = await run.member()
    session, unit = await member.session(), member.circle.unit
    if amount is not None:
        await helping.change_hour(session, read_amount(amount, unit))
    hour = await helping.read_hour(session)
    if hour is None:
        return Told("Nobody has said yet what an hour of help costs.", {"hour": None})
    return Told(f"An hour of help costs {amount_in_words(hour, unit)}.", {"hour": hour})
