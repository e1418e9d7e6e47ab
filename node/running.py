"""How a command of ``tallyd`` runs: to its end, or to one plain sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import asyncpg
import click

from ledger.errors import TallystickError
from node.telling import tell

DIRECTORY = click.argument("directory", type=click.Path(path_type=Path, file_okay=False))


def run(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a command to its end; an error of ours is one sentence and status 1."""
    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ModuleNotFoundError:  # not on Windows
        loop_factory = None
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(job())
    except TallystickError as error:
        _end(str(error))
    except BrokenPipeError:
        raise  # whoever reads what is printed has had enough
    except OSError as error:
        named = error.filename is not None and error.strerror is not None
        _end(
            f"{error.filename} cannot be used ({error.strerror})."
            if named
            else f"tallyd had to stop: {error.strerror or error}"
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _end(f"tallyd had to stop: {error}")
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None


def _end(sentence: str) -> NoReturn:
    tell(sentence, err=True)
    raise click.exceptions.Exit(1)
