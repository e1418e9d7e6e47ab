"""Errors as one plain sentence for the person at the terminal, amounts in the circle's unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from client.cli.names import Names
from client.cli.unfit import tell_unfit
from client.cli.words import capital, listed, moment
from client.errors import HistoryRewritten, HistoryUnproven, NodeRefused
from ledger.amount import Unit, amount_in_words
from ledger.errors import TallystickError

_Attributes = Mapping[str, object]


def explain(error: TallystickError, unit: Unit | None, own: Collection[int], names: Names) -> str:
    """What went wrong and what to do; ``own`` are the reader's accounts, ``names`` others'."""
    match error:
        case NodeRefused(problem=problem, attributes=attributes):
            told = None
            if unit is not None and problem in _IN_UNIT:
                told = _IN_UNIT[problem](attributes, unit, own, names)
            return told or _PLAIN.get(problem) or _in_plain(problem, error.detail, own, names)
        case HistoryRewritten():
            return f"{error} {WHAT_TO_DO}"
        case HistoryUnproven():
            return f"{error} Tell your coordinator: tallyd check finds out what it is."
        case _:
            return str(error)


WHAT_TO_DO = (
    "Pay nothing in this circle for now. Show the file to your coordinator and to people of a"
    " neighbouring circle: it proves what this circle signed, to anybody."
)

_PLAIN = {
    "device-unknown": "The circle does not know this device: ask your coordinator to add it.",
    "key-taken": "That device, sheet or invitation is known in the circle already.",
    "order-expired": "The circle says that it is later than this device thinks: set its clock"
    " right and try again.",
    "expiry-too-far": "The circle says that it is earlier than this device thinks: set its clock"
    " right and try again.",
    "session-refused": "The circle does not know this device, or not yet, or no longer: ask your"
    " coordinator. If it is new, somebody still has to add it.",
    "person-mismatch": "This device belongs to somebody else in the circle now.",
    "calendar-zone-unset": "The calendar does not know yet which time zone the circle is in: a"
    " coordinator says it once, with tally events zone Europe/London or the like.",
    "place-missing": "What is near cannot be found before your profile says where you are on the"
    " map, as coarsely as you like: tally profile --map EAST,NORTH says it in metres, as maps of"
    " your country print them.",
    "frozen": "The circle's node takes no orders at the moment; what was sent is never done twice."
    " Tell whoever runs it: the window that it runs in says why.",
    "overloaded": "The circle's node has too much to do: try again in a minute; nothing is done"
    " twice.",
    "history-lost": "The circle's node has lost some of its books and takes no more orders: tell"
    " your coordinator to restore the newest backup.",
}


_MOMENT = re.compile(r"\b[12][0-9]{12}\b")
"""Unix milliseconds from 2001 to 2065, as they stand in a node's sentence."""

_NUMBERED = re.compile(r"(?<!no )\b([Aa]ccount|[Pp]erson) ([0-9]{1,16})\b")
"""Somebody who is there, as a node's sentence names them."""

_PREFIXES = {
    "order-inconsistent": "That cannot be done",
    "not-authorised": "That is not yours to do",
    "request-unusable": "That request cannot be paid",
}


def _in_plain(problem: str, detail: str, own: Collection[int], names: Names) -> str:
    """The node's own sentence: times as days, numbers as names, terms of art as everyday words."""

    def name(found: re.Match[str]) -> str:
        number = int(found[2])
        if found[1].lower() == "person":
            return names.person(number)
        return "your account" if number in own else names.account_itself(number)

    said = _MOMENT.sub(lambda found: moment(int(found[0])), detail)
    said = capital(_NUMBERED.sub(name, said))
    if problem == "request-invalid":
        return tell_unfit(said)
    prefix = _PREFIXES.get(problem)
    if problem == "account-busy":
        return f"{said} What is set aside is shown by tally promises --account WHO."
    reason = said.partition(": ")[2]
    return f"{prefix}: {reason}" if prefix and reason else said


def _number(attributes: _Attributes, name: str) -> int | None:
    value = attributes.get(name)
    return value if type(value) is int else None


def _numbers(attributes: _Attributes, name: str) -> list[int]:
    value = attributes.get(name)
    return [each for each in value if type(each) is int] if isinstance(value, list) else []


def _whose(accounts: list[int], own: Collection[int], names: Names) -> str:
    if len(accounts) == 1 and accounts[0] in own:
        return "You"
    shown = [names.account(account) for account in accounts[:10]]
    if len(accounts) > 10:
        shown.append(f"{len(accounts) - 10} more")
    return capital(listed(shown))


def _credit_limit(
    attributes: _Attributes, unit: Unit, own: Collection[int], names: Names
) -> str | None:
    accounts = _numbers(attributes, "accounts")
    available, floor = _number(attributes, "available"), _number(attributes, "floor")
    wanted = _number(attributes, "amount")
    if not accounts or available is None or floor is None or wanted is None:
        return None
    if len(accounts) > 1:
        return f"{_whose(accounts, own, names)} cannot go down that far; nothing was done."
    left = max(0, available - floor)
    who = _whose(accounts, own, names)
    return (
        f"{who} can spend {amount_in_words(left, unit)} now, so"
        f" {amount_in_words(wanted, unit)} is too much; nothing was done."
    )


def _ceiling(attributes: _Attributes, unit: Unit, own: Collection[int], names: Names) -> str | None:
    accounts = _numbers(attributes, "accounts")
    balance, ceiling = _number(attributes, "balance"), _number(attributes, "ceiling")
    wanted = _number(attributes, "amount")
    if not accounts or balance is None or ceiling is None or wanted is None:
        return None
    room = max(0, ceiling - balance)
    return (
        f"{_whose(accounts, own, names)} can go up to {amount_in_words(ceiling, unit)}, and so can"
        f" take {amount_in_words(room, unit)} more, not {amount_in_words(wanted, unit)}; nothing"
        " was done."
    )


def _cap(attributes: _Attributes, unit: Unit, own: Collection[int], names: Names) -> str | None:
    wanted, cap = _number(attributes, "amount"), _number(attributes, "cap")
    if wanted is None or cap is None:
        return None
    return (
        f"In this way {amount_in_words(max(0, cap), unit)} can be moved now, and"
        f" {amount_in_words(wanted, unit)} is more; nothing was done."
    )


def _limit_too_wide(
    attributes: _Attributes, unit: Unit, own: Collection[int], names: Names
) -> str | None:
    asked, allowed = _number(attributes, "asked"), _number(attributes, "allowed")
    if asked is None or allowed is None:
        return None
    return (
        f"The circle's rules allow {amount_in_words(allowed, unit)} below zero, and this would make"
        f" it {amount_in_words(asked, unit)}."
    )


def _cosignatures(
    attributes: _Attributes, unit: Unit, own: Collection[int], names: Names
) -> str | None:
    signed, needed = _number(attributes, "signed"), _number(attributes, "needed")
    return (
        f"{needed} of the committee must sign this, and {signed} did: add --save FILE, let the"
        " others sign it with tally officer cosign FILE, then tally officer send FILE."
    )


_IN_UNIT: dict[str, Callable[[_Attributes, Unit, Collection[int], Names], str | None]] = {
    "credit-limit": _credit_limit,
    "ceiling": _ceiling,
    "cap": _cap,
    "limit-too-wide": _limit_too_wide,
    "cosignatures-missing": _cosignatures,
}
