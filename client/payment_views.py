"""What a node says of other circles and of payments into them: its word, until it is proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from client.circle_info import read_unit
from client.errors import AnswerInvalid
from client.json_fields import Fields
from ledger.amount import Unit
from ledger.federation.link import Way
from ledger.federation.payment import HOPS_MAX
from ledger.federation.route import WAYS_MAX
from ledger.keys import SIGNATURE_BYTES

PEERS_MAX: Final = 1000
PAYMENTS_MAX: Final = 100
STATES: Final = ("open", "committed", "released")


@dataclass(frozen=True, slots=True)
class PeerView:
    """Another circle that this one has an agreement with."""

    circle: bytes
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class QuoteView:
    """What paying into another circle costs: pairs of a cost and a way, cheapest first.

    ``identity``, ``certificate`` and its ``signature`` are the other circle's. ``arrive`` is in its
    minor units; ``unit`` None while its node does not say what it counts in. ``rounding`` is how
    much more the cheapest way costs than what arrives is worth: millionths of an own minor unit.
    """

    circle: bytes
    address: str
    url: str
    name: str
    identity: bytes
    certificate: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    unit: Unit | None
    arrive: int
    deadline: int
    ways: tuple[tuple[int, Way], ...]
    rounding: int = 0


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment into another circle, as the payer's node has it.

    ``state`` is open, committed or released. ``header`` is what the other circle's signature
    ``commit`` is checked against. ``cost`` is there once it is committed, ``reason`` once it came
    back; ``waits_for`` is the neighbour that has the word.
    """

    payment: bytes
    header: bytes = field(repr=False)
    state: str
    account: int
    hold: int
    since: int
    most: int
    arrive: int
    unit: Unit | None
    name: str | None
    url: str | None
    cost: int | None
    commit: bytes | None
    reason: str | None
    waits_for: str | None
    who: str | None
    text: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """Payments, newest first, and the cursor of the next page if there is one."""

    payments: tuple[PaymentView, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The payment between circles that a statement's line is about.

    ``who`` is at its other end, ``text`` what it is for, ``hold`` the entry that set it aside,
    ``reason`` why it came back.
    """

    payment: bytes
    who: str | None
    text: str | None = field(repr=False)
    hold: int | None
    reason: str | None


def _line(fields: Fields, name: str, characters_max: int) -> str:
    line = fields.text(name, characters_max)
    if not line.isprintable():
        raise AnswerInvalid(f"has characters that do not print in {name} of {fields.what}")
    return line


def _optional_line(fields: Fields, name: str) -> str | None:
    return fields.optional(name, lambda name: _line(fields, name, 400))


def _unit(fields: Fields) -> Unit | None:
    return fields.optional("unit", lambda name: read_unit(fields.fields(name)))


def read_peer(peer: Fields) -> PeerView:
    """Raises AnswerInvalid, as all of these."""
    return PeerView(
        peer.hexadecimal("circle", 32), _line(peer, "name", 300), _line(peer, "address", 300)
    )


def read_quote(quote: Fields) -> QuoteView:
    who = quote.fields("who")
    return QuoteView(
        circle=quote.hexadecimal("circle", 32),
        address=_line(quote, "address", 300),
        url=_line(quote, "url", 300),
        name=_line(who, "name", 200),
        identity=who.binary("identity"),
        certificate=who.binary("certificate"),
        signature=who.binary("certificate_signature"),
        unit=_unit(quote),
        arrive=quote.integer("arrive", 1),
        deadline=quote.integer("deadline"),
        ways=quote.objects("ways", WAYS_MAX, _read_way),
        rounding=min(quote.objects("ways", WAYS_MAX, _read_rounding), default=(0, 0))[1],
    )


def _read_rounding(way: Fields) -> tuple[int, int]:
    return way.integer("cost", 1), way.integer("rounding", 0)


def _read_way(way: Fields) -> tuple[int, Way]:
    hops = way.objects(
        "hops", HOPS_MAX, lambda hop: (hop.hexadecimal("circle", 32), hop.integer("amount", 1))
    )
    return way.integer("cost", 1), hops


def read_payment(payment: Fields) -> PaymentView:
    state = payment.text("state", 32)
    if state not in STATES:
        raise AnswerInvalid(f"has a payment that is {state[:32]!a}")
    commit = payment.optional("commit", payment.binary)
    if commit is not None and len(commit) != SIGNATURE_BYTES:
        raise AnswerInvalid("has a signature of another length")
    return PaymentView(
        payment=payment.hexadecimal("payment", 32),
        header=payment.binary("header"),
        state=state,
        account=payment.integer("account", 1),
        hold=payment.integer("hold", 1),
        since=payment.integer("since"),
        most=payment.integer("most", 1),
        arrive=payment.integer("arrive", 1),
        unit=_unit(payment),
        name=_optional_line(payment, "name"),
        url=_optional_line(payment, "url"),
        cost=payment.optional("cost", payment.integer),
        commit=commit,
        reason=_optional_line(payment, "reason"),
        waits_for=_optional_line(payment, "waits_for"),
        who=_optional_line(payment, "who"),
        text=payment.optional("text", payment.text),
    )


def read_payment_page(page: Fields) -> PaymentPage:
    payments = page.objects("payments", PAYMENTS_MAX, read_payment)
    return PaymentPage(payments, page.optional("next", lambda name: page.text(name, 500)))


def read_elsewhere(line: Fields) -> Elsewhere | None:
    """What a statement's line says of a payment between circles; None where it is about none."""
    if "elsewhere" not in line:
        return None
    said = line.fields("elsewhere")
    return Elsewhere(
        payment=said.hexadecimal("payment", 32),
        who=said.optional("who", said.text),
        text=said.optional("text", said.text),
        hold=said.optional("hold", said.integer),
        reason=_optional_line(said, "reason"),
    )
