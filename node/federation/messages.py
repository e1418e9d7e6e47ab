"""From what a peer sent to events for the writer, with all that they need from the database."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from ledger import keys
from ledger.characters import is_printable
from ledger.errors import MalformedObject
from ledger.federation.link import Link, PutMessage
from ledger.federation.message import (
    Prepare,
    body_of,
    message_hash,
    open_run,
)
from ledger.federation.payment import BoxKeys, Inside, box_keys, decode_header, unseal
from ledger.federation.receive import Keys, Received, receive
from ledger.federation.step import Step
from ledger.state import State
from node.connections import Pool
from node.store import Text
from node.work import PeerEvent

TAKEN_MAX = 1024
"""The last messages of a link whose hashes are kept: more than are taken before one is written."""


@dataclass(slots=True)
class MessageReader:
    """Reads the messages of links. ``decision`` is the seed of the circle's decision key.

    ``_taken`` are the hashes of what was taken lately, by link and number.
    """

    pool: Pool
    decision: bytes = field(repr=False)
    _keys: Keys = field(init=False)
    _box: BoxKeys = field(init=False)
    _taken: dict[bytes, dict[int, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._keys = Keys(keys.public_key(self.decision), keys.expand(self.decision))
        self._box = box_keys(self.decision)

    async def read(
        self, link: Link, messages: Sequence[tuple[bytes, bytes]], statement: bytes
    ) -> list[PeerEvent]:
        """The events of what a peer sent, and all that they need from the database.

        Raises MalformedObject, InvalidSignature.
        """
        run = tuple(wire for wire, _ in messages)
        opened = [
            (
                message,
                content,
                Received(link.id, run[place:], body, sealed=sealed, statement=statement),
            )
            for place, ((body, message, content), (_, sealed)) in enumerate(
                zip(open_run(run, link.theirs.link), messages, strict=True)
            )
        ]
        before = await self._received_before(link, [message.seq for message, _, _ in opened])
        inside = {
            message.seq: self._unseal(received.sealed)
            for message, content, received in opened
            if isinstance(content, Prepare)
            and _ends_at(link.circle, content)
            and message.seq not in before
        }
        payees = await self._payees({one.payee for one in inside.values() if one is not None})
        events = []
        for message, _, received in opened:
            text, person = None, 0
            said = inside.get(message.seq)
            if message.seq in before:
                received = replace(received, stored=before[message.seq])
            elif said is not None and said.payee in payees:
                person, account = payees[said.payee]
                text = Text(said.salt, f"{said.payer}\n{said.text.decode()}".encode())
                personal = (keys.text_commitment(text.salt, text.body),)
                received = replace(received, payee=account, personal=personal)
            step = partial(self._receive, received, message.seq)
            events.append(PeerEvent(step, text, person))
        return events

    async def _received_before(self, link: Link, numbers: Sequence[int]) -> dict[int, bytes]:
        """The hashes of the messages that came under these numbers before."""
        known = [number for number in numbers if number <= link.received.seq]
        if not known:
            return {}
        rows = await self.pool.fetch(
            "SELECT seq, wire FROM link_messages WHERE link = $1 AND NOT sent AND seq = ANY($2)",
            link.id,
            known,
        )
        return {row["seq"]: message_hash(body_of(row["wire"])) for row in rows}

    def _receive(self, received: Received, seq: int, state: State, now: int) -> Step:
        taken = self._taken.setdefault(received.link, {})
        if not received.stored:  # it may not have been written when this was read
            received = replace(received, stored=taken.get(seq, b""))
        step = receive(state, self._keys, received, now)
        for change in step.changes:
            if isinstance(change, PutMessage) and not change.sent:
                taken[change.seq] = message_hash(change.body)
                taken.pop(change.seq - TAKEN_MAX, None)
        return step

    def _unseal(self, sealed: bytes) -> Inside | None:
        """What is sealed to this circle; None when it cannot be read, or has no proper text."""
        try:
            inside = unseal(sealed, self._box)
            said = inside.payer + inside.text.decode()
        except (MalformedObject, UnicodeDecodeError):
            return None
        return inside if all(map(is_printable, said.split("\n"))) else None

    async def _payees(self, handles: Set[str]) -> dict[str, tuple[int, int]]:
        """By handle the person, and their account with the least number that is open."""
        if not handles:
            return {}
        rows = await self.pool.fetch(
            """
            SELECT handle, people.person, min(number) AS account
            FROM people JOIN holders USING (person) JOIN accounts ON number = account
            WHERE handle = ANY($1) AND kind = 'member' AND NOT closed
            GROUP BY handle, people.person
            """,
            list(handles),
        )
        return {row["handle"]: (row["person"], row["account"]) for row in rows}


def _ends_at(circle: bytes, prepare: Prepare) -> bool:
    """Whether a payment is that circle's to decide. Nobody's is one whose header is none: that the
    peer has signed it is for the core to see."""
    try:
        return decode_header(prepare.header).decider == circle
    except MalformedObject:
        return False
