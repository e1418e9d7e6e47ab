"""``tally devices``: the list, and what one does with one's own phones and computers."""

from __future__ import annotations

import os

import click

from client.cli.command import Told, command
from client.cli.device_list import device_fields, find_device, tell_devices
from client.cli.new_device import read_enrolment
from client.cli.run import Run
from client.cli.words import moment, plain
from client.drafts import Draft
from client.member import unix_ms
from client.records import KEY_BYTES
from ledger import keys
from ledger.declarations import Enrolment, sign_enrolment
from ledger.orders import Enrol, Freeze, Revoke, Thaw, Veto
from ledger.paper import write_code


@click.group("devices", invoke_without_command=True)
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
    code, url = write_code(seed), member.circle.node_url
    told = (
        f"Print this, or copy it by hand, and keep it where you keep your papers:\n\n"
        f"  Recovery sheet for {plain(member.circle.name)}\n\n  {code}\n\n"
        f"On a new device: tally new-device {url} --recovery-sheet\n"
        "Whoever has the sheet can act as you. It is shown only now."
    )
    return Told(told, {"entry": proved.index, "code": code, "key": key.hex()})


_WHICH = click.argument("device")


async def _own(run: Run, which: str) -> bytes:
    return find_device((await (await run.member()).me()).devices, which).key


@command("revoke")
@_WHICH
async def revoke(run: Run, device: str) -> Told:
    """End a device for good: DEVICE is its number in the list, or its name."""
    proved = await run.order(Draft(Revoke(await _own(run, device))))
    return Told("That device is ended: it can do nothing any more.", {"entry": proved.index})


@command("freeze")
@_WHICH
async def freeze(run: Run, device: str) -> Told:
    """Report a device lost: until it is found it can do nothing."""
    proved = await run.order(Draft(Freeze(await _own(run, device))))
    told = "That device is reported lost. When it is found: tally devices thaw."
    return Told(told, {"entry": proved.index})


@command("thaw")
@_WHICH
async def thaw(run: Run, device: str) -> Told:
    """Use a device again that was reported lost and is found."""
    proved = await run.order(Draft(Thaw(await _own(run, device))))
    return Told("That device can be used again.", {"entry": proved.index})


@command("veto")
@_WHICH
async def veto(run: Run, device: str) -> Told:
    """Stop a new device that you do not know, while it still waits."""
    found = find_device((await (await run.member()).me()).devices, device)
    proved = await run.order(Draft(Veto(found.key)))
    told = f"That device is stopped; it would have been usable from {moment(found.active_from)}."
    return Told(f"{told} Tell your coordinator.", {"entry": proved.index})


for _command in (show, add, recovery_sheet, revoke, freeze, thaw, veto):
    devices.add_command(_command)
