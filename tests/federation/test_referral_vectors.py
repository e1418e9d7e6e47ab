"""The vectors of referrals are what their script makes, and the code agrees."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation import referral
from ledger.federation.exchange import CLOCKS_MS_MAX
from tests.vectors.ledger_orders import render
from tests.vectors.make_referrals import ANSWER, REQUEST, make
from tests.vectors.stored import FOLDER, cases, code_of, unhex

FILES = make()


@pytest.mark.parametrize("path", FILES)
def test_a_vector_file_is_what_the_script_makes(path: str) -> None:
    assert (FOLDER / path).read_text() == FILES[path], "run python -m tests.vectors.make_referrals"


def _all(path: str) -> list[dict[str, Any]]:
    return [case.values[0] for case in cases(path)]


def open_referrals(wire: bytes, link_key: bytes) -> referral.Referrals:
    said, body, signature = referral.read_referrals(wire)
    referral.verify_referrals(said, body, signature, said, link_key)
    return said


@pytest.mark.parametrize("case", cases("valid/want.json"))
def test_a_want_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    [encoded] = unhex(case, "encoded")
    want = referral.decode_want(encoded)
    assert render(want) == case["want"]
    assert referral.encode_want(want) == encoded


@pytest.mark.parametrize("case", cases("invalid/want.json"))
def test_what_is_no_want_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(referral.decode_want, *unhex(case, "encoded")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/reply.json"))
def test_a_reply_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    [encoded] = unhex(case, "encoded")
    reply = referral.decode_reply(encoded)
    assert render(reply) == case["reply"]
    assert referral.encode_reply(reply) == encoded


@pytest.mark.parametrize("case", cases("invalid/reply.json"))
def test_what_is_no_reply_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(referral.decode_reply, *unhex(case, "encoded")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/referrals.json"))
def test_referrals_are_read_and_signed_as_stated(case: dict[str, Any]) -> None:
    wire, key, seed = unhex(case, "wire", "link_key", "link_seed")
    said = open_referrals(wire, key)
    assert render(said) == case["referrals"]
    assert referral.sign_referrals(said, seed) == wire


@pytest.mark.parametrize("case", cases("invalid/referrals.json"))
def test_what_are_no_referrals_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(open_referrals, *unhex(case, "wire", "link_key")) == case["error"]


def test_every_word_that_a_half_knows_has_a_vector() -> None:
    wants = [case["want"] for case in _all("valid/want.json")]
    replies = [case["reply"] for case in _all("valid/reply.json")]
    verdicts = [each for want in wants for each in want["verdicts"]]
    offers = [each for reply in replies for each in reply["offers"]]
    assert {want["state"] for want in wants} == {"open", "settled", "over"}
    assert {reply["state"] for reply in replies} == {"looking", "nobody", "unfit"}
    assert {trait for want in wants for trait in want["traits"]} == set(referral.TRAITS)
    assert {each["word"] for each in verdicts} == {
        *("held", "late", "declined"),
        *("accepted", "cancelled"),
    }
    for missed in ({each["missed"] for each in told} for told in (verdicts, offers)):
        assert missed == {"", "helper", "asker"}


def test_the_answer_among_the_vectors_is_to_the_request_before_it() -> None:
    """And is refused as one to any other, or with a clock that is too far off."""
    wire, key = unhex(_all("valid/referrals.json")[1], "wire", "link_key")
    said, body, signature = referral.read_referrals(wire)
    assert said == ANSWER
    expected = REQUEST._replace(
        part="referrals-answer", sender=REQUEST.receiver, receiver=REQUEST.sender
    )
    referral.verify_referrals(said, body, signature, expected, key)
    others: list[dict[str, Any]] = [
        {"part": REQUEST.part},
        {"link": bytes(32)},
        {"sender": REQUEST.sender},
        {"receiver": REQUEST.receiver},
        {"nonce": bytes(16)},
        {"at": said.at + CLOCKS_MS_MAX + 1},
        {"at": said.at - CLOCKS_MS_MAX - 1},
    ]
    for other in others:
        with pytest.raises(MalformedObject):
            referral.verify_referrals(said, body, signature, expected._replace(**other), key)
    asker = unhex(_all("valid/referrals.json")[0], "link_key")
    with pytest.raises(InvalidSignature):
        referral.verify_referrals(said, body, signature, expected, *asker)
