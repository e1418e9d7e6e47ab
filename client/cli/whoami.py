"""``tally whoami``."""

from __future__ import annotations

from client.cli.command import Told, command
from client.cli.run import Run
from client.cli.words import listed, person, plain
from ledger.note import parse_vkey


@command("whoami")
async def whoami(run: Run) -> Told:
    """Who you are in the circle."""
    member = await run.member()
    me, circle = await member.me(afresh=True), member.circle
    # The origin begins with the circle's address.
    address = circle.origin.partition("/")[0]
    numbers = [account.number for account in me.accounts if not account.closed]
    told = [f"You are {person(me.handle, me.name)} in {plain(circle.name)}."]
    if me.handle:
        told.append(f"Others pay you as {plain(me.handle)}, or {plain(me.handle)}@{address}.")
    told.append(f"Your account: {listed(map(str, numbers)) or 'none that is open'}.")
    if me.offices:
        told.append(f"You are {listed(me.offices)} of the circle.")
    told.append(f"This device is {plain(member.membership.device_label)}.")
    run.notices += [notice.text for notice in me.notices]
    return Told(
        "\n".join(told),
        {
            "circle": circle.name,
            "circle_id": circle.circle_id.hex(),
            "address": address,
            "node": circle.node_url,
            "origin": circle.origin,
            "log_key": circle.log_vkey,
            "log_key_id": parse_vkey(circle.log_vkey).key_id.hex(),
            "membership": member.membership.name,
            "person": me.person,
            "handle": me.handle,
            "name": me.name,
            "accounts": numbers,
            "offices": list(me.offices),
            "device": member.membership.device_key.hex(),
        },
    )
