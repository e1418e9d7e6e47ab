"""Signed notes and their keys: the specs' own examples, round trips, hostile text."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from ledger import note
from ledger.checkpoint import (
    Checkpoint,
    format_checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from ledger.cosignature import (
    add_cosignatures,
    verify_cosignatures,
)
from ledger.errors import InvalidNote
from ledger.merkle import TREE_SIZE_MAX

SPEC_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONn"
    "cAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
SPEC_POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQ"
    "U0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
SPEC_COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q"
    "1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2o"
    "yin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

ORIGIN = "circle.example/log"
LOG = note.make_signer(ORIGIN, hashlib.sha256(b"log").digest())
OTHER = note.make_signer("other.example", hashlib.sha256(b"other").digest())
WITNESS = note.make_signer("w1.example", hashlib.sha256(b"w1").digest(), note.COSIGNATURE_V1)
CHECKPOINT = Checkpoint(ORIGIN, 20852163, hashlib.sha256(b"root").digest())
SIGNED = sign_checkpoint(CHECKPOINT, LOG)

names = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="+"),
    min_size=1,
    max_size=40,
)
lines = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=60)


# --- the specs' examples --------------------------------------------------------------------------


def test_the_example_of_signed_note_verifies_with_its_key() -> None:
    key = note.parse_vkey(SPEC_KEY)
    opened, signed = note.open_note(SPEC_NOTE, [key])
    assert (opened.text, signed) == ("This is an example message.\n", (key,))
    assert key.name == "example.com/foo"
    assert key.key_id.hex() == "530d903a"
    assert note.format_vkey(key) == SPEC_KEY
    assert note.open_note(SPEC_NOTE.encode(), [key]) == (opened, signed)


def test_the_key_of_go_sumdb_note_signs_the_same_bytes() -> None:
    """Known answer from the tests of golang.org/x/mod/sumdb/note; Ed25519 is deterministic."""
    encoded = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    seed = note.decode_base64(encoded.split("+", 4)[4])[1:]
    signer = note.make_signer("PeterNeumann", seed)
    assert note.format_vkey(signer.key) == (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    )
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    assert note.sign_note(text, signer) == (
        f"{text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgK"
        "vqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )


def test_a_text_with_empty_lines_ends_at_the_last_of_them() -> None:
    parsed = note.parse_note(SPEC_POEM)
    assert parsed.text.endswith("sole:\n\ned è subito sera.\n")
    assert [signature.name for signature in parsed.signatures] == ["quasimodo.example/salvatore"]
    assert note.format_note(parsed) == SPEC_POEM


def test_the_example_of_tlog_cosignature_parses() -> None:
    parsed = note.parse_note(SPEC_COSIGNED)
    checkpoint = parse_checkpoint(parsed.text)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert int.from_bytes(parsed.signatures[1].value[:8], "big") == 1679315147
    assert note.format_note(parsed) == SPEC_COSIGNED


# --- keys -----------------------------------------------------------------------------------------


@given(
    names, st.sampled_from([note.ED25519, note.COSIGNATURE_V1]), st.binary(min_size=32, max_size=32)
)
def test_a_key_is_read_back_as_it_was_written(name: str, kind: int, public_key: bytes) -> None:
    key = note.VerifierKey(name, kind, public_key)
    assert note.parse_vkey(note.format_vkey(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "++",
        "example.com/foo",
        "example.com/foo+530d903a",
        SPEC_KEY.replace("530d903a", "530d903b"),
        SPEC_KEY.replace("530d903a", "530D903A"),
        SPEC_KEY.replace("530d903a", "0530d903a"),
        SPEC_KEY.replace("530d903a", ""),
        SPEC_KEY.replace("example.com/foo", ""),
        SPEC_KEY.replace("example", "ex ample"),
        SPEC_KEY.replace("example", "ex\u00a0ample"),
        SPEC_KEY.replace("example", "ex\ud800ample"),
        SPEC_KEY + "\n",
        SPEC_KEY + "=",
        SPEC_KEY[:-1] + "l",
        SPEC_KEY.removesuffix("U2k"),
        SPEC_KEY.replace("+A", "+a"),
        SPEC_KEY.replace("AekyeRrm", "Aeky eRrm"),
        SPEC_KEY.split("+")[0] + "+530d903a+",
    ],
)
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidNote):
        note.parse_vkey(text)


def test_a_key_of_an_unsupported_type_is_refused() -> None:
    for kind in (0x00, 0x02, 0x05, 0x06, 0xFF):
        with pytest.raises(InvalidNote, match="signature type"):
            note.VerifierKey("example.com", kind, b"\0" * 32)


def test_a_key_with_a_long_name_or_a_short_body_is_refused() -> None:
    assert note.VerifierKey("é" * 127, note.ED25519, b"\0" * 32).name == "é" * 127
    with pytest.raises(InvalidNote, match="1 to 255 bytes"):
        note.VerifierKey("é" * 128, note.ED25519, b"\0" * 32)
    with pytest.raises(InvalidNote, match="31 bytes"):
        note.VerifierKey("example.com", note.ED25519, b"\0" * 31)


def test_the_type_of_a_key_is_in_its_id() -> None:
    """One key for two signature types would be told apart (signed-note, "Signatures")."""
    seed = b"\7" * 32
    ids = {
        note.make_signer("same.example", seed, kind).key.key_id
        for kind in (note.ED25519, note.COSIGNATURE_V1)
    }
    assert len(ids) == 2


def test_a_signer_takes_a_seed_or_a_key_and_does_not_show_it() -> None:
    from_seed = note.make_signer("a.example", b"\7" * 32)
    from_key = note.make_signer("a.example", SigningKey(b"\7" * 32))
    assert from_seed == from_key
    assert "signing_key" not in repr(from_seed)


# --- notes ----------------------------------------------------------------------------------------


@given(st.lists(lines | st.just(""), min_size=1))
def test_a_signed_note_opens_with_its_text(text_lines: list[str]) -> None:
    text = "\n".join(text_lines) + "\n"
    signed = note.sign_note(text, LOG, OTHER)
    opened, keys = note.open_note(signed, [OTHER.key, LOG.key])
    assert (opened.text, keys) == (text, (LOG.key, OTHER.key))
    assert note.format_note(opened) == signed


MALFORMED_NOTES = {
    "empty": "",
    "no signature": "text\n\n",
    "no empty line": SPEC_NOTE.replace("\n\n", "\n"),
    "no final newline": SPEC_NOTE[:-1],
    "one newline too many": SPEC_NOTE + "\n",
    "no text": SPEC_NOTE.partition("\n")[2],
    "carriage returns": SPEC_NOTE.replace("\n", "\r\n"),
    "a tab": SPEC_NOTE.replace("This", "\tThis"),
    "a nul": SPEC_NOTE.replace("This", "\0This"),
    "a lone surrogate": SPEC_NOTE.replace("This", "\ud800This"),
    "a hyphen for the dash": SPEC_NOTE.replace("—", "-"),
    "an indented signature": SPEC_NOTE.replace("—", " —"),
    "no space after the dash": SPEC_NOTE.replace("— ", "—"),
    "two spaces after the dash": SPEC_NOTE.replace("— ", "—  "),
    "two spaces after the name": SPEC_NOTE.replace("foo ", "foo  "),
    "a space at the end": SPEC_NOTE.replace("=\n", "= \n"),
    "no key name": SPEC_NOTE.replace("example.com/foo ", ""),
    "a plus in the key name": SPEC_NOTE.replace("example.com/foo", "example.com+foo"),
    "a wide space in the key name": SPEC_NOTE.replace("example.com", "example\u3000com"),
    "no signature after the name": SPEC_NOTE.partition(" Uw2")[0] + "\n",
    "an empty signature": SPEC_NOTE.partition("Uw2")[0] + "\n",
    "a key id alone": SPEC_NOTE.partition("Uw2")[0] + "Uw2QOg==\n",
    "no padding": SPEC_NOTE.replace("=", ""),
    "loose bits": SPEC_NOTE.replace("aQM=", "aQN="),
    "the url alphabet": SPEC_POEM.replace("/", "_"),
    "another line among the signatures": SPEC_NOTE + "text\n",
    "101 signatures": SPEC_NOTE + SPEC_NOTE.partition("\n\n")[2] * 100,
    "over a megabyte": "x" * 1_000_000 + SPEC_NOTE,
}


@pytest.mark.parametrize("malformed", MALFORMED_NOTES.values(), ids=MALFORMED_NOTES.keys())
def test_a_malformed_note_is_refused(malformed: str) -> None:
    for data in (malformed, malformed.encode(errors="surrogatepass")):
        with pytest.raises(InvalidNote):
            note.parse_note(data)
        with pytest.raises(InvalidNote):
            note.open_note(data, [note.parse_vkey(SPEC_KEY)])


@pytest.mark.parametrize("data", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"text\xe2\x80\n\n"])
def test_bytes_that_are_not_utf8_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidNote, match="not UTF-8"):
        note.parse_note(data + SPEC_NOTE.encode())


@given(st.text() | st.binary())
def test_any_input_is_parsed_or_refused(data: str | bytes) -> None:
    assert_parses_or_refuses(data)


@settings(max_examples=300)
@given(st.data(), st.sampled_from([SPEC_NOTE, SPEC_POEM, SPEC_COSIGNED, SPEC_KEY]))
def test_a_mutated_note_parses_to_itself_or_is_refused(data: st.DataObject, text: str) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 3)))
    piece = data.draw(st.sampled_from(["", "\n", "\n\n", "— ", "+", "=", " ", "0"]) | st.text())
    assert_parses_or_refuses(text[:start] + piece + text[end:])


def assert_parses_or_refuses(data: str | bytes) -> None:
    """No parser raises anything but InvalidNote, and what one takes it writes back the same."""
    text = data if isinstance(data, str) else data.decode("latin-1")
    unchanged: list[Callable[[], str]] = [
        lambda: note.format_note(note.parse_note(data)),
        lambda: note.format_vkey(note.parse_vkey(text)),
        lambda: format_checkpoint(parse_checkpoint(text)),
        lambda: "".join(map(note.format_signature, note.parse_signatures(text))),
        lambda: note.encode_base64(note.decode_base64(text)),
        lambda: str(note.parse_decimal(text, TREE_SIZE_MAX)),
    ]
    for written in unchanged:
        try:
            assert written() in (text, data if isinstance(data, str) else data.decode())
        except InvalidNote:
            continue
    # Nobody of these signed it, so that nothing may open or be added.
    with pytest.raises(InvalidNote):
        note.open_note(data, [LOG.key])
    with pytest.raises(InvalidNote):
        open_checkpoint(data, [LOG.key])
    with contextlib.suppress(InvalidNote):
        assert add_cosignatures(SIGNED, data, [WITNESS.key]) == SIGNED


def test_a_mutated_text_or_signature_is_refused() -> None:
    blob = SIGNED.encode()
    for position in range(len(blob)):
        changed = bytearray(blob)
        changed[position] ^= 1
        with pytest.raises(InvalidNote):
            open_checkpoint(bytes(changed), [LOG.key])


def test_signatures_of_unknown_keys_are_ignored() -> None:
    """Also those that share the name or the key id, but not both, with a known key."""
    text = "text\n"
    namesake = note.make_signer(LOG.key.name, b"\1" * 32)
    line = note.sign_note(text, LOG).partition("\n\n")[2]
    renamed = line.replace(LOG.key.name, "renamed.example")
    assert note.open_note(note.sign_note(text, namesake, LOG) + renamed, [LOG.key])[1] == (LOG.key,)
    for unsigned in (note.sign_note(text, namesake), f"{text}\n{renamed}"):
        with pytest.raises(InvalidNote, match=r"no signature of circle\.example/log"):
            note.open_note(unsigned, [LOG.key])
    with pytest.raises(InvalidNote, match="no signature of nobody"):
        note.open_note(note.sign_note(text, LOG), [])


def test_a_bad_signature_of_a_known_key_condemns_the_note_even_beside_a_good_one() -> None:
    good = note.sign_note("text\n", LOG)
    bad = note.sign_note("another\n", LOG).partition("\n\n")[2]
    short = note.format_signature(note.Signature(LOG.key.name, LOG.key.key_id, b"\0"))
    for line in (bad, short):
        for data in (good + line, good.replace("\n\n", "\n\n" + line)):
            with pytest.raises(InvalidNote, match="does not verify"):
                note.open_note(data, [LOG.key])


def test_a_repeated_signature_counts_once() -> None:
    signed = note.sign_note("text\n", LOG, LOG, LOG)
    opened, keys = note.open_note(signed, [LOG.key, LOG.key])
    assert (len(opened.signatures), keys) == (3, (LOG.key,))


def test_a_hundred_signatures_are_accepted() -> None:
    assert note.open_note(note.sign_note("text\n", *[LOG] * 100), [LOG.key])


def test_a_large_post_quantum_signature_of_an_unknown_key_is_ignored() -> None:
    large = note.format_signature(note.Signature("pq.example", b"\0" * 4, b"\1" * 4627))
    assert note.open_note(SIGNED + large * 15, [LOG.key])


def test_a_cosigning_key_cannot_open_a_note_nor_a_log_key_a_cosignature() -> None:
    with pytest.raises(InvalidNote, match="0x01 is needed"):
        note.open_note(SIGNED, [WITNESS.key])
    with pytest.raises(InvalidNote, match="0x04 is needed"):
        verify_cosignatures(SIGNED, [LOG.key])


@pytest.mark.parametrize("text", ["", "text", "text\r\n", "\0\n", "\ud800\n"])
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        note.sign_note(text, LOG)
