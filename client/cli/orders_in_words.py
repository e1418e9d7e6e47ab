"""What an order says, for somebody about to sign it or to be told what became of it."""

from __future__ import annotations

from datetime import date, timedelta

from client.cli.names import Names
from client.cli.words import amount, day, listed, plain, span, write_day
from client.errors import ReceiptInvalid
from client.member import Resent
from client.receipts import Proved
from ledger import orders
from ledger.amount import Unit
from ledger.charter import decode_rules
from ledger.orders import Act, SignedOrder

_EPOCH = date(1970, 1, 1)
_LEGS_SHOWN = 10


def describe(signed: SignedOrder, unit: Unit, names: Names, text: str | None = None) -> str:
    """The whole order in sentences, as it will be read in the books."""
    header, act = signed.order
    told = _sentence(header.account, act, unit, names)
    if header.slip:
        told += f" (from slip {header.slip[0][1]}, {header.slip[0][0]})"
    if text:
        told += f": {plain(text)}"
    return told


def _legs(legs: tuple[tuple[int, int], ...], unit: Unit, names: Names) -> str:
    shown = [
        f"{amount(minor, unit)} ({names.account(account)})" for account, minor in legs[:_LEGS_SHOWN]
    ]
    if len(legs) > _LEGS_SHOWN:
        shown.append(f"{len(legs) - _LEGS_SHOWN} more")
    return listed(shown)


def _sentence(account: int, act: Act, unit: Unit, names: Names) -> str:
    who = names.account(account)
    match act:
        case orders.Pay(legs, happened_on):
            on = f", about {write_day(_EPOCH + timedelta(happened_on[0]))}" if happened_on else ""
            return f"{who} pays {_legs(legs, unit, names)}{on}"
        case orders.Hold(amount=minor, evidence=(_,)):
            return f"{who} sends at most {amount(minor, unit)} into another circle"
        case orders.Hold(payee, minor, until):
            whom = f" for {names.account(payee[0])}" if payee else ""
            return f"{who} sets {amount(minor, unit)} aside{whom} until {day(until)}"
        case orders.Settle(hold, payee, minor):
            return f"promise {hold} pays {amount(minor, unit)} to {names.account(payee)}"
        case orders.Release(hold):
            return f"promise {hold} is ended without paying"
        case orders.Defer(hold):
            return f"what waits for another circle as promise {hold} is moved to suspense"
        case orders.Claim(hold, minor):
            return f"{who} claims {amount(minor, unit)} of promise {hold}"
        case orders.Object(hold):
            return f"{who} objects to the claim on promise {hold}"
        case orders.Assign(hold, payee):
            whom = names.account(payee[0]) if payee else "nobody"
            return f"promise {hold} is for {whom} from now on"
        case orders.Sell(minor, reference):
            return f"{who} buys {amount(minor, unit)} for cash ({plain(reference)})"
        case orders.Redeem(minor, reference):
            return f"{who} gives {amount(minor, unit)} back for cash ({plain(reference)})"
        case orders.Levy(legs):
            return f"{who} collects a circle fee of {_legs(legs, unit, names)}"
        case orders.Payout(legs):
            return f"{who} pays out {_legs(legs, unit, names)}"
        case orders.Reverse(entry):
            return f"line {entry} of the books is undone"
        case _:
            return _membership_sentence(names.account_itself(account), who, act, unit, names)


def _membership_sentence(account: str, who: str, act: Act, unit: Unit, names: Names) -> str:
    match act:
        case orders.Invite(_, floor, ceiling, starter, office):
            as_office = f" as {office}" if office else ""
            start = f", starting with {amount(starter, unit)}" if starter else ""
            return f"somebody is invited{as_office}, {_limits(floor, ceiling, unit)}{start}"
        case orders.Uninvite():
            return "an invitation is taken back"
        case orders.Join():
            return "somebody joins with an invitation"
        case orders.Open(holder, floor, ceiling):
            whom = names.person(holder[0]) if holder else "a new member"
            return f"an account is opened for {whom}, {_limits(floor, ceiling, unit)}"
        case orders.Close():
            return f"{account} is closed"
        case orders.Limits(floor, ceiling):
            return f"{account} is set to {_limits(floor, ceiling, unit)}"
        case orders.Holder(person, holds):
            change = "becomes" if holds else "is no longer"
            return f"{names.person(person)} {change} a holder of {account}"
        case orders.Assist(deviceless):
            return f"{account} is {'' if deviceless else 'no longer '}one that coordinators act for"
        case orders.Mandate(person, scope, cap, window, until):
            return (
                f"{names.person(person)} may act for {who} ({listed(scope)}), up to"
                f" {amount(cap, unit)} in {span(window)}, until {day(until)}"
            )
        case orders.Unmandate(mandate):
            return f"permission {mandate} to act for somebody is ended"
        case _:
            return _office_sentence(act, unit, names)


def _office_sentence(act: Act, unit: Unit, names: Names) -> str:
    match act:
        case orders.Enrol(person, _, role):
            what = "recovery sheet" if role == "recovery" else "device"
            return f"a new {what} is added for {names.person(person)}"
        case orders.Revoke():
            return "a device is ended for good"
        case orders.Freeze():
            return "a device is reported lost"
        case orders.Thaw():
            return "a device is found again"
        case orders.Veto():
            return "a new device is stopped before it can be used"
        case orders.Appoint(person, office):
            return f"{names.person(person)} becomes {office}"
        case orders.Dismiss(person, office):
            return f"{names.person(person)} is no longer {office}"
        case orders.Amend(encoded):
            rules = decode_rules(encoded)
            return (
                f"the circle's rules become: {rules.threshold} sign weighty acts; new members are"
                f" {_limits(rules.floor, rules.ceiling, unit)}, starting with"
                f" {amount(rules.starter, unit)}; credit is at most"
                f" {amount(rules.credit_limit_max, unit)} for one member and"
                f" {amount(rules.credit_total_max, unit)} for all"
            )
        case _:
            return f"an order of kind {orders.kind_of(act)}"


def _limits(floor: int, ceiling: int, unit: Unit) -> str:
    return f"able to go down to {amount(floor, unit)} below and up to {amount(ceiling, unit)}"


def tell_resent(resent: Resent, unit: Unit, names: Names) -> str:
    """What became of an order that was interrupted."""
    memo = resent.order.memo
    said = describe(orders.parse(resent.order.wire), unit, names, memo.text if memo else None)
    if resent.order.intent.startswith("invite "):
        said += f"; its code is {resent.order.intent.removeprefix('invite ')}"
    match resent.outcome:
        case Proved():
            return f"Something that was interrupted is done now, once: {said}."
        case ReceiptInvalid() as invalid:
            return f"Something that was interrupted is not proved ({invalid.reason}): {said}."
        case refused:
            return f"Something that was interrupted is not done: {said}. {refused}"
