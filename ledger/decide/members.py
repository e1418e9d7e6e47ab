"""Decisions about accounts: invite, join, open, close, limits, holders, assistance."""

from __future__ import annotations

from ledger import codec, declarations, keys
from ledger.decide.authority import is_officer, open_account, require_committee, require_officer
from ledger.decide.limits import check_credit, check_limits
from ledger.decide.verdict import Case, Decision, Move
from ledger.declarations import Enrolment
from ledger.errors import (
    AccountBusy,
    HandleTaken,
    InvitationUnusable,
    KeyTaken,
    OrderInconsistent,
    PersonUnknown,
    WrongCircle,
)
from ledger.orders import COMMUNITY, Assist, Close, Holder, Invite, Join, Limits, Open
from ledger.state import (
    Account,
    Change,
    Device,
    EndInvitation,
    Invitation,
    PutAccount,
    PutDevice,
    PutInvitation,
    PutOffice,
    State,
)


def decide_invite(case: Case, invite: Invite) -> Decision:
    """A coordinator lets someone join; an invitation to an office takes the committee."""
    authority = require_committee(case) if invite.office else require_officer(case)
    keys.check_public_key(invite.key)
    check_key(case.state, invite.key)
    check_credit(case.state, invite.floor)
    if invite.until <= case.now:
        raise OrderInconsistent("the invitation is over before it begins")
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


def check_key(state: State, key: bytes) -> None:
    """Raise KeyTaken when a device or an invitation has the key."""
    if key in state.devices or key in state.invitations:
        raise KeyTaken(key.hex())


def check_enrolment(case: Case, wire: bytes) -> Enrolment:
    """Parse, verify and place an enrolment. Raises MalformedObject, InvalidSignature, KeyTaken."""
    enrolment = declarations.open_enrolment(wire)
    if enrolment.circle != case.state.circle:
        raise WrongCircle(enrolment.circle.hex())
    check_key(case.state, enrolment.device)
    return enrolment


def _check_handle(case: Case) -> None:
    if not case.handle:
        raise OrderInconsistent("a new member needs a name beside the order")
    if case.handle in case.facts.handles:
        raise HandleTaken(case.handle)


def decide_join(case: Case, join: Join) -> Decision:
    """A new member opens the account that their invitation promises, with their own device."""
    state, header = case.state, case.header
    invitation = state.invitations.get(join.invitation)
    if invitation is None:
        raise InvitationUnusable("it is unknown here, or was used")
    if case.now >= invitation.until:
        raise InvitationUnusable("its time is over")
    if header.account or header.person or header.slip or header.mandate:
        raise OrderInconsistent("who joins has no account, person, slip or mandate yet")
    declarations.verify_invitation(state.circle, header.device, join.signature, join.invitation)
    keys.check_public_key(header.device)
    check_key(state, header.device)
    check_credit(state, invitation.floor)
    _check_handle(case)
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
    check_credit(state, opened.floor)
    changes: list[Change] = []
    if opened.holder:
        person = opened.holder[0]
        if person not in state.persons:
            raise PersonUnknown(person)
        if opened.enrolment:
            raise OrderInconsistent(
                "a device is added by its own order, not with a further account"
            )
        if opened.floor and is_officer(state, person):
            require_committee(case)
    else:
        person = state.next_person
        _check_handle(case)
        if not opened.enrolment and not opened.deviceless:
            raise OrderInconsistent("a new person has a device, or is flagged to have none")
    for wire in opened.enrolment:
        enrolment = check_enrolment(case, wire)
        device = Device(enrolment.device, person, "device", enrolment.label)
        changes.append(PutDevice(device))
    moves, account = _new_account(
        case, person, opened.floor, opened.ceiling, bool(opened.deviceless)
    )
    moves = _start(case, moves, opened.starter)
    return Decision("open", authority, moves, (account, *changes))


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


def _member(case: Case) -> Account:
    account = open_account(case.state, case.header.account)
    if account.kind != "member":
        raise OrderInconsistent(f"account {account.number} is one of the circle's own")
    return account


def decide_close(case: Case, close: Close) -> Decision:
    """A coordinator closes an account; the community takes over what is left, or owed."""
    authority = require_officer(case)
    account = _member(case)
    if account.held:
        raise AccountBusy(account.number, "tokens are set aside from it")
    if any(hold.payee == account.number for hold in case.state.holds.values()):
        raise AccountBusy(account.number, "tokens are set aside for it")
    moves = [Move(account.number, -account.balance)]
    if account.balance:
        moves.append(Move(COMMUNITY, account.balance))
    return Decision(
        "close", authority, tuple(moves), (_changed(account, closed=True),), exempt=True
    )


def decide_limits(case: Case, limits: Limits) -> Decision:
    """A coordinator sets limits; wider ones for an officer's own account take the committee."""
    account = _member(case)
    wider = limits.floor < account.floor or limits.ceiling > account.ceiling
    officers = any(is_officer(case.state, person) for person in account.holders)
    authority = require_committee(case) if wider and officers else require_officer(case)
    check_credit(case.state, limits.floor, account.floor)
    put = _changed(account, floor=limits.floor, ceiling=limits.ceiling)
    return Decision("limits", authority, (Move(account.number, 0),), (put,))


def decide_holder(case: Case, holder: Holder) -> Decision:
    """A coordinator adds or removes a holder; somebody must remain."""
    authority = require_officer(case)
    account = _member(case)
    if holder.person not in case.state.persons:
        raise PersonUnknown(holder.person)
    mine = case.header.person in account.holders | {holder.person}
    if mine and holder.holds:
        require_committee(case)
    one = frozenset({holder.person})
    holders = account.holders | one if holder.holds else account.holders - one
    if not holders:
        raise OrderInconsistent("an account without a holder should be closed instead")
    put = _changed(account, holders=holders)
    return Decision("holder", authority, (Move(account.number, 0),), (put,))


def decide_assist(case: Case, assist: Assist) -> Decision:
    """A coordinator flags an account as one they act for with slips, or no longer."""
    authority = require_officer(case)
    account = _member(case)
    put = _changed(account, deviceless=bool(assist.deviceless))
    return Decision("assist", authority, (Move(account.number, 0),), (put,))
