"""The moments at which a node may die, by name: before and after every durable write, every send
and every acknowledgement. ``tests/test_crash_points.py`` kills a node at each.

In service nothing happens there.
"""

from __future__ import annotations

POINTS = (
    "commit-before",  # decided, and nothing written yet
    "commit-after",  # durable, and nobody knows
    "mark-after",  # the high-water mark is moved too
    "answer-before",  # everything is done but to tell who asked
    "ask-before",  # a peer is about to be asked
    "ask-answered",  # it has answered, and nothing of that is taken
    "ask-taken",  # what it answered is durable
    "asked-before",  # a peer has asked, and nothing of that is taken
    "asked-taken",  # what it brought is durable, and it has no answer
    "asked-answered",  # the answer is made, and not sent
)


def reach(point: str) -> None:
    """Say that ``point`` is reached. The tests put something deadly in this function's place."""
    assert point in POINTS, "a point that is not in the registry has no test"
