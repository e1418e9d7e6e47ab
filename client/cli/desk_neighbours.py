"""What coordinators allow of neighbouring circles: ``tally desk neighbours``."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from client import neighbour_help
from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import listed, plain, wrap
from client.errors import InputRefused
from client.neighbour_help import NeighbourTerms
from client.node_session import NodeSession


@command("neighbours")
@click.argument("neighbour", required=False, metavar="[CIRCLE]")
@click.option("--ask/--not-ask", default=None, help="Our members' requests may be asked there.")
@click.option("--take/--not-take", default=None, help="Theirs may be asked of our helpers.")
@click.option(
    "--same-map/--other-map", default=None, help="Both write places on the same map grid, or not."
)
@click.option(
    "--counts",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Their check THEIRS counts as our OURS; OURS= for no longer.",
)
async def neighbours(
    run: Run,
    neighbour: str | None,
    ask: bool | None,
    take: bool | None,
    same_map: bool | None,
    counts: tuple[str, ...],
) -> Told:
    """Which neighbouring circles help our members, and are helped by ours; with options, change it.

    Helpers are asked there only when nobody here can come, and the member wishes it. What they were
    checked for there counts only as you say.
    """
    session = await (await run.member()).session()
    found = await neighbour_help.list_terms(session)
    if neighbour is not None:
        terms = _find(found, neighbour)
        changed = replace(
            terms,
            refer=terms.refer if ask is None else ask,
            take=terms.take if take is None else take,
            same_grid=terms.same_grid if same_map is None else same_map,
            vettings=_count(terms, counts),
        )
        if changed != terms:
            found = await _change(session, changed)
        found = (_find(found, terms.address),)
    elif counts or any(each is not None for each in (ask, take, same_map)):
        raise InputRefused("Say which circle: tally desk neighbours CIRCLE --ask, for one.")
    if not found:
        return Told("There is no neighbouring circle yet: that is agreed with tallyd.", {})
    told = "\n".join(wrap(_tell(each), "  ") for each in found)
    return Told(told, {"neighbours": [asdict(each) for each in found]})


def _find(found: tuple[NeighbourTerms, ...], written: str) -> NeighbourTerms:
    wanted = written.strip().casefold()
    for each in found:
        if wanted in (each.name.casefold(), each.address, each.address.partition(".")[0]):
            return each
    names = listed(f"{plain(each.name)} ({plain(each.address)})" for each in found)
    known = f"they are {names}" if found else "there is none yet"
    raise InputRefused(f"No neighbouring circle is called {plain(written)[:60]!r}: {known}.")


def _count(terms: NeighbourTerms, counts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    levels = dict(terms.vettings)
    for each in counts:
        ours, is_pair, theirs = each.partition("=")
        if not is_pair or not ours:
            raise InputRefused(f"{plain(each)[:60]!r} is not written like checked=dbs.")
        levels.pop(ours, None)
        if theirs:
            levels[ours] = theirs
    return tuple(sorted(levels.items()))


async def _change(session: NodeSession, terms: NeighbourTerms) -> tuple[NeighbourTerms, ...]:
    return await neighbour_help.change_terms(session, terms.circle, terms.item())


def _tell(terms: NeighbourTerms) -> str:
    asked = "our members' requests may be asked there" if terms.refer else "we ask nothing there"
    taken = "theirs may be asked here" if terms.take else "nothing of theirs is asked here"
    told = f"{plain(terms.name)} ({plain(terms.address)}): {asked}; {taken}."
    if terms.vettings:
        pairs = [f"their {plain(theirs)} as our {plain(ours)}" for ours, theirs in terms.vettings]
        told += f" We count {listed(pairs)}."
    elif terms.refer:
        told += " None of their checks counts here."
    if terms.same_grid:
        told += " Both use the same map grid."
    return told
