"""``tally officer amend``: the circle's rules."""

from __future__ import annotations

from collections.abc import Callable

import click

from client.cli.amounts import read_limit
from client.cli.command import Told, command
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.run import Run
from client.cli.words import DAY_MS, amount, span
from client.drafts import Draft
from client.errors import InputRefused
from ledger.amount import Unit
from ledger.charter import Rules, encode_rules
from ledger.orders import Amend


def _floor(text: str, unit: Unit) -> int:
    return -read_limit(text, unit)


def _count(text: str, unit: Unit) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 4:
        raise InputRefused(f"{text[:40]!r} is no whole number.")
    return int(text)


def _days(text: str, unit: Unit) -> int:
    return _count(text, unit) * DAY_MS


def _name(text: str, unit: Unit) -> bytes:
    return " ".join(text.split()).encode()


SETTINGS: dict[str, tuple[str, Callable[[str, Unit], int | bytes]]] = {
    "name": ("name", _name),
    "unit": ("unit_name", _name),
    "units": ("unit_plural", _name),
    "committee": ("threshold", _count),
    "credit-limit": ("floor", _floor),
    "ceiling": ("ceiling", read_limit),
    "starter": ("starter", read_limit),
    "credit-limit-max": ("credit_limit_max", read_limit),
    "credit-total-max": ("credit_total_max", read_limit),
    "treasury-limit": ("treasury_floor", _floor),
    "community-limit": ("community_floor", _floor),
    "assisted-cap": ("assisted_cap", read_limit),
    "device-cap": ("device_cap", read_limit),
    "device-wait-days": ("device_wait", _days),
}
"""What may be amended, under the names that tallyd init has for it: the field, and its reader."""


@command("amend")
@click.argument("changes", nargs=-1, required=True, metavar="SETTING VALUE [SETTING VALUE]...")
@signing_options
async def amend(run: Run, changes: tuple[str, ...], signing: Signing) -> Told:
    """Change the circle's rules, as many of the committee signing as the rules say.

    SETTING is name, unit, units, committee, credit-limit, ceiling, starter, credit-limit-max,
    credit-total-max, treasury-limit, community-limit, assisted-cap, device-cap or device-wait-days.
    """
    member = await run.member()
    unit = member.circle.unit
    before = (await member.circle_info()).rules
    after = Rules._make({**before._asdict(), **_read(changes, unit)}.values())
    if after == before:
        raise InputRefused("The rules are so already.")
    told = "\n".join(
        f"{setting}: {_tell(before, field, unit)}, from now on {_tell(after, field, unit)}."
        for setting, (field, _) in SETTINGS.items()
        if getattr(before, field) != getattr(after, field)
    )
    return await have_done(run, Draft(Amend(encode_rules(after))), signing, told)


def _read(changes: tuple[str, ...], unit: Unit) -> dict[str, int | bytes]:
    if len(changes) % 2:
        raise InputRefused("Write pairs of a SETTING and its new VALUE.")
    read: dict[str, int | bytes] = {}
    for setting, value in zip(changes[::2], changes[1::2], strict=True):
        if setting not in SETTINGS:
            raise InputRefused(f"{setting[:40]!r} is no setting: {', '.join(SETTINGS)} are.")
        field, reader = SETTINGS[setting]
        read[field] = reader(value, unit)
    return read


def _tell(rules: Rules, field: str, unit: Unit) -> str:
    value = getattr(rules, field)
    if isinstance(value, bytes):
        return value.decode()
    if field == "threshold":
        return f"{value} sign"
    return span(value) if field == "device_wait" else amount(value, unit)
