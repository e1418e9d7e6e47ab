"""Payments that are over are forgotten: memory does not grow with them."""

from __future__ import annotations

from ledger.federation.payment import decode_header
from ledger.state import State


def forget(state: State, now: int) -> None:
    """Drop from memory the payments that are resolved on every link, and past their deadlines.

    One that came again would be released as expired. The database keeps them.
    """
    over = [
        payment
        for payment, transit in state.transits.items()
        if transit.status != "open"
        and not (transit.incoming or transit.outgoing)
        and decode_header(transit.header).deadline < now
    ]
    for payment in over:
        del state.transits[payment]
