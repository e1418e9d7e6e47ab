"""The moments at which a node may die, by name: before and after every durable write, every send
and every acknowledgement. ``tests/test_crash_points.py`` kills a node at each.

In service nothing happens there.
"""

from __future__ import annotations

POINTS = (
    # The ledger, and the links
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
    # Gossip
    "gossip-before",  # what came is judged, and nothing of it is durable
    "gossip-after",  # it is durable, and nobody knows
    "bulletin-before",  # our bulletin is signed, and is not durable
    "bulletin-after",  # it is durable, and nobody was told
    "meet-before",  # a neighbour is about to be told something
    "meet-answered",  # it has answered, and nothing of that is taken
    "meet-taken",  # what it answered is durable
    "met-before",  # a neighbour has told us something, and nothing of that is taken
    "met-taken",  # what it brought is durable, and it has no answer
    "met-answered",  # the answer is made, and not sent
    # Witnesses
    "offer-before",  # a witness is about to be shown our head
    "offer-answered",  # it has answered, and nothing of that is taken
    "cosigned-before",  # our head has its cosignatures, and they are not durable
    "cosigned-after",  # they are
    "cosign-before",  # another log's head is judged, and nothing is durable
    "cosign-after",  # what we make of it is durable, and nobody has the cosignature
)


def reach(point: str) -> None:
    """Say that ``point`` is reached. The tests put something deadly in this function's place."""
    assert point in POINTS, "a point that is not in the registry has no test"
