"""Checkpoints and cosignatures: round trips, hostile text, and who vouches for what."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import note
from ledger.checkpoint import (
    Checkpoint,
    format_checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.cosignature import (
    TIMESTAMP_MAX,
    Cosignature,
    add_cosignatures,
    cosign,
    verify_cosignatures,
)
from ledger.errors import InvalidNote
from ledger.merkle import EMPTY_ROOT, TREE_SIZE_MAX

ORIGIN = "circle.example/log"
LOG = note.make_signer(ORIGIN, hashlib.sha256(b"log").digest())
OTHER = note.make_signer("other.example", hashlib.sha256(b"other").digest())
WITNESS = note.make_signer("w1.example", hashlib.sha256(b"w1").digest(), note.COSIGNATURE_V1)
WITNESS2 = note.make_signer("w2.example", hashlib.sha256(b"w2").digest(), note.COSIGNATURE_V1)
CHECKPOINT = Checkpoint(ORIGIN, 20852163, hashlib.sha256(b"root").digest())
SIGNED = sign_checkpoint(CHECKPOINT, LOG)

lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=60)


# --- checkpoints ----------------------------------------------------------------------------------


@given(
    lines,
    st.integers(0, TREE_SIZE_MAX),
    st.binary(min_size=32, max_size=32),
    st.lists(lines, max_size=3),
)
def test_a_checkpoint_is_read_back_as_it_was_written(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_checkpoint(format_checkpoint(checkpoint)) == checkpoint
    assert open_checkpoint(sign_checkpoint(checkpoint, LOG), [LOG.key], origin) == checkpoint


ROOT_LINE = note.encode_base64(CHECKPOINT.root)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\n\n\n",
        f"o\n5\n{ROOT_LINE}",
        f"o\n5\n{ROOT_LINE}\n\n",
        f"\n5\n{ROOT_LINE}\n",
        f"o\n\n{ROOT_LINE}\n",
        "o\n5\n\n",
        "o\n5\n",
        f"o\n05\n{ROOT_LINE}\n",
        f"o\n+5\n{ROOT_LINE}\n",
        f"o\n-5\n{ROOT_LINE}\n",
        f"o\n 5\n{ROOT_LINE}\n",
        f"o\n5_0\n{ROOT_LINE}\n",
        f"o\n0x5\n{ROOT_LINE}\n",
        f"o\n5.0\n{ROOT_LINE}\n",
        f"o\n\u0665\n{ROOT_LINE}\n",
        f"o\n²\n{ROOT_LINE}\n",
        f"o\n{2**63}\n{ROOT_LINE}\n",
        pytest.param(f"o\n{'9' * 100_000}\n{ROOT_LINE}\n", id="100000 digits"),
        f"o\n5\n{ROOT_LINE} \n",
        f"o\n5\n{ROOT_LINE[:-1]}\n",
        f"o\n5\n{ROOT_LINE[:40]}\n",
        f"o\n5\n{'A' * 88}\n",
        f"o\n5\n{ROOT_LINE}\nextension\n\nextension\n",
        f"o\r\n5\r\n{ROOT_LINE}\r\n",
        f"{'o' * 256}\n5\n{ROOT_LINE}\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, CHECKPOINT.root, ()),
        ("two\nlines", 1, CHECKPOINT.root, ()),
        ("tab\t", 1, CHECKPOINT.root, ()),
        ("\ud800", 1, CHECKPOINT.root, ()),
        ("é" * 128, 1, CHECKPOINT.root, ()),
        (ORIGIN, -1, CHECKPOINT.root, ()),
        (ORIGIN, True, CHECKPOINT.root, ()),
        (ORIGIN, TREE_SIZE_MAX + 1, CHECKPOINT.root, ()),
        (ORIGIN, 10**400, CHECKPOINT.root, ()),
        (ORIGIN, 1, CHECKPOINT.root[1:], ()),
        (ORIGIN, 1, CHECKPOINT.root, ("",)),
        (ORIGIN, 1, CHECKPOINT.root, ("a\n\nb",)),
    ],
)
def test_a_checkpoint_that_cannot_be_written_cannot_be_made(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidNote):
        Checkpoint(origin, size, root, extensions)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """Without an origin to expect, the key that signed names it."""
    assert open_checkpoint(SIGNED, [LOG.key]) == CHECKPOINT
    assert open_checkpoint(SIGNED.encode(), [OTHER.key, LOG.key], ORIGIN) == CHECKPOINT
    signed_by_other = sign_checkpoint(CHECKPOINT, OTHER)
    assert open_checkpoint(signed_by_other, [OTHER.key], ORIGIN) == CHECKPOINT
    for data, origin in ((SIGNED, "other.example"), (signed_by_other, None)):
        with pytest.raises(InvalidNote, match=r"not of other\.example"):
            open_checkpoint(data, [LOG.key, OTHER.key], origin)


def test_a_note_that_is_no_checkpoint_does_not_open_as_one() -> None:
    with pytest.raises(InvalidNote):
        open_checkpoint(note.sign_note("text\n", LOG), [LOG.key])


def test_the_empty_tree_has_a_checkpoint() -> None:
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(empty, LOG), [LOG.key]) == empty


# --- cosignatures ---------------------------------------------------------------------------------

TEXT = format_checkpoint(CHECKPOINT)


@given(st.integers(1, TIMESTAMP_MAX))
def test_a_cosignature_proves_who_and_when(timestamp: int) -> None:
    cosigned = SIGNED + cosign(TEXT, WITNESS, timestamp)
    assert verify_cosignatures(cosigned, [WITNESS.key]) == (Cosignature(WITNESS.key, timestamp),)
    assert open_checkpoint(cosigned, [LOG.key]) == CHECKPOINT


def test_the_cosigned_message_is_the_text_behind_a_header_and_the_time() -> None:
    line = cosign(TEXT, WITNESS, 1679315147)
    value = note.parse_signatures(line)[0].value
    message = f"cosignature/v1\ntime 1679315147\n{TEXT}".encode()
    assert value[:8] == (1679315147).to_bytes(8, "big")
    assert note.is_signature(WITNESS.key.public_key, message, value[8:])


def test_unknown_witnesses_are_ignored_and_none_need_have_cosigned() -> None:
    cosigned = SIGNED + cosign(TEXT, WITNESS2, 5)
    assert verify_cosignatures(cosigned, [WITNESS.key]) == ()
    assert verify_cosignatures(SIGNED, [WITNESS.key]) == ()


def test_a_witness_counts_once_with_its_newest_time() -> None:
    data = SIGNED + "".join(cosign(TEXT, WITNESS, time) for time in (7, 9, 8))
    assert verify_cosignatures(data, [WITNESS.key]) == (Cosignature(WITNESS.key, 9),)


def test_one_key_under_two_names_is_one_witness() -> None:
    alias = note.make_signer("alias.example", WITNESS.signing_key, note.COSIGNATURE_V1)
    data = SIGNED + cosign(TEXT, WITNESS, 7) + cosign(TEXT, alias, 7)
    assert len(verify_cosignatures(data, [WITNESS.key, alias.key])) == 1


def test_a_bad_cosignature_of_a_known_witness_condemns_the_note() -> None:
    good = note.parse_signatures(cosign(TEXT, WITNESS, 7))[0]
    foreign = note.parse_signatures(cosign(TEXT.replace("2085", "2086"), WITNESS, 7))[0]
    bad_values = [
        foreign.value,
        (8).to_bytes(8, "big") + good.value[8:],
        (2**63).to_bytes(8, "big") + good.value[8:],
        good.value[:-1],
        good.value + b"\0",
        good.value[8:],
        b"\0",
    ]
    for value in bad_values:
        line = note.format_signature(note.Signature(good.name, good.key_id, value))
        with pytest.raises(InvalidNote, match=r"cosignature of w1\.example"):
            verify_cosignatures(SIGNED + line, [WITNESS.key])
        with pytest.raises(InvalidNote, match=r"cosignature of w1\.example"):
            add_cosignatures(SIGNED, line, [WITNESS.key])


def test_only_checkpoints_are_cosigned() -> None:
    with pytest.raises(InvalidNote):
        cosign("text\n", WITNESS, 7)
    with pytest.raises(InvalidNote):
        verify_cosignatures(note.sign_note("text\n", LOG), [WITNESS.key])


def test_a_log_signature_is_no_cosignature_and_a_cosignature_no_log_signature() -> None:
    """One key in both roles is told apart by the key id, and by the signed bytes."""
    twin = note.make_signer(LOG.key.name, LOG.signing_key, note.COSIGNATURE_V1)
    assert verify_cosignatures(SIGNED, [twin.key]) == ()
    cosigned_only = f"{TEXT}\n{cosign(TEXT, twin, 7)}"
    with pytest.raises(InvalidNote, match="no signature"):
        open_checkpoint(cosigned_only, [LOG.key])
    value = note.parse_signatures(cosign(TEXT, twin, 7))[0].value[8:]
    forged = note.Note(TEXT, (note.Signature(LOG.key.name, LOG.key.key_id, value),))
    with pytest.raises(InvalidNote, match="does not verify"):
        open_checkpoint(note.format_note(forged), [LOG.key])


def test_a_witness_answer_is_added_without_strangers_and_repeats() -> None:
    first, second = cosign(TEXT, WITNESS, 7), cosign(TEXT, WITNESS2, 8)
    once = add_cosignatures(SIGNED, first + second, [WITNESS.key])
    assert once == SIGNED + first
    twice = add_cosignatures(once.encode(), (first + second).encode(), [WITNESS.key, WITNESS2.key])
    assert twice == SIGNED + first + second
    newer, older = cosign(TEXT, WITNESS, 9), cosign(TEXT, WITNESS, 6)
    assert add_cosignatures(twice, newer, [WITNESS.key]) == SIGNED + second + newer
    assert add_cosignatures(twice, older, [WITNESS.key, WITNESS2.key]) == twice
    for malformed in ("", "\n", "text\n", first[:-1], first + "\n"):
        with pytest.raises(InvalidNote):
            add_cosignatures(SIGNED, malformed, [WITNESS.key])
