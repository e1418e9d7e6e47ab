"""What a node shows to a device that signed in: its word, until ``tally verify`` compares it.

Amounts are minor units, times Unix milliseconds, days ``datetime.date``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from client.errors import AnswerInvalid
from client.json_fields import Fields
from client.payment_views import Elsewhere, read_elsewhere
from ledger.codec import AMOUNT_MAX

NAME_CHARACTERS_MAX = 200
FORMER_MEMBER = "a former member"
"""Whose name was erased."""
COUNT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account as of ``log_time``, when the log had ``size`` entries."""

    number: int
    kind: str
    balance: int
    held: int
    available: int
    floor: int
    ceiling: int
    seq: int
    closed: bool
    deviceless: bool
    holders: tuple[int, ...]
    size: int


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device: ``role`` is device, recovery or paper; ``status`` active, frozen or revoked."""

    key: bytes
    role: str
    label: str
    status: str
    active_from: int
    capped_until: int


@dataclass(frozen=True, slots=True)
class MandateView:
    """A mandate by its entry's ``index``: ``person`` may act for ``account``.

    At most ``cap`` minor units go in each ``window`` milliseconds. It was ``given`` by the one who
    asks, or else received. The handles and names are the account's and the person's.
    """

    index: int
    account: int
    account_handle: str | None
    account_name: str | None
    person: int
    person_handle: str | None
    person_name: str | None
    scope: tuple[str, ...]
    cap: int
    window: int
    until: int
    given: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should know of, such as a new device that nobody here may know."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Me:
    """The person whose device asks."""

    person: int
    handle: str | None
    name: str | None
    offices: tuple[str, ...]
    accounts: tuple[AccountView, ...]
    devices: tuple[DeviceView, ...]
    mandates: tuple[MandateView, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """A person of the circle; handle and name are None once erased."""

    person: int
    handle: str | None
    name: str | None
    accounts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The one other account of a line; nobody's name once its person is erased."""

    account: int
    handle: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of an account's statement.

    ``by`` is the handle of the officer or helper who ordered it, ``slip`` the channel and number of
    the paper it was entered from, ``elsewhere`` the payment between circles that it is about.
    """

    seq: int
    entry: int
    log_time: int
    kind: str
    authority: str
    delta: int
    balance: int
    held: int
    counterparty: Counterparty | None = None
    text: str | None = field(default=None, repr=False)
    happened_on: date | None = None
    reference: str | None = None
    slip: tuple[str, str] | None = None
    by: str | None = None
    order_id: bytes | None = None
    elsewhere: Elsewhere | None = None


@dataclass(frozen=True, slots=True)
class StatementPage:
    """Lines, newest first, and the cursor of the next page if there is one."""

    lines: tuple[StatementLine, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RequestView:
    """A payment request: ``wire`` is what the payee signed, ``paid_by`` the entry that paid it."""

    id: bytes
    account: int
    handle: str | None
    name: str | None
    amount: int
    expires: int
    text: str | None
    salt: bytes | None = field(repr=False)
    paid_by: int | None
    wire: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class HoldView:
    """Tokens set aside by the entry ``index``, from ``account`` (the payer's), until ``until``.

    Of a former member there is neither handle nor name. ``payment`` is that into another circle.
    """

    index: int
    account: int
    payer_handle: str | None
    payer_name: str | None
    payee: int | None
    payee_handle: str | None
    payee_name: str | None
    amount: int
    until: int
    claim_window: int | None
    coordinator: bool
    claimed_at: int | None
    claimed: int | None
    payment: bytes | None = None


@dataclass(frozen=True, slots=True)
class OfficerView:
    """An office that a person holds; this is public."""

    person: int
    office: str
    handle: str | None = None


def _handle(fields: Fields, name: str = "handle") -> str | None:
    return fields.optional(name, lambda name: fields.text(name, 32))


def _name(fields: Fields, name: str = "name") -> str | None:
    return fields.optional(name, lambda name: fields.text(name, NAME_CHARACTERS_MAX))


def read_account(account: Fields) -> AccountView:
    """Raises AnswerInvalid, as all of these."""
    return AccountView(
        number=account.integer("number", 1),
        kind=account.text("kind", 32),
        balance=account.amount("balance"),
        held=account.integer("held"),
        available=account.integer("available", -2 * AMOUNT_MAX),
        floor=account.integer("floor", -AMOUNT_MAX, 0),
        ceiling=account.integer("ceiling"),
        seq=account.integer("seq", 1),
        closed=account.boolean("closed"),
        deviceless=account.boolean("deviceless"),
        holders=account.integers("holders", COUNT_MAX),
        size=account.integer("size", 1),
    )


def read_device(device: Fields) -> DeviceView:
    return DeviceView(
        key=device.hexadecimal("key", 32),
        role=device.text("role", 32),
        label=device.text("label", 64),
        status=device.text("status", 32),
        active_from=device.integer("active_from"),
        capped_until=device.integer("capped_until"),
    )


def read_mandate(mandate: Fields) -> MandateView:
    return MandateView(
        index=mandate.integer("index"),
        account=mandate.integer("account", 1),
        account_handle=_handle(mandate, "account_handle"),
        account_name=_name(mandate, "account_name"),
        person=mandate.integer("person", 1),
        person_handle=_handle(mandate, "person_handle"),
        person_name=_name(mandate, "person_name"),
        scope=mandate.texts("scope", 32),
        cap=mandate.integer("cap"),
        window=mandate.integer("window", 1),
        until=mandate.integer("until"),
        given=mandate.boolean("given"),
    )


def read_notice(notice: Fields) -> Notice:
    return Notice(notice.text("code", 64), notice.text("text", 1000))


def read_me(me: Fields) -> Me:
    return Me(
        person=me.integer("person", 1),
        handle=_handle(me),
        name=_name(me),
        offices=me.texts("offices", 32),
        accounts=me.objects("accounts", COUNT_MAX, read_account),
        devices=me.objects("devices", COUNT_MAX, read_device),
        mandates=me.objects("mandates", COUNT_MAX, read_mandate),
        notices=me.objects("notices", COUNT_MAX, read_notice),
    )


def read_person(person: Fields) -> Person:
    return Person(
        person=person.integer("person", 1),
        handle=_handle(person),
        name=_name(person),
        accounts=person.integers("accounts", COUNT_MAX),
    )


def read_statement(page: Fields) -> StatementPage:
    lines = page.objects("lines", COUNT_MAX, read_line)
    return StatementPage(lines, page.optional("next", lambda name: page.text(name, 500)))


def read_line(line: Fields) -> StatementLine:
    counterparty = by = slip = None
    if "counterparty" in line:
        other = line.fields("counterparty")
        counterparty = Counterparty(other.integer("account", 1), _handle(other), _name(other))
    if "by" in line:
        actor = line.fields("by")
        by = _handle(actor) or FORMER_MEMBER
    if "slip" in line:
        paper = line.fields("slip")
        slip = (paper.text("channel", 32), paper.text("number", 32))
    return StatementLine(
        seq=line.integer("seq", 1),
        entry=line.integer("entry"),
        log_time=line.integer("log_time"),
        kind=line.text("kind", 32),
        authority=line.text("authority", 32),
        delta=line.amount("delta"),
        balance=line.amount("balance"),
        held=line.integer("held"),
        counterparty=counterparty,
        text=line.optional("text", line.text),
        happened_on=line.optional("happened_on", lambda name: _read_date(line, name)),
        reference=line.optional("reference", lambda name: line.text(name, 64)),
        slip=slip,
        by=by,
        order_id=line.optional("order_id", lambda name: line.hexadecimal(name, 32)),
        elsewhere=read_elsewhere(line),
    )


def _read_date(fields: Fields, name: str) -> date:
    try:
        return date.fromisoformat(fields.text(name, 10))
    except ValueError:
        raise AnswerInvalid(f"has no day like 2026-05-31 as {name} of {fields.what}") from None


def read_request(request: Fields) -> RequestView:
    return RequestView(
        id=request.hexadecimal("id", 32),
        account=request.integer("account", 1),
        handle=_handle(request),
        name=_name(request),
        amount=request.integer("amount", 1),
        expires=request.integer("expires"),
        text=request.optional("text", request.text),
        salt=request.optional("salt", request.binary),
        paid_by=request.optional("paid_by", request.integer),
        wire=request.binary("wire"),
    )


def read_hold(hold: Fields) -> HoldView:
    return HoldView(
        index=hold.integer("index"),
        account=hold.integer("account", 1),
        payer_handle=_handle(hold, "payer_handle"),
        payer_name=_name(hold, "payer_name"),
        payee=hold.optional("payee", hold.integer),
        payee_handle=_handle(hold, "payee_handle"),
        payee_name=_name(hold, "payee_name"),
        amount=hold.integer("amount", 1),
        until=hold.integer("until"),
        claim_window=hold.optional("claim_window", hold.integer),
        coordinator=hold.boolean("coordinator"),
        claimed_at=hold.optional("claimed_at", hold.integer),
        claimed=hold.optional("claimed", hold.integer),
        payment=hold.optional("payment", lambda name: hold.hexadecimal(name, 32)),
    )


def read_officer(officer: Fields) -> OfficerView:
    return OfficerView(officer.integer("person", 1), officer.text("office", 32), _handle(officer))
