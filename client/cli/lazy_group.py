"""A group of commands that are imported when they are run, and described without being."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, as ``module:attribute``, and what it does in a few words."""

    place: str
    summary: str


Sections = Mapping[str, Mapping[str, Entry]]
"""Commands by name, under the headings of the help text."""


class NoSuchCommand(click.UsageError):
    """``name`` is none of the ``known`` commands."""

    def __init__(self, name: str, known: list[str], context: click.Context) -> None:
        super().__init__(f"No such command {name!r}.", context)
        self.name, self.known = name, known


class LazyGroup(click.Group):
    """Shows its commands under headings, in the order they are given in."""

    def __init__(self, *arguments: Any, sections: Sections, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._sections = sections
        self._entries = {name: entry for each in sections.values() for name, entry in each.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command), f"{entry.place} is no command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._entries and not args[0].startswith("-"):
            raise NoSuchCommand(args[0], list(self._entries), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, entries in self._sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])
