"""Every way a ledger object or an order can be wrong, as one tree.

::

    TallystickError
      InvalidAmount             text that is no amount in the circle's unit
      InvalidProof              a Merkle proof, or evidence, that proves nothing
      InvalidNote               a signed note, checkpoint, tile path or receipt that is malformed
      Unacceptable              an order without a verdict: another version of it may be accepted
        MalformedObject           not the canonical bytes of its schema
        TextMismatch              the text beside an order is not the one it commits to
        InvalidSignature          a signature that does not fit
        WrongCircle               meant for another circle
        UnknownDevice             signed by a key that no person here has
        InvitationUnusable        unknown, used or expired
        OrderExpired              past its time
        ExpiryTooFar              would live longer than a day
        NonceConflict             the device's nonce already belongs to another order
      Refused                   an order's verdict: final until the order expires
        DeviceUnusable            frozen, revoked, or not yet active
        PersonMismatch            the device is another person's
        AccountUnknown            no such account
        AccountClosed             closed for good
        DeviceNotFound            the device an order is about is not there
        MandateUnusable           no such mandate, or it does not cover this
        NotAuthorised             the signer may not do this to this account
        CosignaturesMissing       a weighty act without enough of the committee
        SlipRepeated              a paper slip that was entered before
        CapExceeded               beyond what this device, mandate or officer may move alone
        PersonUnknown             no such person
        HoldUnknown               no such open hold
        OrderInconsistent         fields that contradict one another or the charter
        KeyTaken                  a key that a device already has
        HandleTaken               a name that another member has
        HoldLocked                the hold may not be resolved so, or not yet
        EntryNotReversible        no such transfer, or reversed before
        RequestUnusable           a payment request that is unknown, paid, expired or otherwise
        RouteUnusable             a payment to another circle that cannot be sent on its way
        AccountBusy               tokens are set aside, so the account cannot be closed
        LimitTooWide              beyond what the charter allows
        CreditLimitExceeded       the account would go further below its limit
        CeilingExceeded           the account would go further above its ceiling

Each class has a stable ``code`` that programs match on, a message of one sentence for people, and
typed attributes. None of them knows about HTTP: the node maps classes to statuses in one table.
The classes under Unacceptable and Refused stand in the order in which they are decided: of an order
with several faults, the first is named. So nobody learns from a refusal what they may not know.
"""

from __future__ import annotations

from typing import ClassVar


class TallystickError(Exception):
    """Root of the tree. ``code`` is stable; ``str(error)`` is one sentence for a person.

    The typed attributes of a class are the instance's ``vars``: integers, strings, lists of them.
    """

    code: ClassVar[str] = "error"


class InvalidAmount(TallystickError):
    """Text that is not an amount in the circle's unit, or a unit that nothing can be counted in.

    ``reason`` completes "<text> ...", ``instead`` completes "write ...".
    """

    code = "amount-invalid"

    def __init__(self, text: str, reason: str, instead: str) -> None:
        self.text, self.reason, self.instead = text[:100], reason, instead
        shown = text if len(text) <= 40 else text[:40] + "..."
        super().__init__(f"{shown!r} {reason}; write {instead}.")


class InvalidProof(TallystickError):
    """A Merkle proof that does not prove what it claims (RFC 6962 section 2.1), or evidence that
    contradicts nothing."""

    code = "proof-invalid"


class InvalidNote(TallystickError):
    """A signed note, checkpoint or tlog-proof that is malformed or lacks a valid signature."""

    code = "note-invalid"


class Unacceptable(TallystickError):
    """An order that is given no verdict, because nobody's nonce is at stake or its time is over."""

    code = "order-unacceptable"


class MalformedObject(Unacceptable):
    """Bytes that are not the canonical encoding of the schema they claim."""

    code = "malformed"

    def __init__(self, what: str, reason: str) -> None:
        self.what = what
        super().__init__(f"This is not a valid {what}: {reason}.")


class TextMismatch(Unacceptable):
    """The text and salt sent beside an order are not those its commitment was made of."""

    code = "text-mismatch"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The text beside the order does not belong to it: {reason}.")


class InvalidSignature(Unacceptable):
    """A signature that was not made by the key over these bytes."""

    code = "signature-invalid"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The signature does not fit the key {key}; sign the order again.")


class WrongCircle(Unacceptable):
    """An object that names another circle than this one."""

    code = "wrong-circle"

    def __init__(self, circle: str) -> None:
        self.circle = circle
        super().__init__(f"This is meant for the circle {circle}, not for this one.")


class UnknownDevice(Unacceptable):
    """A device key that no person of this circle has enrolled."""

    code = "device-unknown"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"No device with the key {key} is enrolled here; join, or enrol it first.")


class InvitationUnusable(Unacceptable):
    """An invitation that is unknown, used or past its time."""

    code = "invitation-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This invitation cannot be used: {reason}; ask for a new one.")


class OrderExpired(Unacceptable):
    """An order whose time is over. ``expires`` and ``now`` are Unix milliseconds."""

    code = "order-expired"

    def __init__(self, expires: int, now: int) -> None:
        self.expires, self.now = expires, now
        super().__init__(f"The order expired at {expires} and it is {now}; sign a new one.")


class ExpiryTooFar(Unacceptable):
    """An order that would live for more than a day. Times are Unix milliseconds."""

    code = "expiry-too-far"

    def __init__(self, expires: int, latest: int) -> None:
        self.expires, self.latest = expires, latest
        super().__init__(f"The order expires at {expires}; the latest allowed is {latest}.")


class NonceConflict(Unacceptable):
    """A nonce of this device that already belongs to an order with other content."""

    code = "nonce-conflict"

    def __init__(self, nonce: int, order_id: str) -> None:
        self.nonce, self.order_id = nonce, order_id
        super().__init__(f"The nonce {nonce} belongs to the order {order_id}; use a greater one.")


class Refused(TallystickError):
    """The ledger's verdict against an order; it stays the same until the order expires."""

    code = "order-refused"


class DeviceUnusable(Refused):
    """A known device that may not sign this now."""

    code = "device-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This device cannot be used for that: {reason}.")


class PersonMismatch(Refused):
    """An order that names another person than the one the device belongs to."""

    code = "person-mismatch"

    def __init__(self, person: int) -> None:
        self.person = person
        super().__init__(f"The signing device does not belong to person {person}.")


class AccountUnknown(Refused):
    """No account has this number."""

    code = "account-unknown"

    def __init__(self, account: int) -> None:
        self.account = account
        super().__init__(f"There is no account {account}.")


class AccountClosed(Refused):
    """The account was closed."""

    code = "account-closed"

    def __init__(self, account: int) -> None:
        self.account = account
        super().__init__(f"Account {account} is closed.")


class DeviceNotFound(Refused):
    """The device that an order is about is not enrolled, or not in the needed state."""

    code = "device-not-found"

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"The device {key} {reason}.")


class MandateUnusable(Refused):
    """The mandate named does not exist, is over, or does not cover this act."""

    code = "mandate-unusable"

    def __init__(self, mandate: int, reason: str) -> None:
        self.mandate = mandate
        super().__init__(f"Mandate {mandate} does not allow this: {reason}.")


class NotAuthorised(Refused):
    """The signer, or a cosigner, has no right to this act (protocol.md, authority table).

    An officer's order without its reason has none either.
    """

    code = "not-authorised"

    def __init__(self, person: int, act: str, reason: str) -> None:
        self.person, self.act = person, act
        super().__init__(f"Person {person} may not do this ({act}): {reason}.")


class CosignaturesMissing(Refused):
    """A weighty act signed by too few of the committee."""

    code = "cosignatures-missing"

    def __init__(self, signed: int, needed: int) -> None:
        self.signed, self.needed = signed, needed
        super().__init__(f"This needs {needed} of the committee to sign, and {signed} did.")


class SlipRepeated(Refused):
    """A paper slip with this channel and number was entered before."""

    code = "slip-repeated"

    def __init__(self, channel: str, number: str) -> None:
        self.channel, self.number = channel, number
        super().__init__(f"Slip {number} ({channel}) was entered before.")


class CapExceeded(Refused):
    """More than this device, mandate or lone officer may move. Minor units."""

    code = "cap"

    def __init__(self, who: str, amount: int, cap: int) -> None:
        self.amount, self.cap = amount, cap
        super().__init__(f"{amount} is more than {who} may move now, which is {cap}.")


class PersonUnknown(Refused):
    """No person has this number."""

    code = "person-unknown"

    def __init__(self, person: int) -> None:
        self.person = person
        super().__init__(f"There is no person {person}.")


class HoldUnknown(Refused):
    """No open hold was made by that entry."""

    code = "hold-unknown"

    def __init__(self, hold: int) -> None:
        self.hold = hold
        super().__init__(f"Nothing is set aside under number {hold}, or no longer.")


class OrderInconsistent(Refused):
    """Fields that are each well formed and cannot stand together, or not under this charter."""

    code = "order-inconsistent"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The order contradicts itself or the charter: {reason}.")


class KeyTaken(Refused):
    """A public key that is already enrolled or invited."""

    code = "key-taken"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The key {key} is already known here; make a new one.")


class HandleTaken(Refused):
    """A member's short name that another member has."""

    code = "handle-taken"

    def __init__(self, handle: str) -> None:
        self.handle = handle
        super().__init__(f"The name {handle} is taken; choose another.")


class HoldLocked(Refused):
    """A hold that this signer may not resolve in this way at this time."""

    code = "hold-locked"

    def __init__(self, hold: int, reason: str) -> None:
        self.hold = hold
        super().__init__(f"What is set aside under number {hold} stays so: {reason}.")


class EntryNotReversible(Refused):
    """The entry is no transfer, or was reversed before."""

    code = "entry-not-reversible"

    def __init__(self, entry: int, reason: str) -> None:
        self.entry = entry
        super().__init__(f"Entry {entry} cannot be reversed: {reason}.")


class RequestUnusable(Refused):
    """The payment request named is not one that this payment can answer."""

    code = "request-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The payment request cannot be paid by this order: {reason}.")


class RouteUnusable(Refused):
    """A payment to another circle that no link takes, or whose parts do not fit."""

    code = "route-unusable"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This payment cannot be sent to the other circle: {reason}.")


class AccountBusy(Refused):
    """An account that cannot be closed yet."""

    code = "account-busy"

    def __init__(self, account: int, reason: str) -> None:
        self.account = account
        super().__init__(f"Account {account} cannot be closed yet: {reason}.")


class LimitTooWide(Refused):
    """A limit beyond the charter's, for one account or for all together. Minor units."""

    code = "limit-too-wide"

    def __init__(self, asked: int, allowed: int) -> None:
        self.asked, self.allowed = asked, allowed
        super().__init__(f"The charter allows credit of {allowed}, and this would make it {asked}.")


class CreditLimitExceeded(Refused):
    """One or more accounts would go further below their credit limit.

    ``accounts`` lists all of them; the other attributes are the first one's, in minor units.
    """

    code = "credit-limit"

    def __init__(self, accounts: list[int], available: int, amount: int, floor: int) -> None:
        self.accounts, self.available, self.amount, self.floor = accounts, available, amount, floor
        named = ", ".join(map(str, accounts[:10]))
        super().__init__(
            f"Account {named} has {available} available and can go down to {floor}, "
            f"so {amount} is too much."
        )


class CeilingExceeded(Refused):
    """One or more accounts would go further above their ceiling: ``accounts`` lists all of them.

    ``amount`` is what the first was to get. What an account holds is not its payer's to know.
    """

    code = "ceiling"

    def __init__(self, accounts: list[int], amount: int) -> None:
        self.accounts, self.amount = accounts, amount
        named = ", ".join(map(str, accounts[:10]))
        super().__init__(f"Account {named} cannot take {amount} more: it would pass its ceiling.")
