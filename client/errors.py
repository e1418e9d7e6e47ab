"""What can go wrong on a member's own device, as branches of the tree in ledger/errors.py.

::

    TallystickError
      KeyStoreError           anything about the folder in which a device keeps its keys
        NoMembership            no circle of that name, or none chosen
        MembershipExists        the name already belongs to another membership
        MembershipInUse         a key that may not be discarded
        InvalidRecord           something that may not be kept: too long, of another form
        OrderConflict           an order that is not the one kept under its nonce
        KeyStoreLocked          the passphrase is wrong or missing
        KeyStoreExposed         others on this computer can read or change the folder
        KeyStoreDamaged         a file that is not what was written there
        KeyStoreBusy            another program is using the folder
        KeyStoreUnusable        the folder cannot be read or written
      InvalidAddress          an address or link to which nothing is sent
      NodeError               anything about a circle's node and what it answers
        NodeUnreachable         no connection, or no answer in time
        NodeRefused             the node's own problem, with its code and attributes
        AnswerInvalid           an answer that is not what the protocol has
          ReceiptInvalid          a receipt that does not prove what it is for
        CircleChanged           not the circle that was joined, or under other keys
        OtherCircleChanged      another circle than before at an address that was paid into
        HistoryConflict         two signed heads of the circle's books that were not shown to agree
          HistoryRewritten        they prove that what this device saw before was changed
          HistoryUnproven         they prove nothing, as the node's copy of the log is damaged
        OrderLost               an order that was too long on its way, and is nowhere to be found
      InvalidOrderFile        a file that holds no order to sign or send
      InvalidEvidenceFile     a file that proves nothing against anybody
      InputRefused            something asked for in a way that cannot be meant
        AlreadyMember           the circle that is to be joined was joined from here before
      DemoFailed              the demo did not go as it is told

Each has a stable ``code``, and a message of one sentence that ends with what to do.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ledger.errors import TallystickError


class KeyStoreError(TallystickError):
    """Root of what can be wrong with the key store."""

    code = "key-store"


class NoMembership(KeyStoreError):
    """No membership of this name; ``known`` are the names there are."""

    code = "membership-unknown"

    def __init__(self, name: str | None, known: list[str]) -> None:
        self.name, self.known = name, known
        shown = ", ".join(known[:10])
        if not known:
            message = "This device belongs to no circle yet: join one with an invitation."
        elif name is None:
            message = f"This device belongs to several circles: say which one you mean ({shown})."
        else:
            message = f"This device has no circle called {name[:40]!r}: it has {shown}."
        super().__init__(message)


class MembershipExists(KeyStoreError):
    """The name is in use."""

    code = "membership-exists"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"This device already has a circle called {name}: choose another name.")


class MembershipInUse(KeyStoreError):
    """A key that may not be discarded, because its circle knows it or may do so."""

    code = "membership-in-use"

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"The key for {name} stays where it is, because {reason}.")


class InvalidRecord(KeyStoreError):
    """Something that the key store does not keep; ``reason`` says which part and why."""

    code = "record-invalid"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"This cannot be kept: {reason}.")


class OrderConflict(KeyStoreError):
    """Another order than the one already kept under this nonce."""

    code = "order-conflict"

    def __init__(self, nonce: int) -> None:
        self.nonce = nonce
        super().__init__(f"Nonce {nonce} is not this order's: reserve a new one and sign again.")


class KeyStoreLocked(KeyStoreError):
    """The key is sealed under a passphrase, and none or another one was given."""

    code = "key-store-locked"

    def __init__(self, name: str, *, given: bool) -> None:
        self.name, self.given = name, given
        super().__init__(
            f"That passphrase does not open {name}: try again, or have a new phone or computer"
            " enrolled by your coordinator."
            if given
            else f"{name} is protected by a passphrase: give it to go on."
        )


class KeyStoreExposed(KeyStoreError):
    """Other users of the computer can read or change ``path``, or it is theirs."""

    code = "key-store-exposed"

    def __init__(self, path: Path, *, owned: bool, mode: int) -> None:
        self.path, self.owned = str(path), owned
        command = f"chmod {mode:o} {shlex.quote(str(path))}"
        super().__init__(
            f"Others on this computer can open {path}: run `{command}`, and if somebody may have"
            " used that, ask your coordinator to enrol this device anew."
            if owned
            else f"{path} belongs to another user of this computer: set TALLY_HOME to a folder of"
            " your own."
        )


class KeyStoreDamaged(KeyStoreError):
    """A file that does not hold what was written there; ``remedy`` is what to do about this one."""

    code = "key-store-damaged"

    def __init__(self, path: Path, reason: str, remedy: str) -> None:
        self.path, self.reason, self.remedy = str(path), reason, remedy
        super().__init__(f"{path} is damaged ({reason}): {remedy}.")


class KeyStoreBusy(KeyStoreError):
    """Another program has held the folder's lock for longer than was waited."""

    code = "key-store-busy"

    def __init__(self, path: Path, waited_s: float) -> None:
        self.path, self.waited_s = str(path), waited_s
        super().__init__(
            f"Another program has been using {path.parent} for {waited_s:g} seconds: wait for it"
            " to finish, then try again."
        )


class KeyStoreUnusable(KeyStoreError):
    """The operating system refuses to read or write ``path``; ``reason`` is its own word."""

    code = "key-store-unusable"

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = str(path), reason
        super().__init__(f"{path} cannot be used ({reason}): mend that, then try again.")


class InvalidAddress(TallystickError):
    """An address or link that cannot be used; ``reason`` completes "<address> ..."."""

    code = "address-invalid"

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address[:200], reason
        super().__init__(f"{address[:200]!r} {reason}.")


class NodeError(TallystickError):
    """Root of what can be wrong with a circle's node and its answers."""

    code = "node"


class NodeUnreachable(NodeError):
    """No connection, or no whole answer in time: it is not known whether the node was reached."""

    code = "node-unreachable"

    def __init__(self, address: str, reason: str) -> None:
        self.address, self.reason = address, reason
        super().__init__(
            f"The circle at {address} cannot be reached now ({reason}): try again when there is a"
            " connection; what was sent is never done twice."
        )


class NodeRefused(NodeError):
    """The node answered with a problem (RFC 9457).

    ``problem`` is its code, which programs match on, and ``attributes`` what comes with it;
    ``detail`` is the node's own sentence, ``status`` the HTTP status.
    """

    code = "node-refused"

    def __init__(
        self, problem: str, detail: str, status: int, attributes: Mapping[str, object]
    ) -> None:
        self.problem, self.detail, self.status = problem, detail, status
        self.attributes = dict(attributes)
        super().__init__(detail)


class AnswerInvalid(NodeError):
    """An answer that is not what the protocol has; ``reason`` completes "its answer ..."."""

    code = "answer-invalid"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The circle's node gave an answer that cannot be used, as it {reason}: try again. If"
            " it stays so, the node or this program is out of date: tell your coordinator."
        )


class ReceiptInvalid(AnswerInvalid):
    """A receipt that does not prove what it is for. ``index`` is its entry's."""

    code = "receipt-invalid"

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(
            f"does not prove what it says of line {index} of the circle's books: {reason}"
        )
        self.index, self.reason = index, reason


class CircleChanged(NodeError):
    """The node does not speak for the circle that was joined; ``reason`` says how one sees it."""

    code = "circle-changed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"This is not the circle as you joined it ({reason}): pay nothing here, and ask your"
            " coordinator in person."
        )


class OtherCircleChanged(NodeError):
    """Another circle than before is said to be at an ``address`` that was paid into."""

    code = "other-circle-changed"

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        super().__init__(
            f"Another circle than {name}, which you paid before, is said to be at {address}: pay"
            " nothing there, and ask your coordinator what happened."
        )


class HistoryConflict(NodeError):
    """Two signed heads of one log that the node did not show to be of one history.

    ``known`` and ``shown`` are the signed notes, this device's and the node's; ``evidence`` is the
    file they are kept in, once they are.
    """

    code = "history-conflict"
    verdict: ClassVar[str]

    def __init__(
        self, reason: str, known: str, shown: str, *, evidence: Path | None = None
    ) -> None:
        self.reason, self.known, self.shown = reason, known, shown
        self.evidence = None if evidence is None else str(evidence)
        kept = "" if evidence is None else f" Both signed versions are kept in {evidence}."
        super().__init__(f"{self.verdict}: {reason}.{kept}")


class HistoryRewritten(HistoryConflict):
    """The two heads, or a receipt and a head, convict whoever signed them."""

    code = "history-rewritten"
    verdict = "The circle's history was rewritten"


class HistoryUnproven(HistoryConflict):
    """The node's hashes do not lead from one head to the other: a disk may be to blame."""

    code = "history-unproven"
    verdict = "The node's copy of the log is damaged or was changed; nothing is proven yet"


class OrderLost(NodeError):
    """An order that expired on its way, and of which nothing is to be found in the books.

    ``kind`` is the order's; ``certain`` unless such orders leave no trace that this device may see.
    """

    code = "order-lost"

    def __init__(self, kind: str, *, certain: bool) -> None:
        self.kind, self.certain = kind, certain
        super().__init__(
            "It did not reach the circle in time and was not done: ask for it again."
            if certain
            else "It is not known whether it reached the circle in time: see whether it was done"
            " before you ask for it again."
        )


class InvalidOrderFile(TallystickError):
    """A file that holds no order; ``reason`` completes "<path> ..."."""

    code = "order-file-invalid"

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = str(path), reason
        super().__init__(f"{path} {reason}.")


class InvalidEvidenceFile(TallystickError):
    """A file that proves nothing; ``reason`` completes "<path> ..."."""

    code = "evidence-file-invalid"

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = str(path), reason
        super().__init__(f"{path} {reason}.")


class InputRefused(TallystickError):
    """What was asked for cannot be meant; the message says what to write instead."""

    code = "input-refused"


class AlreadyMember(InputRefused):
    """This device is in the circle already, under ``name``; ``who`` that is, once it is known."""

    code = "member-already"

    def __init__(self, circle: str, name: str, who: str | None = None) -> None:
        self.circle, self.name, self.who = circle, name, who
        known = f"as {who} ({name})" if who else f"as {name}"
        super().__init__(
            f"This device is in {circle} already, {known}: say --again if somebody else is to join"
            " with it too."
        )


class DemoFailed(TallystickError):
    """The demo did not go as it is told; ``reason`` completes "The demo cannot go on: ..."."""

    code = "demo-failed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The demo cannot go on: {reason}.")
