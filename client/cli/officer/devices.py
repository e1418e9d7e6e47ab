"""A member's devices, as coordinators help with them."""

from __future__ import annotations

import click

from client.cli.command import Told, command
from client.cli.device_list import (
    confirm_end,
    device_fields,
    device_name,
    find_device,
    tell_devices,
)
from client.cli.new_device import read_enrolment
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import moment, person, plain
from client.clock import unix_ms
from client.drafts import Draft
from client.views import DeviceView, Person
from ledger.orders import Enrol, Freeze, Revoke, Thaw

_WHO = click.argument("who")
_WHICH = click.argument("device")
_YES = click.option("--yes", is_flag=True, help="Do it without being asked.")


async def _devices(run: Run, who: str) -> tuple[Person, tuple[DeviceView, ...]]:
    found = await find_person(run, who)
    session = await (await run.member()).session()
    return found, await session.devices(found.person)


async def _device(run: Run, who: str, which: str) -> tuple[str, DeviceView]:
    """What to call a member's device in a sentence, and the device."""
    found, devices = await _devices(run, who)
    device = find_device(devices, which)
    return f"{device_name(device)} ({person(found.handle, found.name)}'s)", device


async def _device_to_end(
    run: Run, who: str, which: str, yes: bool, what: str
) -> tuple[str, DeviceView]:
    """The same; somebody about to end the very device they use is asked."""
    called, device = await _device(run, who, which)
    this = (await run.member()).membership.device_key
    if device.key == this and not yes:
        confirm_end((await (await run.member()).me()).devices, device, this, what)
    return called, device


@command("devices")
@_WHO
async def devices_of(run: Run, who: str) -> Told:
    """The list of a member's devices, with the number of each."""
    found, devices = await _devices(run, who)
    fields = {"person": found.person, "devices": [device_fields(each) for each in devices]}
    return Told(tell_devices(devices) or "They have no device.", fields)


@command("enrol")
@_WHO
@click.argument("code")
@click.option("--at-a-distance", is_flag=True, help="You do not have them before you: it waits.")
@signing_options
async def enrol(run: Run, who: str, code: str, at_a_distance: bool, signing: Signing) -> Told:
    """Add a member's new device; CODE is what tally new-device prints on it, or a file with that.

    Face to face it can be used at once. At a distance it waits some days, in which the member's
    other devices can stop it. Either way it moves little in its first week.
    """
    member = await run.member()
    found = await find_person(run, who)
    wire, enrolment = read_enrolment(code, member.circle.circle_id)
    act = Enrol(found.person, wire, "device", int(not at_a_distance))
    label, name = plain(enrolment.label) or "The device", person(found.handle, found.name)
    when = "can be used at once"
    if at_a_distance:
        rules = (await member.circle_info()).rules
        when = f"can be used from {moment(unix_ms() + rules.device_wait)} on"
    fields = {"person": found.person, "key": enrolment.device.hex()}
    return await have_done(
        run, Draft(act), signing, f"{label} is {name}'s now, and {when}.", fields
    )


@command("revoke")
@_WHO
@_WHICH
@_YES
@signing_options
async def revoke(run: Run, who: str, device: str, yes: bool, signing: Signing) -> Told:
    """End a member's device for good; DEVICE is its number or name in the list."""
    called, found = await _device_to_end(run, who, device, yes, "end {} for good")
    return await have_done(run, Draft(Revoke(found.key)), signing, f"{called} is ended.")


@command("freeze")
@_WHO
@_WHICH
@_YES
@signing_options
async def freeze(run: Run, who: str, device: str, yes: bool, signing: Signing) -> Told:
    """Report a member's device lost: until it is found it can do nothing."""
    called, found = await _device_to_end(run, who, device, yes, "report {} lost")
    told = f"{called} is reported lost."
    return await have_done(run, Draft(Freeze(found.key)), signing, told)


@command("thaw")
@_WHO
@_WHICH
@signing_options
async def thaw(run: Run, who: str, device: str, signing: Signing) -> Told:
    """Let a member's device be used again that was reported lost and is found."""
    called, found = await _device(run, who, device)
    told = f"{called} can be used again."
    return await have_done(run, Draft(Thaw(found.key)), signing, told)
