"""The command ``tally``: what a member does from a terminal.

``main`` imports nothing that a help text can do without: each command is loaded when it is run.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``tally`` and exit: 0 done, 1 could not be done, 2 asked for wrongly, 130 stopped."""
    from client.cli.tally import run_tally

    sys.exit(run_tally(sys.argv[1:]))
