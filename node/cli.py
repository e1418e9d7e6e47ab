"""The command ``tallyd``: what a volunteer does with a node."""

from __future__ import annotations

import sys
from collections.abc import Sequence

STOPPED = 130


def main() -> None:
    """Run ``tallyd``; without the node's own dependencies, say so in one sentence."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows a question mark.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    try:
        status = run_tallyd(sys.argv[1:])
    except KeyboardInterrupt:  # while it was loading
        sys.stderr.write("Stopped; nothing was done.\n")
        status = STOPPED
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("node", "ledger"):
            raise
        sys.exit(
            f"tallyd needs the package {error.name}, which the light client does without; "
            "install it with: pip install 'tallystick[node]'"
        )
    sys.exit(_printed(status))


def run_tallyd(arguments: Sequence[str]) -> int:
    """Run one command line: 0 done, 1 could not be done, 2 asked for wrongly, 130 stopped."""
    import click

    from node.commands import tallyd
    from node.telling import tell
    from node.usage import explain_usage

    if not all(map(_is_text, arguments)):
        tell("There are letters in this command that cannot be read: type it again.", err=True)
        return 2
    if list(arguments[:1]) == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        status = tallyd.main(list(arguments), prog_name="tallyd", standalone_mode=False)
    except click.UsageError as error:
        if error.ctx is not None and error.message == error.ctx.get_help():
            # A group without a command shows its help.
            click.echo(error.message)
        else:
            tell(explain_usage(error), err=True)
        return error.exit_code
    except click.ClickException as error:
        tell(error.format_message(), err=True)
        return 1
    except (click.Abort, KeyboardInterrupt):
        tell("Stopped; nothing was done.", err=True)
        return STOPPED
    except OSError as error:  # of what is printed; a command tells of its own
        return _unprinted(error)
    return status if isinstance(status, int) else 0


def _printed(status: int) -> int:
    """The status, when all that was said is out; Python would look too late to say why not."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        return _unprinted(error, status)
    return status


def _unprinted(error: OSError, status: int = 0) -> int:
    """Whoever reads it may have had enough; of anything else they are told, once."""
    sys.stdout = None  # or Python would complain of it too, in its own words
    if status == 0 and not isinstance(error, BrokenPipeError):
        sys.stderr.write(f"What there is to say cannot be written ({error.strerror}).\n")
    return status or 1


def _is_text(argument: str) -> bool:
    """Whether what was typed was UTF-8: what is not comes as surrogates (PEP 383)."""
    return not any("\ud800" <= letter <= "\udfff" for letter in argument)
