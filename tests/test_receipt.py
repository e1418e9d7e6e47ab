"""Receipts (C2SP tlog-proof): made by the writer, verified by a member, refused when touched."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.checkpoint import Checkpoint, format_checkpoint, sign_checkpoint
from ledger.cosignature import Cosignature, cosign
from ledger.errors import InvalidNote, InvalidProof
from ledger.note import COSIGNATURE_V1, make_signer
from ledger.receipt import (
    Inclusion,
    Receipt,
    format_proof_lines,
    format_receipt,
    parse_receipt,
    verify_receipt,
)

ORIGIN = "circle.example/log"
LOG = make_signer(ORIGIN, hashlib.sha256(b"log").digest())
WITNESSES = [
    make_signer(f"w{number}.example", hashlib.sha256(b"w%d" % number).digest(), COSIGNATURE_V1)
    for number in range(3)
]
WITNESS_KEYS = [witness.key for witness in WITNESSES]

LEAVES = [merkle.leaf_hash(b"%d" % index) for index in range(11)]
EXTENSION = merkle.extend(merkle.extend(merkle.EMPTY_FRONTIER, LEAVES[:4]).frontier, LEAVES[4:])
CHECKPOINT = Checkpoint(ORIGIN, len(LEAVES), EXTENSION.root)
SIGNED = sign_checkpoint(CHECKPOINT, LOG)
INDEX = 6
RECEIPT = format_receipt(INDEX, EXTENSION.proof_lines()[INDEX - 4], SIGNED)


def cosigned_receipt(*witness_numbers: int) -> str:
    text = format_checkpoint(CHECKPOINT)
    return RECEIPT + "".join(
        cosign(text, WITNESSES[number], 1679315147) for number in witness_numbers
    )


def test_a_receipt_looks_as_the_spec_has_it() -> None:
    proof = merkle.inclusion_proof(INDEX, LEAVES)
    lines = RECEIPT.split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", "index 6"]
    assert len(lines[2:6]) == len(proof) == 4
    assert format_proof_lines(proof) == "".join(f"{line}\n" for line in lines[2:6])
    assert "\n".join(lines[6:]) == "\n" + SIGNED


def test_the_receipts_of_a_batch_verify() -> None:
    for position, lines in enumerate(EXTENSION.proof_lines()):
        receipt = format_receipt(4 + position, lines, SIGNED)
        inclusion = verify_receipt(receipt, LEAVES[4 + position], ORIGIN, LOG.key)
        assert inclusion == Inclusion(4 + position, CHECKPOINT, ())
        assert verify_receipt(receipt.encode(), LEAVES[4 + position], ORIGIN, LOG.key) == inclusion


def test_the_only_leaf_of_a_tree_has_a_receipt_without_proof_lines() -> None:
    signed = sign_checkpoint(Checkpoint(ORIGIN, 1, LEAVES[0]), LOG)
    receipt = format_receipt(0, "", signed)
    assert receipt.startswith("c2sp.org/tlog-proof@v1\nindex 0\n\ncircle.example/log\n1\n")
    assert verify_receipt(receipt, LEAVES[0], ORIGIN, LOG.key).index == 0


hashes = st.binary(min_size=32, max_size=32)


@given(
    st.integers(0, merkle.TREE_SIZE_MAX),
    st.lists(hashes, max_size=64),
    st.none() | st.binary(min_size=1, max_size=100),
)
def test_a_receipt_is_read_back_as_it_was_written(
    index: int, proof: list[bytes], extra: bytes | None
) -> None:
    text = format_receipt(index, format_proof_lines(proof), SIGNED, extra)
    assert parse_receipt(text) == Receipt(index, tuple(proof), SIGNED, extra)


def test_extra_data_is_carried_and_not_believed() -> None:
    text = format_receipt(INDEX, EXTENSION.proof_lines()[2], SIGNED, b"hello")
    assert text.split("\n")[1] == "extra aGVsbG8="
    assert parse_receipt(text).extra == b"hello"
    assert verify_receipt(text, LEAVES[INDEX], ORIGIN, LOG.key).index == INDEX


# --- witnesses ------------------------------------------------------------------------------------


def test_a_quorum_of_known_witnesses_is_demanded() -> None:
    receipt = cosigned_receipt(0, 1)
    inclusion = verify_receipt(receipt, LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS, quorum=2)
    expected = tuple(Cosignature(key, 1679315147) for key in WITNESS_KEYS[:2])
    assert inclusion.cosignatures == expected
    with pytest.raises(InvalidNote, match="2 known witnesses cosigned, 3 are needed"):
        verify_receipt(receipt, LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS, quorum=3)
    with pytest.raises(InvalidNote, match="1 known witnesses cosigned, 2 are needed"):
        verify_receipt(receipt, LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS[1:], quorum=2)


def test_repeated_cosignatures_and_repeated_keys_make_no_quorum() -> None:
    with pytest.raises(InvalidNote, match="1 known"):
        verify_receipt(
            cosigned_receipt(0, 0), LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS[:1] * 2, quorum=2
        )


def test_a_bad_cosignature_of_a_known_witness_condemns_the_receipt() -> None:
    other = format_checkpoint(Checkpoint(ORIGIN, 12, EXTENSION.root))
    receipt = RECEIPT + cosign(other, WITNESSES[0], 5)
    unknown = verify_receipt(receipt, LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS[1:])
    assert unknown.cosignatures == ()
    with pytest.raises(InvalidNote, match="cosignature"):
        verify_receipt(receipt, LEAVES[INDEX], ORIGIN, LOG.key, WITNESS_KEYS)


# --- refusals -------------------------------------------------------------------------------------


def test_a_receipt_for_another_leaf_index_or_proof_is_an_invalid_proof() -> None:
    lines = EXTENSION.proof_lines()[INDEX - 4]
    wrong = [
        (RECEIPT, LEAVES[7]),
        (RECEIPT, b"\0" * 31),
        (format_receipt(7, lines, SIGNED), LEAVES[INDEX]),
        (format_receipt(11, lines, SIGNED), LEAVES[INDEX]),
        (format_receipt(INDEX, "", SIGNED), LEAVES[INDEX]),
        (format_receipt(INDEX, lines[45:], SIGNED), LEAVES[INDEX]),
        (format_receipt(INDEX, lines + lines[:45], SIGNED), LEAVES[INDEX]),
    ]
    for receipt, leaf in wrong:
        with pytest.raises(InvalidProof):
            verify_receipt(receipt, leaf, ORIGIN, LOG.key)


def test_a_receipt_of_another_log_or_by_another_key_is_an_invalid_note() -> None:
    stranger = make_signer(ORIGIN, b"\1" * 32)
    with pytest.raises(InvalidNote, match="not of other"):
        verify_receipt(RECEIPT, LEAVES[INDEX], "other.example", LOG.key)
    with pytest.raises(InvalidNote, match="no signature"):
        verify_receipt(RECEIPT, LEAVES[INDEX], ORIGIN, stranger.key)


LINES = EXTENSION.proof_lines()[INDEX - 4]
MALFORMED = {
    "empty": "",
    "only the note": SIGNED,
    "only the proof": RECEIPT.partition("\n\n")[0] + "\n\n",
    "another version": RECEIPT.replace("@v1", "@v2"),
    "an indented first line": " " + RECEIPT,
    "an empty first line": "\n" + RECEIPT,
    "no index": RECEIPT.replace("index 6\n", ""),
    "index after the proof": RECEIPT.replace(f"index 6\n{LINES}", f"{LINES}index 6\n"),
    "index twice": RECEIPT.replace("index 6\n", "index 6\nindex 6\n"),
    "a padded index": RECEIPT.replace("index 6", "index 06"),
    "a negative index": RECEIPT.replace("index 6", "index -6"),
    "an empty index": RECEIPT.replace("index 6", "index "),
    "a capital index": RECEIPT.replace("index 6", "Index 6"),
    "an index over the limit": RECEIPT.replace("index 6", f"index {2**63}"),
    "an index without end": RECEIPT.replace("index 6", "index " + "6" * 5000),
    "an empty extra line": RECEIPT.replace("index 6", "extra \nindex 6"),
    "a bare extra line": RECEIPT.replace("index 6", "extra\nindex 6"),
    "extra that is not base64": RECEIPT.replace("index 6", "extra aGVsbG8\nindex 6"),
    "extra after the index": RECEIPT.replace("index 6\n", "index 6\nextra aGVsbG8=\n"),
    "extra twice": RECEIPT.replace("index 6", "extra aGVsbG8=\nextra aGVsbG8=\nindex 6"),
    "a short hash": RECEIPT.replace(LINES, LINES + "aGVsbG8=\n"),
    "a proof line of two hashes": RECEIPT.replace(LINES, "A" * 88 + "\n"),
    "65 proof lines": RECEIPT.replace(LINES, ("A" * 43 + "=\n") * 65),
    "a million proof lines": RECEIPT.replace(LINES, "A\n" * 900_000),
    "two empty lines": RECEIPT.replace("\n\ncircle", "\n\n\ncircle"),
    "no empty line": RECEIPT.replace("\n\ncircle", "\ncircle"),
    "carriage returns": RECEIPT.replace("\n", "\r\n"),
    "no final newline": RECEIPT[:-1],
    "an unsigned checkpoint": RECEIPT.partition("—")[0],
    "a lone surrogate": RECEIPT + "\ud800",
    "over two megabytes": RECEIPT.replace("index", f"extra {'A' * 2_000_000}\nindex"),
}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_receipt_is_refused(malformed: str) -> None:
    with pytest.raises(InvalidNote):
        parse_receipt(malformed)
    with pytest.raises(InvalidNote):
        verify_receipt(malformed, LEAVES[INDEX], ORIGIN, LOG.key)


def test_any_flipped_bit_is_refused() -> None:
    """The extra line is authenticated by nothing; here there is none."""
    blob = RECEIPT.encode()
    for position in range(len(blob)):
        for bit in (0, 3, 5, 7):
            changed = bytearray(blob)
            changed[position] ^= 1 << bit
            with pytest.raises((InvalidNote, InvalidProof)):
                verify_receipt(bytes(changed), LEAVES[INDEX], ORIGIN, LOG.key)


@settings(max_examples=300)
@given(st.data())
def test_any_text_is_parsed_to_itself_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RECEIPT)))
    end = data.draw(st.integers(start, min(len(RECEIPT), start + 50)))
    piece = data.draw(st.sampled_from(["", "\n", "\n\n", "extra AA==\n", "index 0\n"]) | st.text())
    text = RECEIPT[:start] + piece + RECEIPT[end:]
    try:
        receipt = parse_receipt(text)
    except InvalidNote:
        return
    proof_lines = format_proof_lines(receipt.proof)
    formatted = format_receipt(receipt.index, proof_lines, receipt.checkpoint_note, receipt.extra)
    assert formatted == text


@given(st.text() | st.binary())
def test_any_input_is_refused(data: str | bytes) -> None:
    with pytest.raises(InvalidNote):
        verify_receipt(data, LEAVES[INDEX], ORIGIN, LOG.key)
