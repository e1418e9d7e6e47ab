"""A ``tally`` that is killed: ``python -m tests.help_victim STEP MOMENT HOME ARGUMENTS...``.

It ends at the STEPth time that it changes something at the node: before the node hears of it, or
after, before the answer is read.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from typing import Any, Final

from client.cli.tally import run_tally
from client.transport import Response, Transport

KILLED: Final = 9


def main() -> int:
    """Run the command, which may not come to its end."""
    step, moment, home, *arguments = sys.argv[1:]
    steps, send = count(1), Transport.request

    async def request(self: Transport, method: str, path: str, **given: Any) -> Response:
        is_last = method != "GET" and next(steps) == int(step)
        if is_last and moment == "before":
            os._exit(KILLED)
        answer = await send(self, method, path, **given)
        if is_last:
            os._exit(KILLED)
        return answer

    Transport.request = request  # type: ignore[method-assign]
    return run_tally(["--home", home, *arguments])


if __name__ == "__main__":
    sys.exit(main())
