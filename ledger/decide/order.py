"""One order before the ledger: the checks every kind shares, in their order of precedence.

Before, an order was parsed, its text compared and its signatures verified. Here:

1. the very same order again gets the answer that it had;
2. it is for this circle;
3. its device is known, or joins with an invitation that can be used;
4. its time has begun and is not over;
5. its nonce is fresh;
6. the device may sign this now;
7. the person is the device's;
8. the accounts it names are there and open; so is the device that it is about;
9. the signers may order this: by mandate, holding or office, cosigned and with a new slip;
10. the caps on what they may move;
11. what else it names is there, and its fields agree with each other, the charter and the state;
12. the limits: of credit granted, then floors, then ceilings.

The classes in :mod:`ledger.errors` stand in this order (protocol.md, "Order of precedence").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import orders
from ledger.decide import devices, holds, members, money, offices
from ledger.declarations import parse_enrolment
from ledger.errors import (
    DeviceUnusable,
    ExpiryTooFar,
    InvitationUnusable,
    NonceConflict,
    OrderExpired,
    PersonMismatch,
    Refused,
    Unacceptable,
    UnknownDevice,
    WrongCircle,
)
from ledger.federation.route import Route
from ledger.orders import LIFETIME_MS_MAX, Enrol, Header, Join, Open, SignedOrder
from ledger.state import State
from ledger.verdict import Case, Decision, Facts, Prior, Verdict, remember

_DECIDE: dict[type[Any], Callable[[Case, Any], Decision]] = {
    orders.Pay: money.decide_pay,
    orders.Hold: holds.decide_hold,
    orders.Settle: holds.decide_settle,
    orders.Release: holds.decide_release,
    orders.Claim: holds.decide_claim,
    orders.Object: holds.decide_object,
    orders.Assign: holds.decide_assign,
    orders.Defer: holds.decide_defer,
    orders.Sell: money.decide_sell,
    orders.Redeem: money.decide_redeem,
    orders.Levy: money.decide_levy,
    orders.Payout: money.decide_payout,
    orders.Reverse: money.decide_reverse,
    orders.Invite: members.decide_invite,
    orders.Uninvite: members.decide_uninvite,
    orders.Join: members.decide_join,
    orders.Open: members.decide_open,
    orders.Close: members.decide_close,
    orders.Limits: members.decide_limits,
    orders.Holder: members.decide_holder,
    orders.Assist: members.decide_assist,
    orders.Enrol: devices.decide_enrol,
    orders.Revoke: devices.decide_revoke,
    orders.Freeze: devices.decide_freeze,
    orders.Thaw: devices.decide_thaw,
    orders.Veto: devices.decide_veto,
    orders.Mandate: offices.decide_mandate,
    orders.Unmandate: offices.decide_unmandate,
    orders.Appoint: offices.decide_appoint,
    orders.Dismiss: offices.decide_dismiss,
    orders.Amend: offices.decide_amend,
}


def decide_order(
    state: State,
    facts: Facts,
    signed: SignedOrder,
    now: int,
    handle: str = "",
    route: Route | None = None,
) -> Verdict | Prior:
    """Decide one order whose signatures were verified, at log time ``now`` (Unix milliseconds).

    ``handle`` and ``route`` are what stands beside some orders, as in :class:`Case`.

    Returns the Decision to write; or what was decided of the very same order before; or the error:
    a Refused is the order's final verdict, an Unacceptable is none. Changes nothing but ``facts``,
    where the caller notes each verdict as a Prior before it decides the next order.
    """
    header = signed.order.header
    prior = facts.priors.get((header.device, header.nonce))
    if prior is not None and prior.order_id == signed.id:
        return prior
    try:
        _check_acceptable(state, signed, now)
        if prior is not None:
            raise NonceConflict(header.nonce, prior.order_id.hex())
        _check_device(state, header, now)
        case = Case(state, facts, signed, header, now, state.size, handle, route)
        decision = _DECIDE[type(signed.order.act)](case, signed.order.act)
    except (Refused, Unacceptable) as error:
        return error.with_traceback(None)
    if decision.changes:
        remember(facts, decision, handle)
    return decision


def _check_acceptable(state: State, signed: SignedOrder, now: int) -> None:
    header, act = signed.order
    if header.circle != state.circle:
        raise WrongCircle(header.circle.hex())
    if type(act) is Enrol:
        _check_enrolment(state, act.enrolment)
    elif type(act) is Open and act.enrolment:
        _check_enrolment(state, act.enrolment[0])
    if type(act) is Join:
        _check_invitation(state, act.invitation, now)
    elif header.device not in state.devices:
        raise UnknownDevice(header.device.hex())
    if now >= header.expires:
        raise OrderExpired(header.expires, now)
    if header.expires > now + LIFETIME_MS_MAX:
        raise ExpiryTooFar(header.expires, now + LIFETIME_MS_MAX)


def _check_enrolment(state: State, wire: bytes) -> None:
    circle = parse_enrolment(wire).circle
    if circle != state.circle:
        raise WrongCircle(circle.hex())


def _check_invitation(state: State, key: bytes, now: int) -> None:
    invitation = state.invitations.get(key)
    if invitation is None:
        raise InvitationUnusable("it is unknown here, or was used")
    if now >= invitation.until:
        raise InvitationUnusable("its time is over")


def _check_device(state: State, header: Header, now: int) -> None:
    device = state.devices.get(header.device)
    if device is None:
        return
    if device.status != "active":
        raise DeviceUnusable(f"it is {device.status}")
    if device.active_from > now:
        raise DeviceUnusable(f"it waits until {device.active_from}")
    if device.role == "recovery" and header.kind != "enrol":
        raise DeviceUnusable("a recovery sheet only brings in a new device")
    if device.person != header.person and header.kind != "join":
        raise PersonMismatch(header.person)
