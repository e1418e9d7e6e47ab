"""Decisions about keys: enrol, revoke, freeze, thaw, veto.

Each leaves a posting of nothing on every account of the person, so that what key could act for an
account is provable from the log.
"""

from __future__ import annotations

from dataclasses import replace

from ledger.decide.authority import (
    WEEK_MS,
    is_coordinator,
    is_officer,
    require_committee,
    require_officer,
)
from ledger.decide.members import check_key, check_person
from ledger.declarations import parse_enrolment
from ledger.errors import DeviceNotFound, NotAuthorised, OrderInconsistent
from ledger.orders import Enrol, Freeze, Revoke, Thaw, Veto
from ledger.state import Device, PutDevice
from ledger.verdict import Case, Decision, Move

DEVICES_MAX = 16
"""No person has more devices in use than this."""


def _decision(case: Case, authority: str, device: Device) -> Decision:
    accounts = case.state.held_by(device.person)
    moves = tuple(Move(account.number, 0) for account in accounts if not account.closed)
    return Decision(case.header.kind, authority, moves, (PutDevice(device),))


def decide_enrol(case: Case, enrol: Enrol) -> Decision:
    """A person adds a device or recovery sheet, a sheet brings in a new device, or a coordinator
    enrols one: at once face to face, after a wait at a distance, capped for its first week."""
    state, now = case.state, case.now
    signer = state.devices[case.header.device]
    own = signer.person == enrol.person
    active_from, capped_until = now, now + WEEK_MS
    if signer.role == "recovery":
        if not own or enrol.role != "device":
            raise NotAuthorised(signer.person, "enrol", "a sheet only brings in its owner's device")
        authority = "member"
    elif own and signer.role == "device":
        authority, capped_until = "member", signer.capped_until
    else:
        weighty = is_officer(state, enrol.person)
        authority = require_committee(case) if weighty else require_officer(case)
        if not enrol.present:
            active_from = now + state.rules.device_wait
            capped_until = active_from + WEEK_MS
    check_person(state, enrol.person)
    in_use = [key for key in state.persons[enrol.person] if state.devices[key].status == "active"]
    if len(in_use) >= DEVICES_MAX:
        raise OrderInconsistent(
            f"person {enrol.person} has {DEVICES_MAX} devices; revoke one first"
        )
    enrolment = parse_enrolment(enrol.enrolment)
    check_key(state, enrolment.device)
    device = Device(
        key=enrolment.device,
        person=enrol.person,
        role=enrol.role,
        label=enrolment.label,
        active_from=active_from,
        capped_until=capped_until,
    )
    return _decision(case, authority, device)


def _find(case: Case, key: bytes) -> Device:
    device = case.state.devices.get(key)
    if device is None or device.role == "paper":
        raise DeviceNotFound(key.hex(), "is not enrolled here")
    if device.status == "revoked":
        raise DeviceNotFound(key.hex(), "is revoked already")
    return device


def _authority(case: Case, device: Device) -> str:
    if device.person == case.header.person:
        return "member"
    if not is_coordinator(case.state, case.header.person):
        raise NotAuthorised(case.header.person, case.header.kind, "the device is another person's")
    if is_officer(case.state, device.person):
        return require_committee(case)
    return require_officer(case)


def decide_revoke(case: Case, revoke: Revoke) -> Decision:
    """A person ends one of their devices, or a coordinator does, for good."""
    device = _find(case, revoke.device)
    return _decision(case, _authority(case, device), replace(device, status="revoked"))


def decide_freeze(case: Case, freeze: Freeze) -> Decision:
    """A device is reported lost."""
    device = _find(case, freeze.device)
    if device.status == "frozen":
        raise DeviceNotFound(freeze.device.hex(), "is frozen already")
    return _decision(case, _authority(case, device), replace(device, status="frozen"))


def decide_thaw(case: Case, thaw: Thaw) -> Decision:
    """A device reported lost is found."""
    device = _find(case, thaw.device)
    if device.status != "frozen":
        raise DeviceNotFound(thaw.device.hex(), "is not frozen")
    return _decision(case, _authority(case, device), replace(device, status="active"))


def decide_veto(case: Case, veto: Veto) -> Decision:
    """An older device of the same person stops one that still waits."""
    device = _find(case, veto.device)
    if device.active_from <= case.now:
        raise DeviceNotFound(veto.device.hex(), "no longer waits; revoke it instead")
    if device.person != case.header.person:
        raise NotAuthorised(case.header.person, "veto", "the device is another person's")
    return _decision(case, "member", replace(device, status="revoked"))
