"""What becomes of the link with a circle whose log was caught with two heads of one size."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import structlog

from ledger.federation.step import Step, shut
from ledger.state import State
from node.connections import Pool
from node.errors import Frozen, Overloaded
from node.work import PeerEvent
from node.writer import Writer

log = structlog.get_logger()


async def shut_forked(writer: Writer, pool: Pool) -> None:
    """Take no new payments from neighbours whose logs are forked, and tell them so.

    To be called at the start too: a fork may be stored, and its link still open, after a crash. A
    writer that takes nothing leaves it to then.
    """
    rows = await pool.fetch("SELECT origin FROM log_forks")
    forked = {row["origin"] for row in rows}
    for link in writer.loaded.links.values():
        if link.theirs.origin in forked and link.status in ("open", "suspended"):
            with suppress(Frozen, Overloaded):
                await writer.submit([PeerEvent(partial(_shut, link.id))])
                log.error("peer_frozen", circle=link.peer.hex(), proof="tallyd peer evidence")


def _shut(link_id: bytes, state: State, now: int) -> Step:
    return shut(state, link_id, now)
