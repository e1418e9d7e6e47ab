"""Two certified circles that talk over a link, truthfully unless a test says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger import keys
from ledger.charter import Certificate, certify
from ledger.federation.agreement import (
    Agreement,
    Party,
    encode_agreement,
    join_agreement,
    link_id,
    make_agreement,
    sign_agreement,
)
from ledger.federation.message import (
    FIRST,
    Accept,
    Commit,
    Content,
    Prepare,
    Release,
    Statement,
    encode_run,
    message_hash,
    sign_run,
    sign_statement,
    write_message,
    write_wire,
)
from ledger.federation.payment import PaymentHeader, encode_header, payment_id, sign_commit
from ledger.federation.proof_link import Claim, Who
from tests.circle import NOON, key, seed

EXETER, LUTON = "exeter", "luton"


def certificate_of(name: str, epoch: int = 1) -> Certificate:
    """The working keys of a circle."""
    log, witness, link, decision = (
        key(f"{name} {role}") for role in ("log", "witness", "link", "decision")
    )
    circle, origin = keys.circle_id(key(f"{name} identity")), f"{name}.example/log"
    return Certificate(circle, epoch, origin, log, witness, link, decision, bytes(32))


def who_of(name: str) -> Who:
    """A circle's keys with their certificate."""
    body, signature = certify(certificate_of(name), seed(f"{name} identity"))
    return Who(key(f"{name} identity"), body, signature)


def id_of(name: str) -> bytes:
    return certificate_of(name).circle


def party_of(name: str) -> Party:
    """A circle's side of the agreement."""
    known = certificate_of(name)
    url = f"https://{name}.example"
    return Party(known.circle, known.origin, known.link, known.decision, url, 1, 1, 5_000)


TERMS = make_agreement(1, b"hours", 2_000, 50, party_of(EXETER), party_of(LUTON))
LOW, HIGH = sorted((EXETER, LUTON), key=id_of)
LINK = link_id(id_of(EXETER), id_of(LUTON))


def both_sign(terms: Agreement) -> bytes:
    """The wire form of an agreement of the two."""
    body = encode_agreement(terms)
    return join_agreement(
        body, *(sign_agreement(body, seed(f"{each} link")) for each in (LOW, HIGH))
    )


AGREEMENT = both_sign(TERMS)


def header_of(number: int, decider: str = LUTON) -> bytes:
    """The header of the payment of this number."""
    known = certificate_of(decider)
    sealed = number.to_bytes(32, "big")
    return encode_header(PaymentHeader(known.circle, known.decision, NOON + number, 5, sealed))


def payment_of(number: int) -> bytes:
    return payment_id(header_of(number))


def prepare(number: int, amount: int = 10) -> Prepare:
    return Prepare(header_of(number), amount, ())


def commit(number: int, decider: str = LUTON) -> Commit:
    return Commit(payment_of(number), sign_commit(payment_of(number), seed(f"{decider} decision")))


def release(number: int, reason: str = "limit") -> Release:
    return Release(payment_of(number), reason)


@dataclass(slots=True)
class Talk:
    """The messages of both directions, by the names of their senders; bodies and hashes."""

    said: dict[str, list[tuple[bytes, Content]]] = field(
        default_factory=lambda: {EXETER: [], LUTON: []}
    )

    def say(self, name: str, *contents: Content) -> None:
        """A circle's next messages."""
        for content in contents:
            self.said[name].append((self.body(name, content), content))

    def body(self, name: str, content: Content, after: int | None = None) -> bytes:
        """What its message after the first ``after`` would be."""
        before = len(self.said[name]) if after is None else after
        receiver = LUTON if name == EXETER else EXETER
        return write_message(
            LINK, id_of(name), id_of(receiver), before + 1, self.hash(name, before), content
        )

    def hash(self, name: str, number: int) -> bytes:
        return message_hash(self.said[name][number - 1][0]) if number else FIRST

    def bodies(self, name: str, after: int = 0) -> tuple[bytes, ...]:
        return tuple(body for body, _ in self.said[name][after:])

    def run(self, name: str, first: int, last: int | None = None) -> Claim:
        """A circle's messages of these numbers, signed."""
        return run_of(name, *self.bodies(name)[first - 1 : last])

    def state(self) -> Statement:
        """Where the link stands."""
        sent: dict[tuple[str, bytes], list[int]] = {}
        ended: dict[tuple[str, bytes], list[bool]] = {}
        for name, other in ((LOW, HIGH), (HIGH, LOW)):
            for _, content in self.said[name]:
                if isinstance(content, Prepare):
                    key_of = name, payment_id(content.header)
                    sent.setdefault(key_of, []).append(content.amount)
                elif isinstance(content, Commit | Release):
                    committed = isinstance(content, Commit)
                    ended.setdefault((other, content.payment), []).append(committed)
        held, tally = {LOW: 0, HIGH: 0}, 0
        for (name, payment), amounts in sent.items():
            outcomes = ended.get((name, payment), [])
            held[name] += sum(amounts[len(outcomes) :])
            owed = sum(
                amount for amount, is_owed in zip(amounts, outcomes, strict=False) if is_owed
            )
            tally += -owed if name == LOW else owed
        accepted = sum(
            isinstance(content, Accept) for name in self.said for _, content in self.said[name]
        )
        low, high = len(self.said[LOW]), len(self.said[HIGH])
        ends = (low, self.hash(LOW, low), high, self.hash(HIGH, high))
        return Statement(LINK, 1 + accepted, *ends, tally, held[LOW], held[HIGH])


def run_of(name: str, *bodies: bytes) -> Claim:
    """Messages as a circle signs them."""
    return Claim(
        "run", encode_run(sign_run([write_wire(body) for body in bodies], seed(f"{name} link")))
    )


def statement_of(name: str, statement: Statement) -> Claim:
    """A statement as a circle signs it."""
    return Claim("statement", sign_statement(statement, seed(f"{name} link")))


def a_day() -> Talk:
    """Payments both ways, of which one is still under way."""
    talk = Talk()
    talk.say(EXETER, prepare(1, 40))
    talk.say(LUTON, commit(1))
    talk.say(EXETER, prepare(2, 30))
    talk.say(LUTON, release(2), prepare(3, 25))
    talk.say(EXETER, commit(3), prepare(4, 7))
    return talk
