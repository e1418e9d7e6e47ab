"""The story: what the people of Elm Street do, each with their own key store."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from client.answers import Declined, Submission
from client.demo.narrator import Narrator
from client.demo.neighbourhood import Circle
from client.drafts import Draft, Signatory
from client.errors import DemoFailed, NodeRefused
from client.member import Member, unix_ms
from client.receipts import Proved, verify_kept
from ledger import keys
from ledger.amount import Unit, format_amount
from ledger.orders import Hold, Invite, Pay, Sell, Settle
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
    ("cora", "bob", 200, "two hours in the garden"),
    ("dev", "cora", 100, "a lift to the clinic"),
    ("femi", "dev", 250, "a shelf put up"),
    ("edith", "femi", 75, "jam, six jars"),
    ("bob", "dev", 125, "a bicycle mended"),
)
WEEK_MS = 7 * 24 * 3600 * 1000


@dataclass(slots=True)
class Story:
    """What has happened so far, and who takes part."""

    circle: Circle
    folder: Path
    narrator: Narrator
    refused: int = 0
    verified: int = 0

    @property
    def people(self) -> dict[str, Member]:
        return self.circle.people

    @property
    def unit(self) -> Unit:
        return self.people["ann"].circle.unit

    def account(self, handle: str) -> int:
        return self.people[handle].membership.accounts[0]

    def amount(self, amount: int) -> str:
        return format_amount(amount, self.unit)


async def play(story: Story, stack: AsyncExitStack) -> None:
    """The whole story. Raises DemoFailed where it does not go as told."""
    await _join_coordinator(story, stack)
    await _join_neighbours(story, stack)
    await _trade(story)
    await _sell(story)
    await _refuse(story)
    await _help(story)
    await _show(story)
    await _verify(story)


async def _enter(story: Story, stack: AsyncExitStack, handle: str, name: str, code: bytes) -> None:
    await story.circle.enter(stack, story.folder / handle, handle, name, code)


async def _join_coordinator(story: Story, stack: AsyncExitStack) -> None:
    story.narrator.chapter("A circle begins")
    await story.circle.enter_coordinator(stack, story.folder / "ann", "ann", "Ann Archer")
    story.narrator.event("Ann joins with the first invitation, and is its coordinator.")


async def _join_neighbours(story: Story, stack: AsyncExitStack) -> None:
    story.narrator.chapter("Neighbours join, each with a key of their own")
    ann = story.people["ann"]
    for handle, name in NEIGHBOURS.items():
        code = os.urandom(INVITATION_BYTES)
        key = keys.public_key(invitation_seed(code))
        invite = Invite(key, -2000, 10_000, 500, "", unix_ms() + WEEK_MS)
        await ann.order(Draft(invite, text=f"{name} from Elm Street"))
        await _enter(story, stack, handle, name, code)
        start, limit = story.amount(500), story.amount(2000)
        story.narrator.event(f"{name} starts with {start} and may go {limit} below nought.")


async def _pay(story: Story, payer: str, payee: str, amount: int, text: str) -> None:
    act = Pay(((story.account(payee), amount),))
    await story.people[payer].order(Draft(act, story.account(payer), text))
    story.narrator.event(
        f"{payer.capitalize()} pays {payee.capitalize()} {story.amount(amount)}: {text}."
    )


async def _trade(story: Story) -> None:
    story.narrator.chapter("They help one another, and keep count")
    for payer, payee, amount, text in TRADES:
        await _pay(story, payer, payee, amount, text)


async def _sell(story: Story) -> None:
    story.narrator.chapter("Edith cannot do as much as she used to, and buys tokens")
    act = Sell(500, "cash book 17")
    draft = Draft(act, story.account("edith"), "five tokens for 45 pounds")
    await story.people["ann"].order(draft)
    story.narrator.event(f"Ann sells her {story.amount(500)} for 45 pounds; both names are on it.")


async def _refuse(story: Story) -> None:
    story.narrator.chapter("Not everything is accepted")
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
    signed, memo = draft.sign(cora.circle.circle_id, thief, 1, unix_ms() + WEEK_MS // 14)
    device = cora.membership.device_key
    forged = signed.wire.replace(keys.public_key(thief.seed), device)
    (answer,) = await cora.node.submit([Submission(forged, memo)])
    return answer


async def _help(story: Story) -> None:
    story.narrator.chapter("Edith asks for help")
    edith, ann = story.people["edith"], story.people["ann"]
    hold = Hold((), 200, unix_ms() + WEEK_MS, (), 1)
    set_aside = await edith.order(Draft(hold, story.account("edith"), "two hours: the hedge"))
    story.narrator.event(f"She sets aside {story.amount(200)}: nobody else can have them now.")
    story.narrator.event("Ann rings round, and names Bob, who lives two doors away.")
    story.narrator.event("Bob cuts the hedge. Edith tells Ann, by telephone, that it is done.")
    settle = Settle(set_aside.index, story.account("bob"), 150)
    await ann.order(Draft(settle, story.account("edith"), "done; it took an hour and a half"))
    story.narrator.event(
        f"Bob is paid {story.amount(150)}; the other {story.amount(50)} are Edith's again."
    )


async def _show(story: Story) -> None:
    balances = {}
    for handle, member in story.people.items():
        account = await (await member.session()).account(story.account(handle))
        balances[handle.capitalize()] = account.balance
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
