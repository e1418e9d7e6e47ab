"""What a device believes of a payment between circles, without a node."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from client.elsewhere import (
    OtherCircle,
    SentPayment,
    decode_circles,
    decode_payment,
    encode_circles,
    encode_payment,
)
from client.errors import AnswerInvalid, InputRefused, InvalidRecord
from client.payment_findings import find_fault
from client.payment_views import PaymentView, QuoteView
from client.payments import (
    Answer,
    Prepared,
    Wanted,
    check_view,
    contradicts,
    prepare,
    verify_quote,
)
from ledger import keys
from ledger.amount import Unit, UnitKind
from ledger.charter import Certificate, certify, origin_of
from ledger.entry import NO_POSTING, Posting
from ledger.federation.evidence import Evidence
from ledger.federation.message import Commit, Prepare, Release
from ledger.federation.payment import box_keys, payment_id, sign_commit, unseal
from ledger.federation.route import decode_route
from ledger.orders import Hold

SEEDS = [os.urandom(32) for _ in range(5)]
IDENTITY, DECISION = SEEDS[0], SEEDS[4]
CIRCLE = keys.circle_id(keys.public_key(IDENTITY))
ADDRESS = "exeter.example:8443"
TOKENS = Unit("token", "tokens", UnitKind.DECIMAL)
WANTED = Wanted(101, "ann@southwark.example", "cat", ADDRESS, "the garden", 125, None)


def make_quote(address: str = ADDRESS, **changed: Any) -> QuoteView:
    """A true quote of the other circle, otherwise as told."""
    log, witness, link, decision = (keys.public_key(seed) for seed in SEEDS[1:])
    origin = origin_of(address, CIRCLE, 1)
    certificate = Certificate(CIRCLE, 1, origin, log, witness, link, decision, bytes(32))
    body, signature = certify(certificate, IDENTITY)
    true = QuoteView(
        circle=CIRCLE,
        address=address,
        url="https://exeter.example:8443",
        name="Exeter Circle",
        identity=keys.public_key(IDENTITY),
        certificate=body,
        signature=signature,
        unit=TOKENS,
        arrive=12,
        deadline=1_800_000_000_000,
        ways=((120, ((CIRCLE, 120),)), (126, ((b"m" * 32, 126), (CIRCLE, 120)))),
    )
    return replace(true, **changed)


@pytest.fixture
def prepared() -> Prepared:
    return prepare(WANTED, make_quote())


def view_of(sent: SentPayment, **changed: Any) -> PaymentView:
    """What an honest node says of it before it has an answer."""
    true = PaymentView(
        payment=sent.id,
        header=sent.header,
        state="open",
        account=101,
        hold=9,
        since=1,
        most=sent.most,
        arrive=12,
        unit=TOKENS,
        name="Exeter Circle",
        url=None,
        cost=None,
        commit=None,
        reason=None,
        waits_for="Exeter Circle",
        who=sent.who,
        text=sent.text,
    )
    return replace(true, **changed)


def test_the_order_signs_the_most_and_only_the_payees_circle_reads_who(prepared: Prepared) -> None:
    act = prepared.draft.act
    assert isinstance(act, Hold)
    assert (act.amount, act.until, act.evidence) == (125, 1_800_000_000_000, (prepared.sent.id,))
    assert prepared.cost == 120
    assert prepared.draft.route is not None
    route = decode_route(prepared.draft.route)
    assert route.ways == (((CIRCLE, 120),),)
    assert payment_id(route.header) == prepared.sent.id
    assert b"cat" not in route.header + route.sealed
    inside = unseal(route.sealed, box_keys(DECISION))
    assert inside[:3] == ("cat", "ann@southwark.example", b"the garden")


def test_a_dearer_way_is_tried_only_within_what_was_agreed() -> None:
    wanted = replace(WANTED, most=None, arrive=12)
    prepared = prepare(wanted, make_quote())
    assert (prepared.cost, prepared.sent.most) == (120, 126)
    assert prepared.draft.route is not None
    assert len(decode_route(prepared.draft.route).ways) == 2
    with pytest.raises(InputRefused, match="costs more than you said"):
        prepare(replace(WANTED, most=119, arrive=12), make_quote())


def test_the_same_request_has_the_same_intent_and_no_other_has() -> None:
    assert WANTED.intent() == replace(WANTED).intent()
    others = (
        replace(WANTED, text="the hedge"),
        replace(WANTED, most=124),
        replace(WANTED, handle="dan"),
        replace(WANTED, account=102),
    )
    assert WANTED.intent() not in {other.intent() for other in others}


@pytest.mark.parametrize(
    "changed",
    [
        {"identity": keys.public_key(os.urandom(32))},
        {"signature": bytes(64)},
        {"certificate": b"\x93\x01\x02\x03"},
        {"circle": b"x" * 32},
        {"ways": ()},
        {"ways": ((120, ((b"m" * 32, 120),)),)},
    ],
)
def test_a_quote_that_proves_nothing_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(AnswerInvalid):
        verify_quote(make_quote(**changed), ADDRESS)


def test_a_quote_for_another_address_is_refused() -> None:
    with pytest.raises(AnswerInvalid, match="another circle than"):
        verify_quote(make_quote("exeter.example"), ADDRESS)


def test_an_arrival_is_believed_only_with_the_deciders_signature(prepared: Prepared) -> None:
    sent = prepared.sent
    commit = sign_commit(sent.id, DECISION)
    check_view(view_of(sent), sent.header, sent.most)
    check_view(view_of(sent, state="committed", cost=120, commit=commit), sent.header, sent.most)
    for wrong in (
        {"state": "committed", "cost": 120},
        {"state": "committed", "cost": 120, "commit": sign_commit(sent.id, os.urandom(32))},
        {"state": "committed", "cost": 126, "commit": commit},
        {"header": sent.header[:-1] + b"\0"},
    ):
        with pytest.raises(AnswerInvalid):
            check_view(view_of(sent, **wrong), sent.header, sent.most)


@pytest.mark.parametrize(
    ("state", "verdict", "wrong"),
    [
        ("open", "committed", False),
        ("open", "refused", False),
        ("open", "unknown", False),
        ("committed", "committed", False),
        ("committed", "unknown", False),
        ("committed", "refused", True),
        ("released", "refused", False),
        ("released", "unknown", False),
        ("released", "committed", True),
    ],
)
def test_two_final_words_that_differ_are_a_contradiction(
    prepared: Prepared, state: str, verdict: str, wrong: bool
) -> None:
    view = view_of(prepared.sent, state=state)
    assert contradicts(view, Answer(verdict, None, b"")) is wrong


def posting(delta: int) -> Posting:
    return Posting(101, 2, delta, delta, 0, NO_POSTING)


def test_a_charge_needs_what_was_set_aside_and_the_other_circles_signature(
    prepared: Prepared,
) -> None:
    sent, act = prepared.sent, prepared.draft.act
    headers = {sent.id: sent.header}
    signed = Evidence(sent.id, Commit(sent.id, sign_commit(sent.id, DECISION)))
    forged = Evidence(sent.id, Commit(sent.id, sign_commit(sent.id, os.urandom(32))))
    assert find_fault(posting(-120), signed, [act], headers) == ""
    assert find_fault(posting(-120), signed, [], headers) == "nothing was set aside for it"
    assert find_fault(posting(-126), signed, [act], headers) == (
        "it charges 126 where 125 was set aside"
    )
    assert find_fault(posting(120), signed, [act], headers).startswith("it charges -120")
    assert find_fault(posting(-120), signed, [act], {}) == "the payment is not shown"
    assert find_fault(posting(-120), forged, [act], headers) == (
        "the other circle did not sign for it"
    )


def test_an_arrival_is_what_the_payment_says_and_a_return_moves_nothing(
    prepared: Prepared,
) -> None:
    sent = prepared.sent
    arrived = Evidence(sent.id, Prepare(sent.header, 120, ()))
    assert find_fault(posting(12), arrived, [], {}) == ""
    assert find_fault(posting(11), arrived, [], {}) == "12 arrived, not 11"
    back = Evidence(sent.id, Release(sent.id, "payee"))
    assert find_fault(posting(0), back, [], {}) == ""
    assert find_fault(posting(-1), back, [], {}) != ""


def test_what_is_kept_reads_back_the_same(prepared: Prepared) -> None:
    sent = replace(prepared.sent, commit=bytes(64), returned="payee")
    assert decode_payment(encode_payment(sent)) == sent
    bare = replace(prepared.sent, unit=None, text=None, url="")
    assert decode_payment(encode_payment(bare)) == bare
    circles = (OtherCircle(ADDRESS, CIRCLE, "Exeter Circle"),)
    assert decode_circles(encode_circles(circles)) == circles


def test_what_cannot_be_read_back_is_not_kept(prepared: Prepared) -> None:
    with pytest.raises(InvalidRecord):
        encode_payment(replace(prepared.sent, header=b"no header"))
    with pytest.raises(InvalidRecord):
        encode_payment(replace(prepared.sent, commit=b"short"))
    with pytest.raises(InvalidRecord):
        encode_circles((OtherCircle("two\nlines", CIRCLE, "Exeter"),))
