"""``tally officer levy`` and ``pay-out``: one of the circle's own accounts and many members'."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from client.cli.amounts import read_amount
from client.cli.command import Told, command
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import FUNDS, Party, find_party
from client.cli.run import Run
from client.cli.words import amount as in_words
from client.cli.words import listed, person, plain
from client.drafts import Draft
from client.errors import InputRefused
from ledger.amount import Unit
from ledger.errors import TallystickError
from ledger.orders import LEGS_MAX, Levy, Payout

FILE_BYTES_MAX = 1_000_000

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FUND = click.option(
    "--fund",
    type=click.Choice(list(FUNDS)),
    default="community",
    show_default=True,
    help="Which of the circle's own accounts.",
)
_WHOM = click.argument("whom", nargs=-1, metavar="[AMOUNT WHO...]")
_EVERYONE = click.option("--everyone", is_flag=True, help="AMOUNT for each open account.")
_CSV = click.option("--csv", "file", type=_FILE, help="A file with lines of WHO,AMOUNT.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be done.")


@dataclass(frozen=True, slots=True)
class Leg:
    """An account and its amount in minor units."""

    party: Party
    amount: int


@command("levy")
@_WHOM
@_FUND
@_EVERYONE
@_CSV
@click.option("--skip-low", is_flag=True, help="Leave out who cannot go down that far.")
@_DRY_RUN
@signing_options
async def levy(
    run: Run,
    whom: tuple[str, ...],
    fund: str,
    everyone: bool,
    file: Path | None,
    skip_low: bool,
    dry_run: bool,
    signing: Signing,
) -> Told:
    """Collect a circle fee: an AMOUNT from each WHO, from everyone, or as a file has it.

    All pay, or nobody does.
    """
    legs = await _read_legs(run, whom, everyone, file)
    skipped: list[Leg] = []
    if skip_low:
        legs, skipped = await _split_low(run, legs)
    unit = (await run.member()).circle.unit
    total = sum(leg.amount for leg in legs)
    told = f"A circle fee of {in_words(total, unit)} in all, from {_count(legs)}."
    if skipped:
        left_out = listed(plain(leg.party.label) for leg in skipped)
        told += f" Left out, as they cannot go down that far: {left_out}."
    fields = _fields(legs) | {"skipped": [leg.party.account for leg in skipped]}
    if dry_run:
        return Told(f"This would be done: {told}", {**fields, "dry_run": True})
    act = Levy(tuple((leg.party.account, leg.amount) for leg in _some(legs)))
    return await have_done(run, Draft(act, FUNDS[fund]), signing, told, fields)


@command("pay-out")
@_WHOM
@_FUND
@_EVERYONE
@_CSV
@_DRY_RUN
@signing_options
async def pay_out(
    run: Run,
    whom: tuple[str, ...],
    fund: str,
    everyone: bool,
    file: Path | None,
    dry_run: bool,
    signing: Signing,
) -> Told:
    """Pay an AMOUNT to each WHO, to everyone, or as a file has it. All are paid, or nobody."""
    legs = await _read_legs(run, whom, everyone, file)
    unit = (await run.member()).circle.unit
    total = sum(leg.amount for leg in legs)
    told = f"{in_words(total, unit)} in all are paid, to {_count(legs)}."
    if dry_run:
        return Told(f"This would be done: {told}", {**_fields(legs), "dry_run": True})
    act = Payout(tuple((leg.party.account, leg.amount) for leg in _some(legs)))
    return await have_done(run, Draft(act, FUNDS[fund]), signing, told, _fields(legs))


def _some(legs: Sequence[Leg]) -> Sequence[Leg]:
    if not legs:
        raise InputRefused("Nobody is left to do that for.")
    if len(legs) > LEGS_MAX:
        raise InputRefused(f"At most {LEGS_MAX} at once: divide them, {len(legs)} are too many.")
    return legs


def _count(legs: Sequence[Leg]) -> str:
    return f"{len(legs)} account{'' if len(legs) == 1 else 's'}"


def _fields(legs: Sequence[Leg]) -> dict[str, object]:
    return {
        "legs": [{"account": leg.party.account, "amount": leg.amount} for leg in legs],
        "total": sum(leg.amount for leg in legs),
    }


async def _read_legs(
    run: Run, whom: tuple[str, ...], everyone: bool, file: Path | None
) -> list[Leg]:
    unit = (await run.member()).circle.unit
    if file is not None:
        if whom or everyone:
            raise InputRefused("With --csv, everything stands in the file.")
        return [await _leg(run, unit, *row) for row in _read_csv(file)]
    if everyone and len(whom) == 1:
        return await _everyone(run, read_amount(whom[0], unit))
    if everyone or len(whom) < 2:
        raise InputRefused("Write AMOUNT WHO..., or AMOUNT --everyone, or --csv FILE.")
    return [await _leg(run, unit, who, whom[0]) for who in whom[1:]]


async def _leg(run: Run, unit: Unit, who: str, amount: str, line: int = 0) -> Leg:
    try:
        return Leg(await find_party(run, who), read_amount(amount, unit))
    except TallystickError as error:
        if line:
            raise InputRefused(f"In line {line} of the file: {error}") from None
        raise


async def _everyone(run: Run, amount: int) -> list[Leg]:
    session = await (await run.member()).session()
    parties = {
        account: Party(account, person(each.handle, each.name, account))
        async for each in session.people()
        for account in each.accounts
    }
    run.names.accounts.update({number: party.label for number, party in parties.items()})
    return [Leg(parties[account], amount) for account in sorted(parties)]


def _read_csv(path: Path) -> Iterator[tuple[str, str, int]]:
    """Lines of WHO and AMOUNT with their numbers; a heading and empty lines are passed over."""
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputRefused(f"{path} cannot be read as text in UTF-8.") from None
    if len(text) > FILE_BYTES_MAX:
        raise InputRefused(f"{path} is longer than {FILE_BYTES_MAX} bytes.")
    for number, row in enumerate(csv.reader(text.splitlines()), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[0].lower() in ("who", "account", "handle")):
            continue
        if len(cells) != 2:
            raise InputRefused(f"Line {number} of {path} is not WHO,AMOUNT.")
        yield cells[0], cells[1], number


async def _split_low(run: Run, legs: Sequence[Leg]) -> tuple[list[Leg], list[Leg]]:
    """Those who can pay, and those who would go below their limit."""
    session = await (await run.member()).session()
    able: list[Leg] = []
    low: list[Leg] = []
    for leg in legs:
        view = await session.account(leg.party.account)
        can_pay = not view.closed and view.available - leg.amount >= view.floor
        (able if can_pay else low).append(leg)
    return able, low
