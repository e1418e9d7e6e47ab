"""A command line that cannot be read, told in one plain sentence with what to write instead."""

from __future__ import annotations

import re
from difflib import get_close_matches

import click

from client.cli.lazy_group import NoSuchCommand

_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)", re.DOTALL)
_VALUE = re.compile(r"'.*?'|\S+", re.DOTALL)
_AMOUNT = re.compile(r"-[0-9.,].*")
_LARGE = 10**12
"""A limit above this is nobody's business."""


def explain_usage(error: click.UsageError) -> str:
    """What is wrong with the command line, and what to do."""
    command = "tally" if error.ctx is None else error.ctx.command_path
    match error:
        case NoSuchCommand(name=name, known=known):
            return f"There is no command {_shown(name)}{_near(name, known)}: see {command} --help."
        case click.NoSuchOption(option_name=name) if _AMOUNT.fullmatch(name):
            return "An amount is written without a sign: 5, not -5."
        case click.NoSuchOption(option_name=name):
            near = _near(name, _options(error.ctx))
            return f"{command} has no option {_shown(name)}{near}: see {command} --help."
        case click.MissingParameter(param=click.Parameter() as parameter):
            return _missing(command, parameter)
        case click.BadOptionUsage(option_name=name):
            return f"{name} has to be followed by something: see {command} --help."
        case click.BadParameter(param=click.Parameter() as parameter):
            return _bad_value(error.message, parameter)
        case _ if error.message == "Missing command.":
            return f"Say what to do: {command} --help lists it."
        case _ if extra := _EXTRA.search(error.message):
            return (
                f"{command} has no use for {_shown(extra[1])}{_only(error.ctx)}: put words that"
                f" belong together in quotes, and see {command} --help."
            )
        case _:
            return f"{error.format_message().rstrip('.')}: see {command} --help."


def _parameters(context: click.Context | None) -> list[click.Parameter]:
    return [] if context is None else context.command.get_params(context)


def _options(context: click.Context | None) -> list[str]:
    return [name for each in _parameters(context) for name in each.opts if name.startswith("--")]


def _only(context: click.Context | None) -> str:
    """What it does have a use for."""
    named = [_name(each) for each in _parameters(context) if isinstance(each, click.Argument)]
    return f", only for {' '.join(named)}" if named else ""


def _near(name: str, known: list[str]) -> str:
    found = get_close_matches(name, known, 1)
    return f" (did you mean {found[0]}?)" if found else ""


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _cut(text: str, letters_max: int = 60) -> str:
    return text if len(text) <= letters_max else f"{text[:letters_max]}..."


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return (parameter.metavar or (parameter.name or "").upper()).partition(" [")[0]


def _usage(parameter: click.Parameter) -> str:
    """The option with what follows it, such as --reason TEXT; of an argument what it is."""
    if not isinstance(parameter, click.Option):
        number = ", a number" if isinstance(parameter.type, click.types.IntParamType) else ""
        return f"{_name(parameter).replace('|', ' or ')}{number}"
    return f"{_name(parameter)} {parameter.metavar or 'VALUE'}"


def _missing(command: str, parameter: click.Parameter) -> str:
    told = f"{command} also needs {_usage(parameter)}"
    meaning = getattr(parameter, "help", None)
    if meaning:
        return f"{told}: {meaning[0].lower()}{meaning[1:].rstrip('.')}."
    return f"{told}: see {command} --help."


def _bad_value(message: str, parameter: click.Parameter) -> str:
    name = _name(parameter)
    found = _VALUE.match(message)
    value = _cut(found[0]) if found else "that"
    match parameter.type:
        case click.DateTime(formats=[shape, *_]) if "%H" in shape:
            return f'{value} is no time for {name}: write one like "2026-05-31 10:00".'
        case click.DateTime():
            return f"{value} is no day for {name}: write one like 2026-05-31."
        case click.Choice(choices=choices) if "|" in name:
            return f"{value} cannot be said here: write {' or '.join(map(str, choices))}."
        case click.Choice(choices=choices):
            return f"{value} is nothing that {name} can be: write {' or '.join(map(str, choices))}."
        case click.IntRange(min=low, max=high) if high is not None and high < _LARGE:
            return f"{value} cannot be {name}: write a whole number from {low} to {high}."
        case click.IntRange() | click.types.IntParamType():
            return f"{value} cannot be {name}: write a whole number, such as 102."
        case _:
            return f"{_cut(message.rstrip('.'), 160)} ({name})."
