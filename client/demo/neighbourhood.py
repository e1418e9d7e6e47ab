"""Four circles that are each other's neighbours, what each counts in, and what they agree on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from client.address import Invitation
from client.clock import wall_ms
from client.demo.clock import StoryClock
from client.demo.gate import Gate
from client.demo.stage import Stage, raise_curtain
from client.errors import DemoFailed
from client.joining import join
from client.keystore import KeyStore
from client.member import Member, open_member
from ledger.amount import Unit, UnitKind, format_amount
from ledger.paper import INVITATION_BYTES, read_code

LINK_UNIT = Unit("minute", "minutes", UnitKind.MINUTES)
"""What the circles of the demo count in between them."""
PORT = 8471
POLL_SECONDS = 0.03
WAIT_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Founding:
    """How a circle is founded. ``rate``: so many of its smallest units are so many minutes."""

    title: str
    domain: str
    counts: str
    rate: str
    options: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"{self.domain}.example"


ELM_STREET = Founding(
    *("Elm Street", "elm-street", "tokens, one to the hour", "100:60"),
    ("--ceiling", "100"),
)
MILL_LANE = Founding(
    *("Mill Lane", "mill-lane", "hours and minutes", "1:1"),
    ("--minutes", "--unit", "hour", "--scale", "0"),
)
HARBOUR = Founding(
    *("Harbour", "harbour", "tokens, six to the hour", "6:60"),
    ("--scale", "0", "--credit-limit", "120", "--credit-limit-max", "600", "--starter", "30"),
)
CHAPEL_HILL = Founding("Chapel Hill", "chapel-hill", "tokens, one to the hour", "100:60")
FOUNDINGS = (ELM_STREET, MILL_LANE, HARBOUR, CHAPEL_HILL)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What ``one`` offers ``other``: the most that each may come to owe, in minutes."""

    one: Founding
    other: Founding
    one_owes_max: int = 600
    other_owes_max: int = 600


RING = (
    Agreement(ELM_STREET, MILL_LANE),
    Agreement(MILL_LANE, HARBOUR),
    Agreement(HARBOUR, ELM_STREET),
)
BRANCH = Agreement(HARBOUR, CHAPEL_HILL, other_owes_max=120)
AGREEMENTS = (*RING, BRANCH)


@dataclass(slots=True)
class Circle:
    """One of the circles, served, its members by their handles, and the clock they go by."""

    founding: Founding
    stage: Stage
    people: dict[str, Member] = field(default_factory=dict)
    clock: Callable[[], int] = wall_ms

    @property
    def title(self) -> str:
        return self.founding.title

    @property
    def id(self) -> bytes:
        return next(iter(self.people.values())).circle.circle_id

    async def enter(
        self, stack: AsyncExitStack, home: Path, handle: str, name: str, code: bytes
    ) -> None:
        """Somebody joins with an invitation's code; their keys are in ``home``."""
        store = KeyStore(home)
        await join(store, Invitation(self.stage.url, code), handle, name, clock=self.clock)
        opened = open_member(store, clock=self.clock)
        self.people[handle] = await stack.enter_async_context(opened)

    async def enter_coordinator(
        self, stack: AsyncExitStack, home: Path, handle: str, name: str
    ) -> None:
        """The first to join."""
        code = read_code(self.stage.invitation, INVITATION_BYTES)
        await self.enter(stack, home, handle, name, code)

    async def balance(self, handle: str) -> int:
        """What a member has."""
        member = self.people[handle]
        return (await (await member.session()).account(member.membership.accounts[0])).balance

    def amount(self, amount: int) -> str:
        """So many of its minor units, as its members write them."""
        return format_amount(amount, next(iter(self.people.values())).circle.unit)

    async def knows(self, other: Circle) -> bool:
        """Whether there is a link to another circle."""
        peers = await next(iter(self.people.values())).node.peers()
        return any(peer.address == other.founding.address for peer in peers)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a circle says that it stands with another, in minutes: ``owed`` to it, or by it if less
    than nothing. ``is_at_rest`` when nothing is under way and all that was said is acknowledged."""

    owed: int
    is_at_rest: bool
    status: str


async def raise_circle(
    stack: AsyncExitStack, folder: Path, founding: Founding, first: Circle | None = None
) -> Circle:
    """Found a circle and serve it, its books beside those of the ``first``. Raises DemoFailed.

    Four databases would work too, and take a third longer.
    """
    database = None if first is None else first.stage.own_database
    stage = Stage(folder / founding.domain, Gate(), database=database)
    return await _raise(stack, founding, Circle(founding, stage))


async def raise_rehearsal(
    stack: AsyncExitStack, folder: Path, founding: Founding, clock: StoryClock
) -> Circle:
    """The same for the first circle, which goes by a clock of its own."""
    stage = Stage(folder / founding.domain, Gate(), behind=clock.path)
    return await _raise(stack, founding, Circle(founding, stage, clock=clock.read))


async def _raise(stack: AsyncExitStack, founding: Founding, circle: Circle) -> Circle:
    await stack.enter_async_context(
        raise_curtain(
            circle.stage,
            PORT + FOUNDINGS.index(founding),
            f"{founding.title} Circle",
            founding.address,
            *("--schema", founding.domain.replace("-", "_")),
            *founding.options,
        )
    )
    return circle


async def invite(agreement: Agreement, one: Circle) -> str:
    """The string that ``one`` sends the other circle's coordinator."""
    return await one.stage.tallyd(
        "peer invite",
        *("--rate", agreement.one.rate, "--unit", "minutes"),
        *("--they-may-owe", str(agreement.other_owes_max)),
        *("--we-may-owe", str(agreement.one_owes_max)),
    )


async def accept(agreement: Agreement, other: Circle, invitation: str) -> None:
    """The other coordinator agrees."""
    rate = ("--rate", agreement.other.rate)
    await other.stage.tallyd("peer accept", invitation.strip(), "--yes", *rate)


async def ask(circle: Circle, path: str) -> Any:
    """The JSON that a circle's node shows everybody at a path."""
    async with aiohttp.ClientSession() as session, session.get(circle.stage.url + path) as answer:
        return await answer.json()


async def standings(circle: Circle) -> dict[str, Standing]:
    """How a circle stands with its neighbours, by their addresses."""
    return {
        peer["address"]: Standing(
            peer["owed"],
            not peer["incoming"]
            and not peer["outgoing"]
            and peer["acknowledged"] == peer["messages_sent"],
            peer["status"],
        )
        for peer in (await ask(circle, "/api/v1/peers"))["peers"]
    }


async def settle(one: Circle, other: Circle) -> int:
    """Wait until two circles say the same of each other and nothing is under way between them;
    returns what ``one`` is owed, in minutes. Raises DemoFailed."""
    told = []

    async def are_alike() -> bool:
        here, there = await asyncio.gather(standings(one), standings(other))
        its, others = here[other.founding.address], there[one.founding.address]
        told.append(its.owed)
        return its.owed == -others.owed and its.is_at_rest and others.is_at_rest

    await until(are_alike, f"{one.title} and {other.title} say the same of each other")
    return told[-1]


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> float:
    """Wait for something that has to come; returns the seconds it took. Raises DemoFailed."""
    began = time.monotonic()
    while not await condition():
        if time.monotonic() > began + WAIT_SECONDS_MAX:
            raise DemoFailed(f"this did not happen within a minute: {what}")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began
