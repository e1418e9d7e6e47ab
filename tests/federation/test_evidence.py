"""What convicts a circle before anybody, and that nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import combinations_with_replacement, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import InvalidProof, MalformedObject, TallystickError
from ledger.federation.evidence_file import (
    FILE_BYTES_MAX,
    PIECES_MAX,
    read_evidence_file,
    write_evidence_file,
)
from ledger.federation.finding_words import WORDS, tell_finding, tell_numbers
from ledger.federation.link import PutMessage, statement_of
from ledger.federation.message import Content, body_of, open_statement, sign_statement
from ledger.federation.proof import (
    BODIES_MAX,
    EVIDENCE_BYTES_MAX,
    KINDS,
    Claims,
    Evidence,
    Impossible,
    WrongBooks,
    decode_evidence,
    encode_evidence,
    verify_evidence,
)
from ledger.federation.proof_link import Claim
from tests.check_links import Neighbourhood, eventful_neighbourhood
from tests.circle import key, seed
from tests.link_talk import (
    AGREEMENT,
    EXETER,
    HIGH,
    LOW,
    LUTON,
    Talk,
    commit,
    header_of,
    prepare,
    release,
    who_of,
)
from tests.link_talk import statement_of as signed_statement
from tests.vectors.federation_evidence import valid_samples
from tests.vectors.ledger_orders import render
from tests.vectors.stored import cases

SAMPLES = [pytest.param(evidence, id=shows) for shows, evidence in valid_samples()]
STRIDE = 7


@pytest.mark.parametrize("case", cases("valid/evidence.json"))
def test_evidence_proves_what_is_stated(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["evidence"])
    finding = verify_evidence(data)
    assert {name: render(value) for name, value in asdict(finding).items()} == case["finding"]
    assert encode_evidence(decode_evidence(data)) == data


@pytest.mark.parametrize("case", cases("invalid/evidence.json"))
def test_what_proves_nothing_is_refused_with_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(TallystickError) as caught:
        verify_evidence(bytes.fromhex(case["evidence"]))
    assert caught.value.code == case["error"]


def test_every_kind_and_every_finding_has_a_vector_and_words() -> None:
    findings = [verify_evidence(encode_evidence(evidence)) for _, evidence in valid_samples()]
    assert {finding.about for finding in findings} == set(WORDS)
    kinds = {codec.unpack(encode_evidence(each), 2**20, "")[0] for _, each in valid_samples()}
    assert kinds == set(KINDS)
    for finding in findings:
        told = tell_finding(finding)
        assert told.endswith(".")
        assert told[0] != " "
        assert "{" not in told
        for line in tell_numbers(finding):
            assert any(
                part in line
                for part in (finding.circle.hex(), finding.other.hex(), finding.key)
                if part
            )


# --- what was changed ---------------------------------------------------------------------------


def changed(value: Any) -> Iterator[Any]:
    """A value with one part of it changed, in every part."""
    match value:
        case bytes():
            for place in range(0, len(value), STRIDE):
                yield value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
            yield value + b"\0"
            yield value[:-1]
        case str():
            yield from ("run", "statement", "commit", "status", "release")
        case tuple():
            for place, part in enumerate(value):
                for other in changed(part):
                    yield (*value[:place], other, *value[place + 1 :])
            yield value[:-1]
            yield (*value, *value[-1:])


@pytest.mark.parametrize("evidence", SAMPLES)
def test_evidence_with_anything_changed_is_none(evidence: Evidence) -> None:
    """Of every field, each seventh byte is changed, and the fields are cut and doubled."""
    whole = encode_evidence(evidence)
    kind, content = codec.unpack(whole, len(whole), "evidence")
    parts = codec.unpack(content, len(content), "content")
    proved = verify_evidence(whole)
    count = 0
    for other in changed(parts):
        data = codec.encode((kind, codec.encode(other)))
        if data == whole:
            continue
        count += 1
        try:
            finding = verify_evidence(data)
        except TallystickError:
            continue
        # Only leaving out whose key it is leaves a proof, against that key.
        assert kind in ("heads", "verdicts")
        assert (finding.key, finding.circle) == (proved.key, b"")
    assert count > 20


@given(st.binary(max_size=400))
def test_bytes_of_any_kind_are_refused_by_the_tree(data: bytes) -> None:
    with pytest.raises(TallystickError):
        verify_evidence(data)
    with pytest.raises(MalformedObject):
        read_evidence_file(data)


VALUES = st.recursive(
    st.one_of(st.integers(-(2**53), 2**53), st.binary(max_size=80), st.text("run", max_size=5)),
    lambda inner: st.lists(inner, max_size=6).map(tuple),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.sampled_from([each for _, each in valid_samples()]), st.data())
def test_a_part_of_any_kind_is_refused_by_the_tree(evidence: Evidence, data: st.DataObject) -> None:
    """Any field of any evidence, replaced by anything."""
    whole = encode_evidence(evidence)
    kind, content = codec.unpack(whole, len(whole), "evidence")
    parts = list(codec.unpack(content, len(content), "content"))
    place = data.draw(st.integers(0, len(parts) - 1))
    parts[place] = data.draw(VALUES)
    try:
        verify_evidence(codec.encode((kind, codec.encode(tuple(parts)))))
    except TallystickError:
        pass
    else:
        assert parts[place] in ((), b"")


# --- an honest circle ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def day() -> tuple[Talk, list[Claim]]:
    """All that an honest Exeter signs in a day with a Luton that sends payments twice."""
    talk, claims = Talk(), [signed_statement(EXETER, Talk().state())]
    steps: list[list[tuple[str, Content]]] = [
        [(EXETER, prepare(1, 40))],
        [(LUTON, commit(1))],
        [(EXETER, prepare(2, 30))],
        [(LUTON, release(2))],
        [(LUTON, prepare(3, 25)), (EXETER, commit(3))],
        [(LUTON, prepare(5, 25)), (EXETER, release(5))],
        [(EXETER, prepare(4, 7))],
        [(LUTON, prepare(5, 25)), (EXETER, release(5, "seen"))],
        [(LUTON, prepare(3, 25)), (EXETER, release(3, "seen"))],
    ]
    for step in steps:
        for name, content in step:
            talk.say(name, content)
        claims.append(signed_statement(EXETER, talk.state()))
    numbers = range(1, len(talk.said[EXETER]) + 1)
    claims += [talk.run(EXETER, *pair) for pair in combinations_with_replacement(numbers, 2)]
    return talk, claims


def test_honest_circle_is_not_convicted_by_any_two_things_it_signed(
    day: tuple[Talk, list[Claim]],
) -> None:
    _, claims = day
    for first, second in product(claims, claims):
        with pytest.raises(InvalidProof):
            verify_evidence(encode_evidence(Claims(who_of(EXETER), AGREEMENT, first, second)))


def test_honest_circle_is_not_convicted_by_a_signature_that_it_showed(
    day: tuple[Talk, list[Claim]],
) -> None:
    _, claims = day
    runs = [claim.signed for claim in claims if claim.what == "run"]
    for run, number in product(runs, range(1, 6)):
        evidence = Impossible(who_of(EXETER), AGREEMENT, run, header_of(number))
        with pytest.raises((InvalidProof, MalformedObject)):
            verify_evidence(encode_evidence(evidence))


def test_honest_circle_is_not_convicted_by_its_statements_and_all_messages(
    day: tuple[Talk, list[Claim]],
) -> None:
    """From the first message, or from any of its statements on."""
    talk, claims = day
    wires = [claim.signed for claim in claims if claim.what == "statement"]
    for base, wire in product([b"", *wires], wires):
        start, end = (
            open_statement(each, key("exeter link")) if each else None for each in (base, wire)
        )
        assert end is not None
        low = talk.bodies(LOW)[start.low_seq if start else 0 : end.low_seq]
        high = talk.bodies(HIGH)[start.high_seq if start else 0 : end.high_seq]
        evidence = WrongBooks(who_of(EXETER), AGREEMENT, base, wire, low, high)
        with pytest.raises((InvalidProof, MalformedObject)):
            verify_evidence(encode_evidence(evidence))


NEIGHBOURS = ("exeter", "luton", "kent")


@pytest.fixture(scope="module")
def here() -> Neighbourhood:
    """Everything that happens between circles has happened."""
    return eventful_neighbourhood()


def books_of(here: Neighbourhood, name: str, **lies: Any) -> WrongBooks:
    """What a neighbour states of its link, with all messages of it."""
    link = here.link(name)
    said: dict[bool, list[bytes]] = {True: [], False: []}
    for change in here.changes:
        if isinstance(change, PutMessage) and change.link == link.id:
            said[change.sent].append(body_of(change.wire))
    statement = statement_of(link)._replace(**lies)
    wire = sign_statement(statement, seed(f"{name} link"))
    we_are_low = link.circle == link.terms.low.circle
    directions = tuple(said[we_are_low]), tuple(said[not we_are_low])
    return WrongBooks(who_of(name), link.agreement, b"", wire, *directions)


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_neighbour_is_convicted_by_what_is_not_so_and_by_nothing_else(
    here: Neighbourhood, name: str
) -> None:
    """After payments in and out, on and round, changed terms, deferred and given up payments."""
    with pytest.raises(InvalidProof):
        verify_evidence(encode_evidence(books_of(here, name)))
    true = statement_of(here.link(name))
    for field in ("tally", "low_held", "high_held", "agreement"):
        lie = {field: getattr(true, field) + 1}
        finding = verify_evidence(encode_evidence(books_of(here, name, **lie)))
        assert (finding.about, finding.convicted) == ("books", True)
        assert finding.circle == here.link(name).peer


# --- files --------------------------------------------------------------------------------------


PIECES = [encode_evidence(evidence) for _, evidence in valid_samples()][:PIECES_MAX]


def test_a_file_has_what_was_put_into_it() -> None:
    assert read_evidence_file(write_evidence_file(PIECES).encode()) == PIECES


def test_what_is_no_file_of_evidence_is_refused() -> None:
    good = write_evidence_file(PIECES[:1])
    for bad in (
        *("", "{}", "[]", "null", "[" * 5_000, good[:-3], good + "x", good.replace("/1", "/2")),
        *(good.replace('"evidence": [', '"evidence": [3, '), good.replace("[", "[[")),
        *('{"tallystick": "evidence/1", "evidence": []}', good.replace("=", "")[:-9]),
        *('{"tallystick": "evidence/1", "evidence": ["!"]}', good.replace("{", '{"a": 1,')),
        *('{"tallystick": "evidence/1", "evidence": 1.5}', good.replace("{", '{"evidence": [],')),
        '{"tallystick": "evidence/1", "evidence": ["' + "A" * FILE_BYTES_MAX + '"]}',
    ):
        with pytest.raises(MalformedObject):
            read_evidence_file(bad.encode())
    with pytest.raises(MalformedObject):
        read_evidence_file(b"\xff")
    with pytest.raises(MalformedObject):
        write_evidence_file([])


def test_evidence_that_is_too_long_is_refused() -> None:
    """Both before it is written and as it is read."""
    body = bytes(2_000)
    many = (body,) * (EVIDENCE_BYTES_MAX // len(body))
    with pytest.raises(MalformedObject):
        encode_evidence(WrongBooks(who_of(EXETER), AGREEMENT, b"", b"s", many, ()))
    with pytest.raises(MalformedObject):
        encode_evidence(
            WrongBooks(who_of(EXETER), AGREEMENT, b"", b"s", (b"",) * (BODIES_MAX + 1), ())
        )
    with pytest.raises(MalformedObject):
        verify_evidence(bytes(EVIDENCE_BYTES_MAX + 1))
