"""Who stands behind the numbers that orders and refusals have: as far as this device was told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from client.cli.words import SYSTEM_ACCOUNTS, person
from ledger.orders import PAPER_PERSON

if TYPE_CHECKING:
    # Loading it takes longer than a help text may.
    from client.member import Member


@dataclass(frozen=True, slots=True)
class Names:
    """Names by the numbers of accounts and persons; what is unknown stays a number.

    ``with_numbers`` shows both, for whoever signs the numbers.
    """

    accounts: dict[int, str] = field(default_factory=dict)
    persons: dict[int, str] = field(default_factory=dict)
    with_numbers: bool = False

    def account(self, number: int) -> str:
        """Whose account it is: Ben, the treasury, account 104."""
        return self._shown(SYSTEM_ACCOUNTS | self.accounts, "account", number)

    def account_itself(self, number: int) -> str:
        """Ben's account, the treasury, account 104."""
        if number in SYSTEM_ACCOUNTS or number not in self.accounts:
            return self.account(number)
        whose = f"{self.accounts[number]}'s account"
        return f"{whose} ({number})" if self.with_numbers else whose

    def person(self, number: int) -> str:
        """Ben, the paper key, person 104."""
        return self._shown({PAPER_PERSON: "the paper key"} | self.persons, "person", number)

    def _shown(self, names: dict[int, str], what: str, number: int) -> str:
        name = names.get(number)
        if name is None:
            return f"{what} {number}"
        return f"{name} ({what} {number})" if self.with_numbers else name


async def learn_names(member: Member, names: Names) -> None:
    """Ask for the names that this person may see: everybody's as a coordinator.

    Others see their own, the officers', and those of their latest lines.
    """
    me, session = await member.me(), await member.session()
    if "coordinator" in me.offices:
        async for each in session.people():
            names.persons[each.person] = person(each.handle, each.name)
            names.accounts.update(dict.fromkeys(each.accounts, person(each.handle, each.name)))
        return
    for officer in await member.node.officers():
        names.persons[officer.person] = person(officer.handle, None)
    for account in me.accounts:
        for line in (await session.statement_page(account.number)).lines:
            other = line.counterparty
            if other is not None:
                names.accounts[other.account] = person(other.handle, other.name, other.account)
    names.persons[me.person] = person(me.handle, me.name)
    own = (each.number for each in me.accounts)
    names.accounts.update(dict.fromkeys(own, names.persons[me.person]))
