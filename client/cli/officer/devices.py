"""A member's devices, as coordinators help with them."""

from __future__ import annotations

import click

from client.cli.command import Told, command
from client.cli.device_list import device_fields, find_device, tell_devices
from client.cli.new_device import read_enrolment
from client.cli.officer.signing import Signing, have_done, signing_options
from client.cli.parties import find_person
from client.cli.run import Run
from client.cli.words import moment, person, plain
from client.drafts import Draft
from client.json_fields import Fields
from client.member import unix_ms
from client.views import DeviceView, Person, read_device
from ledger.orders import Enrol, Freeze, Revoke, Thaw

DEVICES_MAX = 1000

_WHO = click.argument("who")
_WHICH = click.argument("device")


async def _devices(run: Run, who: str) -> tuple[Person, tuple[DeviceView, ...]]:
    found = await find_person(run, who)
    session = await (await run.member()).session()
    everything = Fields(await session.everything(found.person), "everything on a person")
    return found, everything.objects("devices", DEVICES_MAX, read_device)


async def _device(run: Run, who: str, which: str) -> tuple[str, DeviceView]:
    found, devices = await _devices(run, who)
    return person(found.handle, found.name), find_device(devices, which)


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
        rules = (await member.node.well_known()).rules
        when = f"can be used from {moment(unix_ms() + rules.device_wait)} on"
    fields = {"person": found.person, "key": enrolment.device.hex()}
    return await have_done(
        run, Draft(act), signing, f"{label} is {name}'s now, and {when}.", fields
    )


@command("revoke")
@_WHO
@_WHICH
@signing_options
async def revoke(run: Run, who: str, device: str, signing: Signing) -> Told:
    """End a member's device for good; DEVICE is its number or name in the list."""
    name, found = await _device(run, who, device)
    return await have_done(run, Draft(Revoke(found.key)), signing, f"{name}'s device is ended.")


@command("freeze")
@_WHO
@_WHICH
@signing_options
async def freeze(run: Run, who: str, device: str, signing: Signing) -> Told:
    """Report a member's device lost: until it is found it can do nothing."""
    name, found = await _device(run, who, device)
    told = f"{name}'s device is reported lost."
    return await have_done(run, Draft(Freeze(found.key)), signing, told)


@command("thaw")
@_WHO
@_WHICH
@signing_options
async def thaw(run: Run, who: str, device: str, signing: Signing) -> Told:
    """Let a member's device be used again that was reported lost and is found."""
    name, found = await _device(run, who, device)
    told = f"{name}'s device can be used again."
    return await have_done(run, Draft(Thaw(found.key)), signing, told)
