"""The command ``tallyd``: what a volunteer does with a node."""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``tallyd``; without the node's own dependencies, say so in one sentence."""
    try:
        from node.commands import tallyd
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("node", "ledger"):
            raise
        sys.exit(
            f"tallyd needs the package {error.name}, which the light client does without; "
            "install it with: pip install 'tallystick[node]'"
        )
    tallyd()
