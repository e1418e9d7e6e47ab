"""The command ``tally demo``."""

from __future__ import annotations

import asyncio

import click

from client.demo.play import main


@click.command()
@click.option("--once", is_flag=True, help="End when the story does.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of the story.")
def demo(once: bool, as_json: bool) -> None:
    """Play a circle on a fresh node, to see it work.

    People join, pay, buy tokens and set some aside; what must be refused is refused; all of it is
    checked. Then the node stays up until Ctrl-C.
    """
    asyncio.run(main(once=once, as_json=as_json))
