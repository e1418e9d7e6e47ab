"""``tally pay``."""

from __future__ import annotations

from datetime import date, datetime

import click

from client.address import parse_request_link
from client.cli.acting import Acting, acting_options, find_acting, proved_fields, standing_after
from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.parties import Party, find_party
from client.cli.pay_elsewhere import Asked, is_elsewhere, pay_elsewhere
from client.cli.run import Run
from client.cli.words import amount as in_words
from client.cli.words import capital, listed, person, plain
from client.drafts import Draft
from client.errors import AnswerInvalid, InputRefused
from client.views import RequestView
from ledger import declarations, keys
from ledger.declarations import PaymentRequest
from ledger.errors import TallystickError
from ledger.orders import LEGS_MAX, Pay

EPOCH = date(1970, 1, 1)


@command("pay")
@click.argument("payments", nargs=-1, required=True, metavar="WHO AMOUNT [WHO AMOUNT]...")
@click.option("--for", "text", metavar="TEXT", help="What it is for; both of you will see it.")
@click.option("--on", "day", type=DAY, metavar="DAY", help="The day it was about.")
@click.option("--arrive", metavar="AMOUNT", help="What is to arrive, in the other circle's unit.")
@click.option("--yes", is_flag=True, help="Pay into another circle without being asked.")
@click.option("--wait", type=click.FloatRange(0, 3600), default=10, help="For it, in seconds.")
@acting_options
async def pay(
    run: Run,
    payments: tuple[str, ...],
    text: str | None,
    day: datetime | None,
    arrive: str | None,
    yes: bool,
    wait: float,
    account: int | None,
    on_behalf_of: str | None,
    slip: tuple[str, str] | None,
) -> Told:
    """Pay somebody, or several people at once: all of them, or nobody.

    The link of a payment request can stand in place of WHO and AMOUNT. Somebody in another circle
    is written as ann@circle.example; then AMOUNT is the most that you spend, or --arrive says what
    they are to get.
    """
    if len(payments) <= 2 and await is_elsewhere(run, payments[0]):
        if day is not None:
            raise InputRefused("A payment into another circle says no day: leave out --on.")
        acting = await find_acting(run, "hold", account, on_behalf_of, slip)
        asked = Asked(payments[0], "".join(payments[1:]) or None, arrive, text, yes, wait)
        return await pay_elsewhere(run, acting, _short_name(on_behalf_of), asked)
    if arrive is not None:
        raise InputRefused("--arrive is for somebody in another circle: ann@circle.example.")
    acting = await find_acting(run, "pay", account, on_behalf_of, slip)
    happened_on = () if day is None else ((day.date() - EPOCH).days,)
    if len(payments) == 1 and (request_id := parse_request_link(payments[0])) is not None:
        return await _pay_request(run, acting, request_id, text, happened_on)
    legs = await _read_legs(run, payments)
    if any(party.account == acting.account for party, _ in legs):
        raise InputRefused("Nobody can pay themselves: say somebody else, or another account.")
    act = Pay(tuple((party.account, minor) for party, minor in legs), happened_on)
    return await _pay(run, acting, act, legs, text)


def _short_name(on_behalf_of: str | None) -> str | None:
    """Who pays, as the other circle is told, where that is not oneself."""
    if on_behalf_of is None:
        return None
    handle = on_behalf_of.strip().lower().partition("@")[0]
    return "" if handle.lstrip("#").isdigit() else handle


async def _read_legs(run: Run, payments: tuple[str, ...]) -> list[tuple[Party, int]]:
    if len(payments) % 2:
        raise InputRefused("Write pairs of WHO and AMOUNT, or one link of a payment request.")
    if len(payments) // 2 > LEGS_MAX:
        raise InputRefused(f"At most {LEGS_MAX} people can be paid at once.")
    unit = (await run.member()).circle.unit
    return [
        (await find_party(run, who), read_amount(written, unit))
        for who, written in zip(payments[::2], payments[1::2], strict=True)
    ]


async def _pay_request(
    run: Run, acting: Acting, request_id: bytes, text: str | None, happened_on: tuple[int, ...]
) -> Told:
    member = await run.member()
    view = await (await member.session()).request(request_id)
    asked = check_request(view, request_id, member.circle.circle_id)
    act = Pay(((asked.account, asked.amount),), happened_on, (request_id,))
    payee = Party(asked.account, person(view.handle, view.name, asked.account))
    run.names.accounts[payee.account] = payee.label
    return await _pay(run, acting, act, [(payee, asked.amount)], text or view.text)


def check_request(view: RequestView, request_id: bytes, circle: bytes) -> PaymentRequest:
    """What the payee signed, once it is what the node shows. Raises AnswerInvalid."""
    try:
        asked, signed_id = declarations.open_request(view.wire)
    except TallystickError:
        raise AnswerInvalid("has a payment request that nobody signed") from None
    if (signed_id, asked.circle) != (request_id, circle):
        raise AnswerInvalid("has another payment request than the one asked for")
    if (asked.account, asked.amount, asked.expires) != (view.account, view.amount, view.expires):
        raise AnswerInvalid("shows a payment request otherwise than it was signed")
    if view.text is not None and view.salt is not None:
        commitment = keys.text_commitment(view.salt, view.text.encode())
        if asked.text != (commitment,):
            raise AnswerInvalid("shows a payment request with another text")
    return asked


async def _pay(
    run: Run, acting: Acting, act: Pay, legs: list[tuple[Party, int]], text: str | None
) -> Told:
    unit = (await run.member()).circle.unit
    draft = Draft(act, acting.account, text, acting.slip, acting.mandate)
    proved = await run.order(draft)
    paid = listed(f"{plain(party.label)} {in_words(minor, unit)}" for party, minor in legs)
    left = standing_after(proved, acting.account, unit)
    payments = [{"account": party.account, "amount": minor} for party, minor in legs]
    fields = proved_fields(proved, acting.account)
    return Told(f"{capital(acting.label)} paid {paid}.{left}", {**fields, "payments": payments})
