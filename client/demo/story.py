"""How the story begins and ends: the people of Elm Street, each with their own key store."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from client.answers import Declined, Submission
from client.demo.clock import StoryClock
from client.demo.diary import Diary
from client.demo.narrator import Narrator
from client.demo.neighbourhood import Circle
from client.drafts import Draft, Signatory
from client.errors import DemoFailed, NodeRefused
from client.member import Member
from client.node_session import NodeSession
from client.receipts import Proved, verify_kept
from ledger import keys
from ledger.amount import Unit, format_amount
from ledger.orders import Invite, Pay, Sell
from ledger.paper import INVITATION_BYTES, invitation_seed

NEIGHBOURS = {
    "bob": "Bob Baker",
    "cora": "Cora Chen",
    "dev": "Dev Das",
    "edith": "Edith Ellis",
    "femi": "Femi Fasola",
}
TRADES = (
    ("bob", "edith", 150, "an hour and a half at the piano"),
    ("cora", "bob", 200, "a bench for the garden"),
    ("dev", "cora", 100, "a winter coat mended"),
    ("femi", "dev", 250, "a shelf put up"),
    ("edith", "femi", 75, "jam, six jars"),
    ("bob", "dev", 125, "a bicycle mended"),
)
WEEK_MS = 7 * 24 * 3600 * 1000


@dataclass(slots=True)
class Story:
    """What has happened so far in Elm Street, and who takes part; ``landlines`` are the accounts of
    those who have no device, by their names."""

    circle: Circle
    folder: Path
    narrator: Narrator
    clock: StoryClock
    diary: Diary = field(default_factory=Diary)
    landlines: dict[str, int] = field(default_factory=dict)
    day: str = ""
    refused: int = 0
    verified: int = 0
    asked: int = 0
    visits: int = 0
    minutes: int = 0
    silent: int = 0
    moved_up: int = 0

    @property
    def people(self) -> dict[str, Member]:
        return self.circle.people

    @property
    def unit(self) -> Unit:
        return self.people["ann"].circle.unit

    async def session(self, handle: str) -> NodeSession:
        return await self.people[handle].session()

    def account(self, handle: str) -> int:
        return self.people[handle].membership.accounts[0]

    def amount(self, amount: int) -> str:
        return format_amount(amount, self.unit)

    def count_visit(self, minutes: int) -> None:
        """Help took place, and took so long."""
        self.visits += 1
        self.minutes += minutes

    def chapter(self, title: str) -> None:
        """A new part of the story, with its day if that is a new one."""
        before, self.day = self.day, self.clock.today()
        self.narrator.chapter(title if self.day == before else f"{self.day}: {title}")


async def begin(story: Story, stack: AsyncExitStack) -> None:
    """The first morning: everybody joins. Raises DemoFailed where it does not go as told."""
    await _join_coordinator(story, stack)
    await _join_neighbours(story, stack)


async def trade(story: Story) -> None:
    """Six payments, tokens that are sold, and what is refused."""
    for payer, payee, amount, text in TRADES:
        await _pay(story, payer, payee, amount, text)
    await _sell(story)
    await _refuse(story)


async def end(story: Story) -> None:
    """Who has what, and everybody checks it."""
    await _show(story)
    await _verify(story)


async def _enter(story: Story, stack: AsyncExitStack, handle: str, name: str, code: bytes) -> None:
    await story.circle.enter(stack, story.folder / handle, handle, name, code)


async def _join_coordinator(story: Story, stack: AsyncExitStack) -> None:
    story.chapter("A circle begins")
    story.narrator.event(
        "The fortnight is one that is over: the circle's clock is behind the real one, and is moved"
        " on from day to day."
    )
    await story.circle.enter_coordinator(stack, story.folder / "ann", "ann", "Ann Archer")
    story.narrator.event("Ann joins with the first invitation, and is its coordinator.")


async def _join_neighbours(story: Story, stack: AsyncExitStack) -> None:
    story.chapter("Neighbours join, each with a key of their own")
    ann = story.people["ann"]
    for handle, name in NEIGHBOURS.items():
        code = os.urandom(INVITATION_BYTES)
        key = keys.public_key(invitation_seed(code))
        invite = Invite(key, -2000, 10_000, 500, "", story.clock.read() + WEEK_MS)
        await ann.order(Draft(invite, text=f"{name} from Elm Street"))
        await _enter(story, stack, handle, name, code)
    names = ", ".join(list(NEIGHBOURS.values())[:-1])
    start, limit = story.amount(500), story.amount(2000)
    story.narrator.event(
        f"{names} and {NEIGHBOURS['femi']}: each starts with {start} and may go {limit} below"
        " nought."
    )


async def _pay(story: Story, payer: str, payee: str, amount: int, text: str) -> None:
    act = Pay(((story.account(payee), amount),))
    await story.people[payer].order(Draft(act, story.account(payer), text))
    story.narrator.event(
        f"{payer.capitalize()} pays {payee.capitalize()} {story.amount(amount)}: {text}."
    )


async def _sell(story: Story) -> None:
    act = Sell(500, "cash book 17")
    draft = Draft(act, story.account("edith"), "five tokens for 45 pounds")
    await story.people["ann"].order(draft)
    story.narrator.event(
        "Edith cannot do as much as she used to, and buys tokens: Ann sells her"
        f" {story.amount(500)} for 45 pounds; both names are on it."
    )


async def _refuse(story: Story) -> None:
    try:
        act = Pay(((story.account("bob"), 5000),))
        await story.people["dev"].order(Draft(act, story.account("dev"), "everything at once"))
        raise DemoFailed("an overdraft was accepted")
    except NodeRefused as refused:
        if refused.problem != "credit-limit":
            raise
    story.refused += 1
    story.narrator.event(f"Dev tries to pay {story.amount(5000)}: more than he can. Refused.")
    answer = await _forge(story)
    if not isinstance(answer, Declined) or answer.problem.problem != "signature-invalid":
        raise DemoFailed("a forged signature was accepted")
    story.refused += 1
    story.narrator.event("Somebody signs in Cora's name with another key. Refused.")


async def _forge(story: Story) -> object:
    """An order that names Cora's device and is signed by a stranger's key."""
    cora = story.people["cora"]
    act = Pay(((story.account("dev"), 100),))
    thief = Signatory(cora.person, os.urandom(32))
    draft = Draft(act, story.account("cora"), "a gift")
    expires = story.clock.read() + WEEK_MS // 14
    signed, memo = draft.sign(cora.circle.circle_id, thief, 1, expires)
    device = cora.membership.device_key
    forged = signed.wire.replace(keys.public_key(thief.seed), device)
    (answer,) = await cora.node.submit([Submission(forged, memo)])
    return answer


async def _show(story: Story) -> None:
    balances = {}
    for handle, member in story.people.items():
        account = await (await member.session()).account(story.account(handle))
        balances[handle.capitalize()] = account.balance
    for name, number in story.landlines.items():  # a coordinator reads theirs for them
        balances[name] = (await (await story.session("ann")).account(number)).balance
    story.narrator.balances(balances, story.unit)


async def _verify(story: Story) -> None:
    story.narrator.chapter("Everybody checks their half")
    for member in story.people.values():
        for receipt in member.journal.receipts():
            proved = verify_kept(receipt, member.circle)
            assert isinstance(proved, Proved)
            story.verified += 1
        await member.follow(await member.node.checkpoint())
    story.narrator.event(
        f"{story.verified} receipts hold, and the log only ever grew since each was given."
    )
