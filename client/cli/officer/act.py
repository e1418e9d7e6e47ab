"""``tally officer act``: a payment from a member's paper slip."""

from __future__ import annotations

from datetime import datetime

import click

from client.cli.acting import proved_fields
from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.parties import find_party
from client.cli.pay import EPOCH
from client.cli.run import Run
from client.cli.words import amount as in_words
from client.cli.words import plain
from client.drafts import Draft
from ledger.orders import Pay


@command("act")
@click.argument("member")
@click.argument("who")
@click.argument("amount")
@click.option("--channel", required=True, help="How it came: paper, telephone, stall.")
@click.option("--slip", required=True, metavar="NUMBER", help="The slip's number, used once.")
@click.option("--for", "text", metavar="TEXT", help="What it is for.")
@click.option("--on", "day", type=DAY, metavar="DAY", help="The day it was about.")
async def act(
    run: Run,
    member: str,
    who: str,
    amount: str,
    channel: str,
    slip: str,
    text: str | None,
    day: datetime | None,
) -> Told:
    """Enter that MEMBER, who has no device, pays WHO an AMOUNT. The same slip is refused twice.

    For other acts of theirs, say --as MEMBER --slip CHANNEL NUMBER with the member's command.
    """
    unit = (await run.member()).circle.unit
    payer, payee = await find_party(run, member), await find_party(run, who)
    minor = read_amount(amount, unit)
    happened_on = () if day is None else ((day.date() - EPOCH).days,)
    draft = Draft(
        Pay(((payee.account, minor),), happened_on), payer.account, text, slip=(channel, slip)
    )
    proved = await run.order(draft)
    told = (
        f"{plain(payer.label)} paid {plain(payee.label)} {in_words(minor, unit)}, from slip"
        f" {plain(slip)}."
    )
    return Told(told, {**proved_fields(proved, payer.account), "payee": payee.account})
