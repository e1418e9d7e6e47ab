"""A circle in memory: orders signed with keys that follow from names, decided, and appended.

It keeps what a node would keep in its database (entries, nonces, slips, requests, transfers), so
that tests can sign real orders and look at real verdicts without one.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ledger import keys, merkle, orders
from ledger.append import Entry, append, genesis, state_entry
from ledger.charter import (
    Certificate,
    Charter,
    Previous,
    Rules,
    certify,
    encode_charter,
    encode_rules,
    origin_of,
    terms_hash,
)
from ledger.decide import Decision, Facts, KnownRequest, Prior, Transfer, decide_order
from ledger.decide.money import REVERSIBLE
from ledger.declarations import (
    Enrolment,
    PaymentRequest,
    open_request,
    sign_enrolment,
    sign_invitation,
    sign_request,
)
from ledger.errors import Refused, TallystickError
from ledger.orders import (
    LIFETIME_MS_MAX,
    MANDATE_SCOPE,
    PAPER_PERSON,
    WITHOUT_ACCOUNT,
    Act,
    Header,
    Invite,
    Join,
    Open,
    Order,
    SignedOrder,
    cosign,
    kind_of,
    sign_order,
)
from ledger.state import State

NOON = 1_800_000_000_000
"""The Unix milliseconds at which a circle is founded."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

RULES = Rules(
    name=b"Southwark",
    address="southwark.example",
    unit_name=b"token",
    unit_plural=b"tokens",
    unit_kind="decimal",
    unit_scale=2,
    threshold=2,
    credit_limit_max=10_000,
    credit_total_max=100_000,
    treasury_floor=-50_000,
    community_floor=-5_000,
    floor=-1_000,
    ceiling=5_000,
    starter=200,
    assisted_cap=300,
    device_cap=500,
    device_wait=3 * DAY,
)
WORKING = ("log", "witness", "link", "decision")


def seed(name: str) -> bytes:
    """The 32-byte seed of the key called ``name``."""
    return sha256(b"the key of " + name.encode()).digest()


def key(name: str) -> bytes:
    """The public key called ``name``."""
    return keys.public_key(seed(name))


def salt(name: str) -> bytes:
    """32 bytes that follow from a name, where a device or node draws some."""
    return sha256(b"the salt of " + name.encode()).digest()


REASON = (keys.text_commitment(salt("reason"), b"as the meeting decided"),)
"""The commitment to the reason that officers give here."""


def make_charter(rules: Rules = RULES, epoch: int = 1) -> Charter:
    """The charter of the circle whose identity key is called identity."""
    circle = keys.circle_id(key("identity"))
    origin = origin_of(rules.address, circle, epoch)
    encoded = encode_rules(rules)
    previous = () if epoch == 1 else (Previous("an/earlier/epoch", 7, bytes(32), bytes(32)),)
    terms = terms_hash(encoded, key("paper"), previous)
    working = tuple(map(key, WORKING))
    certificate = Certificate._make((circle, epoch, origin, *working, terms))
    body, signature = certify(certificate, seed("identity"))
    return Charter(key("identity"), body, signature, encoded, key("paper"), previous)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody here: ``device`` is the name of the key they sign with."""

    name: str
    person: int
    account: int
    device: str


PAPER = Person("paper", PAPER_PERSON, 0, "paper")


@dataclass(slots=True)
class Circle:
    """A circle and its history. ``now`` is the wall clock, to be set by the test."""

    rules: Rules = RULES
    now: int = NOON
    facts: Facts = field(default_factory=Facts)
    entries: list[Entry] = field(default_factory=list)
    handles: dict[int, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    state: State = field(init=False)
    _nonce: int = 0

    def __post_init__(self) -> None:
        public = encode_charter(make_charter(self.rules))
        self.state, first = genesis(public, salt("entry 0"), self.now)
        self.entries.append(first)

    def __getitem__(self, name: str) -> Person:
        return self.people[name]

    def sign(
        self,
        signer: Person,
        act: Act,
        *,
        account: int | None = None,
        cosigners: tuple[str, ...] = (),
        **header: Any,
    ) -> SignedOrder:
        """Sign as ``signer``, with their account unless another is given or the kind has none.

        Orders that only officers give carry a reason. ``header`` overrides the header's fields, and
        ``device`` names the signing key; ``cosigners`` are names of keys.
        """
        self._nonce += 1
        kind = kind_of(act)
        device = header.pop("device", signer.device)
        fields: dict[str, Any] = {
            "circle": self.state.circle,
            "kind": kind,
            "account": 0 if kind in WITHOUT_ACCOUNT else account or signer.account,
            "person": 0 if kind == "join" else signer.person,
            "device": key(device),
            "nonce": self._nonce,
            "expires": self.now + LIFETIME_MS_MAX,
            "text": () if kind in MANDATE_SCOPE else REASON,
        }
        signed = sign_order(Order(Header(**fields | header), act), seed(device))
        for name in cosigners:
            signed = cosign(signed, seed(name))
        return signed

    def submit(self, signed: SignedOrder, handle: str = "") -> Entry | Prior | TallystickError:
        """What a node does with an order: parse, verify, decide, and append or remember."""
        received = orders.parse(signed.wire)
        orders.verify_signatures(received)
        now = max(self.now, self.state.log_time)
        verdict = decide_order(self.state, self.facts, received, now, handle)
        header = received.order.header
        if isinstance(verdict, Decision):
            number = self.state.size
            secret = salt(f"entry {number}")
            entry = append(self.state, verdict, received.wire, header.text, secret, now)
            self._remember(received, entry, handle)
            return entry
        if isinstance(verdict, Refused):
            refused = Prior(received.id, None, f"{verdict.code}: {verdict}")
            self.facts.priors[header.device, header.nonce] = refused
        return verdict

    def _remember(self, signed: SignedOrder, entry: Entry, handle: str) -> None:
        header = signed.order.header
        self.entries.append(entry)
        self.handles[entry.number] = handle
        self.facts.priors[header.device, header.nonce] = Prior(signed.id, entry.number, None)
        if entry.kind in REVERSIBLE:
            signer = header.person if entry.authority == "officer" else 0
            moves = tuple((posting.account, posting.delta) for posting in entry.postings)
            self.facts.transfers[entry.number] = Transfer(entry.kind, moves, signer, False)

    def do(self, signer: Person, act: Act, handle: str = "", **header: Any) -> Entry:
        """Order something that must be accepted."""
        outcome = self.submit(self.sign(signer, act, **header), handle)
        assert isinstance(outcome, Entry), outcome
        return outcome

    def try_(self, signer: Person, act: Act, handle: str = "", **header: Any) -> str:
        """Order something, and return "ok" or the code of the error."""
        outcome = self.submit(self.sign(signer, act, **header), handle)
        assert not isinstance(outcome, Prior)
        return "ok" if isinstance(outcome, Entry) else outcome.code

    def invite(self, by: Person, name: str, act: Invite, cosigners: tuple[str, ...] = ()) -> Person:
        """Invite somebody, who joins at once from a device called as they are."""
        self.do(by, act, cosigners=cosigners)
        person, account = self.state.next_person, self.state.next_account
        newcomer = Person(name, person, account, name)
        self.do(Person(name, 0, 0, name), self.join(name, f"invitation of {name}"), name)
        self.people[name] = newcomer
        return newcomer

    def join(self, device: str, invitation: str) -> Join:
        """The joining of a device by the invitation key of that name."""
        signature = sign_invitation(self.state.circle, key(device), seed(invitation))
        return Join(key(invitation), signature)

    def enrolment(self, device: str, circle: bytes | None = None) -> bytes:
        """The signed enrolment of the device called so."""
        named = Enrolment(circle or self.state.circle, key(device), self.now, f"{device}'s phone")
        return sign_enrolment(named, seed(device))

    def open(self, by: Person, name: str, **fields: Any) -> Person:
        """Open an account for somebody new, by default on the charter's terms and with a device."""
        person, account = self.state.next_person, self.state.next_account
        rules = self.rules
        terms: dict[str, Any] = {
            "holder": (),
            "floor": rules.floor,
            "ceiling": rules.ceiling,
            "starter": rules.starter,
            "deviceless": 0,
            "enrolment": (self.enrolment(name),),
        }
        self.do(by, Open(**terms | fields), name)
        self.people[name] = Person(name, person, account, name)
        return self.people[name]

    def request(self, payee: Person, amount: int, **fields: Any) -> bytes:
        """Have a payee ask for an amount; returns the request's id."""
        self._nonce += 1
        terms: dict[str, Any] = {
            "circle": self.state.circle,
            "account": payee.account,
            "person": payee.person,
            "device": key(payee.device),
            "amount": amount,
            "nonce": self._nonce,
            "expires": self.now + DAY,
            "text": (),
        }
        wire = sign_request(PaymentRequest(**terms | fields), seed(payee.device))
        opened, request_id = open_request(wire)
        self.facts.requests[request_id] = KnownRequest(opened, False)
        return request_id

    def close_day(self) -> Entry:
        """Append the daily entry over all accounts."""
        number = self.state.size
        entry = state_entry(self.state, salt(f"entry {number}"), max(self.now, self.state.log_time))
        self.entries.append(entry)
        return entry

    def balance(self, person: Person) -> int:
        """What the person's account has, in minor units."""
        return self.state.accounts[person.account].balance

    @property
    def leaf_hashes(self) -> list[bytes]:
        """The hashes that the log's tree is made of."""
        return [merkle.leaf_hash(entry.leaf) for entry in self.entries]


def town(**rules: Any) -> Circle:
    """A circle with two coordinators, ann and ben; an auditor, ada; three members with devices,
    mia, noa and oli; and dot, who has none. Everybody has the starter credit."""
    circle = Circle(RULES._replace(**rules))
    terms = circle.rules
    until = circle.now + DAY

    def invitation(name: str, office: str) -> Invite:
        code = key(f"invitation of {name}")
        return Invite(code, terms.floor, terms.ceiling, terms.starter, office, until)

    ann = circle.invite(PAPER, "ann", invitation("ann", "coordinator"))
    circle.invite(ann, "ben", invitation("ben", "coordinator"), ("paper",))
    circle.invite(ann, "ada", invitation("ada", "auditor"), ("ben",))
    circle.invite(ann, "mia", invitation("mia", ""))
    circle.open(ann, "noa")
    circle.open(circle["ben"], "oli")
    circle.open(ann, "dot", deviceless=1, enrolment=())
    return circle


def snapshot(state: State) -> State:
    """A copy that later entries do not change."""
    return replace(
        state,
        accounts={number: copy(account) for number, account in state.accounts.items()},
        devices=dict(state.devices),
        persons={person: set(keys) for person, keys in state.persons.items()},
        holds=dict(state.holds),
        mandates=dict(state.mandates),
        invitations=dict(state.invitations),
        offices=set(state.offices),
        holdings={person: set(numbers) for person, numbers in state.holdings.items()},
    )


def replay(told: Circle) -> Circle:
    """A circle made anew from the accepted orders alone, and the names and requests beside them."""
    c = Circle(told.rules)
    for number, known in told.facts.requests.items():
        c.facts.requests[number] = replace(known, paid=False)
    for entry in told.entries[1:]:
        c.now = entry.log_time
        if entry.wire:
            outcome = c.submit(orders.parse(entry.wire), told.handles[entry.number])
            assert isinstance(outcome, Entry), outcome
        else:
            c.close_day()
    return c
