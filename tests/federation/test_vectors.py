"""The vectors of what is between circles are what their script makes, and the code agrees."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import codec, keys
from ledger.federation import agreement, exchange, message, payment, route
from tests.vectors.ledger_orders import render
from tests.vectors.make_federation import make
from tests.vectors.stored import FOLDER, cases, code_of, unhex

FILES = make()


@pytest.mark.parametrize("path", FILES)
def test_a_vector_file_is_what_the_script_makes(path: str) -> None:
    assert (FOLDER / path).read_text() == FILES[path], "run python -m tests.vectors.make_federation"


def read_message(wire: bytes, key: bytes) -> tuple[bytes, message.Message, message.Content]:
    [opened] = message.open_run([wire], key)
    return opened


def unseal(sealed: bytes, seed: bytes) -> payment.Inside:
    return payment.unseal(sealed, payment.box_keys(seed))


def read_exchange(wire: bytes, key: bytes) -> exchange.Exchange:
    found, body, signature = exchange.read_exchange(wire)
    exchange.verify_exchange(found, body, signature, found, key)
    return found


@pytest.mark.parametrize("case", cases("valid/agreement.json"))
def test_an_agreement_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    body, low, high = unhex(case, "body", "low_seed", "high_seed")
    terms = agreement.open_agreement(bytes.fromhex(case["wire"]))
    assert render(terms) == case["agreement"]
    assert agreement.encode_agreement(terms) == body
    signatures = [agreement.sign_agreement(body, seed) for seed in (low, high)]
    assert agreement.join_agreement(body, *signatures).hex() == case["wire"]
    assert keys.object_id(keys.AGREEMENT, body).hex() == case["id"]
    assert agreement.link_id(terms.high.circle, terms.low.circle).hex() == case["link"]


@pytest.mark.parametrize("case", cases("invalid/agreement.json"))
def test_what_is_no_agreement_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(agreement.open_agreement, *unhex(case, "wire")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/rate.json"))
def test_an_amount_is_worth_what_is_stated(case: dict[str, Any]) -> None:
    side = agreement.Party(b"", "", b"", b"", "", case["own"], case["linked"], 0)
    amount = case["amount"]
    assert agreement.worth_at_least(side, amount) == case["worth_at_least"]
    assert agreement.worth_at_most(side, amount) == case["worth_at_most"]
    assert agreement.link_amount(side, amount) == case["amount_for"]
    enough = agreement.worth_at_least(side, case["amount_for"])
    assert enough >= amount > agreement.worth_at_least(side, case["amount_for"] - 1)


@pytest.mark.parametrize("case", cases("valid/link-message.json"))
def test_a_link_message_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, key, seed, body = unhex(case, "wire", "link_key", "link_seed", "body")
    found, read, content = read_message(wire, key)
    assert found == body
    assert (render(read), render(content)) == (case["message"], case["content"])
    assert message.write_message(*read[:5], content) == body
    assert message.sign_run([message.write_wire(body)], seed) == (wire,)
    assert message.message_hash(body).hex() == case["hash"]


def test_every_kind_of_message_and_every_reason_has_a_vector() -> None:
    stored = [case.values[0] for case in cases("valid/link-message.json")]
    assert {case["message"]["kind"] for case in stored} == set(message.KINDS)
    reasons = {case["content"].get("reason") for case in stored} - {None}
    assert reasons == set(message.REASONS)


@pytest.mark.parametrize("case", cases("invalid/link-message.json"))
def test_what_is_no_link_message_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(read_message, *unhex(case, "wire", "link_key")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/link-run.json"))
def test_a_run_is_read_and_signed_as_stated(case: dict[str, Any]) -> None:
    key, seed = unhex(case, "link_key", "link_seed")
    wires = [bytes.fromhex(wire) for wire in case["wires"]]
    bodies = [body for body, _, _ in message.open_run(wires, key)]
    assert [message.message_hash(body).hex() for body in bodies] == case["hashes"]
    assert message.sign_run([message.write_wire(body) for body in bodies], seed) == tuple(wires)
    assert message.decode_run(message.encode_run(wires)) == tuple(wires)


@pytest.mark.parametrize("case", cases("invalid/link-run.json"))
def test_what_is_no_run_is_refused_with_its_code(case: dict[str, Any]) -> None:
    wires = [bytes.fromhex(wire) for wire in case["wires"]]
    assert code_of(message.open_run, wires, bytes.fromhex(case["link_key"])) == case["error"]


@pytest.mark.parametrize("case", cases("valid/link-statement.json"))
def test_a_statement_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, key, seed = unhex(case, "wire", "link_key", "link_seed")
    statement = message.open_statement(wire, key)
    assert render(statement) == case["statement"]
    assert message.encode_statement(statement).hex() == case["body"]
    assert message.sign_statement(statement, seed) == wire


@pytest.mark.parametrize("case", cases("invalid/link-statement.json"))
def test_what_is_no_statement_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(message.open_statement, *unhex(case, "wire", "link_key")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/exchange.json"))
def test_an_exchange_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, key, seed = unhex(case, "wire", "link_key", "link_seed")
    found = read_exchange(wire, key)
    assert render(found) == case["exchange"]
    assert exchange.sign_exchange(found, seed) == wire


@pytest.mark.parametrize("case", cases("invalid/exchange.json"))
def test_what_is_no_exchange_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(read_exchange, *unhex(case, "wire", "link_key")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/payment.json"))
def test_a_payment_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    match case["object"]:
        case "header":
            [encoded] = unhex(case, "encoded")
            header = payment.decode_header(encoded)
            assert render(header) == case["header"]
            assert payment.encode_header(header) == encoded
            assert payment.payment_id(encoded).hex() == case["payment"]
        case "commit":
            header_bytes, signature, seed = unhex(case, "header", "signature", "decision_seed")
            payment.verify_commit(header_bytes, signature)
            named = payment.payment_id(header_bytes)
            assert payment.sign_commit(named, seed) == signature
        case _:
            wire, key, seed = unhex(case, "wire", "decision", "decision_seed")
            status = payment.open_status(wire, key)
            assert render(status) == case["status"]
            assert payment.sign_status(status, seed) == wire


@pytest.mark.parametrize("case", cases("invalid/payment.json"))
def test_what_is_no_payment_is_refused_with_its_code(case: dict[str, Any]) -> None:
    read: dict[str, tuple[Any, tuple[str, ...]]] = {
        "header": (payment.decode_header, ("encoded",)),
        "commit": (payment.verify_commit, ("header", "signature")),
        "status": (payment.open_status, ("wire", "decision")),
    }
    function, names = read[case["object"]]
    assert code_of(function, *unhex(case, *names)) == case["error"]


@pytest.mark.parametrize("case", cases("valid/sealed-part.json"))
def test_a_sealed_part_is_opened_and_sealed_as_stated(case: dict[str, Any]) -> None:
    sealed, seed, ephemeral = unhex(case, "sealed", "decision_seed", "ephemeral")
    inside = unseal(sealed, seed)
    assert render(inside) == case["inside"]
    assert payment.seal(inside, bytes.fromhex(case["decision"]), ephemeral) == sealed
    assert payment.sealed_hash(sealed).hex() == case["hash"]


@pytest.mark.parametrize("case", cases("invalid/sealed-part.json"))
def test_what_is_not_sealed_to_the_decider_is_refused(case: dict[str, Any]) -> None:
    assert code_of(unseal, *unhex(case, "sealed", "decision_seed")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/route.json"))
def test_a_route_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    [encoded] = unhex(case, "encoded")
    found = route.decode_route(encoded)
    assert render(found) == case["route"]
    assert route.encode_route(found) == encoded
    assert route.decode_ways(codec.encode(found.ways)) == found.ways


@pytest.mark.parametrize("case", cases("invalid/route.json"))
def test_what_is_no_route_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(route.decode_route, *unhex(case, "encoded")) == case["error"]
