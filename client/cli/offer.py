"""``tally offer`` and ``tally want``; ``tally offers`` looks after both."""

from __future__ import annotations

from typing import Any

import click

from client import directory
from client.cli.amounts import NUMBER, read_amount
from client.cli.categories import find_category
from client.cli.command import Told, command
from client.cli.help_offers import show_offers
from client.cli.listing_words import price_in_words, tell_own
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import day, plain, wrap
from client.clock import unix_ms
from client.directory import ListingView, listing_fields
from client.errors import InputRefused

DAYS = click.IntRange(1, 366)
_MEMBER = click.option(
    "--member", metavar="WHO", help="For a member without a device, as a coordinator."
)


def _listing_options(act: Any) -> Any:
    """What both commands take."""
    for option in (
        click.option("--text", default="", metavar="TEXT", help="More about it."),
        click.option("--category", metavar="NAME", default="other", help="Such as garden."),
        click.option("--price", metavar="AMOUNT", help="What it costs, such as 1.5."),
        click.option("--free", is_flag=True, help="It costs nothing."),
        click.option("--cash", default="", metavar="TEXT", help="A part in cash: £5 for paint."),
        click.option("--days", type=DAYS, default=90, show_default=True, help="How long."),
        _MEMBER,
    ):
        act = option(act)
    return act


@command("offer")
@click.argument("title", metavar="WHAT")
@click.option("--give", "form", flag_value="gift", help="A thing, to give away.")
@click.option("--lend", "form", flag_value="loan", help="A thing, to lend.")
@click.option("--sell", "form", flag_value="sale", help="A thing, to sell.")
@_listing_options
async def offer(run: Run, title: str, form: str | None, **given: Any) -> Told:
    """Offer help, or a thing to give, lend or sell.

    Without --price or --free, what it costs is to be agreed.
    """
    return await _make(run, "offer", title, form, **given)


@command("want")
@click.argument("title", metavar="WHAT")
@click.option("--have", "form", flag_value="gift", help="A thing, to have.")
@click.option("--borrow", "form", flag_value="loan", help="A thing, to borrow.")
@click.option("--buy", "form", flag_value="sale", help="A thing, to buy.")
@_listing_options
async def want(run: Run, title: str, form: str | None, **given: Any) -> Told:
    """Say what help you want, or what thing to have, borrow or buy."""
    return await _make(run, "want", title, form, **given)


async def _make(
    run: Run,
    kind: str,
    title: str,
    form: str | None,
    *,
    text: str,
    category: str,
    price: str | None,
    free: bool,
    cash: str,
    days: int,
    member: str | None,
) -> Told:
    if price is not None and free:
        raise InputRefused("It is free, or it has a price: leave out --free or --price.")
    acting = await run.member()
    session, unit = await acting.session(), acting.circle.unit
    minor = 0 if free else None if price is None else read_amount(price, unit)
    found = await find_category(session, category)
    item: dict[str, object] = {
        "kind": kind,
        "form": form or "service",
        "category": found.category,
        "title": title,
        "text": text,
        "price": minor,
        "cash": cash,
        "days": days,
    }
    if member is not None:
        item["person"] = (await find_person(run, member)).person
    made = await directory.make_listing(session, item)
    said = (
        f"{plain(made.title)} is in the directory under {plain(found.name)}"
        f" ({price_in_words(made, unit)}), until {day(made.expires)}. Its number is {made.id}."
    )
    return Told(wrap(said), {"listing": listing_fields(made)})


@command("offers")
@click.argument("request", required=False, type=NUMBER, metavar="[N]")
@click.option("--renew", type=NUMBER, metavar="NUMBER", help="Keep it as long again.")
@click.option("--end", type=NUMBER, metavar="NUMBER", help="Take it out of the directory.")
@_MEMBER
async def offers(
    run: Run, request: int | None, renew: int | None, end: int | None, member: str | None
) -> Told:
    """What you offer and want; --renew keeps one, --end takes one away.

    With the number of your request for help: who said yes to it, and what speaks for each.
    """
    acting = await run.member()
    session = await acting.session()
    if request is not None:
        if renew is not None or end is not None or member is not None:
            raise InputRefused("The number of a request for help goes without anything else.")
        return await show_offers(run, request)
    if renew is not None and end is not None:
        raise InputRefused("One thing at a time: --renew or --end.")
    if renew is not None:
        kept = await directory.renew_listing(session, renew)
        said = f"{plain(kept.title)} stays in the directory until {day(kept.expires)}."
        return Told(wrap(said), {"listing": listing_fields(kept)})
    if end is not None:
        await directory.end_listing(session, end)
        return Told(f"Number {end} is no longer in the directory.", {"ended": end})
    person = acting.person if member is None else (await find_person(run, member)).person
    found = await directory.own_listings(session, person)
    return Told(_tell(found, run), {"listings": [listing_fields(each) for each in found]})


def _tell(found: tuple[ListingView, ...], run: Run) -> str:
    assert run.unit is not None, "a member's circle has a unit"
    if not found:
        return "Nothing is offered or wanted yet. To begin: tally offer, or tally want."
    now = unix_ms()
    return "\n".join(tell_own(each, run.unit, now) for each in found)
