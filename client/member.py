"""``Member``: a person at their own device, in one circle.

::

    async with open_member(KeyStore(folder)) as member:
        done = await member.order(Draft(Pay(((102, 150),)), account=101, text="Hedge"))

An order's bytes are on the disk before they are sent, and its receipt is verified before it is
believed and kept. Whatever is interrupted in between is sent again, byte for byte, by ``resend``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from client import history, receipts
from client.answers import Accepted, Declined, OrderAnswer, Submission
from client.circle_info import CircleInfo, check_pinned
from client.clock import unix_ms
from client.drafts import LIFETIME_MS, SAVED_LIFETIME_MS, Draft, Signatory, unanswered
from client.errors import (
    HistoryConflict,
    HistoryRewritten,
    HistoryUnproven,
    NodeRefused,
    OrderLost,
    ReceiptInvalid,
)
from client.keystore import KeyStore, UnlockedMembership
from client.node_client import ORDERS_MAX, NodeClient
from client.node_session import NodeSession
from client.order_file import SavedOrder
from client.receipts import Proved
from client.records import KeptReceipt, PinnedCircle, UnansweredOrder
from client.transport import Patience
from client.views import Me
from ledger import declarations, keys, orders
from ledger.declarations import (
    SESSION_LIFETIME_MS_MAX,
    Enrolment,
    PaymentRequest,
    SessionOpening,
)
from ledger.orders import PAPER_PERSON, SignedOrder

Outcome = Proved | NodeRefused | OrderLost | ReceiptInvalid
"""What an order came to: it is booked, it was refused, it is gone, or the answer proves nothing."""


@dataclass(frozen=True, slots=True)
class Resent:
    """An order that had no answer before, and what it came to."""

    order: UnansweredOrder
    outcome: Outcome


class Member:
    """What one membership can do. Made by ``open_member``; ``node`` may be used for what is public.

    Every call may raise the errors of the node and of the key store.
    """

    def __init__(
        self,
        store: KeyStore,
        unlocked: UnlockedMembership,
        node: NodeClient,
        passphrase: str | None = None,
        clock: Callable[[], int] = unix_ms,
    ) -> None:
        self.node = node
        self.journal = store.journal(unlocked.membership.name)
        self.membership = unlocked.membership
        self._store = store
        self._seed = unlocked.seed
        self._passphrase = passphrase
        self._clock = clock
        self._session: NodeSession | None = None
        self._me: Me | None = None
        self._info: CircleInfo | None = None

    @property
    def circle(self) -> PinnedCircle:
        """The circle as it was pinned."""
        return self.membership.circle

    @property
    def person(self) -> int:
        """The member's own number."""
        assert self.membership.person is not None, "the membership is not pending"
        return self.membership.person

    async def circle_info(self) -> CircleInfo:
        """What the circle says of itself, asked for once. Raises CircleChanged."""
        if self._info is None:
            info = await self.node.well_known()
            check_pinned(info, self.circle)
            self._info = info
        return self._info

    async def public_url(self) -> str:
        """Where others reach the circle; this device may reach it in another way."""
        return (await self.circle_info()).url or self.circle.node_url

    async def session(self) -> NodeSession:
        """The session for reading, opened when it is first asked for.

        Raises HistoryConflict when the node has lost what this device has seen.
        """
        if self._session is None:
            known = self.journal.checkpoint()
            try:
                self._session = await self.session_of(self._seed, known)
            except NodeRefused as refused:
                if refused.problem == "history-lost" and known is not None:
                    await self._convict(known)
                raise
        return self._session

    async def session_of(self, seed: bytes, newest: str | None = None) -> NodeSession:
        """A session of any key that the circle knows, such as that of a recovery sheet."""

        async def sign() -> bytes:
            opening = SessionOpening(
                self.circle.circle_id,
                keys.public_key(seed),
                self.circle.origin,
                await asyncio.to_thread(self.journal.reserve_nonce),
                self._clock() + SESSION_LIFETIME_MS_MAX,
            )
            return declarations.sign_session(opening, seed)

        return await self.node.open_session(sign, newest)

    async def me(self, *, afresh: bool = False) -> Me:
        """Who this is, as the node has it; remembered accounts follow it."""
        if self._me is None or afresh:
            me = await (await self.session()).me()
            accounts = tuple(account.number for account in me.accounts)
            if (me.person, accounts) != (self.membership.person, self.membership.accounts):
                self.membership = await asyncio.to_thread(
                    self._store.confirm, self.membership.name, me.person, accounts, self._passphrase
                )
            self._me = me
        return self._me

    async def order(
        self, draft: Draft, *, signatory: Signatory | None = None, intent: str | None = None
    ) -> Proved:
        """Sign, keep, send, verify. Returns the entry once it is proved.

        Asked for again before the first has an answer, the first goes out again instead. This
        device signs, unless another ``signatory`` is to.
        Raises NodeRefused when the circle refuses, ReceiptInvalid, HistoryConflict.
        """
        circle = self.circle.circle_id
        signatory = signatory or self._signatory()
        intent = intent or draft.intent()
        fresh = False

        def sign(nonce: int) -> UnansweredOrder:
            nonlocal fresh
            fresh = True
            signed, memo = draft.sign(circle, signatory, nonce, self._clock() + LIFETIME_MS)
            return unanswered(nonce, intent, signed, memo, draft.route)

        order = await asyncio.to_thread(self.journal.prepare_order, intent, sign)
        (answer,) = await self.node.submit([_submission(order)])
        outcome = await self._conclude(order, answer)
        if not fresh:
            outcome = await self._look_up(order, outcome)
        if not isinstance(outcome, Proved):
            raise outcome
        return outcome

    async def resend(self) -> list[Resent]:
        """Send what has no answer yet again, and say what each order came to."""
        waiting = await asyncio.to_thread(self.journal.unanswered)
        resent = []
        for start in range(0, len(waiting), ORDERS_MAX):
            batch = waiting[start : start + ORDERS_MAX]
            answers = await self.node.submit(list(map(_submission, batch)))
            for order, answer in zip(batch, answers, strict=True):
                outcome = await self._conclude(order, answer)
                resent.append(Resent(order, await self._look_up(order, outcome)))
        return resent

    async def with_paper_key(self, seed: bytes) -> Signatory:
        """The paper key beside this device, or alone where this person is no coordinator."""
        if "coordinator" in (await self.me()).offices:
            return Signatory(self.person, self._seed, (seed,))
        return Signatory(PAPER_PERSON, seed)

    def sign_request(self, request: PaymentRequest) -> bytes:
        """A payment request signed with this device, as it travels."""
        return declarations.sign_request(request, self._seed)

    def enrolment(self, now: int) -> bytes:
        """This device's own signed enrolment; ``now`` in Unix milliseconds."""
        label = self.membership.device_label
        key = self.membership.device_key
        return declarations.sign_enrolment(
            Enrolment(self.circle.circle_id, key, now, label), self._seed
        )

    async def save(self, draft: Draft, *, signatory: Signatory | None = None) -> SavedOrder:
        """Sign an order for others to sign too; it is not sent."""
        signatory = signatory or self._signatory()
        nonce = await asyncio.to_thread(self.journal.reserve_nonce)
        expires = self._clock() + SAVED_LIFETIME_MS
        return SavedOrder(*draft.sign(self.circle.circle_id, signatory, nonce, expires))

    def cosign(self, saved: SavedOrder, *, paper_seed: bytes | None = None) -> SavedOrder:
        """Add this device's signature, or that of the paper key."""
        return saved.cosigned(self._seed if paper_seed is None else paper_seed)

    async def send_saved(self, saved: SavedOrder) -> Proved:
        """Send an order that others may have signed. Doing so twice does it once."""
        wire = saved.signed.wire
        (answer,) = await self.node.submit([Submission(wire, saved.memo)])
        if isinstance(answer, Declined):
            raise answer.problem
        proved = receipts.verify_answer(answer.receipt, self.circle)
        await asyncio.to_thread(self.journal.keep_receipts, [answer.receipt])
        await self.follow(proved.note)
        return proved

    async def follow(self, note: str) -> history.SignedHead:
        """Prove that a head continues what this device knows; keep it, or the evidence.

        Raises HistoryConflict, with the file that the evidence is in.
        """
        try:
            return await history.follow(self.node, self.circle, self.journal, note)
        except HistoryConflict as found:
            raise await self.keep_evidence(found) from None

    async def keep_evidence(
        self, found: HistoryConflict, *, conflicting: tuple[KeptReceipt, ...] = ()
    ) -> HistoryConflict:
        """The same error with the file in which its evidence is kept."""
        record = {
            "what": found.reason,
            "proven": isinstance(found, HistoryRewritten),
            "found": datetime.fromtimestamp(self._clock() / 1000, UTC).isoformat(),
            "circle": self.circle.circle_id.hex(),
            "node": self.circle.node_url,
            "origin": self.circle.origin,
            "log_key": self.circle.log_vkey,
            "known": found.known,
            "shown": found.shown,
            "receipts": [
                {"index": receipt.index, "leaf": receipt.leaf.hex(), "proof": receipt.proof}
                for receipt in conflicting
            ],
        }
        data = json.dumps(record, indent=1, ensure_ascii=False).encode() + b"\n"
        path = await asyncio.to_thread(self.journal.keep_evidence, data)
        return type(found)(found.reason, found.known, found.shown, evidence=path)

    async def _convict(self, known: str) -> None:
        """The node says that it has lost history: find out how, and raise HistoryConflict."""
        await self.follow(await self.node.checkpoint())
        found = HistoryUnproven(history.UNPROVEN, known, await self.node.checkpoint())
        raise await self.keep_evidence(found)

    def _signatory(self) -> Signatory:
        """This person at this device; one who is still to join has no number yet."""
        return Signatory(self.membership.person or 0, self._seed)

    async def _conclude(self, order: UnansweredOrder, answer: OrderAnswer) -> Outcome:
        """Verify an answer and take the order out of the outbox, unless it may be sent again."""
        match answer:
            case Declined(problem):
                # Whether an expired one was booked before is for `_look_up` to find out.
                if answer.is_final and problem.problem != "order-expired":
                    await asyncio.to_thread(self.journal.settle_order, order.nonce)
                return problem
            case Accepted(_, receipt):
                return await self._believe(order, receipt)

    async def _believe(self, order: UnansweredOrder, receipt: KeptReceipt) -> Outcome:
        header = orders.parse(order.wire).order.header
        own = {header.account} & set(self.membership.accounts)
        if header.person != self.membership.person or header.slip or header.mandate:
            own = set()
        if own and not receipt.openings:
            # Answered before: balances are then shown in a session only.
            receipt = await (await self.session()).entry(receipt.index)
        try:
            proved = receipts.verify_answer(receipt, self.circle, own)
        except ReceiptInvalid as invalid:
            return invalid
        # First the head, so that no receipt is kept under a history that is not ours.
        await self.follow(proved.note)
        await asyncio.to_thread(self.journal.settle_order, order.nonce, receipt)
        return proved

    async def _look_up(self, order: UnansweredOrder, outcome: Outcome) -> Outcome:
        """An expired order may have been booked before: its account's statement has it then."""
        if not (isinstance(outcome, NodeRefused) and outcome.problem == "order-expired"):
            return outcome
        signed = orders.parse(order.wire)
        index = await self._find_entry(signed)
        if index is not None:
            receipt = await (await self.session()).entry(index)
            if receipt.order is not None and receipt.order.wire == order.wire:
                return await self._believe(order, receipt)
        await asyncio.to_thread(self.journal.settle_order, order.nonce)
        return OrderLost(signed.order.header.kind, certain=signed.order.header.account != 0)

    async def _find_entry(self, signed: SignedOrder) -> int | None:
        header = signed.order.header
        if not header.account:
            return None
        session = await self.session()
        # No entry is older than the order it stands on.
        oldest = datetime.fromtimestamp((header.expires - SAVED_LIFETIME_MS) / 1000, UTC).date()
        async for line in session.statement(header.account, since=oldest):
            if line.order_id == signed.id:
                return line.entry
        return None


def _submission(order: UnansweredOrder) -> Submission:
    return Submission(order.wire, order.memo, order.route)


@asynccontextmanager
async def open_member(
    store: KeyStore,
    name: str | None = None,
    *,
    passphrase: str | None = None,
    patience: Patience | None = None,
    clock: Callable[[], int] = unix_ms,
) -> AsyncIterator[Member]:
    """A membership, or the default one, connected to its node.

    A pending one is confirmed first, as the circle may have answered. Raises NoMembership,
    KeyStoreLocked.
    """
    unlocked = await asyncio.to_thread(store.load, name, passphrase)
    async with NodeClient(unlocked.membership.circle.node_url, patience) as node:
        member = Member(store, unlocked, node, passphrase, clock)
        if unlocked.membership.is_pending:
            for resent in await member.resend():
                if not isinstance(resent.outcome, Proved):
                    raise resent.outcome
            await member.me()
        yield member
