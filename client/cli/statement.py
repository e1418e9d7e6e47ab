"""``tally statement``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime

import click

from client.cli.command import Told, command
from client.cli.days import DAY
from client.cli.parties import find_party, own_account
from client.cli.run import Run
from client.cli.statement_words import HEADINGS, tell_line, tell_row, write_csv
from client.cli.words import width
from client.payment_views import Elsewhere
from client.views import StatementLine

COLUMNS_WIDTH_MIN = 72
"""On a narrower terminal each line is a sentence."""

_MOVEMENTS = ("hold", "release")


@command("statement")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first day, such as 2026-05-01.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last day.")
@click.option("--with", "other", metavar="WHO", help="Only what went between you and them.")
@click.option("--account", metavar="WHO", help="Whose account; officers may see any.")
@click.option("--all", "everything", is_flag=True, help="Also lines that moved nothing.")
@click.option("--csv", "as_csv", is_flag=True, help="For a spreadsheet.")
async def statement(
    run: Run,
    first: datetime | None,
    last: datetime | None,
    other: str | None,
    account: str | None,
    everything: bool,
    as_csv: bool,
) -> Told:
    """Everything on your account, newest first."""
    member = await run.member()
    if account is None:
        number = (await own_account(run)).number
    else:
        number = (await find_party(run, account)).account
    session = await member.session()
    found = session.statement(
        number,
        since=_date(first),
        until=_date(last),
        counterparty=None if other is None else (await find_party(run, other)).account,
    )
    unit = member.circle.unit
    lines = [line async for line in found if everything or line.delta or line.kind in _MOVEMENTS]
    fields: dict[str, object] = {"account": number, "lines": [line_fields(line) for line in lines]}
    if as_csv:
        return Told(write_csv(lines, unit).rstrip("\r\n"), fields)
    if not lines:
        return Told("There is nothing on the account for that time.", fields)
    if width() < COLUMNS_WIDTH_MIN:
        return Told("\n".join(tell_line(line, unit) for line in lines), fields)
    return Told("\n".join([HEADINGS, *(tell_row(line, unit) for line in lines)]), fields)


def _date(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()


def _elsewhere_fields(payment: Elsewhere) -> dict[str, object]:
    return {**asdict(payment), "payment": payment.payment.hex()}


def line_fields(line: StatementLine) -> dict[str, object]:
    """A line for a program: amounts in minor units, times in Unix milliseconds."""
    other = line.counterparty
    return {
        "seq": line.seq,
        "entry": line.entry,
        "log_time": line.log_time,
        "kind": line.kind,
        "authority": line.authority,
        "delta": line.delta,
        "balance": line.balance,
        "held": line.held,
        "counterparty": None
        if other is None
        else {"account": other.account, "handle": other.handle, "name": other.name},
        "text": line.text,
        "happened_on": None if line.happened_on is None else line.happened_on.isoformat(),
        "reference": line.reference,
        "slip": None if line.slip is None else list(line.slip),
        "by": line.by,
        "elsewhere": None if line.elsewhere is None else _elsewhere_fields(line.elsewhere),
    }
