"""The model that checks a circle's books comes to the same as the history among the vectors."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from ledger import codec, keys
from ledger.entry import Leaf, encode_leaf, order_commitment
from ledger.errors import MalformedObject
from node.check.book import Book, Transfer
from node.check.findings import WrongEntry
from node.check.founding import found
from node.check.opening import NO_POSTINGS, Opened, open_row
from node.check.replay import ordered, replay, write

HISTORY = Path(__file__).with_name("vectors") / "valid" / "history.json"
CASES: list[dict[str, Any]] = json.loads(HISTORY.read_text())["cases"]
SEEN_ELSEWHERE = {"credit-limit", "ceiling", "request-unusable", "handle-taken"}
"""Limits are looked at when postings are written; requests and names in their tables."""


def _accepted(case: dict[str, Any]) -> Opened:
    entry = case["entry"]
    encoded = (bytes.fromhex(posting["encoded"]) for posting in entry["postings"])
    postings = codec.encode([codec.unpack(posting, 256, "posting") for posting in encoded])
    leaf, wire, secret = (
        bytes.fromhex(text) for text in (entry["leaf"], case.get("wire", ""), entry["secret"])
    )
    return open_row(
        (entry["number"], case["log_time"], leaf, entry["authority"], wire, secret, postings)
    )


def _as_if_accepted(case: dict[str, Any], number: int) -> Opened:
    """A refused order in an entry of its own, without postings."""
    wire, secret = bytes.fromhex(case["wire"]), bytes(32)
    body = codec.unpack(codec.unpack(wire, len(wire), "wire")[0], len(wire), "order")
    kind = "open" if body[1] == "join" else body[1]
    commitment = order_commitment("member", wire, keys.derive_salt(secret, 0))
    leaf = encode_leaf(Leaf(1, kind, case["log_time"], b"", (commitment,), (), body[7]))
    return open_row((number, case["log_time"], leaf, "member", wire, secret, NO_POSTINGS))


def _is_refused(book: Book, case: dict[str, Any], number: int) -> bool:
    try:
        ordered(deepcopy(book), _as_if_accepted(case, number))
    except (WrongEntry, MalformedObject):
        return True
    return False


def test_whoever_checks_the_books_accepts_and_refuses_what_the_history_does() -> None:
    book: Book | None = None
    transfers: dict[int, Transfer] = {}
    taken = 0
    for case in CASES:
        if "entry" in case:
            entry = _accepted(case)
            if book is None:
                book, _, effect = found(entry)
                write(book, entry, effect)
            else:
                replay(book, entry, transfers)
            moved = tuple((line[0], line[2]) for line in entry.lines)
            transfers[entry.number] = Transfer(entry.order, entry.authority, entry.person, moved)
            taken += 1
        elif "error" in case and case["error"] not in SEEN_ELSEWHERE:
            assert book is not None
            book.transfers = transfers
            nameless = "joins without a name" in case["shows"]
            assert _is_refused(book, case, taken) or nameless, case["shows"]
    assert taken > 100
