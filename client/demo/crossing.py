"""Payments of the demo from one circle into another, with the client's own library."""

from __future__ import annotations

from dataclasses import dataclass

from client.cli.pay_elsewhere import tell_payment
from client.demo.neighbourhood import Circle, until
from client.errors import DemoFailed, InputRefused, NodeRefused
from client.member import Member
from client.payments import Prepared, Wanted, follow, prepare, quote, send


@dataclass(frozen=True, slots=True)
class Crossing:
    """Somebody pays somebody in another circle ``cost`` of the payer's minor units."""

    here: Circle
    there: Circle
    payer: str
    payee: str
    cost: int
    text: str

    @property
    def member(self) -> Member:
        return self.here.people[self.payer]

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            account=self.member.membership.accounts[0],
            payer=f"{self.payer}@{self.here.founding.address}",
            handle=self.payee,
            address=self.there.founding.address,
            text=self.text,
            most=self.cost,
            arrive=None,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A payment that is set aside and on its way."""

    crossing: Crossing
    prepared: Prepared

    @property
    def arriving(self) -> int:
        """What is to arrive, in the other circle's minor units."""
        return self.prepared.sent.terms.arrive

    async def state(self) -> str:
        """How it stands at the payer's node: open, committed or released."""
        return (await follow(self.crossing.member, self.prepared.sent.id)).state

    async def words(self) -> str:
        """The same as the payer reads it."""
        member = self.crossing.member
        view = await follow(member, self.prepared.sent.id)
        return (await tell_payment(member, view, with_standing=False)).text

    async def is_over(self) -> bool:
        """Whether it arrived or came back."""
        return await self.state() != "open"


async def quote_across(crossing: Crossing) -> Prepared:
    """What it would come to; the first time as soon as a way there is known. Raises DemoFailed."""
    prepared: list[Prepared] = []

    async def is_quoted() -> bool:
        try:
            shown = await quote(crossing.member, crossing.wanted)
        except InputRefused:  # nothing is known of it yet
            return False
        except NodeRefused as refused:
            if refused.problem != "no-way":
                raise
            return False
        prepared.append(prepare(crossing.wanted, shown))
        return True

    await until(is_quoted, f"{crossing.here.title} knows a way to {crossing.there.title}")
    return prepared[0]


async def send_across(crossing: Crossing, prepared: Prepared) -> Sent:
    """Sign and send what was quoted."""
    await send(crossing.member, prepared, crossing.wanted.intent())
    return Sent(crossing, prepared)


async def arrive(sent: Sent) -> float:
    """Wait until a payment has arrived; returns the seconds it took. Raises DemoFailed."""
    crossing = sent.crossing
    waited = await until(sent.is_over, f"{crossing.payer} pays {crossing.payee}")
    if await sent.state() != "committed":
        raise DemoFailed(f"a payment from {crossing.payer} to {crossing.payee} came back")
    return waited
