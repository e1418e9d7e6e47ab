"""The command ``tally``: what a member does from a terminal.

``main`` imports nothing that a help text can do without: each command is loaded when it is run.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType


def main() -> None:
    """Run ``tally`` and exit: 0 done, 1 could not be done, 2 asked for wrongly, 130 stopped."""
    sys.excepthook = _tell_fault
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows a question mark.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    from client.cli.tally import run_tally

    sys.exit(run_tally(sys.argv[1:]))


def _tell_fault(
    kind: type[BaseException], fault: BaseException, traceback: TracebackType | None
) -> None:
    """A fault of this program's own, in a sentence; developers may want the traceback."""
    if os.environ.get("TALLY_DEBUG"):
        sys.__excepthook__(kind, fault, traceback)
        return
    print(
        f"Something went wrong in this program itself ({kind.__name__}: {fault}). Nothing is lost;"
        " please report it, with what TALLY_DEBUG=1 prints.",
        file=sys.stderr,
    )
