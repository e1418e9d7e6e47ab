"""What a node answers to orders: an entry with its receipt, or a problem. None of it is proved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from client.errors import NodeRefused
from client.json_fields import Fields
from client.records import KeptOrder, KeptReceipt, Memo, Opening
from client.transport import read_problem
from ledger.codec import to_base64url
from ledger.errors import Refused, TallystickError, Unacceptable

OPENINGS_MAX: Final = 1001
PATH_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed order to send, with the text that it commits to, and its route to elsewhere."""

    wire: bytes = field(repr=False)
    memo: Memo | None = None
    route: bytes | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, str]:
        """The item that ``POST /api/v1/orders`` takes."""
        item = {"order": to_base64url(self.wire)}
        if self.memo is not None:
            item |= {"text": self.memo.text, "salt": to_base64url(self.memo.salt)}
        if self.route is not None:
            item["route"] = to_base64url(self.route)
        return item


@dataclass(frozen=True, slots=True)
class Accepted:
    """The node says that the order is in its log. Believe it once ``receipts.verify_answer`` does.

    ``receipt`` has the order and its memo as they were sent, and the node's openings of the
    signer's own postings.
    """

    order_id: bytes
    receipt: KeptReceipt


@dataclass(frozen=True, slots=True)
class Declined:
    """The node gives no entry. ``is_final`` unless the very same order may be sent again."""

    problem: NodeRefused

    @property
    def is_final(self) -> bool:
        return self.problem.problem in FINAL_CODES


OrderAnswer = Accepted | Declined


def _codes(root: type[TallystickError]) -> set[str]:
    return {root.code}.union(*(_codes(below) for below in root.__subclasses__()))


FINAL_CODES: Final = frozenset(_codes(Refused) | _codes(Unacceptable))
"""Problems after which the very same order would come to nothing else."""


def read_order_answer(answer: Fields, submission: Submission) -> OrderAnswer:
    """One item of the answer to ``POST /api/v1/orders``. Raises AnswerInvalid."""
    if "problem" in answer:
        return Declined(read_problem(answer.fields("problem")))
    entry = answer.fields("entry")
    order = KeptOrder(entry.text("authority", 64), submission.wire, entry.binary("salt"))
    receipt = KeptReceipt(
        index=entry.integer("index"),
        leaf=entry.binary("leaf"),
        proof=answer.text("receipt"),
        openings=answer.objects("postings", OPENINGS_MAX, read_opening),
        order=order,
        memo=submission.memo,
    )
    return Accepted(answer.hexadecimal("order_id", 32), receipt)


def read_opening(opening: Fields) -> Opening:
    """What opens one posting. Raises AnswerInvalid."""
    return Opening(
        posting=opening.binary("posting"),
        salt=opening.binary("salt"),
        position=opening.integer("position"),
        count=opening.integer("count"),
        path=opening.binaries("path", PATH_MAX),
    )


def read_entry(entry: Fields) -> KeptReceipt:
    """The answer to ``GET /api/v1/entries/{index}``, with what the asker may see of it.

    Raises AnswerInvalid.
    """
    order = memo = None
    if "order" in entry:
        order = KeptOrder(entry.text("authority", 64), entry.binary("order"), entry.binary("salt"))
    if "text" in entry:
        memo = Memo(entry.text("text"), entry.binary("text_salt"))
    has_openings = "postings" in entry
    return KeptReceipt(
        index=entry.integer("index"),
        leaf=entry.binary("leaf"),
        proof=entry.text("receipt"),
        openings=entry.objects("postings", OPENINGS_MAX, read_opening) if has_openings else (),
        order=order,
        memo=memo,
    )
