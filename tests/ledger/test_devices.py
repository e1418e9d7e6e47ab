"""Keys: how they come, what a new one may do, and how one is stopped."""

from __future__ import annotations

import pytest

from ledger.decide.devices import DEVICES_MAX
from ledger.errors import CapExceeded
from ledger.orders import (
    Act,
    Appoint,
    Enrol,
    Freeze,
    Hold,
    Mandate,
    Open,
    Pay,
    Revoke,
    Sell,
    Settle,
    Thaw,
    Veto,
)
from tests.circle import DAY, PAPER, REASON, Circle, key, town

WEEK = 7 * DAY


def enrol(
    c: Circle,
    by: str,
    name: str,
    device: str,
    *cosigners: str,
    role: str = "device",
    present: int = 1,
) -> None:
    act = Enrol(c[name].person, c.enrolment(device), role, present)
    c.do(c[by], act, cosigners=cosigners)


def pay(c: Circle, amount: int = 1, to: str = "noa") -> Pay:
    return Pay(((c[to].account, amount),))


@pytest.mark.parametrize(
    ("situation", "signer", "subject", "cosigners", "role", "present", "code"),
    [
        ("one's own", "mia", "mia", (), "device", 1, "ok"),
        ("one's own recovery sheet", "mia", "mia", (), "recovery", 1, "ok"),
        ("somebody else's", "noa", "mia", (), "device", 1, "not-authorised"),
        ("by a coordinator, in person", "ann", "mia", (), "device", 1, "ok"),
        ("by a coordinator, at a distance", "ann", "mia", (), "device", 0, "ok"),
        ("a sheet by a coordinator", "ann", "mia", (), "recovery", 1, "ok"),
        ("by an auditor", "ada", "mia", (), "device", 1, "not-authorised"),
        ("for a person without any", "ann", "dot", (), "device", 1, "ok"),
        ("an officer's own", "ann", "ann", (), "device", 1, "ok"),
        ("an officer's, by one", "ann", "ben", (), "device", 1, "cosignatures-missing"),
        ("an auditor's, by one", "ann", "ada", (), "device", 1, "cosignatures-missing"),
        ("an officer's, by the committee", "ann", "ben", ("paper",), "device", 1, "ok"),
    ],
)
def test_enrolling(
    situation: str,
    signer: str,
    subject: str,
    cosigners: tuple[str, ...],
    role: str,
    present: int,
    code: str,
) -> None:
    c = town()
    act = Enrol(c[subject].person, c.enrolment("new"), role, present)
    assert c.try_(c[signer], act, cosigners=cosigners) == code, situation


def test_enrolling_leaves_a_posting_on_each_open_account_of_the_person() -> None:
    """So what key could act for an account is provable from the log."""
    c = town()
    c.do(c["ann"], Open((c["mia"].person,), 0, 5_000, 0, 0, ()), account=0)
    second = c.entries[-1].postings[0].account
    enrol(c, "ann", "mia", "new")
    touched = [(p.account, p.delta, p.seq) for p in c.entries[-1].postings]
    assert touched == [(c["mia"].account, 0, 2), (second, 0, 2)]


def test_a_device_that_its_owner_adds_is_as_good_as_the_first() -> None:
    c = town()
    enrol(c, "mia", "mia", "tablet")
    assert c.try_(c["mia"], pay(c, 1_200), device="tablet") == "ok"


def test_a_device_enrolled_face_to_face_is_capped_for_a_week() -> None:
    c = town()
    enrol(c, "ann", "mia", "new")
    for after, amount, code in [
        (0, 501, "cap"),
        (0, 400, "ok"),
        (0, 101, "cap"),
        (WEEK - 1, 101, "cap"),
        (0, 100, "ok"),
        (0, 1, "cap"),
        (1, 200, "ok"),
    ]:
        c.now += after
        assert c.try_(c["mia"], pay(c, amount), device="new") == code
    assert c.try_(c["mia"], pay(c, 500)) == "ok"


def test_a_device_enrolled_at_a_distance_waits_and_is_then_capped() -> None:
    c = town()
    enrol(c, "ann", "mia", "new", present=0)
    for after, amount, code in [
        (0, 1, "device-unusable"),
        (3 * DAY - 1, 1, "device-unusable"),
        (1, 501, "cap"),
        (0, 500, "ok"),
        (WEEK, 501, "ok"),
    ]:
        c.now += after
        assert c.try_(c["mia"], pay(c, amount), device="new") == code


def test_a_persons_new_devices_share_one_cap() -> None:
    """Nor does revoking one and enrolling the next make room."""
    c = town()
    enrol(c, "mia", "mia", "sheet", role="recovery")
    for name in ("a", "b"):
        c.do(c["mia"], Enrol(c["mia"].person, c.enrolment(name), "device", 1), device="sheet")
    c.do(c["mia"], Enrol(c["mia"].person, c.enrolment("c"), "device", 1), device="a")
    assert c.try_(c["mia"], pay(c, 300), device="a") == "ok"
    refused = c.submit(c.sign(c["mia"], pay(c, 201), device="b"))
    assert isinstance(refused, CapExceeded)
    assert (refused.amount, refused.cap) == (201, 200)
    for name in ("b", "c"):
        assert c.try_(c["mia"], pay(c, 201), device=name) == "cap"
    c.do(c["mia"], Revoke(key("a")), device="b")
    assert c.try_(c["mia"], pay(c, 201), device="c") == "cap"
    assert c.try_(c["mia"], pay(c, 200), device="c") == "ok"
    assert c.try_(c["mia"], pay(c, 1), device="b") == "cap"


def test_a_device_from_a_capped_one_is_capped_as_long() -> None:
    c = town()
    enrol(c, "ann", "mia", "new")
    c.now += WEEK - 1
    c.do(c["mia"], Enrol(c["mia"].person, c.enrolment("newer"), "device", 1), device="new")
    assert c.try_(c["mia"], pay(c, 501), device="newer") == "cap"
    c.now += 1
    assert c.try_(c["mia"], pay(c, 501), device="newer") == "ok"


def test_a_capped_device_moves_no_more_by_way_of_holds_or_mandates() -> None:
    c = town()
    free = c.do(c["mia"], Hold((), 600, c.now)).number
    enrol(c, "ann", "mia", "new")
    mandate = Mandate(c["noa"].person, ("pay",), 10_000, DAY, c.now + DAY)
    table: list[tuple[Act, str]] = [
        (mandate, "not-authorised"),
        (Hold((), 501, c.now), "cap"),
        (Settle(free, c["noa"].account, 501), "cap"),
        (Hold((), 300, c.now), "ok"),
        (Settle(free, c["noa"].account, 201), "cap"),
        (Settle(c.state.size, c["noa"].account, 300), "ok"),
        (Settle(free, c["noa"].account, 200), "ok"),
    ]
    for act, code in table:
        assert c.try_(c["mia"], act, device="new") == code, act


def test_what_a_capped_device_sets_aside_counts_against_the_cap_once() -> None:
    c = town()
    enrol(c, "ann", "mia", "new")
    number = c.do(c["mia"], Hold((), 500, c.now), device="new").number
    assert c.try_(c["mia"], pay(c, 1), device="new") == "cap"
    assert c.try_(c["mia"], Settle(number, c["noa"].account, 500), device="new") == "ok"


def test_an_officers_capped_device_does_not_act_for_the_office() -> None:
    c = town()
    enrol(c, "ben", "ann", "new", "paper")
    sell, account = Sell(1, "cash"), c["mia"].account
    assert c.try_(c["ann"], sell, device="new", account=account) == "not-authorised"
    appoint = Appoint(c["mia"].person, "auditor")
    assert c.try_(c["ann"], appoint, device="new", cosigners=("ben",)) == "not-authorised"
    assert c.try_(c["ben"], appoint, cosigners=("new",)) == "not-authorised"
    assert c.try_(c["ann"], pay(c, 1), device="new") == "ok"
    c.now += WEEK
    assert c.try_(c["ann"], sell, device="new", account=account) == "ok"
    assert c.try_(c["ben"], appoint, cosigners=("new",)) == "ok"


def test_a_recovery_sheet_brings_in_devices_and_does_nothing_else() -> None:
    c = town()
    enrol(c, "mia", "mia", "sheet", role="recovery")
    other: list[Act] = [pay(c), Freeze(key("mia")), Revoke(key("mia")), Hold((), 1, c.now)]
    for act in other:
        assert c.try_(c["mia"], act, device="sheet") == "device-unusable"
    person = c["mia"].person
    sheet = Enrol(person, c.enrolment("sheet 2"), "recovery", 1)
    assert c.try_(c["mia"], sheet, device="sheet") == "not-authorised"
    act = Enrol(c["noa"].person, c.enrolment("theirs"), "device", 1)
    assert c.try_(c["mia"], act, device="sheet") == "not-authorised"
    c.do(c["mia"], Enrol(person, c.enrolment("new"), "device", 1), device="sheet")
    assert c.try_(c["mia"], pay(c, 501), device="new") == "cap"
    assert c.try_(c["mia"], pay(c, 500), device="new") == "ok"
    assert c.try_(c["mia"], pay(c, 700)) == "ok"


def test_a_coordinators_recovery_sheet_enrols_nobody_else() -> None:
    c = town()
    enrol(c, "ann", "ann", "sheet", role="recovery")
    act = Enrol(c["mia"].person, c.enrolment("new"), "device", 1)
    assert c.try_(c["ann"], act, device="sheet", cosigners=("ben",)) == "not-authorised"


@pytest.mark.parametrize(
    ("situation", "code"),
    [
        ("by an older device", "ok"),
        ("by a device reported lost", "device-unusable"),
        ("by the waiting device", "device-unusable"),
        ("by a revoked device", "device-unusable"),
        ("by another person", "not-authorised"),
        ("by a coordinator", "not-authorised"),
        ("when the wait is over", "device-not-found"),
        ("of an unknown device", "device-not-found"),
        ("of a device that never waited", "device-not-found"),
    ],
)
def test_a_device_that_waits_can_be_vetoed(situation: str, code: str) -> None:
    c = town()
    enrol(c, "mia", "mia", "old")
    enrol(c, "ann", "mia", "new", present=0)
    signer = {"by another person": "noa", "by a coordinator": "ann"}.get(situation, "mia")
    device = {"by the waiting device": "new"}.get(situation, "old" if signer == "mia" else signer)
    subject = {"of an unknown device": "x", "of a device that never waited": "mia"}
    match situation:
        case "by a device reported lost":
            c.do(c["ann"], Freeze(key("old")))
        case "by a revoked device":
            c.do(c["mia"], Revoke(key("old")))
        case "when the wait is over":
            c.now += 3 * DAY
    act = Veto(key(subject.get(situation, "new")))
    assert c.try_(c[signer], act, device=device) == code
    c.now += 3 * DAY
    used = c.try_(c["mia"], pay(c), device="new")
    assert used == ("device-unusable" if code == "ok" else "ok")


@pytest.mark.parametrize(
    ("signer", "subject", "cosigners", "code"),
    [
        ("mia", "mia", (), "ok"),
        ("noa", "mia", (), "not-authorised"),
        ("ada", "mia", (), "not-authorised"),
        ("ann", "mia", (), "ok"),
        ("ann", "ann", (), "ok"),
        ("ann", "ben", (), "cosignatures-missing"),
        ("ann", "ben", ("paper",), "ok"),
        ("ann", "ada", (), "cosignatures-missing"),
    ],
)
@pytest.mark.parametrize("act", [Freeze, Revoke])
def test_stopping_a_device(
    act: type[Freeze] | type[Revoke],
    signer: str,
    subject: str,
    cosigners: tuple[str, ...],
    code: str,
) -> None:
    c = town()
    enrol(c, subject, subject, "lost")
    assert c.try_(c[signer], act(key("lost")), cosigners=cosigners) == code
    expected = "device-unusable" if code == "ok" else "ok"
    assert c.try_(c[subject], pay(c, to="oli"), device="lost") == expected


def test_only_a_coordinator_stops_others_devices() -> None:
    """The paper key alone appoints one who then can."""
    c = town()
    for name in ("ben", "mia"):
        for act in (Freeze(key(name)), Revoke(key(name))):
            assert c.try_(PAPER, act, cosigners=("ann",)) == "not-authorised"


def test_a_frozen_device_can_be_thawed_and_a_revoked_one_cannot() -> None:
    c = town()
    enrol(c, "mia", "mia", "lost")
    assert c.try_(c["mia"], Thaw(key("lost"))) == "device-not-found"
    c.do(c["mia"], Freeze(key("lost")))
    assert c.try_(c["mia"], Freeze(key("lost"))) == "device-not-found"
    assert c.try_(c["mia"], Thaw(key("lost")), device="lost") == "device-unusable"
    c.do(c["ann"], Thaw(key("lost")))
    assert c.try_(c["mia"], pay(c), device="lost") == "ok"
    c.do(c["mia"], Freeze(key("lost")))
    c.do(c["mia"], Revoke(key("lost")))
    for act in (Thaw(key("lost")), Freeze(key("lost")), Revoke(key("lost"))):
        assert c.try_(c["mia"], act) == "device-not-found"
    assert c.try_(c["mia"], Enrol(c["mia"].person, c.enrolment("lost"), "device", 1)) == "key-taken"


def test_nobody_stops_the_paper_key() -> None:
    c = town()
    for act in (Freeze(key("paper")), Revoke(key("paper"))):
        assert c.try_(c["ann"], act, cosigners=("ben", "paper")) == "device-not-found"


def test_a_person_has_at_most_sixteen_devices_in_use() -> None:
    c = town()
    for number in range(DEVICES_MAX - 1):
        enrol(c, "mia", "mia", f"{number}")
    act = Enrol(c["mia"].person, c.enrolment("one more"), "device", 1)
    assert c.try_(c["mia"], act) == "order-inconsistent"
    c.do(c["mia"], Freeze(key("3")))
    assert c.try_(c["mia"], act) == "ok"


def test_a_key_is_enrolled_once() -> None:
    """Also a key that an open invitation has, and that of somebody else's device."""
    c = town()
    for name in ("mia", "noa", "paper"):
        act = Enrol(c["mia"].person, c.enrolment(name), "device", 1)
        assert c.try_(c["mia"], act) == "key-taken"


def test_a_stopped_device_cosigns_nothing() -> None:
    c = town()
    act = Appoint(c["mia"].person, "auditor")
    c.do(c["ben"], Freeze(key("ben")))
    assert c.try_(c["ann"], act, cosigners=("ben",)) == "not-authorised"
    assert c.try_(c["ann"], act, cosigners=("ben", "paper")) == "not-authorised"
    assert c.try_(c["ann"], act, cosigners=("paper",), text=REASON) == "ok"
