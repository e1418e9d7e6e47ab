"""What is set aside for help: promised to who comes, handed back, freed, paid and collected.

What has been done already is seen from how a request stands, so whatever was interrupted can be
asked for again. By telephone there is no paper: what a coordinator does then for somebody without a
device has a slip whose number is made up here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from client import help as helping
from client.cli.help_words import tell_promising
from client.cli.run import Run
from client.cli.words import day, person, plain
from client.clock import unix_ms
from client.drafts import Draft
from client.errors import AnswerInvalid, InputRefused, NodeRefused
from client.help import SILENCE_MS
from client.help_views import HelpView, Visit
from client.receipts import Proved
from client.views import HoldView
from ledger.orders import Act, Assign, Claim, Hold, Object, Release, Settle, kind_of

BY_TELEPHONE = "phone"


def make_slips(number: int, given: tuple[str, str] | None) -> Iterator[tuple[str, str]]:
    """Slips for what is done for one request: the one given, then the same with .2, .3, ..."""
    if given is None:
        while True:
            yield BY_TELEPHONE, f"{number}-{secrets.token_hex(6)}"
    yield given
    for following in count(2):
        yield given[0], f"{given[1]}.{following}"


@dataclass(frozen=True, slots=True)
class Promises:
    """What is set aside for one request, and the means to order what becomes of it."""

    run: Run
    view: HelpView
    slips: Iterator[tuple[str, str]] = field(repr=False)

    async def _order(self, act: Act, account: int, *, reason: str | None = None) -> Proved:
        text = f"{plain(self.view.title)} (help {self.view.number})"
        draft = await self.entitled(Draft(act, account, text), reason=reason)
        return await (await self.run.member()).order(draft)

    async def entitled(self, draft: Draft, *, reason: str | None = None) -> Draft:
        """By one's own right, a mandate, a slip, or as the coordinator whose say was agreed.

        Raises InputRefused for who has none of these.
        """
        member, account = await self.run.member(), draft.account
        me = await member.me()
        if any(each.number == account for each in me.accounts):
            return draft
        for mandate in me.mandates:
            usable = mandate.account == account and not mandate.given
            if usable and kind_of(draft.act) in mandate.scope:
                return replace(draft, mandate=mandate.index)
        whose = self.run.names.account_itself(account)
        if "coordinator" not in me.offices:
            raise InputRefused(f"You were not allowed to do this with {whose}.")
        if (await (await member.session()).account(account)).deviceless:
            return replace(draft, slip=next(self.slips))
        if reason is None:
            raise InputRefused(f"Only who has {whose} can do this, at a device of their own.")
        return replace(draft, text=f"{draft.text}: {reason}")

    async def set_aside(self) -> HelpView:
        """Set aside what each visit may cost, and open the request; goes on where it was left.

        What somebody comes to is promised to them anew.
        """
        session = await (await self.run.member()).session()
        view = self.view
        for visit in view.visits:
            if not visit.lacks_promise:
                continue
            entry = view.loose[0] if view.loose else await self._hold(visit)
            view = await helping.promise(session, view.number, [entry])
        named = [each for each in view.visits if each.status == "booked" and each.promised]
        unnamed = [each for each in named if each.payee is None and each.neighbour is None]
        await replace(self, view=view).assign(unnamed)
        return view

    async def _hold(self, visit: Visit) -> int:
        act = Hold((), self.view.most, visit.until, (), 1)
        return (await self._order(act, self.view.account)).index

    async def assign(self, visits: list[Visit]) -> None:
        """Promise what is set aside for these visits to their helper, before they are accepted."""
        window = () if self.view.phones else (SILENCE_MS,)
        for visit in visits:
            account = _account_of(visit)
            if visit.payee == account:
                continue
            if not visit.promised:
                raise InputRefused(
                    f"Nothing is set aside any more for request {self.view.number}: say"
                    f" {tell_promising(self.view)} first."
                )
            if visit.payee is not None:
                raise await self._still_for(visit, visit.payee)
            await self._order(Assign(_hold_of(visit), (account,), window), self.view.account)

    async def _still_for(self, visit: Visit, payee: int) -> InputRefused:
        """The promise names somebody who left while it was being made."""
        hold = await self.find_hold(visit)
        whose = "another" if hold is None else person(hold.payee_handle, hold.payee_name, payee)
        return InputRefused(
            f"What is set aside for it is still for {whose}, who cannot come: it comes back when"
            f" they say tally asked, or a coordinator tally desk cancel {self.view.number} WHO for"
            " them."
        )

    async def hand_back(self, visit: Visit, *, reason: str | None = None) -> None:
        """Let it be for nobody again, on the side of whom it is for now."""
        await self._order(Assign(_hold_of(visit), (), ()), _payee_of(visit), reason=reason)

    async def free(self, visit: Visit, *, reason: str | None = None) -> None:
        """End the promise without paying."""
        await self._order(Release(_hold_of(visit)), self.view.account, reason=reason)

    async def free_over(self) -> tuple[int, list[Visit]]:
        """Free what is set aside for what does not come about; how many, and which stay so."""
        freed, kept = 0, []
        for visit in self.view.visits:
            if not _is_off(visit) or not visit.promised:
                continue
            if visit.payee is not None and unix_ms() < visit.until:
                kept.append(visit)
                continue
            try:
                await self.free(visit)
                freed += 1
            except NodeRefused as refused:
                if refused.problem != "hold-locked":
                    raise
                kept.append(visit)
        return freed, kept

    async def free_loose(self) -> int:
        """Free what was set aside for a draft and never named to it."""
        first = next((visit for visit in self.view.visits if visit.lacks_promise), None)
        if first is None or not self.view.loose:
            return 0
        session = await (await self.run.member()).session()
        loose = [
            hold.index
            async for hold in session.holds(self.view.account)
            if hold.index in self.view.loose and hold.until == first.until
        ]
        for index in loose:
            await self._order(Release(index), self.view.account)
        return len(loose)

    async def find_hold(self, visit: Visit) -> HoldView | None:
        """What is set aside for a visit, as the books have it, claims and all."""
        member = await self.run.member()
        session, own = await member.session(), (await member.me()).accounts
        mine = any(each.number == visit.payee for each in own)
        account = _payee_of(visit) if mine else self.view.account
        async for hold in session.holds(account):
            if hold.index == visit.hold:
                return hold
        return None

    async def pay(self, visit: Visit, amount: int, *, reason: str | None = None) -> Proved:
        """Pay so much of what is set aside to the helper; the rest is free again."""
        hold = await self.find_hold(visit)
        if reason is None and hold is not None and (hold.claimed or 0) > amount:
            await self.object(visit)
        act = Settle(_hold_of(visit), _account_of(visit), amount)
        return await self._order(act, self.view.account, reason=reason)

    async def object(self, visit: Visit) -> None:
        """What the helper claimed is not due as they claimed it."""
        await self._order(Object(_hold_of(visit)), self.view.account)

    async def claim(self, visit: Visit, amount: int) -> None:
        """The helper says that so much is due."""
        await self._order(Claim(_hold_of(visit), amount), _payee_of(visit))

    async def collect(self, visit: Visit, amount: int) -> None:
        """The helper is paid by the asker's silence what they claimed."""
        payee = _payee_of(visit)
        await self._order(Settle(_hold_of(visit), payee, amount), payee)


def _hold_of(visit: Visit) -> int:
    """The entry that set tokens aside for it. Raises AnswerInvalid, as the next two."""
    if visit.hold is None:
        raise AnswerInvalid("has a visit for which nothing is set aside")
    return visit.hold


def _account_of(visit: Visit) -> int:
    if visit.account is None:
        raise AnswerInvalid("has a visit of somebody without an account")
    return visit.account


def _payee_of(visit: Visit) -> int:
    if visit.payee is None:
        raise AnswerInvalid("has a visit that is for nobody")
    return visit.payee


def _is_off(visit: Visit) -> bool:
    looked_into = visit.confirmed or unix_ms() >= visit.until
    return visit.status in ("cancelled", "dropped") or (visit.status == "missed" and looked_into)


def tell_freed(count_freed: int, kept: list[Visit]) -> list[str]:
    """What became of what was set aside for something that does not come about."""
    told = []
    if count_freed:
        told.append("What was set aside for it is yours to use again.")
    if kept:
        until = max(visit.until for visit in kept)
        told.append(
            f"{'But some' if count_freed else 'What was set aside'} is promised to who was to come:"
            f" it comes back when they have seen that they need not, or from {day(until)} on."
        )
    return told


def make_promises(run: Run, view: HelpView, slip: tuple[str, str] | None = None) -> Promises:
    """For one request; a slip that a coordinator gives is for the first order that needs one."""
    for visit in view.visits:
        if visit.helper is not None and visit.account is not None:
            label = visit.helper.name or visit.helper.handle
            if label:
                run.names.accounts.setdefault(visit.account, plain(label))
    if view.asker is not None and (view.asker.name or view.asker.handle):
        whose = plain(view.asker.name or view.asker.handle or "")
        run.names.accounts.setdefault(view.account, whose)
    return Promises(run, view, make_slips(view.number, slip))


async def price_at_most(run: Run, view: HelpView, minutes: int) -> tuple[int, int]:
    """What so much time costs, and how much of that is set aside. Raises InputRefused."""
    hour = await helping.read_hour(await (await run.member()).session())
    if hour is None:
        raise InputRefused(
            "Nobody has said yet what an hour of help costs: a coordinator says it once, with tally"
            " desk terms AMOUNT."
        )
    price = helping.price_of(minutes, hour)
    return price, min(price, view.most)
