"""A command line of ``tallyd`` that cannot be read, told in one plain sentence.

The client has the like for ``tally``; the two share nothing, as neither may import the other.
"""

from __future__ import annotations

import re

import click

_NO_COMMAND = re.compile(r"No such command '(.*?)'", re.DOTALL)
_EXTRA = re.compile(r"unexpected extra arguments? \((.*)\)", re.DOTALL)
_VALUE = re.compile(r"'.*?'|\S+", re.DOTALL)
_LARGE = 10**15
_PERSON = "their number, as tally officer people shows it"


def explain_usage(error: click.UsageError) -> str:
    """What is wrong with the command line, and what to do."""
    command = "tallyd" if error.ctx is None else error.ctx.command_path
    see = f"see {command} --help"
    match error:
        case click.NoSuchOption(option_name=name):
            return f"{command} has no option {_shown(name)}: {see}."
        case click.MissingParameter(param=click.Parameter() as parameter):
            return f"{command} also needs {_name(parameter)}{_meaning(parameter)}: {see}."
        case click.BadOptionUsage(option_name=name):
            return f"{name} has to be followed by something: {see}."
        case click.BadParameter(param=click.Parameter() as parameter):
            return _bad_value(error.message, parameter)
        case _ if error.message == "Missing command.":
            return f"Say what to do: {command} --help lists it."
        case _ if found := _NO_COMMAND.search(error.message):
            return f"There is no command {_shown(found[1])}: {see}."
        case _ if extra := _EXTRA.search(error.message):
            return (
                f"{command} has no use for {_shown(extra[1])}: put words that belong together in"
                f" quotes, and {see}."
            )
        case _:
            return f"{error.format_message().rstrip('.')}: {see}."


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def _name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.metavar or (parameter.name or "").upper()


def _meaning(parameter: click.Parameter) -> str:
    """Of what commands need and people cannot guess: where they have it from."""
    match parameter.name:
        case "directory":
            return ", the folder that your circle is in"
        case "person":
            return f", {_PERSON}"
        case _:
            return ""


def _bad_value(message: str, parameter: click.Parameter) -> str:
    name = _name(parameter)
    found = _VALUE.match(message)
    value = found[0] if found else "that"
    match parameter.type:
        case _ if parameter.name == "person":
            return f"{value} cannot be {name}: write {_PERSON}."
        case click.IntRange(min=low, max=high) if high is not None and high < _LARGE:
            return f"{value} cannot be {name}: write a whole number from {low} to {high}."
        case click.IntRange() | click.types.IntParamType():
            return f"{value} cannot be {name}: write a whole number, such as 102."
        case _:
            return f"{message.rstrip('.')} ({name})."
