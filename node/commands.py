"""The commands of ``tallyd``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import click
import structlog

from ledger.paper import write_code
from node import founding
from node.config import Config, read_config, write_config
from node.database import database
from node.directory.language import LANGUAGES, choose_language
from node.errors import AlreadyInitialised
from node.founding_options import FoundingOptions
from node.keyring import write_keyring
from node.logs import configure_logs
from node.migrate import check_schema_name, migrate
from node.running import DIRECTORY, run
from node.telling import tell

log = structlog.get_logger()


_ELSEWHERE = {
    "check": "node.upkeep",
    "clear": "node.federation.clear_command",
    "erase": "node.upkeep",
    "export": "node.upkeep",
    "peer": "node.federation.commands",
    "witness": "node.witness.commands",
}
"""Where the commands are that this module has not."""


class _Commands(click.Group):
    """Loads a command when it is asked for: some take longer to load than others to run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tallystick")
@click.pass_context
def tallyd(context: click.Context) -> None:
    """Run a node: the ledger of one circle.

    Begin with: tallyd init DIRECTORY --name "Our Circle" --address circle.example
    """
    # What a circle's founding prints is secret, and is printed once.
    configure_logs(quiet=context.invoked_subcommand == "init")


def _founding_flags(command: Callable[..., None]) -> Callable[..., None]:
    """One flag a field of FoundingOptions."""
    about = {
        "name": "What the circle is called.",
        "address": "The host under which it is reached; a member is NAME@ADDRESS.",
        "unit": "What is counted, in the singular.",
        "units": "The plural, where it is not an s more.",
        "minutes": "Count minutes, shown as hours and minutes.",
        "scale": "Decimals of the unit.",
        "committee": "How many of the committee sign a weighty act.",
        "credit_limit": "How far a new member can go below zero.",
        "ceiling": "How far a new member can go above zero.",
        "starter": "What a new member begins with, out of the community account.",
        "credit_limit_max": "The most credit that officers may give one member.",
        "credit_total_max": "The most credit of all members together.",
        "treasury_limit": "How many tokens may be out against cash.",
        "community_limit": "How far the community account may go below zero.",
        "assisted_cap": "The most one coordinator moves for a member without a second.",
        "device_cap": "The most a device enrolled by others moves in its first week.",
        "device_wait_days": "How long a device enrolled at a distance waits.",
    }
    for field in reversed(fields(FoundingOptions)):
        flag = f"--{field.name.replace('_', '-')}"
        if field.name in ("name", "address"):
            option = click.option(flag, prompt=True, help=about[field.name])
        elif field.name == "minutes":
            option = click.option(flag, is_flag=True, help=about[field.name])
        else:
            option = click.option(
                flag, default=field.default, show_default=True, help=about[field.name]
            )
        command = option(command)
    return command


@tallyd.command()
@DIRECTORY
@_founding_flags
@click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    default="english",
    show_default=True,
    metavar="LANGUAGE",
    help="What members write in, so that offers are found by other forms of a word.",
)
@click.option("--schema", default="circle", show_default=True, help="The circle's schema.")
@click.option("--listen", default="127.0.0.1:8470", show_default=True, help="Where to listen.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def init(
    directory: Path, language: str, schema: str, listen: str, as_json: bool, **chosen: Any
) -> None:
    """Make a circle: keys, charter, and the first invitation.

    That is the first coordinator's. It is printed with two keys, and kept nowhere else.
    """

    async def job() -> None:
        options = FoundingOptions(**chosen)
        rules = options.rules()
        check_schema_name(schema)
        _make_directory(directory)
        try:
            write_config(directory, schema, listen)
            config = read_config(directory)
            founded = founding.found(rules, config.make_clock().wall(), os.urandom)
            await _store(founded, config, language)
        except BaseException:
            # Nobody has seen the secrets of what was made so far, so it is good for nothing.
            shutil.rmtree(directory, ignore_errors=True)
            raise
        _tell(founded, directory, listen, as_json)
        if rules.floor == 0 and not as_json:
            tell(
                "\nNew members cannot go below zero. Somebody has to begin, so most circles allow "
                "a little:\nset limits with: tally officer limits",
                err=True,
            )

    run(job)


async def _store(founded: founding.Founded, config: Config, language: str) -> None:
    write_keyring(config.keys, founded.keyring)
    async with database(config) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            await migrate(connection, config.schema)
            await connection.execute(f"SET search_path TO {config.schema}")
            await choose_language(connection, language)
            await founding.store(connection, founded)
        finally:
            await connection.close()


def _make_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise AlreadyInitialised(directory)


def _tell(founded: founding.Founded, directory: Path, listen: str, as_json: bool) -> None:
    secrets = {
        "invitation": write_code(founded.invitation_code),
        "paper_key": write_code(founded.paper_seed),
        "identity_key": write_code(founded.identity_seed),
    }
    if as_json:
        told = {"circle": founded.circle.hex(), "origin": founded.origin, **secrets}
        click.echo(json.dumps(told))
        return
    tell(
        f"""The circle is made, in {directory}.

Print this page, then clear the screen. These three are kept nowhere else.

1. The first coordinator's invitation, good for 30 days:

   {secrets["invitation"]}

2. The paper key. Seal it in an envelope: with it the committee can appoint a
   coordinator when the last one is gone.

   {secrets["paper_key"]}

3. The identity key. Keep it apart from the node: it is needed only if the
   node's own keys or its history are ever lost.

   {secrets["identity_key"]}

Next: tallyd serve {directory}
Then, as the coordinator, here; or elsewhere, with the circle's public address:
   tally join http://{listen}/join#{secrets["invitation"]}"""
    )


@tallyd.command()
@DIRECTORY
def serve(directory: Path) -> None:
    """Serve the circle until interrupted."""
    # Most of what tallyd loads, and nothing else needs it.
    from node.api.app import build
    from node.circle import open_circle
    from node.http.serve import serve as serve_http

    async def job() -> None:
        config = read_config(directory)
        clock = config.make_clock()
        if config.behind is not None:
            log.warning("circle_rehearses", behind=str(config.behind), mend="unset TALLYD_BEHIND")
        # What a batch makes is gone when it is answered: there are no cycles in it to look for.
        gc.set_threshold(50_000, 20, 20)
        stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        async with (
            database(config) as dsn,
            open_circle(config, dsn, clock=clock.wall, steady=clock.steady) as circle,
            serve_http(build(circle), host=config.host, port=config.port) as listening,
        ):
            gc.freeze()  # what was loaded stays: it need not be looked through either
            name = circle.writer.loaded.state.rules.name.decode()
            tell(f"Serving {name} at {listening.url}")
            if sys.stdout.isatty():
                tell("Leave this window open. Ctrl-C stops it, and nothing is lost by that.")
            sys.stdout.flush()
            try:
                await stop.wait()
            except asyncio.CancelledError:  # its database or its writer is gone
                circle.writer.stop()
                raise

    run(job)
