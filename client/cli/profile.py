"""``tally profile``, and whom one does not want to see."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

import click

from client import directory
from client.cli.command import Told, command
from client.cli.help_times import tell_length
from client.cli.hours import change_hours
from client.cli.listing_words import REACHED, tell_distance
from client.cli.message_words import tell_hours
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import listed, plain, wrap
from client.directory import PARTS, SIDES, ProfileView
from client.errors import InputRefused, NodeRefused
from client.views import Person

_SPOT = re.compile(r"(-?[0-9]{1,8}) *, *(-?[0-9]{1,8})", re.ASCII)
_PART = click.Choice(PARTS)
_SIDE = click.Choice([str(side) for side in SIDES])
_CONTACTS = {
    "email": "the email address",
    "sms": "the number",
    "call": "the number",
    "letter": "the address",
}


@command("profile")
@click.argument("who", required=False)
@click.option("--about", metavar="TEXT", help="A few words about you.")
@click.option("--languages", metavar="LIST", help="Such as English, Yoruba.")
@click.option("--place", metavar="NAME", help="Where you are, as coarsely as you like.")
@click.option("--map", "spot", metavar="EAST,NORTH", help="In metres; helps to find help nearby.")
@click.option("--square", type=_SIDE, default="1000", help="How coarsely --map is kept, in metres.")
@click.option("--channel", type=click.Choice(list(REACHED)), help="How you like to be reached.")
@click.option("--contact", metavar="TEXT", help="The number or address for that.")
@click.option("--quiet", metavar="HOURS", help="Do not disturb, such as 21-8; or none.")
@click.option("--digest", metavar="HOUR", help="One email a day at that hour, such as 9; or none.")
@click.option("--show", multiple=True, type=_PART, help="Let all members see it.")
@click.option("--hide", multiple=True, type=_PART, help="Let only coordinators see it.")
async def profile(run: Run, who: str | None, show: Any, hide: Any, **given: str | None) -> Told:
    """What you told of yourself, or what WHO shows; with options, change it.

    Only the coordinators see what you do not --show. Where you are on the map is used to find help
    nearby even so; how far it is, others are told only if you show it. A coordinator changes it for
    a member without a device, by naming WHO.
    """
    member = await run.member()
    session = await member.session()
    other = None if who is None else await find_person(run, who)
    person = member.person if other is None else other.person
    square, hours = given.pop("square"), (given.pop("quiet"), given.pop("digest"))
    is_profile = bool(show or hide or any(value is not None for value in given.values()))
    is_change = is_profile or hours != (None, None)
    try:
        seen = await directory.profile(session, person)
    except NodeRefused as refused:
        if other is None or refused.problem != "not-found":
            raise
        return _tell_nothing(other, is_change)
    if seen.shown is None:
        if is_change:
            raise _not_ones_own(seen.name)
        return Told(_tell(seen, own=False), {"profile": asdict(seen)})
    changed = _changed(seen, square or "1000", given) if is_profile else {}
    wished = await change_hours(session, person, *hours)
    if is_profile:
        changed["shown"] = sorted((set(seen.shown) | set(show)) - set(hide))
        seen = await directory.change_profile(session, person, changed)
    told = f"{_tell(seen, own=who is None)}\n{wrap(tell_hours(wished, seen.channel), '  ')}"
    return Told(told, {"profile": asdict(seen), "hours": asdict(wished)})


def _tell_nothing(other: Person, is_change: bool) -> Told:
    name = other.name or other.handle or ""
    if is_change:
        raise _not_ones_own(name)
    return Told(f"{plain(name)} shows nothing of themselves.", {"profile": None})


def _not_ones_own(name: str) -> InputRefused:
    return InputRefused(f"What {plain(name)} told is theirs to change.")


def _changed(seen: ProfileView, side: str, given: dict[str, str | None]) -> dict[str, object]:
    """The whole profile as it is to be. Raises InputRefused."""
    _check_contact(seen, given["channel"], given["contact"])
    item: dict[str, object] = {
        "languages": list(seen.languages or ()),
        "about": seen.about or "",
        "place": seen.place or "",
        "square": None if seen.square is None else asdict(seen.square),
        "channel": seen.channel or "app",
        "contact": seen.contact or "",
    }
    spot, languages = given.pop("spot"), given.pop("languages")
    if spot is not None:
        item["square"] = read_spot(spot, int(side)) if spot else None
    if languages is not None:
        item["languages"] = [each.strip() for each in languages.split(",") if each.strip()]
    return item | {name: value for name, value in given.items() if value is not None}


def _check_contact(seen: ProfileView, channel: str | None, contact: str | None) -> None:
    """A number is no address: another way to be reached needs what belongs to it."""
    now, then = seen.channel or "app", channel or seen.channel or "app"
    kept = now == then or {now, then} == {"call", "sms"}
    reached_at = contact if contact is not None else (seen.contact or "") if kept else ""
    if channel not in (None, "app") and not reached_at:
        raise InputRefused(f'Say {_CONTACTS[then]}, too: --channel {then} --contact "...".')
    if then == "email" and contact and "@" not in contact:
        raise InputRefused(
            f"{contact[:60]!r} is no email address: write one like ann@mail.example."
        )


def read_spot(written: str, side: int) -> dict[str, int]:
    """The middle of a square of the grid, so that nothing finer leaves this device.

    Raises InputRefused.
    """
    found = _SPOT.fullmatch(written.strip())
    if found is None:
        raise InputRefused("A place on the map is written as EAST,NORTH in metres: 532650,176810.")
    easting, northing = (int(part) // side * side + side // 2 for part in found.groups())
    return {"easting": easting, "northing": northing, "side": side}


def _tell(seen: ProfileView, *, own: bool) -> str:
    lines = [f"{plain(seen.name)} ({plain(seen.handle)})"]
    if seen.about:
        lines.append(plain(seen.about))
    if seen.languages:
        lines.append(f"Speaks {listed(map(plain, seen.languages))}.")
    if seen.place:
        lines.append(f"Place: {plain(seen.place)}.")
    if seen.square is not None:
        lines.append(f"On the map: somewhere within {tell_distance(seen.square.side)}.")
    if seen.channel is not None and (seen.contact or own):
        detail = f": {plain(seen.contact)}" if seen.contact else ""
        lines.append(f"To be reached {REACHED.get(seen.channel, seen.channel)}{detail}.")
    if seen.helped:
        lines.append(f"Helped others for {tell_length(seen.helped)}.")
    if seen.vetted:
        lines.append(f"Checked by the circle: {listed(map(plain, seen.vetted))}.")
    if seen.shown is not None:
        shown = listed(seen.shown)
        lines.append(
            f"All members see: {shown}. The rest only the coordinators see."
            if shown
            else "Only the coordinators see this. To let all members see a part of it, say which:"
            " tally profile --show about"
        )
    return "\n".join(wrap(line, "  ") for line in lines)


@command("block")
@click.argument("who")
async def block(run: Run, who: str) -> Told:
    """Hide yourself and WHO from each other in the directory; nobody is told."""
    return await _block(run, who, on=True)


@command("unblock")
@click.argument("who")
async def unblock(run: Run, who: str) -> Told:
    """Take that back."""
    return await _block(run, who, on=False)


async def _block(run: Run, who: str, *, on: bool) -> Told:
    other = await find_person(run, who)
    member = await run.member()
    if other.person == member.person:
        raise InputRefused("That is you.")
    await directory.block(await member.session(), member.person, other.person, on=on)
    name = plain(other.name or other.handle or "")
    told = (
        f"You and {name} do not see each other in the directory from now on."
        if on
        else f"You and {name} may see each other in the directory again."
    )
    return Told(told, {"person": other.person, "blocked": on})
