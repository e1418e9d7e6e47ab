"""Decisions about who may act for whom: mandates, offices, the charter's rules."""

from __future__ import annotations

from ledger import charter, codec
from ledger.amount import Unit, UnitKind
from ledger.charter import Rules
from ledger.decide.authority import (
    committee,
    is_coordinator,
    open_account,
    require_committee,
    require_officer,
)
from ledger.decide.members import check_person
from ledger.errors import InvalidAmount, MandateUnusable, NotAuthorised, OrderInconsistent
from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Amend,
    Appoint,
    Dismiss,
    Mandate,
    Unmandate,
)
from ledger.state import (
    EndMandate,
    EndOffice,
    LivingMandate,
    PutAccount,
    PutMandate,
    PutOffice,
    PutRules,
)
from ledger.verdict import Case, Decision, Move

MANDATES_MAX = 16
"""No account has more living mandates than this."""


def decide_mandate(case: Case, mandate: Mandate) -> Decision:
    """A holder lets another person act for the account."""
    header, state = case.header, case.state
    account = open_account(state, header.account)
    if header.person not in account.holders:
        raise NotAuthorised(header.person, "mandate", "only a holder gives one")
    if case.now < state.devices[header.device].capped_until:
        # It could let somebody else move what it may not.
        raise NotAuthorised(header.person, "mandate", "a device in its first week gives none")
    check_person(state, mandate.person)
    if mandate.until <= case.now:
        raise OrderInconsistent("the mandate is over before it begins")
    if len(set(mandate.scope)) != len(mandate.scope):
        raise OrderInconsistent("an act stands twice in the mandate's scope")
    if sum(m.account == account.number for m in state.mandates.values()) >= MANDATES_MAX:
        raise OrderInconsistent(f"the account has {MANDATES_MAX} mandates; end one first")
    living = LivingMandate(
        index=case.number,
        account=account.number,
        person=mandate.person,
        scope=mandate.scope,
        cap=mandate.cap,
        window=mandate.window,
        until=mandate.until,
    )
    return Decision("mandate", "member", (Move(account.number, 0),), (PutMandate(living),))


def decide_unmandate(case: Case, unmandate: Unmandate) -> Decision:
    """A holder, the person it was given to, or a coordinator ends a mandate."""
    header, state = case.header, case.state
    mandate = state.mandates.get(unmandate.mandate)
    if mandate is None:
        raise MandateUnusable(unmandate.mandate, "there is no such mandate, or no longer")
    if header.person in state.accounts[mandate.account].holders | {mandate.person}:
        authority = "member"
    elif is_coordinator(state, header.person):
        authority = require_officer(case)
    else:
        raise NotAuthorised(header.person, "unmandate", "it is between other people")
    return Decision(
        "unmandate", authority, (Move(mandate.account, 0),), (EndMandate(mandate.index),)
    )


def decide_appoint(case: Case, appoint: Appoint) -> Decision:
    """The committee gives a person an office."""
    authority = require_committee(case)
    check_person(case.state, appoint.person)
    if (appoint.person, appoint.office) in case.state.offices:
        raise OrderInconsistent(f"person {appoint.person} is {appoint.office} already")
    public = codec.encode((appoint.person, appoint.office))
    put = PutOffice(appoint.person, appoint.office)
    return Decision("appoint", authority, (), (put,), public=public)


def decide_dismiss(case: Case, dismiss: Dismiss) -> Decision:
    """The committee takes an office away; enough must remain to act."""
    authority = require_committee(case)
    if (dismiss.person, dismiss.office) not in case.state.offices:
        raise OrderInconsistent(f"person {dismiss.person} is no {dismiss.office}")
    left = len(committee(case.state)) - (dismiss.office == "coordinator")
    if left < case.state.rules.threshold:
        raise OrderInconsistent(f"only {left} would be left of a committee that acts by more")
    public = codec.encode((dismiss.person, dismiss.office))
    end = EndOffice(dismiss.person, dismiss.office)
    return Decision("dismiss", authority, (), (end,), public=public)


def _check_unit(rules: Rules) -> None:
    """Nobody could read an amount in a unit whose names look like part of the figure."""
    kind = UnitKind(rules.unit_kind)
    try:
        Unit(rules.unit_name.decode(), rules.unit_plural.decode(), kind, rules.unit_scale)
    except InvalidAmount as error:
        raise OrderInconsistent(str(error).rstrip(".")) from None


def decide_amend(case: Case, amend: Amend) -> Decision:
    """The committee changes the charter's rules, except what the unit is."""
    authority = require_committee(case)
    state = case.state
    rules = charter.decode_rules(amend.rules)
    if (rules.address, rules.unit_kind, rules.unit_scale) != (
        state.rules.address,
        state.rules.unit_kind,
        state.rules.unit_scale,
    ):
        raise OrderInconsistent("a circle's address and the scale of its unit stay as they are")
    _check_unit(rules)
    if rules.threshold > len(committee(state)):
        raise OrderInconsistent("the committee has fewer members than would have to sign")
    changes: list[PutRules | PutAccount] = [PutRules(rules, amend.rules)]
    for number, floor in (
        (TREASURY, rules.treasury_floor),
        (COMMUNITY, rules.community_floor),
    ):
        account = state.accounts[number]
        changes.append(
            PutAccount(number, account.kind, floor, account.ceiling, False, False, account.holders)
        )
    moves = (Move(TREASURY, 0), Move(COMMUNITY, 0))
    return Decision("amend", authority, moves, tuple(changes), public=amend.rules)
