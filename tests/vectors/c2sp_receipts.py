"""Vectors for receipts (C2SP tlog-proof)."""

from __future__ import annotations

from ledger import merkle
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.cosignature import cosign
from ledger.note import format_vkey, make_signer
from ledger.receipt import format_proof_lines, format_receipt
from tests.vectors.c2sp_merkle import NOTE_ERROR, PROOF_ERROR, Case, Files, refused
from tests.vectors.c2sp_notes import (
    ALIAS,
    CHECKPOINT,
    LEAF_HASHES,
    LEAVES,
    LOG,
    LOG_VKEY,
    ORIGIN,
    OTHER_VKEY,
    SIGNED,
    TEXT,
    TIME,
    WITNESS1,
    WITNESS2,
    WITNESS_VKEYS,
    seed_of,
)

PROOF = merkle.inclusion_proof(6, LEAF_HASHES)
PROOF_LINES = format_proof_lines(PROOF)
RECEIPT = format_receipt(6, PROOF_LINES, SIGNED)


def proof_files() -> Files:
    return {
        "valid/proof-receipt.json": ("tlog-proof: verifies with the key and quorum", receipts()),
        "invalid/proof-receipt.json": ("tlog-proof: to refuse", bad_receipts()),
    }


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
        _extended() | of_six,
        _named_otherwise() | of_six,
    ]


def _extended() -> Case:
    """A checkpoint with extension lines, which mean nothing here."""
    extended = Checkpoint(ORIGIN, CHECKPOINT.size, CHECKPOINT.root, ("one", "two"))
    return receipt_case(format_receipt(6, PROOF_LINES, sign_checkpoint(extended, LOG)))


def _named_otherwise() -> Case:
    """The log's key need not have the origin as its name."""
    signer = make_signer("another.example", seed_of("log"))
    receipt = format_receipt(6, PROOF_LINES, sign_checkpoint(CHECKPOINT, signer))
    return receipt_case(receipt) | {"log_vkey": format_vkey(signer.key)}


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
    twice = cosigned + cosign(TEXT, ALIAS, TIME)
    aliases = [WITNESS_VKEYS[0], format_vkey(ALIAS.key)]
    further: list[tuple[str, Case]] = [
        (
            "one witness under two names",
            receipt_case(twice, 6, 2, 2) | {"witness_vkeys": aliases},
        ),
        (
            "the log's key is one of a witness",
            receipt_case(cosigned) | {"log_vkey": WITNESS_VKEYS[0]},
        ),
        (
            "the witness's key is one of a log",
            receipt_case(RECEIPT, 6) | {"witness_vkeys": [OTHER_VKEY]},
        ),
    ]
    proofs: list[tuple[str, Case]] = [
        ("another leaf", receipt_case(RECEIPT, 7)),
        ("another index", receipt_case(RECEIPT.replace("index 6", "index 7"))),
        ("an index outside the tree", receipt_case(RECEIPT.replace("index 6", "index 11"))),
        ("no proof lines", receipt_case(RECEIPT.replace(PROOF_LINES, ""))),
        ("proof lines too many", receipt_case(format_receipt(6, PROOF_LINES * 2, SIGNED))),
    ]
    noted = [*zip(malformed, notes, strict=True), *others]
    return (
        [refused(why, NOTE_ERROR, case) for why, case in noted]
        + [refused(why, PROOF_ERROR, case) for why, case in proofs]
        + [refused(why, NOTE_ERROR, case) for why, case in further]
    )
