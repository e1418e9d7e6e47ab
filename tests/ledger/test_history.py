"""Any history whatever: random people, devices and orders, and what holds after each of them."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger import merkle, orders
from ledger.append import Entry
from ledger.charter import encode_rules
from ledger.codec import AMOUNT_MAX
from ledger.decide import Prior
from ledger.entry import decode_leaf, verify_posting
from ledger.errors import NonceConflict, Refused, TallystickError, Unacceptable
from ledger.keys import derive_salt
from ledger.orders import COMMUNITY, LIFETIME_MS_MAX, SUSPENSE, TREASURY, Act, SignedOrder
from ledger.state import State
from tests.circle import DAY, HOUR, MINUTE, REASON, Person, key, replay, seed, snapshot, town

EXEMPT = {"settle", "reverse", "close", "limits", "amend"}
"""The kinds of entry that may leave an account outside its limits, or narrow these around it."""

who = st.integers(0, 30)
amounts = st.one_of(
    st.integers(1, 700), st.integers(1, 12_000), st.sampled_from([1_200, 5_000, AMOUNT_MAX])
)
texts = st.sampled_from([(), REASON])


class History(RuleBasedStateMachine):
    """Orders of all kinds, most of them sensible, many refused; every one is looked at closely."""

    def __init__(self) -> None:
        super().__init__()
        self.c = town(starter=500)
        self.sent: list[tuple[SignedOrder, str, Entry | TallystickError]] = []
        self.requests: list[bytes] = []
        self.devices = [(name, name) for name in self.c.people if name != "dot"]
        self.slips = 0

    def person(self, number: int) -> Person:
        people = [*self.c.people.values()]
        return people[number % (len(people) if number % 5 == 0 else 6)]

    def account(self, number: int) -> int:
        everything = [*self.c.state.accounts, 999]
        return everything[number % len(everything)] if number % 5 == 0 else 101 + number % 7

    def order(self, signer: Person, act: Act, handle: str = "", **header: Any) -> None:
        """Sign, submit, and check what the outcome did."""
        c = self.c
        signed = c.sign(signer, act, **header)
        before, facts = snapshot(c.state), (set(c.facts.slips), set(c.facts.handles))
        requests, transfers = dict(c.facts.requests), dict(c.facts.transfers)
        outcome = c.submit(signed, handle)
        assert not isinstance(outcome, Prior)
        self.sent.append((signed, handle, outcome))
        if isinstance(outcome, Entry):
            self.check_entry(before, outcome)
        else:
            assert isinstance(outcome, Refused | Unacceptable)
            assert c.state == before
            assert (c.facts.slips, c.facts.handles) == facts
            assert (c.facts.requests, c.facts.transfers) == (requests, transfers)

    def check_entry(self, before: State, entry: Entry) -> None:
        """Postings follow on those before, sum to zero, and prove themselves against the leaf."""
        assert sum(posting.delta for posting in entry.postings) == 0
        assert len({posting.account for posting in entry.postings}) == len(entry.postings)
        leaf = decode_leaf(entry.leaf)
        for position, posting in enumerate(entry.postings):
            old = before.accounts.get(posting.account)
            if old is not None:
                assert (posting.seq, posting.previous) == (old.seq + 1, old.last)
                assert posting.balance == old.balance + posting.delta
                self.check_limits(entry, old.available, old.balance, posting.account)
            read = verify_posting(
                entry.packed[position],
                derive_salt(entry.secret, position + 1),
                position,
                len(entry.hashes),
                merkle.inclusion_proof(position, entry.hashes),
                leaf.postings[0],
            )
            assert read == posting

    def check_limits(self, entry: Entry, available: int, balance: int, number: int) -> None:
        """But for the exceptions, no entry moves an account further outside its limits."""
        account = self.c.state.accounts[number]
        if entry.kind not in EXEMPT:
            assert account.available >= min(account.floor, available)
            assert account.balance <= max(account.ceiling, balance)

    @rule(signer=who, payer=who, payees=st.lists(who, min_size=1, max_size=3), amount=amounts)
    def pay(self, signer: int, payer: int, payees: list[int], amount: int) -> None:
        legs = tuple((self.account(number), amount) for number in payees)
        mine = self.person(signer)
        own = self.account(payer) if payer % 3 == 0 else mine.account
        self.order(mine, orders.Pay(legs), account=own)

    @rule(payer=who, payee=who, amount=amounts, window=st.sampled_from([(), (0,), (HOUR,)]))
    def hold(self, payer: int, payee: int, amount: int, window: tuple[int, ...]) -> None:
        named = (self.account(payee),) if payee % 4 else ()
        until = self.c.now + payee % 3 * HOUR
        act = orders.Hold(named, amount, until, window if named else (), amount % 2)
        self.order(self.person(payer), act)

    @rule(payer=who, payee=who, amount=amounts, objected=st.booleans(), say=st.integers(0, 1))
    def promise_help(self, payer: int, payee: int, amount: int, objected: bool, say: int) -> None:
        by, to, number = self.person(payer), self.person(payee), self.c.state.size
        self.order(by, orders.Hold((to.account,), amount, self.c.now + DAY, (HOUR,), say))
        self.order(to, orders.Claim(number, amount))
        if objected:
            self.order(by, orders.Object(number))
        self.c.now += HOUR
        self.order(to, orders.Settle(number, to.account, amount))
        self.order(self.c["ben"], orders.Release(number), account=by.account, text=REASON)

    @rule(asking=who, first=who, second=who, amount=amounts, window=st.sampled_from([(), (HOUR,)]))
    def ask_for_help(
        self, asking: int, first: int, second: int, amount: int, window: tuple[int, ...]
    ) -> None:
        """The first helper cancels, and the second may do it."""
        by, number = self.person(asking), self.c.state.size
        self.order(by, orders.Hold((), amount, self.c.now + DAY, (), 1))
        for helper in (self.person(first), self.person(second)):
            self.order(by, orders.Assign(number, (helper.account,), window))
            self.order(helper, orders.Claim(number, amount))
            if asking % 2 or helper.account == self.account(first):
                self.order(helper, orders.Assign(number, ()))
        self.order(by, orders.Release(number))

    @precondition(lambda self: self.c.state.holds)
    @rule(which=who, signer=who, to=who, amount=amounts, how=st.integers(0, 6), text=texts)
    def resolve(
        self, which: int, signer: int, to: int, amount: int, how: int, text: tuple[bytes, ...]
    ) -> None:
        holds = [*self.c.state.holds.values()]
        hold = holds[which % len(holds)]
        payee = hold.payee or self.account(to)
        small = min(amount, hold.amount) if which % 5 else amount
        acts: list[Act] = [
            orders.Settle(hold.index, payee, small),
            orders.Release(hold.index),
            orders.Claim(hold.index, small),
            orders.Object(hold.index),
            orders.Settle(hold.index, payee, hold.claimed[1] if hold.claimed else small),
            orders.Assign(hold.index, (payee,), (HOUR,) if to % 2 else ()),
            orders.Assign(hold.index, ()),
        ]
        by_payee = how in (2, 4, 6) or (how == 1 and bool(to % 2))
        side = (payee if by_payee else hold.account) if signer % 6 else self.account(to)
        holders = [p for p in self.c.people.values() if p.account == side]
        by = holders[0] if holders and signer % 4 else self.person(signer)
        self.order(by, acts[how], account=side, text=text)

    @rule(signer=who, number=who, amount=amounts, fund=who, which=st.integers(0, 4))
    def officer_moves_tokens(
        self, signer: int, number: int, amount: int, fund: int, which: int
    ) -> None:
        by = self.c["ann" if signer % 3 else "ben"]
        account, own = self.account(number), [TREASURY, COMMUNITY, SUSPENSE][fund % 3]
        two = ((account, amount), (self.account(fund), 1))
        acts: list[tuple[Act, int]] = [
            (orders.Sell(amount, "cash"), account),
            (orders.Redeem(amount, "cash"), account),
            (orders.Levy(two), own),
            (orders.Payout(two), own),
            (orders.Payout(((account, amount),)), TREASURY),
        ]
        self.order(by, acts[which][0], account=acts[which][1])

    @precondition(lambda self: self.c.facts.transfers)
    @rule(which=who, cosigned=st.booleans())
    def reverse(self, which: int, cosigned: bool) -> None:
        numbers = [*self.c.facts.transfers]
        act = orders.Reverse(numbers[which % len(numbers)])
        self.order(self.c["ann"], act, cosigners=("paper",) if cosigned else ())

    @rule(number=who, amount=st.integers(0, 12_000), which=st.integers(0, 3), text=texts)
    def officer_changes_accounts(
        self, number: int, amount: int, which: int, text: tuple[bytes, ...]
    ) -> None:
        acts: list[Act] = [
            orders.Limits(-(amount // 2), amount),
            orders.Close(),
            orders.Holder(self.person(amount).person, number % 2),
            orders.Assist(number % 2),
        ]
        cosigners = ("ben", self.person(number).device)[: amount % 3]
        known = tuple(name for name in cosigners if key(name) in self.c.state.devices)
        unique = tuple(dict.fromkeys(known))
        self.order(self.c["ann"], acts[which], account=self.account(number), cosigners=unique)

    @rule(floor=st.integers(0, 3_000), starter=st.integers(0, 900), how=st.integers(0, 3))
    def newcomer(self, floor: int, starter: int, how: int) -> None:
        c, name = self.c, f"person {len(self.c.people)}"
        person = Person(name, c.state.next_person, c.state.next_account, name)
        if how == 0:
            code = f"code {c.state.size}"
            self.order(c["ann"], orders.Invite(key(code), -floor, 5_000, starter, "", c.now + DAY))
            self.order(Person(name, 0, 0, name), c.join(name, code), name)
        else:
            holder = (c["mia"].person,) if how == 1 else ()
            enrolment = () if holder or how == 2 else (c.enrolment(name),)
            act = orders.Open(holder, -floor, 5_000, starter, int(how == 2), enrolment)
            self.order(c["ann"], act, "" if holder else name)
        outcome = self.sent[-1][2]
        if isinstance(outcome, Entry) and how != 1:
            c.people[name] = person
            if how != 2:
                self.devices.append((name, name))

    @rule(signer=who, subject=who, present=st.integers(0, 1), sheet=st.booleans())
    def enrol(self, signer: int, subject: int, present: int, sheet: bool) -> None:
        by, of = self.person(signer), self.person(subject)
        name = f"device {self.c.state.size}"
        role = "recovery" if sheet else "device"
        act = orders.Enrol(of.person, self.c.enrolment(name), role, present)
        self.order(by if subject % 3 else of, act)
        if isinstance(self.sent[-1][2], Entry):
            self.devices.append((of.name, name))

    @rule(which=who, amount=amounts, to=who)
    def pay_with_another_device(self, which: int, amount: int, to: int) -> None:
        name, device = self.devices[which % len(self.devices)]
        self.order(self.c[name], orders.Pay(((self.account(to), amount),)), device=device)

    @rule(which=who, signer=who, how=st.integers(0, 3))
    def stop_device(self, which: int, signer: int, how: int) -> None:
        waiting = [
            (name, device)
            for name, device in self.devices
            if self.c.state.devices[key(device)].active_from > self.c.now
        ]
        devices = waiting if waiting and how == 2 else self.devices
        name, device = devices[which % len(devices)]
        if device in ("ann", "ben"):
            return  # who has to act in other rules
        kinds = (orders.Freeze, orders.Thaw, orders.Veto, orders.Revoke)
        by = self.c[name] if signer % 2 else self.person(signer)
        self.order(by, kinds[how](key(device)))

    @rule(
        giver=who,
        taker=who,
        cap=st.integers(0, 2_000),
        kinds=st.integers(1, len(orders.MANDATE_SCOPE)),
    )
    def mandate(self, giver: int, taker: int, cap: int, kinds: int) -> None:
        if len(self.c.state.mandates) > 5:
            return
        scope = orders.MANDATE_SCOPE[:kinds]
        until = self.c.now + (1 + cap % 3) * HOUR
        act = orders.Mandate(self.person(taker).person, scope, cap, HOUR, until)
        self.order(self.person(giver), act)

    @precondition(lambda self: self.c.state.mandates)
    @rule(which=who, amount=amounts, to=who, ended=st.booleans())
    def use_mandate(self, which: int, amount: int, to: int, ended: bool) -> None:
        mandates = [*self.c.state.mandates.values()]
        mandate = mandates[which % len(mandates)]
        by = next(p for p in self.c.people.values() if p.person == mandate.person)
        if ended:
            self.order(by, orders.Unmandate(mandate.index))
            return
        amount = min(amount, mandate.cap + 1)
        held = [h.index for h in self.c.state.holds.values() if h.account == mandate.account]
        acts: list[Act] = [
            orders.Pay(((self.account(to), amount),)),
            orders.Hold((), amount, self.c.now),
            orders.Settle(held[0] if held else 0, self.account(to), amount),
            orders.Assign(held[0] if held else 0, (self.account(to),)),
        ]
        act = acts[which % 4]
        self.order(by, act, account=mandate.account, mandate=(mandate.index,))

    @rule(amount=amounts, to=who, again=st.booleans(), cosigned=st.booleans())
    def slip(self, amount: int, to: int, again: bool, cosigned: bool) -> None:
        self.slips += not again
        act = orders.Pay(((self.account(to), amount),))
        self.order(
            self.c["ann"],
            act,
            account=self.c["dot"].account,
            slip=(("book", str(self.slips)),),
            cosigners=("ben",) if cosigned else (),
        )

    @rule(payee=who, amount=st.integers(1, 900), payer=who)
    def request(self, payee: int, amount: int, payer: int) -> None:
        asking = self.person(payee)
        self.requests.append(self.c.request(asking, amount))
        number = self.requests[payer % len(self.requests)]
        asked = self.c.facts.requests[number].request
        act = orders.Pay(((asked.account, asked.amount),), request=(number,))
        self.order(self.person(payer), act)

    @precondition(lambda self: self.c.state.size % 4 == 0)
    @rule(floor=st.integers(0, 60_000), total=st.integers(0, 100_000), threshold=st.integers(1, 4))
    def amend(self, floor: int, total: int, threshold: int) -> None:
        rules = self.c.state.rules._replace(
            treasury_floor=-floor, credit_total_max=20_000 + total, threshold=threshold
        )
        self.order(self.c["ann"], orders.Amend(encode_rules(rules)), cosigners=("ben",))

    @rule(after=st.sampled_from([1, MINUTE, HOUR, 2 * HOUR, DAY, 8 * DAY]), back=st.booleans())
    def time_passes(self, after: int, back: bool) -> None:
        """Mostly on; a clock that goes back a little does not take log time with it."""
        self.c.now += -1 if back else after

    @rule()
    def day_ends(self) -> None:
        before = snapshot(self.c.state)
        self.check_entry(before, self.c.close_day())

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 200))
    def send_again(self, which: int) -> None:
        """The first verdict is final; what had none may have another answer each time."""
        signed, handle, first = self.sent[which % len(self.sent)]
        before = snapshot(self.c.state)
        if isinstance(first, Unacceptable):
            return
        number = first.number if isinstance(first, Entry) else None
        again = self.c.submit(signed, handle)
        assert isinstance(again, Prior)
        assert (again.order_id, again.entry) == (signed.id, number)
        assert self.c.state == before

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 200))
    def use_a_nonce_again(self, which: int) -> None:
        signed, handle, first = self.sent[which % len(self.sent)]
        header, act = signed.order
        name = next((d for _, d in self.devices if key(d) == header.device), None)
        if name is None or isinstance(first, Unacceptable) or type(act) is orders.Join:
            return
        other = header._replace(expires=self.c.now + LIFETIME_MS_MAX - 7)
        outcome = self.c.submit(orders.sign_order(orders.Order(other, act), seed(name)), handle)
        assert isinstance(outcome, NonceConflict)
        assert outcome.order_id == signed.id.hex()

    @invariant()
    def all_balances_sum_to_zero(self) -> None:
        assert sum(account.balance for account in self.c.state.accounts.values()) == 0

    @invariant()
    def what_is_held_is_what_open_holds_set_aside(self) -> None:
        held = dict.fromkeys(self.c.state.accounts, 0)
        for hold in self.c.state.holds.values():
            held[hold.account] += hold.amount
        assert held == {number: a.held for number, a in self.c.state.accounts.items()}

    @invariant()
    def effective_limits_are_the_set_ones_or_the_way_back(self) -> None:
        for account in self.c.state.accounts.values():
            assert account.lowest == min(account.floor, account.available)
            assert account.highest == max(account.ceiling, account.balance)
            assert abs(account.balance) <= AMOUNT_MAX
            assert not account.closed or account.balance == account.held == 0

    @invariant()
    def what_is_kept_twice_agrees(self) -> None:
        state = self.c.state
        members = [a for a in state.accounts.values() if a.kind == "member" and not a.closed]
        assert state.granted == -sum(account.floor for account in members)
        holdings = {
            (person, number) for person, numbers in state.holdings.items() for number in numbers
        }
        assert holdings == {(p, a.number) for a in state.accounts.values() for p in a.holders}
        assert all(device.key in state.persons[device.person] for device in state.devices.values())
        assert state.size == len(self.c.entries)

    def teardown(self) -> None:
        """Replaying the accepted orders gives the same state and leaves; every entry is proved."""
        hashes = self.c.leaf_hashes
        root = merkle.root(hashes)
        for index, leaf in enumerate(hashes):
            proof = merkle.inclusion_proof(index, hashes)
            merkle.verify_inclusion(index, len(hashes), leaf, proof, root)
        again = replay(self.c)
        assert again.leaf_hashes == hashes
        assert again.state == self.c.state


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
