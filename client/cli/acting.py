"""On whose account something is done: one's own, or that of somebody one acts for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from client.cli.parties import find_party, own_account
from client.cli.run import Run
from client.cli.words import person
from client.errors import InputRefused
from client.receipts import Proved
from ledger.amount import Unit, amount_in_words, standing_in_words

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Acting:
    """The account, and the right by which: a mandate's number, or a slip's channel and number.

    ``label`` is whose account it is, where it is not one's own.
    """

    account: int
    label: str = "You"
    slip: tuple[str, str] | None = None
    mandate: int | None = None

    @property
    def is_own(self) -> bool:
        return self.slip is None and self.mandate is None


def acting_options(function: _F) -> _F:
    """``--account``, ``--as`` and ``--slip``."""
    for option in (
        click.option(
            "--slip",
            nargs=2,
            metavar="CHANNEL NUMBER",
            help="For officers: the paper this is entered from, such as: stall 17.",
        ),
        click.option("--as", "on_behalf_of", metavar="WHO", help="Whom you act for."),
        click.option("--account", type=int, help="Which of your accounts, if you have several."),
    ):
        function = option(function)
    return function


async def find_acting(
    run: Run,
    kind: str,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Acting:
    """The account that an order of this kind is for. Raises InputRefused."""
    if on_behalf_of is None:
        if slip is not None:
            raise InputRefused("A slip is somebody's: say whose with --as.")
        return Acting((await own_account(run, account)).number)
    party = await find_party(run, on_behalf_of)
    if slip is not None:
        return Acting(party.account, party.label, slip=slip)
    me = await (await run.member()).me()
    if any(each.number == party.account for each in me.accounts):
        return Acting(party.account)
    for mandate in me.mandates:
        if mandate.account == party.account and not mandate.given and kind in mandate.scope:
            whose = person(mandate.account_handle, mandate.account_name, mandate.account)
            run.names.accounts[party.account] = whose
            return Acting(party.account, whose, mandate=mandate.index)
    raise InputRefused(f"You were not allowed to do this for {party.label}.")


def proved_fields(proved: Proved, account: int) -> dict[str, object]:
    """What a program is told of an order that was done."""
    posting = proved.posting_of(account)
    return {
        "entry": proved.index,
        "kind": proved.leaf.kind,
        "log_time": proved.leaf.log_time,
        "account": account,
        "delta": None if posting is None else posting.delta,
        "balance": None if posting is None else posting.balance,
        "held": None if posting is None else posting.held,
    }


def standing_after(proved: Proved, account: int, unit: Unit) -> str:
    """What is left, as the receipt proves it; nothing for an account that is not one's own."""
    posting = proved.posting_of(account)
    if posting is None:
        return ""
    told = f" {standing_in_words(posting.balance, unit)}."
    if posting.held:
        told += f" Set aside of that: {amount_in_words(posting.held, unit)}."
    return told
