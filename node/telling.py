"""What ``tallyd`` says to whoever runs it: at a terminal, in lines no wider than it."""

from __future__ import annotations

import re
import shutil
import signal
import sys
import textwrap
import threading

import click

WIDTH_MIN, WIDTH_MAX = 30, 100
_COMMAND = re.compile(r"\btallyd?(?: [a-z-]+)+")
_KEPT = "\N{NO-BREAK SPACE}"
"""Stands for a space at which no line may end."""


def tell(text: str, *, err: bool = False) -> None:
    """Print sentences; a list that is set in stays so, and what is to be typed stays on a line."""
    if (sys.stderr if err else sys.stdout).isatty():
        columns = shutil.get_terminal_size().columns
        text = fit(text, max(WIDTH_MIN, min(columns, WIDTH_MAX)))
    click.echo(text, err=err)


def confirm(question: str) -> bool:
    """Ask for a yes or a no. Raises click.Abort for Ctrl-C, and where nobody can be asked.

    A question is ended at once by Ctrl-C, which asyncio would only note until the next wait.
    """
    if threading.current_thread() is not threading.main_thread():
        return click.confirm(question)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return click.confirm(question)
    finally:
        signal.signal(signal.SIGINT, before)


def fit(text: str, width: int) -> str:
    """The same in lines of up to ``width`` letters; addresses and commands are not taken apart."""
    return "\n".join(_fit_line(line, width) for line in text.split("\n"))


def _fit_line(line: str, width: int) -> str:
    if len(line) <= width or ("://" in line and _COMMAND.search(line)):
        return line  # what is to be copied is copied whole
    indent = line[: len(line) - len(line.lstrip())]
    whole = _COMMAND.sub(lambda found: found[0].replace(" ", _KEPT), line.strip())
    lines = textwrap.wrap(
        whole,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_KEPT, " ")
