"""How decided orders are answered: rendered by hand, because it is done once per order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ledger import merkle
from ledger.append import Entry
from ledger.codec import to_base64url
from ledger.errors import TallystickError
from ledger.state import State
from node.http.problem import STATUS, describe_problem, every_error, find_status, title
from node.work import Accepted

_HEADER = "c2sp.org/tlog-proof@v1"


def own_accounts(state: State, device: bytes) -> set[int]:
    """The accounts of the person whose device this is."""
    known = state.devices.get(device)
    return state.holdings.get(known.person, set()) if known is not None else set()


def render_accepted(order_id: str, accepted: Accepted, own: set[int]) -> str:
    """The answer to an accepted order, as JSON text.

    Everything in it is hexadecimal, base64 or a number, but the receipt's line ends and dash.
    """
    entry = accepted.entry
    lines = accepted.proof_lines.replace("\n", "\\n")
    return (
        f'{{"order_id":"{order_id}","entry":{render_entry(entry)},'
        f'"postings":[{",".join(render_postings(entry, own))}],'
        f'"receipt":"{_HEADER}\\nindex {entry.number}\\n{lines}\\n{_escape(accepted.checkpoint)}"}}'
    )


@lru_cache(maxsize=4)
def _escape(note: str) -> str:
    """The inside of a JSON string; a batch's answers all have the same checkpoint."""
    return json.dumps(note)[1:-1]


def render_entry(entry: Entry) -> str:
    """The entry's leaf, and the opening of its order commitment."""
    return (
        f'{{"index":{entry.number},"leaf":"{to_base64url(entry.leaf)}",'
        f'"authority":"{entry.authority}","salt":"{to_base64url(entry.salts[0])}"}}'
    )


def render_postings(entry: Entry, own: set[int]) -> list[str]:
    """The openings of those postings that are on one of ``own``."""
    return [
        render_posting(entry, place)
        for place, posting in enumerate(entry.postings)
        if posting.account in own
    ]


def render_posting(entry: Entry, place: int) -> str:
    """One posting's opening: ``path`` leads from it to the leaf's postings root."""
    siblings = ",".join([f'"{to_base64url(sibling)}"' for sibling in _path(place, entry.hashes)])
    return (
        f'{{"posting":"{to_base64url(entry.packed[place])}",'
        f'"salt":"{to_base64url(entry.salts[place + 1])}",'
        f'"position":{place},"count":{len(entry.packed)},"path":[{siblings}]}}'
    )


def _path(place: int, hashes: Sequence[bytes]) -> Sequence[bytes]:
    if len(hashes) == 2:  # most entries have two postings, each the other's sibling
        return (hashes[1 - place],)
    return merkle.inclusion_proof(place, hashes)


def render_problem(order_id: str | None, problem: Mapping[str, Any]) -> str:
    """The answer to an order that was not accepted."""
    return json.dumps({"order_id": order_id, "problem": problem})


def problem_of(error: TallystickError) -> dict[str, Any]:
    """An error as its problem object."""
    return describe_problem(error)


def problem_of_refusal(refusal: str) -> dict[str, Any]:
    """The problem of a refusal that was remembered: what was answered when it was new."""
    fields = json.loads(refusal)
    code, detail = fields.pop("code"), fields.pop("detail")
    error = _CLASS_OF[code]
    problem = {
        "type": f"/problems/{code}",
        "title": title(error),
        "status": find_status(error, STATUS),
        "detail": detail,
        "code": code,
    }
    return {**problem, **fields, **problem}


_CLASS_OF = {error.code: error for error in every_error()}


def dump(problem: Mapping[str, Any]) -> str:
    """A problem object as JSON text."""
    return json.dumps(problem)
