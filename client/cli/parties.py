"""WHO: a short name such as ann, ann@circle.example, or an account number such as 102 or #102."""

from __future__ import annotations

import re
from dataclasses import dataclass

from client.cli.run import Run
from client.cli.words import listed, person
from client.errors import InputRefused
from client.records import PinnedCircle
from client.views import AccountView, Person
from ledger.charter import origin_of
from ledger.orders import COMMUNITY, TREASURY

FUNDS = {"treasury": TREASURY, "community": COMMUNITY}

_ACCOUNT = re.compile(r"#?([0-9]{1,15})")
_HANDLE = re.compile(r"[a-z][a-z0-9-]{1,31}")


@dataclass(frozen=True, slots=True)
class Party:
    """An account and what to call it in a sentence."""

    account: int
    label: str


async def find_party(run: Run, who: str) -> Party:
    """The account meant. Raises InputRefused for nobody, or several."""
    written = who.strip().lower()
    if number := _ACCOUNT.fullmatch(written):
        return Party(int(number[1]), run.names.account(int(number[1])))
    if written in FUNDS:
        return Party(FUNDS[written], run.names.account(FUNDS[written]))
    found = await find_person(run, who)
    label = person(found.handle, found.name)
    if not found.accounts:
        raise InputRefused(f"{label} has no open account.")
    if len(found.accounts) > 1:
        numbers = listed(map(str, found.accounts))
        raise InputRefused(
            f"{label} has several accounts ({numbers}): say which one, by its number."
        )
    run.names.accounts[found.accounts[0]] = label
    return Party(found.accounts[0], label)


async def find_person(run: Run, who: str) -> Person:
    """The person with a short name. Raises InputRefused."""
    handle, at, address = who.strip().lower().partition("@")
    if not _HANDLE.fullmatch(handle):
        raise InputRefused(
            f"{who[:60]!r} is nobody's short name: write one like ann, or an account number."
        )
    member = await run.member()
    if at:
        circle = member.circle
        if circle.origin != origin_of(address, circle.circle_id, _epoch(circle.origin)):
            raise InputRefused(
                f"{address[:60]} is another circle: its people can be paid, one at a time, with"
                " tally pay."
            )
    found = await (await member.session()).find_person(handle)
    if found is None:
        raise InputRefused(f"Nobody here is called {handle}: look at how it is spelt.")
    run.names.persons[found.person] = person(found.handle, found.name)
    return found


def own_address(circle: PinnedCircle) -> str:
    """The address by which others know a circle, as in ann@circle.example."""
    return circle.origin.partition("/")[0]


def _epoch(origin: str) -> int:
    return int(origin.rpartition("/")[2])


async def own_account(run: Run, chosen: int | None = None) -> AccountView:
    """The member's own account: the one chosen, or the only open one. Raises InputRefused."""
    me = await (await run.member()).me()
    accounts = {account.number: account for account in me.accounts}
    if chosen is not None:
        if chosen not in accounts:
            raise InputRefused(f"Account {chosen} is not one of yours.")
        return accounts[chosen]
    usable = [account for account in me.accounts if not account.closed]
    if len(usable) == 1:
        return usable[0]
    if not usable:
        raise InputRefused("You have no open account in this circle.")
    numbers = listed(str(account.number) for account in usable)
    raise InputRefused(f"You have several accounts ({numbers}): say which one with --account.")
