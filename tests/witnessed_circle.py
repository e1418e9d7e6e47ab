"""A circle whose log other circles witness, all of them in this process."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from ledger.note import VerifierKey, make_signer
from node.witness.logs import accept_log, witness_key
from node.witness.policy import Witness, add_witness
from tests.circle_node import CircleNode, Home, circle_node, found_circle, serving


@dataclass(frozen=True)
class Neighbours:
    """A circle that no node serves yet, and the nodes of its witnesses, who know its log."""

    home: Home
    witnesses: list[CircleNode]

    @property
    def keys(self) -> list[VerifierKey]:
        """The witnesses' keys."""
        return [key_of(node) for node in self.witnesses]

    def log_key(self) -> VerifierKey:
        """The key of the circle's log."""
        founded = self.home.founded
        return make_signer(founded.origin, founded.keyring.log).key


def key_of(node: CircleNode) -> VerifierKey:
    """A node's key as a witness."""
    return witness_key(node.circle.writer.loaded.certificate)


async def make_neighbours(stack: AsyncExitStack, dsn: str, folder: Path, count: int) -> Neighbours:
    """A circle with ann and mia in it, and so many others that witness it."""
    home = await found_circle(dsn, folder / "own")
    stack.push_async_callback(home.drop)
    async with serving(home) as node:
        await node.join("ann", home.founded.invitation_code)
        await node.welcome("mia")
    nodes = [
        await stack.enter_async_context(circle_node(dsn, folder / f"witness-{number}"))
        for number in range(count)
    ]
    neighbours = Neighbours(home, nodes)
    for number, node in enumerate(nodes):
        async with node.home.database() as theirs, home.database() as ours:
            await accept_log(theirs, neighbours.log_key())
            await add_witness(ours, Witness(key_of(node), f"Circle {number}", node.url))
    return neighbours
