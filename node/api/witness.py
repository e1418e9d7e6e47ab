"""This node as a witness of other logs, by C2SP tlog-witness: at the root, as the log is."""

from __future__ import annotations

from ledger.errors import TallystickError
from ledger.witness import (
    REQUEST_BYTES_MAX,
    Cosigned,
    Inconsistent,
    OldSizeDiffers,
    OldSizeTooLarge,
    UnknownLog,
    Unsigned,
    format_size,
    parse_request,
)
from node.circle import Circle
from node.errors import (
    BodyTooLarge,
    CheckpointInconsistent,
    CheckpointUnsigned,
    LogNotWitnessed,
    NotFound,
    RequestInvalid,
)
from node.federation.forked import shut_forked
from node.http.reply import Reply
from node.witness import logs as witness

SIZE = "text/x.tlog.size"
"""The media type of a size alone (C2SP tlog-witness, add-checkpoint)."""


async def add_checkpoint(state: Circle, body: bytes) -> Reply:
    """Cosign the head of another log, if it continues the one cosigned last.

    The answer is the cosignature's line, or with status 409 the size of the head cosigned last.
    """
    if len(body) > REQUEST_BYTES_MAX:
        raise BodyTooLarge(REQUEST_BYTES_MAX)
    request = parse_request(body)
    verdict = await witness.add_checkpoint(state.pool, state.witness, request, state.clock)
    if isinstance(verdict, Inconsistent | OldSizeDiffers):  # perhaps its log was caught
        await shut_forked(state.writer, state.pool)
    match verdict:
        case Cosigned():
            state.cosigner.hear(request.checkpoint.origin)
            return Reply(verdict.line)
        case OldSizeDiffers():
            # Named in full: this media type takes no parameters.
            headers = {"Content-Type": SIZE}
            return Reply(format_size(verdict.size), status=409, headers=headers)
        case refusal:
            raise _error_of(refusal)


def _error_of(
    verdict: UnknownLog | Unsigned | OldSizeTooLarge | Inconsistent,
) -> TallystickError:
    match verdict:
        case UnknownLog():
            return LogNotWitnessed(verdict.origin)
        case Unsigned():
            return CheckpointUnsigned(verdict.reason)
        case OldSizeTooLarge():
            sizes = f"the old size is {verdict.old_size}, and the checkpoint's {verdict.size}"
            return RequestInvalid([sizes])
        case Inconsistent():
            return CheckpointInconsistent(verdict.reason)


async def get_witnessed_checkpoint(state: Circle, origin_hash: str) -> Reply:
    """The newest head that this node cosigned of the log whose origin has this SHA-256."""
    note = None
    if len(origin_hash) == 64 and set(origin_hash) <= set("0123456789abcdef"):
        note = await witness.read_checkpoint(state.pool, bytes.fromhex(origin_hash))
    if note is None:
        raise NotFound("head that this node cosigned of such a log")
    return Reply(note, headers={"Cache-Control": "public, max-age=1"})
