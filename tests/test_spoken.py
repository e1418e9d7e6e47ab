"""What is read out over the telephone, or posted, names nothing that is to be typed."""

from __future__ import annotations

import pytest

from node.talking.spoken import spoken


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("The hall is closed on Friday.", "The hall is closed on Friday."),
        (
            "Roses: can you help? You are near. Say tally yes 4 or tally no 4.",
            "Roses: can you help? You are near. To answer, tell a coordinator.",
        ),
        (
            "Somebody can help with Roses: say tally yes 4 if they may come.",
            "Somebody can help with Roses. To answer, tell a coordinator.",
        ),
        (
            "Somebody can help with Roses: see tally offers 4.",
            "Somebody can help with Roses. To answer, tell a coordinator.",
        ),
        (
            "You are expected for Roses, Friday at 10:00. Say tally asked 4 for where.",
            "You are expected for Roses, Friday at 10:00. To answer, tell a coordinator.",
        ),
        ("The tally of the week: four.\nCome in!", "The tally of the week: four.\nCome in!"),
        ("Say tally ask.", "To answer, tell a coordinator."),
    ],
)
def test_what_is_to_be_typed_is_not_read_out(written: str, said: str) -> None:
    assert spoken(written) == said
