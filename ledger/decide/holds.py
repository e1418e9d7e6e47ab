"""Decisions about tokens that are set aside: hold, settle, release, claim, object, assign.

Who may resolve a hold is fixed when it is made, but for a payee who was not named then. A settle
never fails for a limit.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.codec import AMOUNT_MAX
from ledger.decide.authority import (
    authorise,
    is_coordinator,
    is_own,
    open_account,
    require_officer,
)
from ledger.decide.limits import check_countable, check_limits
from ledger.errors import (
    HoldLocked,
    HoldUnknown,
    NotAuthorised,
    OrderInconsistent,
    RouteUnusable,
)
from ledger.federation.link import PutTransit
from ledger.federation.payment import decode_header, payment_id
from ledger.federation.send import send
from ledger.orders import (
    FIRST_MEMBER,
    SUSPENSE,
    Assign,
    Claim,
    Defer,
    Hold,
    Object,
    Release,
    Settle,
)
from ledger.state import (
    Account,
    Change,
    EndHold,
    OpenHold,
    PutDevice,
    PutHold,
    PutMandate,
)
from ledger.verdict import Case, Decision, Move

DEFER_MS = 3 * 24 * 3600 * 1000
"""How long another circle has before a coordinator may free the payer."""


def decide_hold(case: Case, hold: Hold) -> Decision:
    """A holder, or someone acting for them, sets tokens aside."""
    number = case.header.account
    payer = open_account(case.state, number)
    for payee in hold.payee:
        open_account(case.state, payee)
    authority, changes = authorise(case, payer, hold.amount, hold.payee)
    if hold.evidence and (hold.payee or hold.claim_window or hold.coordinator):
        raise OrderInconsistent("a payment to another circle names no payee and no window here")
    if hold.claim_window and not hold.payee:
        raise OrderInconsistent("nobody is named who could claim it")
    for payee in hold.payee:
        _check_payee(payee, number)
    if payer.held + hold.amount > AMOUNT_MAX:
        raise OrderInconsistent(f"more than {AMOUNT_MAX} would be set aside")
    if hold.evidence:
        _check_route(case, hold)
    moves = (Move(number, 0, hold.amount),)
    sent: tuple[Change, ...] = ()
    if hold.evidence and case.route is not None:
        sent = send(case.state, case.now, case.number, number, hold.amount, case.route)
    check_limits(case.state, moves)
    opened = OpenHold(
        index=case.number,
        account=number,
        payee=hold.payee[0] if hold.payee else None,
        amount=hold.amount,
        until=hold.until,
        claim_window=hold.claim_window[0] if hold.claim_window else None,
        coordinator=bool(hold.coordinator),
        evidence=hold.evidence[0] if hold.evidence else None,
        counted=_uses_cap(changes),
    )
    return Decision("hold", authority, moves, (*changes, PutHold(opened), *sent))


def _uses_cap(changes: list[Change]) -> bool:
    """Whether the cap of a mandate or of a new device bears it."""
    return any(type(change) in (PutMandate, PutDevice) for change in changes)


def _check_route(case: Case, hold: Hold) -> None:
    """What sets tokens aside for another circle fits what is beside it."""
    if case.route is None:
        raise RouteUnusable("its header and its ways are not beside the order")
    if payment_id(case.route.header) != hold.evidence[0]:
        raise RouteUnusable("the header beside the order is not the one that it names")
    if decode_header(case.route.header).deadline != hold.until:
        raise RouteUnusable("the order and the header beside it have different deadlines")


def _check_payee(number: int, payer: int) -> None:
    if number == payer:
        raise OrderInconsistent(f"account {payer} cannot pay itself")
    if SUSPENSE <= number < FIRST_MEMBER:
        raise OrderInconsistent(f"account {number} is for payments between circles")


def _find(case: Case, index: int) -> OpenHold | None:
    """The open hold, if the order's account is a side of it.

    Its absence is told only to who may act for the account: what is set aside is between the sides.
    """
    hold = case.state.holds.get(index)
    return hold if hold and case.header.account in (hold.account, hold.payee) else None


def _resolve(
    case: Case, account: Account, amount: int, parties: tuple[int, ...], counted: bool = False
) -> tuple[str, list[Change], bool]:
    """The authority of a side of the hold or of a coordinator, what using it changes, and whether
    it is a coordinator's say on a hold between others."""
    header = case.header
    by_office = (
        not (header.slip or header.mandate)
        and header.person not in account.holders
        and is_coordinator(case.state, header.person)
    )
    if not by_office:
        return *authorise(case, account, amount, parties, counted), False
    authority = require_officer(case)
    if is_own(case.state, header.person, *parties):
        raise NotAuthorised(
            header.person, header.kind, "a coordinator decides nothing for their own household"
        )
    return authority, [], True


def _check_ours(hold: OpenHold) -> None:
    if hold.evidence is not None:
        raise HoldLocked(hold.index, "the other circle's answer decides it")


def _check_office(hold: OpenHold) -> None:
    if not hold.coordinator:
        raise HoldLocked(hold.index, "it was made without a coordinator's say")


def decide_settle(case: Case, settle: Settle) -> Decision:
    """The payer, a coordinator, or an unopposed claim turns a hold into a payment."""
    account = open_account(case.state, case.header.account)
    open_account(case.state, settle.payee)
    hold = _find(case, settle.hold)
    by_payer = hold is not None and hold.account == account.number
    authority, changes, by_office = _resolve(
        case,
        account,
        settle.amount if by_payer else 0,
        (settle.payee,),
        hold is not None and hold.counted,
    )
    if hold is None:
        raise HoldUnknown(settle.hold)
    _check_ours(hold)
    _check_payee(settle.payee, hold.account)
    if settle.evidence:
        raise OrderInconsistent("this hold waits for no evidence")
    if hold.payee not in (None, settle.payee):
        raise HoldLocked(hold.index, f"it is for account {hold.payee}")
    if settle.amount > hold.amount:
        raise HoldLocked(hold.index, f"only {hold.amount} is set aside")
    if by_office:
        _check_office(hold)
    elif by_payer:
        _check_against_claim(hold, settle.amount)
    else:
        _check_claim(case, hold, settle.amount)
        authority = "policy"
    moves = (
        Move(hold.account, -settle.amount, -hold.amount),
        Move(settle.payee, settle.amount),
    )
    check_countable(case.state, moves)
    return Decision("settle", authority, moves, (*changes, EndHold(hold.index)), exempt=True)


def _check_against_claim(hold: OpenHold, amount: int) -> None:
    if hold.claimed is not None and amount < hold.claimed[1]:
        raise HoldLocked(hold.index, f"the payee has claimed {hold.claimed[1]}; object first")


def _check_claim(case: Case, hold: OpenHold, amount: int) -> None:
    if hold.claimed is None or hold.claim_window is None:
        raise HoldLocked(hold.index, "the payee has no claim that stands")
    since, claimed = hold.claimed
    if case.now < since + hold.claim_window:
        raise HoldLocked(hold.index, "the payer may still object to the claim")
    if amount != claimed:
        raise HoldLocked(hold.index, f"the claim is for {claimed}")


def decide_release(case: Case, release: Release) -> Decision:
    """The payer, in due time where a payee is named, the payee at any time, or a coordinator gives
    tokens free again."""
    account = open_account(case.state, case.header.account)
    hold = _find(case, release.hold)
    parties = () if hold is None else (hold.account,)
    by_payer = parties == (account.number,)
    authority, changes, by_office = _resolve(case, account, 0, parties)
    if hold is None:
        raise HoldUnknown(release.hold)
    _check_ours(hold)
    if release.evidence:
        raise OrderInconsistent("this hold waits for no evidence")
    if by_office:
        _check_office(hold)
    elif by_payer:
        # While nobody is named it secures nobody, and there is nobody to wait for.
        if hold.payee is not None and case.now < hold.until:
            raise HoldLocked(hold.index, f"the payer may take it back from {hold.until} on")
        if hold.claimed is not None:
            raise HoldLocked(hold.index, "the payee has claimed it; object first")
    moves = (Move(hold.account, 0, -hold.amount),)
    return Decision("release", authority, moves, (*changes, EndHold(hold.index)))


def decide_claim(case: Case, claim: Claim) -> Decision:
    """The payee says that the hold is due; the payer's time to object begins."""
    account = open_account(case.state, case.header.account)
    hold = _find(case, claim.hold)
    authority, changes = authorise(case, account, 0, ())
    if hold is None:
        raise HoldUnknown(claim.hold)
    if account.number != hold.payee or hold.claim_window is None:
        raise HoldLocked(
            hold.index, "only the named payee can claim, and only where a window was set"
        )
    if claim.amount > hold.amount:
        raise HoldLocked(hold.index, f"only {hold.amount} is set aside")
    if hold.claimed is not None:
        raise HoldLocked(hold.index, "it is claimed already")
    claimed = replace(hold, claimed=(case.now, claim.amount))
    moves = (Move(hold.account, 0), Move(hold.payee, 0))
    return Decision("claim", authority, moves, (*changes, PutHold(claimed)))


def decide_object(case: Case, objection: Object) -> Decision:
    """The payer says, within the window, that a claim is not due; it stands no longer."""
    account = open_account(case.state, case.header.account)
    hold = _find(case, objection.hold)
    authority, changes = authorise(case, account, 0, ())
    if hold is None:
        raise HoldUnknown(objection.hold)
    if account.number != hold.account or hold.claimed is None:
        raise HoldLocked(hold.index, "only the payer objects, and only to a claim that stands")
    since, _ = hold.claimed
    if hold.claim_window is not None and case.now >= since + hold.claim_window:
        raise HoldLocked(hold.index, "the time to object to the claim is over")
    moves = [Move(hold.account, 0)]
    if hold.payee is not None:
        moves.append(Move(hold.payee, 0))
    return Decision(
        "object", authority, tuple(moves), (*changes, PutHold(replace(hold, claimed=None)))
    )


def decide_assign(case: Case, assign: Assign) -> Decision:
    """The payer or a coordinator says whom a hold is for; the payee or a coordinator hands it back,
    and then it is there for the next."""
    account = open_account(case.state, case.header.account)
    for named in assign.payee:
        open_account(case.state, named)
    hold = _find(case, assign.hold)
    # Who gains by it: the payee who is named, or the payer who may take it back from then on.
    parties = assign.payee if assign.payee or hold is None else (hold.account,)
    # With a claim window the payee may take it without another word of the payer.
    is_given = hold is not None and hold.account == account.number and bool(assign.claim_window)
    authority, changes, by_office = _resolve(
        case,
        account,
        hold.amount if hold is not None and is_given else 0,
        parties,
        hold is not None and hold.counted,
    )
    if hold is None:
        raise HoldUnknown(assign.hold)
    if assign.claim_window and not assign.payee:
        raise OrderInconsistent("nobody is named who could claim it")
    for named in assign.payee:
        _check_named(named, hold.account)
    _check_ours(hold)
    if by_office:
        _check_office(hold)
    other = _new_or_former(hold, assign, by_payer=not by_office and account.number == hold.account)
    moves = (Move(hold.account, 0), Move(other, 0))
    assigned = replace(
        hold,
        payee=assign.payee[0] if assign.payee else None,
        claim_window=assign.claim_window[0] if assign.claim_window else None,
        claimed=None,
        counted=hold.counted or (is_given and _uses_cap(changes)),
    )
    return Decision("assign", authority, moves, (*changes, PutHold(assigned)))


def _check_named(number: int, payer: int) -> None:
    """Only a member can hand it back, so only a member is named."""
    _check_payee(number, payer)
    if number < FIRST_MEMBER:
        raise OrderInconsistent(f"account {number} is not a member's")


def _new_or_former(hold: OpenHold, assign: Assign, by_payer: bool) -> int:
    """The payee who is named now, or was until now. Raises HoldLocked."""
    if assign.payee:
        if hold.payee is not None:
            raise HoldLocked(hold.index, f"it is for account {hold.payee}; hand it back first")
        return assign.payee[0]
    if hold.payee is None:
        raise HoldLocked(hold.index, "it is for nobody, so nobody hands it back")
    if by_payer:
        raise HoldLocked(hold.index, f"only account {hold.payee}, whom it is for, hands it back")
    return hold.payee


def decide_defer(case: Case, defer: Defer) -> Decision:
    """A coordinator moves what waits for another circle to suspense, after some days."""
    account = open_account(case.state, case.header.account)
    authority = require_officer(case)
    hold = case.state.holds.get(defer.hold)
    if hold is None or hold.account != account.number:
        raise HoldUnknown(defer.hold)
    transit = case.state.transits.get(hold.evidence or b"")
    if transit is None or account.number == SUSPENSE:
        raise HoldLocked(hold.index, "it waits for no other circle")
    if case.now < transit.since + DEFER_MS:
        raise HoldLocked(hold.index, "the other circle has three days to answer")
    moves = (Move(account.number, 0, -hold.amount), Move(SUSPENSE, 0, hold.amount))
    changes: tuple[Change, ...] = (
        PutHold(replace(hold, account=SUSPENSE)),
        PutTransit(transit._replace(deferred=True)),
    )
    return Decision("defer", authority, moves, changes, exempt=True)
