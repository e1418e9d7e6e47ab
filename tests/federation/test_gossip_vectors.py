"""The vectors of bulletins are what their script makes, and the code agrees."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import codec, keys
from ledger.errors import TallystickError
from ledger.federation import gossip_envelope as gossip
from ledger.federation.message import encode_statement
from tests.vectors.ledger_orders import render
from tests.vectors.make_gossip import make
from tests.vectors.stored import FOLDER, cases, unhex

FILES = make()


@pytest.mark.parametrize("path", FILES)
def test_a_vector_file_is_what_the_script_makes(path: str) -> None:
    assert (FOLDER / path).read_text() == FILES[path], "run python -m tests.vectors.make_gossip"


def read_bulletin(wire: bytes, link_key: bytes) -> tuple[gossip.Envelope, gossip.Bulletin]:
    envelope = gossip.parse_envelope(wire)
    gossip.verify_envelope(envelope, link_key)
    return envelope, gossip.parse_bulletin(envelope.body)


@pytest.mark.parametrize("case", cases("valid/bulletin.json"))
def test_a_bulletin_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, key, seed, body = unhex(case, "wire", "link_key", "link_seed", "body")
    envelope, bulletin = read_bulletin(wire, key)
    assert render(bulletin) == case["bulletin"]
    assert gossip.encode_bulletin(bulletin) == envelope.body == body
    assert (envelope.issuer.hex(), envelope.epoch, envelope.seq, envelope.id.hex()) == (
        *(case["issuer"], case["epoch"], case["seq"]),
        case["id"],
    )
    assert gossip.seal(envelope.issuer, envelope.epoch, envelope.seq, body, seed).data == wire


@pytest.mark.parametrize("case", cases("invalid/bulletin.json"))
def test_what_is_no_bulletin_is_refused_with_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(TallystickError) as caught:
        read_bulletin(*unhex(case, "wire", "link_key"))
    assert caught.value.code == case["error"]


@pytest.mark.parametrize("case", cases("valid/joined-statement.json"))
def test_a_statement_of_both_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, body, low, high = unhex(case, "wire", "body", "low_seed", "high_seed")
    statement = gossip.open_joined(wire, *unhex(case, "low_key", "high_key"))
    assert render(statement) == case["statement"]
    assert encode_statement(statement) == body == gossip.read_joined(wire).body
    signatures = (keys.sign(keys.STATEMENT, body, seed) for seed in (low, high))
    assert codec.encode((body, *signatures)) == wire


@pytest.mark.parametrize("case", cases("invalid/joined-statement.json"))
def test_what_not_both_signed_is_refused_with_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(TallystickError) as caught:
        gossip.open_joined(*unhex(case, "wire", "low_key", "high_key"))
    assert caught.value.code == case["error"]
