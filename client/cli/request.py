"""``tally request`` and ``tally requests``."""

from __future__ import annotations

import asyncio
import os

import click

from client.address import format_request_link
from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.parties import own_account
from client.cli.run import Run
from client.cli.words import DAY_MS, day, plain, wrap
from client.clock import unix_ms
from client.limits import check_text
from client.member import Member
from client.records import SALT_BYTES, Memo
from client.views import RequestView
from ledger import keys
from ledger.amount import Unit, amount_in_words
from ledger.declarations import PaymentRequest

DAYS = 30


@command("request")
@click.argument("amount", metavar="AMOUNT")
@click.option("--for", "text", metavar="TEXT", help="What it is for.")
@click.option("--days", type=click.IntRange(1, 365), default=DAYS, show_default=True)
@click.option("--account", type=int, help="Into which of your accounts, if you have several.")
async def request(run: Run, amount: str, text: str | None, days: int, account: int | None) -> Told:
    """Ask to be paid: makes a link that you give to whoever is to pay, good once."""
    member = await run.member()
    unit = member.circle.unit
    minor = read_amount(amount, unit)
    number = (await own_account(run, account)).number
    expires = unix_ms() + days * DAY_MS
    view = await make_request(member, number, minor, expires, text)
    link = format_request_link(await member.public_url(), view.id)
    told = (
        "Whoever opens this link, or runs tally pay with it, pays you"
        f" {amount_in_words(minor, unit)} once, until {day(expires)}:\n\n{link}"
    )
    return Told(told, {**request_fields(view), "link": link})


async def make_request(
    member: Member, account: int, minor: int, expires: int, text: str | None = None
) -> RequestView:
    """Sign a payment request with this device and leave it with the node. Raises InputRefused."""
    if text is not None:
        check_text(text)
    memo = None if text is None else Memo(text, os.urandom(SALT_BYTES))
    asked = PaymentRequest(
        circle=member.circle.circle_id,
        account=account,
        person=member.person,
        device=member.membership.device_key,
        amount=minor,
        nonce=await asyncio.to_thread(member.journal.reserve_nonce),
        expires=expires,
        text=() if memo is None else (keys.text_commitment(memo.salt, memo.text.encode()),),
    )
    return await (await member.session()).make_request(member.sign_request(asked), memo)


@command("requests")
@click.option("--account", type=int, help="Of which of your accounts, if you have several.")
async def requests(run: Run, account: int | None) -> Told:
    """What you asked for, and whether it was paid."""
    member = await run.member()
    number = (await own_account(run, account)).number
    found = [each async for each in (await member.session()).requests(number)]
    fields = {"account": number, "requests": [request_fields(each) for each in found]}
    if not found:
        return Told("You have not asked for anything.", fields)
    unit, url, now = member.circle.unit, await member.public_url(), unix_ms()
    return Told("\n".join(_tell(each, unit, url, now) for each in found), fields)


def _tell(view: RequestView, unit: Unit, url: str, now: int) -> str:
    about = f" for {plain(view.text)}" if view.text else ""
    if view.paid_by is not None:
        state = f"paid (no. {view.paid_by})"
    elif view.expires <= now:
        state = f"not paid, and over since {day(view.expires)}"
    else:
        state = f"not paid yet, open until {day(view.expires)}"
    told = wrap(f"{amount_in_words(view.amount, unit)}{about}: {state}.", "  ")
    if view.paid_by is None and view.expires > now:
        told += f"\n  {format_request_link(url, view.id)}"
    return told


def request_fields(view: RequestView) -> dict[str, object]:
    """A payment request for a program."""
    return {
        "id": view.id.hex(),
        "account": view.account,
        "amount": view.amount,
        "expires": view.expires,
        "text": view.text,
        "paid_by": view.paid_by,
    }
