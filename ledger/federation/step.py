"""What one step of a circle comes to, between circles."""

from __future__ import annotations

from typing import NamedTuple

from ledger.federation.draft import Draft
from ledger.federation.link import FederationChange, Link, PutEvidence
from ledger.federation.message import Suspend
from ledger.state import State
from ledger.verdict import Decision

UNHEARD = "the peer has not said since the last start where the link stands, or knows more than us"


class Step(NamedTuple):
    """An entry or none, what it stands on, and what changes on the links.

    All of it is persisted at once, and nothing is sent or answered before. ``personal`` is () or
    (commitment of the text,). ``fault`` says why a message was not taken, or is "".
    """

    entry: Decision | None = None
    wire: bytes = b""
    personal: tuple[bytes, ...] = ()
    changes: tuple[FederationChange, ...] = ()
    fault: str = ""


def freeze(
    state: State, link: Link, kind: str, wire: bytes, now: int, account: bytes = b""
) -> Step:
    """The peer signed what cannot be: no new payments with it, and the proof is kept.

    ``kind`` says what ``wire`` contradicts: "message", "statement", "prepare", "commit", "release",
    "terms", or "past" where the peer knows of messages that we do not. ``account`` is the statement
    that came with a message: it shows by what the peer counts. The first proof is enough: nobody
    fills our disk with more. The peer is told that no payments are taken, so that its coordinator
    learns of it too.
    """
    draft = Draft(state, now)
    if link.status in ("open", "suspended"):
        draft.note(PutEvidence(link.id, kind, wire))
        if account:
            draft.note(PutEvidence(link.id, "account", account))
        _shut(draft, link, "lost" if kind == "past" else "frozen")
    return Step(changes=draft.changes(), fault="it contradicts what is known to be so")


def shut(state: State, link_id: bytes, now: int) -> Step:
    """The peer was convicted elsewhere: no new payments with it."""
    draft = Draft(state, now)
    link = draft.link(link_id)
    if link.status in ("open", "suspended"):
        _shut(draft, link, "frozen")
    return Step(changes=draft.changes())


def _shut(draft: Draft, link: Link, status: str) -> None:
    draft.put(link._replace(status=status))
    if link.status == "open" and not link.left and status == "frozen":
        if draft.can_send(link.id):
            draft.send(link.id, Suspend(1))
        else:
            draft.put(draft.link(link.id)._replace(suspending=True))
