"""Who pays whom, how far accounts go, and what a reversal may do."""

from __future__ import annotations

import pytest

from ledger.append import Entry
from ledger.codec import AMOUNT_MAX
from ledger.errors import CeilingExceeded, CreditLimitExceeded
from ledger.orders import (
    COMMUNITY,
    SUSPENSE,
    TREASURY,
    Close,
    Hold,
    Levy,
    Limits,
    Pay,
    Payout,
    Redeem,
    Reverse,
    Sell,
    Settle,
)
from ledger.verdict import Transfer
from tests.circle import DAY, PAPER, Circle, town


def account(c: Circle, name: str) -> int:
    own = {"treasury": TREASURY, "community": COMMUNITY, "suspense": SUSPENSE, "nobody": 999}
    return own[name] if name in own else c[name].account


def legs(c: Circle, **amounts: int) -> tuple[tuple[int, int], ...]:
    return tuple((account(c, name), amount) for name, amount in amounts.items())


@pytest.mark.parametrize(
    ("situation", "signer", "payer", "amounts", "code"),
    [
        ("a member pays another", "mia", "mia", {"noa": 100}, "ok"),
        ("a member pays many at once", "mia", "mia", {"noa": 1, "oli": 2, "dot": 3}, "ok"),
        ("an officer pays as any member", "ann", "ann", {"noa": 100}, "ok"),
        ("a member gives to the community", "mia", "mia", {"community": 5}, "ok"),
        ("a member gives to the treasury", "mia", "mia", {"treasury": 5}, "ok"),
        ("all the way to the credit limit", "mia", "mia", {"noa": 1_200}, "ok"),
        ("one beyond the credit limit", "mia", "mia", {"noa": 1_201}, "credit-limit"),
        ("legs that go beyond together", "mia", "mia", {"noa": 600, "oli": 601}, "credit-limit"),
        ("somebody else's account", "mia", "noa", {"mia": 1}, "not-authorised"),
        ("an officer from a member's account", "ann", "mia", {"ann": 1}, "not-authorised"),
        ("an officer from the treasury", "ann", "treasury", {"ann": 1}, "not-authorised"),
        ("an officer from the community", "ann", "community", {"ann": 1}, "not-authorised"),
        ("to nobody", "mia", "mia", {"nobody": 1}, "account-unknown"),
        ("from nobody", "mia", "nobody", {"mia": 1}, "account-unknown"),
        ("to oneself", "mia", "mia", {"mia": 1}, "order-inconsistent"),
        ("to the suspense account", "mia", "mia", {"suspense": 1}, "order-inconsistent"),
    ],
)
def test_paying(
    situation: str, signer: str, payer: str, amounts: dict[str, int], code: str
) -> None:
    c = town()
    before = c.state.accounts[account(c, payer)].balance if payer != "nobody" else 0
    assert c.try_(c[signer], Pay(legs(c, **amounts)), account=account(c, payer)) == code, situation
    if code == "ok":
        assert c.state.accounts[account(c, payer)].balance == before - sum(amounts.values())


def test_a_payment_beyond_the_payees_ceiling_tells_no_balance() -> None:
    """The payer learns who cannot take it, and nothing of what they have."""
    c = town()
    c.do(c["ann"], Sell(4_750, "cash 1"), account=c["noa"].account)
    c.do(c["ann"], Sell(4_750, "cash 2"), account=c["oli"].account)
    act = Pay(legs(c, noa=51, dot=1, oli=51))
    refused = c.submit(c.sign(c["mia"], act))
    assert isinstance(refused, CeilingExceeded)
    assert vars(refused) == {"accounts": [c["noa"].account, c["oli"].account], "amount": 51}
    assert "4950" not in str(refused)


def test_a_payment_beyond_the_limit_says_what_is_left_to_spend() -> None:
    c = town()
    refused = c.submit(c.sign(c["mia"], Pay(legs(c, noa=1_300))))
    assert isinstance(refused, CreditLimitExceeded)
    assert refused.accounts == [c["mia"].account]
    assert (refused.available, refused.amount, refused.floor) == (200, 1_300, -1_000)


def test_what_is_set_aside_cannot_be_spent() -> None:
    c = town()
    c.do(c["mia"], Hold((), 1_000, c.now))
    assert c.try_(c["mia"], Pay(legs(c, noa=201))) == "credit-limit"
    assert c.try_(c["mia"], Hold((), 201, c.now)) == "credit-limit"
    assert c.try_(c["mia"], Pay(legs(c, noa=200))) == "ok"


@pytest.mark.parametrize("exception", ["settle", "reverse", "lower", "close"])
def test_only_the_listed_exceptions_leave_an_account_outside_its_limits(exception: str) -> None:
    """And from there it can only come back: each step towards the limit narrows what is allowed."""
    c = town()
    mia, noa = c["mia"], c["noa"]
    subject = noa.account
    match exception:
        case "settle":  # to a payee above the ceiling
            number = c.do(mia, Hold((noa.account,), 1_000, c.now)).number
            c.do(c["ann"], Sell(4_800, "cash"), account=noa.account)
            c.do(mia, Settle(number, noa.account, 1_000))
        case "reverse":  # from a payee who has spent it
            paid = c.do(mia, Pay(((noa.account, 1_000),)))
            c.do(noa, Pay(((c["oli"].account, 1_500),)))
            c.do(c["ann"], Reverse(paid.number))
        case "lower":
            c.do(noa, Pay(((mia.account, 700),)))
            c.do(c["ann"], Limits(-100, 100), account=noa.account)
        case _:  # the community takes over a debt that it has no room for
            c.do(mia, Pay(((noa.account, 1_000),)))
            c.do(c["ann"], Payout(((TREASURY, 3_500),)), account=COMMUNITY)
            c.do(c["ann"], Close(), account=mia.account, cosigners=("ben",))
            subject = COMMUNITY
    moved = c.state.accounts[subject]
    below = moved.available < moved.floor
    assert below or moved.balance > moved.ceiling
    assert (moved.lowest, moved.highest) == (
        min(moved.floor, moved.available),
        max(moved.ceiling, moved.balance),
    )
    _check_only_way_is_back(c, subject, below)


def _check_only_way_is_back(c: Circle, subject: int, below: bool) -> None:
    moved = c.state.accounts[subject]
    worse = Levy(((subject, 1),)) if below else Payout(((subject, 1),))
    better = Payout(((subject, 10),)) if below else Levy(((subject, 10),))
    for _ in range(2):
        edge = moved.lowest if below else moved.highest
        expected = "credit-limit" if below else "ceiling"
        assert c.try_(c["ann"], worse, account=TREASURY) == expected
        c.do(c["ann"], better, account=TREASURY)
        assert (moved.lowest if below else moved.highest) == edge + (10 if below else -10)


def test_a_limit_is_hard_again_once_an_account_is_back_inside() -> None:
    c = town()
    mia = c.state.accounts[c["mia"].account]
    c.do(c["mia"], Pay(legs(c, noa=1_200)))
    c.do(c["ann"], Limits(-400, 5_000), account=mia.number)
    assert (mia.balance, mia.lowest) == (-1_000, -1_000)
    c.do(c["noa"], Pay(legs(c, mia=700)))
    assert (mia.balance, mia.lowest) == (-300, -400)
    assert c.try_(c["mia"], Pay(legs(c, noa=101))) == "credit-limit"
    assert c.try_(c["mia"], Pay(legs(c, noa=100))) == "ok"


@pytest.mark.parametrize(
    ("asked", "paid", "code"),
    [
        (70, {"noa": 70}, "ok"),
        (70, {"noa": 71}, "request-unusable"),
        (70, {"noa": 69}, "request-unusable"),
        (70, {"oli": 70}, "request-unusable"),
        (70, {"noa": 70, "oli": 1}, "request-unusable"),
        (AMOUNT_MAX, {"noa": AMOUNT_MAX}, "credit-limit"),
    ],
)
def test_a_request_is_paid_on_its_own_terms(asked: int, paid: dict[str, int], code: str) -> None:
    c = town()
    request = c.request(c["noa"], asked)
    assert c.try_(c["mia"], Pay(legs(c, **paid), request=(request,))) == code


def test_a_request_is_paid_once_also_within_one_batch() -> None:
    """The facts looked up for the batch know of what it has paid already."""
    c = town()
    request = c.request(c["noa"], 70)
    act = Pay(legs(c, noa=70), request=(request,))
    assert c.try_(c["oli"], act._replace(legs=legs(c, noa=69))) == "request-unusable"
    assert [c.try_(c[name], act) for name in ("mia", "oli")] == ["ok", "request-unusable"]
    assert c.try_(c["oli"], act._replace(request=(bytes(32),))) == "request-unusable"


def test_a_request_ends_at_its_time_by_the_log() -> None:
    c = town()
    request = c.request(c["noa"], 70, expires=c.now + 10)
    c.now += 10
    assert c.try_(c["mia"], Pay(legs(c, noa=70), request=(request,))) == "request-unusable"


def test_tokens_are_sold_out_of_the_treasury_and_redeemed_into_it() -> None:
    c = town()
    c.do(c["ann"], Sell(300, "cash 1"), account=c["mia"].account)
    assert (c.balance(c["mia"]), c.state.accounts[TREASURY].balance) == (500, -300)
    c.do(c["ben"], Redeem(1_500, "cash 2"), account=c["mia"].account)
    assert (c.balance(c["mia"]), c.state.accounts[TREASURY].balance) == (-1_000, 1_200)


@pytest.mark.parametrize("fund", ["mia", "suspense"])
def test_only_the_circles_own_funds_collect_and_pay_out(fund: str) -> None:
    c = town()
    for act in (Levy(legs(c, noa=1)), Payout(legs(c, noa=1))):
        code = c.try_(c["ann"], act, account=account(c, fund))
        assert code == "order-inconsistent"


def test_a_levy_is_taken_from_all_or_from_none() -> None:
    c = town()
    refused = c.submit(c.sign(c["ann"], Levy(legs(c, mia=1, noa=1_201, oli=1_201)), account=2))
    assert isinstance(refused, CreditLimitExceeded)
    assert refused.accounts == [c["noa"].account, c["oli"].account]
    assert c.balance(c["mia"]) == 200
    c.do(c["ann"], Levy(legs(c, mia=1, noa=1_200)), account=COMMUNITY)
    assert (c.balance(c["mia"]), c.balance(c["noa"])) == (199, -1_000)


def _reversible(c: Circle) -> dict[str, Entry]:
    mia, noa = c["mia"], c["noa"].account
    hold = c.do(mia, Hold((noa,), 50, c.now)).number
    return {
        "pay": c.do(mia, Pay(((noa, 30), (COMMUNITY, 20)))),
        "settle": c.do(mia, Settle(hold, noa, 40)),
        "sell": c.do(c["ann"], Sell(5, "cash"), account=mia.account),
        "redeem": c.do(c["ann"], Redeem(5, "cash"), account=mia.account),
        "levy": c.do(c["ann"], Levy(((noa, 3),)), account=COMMUNITY),
        "payout": c.do(c["ann"], Payout(((noa, 3),)), account=TREASURY),
    }


@pytest.mark.parametrize("kind", ["pay", "settle", "sell", "redeem", "levy", "payout"])
def test_a_transfer_is_reversed_once_by_a_new_entry(kind: str) -> None:
    c = town()
    entry = _reversible(c)[kind]
    undone = c.do(c["ann"], Reverse(entry.number))
    back = {posting.account: -posting.delta for posting in entry.postings}
    assert {posting.account: posting.delta for posting in undone.postings} == back
    assert c.try_(c["ben"], Reverse(entry.number), cosigners=("ann",)) == "entry-not-reversible"
    assert c.try_(c["ann"], Reverse(undone.number)) == "entry-not-reversible"


def test_what_moved_no_tokens_is_not_reversed() -> None:
    c = town()
    hold = c.do(c["mia"], Hold((), 50, c.now)).number
    for number in (0, 1, hold, c.state.size, 10**15):
        assert c.try_(c["ann"], Reverse(number)) == "entry-not-reversible"


def test_a_transfer_with_a_closed_account_is_not_reversed() -> None:
    """A closed account stays empty for good."""
    c = town()
    paid = c.do(c["mia"], Pay(legs(c, noa=30))).number
    c.do(c["ann"], Close(), account=c["noa"].account)
    assert c.try_(c["ann"], Reverse(paid)) == "entry-not-reversible"


@pytest.mark.parametrize(
    ("situation", "code"),
    [
        ("by the officer whose act it was", "ok"),
        ("by another officer", "cosignatures-missing"),
        ("by another officer and the paper key", "ok"),
        ("of a payment by the reverser", "cosignatures-missing"),
        ("of a payment to the reverser", "cosignatures-missing"),
        ("of a payment between members", "ok"),
    ],
)
def test_undoing_another_officers_act_or_ones_own_payment_is_weighty(
    situation: str, code: str
) -> None:
    c = town()
    ann, mia = c["ann"], c["mia"]
    match situation:
        case "of a payment by the reverser":
            entry = c.do(ann, Pay(((mia.account, 5),)))
        case "of a payment to the reverser":
            entry = c.do(mia, Pay(((ann.account, 5),)))
        case "of a payment between members":
            entry = c.do(mia, Pay(legs(c, noa=5)))
        case _:
            entry = c.do(ann, Sell(5, "cash"), account=mia.account)
    signer = c["ben"] if "another" in situation else ann
    cosigners = ("paper",) if "paper" in situation else ()
    assert c.try_(signer, Reverse(entry.number), cosigners=cosigners) == code


def test_no_sum_of_legs_is_more_than_an_amount() -> None:
    c = town()
    act = Pay(legs(c, noa=AMOUNT_MAX, oli=1))
    assert c.try_(c["mia"], act) == "order-inconsistent"
    assert c.try_(c["mia"], act._replace(legs=legs(c, noa=AMOUNT_MAX - 1, oli=1))) == "credit-limit"
    assert c.try_(c["ann"], Levy(act.legs), account=COMMUNITY) == "order-inconsistent"
    assert c.try_(c["ann"], Payout(act.legs), account=COMMUNITY) == "order-inconsistent"


def _vast() -> Circle:
    """A circle whose charter has every limit as wide as figures go, with mia and noa at theirs."""
    vast = {"credit_limit_max": AMOUNT_MAX, "credit_total_max": AMOUNT_MAX}
    c = town(**vast, treasury_floor=-AMOUNT_MAX, community_floor=-AMOUNT_MAX)
    c.do(c["ann"], Limits(-AMOUNT_MAX + 10_000, AMOUNT_MAX), account=c["mia"].account)
    c.do(c["ann"], Limits(-1_000, AMOUNT_MAX), account=c["noa"].account)
    return c


def test_figures_stay_amounts_also_where_limits_are_passed() -> None:
    """A settle, reversal or closing is exempt from limits, not from what can be counted."""
    c = _vast()
    mia, noa, oli = c["mia"], c["noa"], c["oli"]
    hold = c.do(mia, Hold((noa.account,), 1_000, c.now)).number
    c.do(c["ann"], Sell(AMOUNT_MAX - 300, "cash"), account=noa.account)
    assert c.balance(noa) == AMOUNT_MAX - 100
    assert c.try_(mia, Settle(hold, noa.account, 101)) == "ceiling"
    assert c.try_(oli, Pay(((noa.account, 101),))) == "ceiling"
    spent = c.do(noa, Pay(((mia.account, 1),))).number
    c.do(c["ann"], Payout(((noa.account, 1),)), account=COMMUNITY)
    c.do(mia, Settle(hold, noa.account, 100))
    assert c.balance(noa) == AMOUNT_MAX
    assert c.try_(c["ann"], Reverse(spent)) == "ceiling"


def test_a_reversal_never_takes_an_account_below_what_can_be_counted() -> None:
    c = _vast()
    mia, noa = c["mia"], c["noa"]
    first = c.do(c["ann"], Sell(AMOUNT_MAX - 300, "cash"), account=noa.account).number
    c.do(noa, Pay(((mia.account, AMOUNT_MAX - 300),)))
    assert c.balance(mia) == AMOUNT_MAX - 100
    c.facts.transfers[first] = Transfer("sell", ((noa.account, AMOUNT_MAX),), 0, False)
    assert c.try_(c["ann"], Reverse(first)) == "ok"
    c.facts.transfers[first] = Transfer("sell", ((noa.account, AMOUNT_MAX),), 0, False)
    assert c.try_(c["ann"], Reverse(first)) == "credit-limit"


def test_what_is_set_aside_counts_in_what_can_be_counted() -> None:
    c = _vast()
    mia = c["mia"]
    c.do(mia, Hold((), AMOUNT_MAX - 10_000, c.now))
    for undone, code in ((10_201, "credit-limit"), (10_200, "ok")):
        c.facts.transfers[1] = Transfer("sell", ((mia.account, undone),), 0, False)
        assert c.try_(c["ann"], Reverse(1)) == code


def test_the_paper_key_reverses_nothing() -> None:
    """It is for the committee's acts, and a reversal is a coordinator's."""
    c = town()
    sold = c.do(c["ann"], Sell(5, "cash"), account=c["mia"].account).number
    assert c.try_(PAPER, Reverse(sold), cosigners=("ben",)) == "not-authorised"


def test_no_more_is_set_aside_than_can_be_counted() -> None:
    """Or the posting that says so could not be read again."""
    c = _vast()
    c.do(c["ann"], Sell(AMOUNT_MAX - 1_000, "cash"), account=c["mia"].account)
    c.do(c["mia"], Hold((), AMOUNT_MAX, c.now))
    assert c.try_(c["mia"], Hold((), 1, c.now)) == "order-inconsistent"


def test_a_transfer_may_name_the_day_it_was_about() -> None:
    """Slips are entered late; the log has its own time."""
    c = town()
    for day in (0, 20_000, c.now // DAY + 1):
        c.do(c["mia"], Pay(legs(c, noa=1), happened_on=(day,)))
