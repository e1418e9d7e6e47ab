"""``tally address``: where this device reaches a circle."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import click

from client.address import parse_node_url
from client.circle_info import check_pinned
from client.cli.command import Told, command
from client.cli.prompts import ask_secret
from client.cli.run import Run
from client.cli.words import plain
from client.errors import InputRefused
from client.node_client import NodeClient


@command("address", needs_member=False)
@click.argument("url", required=False)
async def address(run: Run, url: str | None) -> Told:
    """The address at which this device reaches the circle, or change it to URL.

    The same circle has to answer there.
    """
    store = run.store()
    membership = store.membership(run.settings.circle)
    circle = membership.circle
    fields = {"membership": membership.name, "node": circle.node_url}
    if url is None:
        return Told(f"{plain(circle.name)} is reached at {circle.node_url}", fields)
    node_url = parse_node_url(url)
    async with NodeClient(node_url) as node:
        info = await node.well_known()
    if info.certificate.circle != circle.circle_id:
        raise InputRefused(
            f"Another circle answers at {node_url} ({info.name}), so {plain(circle.name)} is still"
            f" reached at {circle.node_url}."
        )
    check_pinned(info, circle)
    passphrase = ask_secret("Passphrase") if membership.has_passphrase else None
    moved = replace(circle, node_url=node_url)
    await asyncio.to_thread(store.repin, membership.name, moved, passphrase)
    told = f"{plain(circle.name)} is from now on reached at {node_url}"
    return Told(told, {**fields, "node": node_url})
