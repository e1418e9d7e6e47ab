"""``tallyd peer evidence``: what this circle can prove against others, in a file to hand on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ledger.federation.evidence_file import choose_pieces, write_evidence_file
from ledger.federation.finding_words import tell_finding, tell_numbers
from node.config import Config
from node.connections import Connection
from node.federation.evidence_kept import Piece, kept_evidence
from node.federation.standing import with_circle
from node.keyring import read_keyring
from node.running import DIRECTORY
from node.telling import tell


@click.command(short_help="Who signed what contradicts itself.")
@DIRECTORY
@click.argument("name", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write, or - for the terminal.",
)
def evidence(directory: Path, name: str | None, out: Path | None) -> None:
    """Say who signed things that contradict each other; of the circle NAME, write the proof.

    The file proves it to anybody, who needs no node and no network for that: tally
    verify-evidence FILE. It has the numbers and amounts of payments between the two circles, and
    no names of people.
    """
    found: list[Piece] = []

    async def job(config: Config, connection: Connection) -> None:
        found.extend(await kept_evidence(connection, read_keyring(config.keys).link))

    with_circle(directory, job)
    if name is None:
        _list(found)
        return
    about = [piece for piece in found if piece.is_about(name)]
    chosen = choose_pieces([piece.data for piece in about])
    about = [piece for piece in about if piece.data in chosen]
    if not about:
        raise click.ClickException(f"Nothing is kept here that proves anything against {name!r}.")
    _write(about, out)


def _list(found: Sequence[Piece]) -> None:
    if not found:
        tell("Nothing is kept here that would prove anything against another circle.")
    for piece in found:
        tell(tell_finding(piece.finding))
        tell(f"  To write the proof into a file: tallyd peer evidence DIR {piece.name!r}")


def _write(about: Sequence[Piece], out: Path | None) -> None:
    finding = about[0].finding
    text = write_evidence_file([piece.data for piece in about])
    for line in (
        *(tell_finding(piece.finding) for piece in about),
        *tell_numbers(finding),
    ):
        click.echo(line, err=True)
    if out == Path("-"):
        click.echo(text, nl=False)
        return
    address = finding.origin.partition("/")[0].replace(":", "-")
    path = out or Path(f"evidence-{address}.json")
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(
            f"There is a file {path} already; name another one with --out."
        ) from None
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None
    tell(f"The proof is in {path}. Anybody can check it: tally verify-evidence {path}")
