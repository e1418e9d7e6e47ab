"""The command ``tally demo``."""

from __future__ import annotations

import asyncio

import click

from client.demo.play import main
from ledger.errors import TallystickError


@click.command()
@click.option("--once", is_flag=True, help="End when the story does.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of the story.")
def demo(once: bool, as_json: bool) -> int:
    """Play four circles on fresh nodes, to see them work.

    One lives through a fortnight: people join, ask for help, give it, and pay. Then circles trade
    with each other, over a line that is cut, a node that is killed and a neighbour that lies. What
    must be refused is refused; all of it is checked. Then the nodes stay up until Ctrl-C.
    """
    try:
        asyncio.run(main(once=once, as_json=as_json))
    except asyncio.CancelledError:  # told to end
        raise click.Abort from None
    except TallystickError as error:
        click.echo(str(error), err=True)
        return 1
    return 0
