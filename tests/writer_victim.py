"""A node for tests to crash: ``python -m tests.writer_victim DSN SCHEMA FOLDER MOMENT WIRE``.

It decides one order, given in hexadecimal, and ends with status 9 between the commit and the
answer: before the mark is written, or after it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from ledger import orders
from node.circle import open_circle
from node.config import Config
from node.mark import Mark, Marked
from node.work import Submission


class LastMark(Mark):
    """Ends the process as soon as something is to be marked, or was."""

    before: bool

    def write(self, marked: Marked) -> None:
        """Write, or not, and be gone."""
        if not self.before:
            super().write(marked)
        os._exit(9)


async def main(dsn: str, schema: str, folder: Path, moment: str, wire: bytes) -> None:
    """Decide the order."""
    config = Config(folder, schema, "127.0.0.1", 0, None, dsn)
    async with open_circle(config, dsn) as circle:
        mark = LastMark(folder / "mark")
        mark.before = moment == "before the mark"
        circle.writer.mark = mark
        await circle.writer.submit([Submission(orders.parse(wire))])


if __name__ == "__main__":
    dsn, schema, folder, moment, wire = sys.argv[1:]
    asyncio.run(main(dsn, schema, Path(folder), moment, bytes.fromhex(wire)))
