"""Asking at the terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from client.errors import InputRefused


def ask(prompt: str, option: str) -> str:
    """Ask for a line; or read one that is piped in. Raises InputRefused where there is none, which
    names the option that says it."""
    if not sys.stdin.isatty():
        line = sys.stdin.readline().strip()
        if not line:
            raise InputRefused(f"There is nobody here to ask: say it with {option}.")
        return line
    with _interruptible():
        given: str = click.prompt(prompt, err=True)
    return given


def ask_secret(prompt: str, *, new: bool = False) -> str:
    """Ask unseen, for a new secret twice; or read a line that is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    with _interruptible():
        given: str = click.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True)
    return given


def confirm(question: str) -> None:
    """Go on with a yes. Raises click.Abort for a no, InputRefused where nobody can be asked."""
    if not sys.stdin.isatty():
        raise InputRefused(f"There is nobody here to ask ({question}): add --yes if you mean it.")
    with _interruptible():
        click.confirm(question, abort=True, err=True)


def agree(question: str) -> bool:
    """Ask for a yes or a no; where nobody can be asked it is a no. Raises click.Abort."""
    if not sys.stdin.isatty():
        return False
    with _interruptible():
        return click.confirm(question, err=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question at once; asyncio would only note it until the next wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
