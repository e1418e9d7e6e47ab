"""Who said yes to a request for help: ``tally offers N``."""

from __future__ import annotations

from client import help as helping
from client.cli.command import Told
from client.cli.help_neighbours import tell_neighbour
from client.cli.help_words import handle_of, tell_offer, tell_wanted, view_fields
from client.cli.run import Run
from client.cli.words import wrap
from client.errors import InputRefused
from client.help_views import somebody_of


async def show_offers(run: Run, number: int) -> Told:
    """Who said yes to a request of one's own, and what speaks for each."""
    view = await helping.read_help(await (await run.member()).session(), number)
    if view.offers is None:
        raise InputRefused(f"Request {number} is not yours: see tally asked {number}.")
    offers = [each for each in view.offers if each.answer == "yes"]
    neighbours = [each for each in view.neighbours if each.refused is None]
    fields = view_fields(view)
    if not offers and not neighbours:
        told = f"{tell_wanted(view)} Nobody has said yes yet; we are asking."
        return Told(wrap(told, "  "), {"help": fields})
    lines = [wrap(tell_wanted(view), "  "), *map(tell_offer, offers)]
    lines += [tell_neighbour(each, view) for each in neighbours]
    whom = [each.helper for each in offers]
    whom += [somebody_of(each, view.neighbours) for each in neighbours]
    helper = handle_of(whom[0])
    lines.append(
        wrap(f"To agree: tally yes {number} {helper}; otherwise: tally no {number} {helper}")
    )
    return Told("\n".join(lines), {"help": fields})
