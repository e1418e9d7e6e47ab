"""``tallyd peer``: agreements with other circles, from the first to the last."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click
import segno

from ledger.codec import to_base64url
from ledger.errors import InvalidSignature
from ledger.federation.agreement import Agreement, join_agreement, sign_agreement
from node.config import Config
from node.connections import Connection
from node.errors import PeerRefused
from node.federation.agreements import (
    CODE_BYTES,
    INVITED,
    Identity,
    Invitation,
    Terms,
    check_offer,
    keep_invitation,
    party_of,
    read_invitation,
)
from node.federation.client import ask_offer, conclude
from node.federation.evidence_command import evidence
from node.federation.history import why
from node.federation.standing import (
    LIMIT,
    LIMIT_MAX,
    PEER,
    RATE,
    describe,
    find_neighbour,
    own_identity,
    read_neighbours,
    read_rate,
    read_unit,
    tell_standing,
    wish,
    with_circle,
)
from node.federation.terms_commands import agree, decline, give_up, leave, propose, terms, withdraw
from node.keyring import read_keyring
from node.running import DIRECTORY
from node.telling import confirm, tell


@click.group()
def peer() -> None:
    """Other circles, and what this one has agreed with each.

    Two circles that agree let their members pay each other. Each says how much the other may owe
    it, so that a circle in trouble can cost its neighbours no more than that.
    """


@peer.command(short_help="Make an invitation for another circle.")
@DIRECTORY
@click.option(
    "--unit",
    default="minutes",
    show_default=True,
    callback=lambda _context, _option, value: read_unit(value),
    help="What the link counts in.",
)
@click.option("--rate", default="1:1", show_default=True, help=RATE)
@click.option("--they-may-owe", type=LIMIT, default=600, show_default=True)
@click.option("--we-may-owe", type=LIMIT, default=600, show_default=True)
@click.option("--largest", type=click.IntRange(1, LIMIT_MAX), default=600, show_default=True)
@click.option("--qr", is_flag=True, help="Show it as a picture to scan, too.")
def invite(directory: Path, unit: str, rate: str, qr: bool, **limits: int) -> None:
    """Make an invitation for another circle: one string to send to its coordinator."""

    async def job(config: Config, connection: Connection) -> None:
        _, certificate, _ = await own_identity(connection)
        code = secrets.token_bytes(CODE_BYTES)
        own, linked = read_rate(rate)
        offer = Terms(
            unit,
            own,
            linked,
            we_owe_max=limits["we_may_owe"],
            they_owe_max=limits["they_may_owe"],
            hold_max=limits["largest"],
            holds_max=1000,
        )
        await keep_invitation(connection, code, offer, config.make_clock().wall())
        text = str(Invitation(config.address, certificate.circle, code))
        click.echo(text)
        if qr:
            segno.make(text, error="m").terminal(compact=True)
        tell(
            "\nSend this to the other circle's coordinator, and to nobody else. It is good for one "
            "circle, for 30 days. There: tallyd peer accept DIRECTORY INVITATION",
            err=True,
        )

    with_circle(directory, job)


@peer.command(short_help="Agree with another circle, on its terms.")
@DIRECTORY
@click.argument("what", metavar="INVITATION|NAME")
@click.option("--rate", help=f"{RATE[0].upper()}{RATE[1:]}; for an invitation.  [default: 1:1]")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
def accept(directory: Path, what: str, rate: str | None, yes: bool) -> None:
    """Agree with another circle, once you have seen its terms.

    That is the circle that made an INVITATION, or the circle NAME, which proposes new terms.
    """

    async def job(config: Config, connection: Connection) -> None:
        if INVITED in what:
            await _accept_invitation(config, connection, what, rate or "1:1", yes)
        elif rate is not None:
            raise click.UsageError("The rate is part of the terms that were proposed.")
        else:
            await agree(connection, what, yes)

    with_circle(directory, job)


async def _accept_invitation(
    config: Config, connection: Connection, invitation: str, rate: str, yes: bool
) -> None:
    charter, certificate, name = await own_identity(connection)
    own, linked = read_rate(rate)
    asked = party_of(certificate, config.address, own, linked, 0)
    invited = read_invitation(invitation)
    us = Identity(charter.identity, charter.certificate, charter.signature, name)
    offered = await ask_offer(config.address, invited, us, asked)
    agreement = check_offer(offered.agreement, invited, offered.who.open(), asked)
    _tell_terms(agreement, certificate.circle, offered.who.title)
    if not yes and not confirm("Agree?"):
        tell("Nothing was agreed.")
        return
    signature = sign_agreement(offered.agreement, read_keyring(config.keys).link)
    both = (signature, offered.signature)
    if agreement.low.circle != certificate.circle:
        both = both[::-1]
    try:
        wire = join_agreement(offered.agreement, *both)
    except InvalidSignature:
        raise PeerRefused("the other circle's signature does not fit") from None
    await conclude(config.address, invited, wire, us)
    who = offered.who
    wanted = {
        "kind": "open",
        "agreement": to_base64url(wire),
        "who": [to_base64url(part) for part in (who.key, who.certificate, who.signature)],
        "name": who.title,
    }
    await wish(connection, wanted, f"Agreed with {who.title}.")


def _tell_terms(agreement: Agreement, circle: bytes, name: str) -> None:
    ours, theirs = agreement.party(circle), agreement.other(circle)
    unit = agreement.unit.decode()
    tell(
        f"""{name} ({theirs.origin.partition("/")[0]}) offers:

  The two circles count in {unit} between them.
  {ours.own} of this circle's smallest units are worth {ours.linked} {unit};
  {theirs.own} of theirs are worth {theirs.linked}.
  This circle may owe {name} up to {ours.owes_max} {unit},
  and {name} may owe this circle up to {theirs.owes_max}.
  No payment is of more than {agreement.hold_max}.
""",
        err=True,
    )


@peer.command("list")
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(directory: Path, as_json: bool) -> None:
    """Say how this circle stands with each other."""

    async def job(config: Config, connection: Connection) -> None:
        found = await read_neighbours(connection)
        if as_json:
            click.echo(json.dumps({"peers": [describe(each) for each in found]}))
            return
        if not found:
            tell(f"There is no agreement yet. Make one with: tallyd peer invite {directory}")
        for each in found:
            tell(tell_standing(each))

    with_circle(directory, job)


@peer.command()
@DIRECTORY
@PEER
@click.argument("they_may_owe", type=LIMIT)
def limits(directory: Path, name: str, they_may_owe: int) -> None:
    """Let the circle NAME owe this one up to THEY_MAY_OWE.

    That can only be more than now: for less, both circles have to agree; see: tallyd peer propose
    """

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        wanted = {"kind": "allow", "peer": found.link.peer.hex(), "owes_max": they_may_owe}
        done = f"{found.name} may owe this circle up to {they_may_owe} {found.unit}."
        await wish(connection, wanted, done)

    with_circle(directory, job)


@peer.command(short_help="Take no new payments with NAME.")
@DIRECTORY
@PEER
def suspend(directory: Path, name: str) -> None:
    """Take no new payments with the circle NAME; those under way are still resolved."""
    _suspend(directory, name, suspended=True)


@peer.command()
@DIRECTORY
@PEER
def resume(directory: Path, name: str) -> None:
    """Take payments with the circle NAME again."""
    _suspend(directory, name, suspended=False)


def _suspend(directory: Path, name: str, *, suspended: bool) -> None:
    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        wanted = {"kind": "suspend", "peer": found.link.peer.hex(), "suspended": suspended}
        done = "suspended" if suspended else "taken again"
        await wish(connection, wanted, f"New payments with {found.name} are {done}.")

    with_circle(directory, job)


for command in (terms, propose, decline, withdraw, leave, give_up, why, evidence):
    peer.add_command(command)
