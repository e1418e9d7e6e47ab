"""Vectors for signed notes, checkpoints, cosignatures and receipts (C2SP)."""

from __future__ import annotations

import hashlib

from ledger import merkle
from ledger.checkpoint import Checkpoint, format_checkpoint, sign_checkpoint
from ledger.cosignature import TIMESTAMP_MAX, cosign
from ledger.note import (
    COSIGNATURE_V1,
    Signature,
    encode_base64,
    format_signature,
    format_vkey,
    make_signer,
    parse_signatures,
    sign_note,
)
from ledger.receipt import format_proof_lines, format_receipt
from tests.vectors.c2sp_merkle import NOTE_ERROR, PROOF_ERROR, Case, Files, refused

ORIGIN = "circle.example/log"
TIME = 1679315147


def seed_of(role: str) -> bytes:
    """The published private key of a test role; nothing else may ever use one."""
    return hashlib.sha256(f"tallystick test vector: {role}".encode()).digest()


LOG = make_signer(ORIGIN, seed_of("log"))
OTHER = make_signer("other.example/log", seed_of("other"))
WITNESS1 = make_signer("w1.example", seed_of("witness 1"), COSIGNATURE_V1)
WITNESS2 = make_signer("w2.example", seed_of("witness 2"), COSIGNATURE_V1)
LOG_VKEY = format_vkey(LOG.key)
OTHER_VKEY = format_vkey(OTHER.key)
WITNESS_VKEYS = [format_vkey(WITNESS1.key), format_vkey(WITNESS2.key)]

LEAVES = [b"leaf %d" % index for index in range(11)]
LEAF_HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]
CHECKPOINT = Checkpoint(ORIGIN, len(LEAVES), merkle.root(LEAF_HASHES))
TEXT = format_checkpoint(CHECKPOINT)
SIGNED = sign_checkpoint(CHECKPOINT, LOG)
ROOT_LINE = encode_base64(CHECKPOINT.root)

SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONn"
    "cAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)


def note_files() -> Files:
    return {
        "valid/note-key.json": ("signed-note: verifier keys", keys()),
        "invalid/note-key.json": ("signed-note: verifier keys to refuse", bad_keys()),
        "valid/note-signed.json": ("signed-note: which of vkeys signed the text", notes()),
        "invalid/note-signed.json": ("signed-note: to refuse with vkeys known", bad_notes()),
        "valid/note-checkpoint.json": ("tlog-checkpoint: the text of a note", checkpoints()),
        "invalid/note-checkpoint.json": ("tlog-checkpoint: texts to refuse", bad_checkpoints()),
        "valid/note-cosignature.json": ("tlog-cosignature: who cosigned, when", cosigned()),
        "invalid/note-cosignature.json": ("tlog-cosignature: to refuse", bad_cosigned()),
    }


def proof_files() -> Files:
    return {
        "valid/proof-receipt.json": ("tlog-proof: verifies with the key and quorum", receipts()),
        "invalid/proof-receipt.json": ("tlog-proof: to refuse", bad_receipts()),
    }


# --- keys -----------------------------------------------------------------------------------------


def keys() -> list[Case]:
    seeds = {"log": LOG, "other": OTHER, "witness 1": WITNESS1, "witness 2": WITNESS2}
    cases: list[Case] = [
        {
            "vkey": format_vkey(signer.key),
            "name": signer.key.name,
            "key_id": signer.key.key_id.hex(),
            "signature_type": signer.key.signature_type,
            "public_key": signer.key.public_key.hex(),
            "seed": seed_of(role).hex(),
        }
        for role, signer in seeds.items()
    ]
    spec: Case = {
        "vkey": SPEC_VKEY,
        "name": "example.com/foo",
        "key_id": "530d903a",
        "signature_type": 1,
        "public_key": "e932791ae6e7a840a46164c904786426d5e7821dd8b29a00d61cae72afdd4da4",
    }
    return [spec, *cases]


def bad_keys() -> list[Case]:
    name, key_id, encoded = SPEC_VKEY.split("+", 2)
    material = b"\x02" + LOG.key.public_key
    id_of_type_2 = hashlib.sha256(b"example.com/foo\n" + material).hexdigest()[:8]
    vkeys = {
        "empty": "",
        "two parts": f"{name}+{key_id}",
        "no name": f"+{key_id}+{encoded}",
        "another name": f"{name}2+{key_id}+{encoded}",
        "another key id": f"{name}+530d903b+{encoded}",
        "a capital in the key id": f"{name}+530D903A+{encoded}",
        "a space in the name": f"example com+{key_id}+{encoded}",
        "a newline at the end": f"{SPEC_VKEY}\n",
        "base64 without its last character": SPEC_VKEY[:-1],
        "signature type 2": f"{name}+{id_of_type_2}+{encode_base64(material)}",
        "a key of 31 bytes": f"{name}+{key_id}+{encode_base64(bytes([1]) + bytes(31))}",
        "no key": f"{name}+{key_id}+",
    }
    return [refused(why, NOTE_ERROR, {"vkey": vkey}) for why, vkey in vkeys.items()]


# --- notes ----------------------------------------------------------------------------------------


def notes() -> list[Case]:
    poem = "Ognuno sta solo sul cuor della terra\n\ned è subito sera.\n"
    twice = sign_note(poem, OTHER, LOG, LOG)
    stranger = format_signature(Signature(ORIGIN, b"\0\0\0\0", b"\1" * 64))
    both = [LOG_VKEY, OTHER_VKEY]
    cases = [
        (SPEC_NOTE, [SPEC_VKEY], "This is an example message.\n", [SPEC_VKEY]),
        (sign_note(poem, LOG), both, poem, [LOG_VKEY]),
        (sign_note("\n", LOG), both, "\n", [LOG_VKEY]),
        (twice, both, poem, both),
        (sign_note(poem, LOG, OTHER) + stranger, [OTHER_VKEY], poem, [OTHER_VKEY]),
    ]
    return [
        {"note": note, "vkeys": vkeys, "text": text, "signed_by": signed_by}
        for note, vkeys, text, signed_by in cases
    ]


def bad_notes() -> list[Case]:
    signed = sign_note("text\n", LOG)
    line = signed.partition("\n\n")[2]
    other_line = sign_note("other\n", LOG).partition("\n\n")[2]
    texts = {
        "empty": "",
        "no signature": "text\n\n",
        "no signature of a known key": sign_note("text\n", OTHER),
        "another text": signed.replace("text", "texts"),
        "a bad signature of a known key beside a good one": signed + other_line,
        "the known key's name with another key id": signed.replace(line.split()[2][:6], "AAAAAA"),
        "no empty line before the signatures": "text\n" + line,
        "no text": "\n" + line,
        "no newline at the end": signed[:-1],
        "an empty line at the end": signed + "\n",
        "a carriage return": signed.replace("text", "text\r"),
        "a tab": signed.replace("text", "\ttext"),
        "a hyphen for the dash": signed.replace("—", "-"),
        "two spaces after the name": signed.replace(
            " circle.example/log ", " circle.example/log  "
        ),
        "a plus in another key's name": signed + line.replace("circle", "circle+"),
        "a wide space in another key's name": signed + line.replace("circle", "cir\u3000cle"),
        "another key's signature of four bytes": signed + "— other.example AAAAAA==\n",
        "another key's signature without padding": signed + "— other.example AAAAAAA\n",
        "another key's signature with loose bits": signed + "— other.example AAAAAAB=\n",
        "101 signatures": signed + line * 100,
    }
    cases = [{"note": note, "vkeys": [LOG_VKEY]} for note in texts.values()]
    invalid_utf8 = signed.encode().replace(b"text", b"te\xffxt").hex()
    return [
        *[refused(why, NOTE_ERROR, case) for why, case in zip(texts, cases, strict=True)],
        refused("not UTF-8", NOTE_ERROR, {"note_hex": invalid_utf8, "vkeys": [LOG_VKEY]}),
    ]


# --- checkpoints ----------------------------------------------------------------------------------


def checkpoints() -> list[Case]:
    return [
        {
            "text": format_checkpoint(checkpoint),
            "origin": checkpoint.origin,
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "extensions": list(checkpoint.extensions),
        }
        for checkpoint in (
            CHECKPOINT,
            Checkpoint("example.com/behind-the-sofa", 20852163, bytes(range(32))),
            Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT),
            Checkpoint("a name with + and spaces é", 1, LEAF_HASHES[0], ("one", "two")),
        )
    ]


def bad_checkpoints() -> list[Case]:
    texts = {
        "empty": "",
        "two lines": f"{ORIGIN}\n11\n",
        "no newline at the end": TEXT[:-1],
        "an empty line at the end": f"{TEXT}\n",
        "no origin": f"\n11\n{ROOT_LINE}\n",
        "an origin of 256 bytes": f"{'o' * 256}\n11\n{ROOT_LINE}\n",
        "an empty extension": f"{TEXT}one\n\ntwo\n",
        "a padded size": f"{ORIGIN}\n011\n{ROOT_LINE}\n",
        "a signed size": f"{ORIGIN}\n+11\n{ROOT_LINE}\n",
        "a negative size": f"{ORIGIN}\n-11\n{ROOT_LINE}\n",
        "a size over 2^63 - 1": f"{ORIGIN}\n9223372036854775808\n{ROOT_LINE}\n",
        "a size in hex": f"{ORIGIN}\n0xb\n{ROOT_LINE}\n",
        "a root of 31 bytes": f"{ORIGIN}\n11\n{encode_base64(bytes(31))}\n",
        "a root in hex": f"{ORIGIN}\n11\n{CHECKPOINT.root.hex()}\n",
        "a root without padding": f"{ORIGIN}\n11\n{ROOT_LINE[:-1]}\n",
        "a space after the root": f"{ORIGIN}\n11\n{ROOT_LINE} \n",
    }
    return [refused(why, NOTE_ERROR, {"text": text}) for why, text in texts.items()]


# --- cosignatures ---------------------------------------------------------------------------------


def cosigned() -> list[Case]:
    first, second = cosign(TEXT, WITNESS1, TIME), cosign(TEXT, WITNESS2, TIMESTAMP_MAX)
    later = cosign(TEXT, WITNESS1, TIME + 1)
    by_first: Case = {"vkey": WITNESS_VKEYS[0], "timestamp": str(TIME)}
    by_first_later: Case = {"vkey": WITNESS_VKEYS[0], "timestamp": str(TIME + 1)}
    by_second: Case = {"vkey": WITNESS_VKEYS[1], "timestamp": str(TIMESTAMP_MAX)}
    cases = [
        (SIGNED, WITNESS_VKEYS, []),
        (SIGNED + first, WITNESS_VKEYS, [by_first]),
        (SIGNED + first + second, WITNESS_VKEYS, [by_first, by_second]),
        (SIGNED + first + second, WITNESS_VKEYS[1:], [by_second]),
        (SIGNED + first + later + first, WITNESS_VKEYS, [by_first_later]),
    ]
    return [
        {"note": note, "witness_vkeys": vkeys, "cosigned": expected}
        for note, vkeys, expected in cases
    ]


def bad_cosigned() -> list[Case]:
    good = parse_signatures(cosign(TEXT, WITNESS1, TIME))[0]
    foreign = parse_signatures(cosign(TEXT.replace("\n11\n", "\n12\n"), WITNESS1, TIME))[0]
    bare = WITNESS1.signing_key.sign(TEXT.encode()).signature
    values = {
        "of another checkpoint": foreign.value,
        "another time": (TIME + 1).to_bytes(8, "big") + good.value[8:],
        "a time over 2^63 - 1": (2**63).to_bytes(8, "big") + good.value[8:],
        "no time": good.value[8:],
        "over the text without its header": TIME.to_bytes(8, "big") + bare,
        "a byte too long": good.value + b"\0",
        "a byte too short": good.value[:-1],
    }
    cases = [
        (why, SIGNED + format_signature(Signature(good.name, good.key_id, value)))
        for why, value in values.items()
    ]
    text = sign_note("no checkpoint\n", LOG)
    return [
        refused(why, NOTE_ERROR, {"note": note, "witness_vkeys": WITNESS_VKEYS})
        for why, note in [*cases, ("not a checkpoint", text)]
    ]


# --- receipts -------------------------------------------------------------------------------------

PROOF = merkle.inclusion_proof(6, LEAF_HASHES)
PROOF_LINES = format_proof_lines(PROOF)
RECEIPT = format_receipt(6, PROOF_LINES, SIGNED)


def receipt_case(receipt: str, index: int = 6, witness_vkeys: int = 0, quorum: int = 0) -> Case:
    return {
        "receipt": receipt,
        "leaf": LEAVES[index].hex(),
        "origin": ORIGIN,
        "log_vkey": LOG_VKEY,
        "witness_vkeys": WITNESS_VKEYS[:witness_vkeys],
        "quorum": quorum,
    }


def receipts() -> list[Case]:
    whole = [
        receipt_case(
            format_receipt(
                index, format_proof_lines(merkle.inclusion_proof(index, LEAF_HASHES)), SIGNED
            ),
            index,
        )
        | {"index": index, "size": 11, "extra": None}
        for index in range(11)
    ]
    single = format_receipt(0, "", sign_checkpoint(Checkpoint(ORIGIN, 1, LEAF_HASHES[0]), LOG))
    extra = format_receipt(6, PROOF_LINES, SIGNED, b"hello")
    cosigned = RECEIPT + cosign(TEXT, WITNESS1, TIME) + cosign(TEXT, WITNESS2, TIME)
    of_six: Case = {"index": 6, "size": 11, "extra": None}
    return [
        *whole,
        receipt_case(single, 0) | {"index": 0, "size": 1, "extra": None},
        receipt_case(extra) | of_six | {"extra": b"hello".hex()},
        receipt_case(cosigned) | of_six,
        receipt_case(cosigned, witness_vkeys=1, quorum=1) | of_six,
        receipt_case(cosigned, witness_vkeys=2, quorum=2) | of_six,
    ]


def bad_receipts() -> list[Case]:
    cosigned = RECEIPT + cosign(TEXT, WITNESS1, TIME)
    other_line = cosign(TEXT.replace("\n11\n", "\n12\n"), WITNESS1, TIME)
    malformed = {
        "empty": "",
        "another version": RECEIPT.replace("@v1", "@v2"),
        "no index": RECEIPT.replace("index 6\n", ""),
        "a padded index": RECEIPT.replace("index 6", "index 06"),
        "an empty extra line": RECEIPT.replace("index", "extra \nindex"),
        "extra data after the index": RECEIPT.replace("index 6\n", "index 6\nextra aGVsbG8=\n"),
        "a proof line that is no hash": RECEIPT.replace("index 6\n", "index 6\naGVsbG8=\n"),
        "65 proof lines": RECEIPT.replace(PROOF_LINES, format_proof_lines([bytes(32)] * 65)),
        "two empty lines": RECEIPT.replace("\n\n", "\n\n\n", 1),
        "no empty line": RECEIPT.replace("\n\n", "\n", 1),
        "carriage returns": RECEIPT.replace("\n", "\r\n"),
        "no newline at the end": RECEIPT[:-1],
        "an unsigned checkpoint": RECEIPT.partition("—")[0],
    }
    notes = [receipt_case(receipt) for receipt in malformed.values()]
    others: list[tuple[str, Case]] = [
        ("another origin", receipt_case(RECEIPT) | {"origin": "other.example/log"}),
        ("another key", receipt_case(RECEIPT) | {"log_vkey": OTHER_VKEY}),
        ("a quorum that is not met", receipt_case(cosigned, witness_vkeys=2, quorum=2)),
        ("one witness twice", receipt_case(cosigned + cosign(TEXT, WITNESS1, TIME + 1), 6, 2, 2)),
        ("a bad cosignature of a known witness", receipt_case(RECEIPT + other_line, 6, 2)),
    ]
    proofs: list[tuple[str, Case]] = [
        ("another leaf", receipt_case(RECEIPT, 7)),
        ("another index", receipt_case(RECEIPT.replace("index 6", "index 7"))),
        ("an index outside the tree", receipt_case(RECEIPT.replace("index 6", "index 11"))),
        ("no proof lines", receipt_case(RECEIPT.replace(PROOF_LINES, ""))),
        ("proof lines too many", receipt_case(format_receipt(6, PROOF_LINES * 2, SIGNED))),
    ]
    noted = [*zip(malformed, notes, strict=True), *others]
    return [refused(why, NOTE_ERROR, case) for why, case in noted] + [
        refused(why, PROOF_ERROR, case) for why, case in proofs
    ]
