"""How a command is made: parse, act, tell; and the one place where errors become sentences."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from client.cli.run import Run
from client.cli.settings import Settings
from ledger.errors import TallystickError


@dataclass(frozen=True, slots=True)
class Told:
    """What a command has to say: as text for people, and as the fields of its JSON object."""

    text: str
    fields: Mapping[str, object] = field(default_factory=dict)
    failed: bool = False


class PlainCommand(click.Command):
    """Its help says "1 to 12" where click writes [1<=x<=12], and N for a number."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = [each.get_help_record(ctx) for each in options]
        with formatter.section("Options"):
            formatter.write_dl([_in_plain(*record) for record in records if record])


_BETWEEN = re.compile(r"([0-9]+)<=x<=([0-9]+)")
_FROM = re.compile(r"x>=([0-9]+)")
_NUMBER = re.compile(r"(INTEGER|FLOAT)( RANGE)?\b")


def _in_plain(option: str, meaning: str) -> tuple[str, str]:
    meaning = _FROM.sub(r"\1 or more", _BETWEEN.sub(r"\1 to \2", meaning))
    return _NUMBER.sub("N", option), meaning


Act = Callable[..., Coroutine[Any, Any, Told]]


def command(name: str, *, needs_member: bool = True) -> Callable[[Act], click.Command]:
    """Make a command of a coroutine function that takes a Run and its own options.

    With ``needs_member`` what was interrupted before goes out first.
    """

    def decorate(act: Act) -> click.Command:
        def callback(circle: str | None, home: Path | None, as_json: bool, **given: Any) -> int:
            settings = click.get_current_context().find_object(Settings) or Settings()
            return execute(act, settings.overridden(circle, home, as_json), given, needs_member)

        update_wrapper(callback, act)
        callback.__click_params__ = [*getattr(act, "__click_params__", [])]  # type: ignore[attr-defined]
        made: Any = callback
        for option in (
            click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
            click.option("--home", type=click.Path(path_type=Path, file_okay=False), hidden=True),
            click.option("--circle", metavar="NAME", help="Which circle, if you are in several."),
        ):
            made = option(made)
        return click.command(name, cls=PlainCommand)(made)

    return decorate


def execute(act: Act, settings: Settings, given: dict[str, Any], needs_member: bool) -> int:
    """Run a command to its end and return the exit status."""
    run = Run(settings)

    async def job() -> Told:
        async with run:
            if needs_member:
                await run.member()
            told: Told = await act(run, **given)
            return told

    try:
        told = asyncio.run(job())
    except TallystickError as error:
        return _fail(run, error)
    _print_notices(run)
    if settings.as_json:
        click.echo(json.dumps({**told.fields, "notices": run.notices}, ensure_ascii=False))
    elif told.text:
        _say(told.text)
    return 1 if told.failed else 0


def _fail(run: Run, error: TallystickError) -> int:
    """One sentence for a person; for a program also the code, and what comes with it."""
    from client.cli.refusals import explain

    sentence = explain(error, run.unit, run.own_accounts, run.names)
    _print_notices(run)
    if run.settings.as_json:
        code = getattr(error, "problem", None) or error.code
        problem = {"code": code, "detail": sentence, **_attributes(error)}
        click.echo(json.dumps({"error": problem, "notices": run.notices}, ensure_ascii=False))
    _say(sentence, err=True)
    return 1


def _attributes(error: TallystickError) -> dict[str, object]:
    attributes = getattr(error, "attributes", None)
    return {"attributes": attributes} if isinstance(attributes, dict) and attributes else {}


def _print_notices(run: Run) -> None:
    for notice in run.notices:
        _say(notice, err=True)


def _say(text: str, *, err: bool = False) -> None:
    """Print it; at a terminal in lines that fit."""
    if (sys.stderr if err else sys.stdout).isatty():
        from client.cli.words import fit

        text = fit(text)
    click.echo(text, err=err)
