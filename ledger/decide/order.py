"""One order before the ledger: the checks every kind shares, in their order of precedence.

1. The order is for this circle; 2. the device is known (or the order joins); 3. its time is right;
4. its nonce is fresh, or it is the same order again; 5. the device may sign this now; 6. the person is
the device's; then what its kind asks: 7. the account; 8. what the order names; 9. authority; 10. caps;
11. limits. Signatures were verified before: protocol.md, "Order of precedence".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ledger import orders
from ledger.decide import devices, holds, members, money, offices
from ledger.decide.verdict import Case, Decision, Facts, Prior, Verdict, remember
from ledger.errors import (
    DeviceUnusable,
    ExpiryTooFar,
    InvitationUnusable,
    NonceConflict,
    OrderExpired,
    OrderInconsistent,
    PersonMismatch,
    Refused,
    Unacceptable,
    UnknownDevice,
    WrongCircle,
)
from ledger.orders import LIFETIME_MS_MAX, Header, Join, SignedOrder
from ledger.state import State

_DECIDE: dict[type[Any], Callable[[Case, Any], Decision]] = {
    orders.Pay: money.decide_pay,
    orders.Hold: holds.decide_hold,
    orders.Settle: holds.decide_settle,
    orders.Release: holds.decide_release,
    orders.Claim: holds.decide_claim,
    orders.Object: holds.decide_object,
    orders.Sell: money.decide_sell,
    orders.Redeem: money.decide_redeem,
    orders.Levy: money.decide_levy,
    orders.Payout: money.decide_payout,
    orders.Reverse: money.decide_reverse,
    orders.Invite: members.decide_invite,
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
    state: State, facts: Facts, signed: SignedOrder, now: int, handle: str = ""
) -> Verdict | Prior:
    """Decide one order whose signatures were verified, at log time ``now`` (Unix milliseconds).

    Returns the Decision to write; or what was decided of the very same order before; or the error: a
    Refused is the order's final verdict, an Unacceptable is none. Changes nothing but ``facts``.
    """
    header = signed.order.header
    try:
        _check_acceptable(state, signed, now)
        prior = facts.priors.get((header.device, header.nonce))
        if prior is not None:
            if prior.order_id == signed.id:
                return prior
            raise NonceConflict(header.nonce, prior.order_id.hex())
        _check_device(state, header, now)
        case = Case(state, facts, signed, now, state.size, handle)
        decision = _DECIDE[type(signed.order.act)](case, signed.order.act)
    except (Refused, Unacceptable) as error:
        return error.with_traceback(None)
    if decision.changes:
        remember(facts, decision, handle)
    return decision


def _check_acceptable(state: State, signed: SignedOrder, now: int) -> None:
    header = signed.order.header
    if header.circle != state.circle:
        raise WrongCircle(header.circle.hex())
    if header.device not in state.devices:
        act = signed.order.act
        if type(act) is not Join:
            raise UnknownDevice(header.device.hex())
        if act.invitation not in state.invitations:
            raise InvitationUnusable("it is unknown here, or was used")
    if now >= header.expires:
        raise OrderExpired(header.expires, now)
    if header.expires > now + LIFETIME_MS_MAX:
        raise ExpiryTooFar(header.expires, now + LIFETIME_MS_MAX)


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
    if header.slip and header.kind not in orders.MANDATE_SCOPE:
        raise OrderInconsistent(f"{header.kind} is not done with a slip")
    if header.mandate and header.kind not in orders.MANDATE_SCOPE:
        raise OrderInconsistent(f"{header.kind} is not done with a mandate")
