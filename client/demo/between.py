"""The story between circles: four of them agree, trade, and clear what goes round."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from client.demo import picture
from client.demo.crossing import Crossing, Sent, arrive, quote_across, send_across
from client.demo.narrator import Narrator
from client.demo.neighbourhood import (
    AGREEMENTS,
    BRANCH,
    CHAPEL_HILL,
    ELM_STREET,
    HARBOUR,
    MILL_LANE,
    RING,
    Agreement,
    Circle,
    Founding,
    Standing,
    accept,
    ask,
    invite,
    raise_circle,
    settle,
    standings,
    until,
)
from client.errors import DemoFailed

COORDINATORS = {
    MILL_LANE: ("gus", "Gus Grant"),
    HARBOUR: ("hana", "Hana Haddad"),
    CHAPEL_HILL: ("ivo", "Ivo Ilic"),
}
RING_TRADES = (
    (ELM_STREET, "cora", MILL_LANE, "gus", 150, "the rent of a hall"),
    (MILL_LANE, "gus", HARBOUR, "hana", 60, "a boat painted"),
    (HARBOUR, "hana", ELM_STREET, "bob", 12, "two hours of carpentry"),
)
"""Who pays whom, in the payer's minor units: 90, 60 and 120 minutes."""


@dataclass(slots=True)
class Between:
    """What has happened so far between the circles, and which there are."""

    folder: Path
    narrator: Narrator
    stack: AsyncExitStack
    circles: dict[Founding, Circle]
    coming: list[Circle] = field(default_factory=list)
    invitation: str = ""
    arrived: int = 0
    freed: int = 0
    liars: int = 0

    def crossing(
        self, here: Founding, payer: str, there: Founding, payee: str, cost: int, text: str
    ) -> Crossing:
        return Crossing(self.circles[here], self.circles[there], payer, payee, cost, text)

    async def send(
        self, here: Founding, payer: str, there: Founding, payee: str, cost: int, text: str
    ) -> Sent:
        crossing = self.crossing(here, payer, there, payee, cost, text)
        return await send_across(crossing, await quote_across(crossing))

    async def arrive(self, sent: Sent) -> float:
        """Wait for it, and count it."""
        waited = await arrive(sent)
        self.arrived += 1
        return waited

    def tell(self, sent: Sent) -> None:
        """What was paid, in both units."""
        crossing = sent.crossing
        self.narrator.event(
            f"{crossing.payer.capitalize()} pays {crossing.payee.capitalize()} of"
            f" {crossing.there.title} {crossing.here.amount(crossing.cost)}:"
            f" {crossing.there.amount(sent.arriving)} arrive{'' if sent.arriving > 1 else 's'}."
        )

    async def standings(self) -> dict[str, dict[str, Standing]]:
        """What every circle says of the others, by their addresses. Raises DemoFailed where two
        that trade say different things."""
        lists = await asyncio.gather(*map(standings, self.circles.values()))
        told = dict(zip((each.address for each in self.circles), lists, strict=True))
        for agreement in AGREEMENTS:
            one, other = agreement.one.address, agreement.other.address
            if told[one][other].owed != -told[other][one].owed:
                raise DemoFailed(f"{one} and {other} do not say the same of each other")
        return told


async def begin(between: Between) -> None:
    """Two more circles, agreements in a ring, and a payment over each link of it."""
    narrator = between.narrator
    narrator.chapter("Elm Street has neighbours, and some count otherwise")
    narrator.picture(picture.draw_limits())
    narrator.say()
    narrator.event("Each has a node, keys and books of its own, and believes no other's books.")
    narrator.event("Two of them start...")
    await _introduce(between, await _open(between, MILL_LANE, HARBOUR))
    narrator.chapter("Three circles agree, two and two, and trade")
    narrator.event("Each coordinator sends one line of text; the other looks at the terms...")
    invitations = await asyncio.gather(
        *(invite(agreement, between.circles[agreement.one]) for agreement in RING)
    )
    pairs = zip(RING, invitations, RING_TRADES, strict=True)
    for sent in await asyncio.gather(*(_agree_and_pay(between, *each) for each in pairs)):
        between.tell(sent)


async def _open(between: Between, *foundings: Founding) -> list[Circle]:
    """Found circles and serve them."""
    first = between.circles[ELM_STREET]
    return await asyncio.gather(
        *(raise_circle(between.stack, between.folder, founding, first) for founding in foundings)
    )


async def _introduce(between: Between, opened: list[Circle]) -> None:
    """Each new circle's coordinator joins it."""
    for circle in opened:
        handle, name = COORDINATORS[circle.founding]
        home = between.folder / handle
        await circle.enter_coordinator(between.stack, home, handle, name)
        between.circles[circle.founding] = circle
        between.narrator.event(
            f"{circle.title} counts {circle.founding.counts}; {name} coordinates it."
        )


async def _agree_and_pay(
    between: Between,
    agreement: Agreement,
    invitation: str,
    trade: tuple[Founding, str, Founding, str, int, str],
) -> Sent:
    """Pay as soon as there is a link: what circles tell all others of it, they tell once in ten
    minutes, and soon after they agreed."""
    one, other = between.circles[agreement.one], between.circles[agreement.other]

    async def is_open() -> bool:
        return await one.knows(other) and await other.knows(one)

    async def pay() -> Sent:
        await until(is_open, f"{one.title} and {other.title} agree")
        sent = await between.send(*trade)
        await between.arrive(sent)
        return sent

    _, sent = await asyncio.gather(accept(agreement, other, invitation), pay())
    return sent


async def clear_cycle(between: Between) -> None:
    """Each of the three owes the next: what they all owe goes out of the books.

    Who proposes it knows what the others owe by what both ends of each link said of it, signed.
    While that goes round, the fourth circle's node starts.
    """
    narrator = between.narrator
    narrator.chapter("What they owe goes round, and is cleared")
    ring = {agreement.one for agreement in RING}
    proposer = min((between.circles[each] for each in ring), key=lambda circle: circle.id)
    before = await _settle(between)
    for agreement, owed in zip(RING, before, strict=True):
        narrator.event(f"{picture.tell_standing(agreement, owed)}.")
    narrator.event("Each tells the others so, signed. That takes some seconds...")
    between.coming, between.invitation, _ = await asyncio.gather(
        _open(between, CHAPEL_HILL),
        invite(BRANCH, between.circles[HARBOUR]),
        until(lambda: _has_heard(proposer, len(ring)), "the circles hear of each other"),
    )
    narrator.event(
        f"The nodes do it every night. {proposer.title}'s operator does not wait for that:"
        f" tallyd clear {proposer.founding.domain} --now"
    )
    for line in (await proposer.stage.tallyd("clear", "--now", may_fail=True)).splitlines():
        narrator.quote(line)
    between.freed = sum(map(abs, before)) - sum(map(abs, await _settle(between)))


async def _has_heard(circle: Circle, count: int) -> bool:
    """Whether a node knows what so many circles, itself among them, say of their links."""
    known = (await ask(circle, "/api/v1/circles"))["circles"]
    return sum(bool(each["links"]) for each in known) >= count


async def _settle(between: Between) -> list[int]:
    """What the first of each link of the ring is owed, in minutes, once both say the same."""
    pairs = ((between.circles[each.one], between.circles[each.other]) for each in RING)
    return [await settle(*pair) for pair in pairs]


async def welcome_fourth(between: Between) -> None:
    """Chapel Hill agrees with Harbour alone; others reach it by way of Harbour."""
    narrator = between.narrator
    narrator.chapter("A fourth circle comes, with one neighbour")
    await _introduce(between, between.coming)
    await accept(BRANCH, between.circles[CHAPEL_HILL], between.invitation)
    narrator.event(f"{picture.tell_limits(BRANCH)}.")
    sent = await between.send(MILL_LANE, "gus", CHAPEL_HILL, "ivo", 30, "a lecture")
    await between.arrive(sent)
    narrator.event("Mill Lane has no agreement with it; Harbour passes payments on.")
    between.tell(sent)
