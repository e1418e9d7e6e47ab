"""What a witness makes of a head: C2SP tlog-witness, "add-checkpoint", rule by rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import merkle
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.cosignature import add_cosignatures, verify_cosignatures
from ledger.errors import InvalidNote
from ledger.note import COSIGNATURE_V1, encode_base64, make_signer, sign_note
from ledger.witness import (
    REQUEST_BYTES_MAX,
    AddCheckpoint,
    Cosigned,
    Inconsistent,
    OldSizeDiffers,
    OldSizeTooLarge,
    UnknownLog,
    Unsigned,
    Verdict,
    WitnessedLog,
    decide_cosigning,
    format_request,
    format_size,
    is_fork,
    origin_hash,
    parse_request,
    parse_size,
)

ORIGIN = "peckham.example/tallystick/0011223344556677/1"
LOG = make_signer(ORIGIN, b"l" * 32)
WITNESS = make_signer("exeter.example/tallystick/8899aabbccddeeff/1", b"w" * 32, COSIGNATURE_V1)
LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(20)]
NOW = 1_700_000_000


def head(size: int, *, root: bytes | None = None, origin: str = ORIGIN) -> str:
    """A head of the log, signed by its key."""
    checkpoint = Checkpoint(origin, size, root or merkle.root(LEAVES[:size]))
    return sign_checkpoint(checkpoint, LOG)


def growth(old: int, new: int) -> list[bytes]:
    """The proof that the log's first ``new`` leaves continue its first ``old``."""
    return merkle.consistency_proof(old, LEAVES[:new]) if 0 < old < new else []


def known(size: int) -> WitnessedLog:
    """A witness that cosigned this much of the log."""
    return WitnessedLog(LOG.key, size, merkle.root(LEAVES[:size]))


def decide(
    log: WitnessedLog | None, old: int, note: str, proof: list[bytes] | None = None
) -> Verdict:
    """The answer to a request with this old size, and with the right proof unless another."""
    size = parse_request(format_request(old, [], note)).checkpoint.size
    body = format_request(old, growth(old, size) if proof is None else proof, note)
    return decide_cosigning(parse_request(body), log, WITNESS, NOW)


@dataclass(frozen=True)
class Wrong:
    """What one rule refuses; with the ones that follow it broken too, it is still that one."""

    verdict: type[object]
    log: WitnessedLog | None
    old: int
    note: str
    proof: tuple[bytes, ...] = (bytes(32),)


FOREIGN = sign_note(head(3).partition("\n\n")[0] + "\n", make_signer(ORIGIN, b"x" * 32))
BROKEN = head(3).replace("\n3\n", "\n4\n")
PRECEDENCE = [
    Wrong(UnknownLog, None, 9, FOREIGN),
    Wrong(UnknownLog, replace(known(5), key=WITNESS.key), 9, FOREIGN),
    Wrong(Unsigned, known(5), 9, FOREIGN),
    Wrong(Unsigned, known(5), 9, BROKEN),
    Wrong(OldSizeTooLarge, known(5), 9, head(8)),
    Wrong(OldSizeDiffers, known(5), 4, head(8)),
    Wrong(OldSizeDiffers, known(5), 0, head(8)),
    Wrong(OldSizeDiffers, known(0), 4, head(8)),
    Wrong(Inconsistent, known(5), 5, head(8)),
    Wrong(Inconsistent, known(5), 5, head(8), ()),
    Wrong(Inconsistent, known(5), 5, head(8, root=bytes(32)), tuple(growth(5, 8))),
    Wrong(Inconsistent, known(5), 5, head(5, root=bytes(32)), ()),
    Wrong(Inconsistent, known(5), 5, head(5)),
    Wrong(Inconsistent, known(0), 0, head(5)),
    Wrong(Inconsistent, known(0), 0, head(0, root=bytes(32)), ()),
]


@pytest.mark.parametrize("wrong", PRECEDENCE, ids=lambda wrong: wrong.verdict.__name__)
def test_each_rule_has_its_verdict_in_the_order_of_the_specification(wrong: Wrong) -> None:
    verdict = decide(wrong.log, wrong.old, wrong.note, list(wrong.proof))
    assert type(verdict) is wrong.verdict


def test_a_witness_says_what_size_it_knows() -> None:
    assert decide(known(5), 4, head(8)) == OldSizeDiffers(5)


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 1), (0, 7), (1, 2), (5, 5), (5, 8), (8, 20)])
def test_a_head_that_continues_is_cosigned(old: int, new: int) -> None:
    """The line alone makes the log's note one that the witness's key verifies."""
    verdict = decide(known(old), old, head(new))
    assert isinstance(verdict, Cosigned)
    note = add_cosignatures(head(new), verdict.line, [WITNESS.key])
    [cosignature] = verify_cosignatures(note, [WITNESS.key])
    assert (cosignature.key, cosignature.timestamp) == (WITNESS.key, NOW)
    assert verdict.checkpoint.size == new


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_nothing_smaller_than_what_was_cosigned_is_ever_cosigned(
    kept: int, old: int, new: int
) -> None:
    verdict = decide(known(kept), old, head(new))
    assert isinstance(verdict, Cosigned) == (old == kept <= new)


def test_signatures_of_others_make_no_difference() -> None:
    """Unknown keys sign along, under the log's own name too."""
    stranger = make_signer(ORIGIN, b"s" * 32)
    text = head(7).partition("\n\n")[0] + "\n"
    for note in (sign_note(text, stranger, LOG), sign_note(text, LOG, stranger)):
        assert isinstance(decide(known(5), 5, note), Cosigned)


def test_extension_lines_are_cosigned_as_they_are() -> None:
    checkpoint = Checkpoint(ORIGIN, 7, merkle.root(LEAVES[:7]), ("more",))
    note = sign_checkpoint(checkpoint, LOG)
    verdict = decide(known(5), 5, note)
    assert isinstance(verdict, Cosigned)
    assert verify_cosignatures(note + verdict.line, [WITNESS.key])
    assert not verify_cosignatures(head(7), [WITNESS.key])


def test_two_heads_of_one_size_are_a_fork_and_a_missing_proof_is_none() -> None:
    def request(note: str) -> AddCheckpoint:
        return parse_request(format_request(0, [], note))

    assert is_fork(request(head(5, root=bytes(32))), known(5))
    assert not is_fork(request(head(5)), known(5))
    assert not is_fork(request(head(8, root=bytes(32))), known(5))


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_reads_back(old: int, proof: list[bytes]) -> None:
    body = format_request(old, proof, head(7))
    for data in (body, body.encode()):
        request = parse_request(data)
        assert (request.old_size, list(request.proof), request.note) == (old, proof, head(7))


HASH = encode_base64(bytes(32))
MALFORMED = {
    "nothing": "",
    "no checkpoint": "old 0\n\n",
    "no empty line": f"old 0\n{head(1)}",
    "no old size": f"\n{head(1)}",
    "another word": f"new 0\n\n{head(1)}",
    "two spaces": f"old  0\n\n{head(1)}",
    "a space behind": f"old 0 \n\n{head(1)}",
    "a leading zero": f"old 00\n\n{head(1)}",
    "a sign": f"old +1\n\n{head(1)}",
    "negative": f"old -1\n\n{head(1)}",
    "beyond 2^63": f"old {2**63}\n\n{head(1)}",
    "carriage returns": f"old 0\r\n\r\n{head(1)}",
    "a short hash": f"old 1\n{HASH[:-4]}\n\n{head(2)}",
    "base64 with spare bits": f"old 1\n{HASH[:-2]}B=\n\n{head(2)}",
    "base64 without padding": f"old 1\n{HASH[:-1]}\n\n{head(2)}",
    "64 hashes": f"old 1\n{f'{HASH}{chr(10)}' * 64}\n{head(2)}",
    "no signature": "old 0\n\n" + head(1).partition("\n\n")[0] + "\n",
    "no newline at the end": f"old 0\n\n{head(1)[:-1]}",
    "a size that is none": f"old 0\n\n{head(1)}".replace("\n1\n", "\n01\n"),
    "more behind it": f"old 0\n\n{head(1)}\n",
    "too long": f"old 0\n\n{head(1)}" + "— a AAAAAAA=\n" * 6000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_written_as_it_must_be_is_refused(body: str) -> None:
    with pytest.raises(InvalidNote):
        parse_request(body)


def test_bytes_that_are_no_text_are_refused() -> None:
    for data in (b"old 0\n\n\xff", b"\0", b"old 0\n\n" + b"x" * REQUEST_BYTES_MAX):
        with pytest.raises(InvalidNote):
            parse_request(data)


@given(st.integers(0, 2**63 - 1))
def test_a_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size).encode()) == size


@pytest.mark.parametrize("data", ["", "1", "\n", "01\n", "1\n\n", " 1\n", f"{2**63}\n", "1" * 99])
def test_a_size_that_is_none_is_refused(data: str) -> None:
    with pytest.raises(InvalidNote):
        parse_size(data)


def test_the_paths_of_a_log_have_the_hash_of_its_origin() -> None:
    assert origin_hash(ORIGIN) == sha256(ORIGIN.encode()).digest()
