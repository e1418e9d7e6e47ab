"""Help that somebody in the demo asks for and is given, with the client's own library.

What is told to the node moves nothing; beside it go the orders that set tokens aside, promise them
to who comes, and pay them. For who has no device a coordinator does both, with a slip's number.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from client import help as helping
from client.demo.neighbourhood import Circle, until
from client.drafts import Draft
from client.errors import DemoFailed
from client.help import SILENCE_MS
from client.help_views import HelpView, Visit
from client.member import Member
from client.node_session import NodeSession
from ledger.orders import Act, Assign, Claim, Hold, Release, Settle

HOUR = 100
"""What an hour of help costs, in minor units: a token."""
CALL = "phone"
"""How a coordinator was told what somebody without a device wants."""


@dataclass(frozen=True, slots=True)
class Favour:
    """A request for help. ``asker`` is the handle of who acts for it at a device."""

    circle: Circle
    asker: str
    number: int

    def _member(self, handle: str) -> Member:
        return self.circle.people[handle]

    async def _session(self, handle: str) -> NodeSession:
        return await self._member(handle).session()

    async def seen_by(self, handle: str) -> HelpView:
        """The request as somebody sees it."""
        return await helping.read_help(await self._session(handle), self.number)

    async def visit(self, week: int = 0) -> Visit:
        """That week's visit, as who asked sees it."""
        seen = await self.seen_by(self.asker)
        return next(visit for visit in seen.visits if visit.week == week)

    async def until_asked(self, *helpers: str) -> None:
        """Wait until the node has asked them by itself. Raises DemoFailed."""

        async def are_asked() -> bool:
            return all([await self._is_asked(helper) for helper in helpers])

        await until(are_asked, f"{' and '.join(helpers)} are asked to help")

    async def _is_asked(self, helper: str) -> bool:
        asked = await helping.list_help(await self._session(helper), asked=True)
        return any(
            view.number == self.number
            and view.status == "open"
            and view.own is not None
            and view.own.answer is None
            for view in asked
        )

    async def say_yes(self, helper: str) -> None:
        """Whoever was asked can come."""
        await helping.answer_yes(await self._session(helper), self.number)

    async def agree(self, helper: str) -> HelpView:
        """Promise what is set aside to who said yes, and take them; what they see from then on."""
        seen = await self.seen_by(self.asker)
        window = () if seen.phones else (SILENCE_MS,)
        for visit in seen.visits:
            if visit.status == "held" and visit.hold is not None and visit.account is not None:
                await self._order(seen, Assign(visit.hold, (visit.account,), window))
        await helping.accept(
            await self._session(self.asker), self.number, self._member(helper).person
        )
        return await self.seen_by(helper)

    async def leave(self, helper: str, visit: Visit) -> None:
        """The helper cannot come: what was theirs is there for the next."""
        member = self._member(helper)
        act = Assign(_hold_of(visit), (), ())
        await member.order(Draft(act, member.membership.accounts[0], "cannot come"))
        await helping.leave(await member.session(), visit.number, rest=False)

    async def finish(self, helper: str, visit: Visit, minutes: int) -> None:
        """The helper says that it is done."""
        await helping.finish(await self._session(helper), visit.number, minutes)

    async def pay(self, visit: Visit, minutes: int) -> int:
        """Who asked says that it is right; the helper is paid what is returned."""
        seen, amount = await self.seen_by(self.asker), helping.price_of(minutes, HOUR)
        if visit.account is None:
            raise DemoFailed("nobody is there to be paid")
        await self._order(seen, Settle(_hold_of(visit), visit.account, amount))
        return amount

    async def claim(self, helper: str, visit: Visit, minutes: int) -> None:
        """The helper asks for what is due."""
        member, amount = self._member(helper), helping.price_of(minutes, HOUR)
        draft = Draft(Claim(_hold_of(visit), amount), member.membership.accounts[0], "it is done")
        await member.order(draft)

    async def collect(self, helper: str, visit: Visit, minutes: int) -> int:
        """The helper is paid by silence what is returned."""
        member, amount = self._member(helper), helping.price_of(minutes, HOUR)
        account = member.membership.accounts[0]
        await member.order(Draft(Settle(_hold_of(visit), account, amount), account, "in silence"))
        return amount

    async def free(self, coordinator: str, visit: Visit, reason: str) -> None:
        """A coordinator frees what was set aside for what did not take place."""
        seen = await self.seen_by(self.asker)
        draft = Draft(Release(_hold_of(visit)), seen.account, reason)
        await self._member(coordinator).order(draft)

    async def set_aside(self) -> HelpView:
        """Set aside what each visit may cost at most: from then on helpers are asked."""
        seen = await self.seen_by(self.asker)
        holds = [
            await self._order(seen, Hold((), seen.most, visit.until, (), 1))
            for visit in seen.visits
        ]
        return await helping.promise(await self._session(self.asker), self.number, holds)

    async def _order(self, seen: HelpView, act: Act) -> int:
        """On the asker's account; returns the entry's number."""
        slip = (CALL, f"{self.number}-{secrets.token_hex(6)}") if seen.phones else None
        draft = Draft(act, seen.account, f"{seen.title} (help {self.number})", slip=slip)
        return (await self._member(self.asker).order(draft)).index


async def ask_for_help(circle: Circle, asker: str, item: Mapping[str, object]) -> Favour:
    """Ask, and set aside what it may cost."""
    drafted = await helping.draft_help(await circle.people[asker].session(), item)
    favour = Favour(circle, asker, drafted.number)
    await favour.set_aside()
    return favour


def _hold_of(visit: Visit) -> int:
    if visit.hold is None:
        raise DemoFailed("nothing is set aside for a visit")
    return visit.hold
