"""One line of a statement, as it is told in JSON and in CSV alike."""

from __future__ import annotations

from datetime import date

from node.api.elsewhere import Elsewhere
from node.api.names import Party, PersonName
from node.api.orders import Model


class Slip(Model):
    """The paper slip from which an order was entered."""

    channel: str
    number: str


class Line(Model):
    """What one entry did to the account. Amounts are minor units, times Unix milliseconds.

    ``counterparty`` is the one other account, nameless for a former member. ``by`` is who ordered
    it where that was an officer, or somebody with a mandate. ``happened_on`` is the day it was
    about, ``reference`` the cash book's. ``elsewhere`` is there where it is about a payment between
    circles: ``text`` is then as committed, with whom it is to or from on its first line.
    """

    seq: int
    entry: int
    log_time: int
    kind: str
    authority: str
    delta: int
    balance: int
    held: int
    counterparty: Party | None
    text: str | None
    happened_on: date | None
    reference: str | None
    slip: Slip | None
    by: PersonName | None
    order_id: str | None
    elsewhere: Elsewhere | None
