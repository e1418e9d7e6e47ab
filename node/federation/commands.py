"""``tallyd peer``: agreements with other circles."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import segno

from ledger.charter import Certificate, Charter, decode_charter
from ledger.codec import to_base64url
from ledger.entry import decode_leaf
from ledger.errors import InvalidSignature
from ledger.federation.agreement import (
    Agreement,
    join_agreement,
    open_agreement,
    sign_agreement,
)
from node.circle import reading, wall_clock
from node.config import Config, read_config
from node.connections import Connection
from node.errors import PeerRefused
from node.federation.agreements import (
    CODE_BYTES,
    Identity,
    Invitation,
    Terms,
    check_offer,
    keep_invitation,
    party_of,
    read_invitation,
)
from node.federation.client import ask_offer, conclude
from node.federation.wishes import ask
from node.keyring import read_keyring
from node.running import DIRECTORY, run

LIMIT_MAX = 10**12
LIMIT = click.IntRange(0, LIMIT_MAX)
RATE = "how many of this circle's minor units are worth how many of the link's, such as 10:6"


@click.group()
def peer() -> None:
    """Other circles, and what this one has agreed with each.

    Two circles that agree let their members pay each other. Each says how much the other may owe
    it, so that a circle in trouble can cost its neighbours no more than that.
    """


def _with_circle(directory: Path, job: Callable[[Config, Connection], Awaitable[None]]) -> None:
    async def connected() -> None:
        config = read_config(directory)
        async with reading(config) as connection:
            await job(config, connection)

    run(connected)


async def _own(connection: Connection) -> tuple[Charter, Certificate, str]:
    leaf = await connection.fetchval("SELECT leaf FROM entries WHERE index = 0")
    charter, certificate, rules = decode_charter(decode_leaf(leaf).public)
    return charter, certificate, rules.name.decode()


def _rate(text: str) -> tuple[int, int]:
    own, _, linked = text.partition(":")
    if not (own.isdigit() and linked.isdigit() and 0 < int(own) <= 10**6 >= int(linked) > 0):
        raise click.BadParameter(f"{text!r} is not like 10:6: {RATE}")
    return int(own), int(linked)


def _address(config: Config) -> str:
    return config.public_url or f"http://{config.host}:{config.port}"


@peer.command()
@DIRECTORY
@click.option("--unit", default="minutes", show_default=True, help="What the link counts in.")
@click.option("--rate", default="1:1", show_default=True, help=RATE)
@click.option("--they-may-owe", type=LIMIT, default=600, show_default=True)
@click.option("--we-may-owe", type=LIMIT, default=600, show_default=True)
@click.option("--largest", type=click.IntRange(1, LIMIT_MAX), default=600, show_default=True)
@click.option("--qr", is_flag=True, help="Show it as a picture to scan, too.")
def invite(directory: Path, unit: str, rate: str, qr: bool, **limits: int) -> None:
    """Make an invitation for another circle: one string to send to its coordinator."""

    async def job(config: Config, connection: Connection) -> None:
        _, certificate, _ = await _own(connection)
        code = secrets.token_bytes(CODE_BYTES)
        own, linked = _rate(rate)
        terms = Terms(
            unit,
            own,
            linked,
            we_owe_max=limits["we_may_owe"],
            they_owe_max=limits["they_may_owe"],
            hold_max=limits["largest"],
            holds_max=1000,
        )
        await keep_invitation(connection, code, terms, wall_clock())
        text = str(Invitation(_address(config), certificate.circle, code))
        click.echo(text)
        if qr:
            segno.make(text, error="m").terminal(compact=True)
        click.echo(
            "\nSend this to the other circle's coordinator, and to nobody else. It is good for one "
            "circle, for 30 days. There: tallyd peer accept DIRECTORY INVITATION",
            err=True,
        )

    _with_circle(directory, job)


@peer.command()
@DIRECTORY
@click.argument("invitation")
@click.option("--rate", default="1:1", show_default=True, help=RATE)
@click.option("--yes", is_flag=True, help="Agree without being asked.")
def accept(directory: Path, invitation: str, rate: str, yes: bool) -> None:
    """Agree with the circle that made INVITATION, once you have seen its terms."""

    async def job(config: Config, connection: Connection) -> None:
        charter, certificate, name = await _own(connection)
        own, linked = _rate(rate)
        asked = party_of(certificate, _address(config), own, linked, 0)
        invited = read_invitation(invitation)
        us = Identity(charter.identity, charter.certificate, charter.signature, name)
        offered = await ask_offer(invited, us, asked)
        agreement = check_offer(offered.agreement, invited, offered.who.open(), asked)
        _tell_terms(agreement, certificate.circle, offered.who.title)
        if not yes and not click.confirm("Agree?"):
            return
        signature = sign_agreement(offered.agreement, read_keyring(config.keys).link)
        both = (signature, offered.signature)
        if agreement.low.circle != certificate.circle:
            both = both[::-1]
        try:
            wire = join_agreement(offered.agreement, *both)
        except InvalidSignature:
            raise PeerRefused("the other circle's signature does not fit") from None
        await conclude(invited, wire, us)
        who = offered.who
        wish = {
            "kind": "open",
            "agreement": to_base64url(wire),
            "who": [to_base64url(part) for part in (who.key, who.certificate, who.signature)],
            "name": who.title,
        }
        _tell(await ask(connection, wish), f"Agreed with {who.title}.")

    _with_circle(directory, job)


def _tell_terms(agreement: Agreement, circle: bytes, name: str) -> None:
    ours, theirs = agreement.party(circle), agreement.other(circle)
    unit = agreement.unit.decode()
    click.echo(
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


def _tell(answer: str | None, done: str) -> None:
    if answer is None:
        click.echo(
            "The node is not serving. It is noted, and done once you run: tallyd serve", err=True
        )
    elif answer:
        raise PeerRefused(answer.rstrip("."))
    else:
        click.echo(done)


async def _links(connection: Connection) -> list[dict[str, Any]]:
    _, certificate, _ = await _own(connection)
    rows = await connection.fetch(
        """
        SELECT links.*, title,
            (SELECT count(*) FROM evidence WHERE evidence.link = links.id) AS contradictions
        FROM links LEFT JOIN peers ON link = id ORDER BY title, peer
        """
    )
    found = []
    for row in rows:
        terms = open_agreement(row["agreement"])
        ours, theirs = terms.party(certificate.circle), terms.other(certificate.circle)
        found.append(
            {
                "circle": row["peer"].hex(),
                "name": row["title"] or theirs.origin,
                "address": theirs.origin.partition("/")[0],
                "unit": terms.unit.decode(),
                "status": row["status"],
                "suspended_by_peer": row["peer_suspended"],
                "owed": row["owed"],
                "incoming": row["incoming"],
                "outgoing": row["outgoing"],
                "may_owe": row["may_owe"],
                "may_be_owed": row["may_be_owed"],
                "rate": f"{ours.own}:{ours.linked}",
                "messages": [row["sent_seq"], row["received_seq"]],
                "contradictions": row["contradictions"],
            }
        )
    return found


@peer.command("list")
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(directory: Path, as_json: bool) -> None:
    """Say how this circle stands with each other."""

    async def job(config: Config, connection: Connection) -> None:
        links = await _links(connection)
        if as_json:
            click.echo(json.dumps({"peers": links}))
            return
        if not links:
            click.echo("There is no agreement yet. Make one with: tallyd peer invite")
        for link in links:
            click.echo(_in_words(link))

    _with_circle(directory, job)


_STATUS = {
    "open": "",
    "suspended": " New payments are suspended by this circle.",
    "frozen": " NO NEW PAYMENTS: it signed things that contradict each other.",
    "lost": " NO PAYMENTS: this node's records are older than what it signed; it is an old backup.",
    "left": " The agreement has ended.",
}


def _in_words(link: dict[str, Any]) -> str:
    owed, unit, name = link["owed"], link["unit"], link["name"]
    if owed > 0:
        stands = f"{name} owes this circle {owed} {unit}"
    elif owed < 0:
        stands = f"This circle owes {name} {-owed} {unit}"
    else:
        stands = f"{name} and this circle are even"
    waiting = ""
    if link["incoming"] or link["outgoing"]:
        waiting = f" On their way: {link['incoming']} in, {link['outgoing']} out."
    limits = f" At most {link['may_be_owed']} may be owed, and {link['may_owe']} by this circle."
    theirs = " New payments are suspended by them." if link["suspended_by_peer"] else ""
    return f"{stands}.{waiting}{limits}{_STATUS[link['status']]}{theirs}"


async def _find(connection: Connection, name: str) -> dict[str, Any]:
    """The one circle that is called so. Raises PeerRefused."""
    wanted = name.casefold()
    found = [
        link
        for link in await _links(connection)
        if wanted in (link["name"].casefold(), link["address"])
        or (len(wanted) >= 8 and link["circle"].startswith(wanted))
    ]
    if len(found) != 1:
        raise PeerRefused(f"{name!r} is not the name of one of them; see: tallyd peer list")
    return found[0]


PEER = click.argument("name")


@peer.command()
@DIRECTORY
@PEER
@click.argument("they_may_owe", type=LIMIT)
def limits(directory: Path, name: str, they_may_owe: int) -> None:
    """Let the circle NAME owe this one up to THEY_MAY_OWE.

    That can only be more than now: for less, both circles have to agree.
    """

    async def job(config: Config, connection: Connection) -> None:
        link = await _find(connection, name)
        wish = {"kind": "allow", "peer": link["circle"], "owes_max": they_may_owe}
        done = f"{link['name']} may owe this circle up to {they_may_owe} {link['unit']}."
        _tell(await ask(connection, wish), done)

    _with_circle(directory, job)


@peer.command()
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
        link = await _find(connection, name)
        wish = {"kind": "suspend", "peer": link["circle"], "suspended": suspended}
        done = "suspended" if suspended else "taken again"
        _tell(await ask(connection, wish), f"New payments with {link['name']} are {done}.")

    _with_circle(directory, job)


@peer.command()
@DIRECTORY
@PEER
def why(directory: Path, name: str) -> None:
    """Say how it came that this circle stands with NAME as it does, payment by payment."""

    async def job(config: Config, connection: Connection) -> None:
        link = await _find(connection, name)
        account = await connection.fetchval(
            "SELECT account FROM links WHERE peer = $1", bytes.fromhex(link["circle"])
        )
        rows = await connection.fetch(
            """
            SELECT entry, log_time, delta, balance FROM postings
            WHERE account = $1 AND delta <> 0 ORDER BY seq
            """,
            account,
        )
        click.echo(_in_words(link))
        for row in rows:
            way = "went there" if row["delta"] > 0 else "came from there"
            click.echo(f"  entry {row['entry']}: {abs(row['delta'])} {way}; then {row['balance']}")
        click.echo(f"  In this circle's smallest units; {link['rate']} to the {link['unit']}.")

    _with_circle(directory, job)
