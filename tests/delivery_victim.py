"""A node for tests to kill while it sends: ``python -m tests.delivery_victim DSN SCHEMA FOLDER
PORT``. It sends its circle's notices to the mail server at that port until then.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from node.circle import open_circle
from node.config import Config
from tests.talking_circle import MailServer


async def main(dsn: str, schema: str, folder: Path, port: int) -> None:
    """Send."""
    email = MailServer(port).settings
    config = Config(folder, schema, "127.0.0.1", 0, None, dsn, email)
    async with open_circle(config, dsn):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
