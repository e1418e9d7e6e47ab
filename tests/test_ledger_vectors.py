"""The vectors of orders, declarations and entries are what their script makes, and the code
agrees with what they state."""

from __future__ import annotations

from typing import Any

import pytest

from ledger import charter, codec, declarations, entry, keys, merkle, orders
from ledger.append import Entry, append, genesis, state_entry
from ledger.decide import Decision, Facts, KnownRequest, Prior, Transfer, decide_order
from ledger.errors import Refused, TallystickError, Unacceptable
from ledger.orders import ORDER_KINDS
from ledger.state import State
from tests.vectors.ledger_orders import render
from tests.vectors.make_ledger import make
from tests.vectors.stored import FOLDER, cases, code_of, unhex

FILES = make()
PART_TWO_ENTRIES = {"defer", "link", "arrive", "relay"}
"""Kinds of entries between circles, which have vectors of their own."""
PART_TWO_REFUSALS = {"route-unusable"}


@pytest.mark.parametrize("path", FILES)
def test_a_vector_file_is_what_the_script_makes(path: str) -> None:
    assert (FOLDER / path).read_text() == FILES[path], "run python -m tests.vectors.make_ledger"


def read_order(wire: bytes) -> orders.SignedOrder:
    signed = orders.parse(wire)
    orders.verify_signatures(signed)
    return signed


@pytest.mark.parametrize("case", cases("valid/order.json"))
def test_an_order_is_read_and_written_as_stated(case: dict[str, Any]) -> None:
    wire, body, signature, device = unhex(case, "wire", "body", "signature", "device_seed")
    signed = read_order(wire)
    assert (signed.body, signed.signature, signed.id.hex()) == (body, signature, case["id"])
    assert render(signed.order.header) == case["header"]
    assert render(signed.order.act) == case["act"]
    assert render(signed.cosignatures) == case["cosignatures"]
    again = orders.sign_order(signed.order, device)
    assert (again.body, again.signature) == (body, signature)
    assert orders.pack(body, signature, signed.cosignatures) == wire
    assert case["shows"]


def test_every_kind_of_order_has_a_vector() -> None:
    stored = [case.values[0] for case in cases("valid/order.json")]
    assert {case["header"]["kind"] for case in stored} == set(ORDER_KINDS)


@pytest.mark.parametrize("case", cases("valid/public-key.json"))
def test_a_key_can_be_enrolled(case: dict[str, Any]) -> None:
    keys.check_public_key(*unhex(case, "key"))


@pytest.mark.parametrize("case", cases("invalid/public-key.json"))
def test_a_key_on_which_verifiers_differ_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(keys.check_public_key, *unhex(case, "key")) == case["error"]


@pytest.mark.parametrize("case", cases("valid/signature.json"))
def test_a_signature_is_good(case: dict[str, Any]) -> None:
    keys.verify(b"", *unhex(case, "message", "signature", "key"))


@pytest.mark.parametrize("case", cases("invalid/signature.json"))
def test_what_is_no_signature_is_refused_with_its_code(case: dict[str, Any]) -> None:
    signed = unhex(case, "message", "signature", "key")
    assert code_of(keys.verify, b"", *signed) == case["error"]


@pytest.mark.parametrize("case", cases("invalid/order.json"))
def test_what_is_no_order_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(read_order, bytes.fromhex(case["wire"])) == case["error"]
    assert case["why"]


OPEN = {
    "enrolment": (declarations.open_enrolment, keys.ENROLMENT),
    "request": (lambda wire: declarations.open_request(wire)[0], keys.REQUEST),
    "session": (declarations.open_session, keys.SESSION),
}


def verify_invitation(case: dict[str, Any]) -> None:
    declarations.verify_invitation(*unhex(case, "circle", "device", "signature", "invitation"))


@pytest.mark.parametrize("case", cases("valid/declaration.json"))
def test_a_declaration_is_read_as_stated(case: dict[str, Any]) -> None:
    if case["object"] == "invitation":
        verify_invitation(case)
        body = codec.encode(tuple(unhex(case, "circle", "device")))
        signature = keys.sign(keys.INVITATION, body, bytes.fromhex(case["invitation_seed"]))
    else:
        read, context = OPEN[case["object"]]
        opened: Any = read(bytes.fromhex(case["wire"]))
        assert render(opened) == case["fields"]
        body = codec.encode(opened)
        signature = keys.sign(context, body, bytes.fromhex(case["device_seed"]))
        assert codec.encode((body, signature)).hex() == case["wire"]
        assert keys.object_id(context, body).hex() == case["id"]
    assert (body.hex(), signature.hex()) == (case["body"], case["signature"])


@pytest.mark.parametrize("case", cases("invalid/declaration.json"))
def test_what_is_no_declaration_is_refused_with_its_code(case: dict[str, Any]) -> None:
    if case["object"] == "invitation":
        assert code_of(verify_invitation, case) == case["error"]
    else:
        read, _ = OPEN[case["object"]]
        assert code_of(read, bytes.fromhex(case["wire"])) == case["error"]


@pytest.mark.parametrize("case", cases("valid/commitment.json"))
def test_a_commitment_is_computed_as_stated(case: dict[str, Any]) -> None:
    match case["function"]:
        case "circle_id":
            found = keys.circle_id(*unhex(case, "identity"))
        case "order_id":
            found = keys.object_id(keys.ORDER, *unhex(case, "body"))
        case "text_commitment":
            found = keys.text_commitment(bytes.fromhex(case["salt"]), case["text"].encode())
        case "derive_salt":
            found = keys.derive_salt(bytes.fromhex(case["secret"]), case["position"])
        case _:
            wire, salt = unhex(case, "wire", "salt")
            found = entry.order_commitment(case["authority"], wire, salt)
    assert found.hex() == case["hash"]


@pytest.mark.parametrize("case", cases("valid/charter.json"))
def test_a_charter_is_read_as_stated(case: dict[str, Any]) -> None:
    encoded, seed = unhex(case, "encoded", "identity_seed")
    read, certificate, rules = charter.decode_charter(encoded)
    assert render(read) == case["charter"]
    assert render(certificate) == case["certificate"]
    assert render(tuple(rules)) == case["rules"]
    assert charter.encode_charter(read) == encoded
    assert charter.certify(certificate, seed) == (read.certificate, read.signature)


@pytest.mark.parametrize("case", cases("invalid/charter.json"))
def test_what_is_no_charter_is_refused_with_its_code(case: dict[str, Any]) -> None:
    assert code_of(charter.decode_charter, bytes.fromhex(case["encoded"])) == case["error"]


@pytest.mark.parametrize("case", cases("invalid/entry.json"))
def test_what_is_no_leaf_or_posting_is_refused_with_its_code(case: dict[str, Any]) -> None:
    read = entry.decode_leaf if case["object"] == "leaf" else entry.decode_posting
    assert code_of(read, bytes.fromhex(case["encoded"])) == case["error"]


@pytest.mark.parametrize("case", cases("invalid/opening.json"))
def test_what_opens_nothing_is_refused_with_its_code(case: dict[str, Any]) -> None:
    posting, salt, root = unhex(case, "posting", "salt", "root")
    path = [bytes.fromhex(step) for step in case["path"]]
    place = case["position"], case["count"]
    assert code_of(entry.verify_posting, posting, salt, *place, path, root) == case["error"]


def check_opening(stated: dict[str, Any], wire: bytes) -> None:
    """The entry as stated opens its own leaf: from the statement alone."""
    secret, leaf = unhex(stated, "secret", "leaf")
    read = entry.decode_leaf(leaf)
    assert render(read) == stated["fields"]
    assert merkle.leaf_hash(leaf).hex() == stated["leaf_hash"]
    if wire:
        salt = keys.derive_salt(secret, 0)
        assert salt.hex() == stated["order_salt"]
        assert read.order == (entry.order_commitment(stated["authority"], wire, salt),)
    for position, posting in enumerate(stated["postings"]):
        encoded, salt = unhex(posting, "encoded", "salt")
        assert keys.derive_salt(secret, position + 1) == salt
        opened = entry.verify_posting(
            encoded,
            salt,
            position,
            len(stated["postings"]),
            [bytes.fromhex(step) for step in posting["path"]],
            read.postings[0],
        )
        assert render(opened).items() <= posting.items()
        assert entry.posting_hash(encoded, salt).hex() == posting["hash"]


class Reader:
    """Decides the history's orders anew, knowing only what its cases state."""

    def __init__(self) -> None:
        self.state: State | None = None
        self.facts = Facts()
        self.leaves: list[bytes] = []

    def read(self, case: dict[str, Any]) -> Entry | Prior | TallystickError:
        now, secret = case["log_time"], bytes.fromhex(case.get("entry", {}).get("secret", ""))
        if self.state is None:
            self.state, first = genesis(bytes.fromhex(case["charter"]), secret, now)
            return first
        if "wire" not in case:
            return state_entry(self.state, secret, now)
        if "request" in case:
            request, number = declarations.open_request(bytes.fromhex(case["request"]))
            self.facts.requests[number] = KnownRequest(request, False)
        signed = read_order(bytes.fromhex(case["wire"]))
        verdict = decide_order(self.state, self.facts, signed, now, case.get("handle", ""))
        header = signed.order.header
        if isinstance(verdict, Refused):
            self.facts.priors[header.device, header.nonce] = Prior(signed.id, None, verdict.code)
        if not isinstance(verdict, Decision):
            return verdict
        written = append(self.state, verdict, signed.wire, header.text, secret, now)
        self.facts.priors[header.device, header.nonce] = Prior(signed.id, written.number, None)
        signer = header.person if written.authority == "officer" else 0
        moves = tuple((posting.account, posting.delta) for posting in written.postings)
        self.facts.transfers[written.number] = Transfer(written.kind, moves, signer, False)
        return written


def test_the_history_is_decided_as_stated() -> None:
    reader = Reader()
    kinds = set()
    for parameters in cases("valid/history.json"):
        case: dict[str, Any] = parameters.values[0]
        outcome = reader.read(case)
        if isinstance(outcome, Entry):
            assert outcome.leaf.hex() == case["entry"]["leaf"], case["shows"]
            assert outcome.authority == case["entry"]["authority"]
            check_opening(case["entry"], bytes.fromhex(case.get("wire", "")))
            reader.leaves.append(merkle.leaf_hash(outcome.leaf))
            kinds.add(outcome.kind)
        elif isinstance(outcome, Prior):
            assert (outcome.entry, outcome.refusal) == (case.get("again"), case.get("error"))
        else:
            assert outcome.code == case["error"], case["shows"]
        assert reader.state is not None
        for stated in case.get("effective", ()):
            account = reader.state.accounts[stated["account"]]
            assert stated["floor"] == account.lowest <= account.available, case["shows"]
            assert stated["ceiling"] == account.highest >= account.balance, case["shows"]
        assert len(reader.leaves) == case["tree_size"]
        assert merkle.root(reader.leaves).hex() == case["root"]
    assert kinds == set(entry.ENTRY_KINDS) - PART_TWO_ENTRIES


def test_the_history_has_every_refusal() -> None:
    """But those for what is no order, or is not what was signed, which come before it."""
    told = {parameters.values[0].get("error") for parameters in cases("valid/history.json")}
    groups = (*Unacceptable.__subclasses__(), *Refused.__subclasses__())
    before = {"malformed", "text-mismatch", "signature-invalid"}
    assert told - {None} == {one.code for one in groups} - before - PART_TWO_REFUSALS
