"""Clearing: payments to ourselves around cycles of debt, each night and on command.

They are proposed once a night, at three o'clock UTC and up to two hours later, each circle at a
minute of its own: those that come later see what those before them cleared. (protocol.md,
"Clearing".)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter

from ledger import keys
from ledger.errors import TallystickError
from ledger.federation.agreement import link_id, worth_at_most
from ledger.federation.gossip_envelope import period_of
from ledger.federation.payment import PaymentHeader, encode_header, payment_id, sealed_hash
from ledger.federation.route import Route
from ledger.federation.send import clear_cycle
from ledger.federation.step import Step
from ledger.state import State
from node.federation.survey import Proposal, Survey, gather, link_keys, survey_apart
from node.gossip.meetings import Gossip
from node.gossip.nearby import Told, ask_nearby
from node.work import PeerEvent, Stepped
from node.writer import Writer

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
NIGHT_MS = 3 * HOUR_MS
"""When in a day (UTC) the first circles propose."""
SPREAD_MS = 2 * HOUR_MS
DEADLINE_MS = HOUR_MS
SEALED_BYTES = 200
"""Of nothing: as much as there is for a member's payment with a short text."""
TICK_SECONDS = 1.0
PROPOSERS_MAX = 20
"""Circles that the command is told of, for which a cycle is to propose."""

log = structlog.get_logger()


@dataclass(slots=True)
class Clearing:
    """Proposes what is to be cleared, and sees what becomes of it. :meth:`run` is its one task.

    ``decision`` is the circle's public decision key; ``clock`` gives Unix milliseconds. Of circles
    that were cleared with, ``_heard`` has the last period whose bulletins cannot know of it.
    """

    writer: Writer
    gossip: Gossip
    decision: bytes
    clock: Callable[[], int]
    entropy: Callable[[int], bytes]
    payments: Counter
    freed: Counter
    _open: dict[bytes, Proposal] = field(default_factory=dict)
    _heard: dict[bytes, int] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Clear once a night, until cancelled."""
        night = self._night()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._follow()
            if self._night() != night and self._is_clock_believed():
                night = self._night()
                await self._clear_tonight()

    def _is_clock_believed(self) -> bool:
        return self.writer.clock.is_believed(self.writer.loaded.state.log_time)

    def _night(self) -> int:
        own_minute = int.from_bytes(self.gossip.store.own[:4], "big") % SPREAD_MS
        return (self.clock() - NIGHT_MS - own_minute) // DAY_MS

    async def _clear_tonight(self) -> None:
        try:
            found, proposed = await self.clear(())
        except TallystickError as error:
            log.warning("clearing_failed", reason=str(error))
            return
        refused = sum(bool(fault) for _, _, fault in proposed)
        log.info("clearing", cycles=len(found.cycles), proposed=len(proposed), refused=refused)

    async def clear(
        self, told: tuple[Told, ...]
    ) -> tuple[Survey, list[tuple[bytes, Proposal, str]]]:
        """Propose all that is for us to propose: each payment, and why it was not begun, or "".

        ``told`` is what neighbours say now. Raises SurveyFailed, Frozen, Overloaded.
        """
        async with self._turn:
            self._follow()
            links = self.writer.loaded.links
            task = gather(self.gossip.store, links.values(), self.clock(), self._heard, told)
            found = await survey_apart(task)
            routes = [self._route(proposal) for proposal in found.proposals]
            events = [PeerEvent(partial(_begin, route)) for route in routes]
            outcomes = await self.writer.submit(events) if events else []
            proposed = []
            for proposal, route, outcome in zip(found.proposals, routes, outcomes, strict=True):
                payment = payment_id(route.header)
                fault = outcome.fault if isinstance(outcome, Stepped) else str(outcome)
                if fault:
                    self.payments.labels("refused").inc()
                else:
                    self._open[payment] = proposal
                proposed.append((payment, proposal, fault))
            return found, proposed

    def _route(self, proposal: Proposal) -> Route:
        circle, sealed = self.gossip.store.own, self.entropy(SEALED_BYTES)
        link = self.writer.loaded.links[link_id(circle, proposal.circles[0])]
        header = PaymentHeader(
            decider=circle,
            decision=self.decision,
            deadline=self.clock() + DEADLINE_MS,
            arrive=worth_at_most(link.ours, proposal.amount),
            sealed=sealed_hash(sealed),
        )
        return Route(encode_header(header), sealed, (proposal.way,))

    def _follow(self) -> None:
        """Count what was proposed and is over by now."""
        transits = self.writer.loaded.state.transits
        for payment, proposal in list(self._open.items()):
            transit = transits.get(payment)
            if transit is not None and transit.status == "open":
                continue
            del self._open[payment]
            unit, circles = proposal.unit.decode(), len(proposal.way)
            if transit is None or transit.status != "committed":
                reason = transit.reason if transit else ""
                log.info("clearing_came_back", unit=unit, amount=proposal.amount, reason=reason)
                self.payments.labels("released").inc()
                continue
            # They count again when they have said anew where they stand.
            self._heard |= dict.fromkeys(proposal.circles[:-1], period_of(self.clock()))
            log.info(
                "debts_cleared",
                unit=unit,
                amount=proposal.amount,
                circles=circles,
                freed=proposal.freed,
            )
            self.payments.labels("committed").inc()
            self.freed.labels(unit).inc(proposal.freed)

    async def grant(self) -> str:
        """What ``tallyd clear --now`` is answered, as JSON. Raises as :meth:`clear`."""
        links, store = self.writer.loaded.links.values(), self.gossip.store
        session = self.gossip.peers.session
        told = await ask_nearby(session, links, link_keys(store, links))
        found, proposed = await self.clear(told)
        proposers = dict.fromkeys(cycle.circles[0].hex() for cycle in found.cycles)
        return json.dumps(
            {
                "proposers": list(proposers)[:PROPOSERS_MAX],
                "payments": [_describe(*each) for each in proposed],
            }
        )


def _begin(route: Route, state: State, now: int) -> Step:
    return clear_cycle(state, now, route)


def _describe(payment: bytes, proposal: Proposal, fault: str) -> dict[str, Any]:
    return {
        "payment": payment.hex(),
        "unit": proposal.unit.decode(),
        "amount": proposal.amount,
        "freed": proposal.freed,
        "circles": [circle.hex() for circle in proposal.circles[:-1]],
        "fault": fault,
    }


def make_clearing(gossip: Gossip, registry: CollectorRegistry) -> Clearing:
    """Clearing for the circle of this gossip."""
    peers = gossip.peers
    payments = Counter(
        "tallystick_clearing_payments",
        "Payments proposed to clear cycles of debt, by outcome.",
        ["outcome"],
        registry=registry,
    )
    freed = Counter(
        "tallystick_clearing_freed",
        "How much less circles owe each other by what this one proposed, by link unit.",
        ["unit"],
        registry=registry,
    )
    decision = keys.public_key(peers.keyring.decision)
    return Clearing(
        *(gossip.writer, gossip, decision, gossip.clock, peers.entropy),
        *(payments, freed),
    )
