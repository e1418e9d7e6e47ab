"""``tally concern``: to say that one is worried for somebody's safety."""

from __future__ import annotations

from dataclasses import asdict

import click

from client import care
from client.care import Named, Safeguarders
from client.cli.abouts import ABOUT, about_path
from client.cli.command import Told, command
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import person, wrap
from client.errors import InputRefused

EMERGENCY = (
    "If anybody is in danger now, call the emergency number first, such as 999 or 112: nobody may"
    " be reading here at this moment."
)

_READ_BY = {
    "lead": "The safeguarding lead",
    "deputy": "The deputy of the safeguarding lead",
    "coordinators": "Coordinators",
}


@command("concern")
@click.argument("who", required=False)
@click.option("--for", "text", metavar="TEXT", help="What worries you, in your own words.")
@click.option("--about", type=ABOUT, metavar="WHAT NUMBER", help="Such as offer 3 or help 17.")
@click.option("--urgent", is_flag=True, help="It cannot wait until tomorrow.")
@click.option("--by", metavar="WHO", help="The member without a device who told you.")
async def concern(
    run: Run,
    who: str | None,
    text: str | None,
    about: tuple[str, int] | None,
    urgent: bool,
    by: str | None,
) -> Told:
    """Say that you are worried about WHO, or for them. They are not told, then or later.

    If anybody is in danger now, call the emergency number first. It goes to the circle's
    safeguarding lead; to the deputy, if it is about the lead or somebody close to them; or else to
    the coordinators whom it is not about. Without WHO: who these are. A coordinator writes it down
    for a member without a device --by naming them.
    """
    session = await (await run.member()).session()
    if who is None:
        named = await care.safeguarders(session)
        how = wrap('To say it: tally concern WHO --for "what worries you"')
        told = "\n".join([wrap(EMERGENCY), _tell_readers(named), how])
        return Told(told, {"safeguarding": asdict(named)})
    if text is None:
        raise InputRefused('Say what worries you, in your own words: --for "...".')
    found = await find_person(run, who)
    item: dict[str, object] = {"person": found.person, "text": text, "urgent": urgent}
    if about is not None:
        item["about"] = about_path(*about)
    if by is not None:
        item["by"] = (await find_person(run, by)).person
    raised = await care.raise_concern(session, item)
    readers = _READ_BY.get(raised.readers, "Somebody who looks after safeguarding")
    name = person(found.handle, found.name)
    lines = [
        wrap(EMERGENCY),
        wrap(
            f"Thank you for saying so. {readers} will read it, and nobody else; {name} is not told"
            f" that you did. If you speak about it again, its number is {raised.number}."
        ),
    ]
    return Told("\n".join(lines), {"concern": raised.number, "readers": raised.readers})


def name_of(named: Named | None) -> str:
    """Somebody as others know them."""
    return person(None, None) if named is None else person(named.handle, named.name)


def _tell_readers(named: Safeguarders) -> str:
    if named.lead is None and named.deputy is None:
        return wrap(
            "Nobody was named to look after safeguarding here, so what worries you goes to the"
            " coordinators whom it is not about."
        )
    if named.lead is None or named.deputy is None:
        return wrap(
            f"What worries you goes to {name_of(named.lead or named.deputy)}; if it is about them"
            " or somebody close to them, to the coordinators whom it is not about."
        )
    return wrap(
        f"What worries you goes to {name_of(named.lead)}, who looks after safeguarding; if it is"
        f" about them or somebody close to them, to {name_of(named.deputy)}."
    )
