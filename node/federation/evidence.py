"""What this node keeps that convicts other circles, as pieces that anybody can check.

What contradicts what is known is kept as it came (``freeze``); the other half of the proof is in
the messages of the link. Of all that could be shown, the first is taken that really proves it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ledger import codec, keys
from ledger.errors import TallystickError
from ledger.federation.link import Link, statement_of
from ledger.federation.message import (
    RUN_MAX,
    Accept,
    Commit,
    Content,
    Prepare,
    Propose,
    Release,
    Statement,
    body_of,
    decode_run,
    encode_run,
    open_statement,
    read_message,
    sign_run,
    sign_statement,
)
from ledger.federation.proof import (
    BODIES_MAX,
    FINAL,
    Claims,
    Dispute,
    Evidence,
    Impossible,
    Past,
    Verdicts,
    WrongBooks,
    encode_evidence,
    verify_evidence,
)
from ledger.federation.proof_link import Claim, Finding, Who
from node.connections import Reader

Proved = tuple[Finding, bytes]
"""A piece of evidence, and what it proves."""

_STATEMENTS = ("statement", "past", "account")
_BEGUN = Statement(bytes(32), 1, 0, bytes(32), 0, bytes(32), 0, 0, 0)


@dataclass(frozen=True, slots=True)
class LinkProofs:
    """What there is against the peer of a ``link``; ``seed`` is that of our link key."""

    connection: Reader
    link: Link
    who: Who
    seed: bytes = field(repr=False)

    async def collect(self) -> list[Proved]:
        """A piece of evidence for each thing kept that can be proved to others."""
        rows = await self.connection.fetch(
            "SELECT kind, wire FROM evidence WHERE link = $1 ORDER BY number", self.link.id
        )
        statements = [row["wire"] for row in rows if row["kind"] in _STATEMENTS]
        found = []
        for row in rows:
            if row["kind"] in _STATEMENTS:
                best = await _best(self._by_statement(row["wire"]))
            else:
                best = await _best(self._by_run(row["wire"], statements))
            if best and best not in found:
                found.append(best)
        return found

    async def verdicts(self) -> AsyncIterator[Evidence]:
        """Payments that the peer decides, released for good here and committed to elsewhere."""
        rows = await self.connection.fetch(
            """
            SELECT seq, wire FROM link_messages
            WHERE link = $1 AND NOT sent AND position($2::bytea IN wire) > 0 ORDER BY seq
            """,
            self.link.id,
            FINAL.encode(),
        )
        for row in rows:
            content = read_message(body_of(row["wire"]))[1]
            if not isinstance(content, Release) or content.reason != FINAL:
                continue
            known = await self.connection.fetchrow(
                "SELECT header, commit FROM transits WHERE payment = $1 AND commit <> ''",
                content.payment,
            )
            run = await self._received(row["seq"])
            if known is not None and run is not None:
                commit, release = Claim("commit", known["commit"]), Claim("release", run.signed)
                yield Verdicts((self.who,), known["header"], commit, release)

    # --- what could prove it, the most telling first ----------------------------------------------

    async def _by_run(self, wire: bytes, statements: list[bytes]) -> AsyncIterator[Evidence]:
        """The first message of a run contradicts something, or cannot be."""
        claim = Claim("run", wire)
        wires = decode_run(wire)
        message, content = read_message(body_of(wires[0]))
        for number in (message.seq, message.seq - 1, *await self._mentions(content)):
            async for claims in self._against(claim, number):
                yield claims
        about = await self._about(content)
        if about is not None:
            yield Impossible(self.who, self.link.agreement, wire, about)
        extra = {message.seq + place: body_of(each) for place, each in enumerate(wires)}
        for statement in statements:
            async for books in self._books(statement, extra):
                yield books

    async def _by_statement(self, wire: bytes) -> AsyncIterator[Evidence]:
        """A statement contradicts another, or the messages of either side."""
        claim, link = Claim("statement", wire), self.link
        statement = open_statement(wire, link.theirs.link)
        own, peer = statement.low_seq, statement.high_seq
        if self._we_are_low:
            own, peer = peer, own
        if link.agreed:
            yield Claims(self.who, link.agreement, claim, Claim("statement", link.agreed))
        async for claims in self._against(claim, own):
            yield claims
        async for books in self._books(wire, {}):
            yield books
        for ours in (
            await self._sent(peer),
            Claim("statement", sign_statement(statement_of(link), self.seed)),
        ):
            if ours is not None:
                yield Dispute(self.who, link.agreement, claim, ours)
        if peer > link.sent.seq:
            yield Past(self.who, link.agreement, wire)

    async def _against(self, claim: Claim, number: int) -> AsyncIterator[Evidence]:
        """A claim beside the peer's message of a number, if that was taken."""
        other = await self._received(number) if number else None
        if other is not None:
            yield Claims(self.who, self.link.agreement, claim, other)

    async def _books(self, wire: bytes, extra: dict[int, bytes]) -> AsyncIterator[Evidence]:
        """A statement with all messages that it is about; ``extra`` are peer's not taken here."""
        end = open_statement(wire, self.link.theirs.link)
        bases = [(b"", _BEGUN)]
        if self.link.agreed:
            agreed = open_statement(self.link.agreed, self.link.theirs.link)
            if not (agreed.low_held or agreed.high_held):
                bases.insert(0, (self.link.agreed, agreed))
        for base, begin in bases:
            low = await self._bodies(self._we_are_low, begin.low_seq, end.low_seq, extra)
            high = await self._bodies(not self._we_are_low, begin.high_seq, end.high_seq, extra)
            if low is not None and high is not None:
                yield WrongBooks(self.who, self.link.agreement, base, wire, low, high)

    # --- from the link's messages -----------------------------------------------------------------

    @property
    def _we_are_low(self) -> bool:
        return self.link.circle == self.link.terms.low.circle

    async def _received(self, number: int) -> Claim | None:
        """The peer's message of this number, and those after it up to one that is signed."""
        rows = await self.connection.fetch(
            """
            SELECT wire FROM link_messages WHERE link = $1 AND NOT sent AND seq >= $2
            ORDER BY seq LIMIT $3
            """,
            self.link.id,
            number,
            RUN_MAX,
        )
        wires: list[bytes] = []
        for row in rows:
            wires.append(row["wire"])
            if codec.unpack(row["wire"], len(row["wire"]), "link message")[1]:
                return Claim("run", encode_run(wires))
        return None

    async def _sent(self, number: int) -> Claim | None:
        """Our message of this number, signed."""
        wire = await self.connection.fetchval(
            "SELECT wire FROM link_messages WHERE link = $1 AND sent AND seq = $2",
            self.link.id,
            number,
        )
        return None if wire is None else Claim("run", encode_run(sign_run([wire], self.seed)))

    async def _bodies(
        self, sent: bool, after: int, last: int, extra: dict[int, bytes]
    ) -> tuple[bytes, ...] | None:
        """The messages of a direction behind a number, up to another; None if not all are here."""
        if not 0 <= last - after <= BODIES_MAX:
            return None
        rows = await self.connection.fetch(
            """
            SELECT seq, wire FROM link_messages
            WHERE link = $1 AND sent = $2 AND seq > $3 AND seq <= $4
            """,
            self.link.id,
            sent,
            after,
            last,
        )
        bodies = {row["seq"]: body_of(row["wire"]) for row in rows}
        if not sent:
            bodies = extra | bodies
        wanted = range(after + 1, last + 1)
        return tuple(bodies[seq] for seq in wanted) if bodies.keys() >= set(wanted) else None

    async def _mentions(self, content: Content) -> list[int]:
        """The peer's messages in which the same payment stands."""
        match content:
            case Prepare(header):
                part = header
            case Commit(payment):
                part = payment
            case _:
                return []
        rows = await self.connection.fetch(
            """
            SELECT seq FROM link_messages
            WHERE link = $1 AND NOT sent AND position($2::bytea IN wire) > 0 ORDER BY seq LIMIT 16
            """,
            self.link.id,
            part,
        )
        return [row["seq"] for row in rows]

    async def _about(self, content: Content) -> bytes | None:
        """What a signature in a message is over, where that is known here."""
        match content:
            case Commit(payment):
                header: bytes | None = await self.connection.fetchval(
                    "SELECT header FROM transits WHERE payment = $1", payment
                )
                return header
            case Propose() | Prepare():
                return b""
            case Accept(agreed):
                return await self._proposed(agreed)
            case _:
                return None

    async def _proposed(self, agreed: bytes) -> bytes | None:
        rows = await self.connection.fetch(
            """
            SELECT wire FROM link_messages
            WHERE link = $1 AND sent AND position($2::bytea IN wire) > 0
            """,
            self.link.id,
            b"propose",
        )
        for row in rows:
            content = read_message(body_of(row["wire"]))[1]
            if isinstance(content, Propose) and _id_of(content.agreement) == agreed:
                return content.agreement
        return None


def _id_of(agreement: bytes) -> bytes:
    return keys.object_id(keys.AGREEMENT, agreement)


async def proving(candidates: AsyncIterator[Evidence]) -> AsyncIterator[Proved]:
    """Those that prove something, and fit into a piece."""
    async for candidate in candidates:
        try:
            data = encode_evidence(candidate)
            yield verify_evidence(data), data
        except TallystickError:
            continue


async def _best(candidates: AsyncIterator[Evidence]) -> Proved | None:
    """The first that convicts; else the first that proves anything; or None."""
    second = None
    async for proved in proving(candidates):
        if proved[0].convicted:
            return proved
        second = second or proved
    return second
