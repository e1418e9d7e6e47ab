"""Promises: amounts set aside, and how they end. The protocol calls them holds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

import click

from client.cli.acting import Acting, acting_options, find_acting, proved_fields, standing_after
from client.cli.amounts import NUMBER, read_amount
from client.cli.command import Told, command
from client.cli.days import DAY, end_of_day
from client.cli.parties import Party, find_party, own_account
from client.cli.run import Run
from client.cli.words import DAY_MS, capital, day, listed, person, plain, wrap
from client.clock import unix_ms
from client.drafts import Draft
from client.errors import InputRefused
from client.help import find_helps
from client.help_views import HelpView
from client.views import HoldView
from ledger.amount import Unit, amount_in_words
from ledger.orders import Assign, Claim, Hold, Object, Release, Settle

DAYS = 30
_CLAIM_DAYS = click.option(
    "--claim-days", type=click.IntRange(1, 365), help="They may claim it after so many."
)


@command("set-aside")
@click.argument("amount")
@click.option("--whom", metavar="WHO", help="Whom it is for; may be said later.")
@click.option(
    "--until", type=DAY, metavar="DAY", help="From then on you may free it, whoever it is for."
)
@_CLAIM_DAYS
@click.option(
    "--coordinator", is_flag=True, help="A coordinator may pay it out, assign or free it."
)
@click.option("--for", "text", metavar="TEXT", help="What it is for.")
@acting_options
async def set_aside(
    run: Run,
    amount: str,
    whom: str | None,
    until: datetime | None,
    claim_days: int | None,
    coordinator: bool,
    text: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Set an amount aside for later: it stays yours, and cannot be spent on anything else."""
    acting = await find_acting(run, "hold", account, on_behalf_of, slip)
    unit = (await run.member()).circle.unit
    minor = read_amount(amount, unit)
    party = None if whom is None else await find_party(run, whom)
    if claim_days is not None and party is None:
        raise InputRefused("Say with --whom who may claim it.")
    end = end_of_day(until) if until else (unix_ms() // DAY_MS + DAYS) * DAY_MS
    act = Hold(
        payee=() if party is None else (party.account,),
        amount=minor,
        until=end,
        claim_window=() if claim_days is None else (claim_days * DAY_MS,),
        coordinator=int(coordinator),
    )
    proved = await run.order(Draft(act, acting.account, text, acting.slip, acting.mandate))
    whose = "" if party is None else f" for {plain(party.label)}"
    told = (
        f"{amount_in_words(minor, unit)} set aside{whose} until {day(end - 1)}: promise"
        f" {proved.index}.{standing_after(proved, acting.account, unit)}"
    )
    fields = {**proved_fields(proved, acting.account), "promise": proved.index, "amount": minor}
    return Told(told[0].upper() + told[1:], {**fields, "until": end})


@command("promises")
@click.option("--account", metavar="WHO", help="Whose account; officers may see any.")
async def promises(run: Run, account: str | None) -> Told:
    """What is set aside, by you or for you."""
    number = (
        (await own_account(run)).number
        if account is None
        else (await find_party(run, account)).account
    )
    member = await run.member()
    found = [each async for each in (await member.session()).holds(number)]
    fields = {"account": number, "promises": [_promise_fields(each) for each in found]}
    if not found:
        return Told("Nothing is set aside.", fields)
    unit = member.circle.unit
    own = member.membership.accounts
    helps = await find_helps(await member.session())
    return Told("\n".join(_tell(hold, unit, own, helps.get(hold.index)) for hold in found), fields)


def _promise_fields(hold: HoldView) -> dict[str, object]:
    payment = None if hold.payment is None else hold.payment.hex()
    return {**asdict(hold), "payment": payment}


def _tell(hold: HoldView, unit: Unit, own: Collection[int], view: HelpView | None) -> str:
    payer = "you" if hold.account in own else _payer(hold)
    if hold.payment is not None:
        return wrap(
            f"Promise {hold.index}: {payer} sent {amount_in_words(hold.amount, unit)} on the way"
            " into another circle; see tally payments.",
            "  ",
        )
    whom = ""
    if hold.payee is not None:
        whom = f" for {'you' if hold.payee in own else _payee(hold)}"
    claimed = f"; {amount_in_words(hold.claimed, unit)} is claimed" if hold.claimed else ""
    told = wrap(
        f"Promise {hold.index}: {payer} set {amount_in_words(hold.amount, unit)} aside{whom}, until"
        f" {day(hold.until - 1)}{claimed}.",
        "  ",
    )
    following = _what_next(hold, own) if view is None else (_tell_help(hold, view, own),)
    return "\n  ".join((told, *following))


def _tell_help(hold: HoldView, view: HelpView, own: Collection[int]) -> str:
    """What is promised for help goes to who comes: the commands for help see to that."""
    if hold.account in own:
        how = "tally ask"
    else:
        how = f"tally asked {view.number}" if hold.payee in own else "tally desk"
    return f"It is for help {view.number}, {plain(view.title)}; how that stands: {how}"


def _what_next(hold: HoldView, own: Collection[int]) -> tuple[str, ...]:
    """How to say whom it is for, or to give it back, on a line of its own that can be copied."""
    if hold.payee is None and hold.account in own:
        return (f"It is for nobody yet; say for whom: tally assign {hold.index} WHO",)
    if hold.payee in own:
        return (f"To give it back: tally assign {hold.index} --nobody",)
    return ()


def _payer(hold: HoldView) -> str:
    return person(hold.payer_handle, hold.payer_name, hold.account)


def _payee(hold: HoldView) -> str:
    return person(hold.payee_handle, hold.payee_name, hold.payee)


async def _find(run: Run, number: int, account: int) -> HoldView:
    session = await (await run.member()).session()
    async for hold in session.holds(account):
        if hold.index == number:
            return hold
    raise InputRefused(f"Nothing is set aside under number {number}: see tally promises.")


_PROMISE = click.argument("promise", type=NUMBER)
_REASON = click.option("--reason", metavar="TEXT", help="Why; officers must say.")


async def _resolving(
    run: Run,
    kind: str,
    promise: int,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> tuple[HoldView, Acting]:
    """The promise, and the account by which it is resolved: a side of it, or the payer's for an
    officer whose say was agreed."""
    if on_behalf_of is None and account is None and slip is None:
        me = await (await run.member()).me()
        for view in me.accounts:
            async for hold in (await (await run.member()).session()).holds(view.number):
                if hold.index == promise:
                    return hold, Acting(view.number)
        raise InputRefused(
            f"Nothing of yours is set aside under number {promise}: officers say whose with --as."
        )
    try:
        acting = await find_acting(run, kind, account, on_behalf_of, slip)
    except InputRefused:
        if on_behalf_of is None or "coordinator" not in (await (await run.member()).me()).offices:
            raise
        acting = Acting((await find_party(run, on_behalf_of)).account)
    return await _find(run, promise, acting.account), acting


@command("hand-over")
@_PROMISE
@click.argument("amount", required=False)
@click.option("--whom", metavar="WHO", help="Who is paid, where that was left open.")
@_REASON
@acting_options
async def hand_over(
    run: Run,
    promise: int,
    amount: str | None,
    whom: str | None,
    reason: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Pay out what was set aside: all of it, or AMOUNT, and the rest is free again."""
    hold, acting = await _resolving(run, "settle", promise, account, on_behalf_of, slip)
    unit = (await run.member()).circle.unit
    whole = hold.amount if hold.claimed is None else hold.claimed
    minor = whole if amount is None else read_amount(amount, unit)
    if whom is not None:
        payee = await find_party(run, whom)
    elif hold.payee is not None:
        payee = Party(hold.payee, _payee(hold))
    else:
        raise InputRefused("Say with --whom who is to be paid.")
    act = Settle(promise, payee.account, minor)
    proved = await run.order(Draft(act, acting.account, reason, acting.slip, acting.mandate))
    left = standing_after(proved, acting.account, unit)
    fields = {**proved_fields(proved, acting.account), "promise": promise, "amount": minor}
    own = (await run.member()).membership.accounts
    who = "You were" if payee.account in own else f"{capital(payee.label)} was"
    told = f"{who} paid {amount_in_words(minor, unit)} of promise {promise}.{left}"
    return Told(told, {**fields, "payee": payee.account})


@command("free")
@_PROMISE
@_REASON
@acting_options
async def free(
    run: Run,
    promise: int,
    reason: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """End a promise without paying: what was set aside can be spent again."""
    hold, acting = await _resolving(run, "release", promise, account, on_behalf_of, slip)
    own = hold.account in (await run.member()).membership.accounts
    waits = hold.payee is not None and unix_ms() < hold.until
    if own and acting.account == hold.account and waits:
        raise InputRefused(
            f"You promised it until {day(hold.until - 1)}: until then only {_others(hold)} can"
            " free it."
        )
    draft = Draft(Release(promise), acting.account, reason, acting.slip, acting.mandate)
    proved = await run.order(draft)
    unit = (await run.member()).circle.unit
    left = standing_after(proved, acting.account, unit)
    fields = {**proved_fields(proved, acting.account), "promise": promise}
    return Told(f"Promise {promise} is over, and nothing was paid.{left}", fields)


def _others(hold: HoldView) -> str:
    others = [] if hold.payee is None else [_payee(hold)]
    if hold.coordinator:
        others.append("a coordinator")
    return listed(others) or "nobody"


@command("assign")
@_PROMISE
@click.argument("who", required=False)
@click.option("--nobody", is_flag=True, help="Give it back: it is for nobody then.")
@_CLAIM_DAYS
@_REASON
@acting_options
async def assign(
    run: Run,
    promise: int,
    who: str | None,
    nobody: bool,
    claim_days: int | None,
    reason: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Say that a promise is for WHO from now on, or give back one that is for you."""
    if (who is None) != nobody:
        raise InputRefused(
            f"Say whom promise {promise} is for, or --nobody to give it back: not both."
        )
    if nobody and claim_days is not None:
        raise InputRefused("What is for nobody can be claimed by nobody: leave out --claim-days.")
    hold, acting = await _resolving(run, "assign", promise, account, on_behalf_of, slip)
    party = None if who is None else await find_party(run, who)
    if party is not None:
        helps = await find_helps(await (await run.member()).session())
        if promise in helps:
            number = helps[promise].number
            raise InputRefused(
                f"Promise {promise} is for help {number}, and goes to who comes: tally ask says who"
                f" can, and tally yes {number} that they may; by telephone, tally desk accept"
                f" {number}."
            )
    _check_assignable(hold, acting, party, (await run.member()).membership.accounts)
    act = Assign(
        promise,
        payee=() if party is None else (party.account,),
        claim_window=() if claim_days is None else (claim_days * DAY_MS,),
    )
    proved = await run.order(Draft(act, acting.account, reason, acting.slip, acting.mandate))
    if party is not None:
        told = f"Promise {promise} is for {plain(party.label)} now."
    elif acting.account in (await run.member()).membership.accounts:
        told = f"You gave promise {promise} back; it is for nobody now."
    else:
        told = f"Promise {promise} was given back; it is for nobody now."
    fields = {**proved_fields(proved, acting.account), "promise": promise}
    return Told(told, {**fields, "payee": None if party is None else party.account})


def _check_assignable(
    hold: HoldView, acting: Acting, party: Party | None, own: Collection[int]
) -> None:
    """What the circle would refuse too, in words that say what to do. Raises InputRefused."""
    if party is None and hold.payee is None:
        raise InputRefused(f"Promise {hold.index} is for nobody already.")
    if party is None and acting.account == hold.account and hold.account in own:
        raise InputRefused(
            f"Promise {hold.index} is for {_payee(hold)}: only they can give it back. Ask them."
        )
    if party is not None and hold.payee is not None:
        whose = "you" if hold.payee in own else _payee(hold)
        raise InputRefused(
            f"Promise {hold.index} is for {whose} already; first it has to be given back, with"
            f" tally assign {hold.index} --nobody."
        )


@command("claim")
@_PROMISE
@click.argument("amount", required=False)
@acting_options
async def claim(
    run: Run,
    promise: int,
    amount: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Say that what was promised you is due; unless they object in time, you may hand it over."""
    hold, acting = await _resolving(run, "claim", promise, account, on_behalf_of, slip)
    unit = (await run.member()).circle.unit
    minor = hold.amount if amount is None else read_amount(amount, unit)
    draft = Draft(Claim(promise, minor), acting.account, None, acting.slip, acting.mandate)
    proved = await run.order(draft)
    due = day(proved.leaf.log_time + (hold.claim_window or 0))
    told = (
        f"You claimed {amount_in_words(minor, unit)} of promise {promise}. Unless they object,"
        f" run tally hand-over {promise} from {due} on."
    )
    fields = {**proved_fields(proved, acting.account), "promise": promise, "amount": minor}
    return Told(told, fields)


@command("object")
@_PROMISE
@click.option("--for", "text", metavar="TEXT", help="Why it is not due.")
@acting_options
async def object_to(
    run: Run,
    promise: int,
    text: str | None,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Say that a claim on what you set aside is not due; it stands no longer."""
    _, acting = await _resolving(run, "object", promise, account, on_behalf_of, slip)
    draft = Draft(Object(promise), acting.account, text, acting.slip, acting.mandate)
    proved = await run.order(draft)
    fields = {**proved_fields(proved, acting.account), "promise": promise}
    return Told(f"The claim on promise {promise} stands no longer. Talk to each other.", fields)
