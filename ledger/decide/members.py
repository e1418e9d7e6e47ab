"""Decisions about accounts: invite, join, open, close, limits, holders, assistance."""

from __future__ import annotations

from ledger import codec
from ledger.decide.authority import (
    is_officer,
    is_own,
    open_account,
    require_committee,
    require_consent,
    require_officer,
)
from ledger.decide.limits import check_countable, check_credit, check_limits
from ledger.declarations import parse_enrolment
from ledger.errors import (
    AccountBusy,
    HandleTaken,
    KeyTaken,
    OrderInconsistent,
    PersonUnknown,
)
from ledger.orders import (
    COMMUNITY,
    PAPER_PERSON,
    Assist,
    Close,
    Holder,
    Invite,
    Join,
    Limits,
    Open,
    Uninvite,
)
from ledger.state import (
    Account,
    Change,
    Device,
    EndInvitation,
    EndMandate,
    Invitation,
    PutAccount,
    PutDevice,
    PutInvitation,
    PutOffice,
    State,
)
from ledger.verdict import Case, Decision, Move

HOLDINGS_MAX = 64
"""No person holds more open accounts than this, and no account has more holders."""


def decide_invite(case: Case, invite: Invite) -> Decision:
    """A coordinator lets someone join; an invitation to an office takes the committee."""
    authority = require_committee(case) if invite.office else require_officer(case)
    if invite.until <= case.now:
        raise OrderInconsistent("the invitation is over before it begins")
    _check_start(invite.starter, invite.ceiling)
    check_key(case.state, invite.key)
    check_credit(case.state, invite.floor)
    invitation = Invitation(
        invite.key,
        case.number,
        invite.floor,
        invite.ceiling,
        invite.starter,
        invite.office,
        invite.until,
    )
    return Decision("invite", authority, (), (PutInvitation(invitation),))


def decide_uninvite(case: Case, uninvite: Uninvite) -> Decision:
    """A coordinator takes an invitation back; it may be over, but not used."""
    authority = require_officer(case)
    if uninvite.key not in case.state.invitations:
        raise OrderInconsistent("the invitation is unknown here, or was used")
    return Decision("uninvite", authority, (), (EndInvitation(uninvite.key),))


def check_key(state: State, key: bytes) -> None:
    """Raise KeyTaken when a device or an invitation has the key."""
    if key in state.devices or key in state.invitations:
        raise KeyTaken(key.hex())


def _check_start(starter: int, ceiling: int) -> None:
    if starter > ceiling:
        raise OrderInconsistent(f"it starts with {starter}, above its ceiling of {ceiling}")


def _check_handle(case: Case) -> None:
    if case.handle in case.facts.handles:
        raise HandleTaken(case.handle)


def decide_join(case: Case, join: Join) -> Decision:
    """A new member opens the account that their invitation promises, with their own device."""
    state, header = case.state, case.header
    invitation = state.invitations[join.invitation]
    if not case.handle:
        raise OrderInconsistent("a new member needs a name beside the order")
    check_key(state, header.device)
    _check_handle(case)
    check_credit(state, invitation.floor)
    person = state.next_person
    changes: list[Change] = [EndInvitation(invitation.key)]
    public = b""
    if invitation.office:
        changes.append(PutOffice(person, invitation.office))
        public = codec.encode((person, invitation.office))
    device = Device(header.device, person, "device", "first device")
    changes.append(PutDevice(device))
    moves, account = _new_account(case, person, invitation.floor, invitation.ceiling, False)
    moves = _start(case, moves, invitation.starter)
    return Decision("open", "officer", moves, (account, *changes), public=public)


def _new_account(
    case: Case, person: int, floor: int, ceiling: int, deviceless: bool
) -> tuple[tuple[Move, ...], PutAccount]:
    number = case.state.next_account
    put = PutAccount(number, "member", floor, ceiling, deviceless, False, frozenset({person}))
    return (Move(number, 0),), put


def _start(case: Case, moves: tuple[Move, ...], starter: int) -> tuple[Move, ...]:
    """Let starter credit come out of the community account, within its limit."""
    if not starter:
        return moves
    giving = Move(COMMUNITY, -starter)
    check_limits(case.state, (giving,))
    return giving, Move(moves[0].account, starter)


def decide_open(case: Case, opened: Open) -> Decision:
    """A coordinator opens an account: for a new person, or a further one for somebody here."""
    authority = require_officer(case)
    state = case.state
    if opened.holder and opened.floor and is_officer(state, opened.holder[0]):
        require_committee(case)
    person = opened.holder[0] if opened.holder else state.next_person
    if opened.holder:
        _check_further(case, opened)
    elif not case.handle:
        raise OrderInconsistent("a new person needs a name beside the order")
    elif not opened.enrolment and not opened.deviceless:
        raise OrderInconsistent("a new person has a device, or is flagged to have none")
    _check_start(opened.starter, opened.ceiling)
    changes: list[Change] = []
    for wire in opened.enrolment:
        enrolment = parse_enrolment(wire)
        check_key(state, enrolment.device)
        changes.append(PutDevice(Device(enrolment.device, person, "device", enrolment.label)))
    _check_handle(case)
    check_credit(state, opened.floor)
    moves, account = _new_account(
        case, person, opened.floor, opened.ceiling, bool(opened.deviceless)
    )
    moves = _start(case, moves, opened.starter)
    return Decision("open", authority, moves, (account, *changes))


def _check_further(case: Case, opened: Open) -> None:
    holder = opened.holder[0]
    check_person(case.state, holder)
    if opened.enrolment:
        raise OrderInconsistent("a device is added by its own order, not with a further account")
    if case.handle:
        raise OrderInconsistent(f"person {holder} has a name already")
    _check_holdings(case.state, holder)


def check_person(state: State, person: int) -> None:
    """Raise PersonUnknown for a number that is nobody's, or the paper key's."""
    if person not in state.persons or person == PAPER_PERSON:
        raise PersonUnknown(person)


def _check_holdings(state: State, person: int) -> None:
    if sum(not account.closed for account in state.held_by(person)) >= HOLDINGS_MAX:
        raise OrderInconsistent(f"person {person} holds {HOLDINGS_MAX} accounts")


def _changed(account: Account, **fields: object) -> PutAccount:
    """The account's row with some fields changed."""
    values: dict[str, object] = {
        "number": account.number,
        "kind": account.kind,
        "floor": account.floor,
        "ceiling": account.ceiling,
        "deviceless": account.deviceless,
        "closed": account.closed,
        "holders": account.holders,
    }
    return PutAccount(**{**values, **fields})  # type: ignore[arg-type]


def _check_member(account: Account) -> None:
    if account.kind != "member":
        raise OrderInconsistent(f"account {account.number} is one of the circle's own")


def _end_mandates(state: State, account: int) -> tuple[EndMandate, ...]:
    return tuple(EndMandate(m.index) for m in state.mandates.values() if m.account == account)


def decide_close(case: Case, close: Close) -> Decision:
    """A coordinator closes an account; the community takes over what is left, or owed.

    The committee does when a coordinator would be rid of a debt of their own, or when the community
    would go further below its floor: else each debt left behind would make room for a new one.
    """
    state = case.state
    account = open_account(state, case.header.account)
    community = state.accounts[COMMUNITY]
    weighty = account.balance < 0 and (
        is_own(state, case.header.person, account.number)
        or community.available + account.balance < community.floor
    )
    authority = require_committee(case) if weighty else require_officer(case)
    _check_member(account)
    if account.held:
        raise AccountBusy(account.number, "tokens are set aside from it")
    if any(hold.payee == account.number for hold in state.holds.values()):
        raise AccountBusy(account.number, "tokens are set aside for it")
    moves = [Move(account.number, -account.balance)]
    if account.balance:
        moves.append(Move(COMMUNITY, account.balance))
    check_countable(state, moves)
    changes: tuple[Change, ...] = (
        _changed(account, closed=True),
        *_end_mandates(state, account.number),
    )
    return Decision("close", authority, tuple(moves), changes, exempt=True)


def decide_limits(case: Case, limits: Limits) -> Decision:
    """A coordinator sets limits; wider ones for an officer's own account take the committee."""
    account = open_account(case.state, case.header.account)
    wider = limits.floor < account.floor or limits.ceiling > account.ceiling
    officers = any(is_officer(case.state, person) for person in account.holders)
    authority = require_committee(case) if wider and officers else require_officer(case)
    _check_member(account)
    check_credit(case.state, limits.floor, account.floor)
    put = _changed(account, floor=limits.floor, ceiling=limits.ceiling)
    return Decision("limits", authority, (Move(account.number, 0),), (put,))


def decide_holder(case: Case, holder: Holder) -> Decision:
    """A coordinator adds a holder, with a holder's consent, or removes one; somebody must remain.

    Whoever is removed may have given mandates, so all of the account's end.
    """
    state = case.state
    account = open_account(state, case.header.account)
    if holder.holds:
        require_consent(case, account)
    mine = case.header.person in account.holders | {holder.person}
    authority = require_committee(case) if mine and holder.holds else require_officer(case)
    check_person(state, holder.person)
    _check_member(account)
    if bool(holder.holds) == (holder.person in account.holders):
        raise OrderInconsistent("that changes nothing")
    changes: tuple[Change, ...] = ()
    if holder.holds:
        _check_holdings(state, holder.person)
        holders = account.holders | {holder.person}
    else:
        changes = _end_mandates(state, account.number)
        holders = account.holders - {holder.person}
    if not holders:
        raise OrderInconsistent("an account without a holder should be closed instead")
    if len(holders) > HOLDINGS_MAX:
        raise OrderInconsistent(f"the account has {HOLDINGS_MAX} holders")
    put = _changed(account, holders=holders)
    return Decision("holder", authority, (Move(account.number, 0),), (put, *changes))


def decide_assist(case: Case, assist: Assist) -> Decision:
    """A coordinator flags an account as one they act for with slips, or no longer.

    A holder who has a device consents.
    """
    account = open_account(case.state, case.header.account)
    if assist.deviceless:
        require_consent(case, account)
    authority = require_officer(case)
    _check_member(account)
    put = _changed(account, deviceless=bool(assist.deviceless))
    return Decision("assist", authority, (Move(account.number, 0),), (put,))
