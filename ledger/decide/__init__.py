"""The decision function: given the state, an order and a time, what happens. Pure."""

from ledger.decide.order import decide_order
from ledger.verdict import (
    Decision,
    Facts,
    KnownRequest,
    Move,
    Prior,
    Transfer,
    Verdict,
)

__all__ = [
    "Decision",
    "Facts",
    "KnownRequest",
    "Move",
    "Prior",
    "Transfer",
    "Verdict",
    "decide_order",
]
