"""``tally devices``: the list, and what one does with one's own phones and computers."""

from __future__ import annotations

import os

import click

from client.cli.command import Told, command
from client.cli.device_list import (
    confirm_end,
    device_fields,
    device_name,
    find_device,
    tell_devices,
)
from client.cli.lazy_group import Entry, LazyGroup
from client.cli.new_device import read_enrolment
from client.cli.run import Run
from client.cli.words import moment, plain
from client.clock import unix_ms
from client.drafts import Draft
from client.records import KEY_BYTES
from client.views import DeviceView
from ledger import keys
from ledger.declarations import Enrolment, sign_enrolment
from ledger.orders import Enrol, Freeze, Revoke, Thaw, Veto
from ledger.paper import write_code

_HERE = "client.cli.devices"

SECTIONS = {
    "Commands": {
        "list": Entry(f"{_HERE}:show", "The list, with the number of each."),
        "add": Entry(f"{_HERE}:add", "Add a new device with the code it shows."),
        "recovery-sheet": Entry(f"{_HERE}:recovery_sheet", "Print a code for a drawer."),
        "freeze": Entry(f"{_HERE}:freeze", "Report a device lost."),
        "thaw": Entry(f"{_HERE}:thaw", "Use a device again that is found."),
        "revoke": Entry(f"{_HERE}:revoke", "End a device for good."),
        "veto": Entry(f"{_HERE}:veto", "Stop a new device that you do not know."),
    },
}


@click.group("devices", cls=LazyGroup, sections=SECTIONS, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def devices(context: click.Context, as_json: bool) -> int:
    """Your phones, computers and recovery sheets. Without a command: the list of them."""
    if context.invoked_subcommand is not None:
        return 0
    status: int = context.invoke(show, circle=None, home=None, as_json=as_json)
    return status


@command("list")
async def show(run: Run) -> Told:
    """The list, with the number of each."""
    member = await run.member()
    me = await member.me(afresh=True)
    run.notices += [notice.text for notice in me.notices]
    told = tell_devices(me.devices, member.membership.device_key)
    return Told(told, {"devices": [device_fields(each) for each in me.devices]})


@command("add")
@click.argument("code")
async def add(run: Run, code: str) -> Told:
    """Add a new device: CODE is what tally new-device prints on it, or a file with that."""
    member = await run.member()
    wire, enrolment = read_enrolment(code, member.circle.circle_id)
    proved = await run.order(Draft(Enrol(member.person, wire, "device", 0)))
    told = f"{plain(enrolment.label) or 'The new device'} is yours now, and can be used at once."
    return Told(told, {"entry": proved.index, "key": enrolment.device.hex()})


@command("recovery-sheet")
async def recovery_sheet(run: Run) -> Told:
    """Print a code for a drawer: with it you can bring in a new device when all others are gone."""
    member = await run.member()
    seed = os.urandom(KEY_BYTES)
    key = keys.public_key(seed)
    enrolment = Enrolment(member.circle.circle_id, key, unix_ms(), "recovery sheet")
    act = Enrol(member.person, sign_enrolment(enrolment, seed), "recovery", 0)
    proved = await run.order(Draft(act))
    code, url = write_code(seed), await member.public_url()
    told = (
        f"Print this, or copy it by hand, and keep it where you keep your papers:\n\n"
        f"  Recovery sheet for {plain(member.circle.name)}\n\n  {code}\n\n"
        f"On a new device: tally new-device {url} --recovery-sheet\n"
        "Whoever has the sheet can act as you. It is shown only now."
    )
    return Told(told, {"entry": proved.index, "code": code, "key": key.hex()})


_WHICH = click.argument("device")
_YES = click.option("--yes", is_flag=True, help="Do it without being asked.")


async def _own(run: Run, which: str) -> DeviceView:
    return find_device((await (await run.member()).me()).devices, which)


async def _own_to_end(run: Run, which: str, yes: bool, what: str) -> DeviceView:
    """The device, once its end was agreed to."""
    member, device = await run.member(), await _own(run, which)
    if not yes:
        confirm_end((await member.me()).devices, device, member.membership.device_key, what)
    return device


@command("revoke")
@_WHICH
@_YES
async def revoke(run: Run, device: str, yes: bool) -> Told:
    """End a device for good: DEVICE is its number in the list, or its name."""
    found = await _own_to_end(run, device, yes, "end {} for good")
    proved = await run.order(Draft(Revoke(found.key)))
    told = f"{device_name(found)} is ended: it can do nothing any more."
    return Told(told, {"entry": proved.index, "key": found.key.hex()})


@command("freeze")
@_WHICH
@_YES
async def freeze(run: Run, device: str, yes: bool) -> Told:
    """Report a device lost: until it is found it can do nothing."""
    found = await _own_to_end(run, device, yes, "report {} lost")
    proved = await run.order(Draft(Freeze(found.key)))
    told = f"{device_name(found)} is reported lost. When it is found: tally devices thaw."
    return Told(told, {"entry": proved.index, "key": found.key.hex()})


@command("thaw")
@_WHICH
async def thaw(run: Run, device: str) -> Told:
    """Use a device again that was reported lost and is found."""
    found = await _own(run, device)
    proved = await run.order(Draft(Thaw(found.key)))
    told = f"{device_name(found)} can be used again."
    return Told(told, {"entry": proved.index, "key": found.key.hex()})


@command("veto")
@_WHICH
async def veto(run: Run, device: str) -> Told:
    """Stop a new device that you do not know, while it still waits."""
    found = await _own(run, device)
    proved = await run.order(Draft(Veto(found.key)))
    when = moment(found.active_from)
    told = f"{device_name(found)} is stopped; it would have been usable from {when}."
    told += " Tell your coordinator."
    return Told(told, {"entry": proved.index, "key": found.key.hex()})
