"""How an officer's order is signed: at once, with the paper key, or in a file with others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from client.cli.acting import proved_fields
from client.cli.command import Act, Told, command
from client.cli.names import Names, learn_names
from client.cli.orders_in_words import describe
from client.cli.prompts import ask_secret, confirm
from client.cli.run import Run
from client.cli.words import capital, plain, wrap
from client.drafts import Draft, Signatory
from client.errors import InputRefused
from client.order_file import SavedOrder, read_order_file, write_order_file
from ledger.paper import read_code

_FILE = click.Path(path_type=Path, dir_okay=False)


@dataclass(frozen=True, slots=True)
class Signing:
    """The reason, which every officer's order gives, and how it is to be signed."""

    reason: str
    save: Path | None = None
    paper_key: bool = False


def signing_options(act: Act) -> Act:
    """``--reason``, ``--save`` and ``--paper-key``, handed to the command as one Signing."""

    async def gathered(
        run: Run, *, reason: str, save: Path | None, paper_key: bool, **given: Any
    ) -> Told:
        told: Told = await act(run, signing=Signing(reason, save, paper_key), **given)
        return told

    made: Act = update_wrapper(gathered, act)
    for option in (
        click.option("--save", type=_FILE, metavar="FILE", help="Do not send: others sign it too."),
        click.option("--paper-key", is_flag=True, help="Sign with the sealed paper key too."),
        click.option("--reason", required=True, metavar="TEXT", help="Why; it stays on record."),
    ):
        made = option(made)
    return made


async def have_done(
    run: Run,
    draft: Draft,
    signing: Signing,
    told: str,
    fields: Mapping[str, object] | None = None,
    *,
    intent: str | None = None,
) -> Told:
    """Send an officer's order, or save it; ``told`` is what is said once it is done."""
    member = await run.member()
    draft = Draft(draft.act, draft.account, signing.reason, draft.slip, draft.mandate)
    signatory = await _signatory(run, signing.paper_key)
    if signing.save is not None:
        saved = await member.save(draft, signatory=signatory)
        write_order_file(signing.save, saved)
        said = (
            f"Saved in {signing.save}, and not sent. The others sign with: tally officer cosign"
            f" {signing.save}\nThen send it with: tally officer send {signing.save}"
        )
        return Told(said, {"saved": str(signing.save), "order_id": saved.signed.id.hex()})
    proved = await run.order(draft, signatory=signatory, intent=intent)
    return Told(told, {**proved_fields(proved, draft.account), **(fields or {})})


async def _signatory(run: Run, paper_key: bool) -> Signatory | None:
    if not paper_key:
        return None
    return await (await run.member()).with_paper_key(ask_paper_key())


def ask_paper_key() -> bytes:
    """The seed on the sealed paper. Raises MalformedObject when it was not copied right."""
    return read_code(ask_secret("The paper key"), 32)


async def _open_file(run: Run, path: Path) -> tuple[SavedOrder, str]:
    member = await run.member()
    saved = read_order_file(path)
    header = saved.signed.order.header
    if header.circle != member.circle.circle_id:
        raise InputRefused(f"What {path} has is for another circle.")
    memo = saved.memo
    names = Names(with_numbers=True)
    await learn_names(member, names)
    text = None if memo is None else memo.text
    words = describe(saved.signed, member.circle.unit, names, text)
    signatures = 1 + len(saved.signed.cosignatures)
    who = capital(names.person(header.person))
    return saved, f"{who} wants this done, with {signatures} signed: {words}."


@command("cosign")
@click.argument("file", type=_FILE)
@click.option("--paper-key", is_flag=True, help="Sign with the sealed paper key, not this device.")
@click.option("--yes", is_flag=True, help="Sign without being asked.")
async def cosign(run: Run, file: Path, paper_key: bool, yes: bool) -> Told:
    """Read what another officer saved, and sign it too."""
    saved, words = await _open_file(run, file)
    if not yes:
        click.echo(wrap(words), err=True)
        confirm("Do you sign this?")
    member = await run.member()
    signed = member.cosign(saved, paper_seed=ask_paper_key() if paper_key else None)
    write_order_file(file, signed)
    count = 1 + len(signed.signed.cosignatures)
    told = f"Signed: {count} have now. Send it with: tally officer send {file}"
    return Told(told, {"saved": str(file), "signatures": count, "says": plain(words)})


@command("send")
@click.argument("file", type=_FILE)
async def send(run: Run, file: Path) -> Told:
    """Send what was saved in a file. Doing so twice does it once."""
    saved, words = await _open_file(run, file)
    proved = await (await run.member()).send_saved(saved)
    account = saved.signed.order.header.account
    return Told(f"Done. {words}", {**proved_fields(proved, account), "says": plain(words)})
