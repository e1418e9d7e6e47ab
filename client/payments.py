"""Paying into another circle: what is checked before a device signs, and what is proved afterwards.

The member's own node quotes the price and the other circle's keys. The device believes of it only
what the other circle's identity key certifies, and that key is pinned when an address is first paid
into. Then the other circle's signature says what became of the payment, whoever brings it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from client.drafts import Draft
from client.elsewhere import OtherCircle, SentPayment
from client.errors import (
    AnswerInvalid,
    InputRefused,
    NodeRefused,
    OtherCircleChanged,
)
from client.limits import check_payment_text
from client.member import Member
from client.node_client import NodeClient
from client.payment_views import PaymentView, QuoteView
from client.receipts import Proved
from client.transport import Patience
from ledger.charter import Certificate, open_certificate
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.link import Way
from ledger.federation.payment import (
    Inside,
    PaymentHeader,
    decode_header,
    encode_header,
    open_status,
    payment_id,
    seal,
    sealed_hash,
    verify_commit,
)
from ledger.federation.route import Route, encode_route
from ledger.keys import SALT_BYTES
from ledger.orders import Hold

ASK_PATIENCE = Patience(answer_seconds=10, attempts=1)
DEARER = 10
"""A way that costs up to a tenth more than the cheapest may be tried after it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a member asks for: to pay ``handle`` in the circle at ``address`` from ``account``.

    ``payer`` is what the payee is shown, as ``name@address``. Of ``most`` (own minor units) and
    ``arrive`` (the other circle's) one may be None.
    """

    account: int
    payer: str
    handle: str
    address: str
    text: str | None
    most: int | None
    arrive: int | None

    @property
    def who(self) -> str:
        return f"{self.handle}@{self.address}"

    def intent(self) -> str:
        """The same for the same request: it is sent once while it has no answer."""
        parts = (self.account, self.payer, self.who, self.text, self.most, self.arrive)
        return f"hold {sha256(repr(parts).encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payment to be looked at before it is signed. ``cost`` is that of its cheapest way, and of
    it ``rounding`` millionths of a minor unit are lost."""

    draft: Draft
    sent: SentPayment
    cost: int
    rounding: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The other circle's own signed word: committed, refused or unknown."""

    verdict: str
    commit: bytes | None
    status: bytes


async def quote(member: Member, wanted: Wanted) -> QuoteView:
    """What it costs, the other circle verified and pinned.

    Raises OtherCircleChanged, AnswerInvalid, InputRefused, NodeRefused.
    """
    session = await member.session()
    most = wanted.most if wanted.arrive is None else None
    try:
        shown = await session.quote(wanted.address, arrive=wanted.arrive, most=most)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        raise InputRefused(
            f"{wanted.address[:60]} is another circle, and no way there is known here: look at how"
            " it is spelt, or ask your coordinator about it."
        ) from None
    certificate = verify_quote(shown, wanted.address)
    seen = OtherCircle(wanted.address, certificate.circle, shown.name)
    known = await asyncio.to_thread(member.journal.pin_circle, seen)
    if known.circle != certificate.circle:
        raise OtherCircleChanged(wanted.address, known.name)
    if wanted.arrive is not None and shown.arrive != wanted.arrive:
        raise AnswerInvalid("is about another amount than was asked for")
    return shown


def verify_quote(shown: QuoteView, address: str) -> Certificate:
    """The other circle's certificate, proved by its own identity key. Raises AnswerInvalid."""
    try:
        certificate = open_certificate(shown.certificate, shown.signature, shown.identity)
    except (MalformedObject, InvalidSignature):
        raise AnswerInvalid(f"does not prove who {address} is") from None
    if certificate.circle != shown.circle or certificate.origin.partition("/")[0] != address:
        raise AnswerInvalid(f"is about another circle than {address}")
    if not shown.ways or any(not way or way[-1][0] != shown.circle for _, way in shown.ways):
        raise AnswerInvalid(f"has a way that does not lead to {address}")
    return certificate


def prepare(wanted: Wanted, shown: QuoteView) -> Prepared:
    """The order for a verified quote, and what the device keeps of it. Raises InputRefused."""
    text = wanted.text or ""
    check_payment_text(text)
    certificate = verify_quote(shown, wanted.address)
    inside = Inside(wanted.handle, wanted.payer, text.encode(), os.urandom(SALT_BYTES))
    try:
        sealed = seal(inside, certificate.decision, os.urandom(32))
    except MalformedObject:
        raise InputRefused("There is too much text for another circle: say it shorter.") from None
    header = encode_header(
        PaymentHeader(
            certificate.circle,
            certificate.decision,
            shown.deadline,
            shown.arrive,
            sealed_hash(sealed),
        )
    )
    cost, most, ways = _choose(shown.ways, wanted.most)
    act = Hold((), most, shown.deadline, (), 0, (payment_id(header),))
    said = f"{wanted.who}\n{text}" if text else wanted.who
    route = encode_route(Route(header, sealed, ways))
    sent = SentPayment(
        header=header,
        sealed=sealed,
        account=wanted.account,
        most=most,
        who=wanted.who,
        text=wanted.text,
        circle=shown.name,
        url=shown.url,
        unit=shown.unit,
    )
    return Prepared(Draft(act, wanted.account, said, route=route), sent, cost, shown.rounding)


def _choose(ways: Sequence[tuple[int, Way]], most: int | None) -> tuple[int, int, tuple[Way, ...]]:
    """The cheapest cost, the most to set aside, and the ways that it is enough for."""
    cheapest = min(cost for cost, _ in ways)
    if most is None:
        most = max(cost for cost, _ in ways if cost * DEARER <= cheapest * (DEARER + 1))
    chosen = tuple(way for cost, way in ways if cost <= most)
    if not chosen:
        raise InputRefused("That costs more than you said may be spent: say more, or less there.")
    return cheapest, most, chosen


def check_view(view: PaymentView, header: bytes, most: int) -> None:
    """Raise AnswerInvalid unless what the node says of a payment is about the one with this header,
    and what it says to be done is proved by the other circle's signature."""
    if view.header != header or view.payment != payment_id(header):
        raise AnswerInvalid("is about another payment")
    if view.state != "committed":
        return
    try:
        verify_commit(header, view.commit or b"")
    except (InvalidSignature, MalformedObject):
        raise AnswerInvalid("says that a payment arrived, and does not prove it") from None
    if view.cost is None or view.cost > most:
        raise AnswerInvalid("charges more for a payment than was set aside")


async def follow(member: Member, payment: bytes) -> PaymentView:
    """How a payment of one's own stands, proved as far as it can be; what is final is kept.

    Raises AnswerInvalid.
    """
    view = await (await member.session()).payment(payment)
    if view.payment != payment:
        raise AnswerInvalid("is about another payment")
    await settle(member, view)
    return view


async def settle(member: Member, view: PaymentView) -> SentPayment | None:
    """Check what the node says of a payment, and keep what is final. Returns what this device
    keeps of it; None of one that another device sent. Raises AnswerInvalid."""
    sent = await asyncio.to_thread(member.journal.payment, view.payment)
    if sent is None:
        check_view(view, view.header, view.most)
        return None
    check_view(view, sent.header, sent.most)
    final = replace(sent, commit=view.commit, returned=view.reason or "")
    if final != sent:
        await asyncio.to_thread(member.journal.keep_payment, final)
    return final


async def send(member: Member, prepared: Prepared, intent: str) -> Proved:
    """Sign it and send it. What was refused for good is not kept."""
    sent = prepared.sent
    await asyncio.to_thread(member.journal.keep_payment, sent)
    try:
        return await member.order(prepared.draft, intent=intent)
    except NodeRefused:
        waiting = await asyncio.to_thread(member.journal.unanswered)
        if all(order.route != prepared.draft.route for order in waiting):
            await asyncio.to_thread(member.journal.forget_payment, sent.id)
        raise


async def ask_decider(url: str, header: bytes) -> Answer:
    """Ask the other circle itself, at its own node. Raises AnswerInvalid, NodeUnreachable."""
    payment = payment_id(header)
    async with NodeClient(url, ASK_PATIENCE) as node:
        wire, commit = await node.payment_status(payment)
    try:
        decision = decode_header(header).decision
        status = open_status(wire, decision)
        if commit is not None:
            verify_commit(header, commit)
    except (MalformedObject, InvalidSignature):
        raise AnswerInvalid("is not signed by the circle that was paid into") from None
    if status.payment != payment or (status.verdict == "committed") != (commit is not None):
        raise AnswerInvalid("is about another payment, or says two things of one")
    return Answer(status.verdict, commit, wire)


def contradicts(view: PaymentView, answer: Answer) -> bool:
    """Whether the two cannot both be true: each was final when it was said."""
    if view.state == "committed":
        return answer.verdict == "refused"
    return view.state == "released" and answer.verdict == "committed"


async def keep_contradiction(member: Member, view: PaymentView, answer: Answer) -> Path:
    """Keep both sides of a contradiction in a file, and return its path."""
    record = {
        "what": "two accounts of one payment between circles",
        "payment": view.payment.hex(),
        "header": view.header.hex(),
        "node": view.state,
        "reason": view.reason,
        "commit": None if view.commit is None else view.commit.hex(),
        "decider": answer.verdict,
        "decider_status": answer.status.hex(),
        "decider_commit": None if answer.commit is None else answer.commit.hex(),
    }
    data = json.dumps(record, indent=1).encode() + b"\n"
    return await asyncio.to_thread(member.journal.keep_evidence, data)
