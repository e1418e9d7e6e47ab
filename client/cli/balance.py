"""``tally balance``."""

from __future__ import annotations

from dataclasses import asdict

import click

from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.statement_words import tell_line
from client.views import AccountView, StatementLine
from ledger.amount import Unit, amount_in_words, standing_in_words

LINES_SHOWN = 3


@command("balance")
@click.option("--account", type=int, help="Only this one of your accounts.")
async def balance(run: Run, account: int | None) -> Told:
    """What you have, how far you can go, and the latest lines."""
    member = await run.member()
    me, session = await member.me(afresh=True), await member.session()
    views = [each for each in me.accounts if account in (None, each.number)]
    told, fields = [], []
    for view in views:
        page = await session.statement_page(view.number, limit=50)
        latest = [line for line in page.lines if line.delta or line.kind in ("hold", "release")]
        told.append(_tell(view, latest[:LINES_SHOWN], member.circle.unit, len(views) > 1))
        fields.append(asdict(view))
    run.notices += [notice.text for notice in me.notices]
    return Told("\n\n".join(told), {"circle": member.circle.name, "accounts": fields})


def _tell(view: AccountView, lines: list[StatementLine], unit: Unit, several: bool) -> str:
    heading = f"Account {view.number}: " if several else ""
    told = [f"{heading}{standing_in_words(view.balance, unit)}."]
    if view.closed:
        return f"{heading}closed." if several else "Your account is closed."
    if view.held:
        told.append(f"Set aside of that: {amount_in_words(view.held, unit)}.")
    if view.available > view.floor:
        left = amount_in_words(view.available - view.floor, unit)
        told.append(f"You can spend {left} before you reach your limit.")
    else:
        told.append("You are at your limit: give some help before you spend again.")
    told.append(f"You can go up to {amount_in_words(view.ceiling, unit)}.")
    if lines:
        told += ["", "Latest:", *(tell_line(line, unit) for line in lines)]
    return "\n".join(told)
