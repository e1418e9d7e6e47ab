"""Random orders held against both readings of the rules: the ledger's, and the check's model."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ledger import codec, entry, keys
from ledger.append import Entry, pack_postings
from ledger.charter import encode_rules
from ledger.decide import Prior
from ledger.entry import Leaf
from ledger.errors import MalformedObject, TallystickError
from ledger.orders import (
    Act,
    Amend,
    Appoint,
    Assign,
    Assist,
    Claim,
    Close,
    Defer,
    Dismiss,
    Enrol,
    Freeze,
    Hold,
    Holder,
    Invite,
    Join,
    Levy,
    Limits,
    Mandate,
    Object,
    Open,
    Pay,
    Payout,
    Redeem,
    Release,
    Reverse,
    Revoke,
    Sell,
    Settle,
    SignedOrder,
    Thaw,
    Uninvite,
    Unmandate,
    Veto,
)
from node.check.book import Book, Transfer
from node.check.findings import WrongEntry
from node.check.founding import found
from node.check.opening import Row, open_row
from node.check.replay import ordered, replay, write
from tests.circle import DAY, HOUR, MINUTE, PAPER, REASON, Circle, Person, key, town

OFFICERS_ACTS = frozenset(
    "Sell Redeem Levy Payout Reverse Invite Uninvite Open Close Limits Holder Assist Appoint "
    "Dismiss Amend Defer".split()
)
WITHOUT_ACCOUNT = frozenset(
    "Reverse Invite Uninvite Join Open Enrol Revoke Freeze Thaw Veto Unmandate Appoint Dismiss "
    "Amend".split()
)
AboutAHold = Settle | Release | Claim | Object | Assign
BESIDE_THE_LOG = ("handle-taken", "request-unusable", "route-unusable", "order-unacceptable")
"""What the ledger looks up and the log does not show."""


def row_of(written: Entry) -> Row:
    """An entry as the table ``entries`` has it."""
    packed = pack_postings(written.packed)
    head = (written.number, written.log_time, written.leaf, written.authority)
    return (*head, written.wire, written.secret, packed)


UNITS_LIKE_FIGURES = (b"2nd hour", b"-", b" x", b"x  y", "cafe\u0301".encode(), "x\u00bd".encode())


@dataclass(slots=True)
class Readings:
    """A circle, and the model that follows it."""

    random: Random
    circle: Circle
    book: Book = field(init=False)
    transfers: dict[int, Transfer] = field(default_factory=dict)
    devices: list[tuple[str, Person]] = field(default_factory=list)
    names: int = 0
    accepted: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        first = open_row(row_of(self.circle.entries[0]))
        self.book, _, effect = found(first)
        write(self.book, first, effect)
        for written in self.circle.entries[1:]:
            self.follow(written)
        self.devices = [(p.device, p) for p in (PAPER, *self.circle.people.values())]
        self.devices = [(name, p) for name, p in self.devices if name != "dot"]

    def follow(self, written: Entry) -> None:
        """The model takes an entry that the ledger made. Raises WrongEntry."""
        opened = open_row(row_of(written))
        replay(self.book, opened, self.transfers)
        moved = tuple((line[0], line[2]) for line in opened.lines)
        self.transfers[opened.number] = Transfer(
            opened.order, opened.authority, opened.person, moved
        )

    def model_takes(self, signed: SignedOrder, now: int) -> bool:
        """Whether the model would let the order stand as the next entry."""
        kind = signed.order.header.kind
        kind = "open" if kind == "join" else kind
        secret = bytes(32)
        committed = entry.order_commitment("member", signed.wire, keys.derive_salt(secret, 0))
        text = signed.order.header.text
        leaf = entry.encode_leaf(Leaf(1, kind, now, b"", (committed,), (), text))
        book: Book = pickle.loads(pickle.dumps(self.book))
        book.transfers = self.transfers
        number = self.circle.state.size
        try:
            opened = open_row((number, now, leaf, "member", signed.wire, secret, b"\x90"))
            effect = ordered(book, opened)
            lines = []
            for account, delta, held in effect.changes:
                row = book.accounts[account]
                balance, reserved = row.balance + delta, row.held + held
                lines.append((account, row.seq + 1, delta, balance, reserved, row.last))
            hashes = [bytes(32)] * len(lines)
            opened = opened._replace(lines=tuple(lines), hashes=hashes)
            opened = opened._replace(authority=effect.authority, public=effect.public)
            write(book, opened, effect)
            entry.decode_postings(codec.encode(lines))
        except (WrongEntry, MalformedObject):
            return False
        return True

    def step(self) -> str:
        """One random order. Returns "" or how the readings differ."""
        self.circle.now += self.random.choice((0, 0, 0, 1, MINUTE, MINUTE, HOUR, HOUR // 2))
        if self.random.random() < 0.01:
            self.follow(self.circle.close_day())
        signed = self._order()
        if signed is None:
            return ""
        before = self.circle.state.size
        header, act = signed.order
        new = isinstance(act, Join) or (isinstance(act, Open) and not act.holder)
        handle = f"new{before}" if new and header.text else ""
        prior = self.circle.facts.priors.get((header.device, header.nonce))
        if prior is not None and prior.entry is None:
            return ""  # what was refused is not in the log
        outcome = self.circle.submit(signed, handle)
        if isinstance(outcome, Entry):
            self.accepted += 1
            self._remember(signed)
            try:
                self.follow(outcome)
            except WrongEntry as error:
                return f"the model refuses {signed.order}: {error}"
        elif isinstance(outcome, TallystickError) and outcome.code not in BESIDE_THE_LOG:
            self.refused += 1
            if self.model_takes(signed, self.circle.now):
                return f"the model takes {signed.order}, which the ledger refuses: {outcome}"
        assert not isinstance(outcome, Prior)
        return ""

    def _remember(self, signed: SignedOrder) -> None:
        header, act = signed.order
        name = f"key {self.names}"
        if isinstance(act, Enrol):
            person = Person(name, act.person, self._account_of(act.person), name)
            self.devices.append((name, person))
        elif isinstance(act, Join) or (isinstance(act, Open) and act.enrolment):
            person_number = self.circle.state.next_person - 1
            account = self.circle.state.next_account - 1
            self.devices.append((name, Person(name, person_number, account, name)))
        assert header.circle == self.circle.state.circle

    def _account_of(self, person: int) -> int:
        held = self.circle.state.held_by(person)
        return held[0].number if held else 0

    def _order(self) -> SignedOrder | None:
        """A random order, mostly one that could be meant; None when it has no encoding."""
        pick, chance = self.random.choice, self.random.random
        name, signer = pick(self.devices)
        act = self._act(signer)
        if type(act).__name__ in OFFICERS_ACTS and chance() < 0.8:
            name, signer = pick(self._committee())
        account = self._account(signer, act)
        holders = self._holders(account)
        if isinstance(act, AboutAHold) and holders and chance() < 0.7:
            name, signer = pick(holders)
        header: dict[str, Any] = {"device": name, "account": account}
        if chance() < (0.9 if type(act).__name__ in OFFICERS_ACTS else 0.3):
            header["text"] = REASON
        if chance() < 0.01:
            header["expires"] = self.circle.now + pick((0, 1, DAY, DAY + 1))
        if chance() < 0.01:
            header["nonce"] = self.circle._nonce - pick((0, 1, 5))
        if chance() < 0.01:
            header["person"] = pick((0, 101, 102, 500))
        if isinstance(act, Pay | Hold | AboutAHold):
            header |= self._by_proxy(header["account"])
        if isinstance(act, Join):
            header |= {"device": f"key {self.names}", "person": 0, "account": 0, "text": REASON}
        known = {device for device, _ in self._committee() + self._holders(header["account"])}
        cosigners = {pick(self.devices)[0]} if chance() < 0.1 else set()
        cosigners |= {pick(sorted(known)) for _ in range(pick((0, 0, 1, 2, 3)))}
        try:
            return self.circle.sign(signer, act, cosigners=tuple(cosigners), **header)
        except MalformedObject:
            return None

    def _by_proxy(self, account: int) -> dict[str, Any]:
        """Sometimes a slip, a mandate, or both; mostly those that fit the account."""
        pick, chance, state = self.random.choice, self.random.random, self.circle.state
        header: dict[str, Any] = {}
        row = state.accounts.get(account)
        if chance() < (0.7 if row and row.deviceless else 0.05):
            slip = (pick(("telephone", "market")), str(int(chance() * 1000)))
            coordinator, person = pick(self._committee())
            header |= {"slip": (slip,), "device": coordinator, "person": person.person}
        living = [mandate for mandate in state.mandates.values() if mandate.account == account]
        if living and chance() < 0.4:
            mandate = pick(living)
            named = [each for each in self.devices if each[1].person == mandate.person]
            header["mandate"] = (mandate.index,)
            if named and "slip" not in header:
                device, person = pick(named)
                header |= {"device": device, "person": person.person}
        return header

    def _committee(self) -> list[tuple[str, Person]]:
        offices = self.circle.state.offices
        members = {person for person, office in offices if office == "coordinator"} | {1}
        return [each for each in self.devices if each[1].person in members]

    def _holders(self, account: int) -> list[tuple[str, Person]]:
        row = self.circle.state.accounts.get(account)
        return [each for each in self.devices if row and each[1].person in row.holders]

    def _account(self, signer: Person, act: Act) -> int:
        pick = self.random.choice
        if type(act).__name__ in WITHOUT_ACCOUNT:
            return 0
        if isinstance(act, Levy | Payout):
            return pick((1, 2, 2, 3, 101))
        state = self.circle.state
        if isinstance(act, AboutAHold) and act.hold in state.holds:
            hold = state.holds[act.hold]
            return pick((hold.account, hold.payee or hold.account, signer.account))
        if isinstance(act, Pay | Hold | Mandate):
            held = [account.number for account in state.held_by(signer.person)]
            return pick((*held, *held, signer.account, self._any_account()))
        return self._any_account()

    def _any_account(self) -> int:
        return self.random.choice((*self.circle.state.accounts, 999))

    def _amount(self) -> int:
        return self.random.choice((1, 5, 20, 100, 299, 301, 500, 700, 1500, 6000, 2**53 - 1))

    def _legs(self) -> tuple[tuple[int, int], ...]:
        count = self.random.choice((1, 1, 1, 2, 3))
        return tuple((self._any_account(), self._amount()) for _ in range(count))

    def _hold_number(self) -> int:
        return self.random.choice((*self.circle.state.holds, 3))

    def _person(self) -> int:
        return self.random.choice((*self.circle.state.persons, 999))

    def _enrolment(self) -> bytes:
        self.names += 1
        old = self.random.random() < 0.05
        name = self.random.choice(self.devices)[0] if old else f"key {self.names}"
        return self.circle.enrolment(name, bytes(32) if self.random.random() < 0.02 else None)

    def _act(self, signer: Person) -> Act:
        pick = self.random.choice
        makers = (
            self._money_act,
            self._money_act,
            self._hold_act,
            self._hold_act,
            self._member_act,
            self._device_act,
            self._office_act,
        )
        return pick(makers)(signer)

    def _money_act(self, signer: Person) -> Act:
        pick, state = self.random.choice, self.circle.state
        return pick(
            (
                lambda: Pay(self._legs()),
                lambda: Pay(((self._any_account(), pick((1, 5, 20))),)),
                lambda: Sell(self._amount(), "cash"),
                lambda: Redeem(self._amount(), "cash"),
                lambda: Levy(self._legs()),
                lambda: Payout(self._legs()),
                lambda: Reverse(pick(range(state.size + 2))),
                lambda: Reverse(pick((*self.circle.facts.transfers, 0))),
            )
        )()

    def _hold_act(self, signer: Person) -> Act:
        pick, now, holds = self.random.choice, self.circle.now, self.circle.state.holds
        claimed = [number for number, hold in holds.items() if hold.claimed]
        number = pick((self._hold_number(), pick(claimed or [3])))
        hold = holds.get(number)
        amount = pick((hold.amount, hold.claimed[1] if hold.claimed else 1)) if hold else 1
        amount = pick((amount, amount, self._amount()))
        payee = hold.payee if hold and hold.payee else 101
        payee = pick((payee, payee, self._any_account()))
        evidence = pick(((),) * 30 + ((b"proof",),))
        made = Hold(
            pick(((), (self._any_account(),), (self._any_account(),))),
            pick((1, 5, 20, self._amount())),
            now + pick((0, MINUTE, DAY)),
            pick(((), (MINUTE,), (HOUR,))),
            pick((0, 1)),
            pick(((),) * 30 + ((bytes(32),),)),
        )
        return pick(
            (
                lambda: made,
                lambda: made,
                lambda: Settle(number, payee, amount, evidence),
                lambda: Settle(number, payee, amount, evidence),
                lambda: Release(number, evidence),
                lambda: Claim(number, amount),
                lambda: Claim(self._hold_number(), pick((1, 5))),
                lambda: Object(number),
                lambda: Assign(number, pick(((payee,), ())), pick(((), (MINUTE,)))),
                self._assign,
                self._assign,
                lambda: Defer(number),
            )
        )()

    def _assign(self) -> Assign:
        """Mostly one that fits: of a hold for nobody to a member, or of another to nobody."""
        pick, holds = self.random.choice, self.circle.state.holds
        window = pick(((), (), (MINUTE,)))
        if pick((True, False)):
            named = [number for number, hold in holds.items() if hold.payee]
            return Assign(pick(named or [3]), (), window)
        unnamed = [number for number, hold in holds.items() if not hold.payee]
        return Assign(pick(unnamed or [3]), (pick((101, 102, 105, self._any_account())),), window)

    def _member_act(self, signer: Person) -> Act:
        pick, now = self.random.choice, self.circle.now
        floor, ceiling = pick((0, -10, -1000, -10_000, -10_001)), pick((0, 100, 5000, 9000))
        starter = pick((0, 0, 50, 200, 9000))
        self.names += 1
        invitation = f"invitation {self.names // pick((1, 2, 3))}"
        invite = Invite(
            key(invitation), floor, ceiling, starter, pick(("", "", "auditor", "coordinator")), now
        )
        return pick(
            (
                lambda: invite._replace(until=now + pick((0, 1, DAY))),
                lambda: invite._replace(until=now + 9 * DAY, starter=0),
                lambda: Uninvite(key(invitation)),
                self._join,
                self._join,
                lambda: Open((), floor, ceiling, starter, pick((0, 1)), (self._enrolment(),)),
                lambda: Open((), floor, ceiling, starter, pick((0, 1)), ()),
                lambda: Open((self._person(),), floor, ceiling, starter, pick((0, 1)), ()),
                Close,
                lambda: Limits(floor, ceiling),
                lambda: Holder(self._person(), pick((0, 1))),
                lambda: Holder(self._person(), pick((0, 1))),
                lambda: Assist(pick((0, 1))),
            )
        )()

    def _join(self) -> Act:
        known = {key(f"invitation {n}"): n for n in range(self.names + 1)}
        living = [n for code, n in known.items() if code in self.circle.state.invitations]
        self.names += 1
        return self.circle.join(
            f"key {self.names}", f"invitation {self.random.choice(living or [0])}"
        )

    def _device_act(self, signer: Person) -> Act:
        pick = self.random.choice
        about = key(pick(self.devices[-8:])[0])
        role = pick(("device", "device", "recovery"))
        person = pick((self._person(), signer.person))
        return pick(
            (
                lambda: Enrol(person, self._enrolment(), role, pick((0, 1))),
                lambda: Enrol(person, self._enrolment(), role, pick((0, 1))),
                lambda: Revoke(about),
                lambda: Freeze(about),
                lambda: Thaw(about),
                lambda: Thaw(about),
                lambda: Veto(about),
            )
        )()

    def _office_act(self, signer: Person) -> Act:
        pick, now = self.random.choice, self.circle.now
        scope = tuple(
            pick(("pay", "hold", "settle", "claim", "assign")) for _ in range(pick((1, 2)))
        )
        until, office = now + pick((0, 1, 9 * DAY)), pick(("coordinator", "auditor"))
        rules = self.circle.state.rules._replace(
            threshold=pick((1, 2, 2, 3, 9)),
            community_floor=pick((-5000, -50_000)),
            device_cap=pick((500, 900)),
            unit_scale=pick((2,) * 20 + (3,)),
            unit_name=pick((b"token",) * 20 + UNITS_LIKE_FIGURES),
        )
        return pick(
            (
                lambda: Mandate(self._person(), scope, pick((0, 100, 9000)), pick((1, DAY)), until),
                lambda: Mandate(self._person(), scope, 9000, DAY, now + 9 * DAY),
                lambda: Unmandate(pick((*self.circle.state.mandates, 5))),
                lambda: Appoint(self._person(), office),
                lambda: Dismiss(self._person(), office),
                lambda: Amend(encode_rules(rules)),
            )
        )()


def compare(seed: int, steps: int) -> Readings:
    """So many random orders; raises AssertionError where the readings differ."""
    readings = Readings(Random(seed), town())
    for _ in range(steps):
        difference = readings.step()
        assert not difference, difference
    return readings
