"""The commands that look after a circle: check, export, erase. A node may be serving meanwhile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from ledger import keys
from node.check import CheckResult, Progress, check_log
from node.config import read_config
from node.database import reading
from node.erase import erase as erase_person
from node.erase import find_erasable
from node.keyring import read_keyring
from node.running import DIRECTORY, run
from node.telling import confirm, tell

if TYPE_CHECKING:
    from node.export import Progress as Exported


@click.command()
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(directory: Path, as_json: bool) -> None:
    """Replay the log with a second model, and compare all tables.

    A node may be serving meanwhile. Ends with status 1 when anything is wrong.
    """

    async def job() -> None:
        config = read_config(directory)
        log_key = keys.public_key(read_keyring(config.keys).log)
        async with reading(config) as connection:
            result = await check_log(connection, log_key=log_key, progress=_show_progress)
        if sys.stderr.isatty():
            click.echo("", err=True)
        if as_json:
            click.echo(json.dumps(describe_check(result)))
        else:
            _tell_check(result)
        if result.problems:
            raise click.exceptions.Exit(1)

    run(job)


def _show_progress(progress: Progress) -> None:
    if sys.stderr.isatty():
        click.echo(
            f"\r{progress.done:,} of {progress.total:,} entries, {progress.rate:,.0f} a second   ",
            nl=False,
            err=True,
        )


def describe_check(result: CheckResult) -> dict[str, Any]:
    """What a check came to, as one JSON object."""
    return {
        "entries": result.entries,
        "signatures": result.signatures,
        "seconds": round(result.seconds, 3),
        "problems": [{"entry": p.entry, "row": p.row, "reason": p.reason} for p in result.problems],
    }


def _tell_check(result: CheckResult) -> None:
    rate = result.entries / max(result.seconds, 1e-9)
    tell(
        f"{result.entries:,} entries and {_several(result.signatures, 'signature')} replayed in "
        f"{result.seconds:.1f} s ({rate:,.0f} entries a second)."
    )
    if not result.problems:
        tell("Everything is as the log says.")
    for place, problem in enumerate(result.problems):
        tell(f"{'First wrong' if place == 0 else 'Also wrong'}: {problem}")


@click.command()
@DIRECTORY
@click.option("--person", type=click.IntRange(1, 2**53 - 1), help="All that is held on one person.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="A new file; otherwise it is printed.",
)
def export(directory: Path, person: int | None, output: Path | None) -> None:
    """Write out the log, or everything that is held on one person.

    The log is lines of JSON, a person one JSON object.
    """

    from node.export import export_log, export_person  # which needs most of what a node is

    async def job() -> None:
        config = read_config(directory)
        with _exporting(output) as out:
            async with reading(config) as connection:
                if person is None:
                    await export_log(connection, out, _show_export)
                else:
                    pieces = await export_person(lambda: nullcontext(connection), person)
                    async for piece in pieces:
                        out.write(piece)
                    out.write(b"\n")
        if sys.stderr.isatty():
            click.echo("", err=True)

    run(job)


@contextmanager
def _exporting(output: Path | None) -> Iterator[BinaryIO]:
    """What is exported to; a file with half of it is not left behind to be taken for the whole."""
    if output is None:
        yield sys.stdout.buffer
        return
    with output.open("xb") as out:
        try:
            yield out
        except BaseException:
            output.unlink()
            raise


def _show_export(progress: Exported) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{progress.done:,} of {progress.total:,} entries   ", nl=False, err=True)


@click.command()
@DIRECTORY
@click.argument("person", type=click.IntRange(1, 2**53 - 1))
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(directory: Path, person: int, yes: bool) -> None:
    """Forget a person: the name and the texts. The sums stay.

    Gone is what was written by and about them. PERSON is their number, as tally officer people
    shows it. Their accounts have to be closed before. It cannot be undone.
    """

    async def job() -> None:
        async with reading(read_config(directory)) as connection:
            who = await find_erasable(connection, person)
            if not yes and not confirm(f"Erase {who}? It cannot be undone"):
                tell("Nobody was erased.")
                return
            erased = await erase_person(connection, person)
        if not erased.names:
            tell(f"Person {person} was forgotten before.")
            return
        gone = [_several(erased.texts + erased.request_texts, "text")]
        gone.append(_several(erased.listings, "listing"))
        tell(f"Person {person} is forgotten: the name, {' and '.join(gone)}. The sums stay.")

    run(job)


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
