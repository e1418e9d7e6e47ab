"""``tally find``: the directory of the circle."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import click

from client import directory
from client.cli.categories import find_category
from client.cli.command import Told, command
from client.cli.everything import write_new
from client.cli.listing_words import tell_listing
from client.cli.run import Run
from client.cli.words import plain
from client.directory import listing_fields
from client.errors import InputRefused

PAGE = 20
FOUND_MAX = 2_000
"""Listings that are shown with --all."""
NEAR_MAX = 100_000
_DISTANCE = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]))? ?(m|metres?|km|mi|miles?)?")
_METRES = {"k": 1000, "mi": 1609}
_FILE = click.Path(path_type=Path, dir_okay=False)


@command("find")
@click.argument("words", nargs=-1)
@click.option("--category", metavar="NAME", help="Such as garden.")
@click.option("--near", metavar="DISTANCE", help="Such as 800 m, 2 km or 1 mile; nearest first.")
@click.option("--wanted", "kind", flag_value="want", help="Only what others want.")
@click.option("--offered", "kind", flag_value="offer", help="Only what others offer.")
@click.option("--all", "everything", is_flag=True, help="More than the first 20.")
@click.option("--print", "paper", type=_FILE, help="Save a page in large type, for printing.")
@click.option("--csv", "sheet", type=_FILE, help="Save a table, for a spreadsheet.")
async def find(
    run: Run,
    words: tuple[str, ...],
    category: str | None,
    near: str | None,
    kind: str | None,
    everything: bool,
    paper: Path | None,
    sheet: Path | None,
) -> Told:
    """Look for what others offer and want.

    Words are found however they end, also with a slip in the spelling. Without WORDS, the newest.
    """
    session = await (await run.member()).session()
    wanted: dict[str, str] = {}
    if category is not None:
        wanted["category"] = (await find_category(session, category)).category
    if kind is not None:
        wanted["kind"] = kind
    if paper is not None:
        if words or near is not None or sheet is not None:
            raise InputRefused("--print goes with --category, --wanted and --offered only.")
        return await _save(paper, await directory.printed(session, wanted))
    if words:
        wanted["words"] = " ".join(words)
    if near is not None:
        wanted["near"] = str(read_distance(near))
    if sheet is not None:
        return await _save(sheet, await directory.as_csv(session, wanted))
    return await _show(run, wanted, FOUND_MAX if everything else PAGE)


async def _show(run: Run, wanted: dict[str, str], most: int) -> Told:
    session = await (await run.member()).session()
    found = await directory.find(session, wanted, most)
    assert run.unit is not None, "a member's circle has a unit"
    told = [tell_listing(each, run.unit) for each in found.listings]
    if found.words is not None:
        asked, meant = plain(wanted["words"]), plain(found.words)
        told.insert(0, f"Nothing was found for {asked}; this is for {meant}.")
    if not found.listings:
        told.append("Nothing was found. Fewer words find more; tally find alone shows the newest.")
    elif found.more:
        told.append("There is more: add --all, or more words.")
    fields: dict[str, object] = {
        "listings": [listing_fields(each) for each in found.listings],
        "words": found.words,
        "more": found.more,
    }
    return Told("\n".join(told), fields)


async def _save(path: Path, data: bytes) -> Told:
    try:
        await asyncio.to_thread(write_new, path, data)
    except OSError as error:
        raise InputRefused(f"{path} cannot be written ({error.strerror}).") from None
    told = f"The directory is in {path} now."
    return Told(told, {"saved": str(path), "bytes": len(data)})


def read_distance(written: str) -> int:
    """Metres, a hundred at least. Raises InputRefused."""
    found = _DISTANCE.fullmatch(written.strip().lower())
    if found is None:
        raise InputRefused(
            f"{written[:40]!r} is no distance: write one like 800 m, 2 km or 1 mile."
        )
    unit = next((size for name, size in _METRES.items() if (found[3] or "").startswith(name)), 1)
    metres = (int(found[1]) * 10 + int(found[2] or 0)) * unit // 10
    if not 100 <= metres <= NEAR_MAX:
        raise InputRefused("A distance is from 100 m to 100 km.")
    return metres
