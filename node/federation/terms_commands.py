"""``tallyd peer``: other terms than those agreed, an end, and what a circle that is gone leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ledger.codec import to_base64url
from ledger.federation.agreement import (
    HOLDS_MAX,
    Agreement,
    Party,
    decode_agreement,
    encode_agreement,
)
from ledger.federation.send import GIVE_UP_MS
from ledger.federation.terms import offer_id, open_offer
from node.config import Config
from node.connections import Connection
from node.errors import PeerRefused
from node.federation.standing import (
    LIMIT,
    LIMIT_MAX,
    PEER,
    RATE,
    Neighbour,
    find_neighbour,
    read_rate,
    tell_owed,
    tell_time,
    wish,
    with_circle,
)
from node.running import DIRECTORY
from node.telling import confirm, tell

YES = click.option("--yes", is_flag=True, help="Do it without being asked.")


# --- in words -------------------------------------------------------------------------------------


def read_offer(offer: bytes) -> Agreement:
    """The terms of what was proposed or offered."""
    return decode_agreement(open_offer(offer)[0])


def _in_force(neighbour: Neighbour) -> Agreement:
    """The agreement with the limits as they have been raised since."""
    link = neighbour.link
    return _with_sides(
        link.terms,
        link.ours._replace(owes_max=link.may_owe),
        link.theirs._replace(owes_max=link.may_be_owed),
    )


def _with_sides(agreement: Agreement, one: Party, other: Party) -> Agreement:
    low, high = sorted((one, other))
    return agreement._replace(low=low, high=high)


def _tell_each(neighbour: Neighbour, terms: Agreement) -> Iterator[tuple[str, str]]:
    """What terms say, always in the same order: how a sentence begins, and its end."""
    name, unit = neighbour.name, neighbour.unit
    ours, theirs = terms.party(neighbour.link.circle), terms.other(neighbour.link.circle)
    yield f"{name} may owe this circle up to", f"{theirs.owes_max} {unit}"
    yield f"This circle may owe {name} up to", f"{ours.owes_max} {unit}"
    yield f"{ours.linked} {unit} are worth", f"{ours.own} of this circle's smallest units"
    yield f"{theirs.linked} {unit} are worth", f"{theirs.own} of the smallest units of {name}"
    yield "The largest payment is of", f"{terms.hold_max} {unit}"
    yield "In each direction there may be under way", f"{terms.holds_max} payments"
    yield f"The node of {name} is reached at", theirs.url
    yield "This circle's node is reached at", ours.url


def tell_changes(neighbour: Neighbour, proposed: Agreement) -> list[str]:
    """What would be other than it is, a sentence each."""
    now = _in_force(neighbour)
    pairs = zip(_tell_each(neighbour, now), _tell_each(neighbour, proposed), strict=True)
    told = [
        f"{' '.join(then)}. (Now: {before[1] if before[0] == then[0] else ' '.join(before)}.)"
        for before, then in pairs
        if before != then
    ]
    if neighbour.link.left:
        told.append("The agreement, which has ended, begins again.")
    return told + list(_tell_too_much(neighbour, proposed))


def _tell_too_much(neighbour: Neighbour, proposed: Agreement) -> Iterator[str]:
    """Where more is owed than may be from then on."""
    link = neighbour.link
    theirs, ours = proposed.other(link.circle), proposed.party(link.circle)
    if link.owed > theirs.owes_max or -link.owed > ours.owes_max:
        owed = tell_owed(neighbour.name, link.owed, neighbour.unit)
        yield f"{owed} now: until that is less, payments pass only the other way."


def _list(sentences: list[str]) -> str:
    return "\n".join(f"  {sentence}" for sentence in sentences)


# --- new terms ------------------------------------------------------------------------------------


@click.command(short_help="The terms agreed and proposed.")
@DIRECTORY
@PEER
def terms(directory: Path, name: str) -> None:
    """Say on what terms this circle trades with NAME, and which others are proposed."""

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        link = found.link
        ended = ", which has ended" if link.left else ""
        tell(f"Agreement {link.terms.number} with {found.name}{ended}:")
        tell(_list([f"{' '.join(each)}." for each in _tell_each(found, _in_force(found))]))
        if link.proposed:
            tell("\nThis circle proposes:")
            tell(_list(tell_changes(found, read_offer(link.proposed))))
            tell("To take that back: tallyd peer withdraw")
        if link.offered:
            tell(f"\n{found.name} proposes:")
            tell(_list(tell_changes(found, read_offer(link.offered))))
            tell("To agree: tallyd peer accept; if not: tallyd peer decline")

    with_circle(directory, job)


@click.command()
@DIRECTORY
@PEER
@click.option("--they-may-owe", type=LIMIT)
@click.option("--we-may-owe", type=LIMIT)
@click.option("--largest", type=click.IntRange(1, LIMIT_MAX), help="The largest payment.")
@click.option("--at-once", type=click.IntRange(1, HOLDS_MAX), help="Payments under way each way.")
@click.option("--rate", help=f"{RATE[0].upper()}{RATE[1:]}.")
@click.option("--their-rate", help="The same for their smallest units.")
def propose(directory: Path, name: str, **changes: Any) -> None:
    """Propose other terms to the circle NAME. They hold once its coordinator agrees.

    What is not given stays as it is. A new rate is for new payments; those under way keep theirs.
    """

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        proposed = _draw_up(found, **changes)
        changed = tell_changes(found, proposed)
        if not changed:
            raise PeerRefused("that is what is agreed already; say what should be otherwise")
        wanted = {
            "kind": "propose",
            "peer": found.link.peer.hex(),
            "agreement": to_base64url(encode_agreement(proposed)),
        }
        done = (
            f"Proposed to {found.name}:\n{_list(changed)}\n"
            "Its coordinator sees this with tallyd peer terms, and agrees with tallyd peer accept."
        )
        await wish(connection, wanted, done)

    with_circle(directory, job)


def _draw_up(
    neighbour: Neighbour,
    they_may_owe: int | None,
    we_may_owe: int | None,
    largest: int | None,
    at_once: int | None,
    rate: str | None,
    their_rate: str | None,
) -> Agreement:
    """The next agreement. Raises click.BadParameter."""
    now = _in_force(neighbour)
    ours = _changed(now.party(neighbour.link.circle), we_may_owe, rate)
    theirs = _changed(now.other(neighbour.link.circle), they_may_owe, their_rate)
    return _with_sides(now, ours, theirs)._replace(
        number=now.number + 1,
        hold_max=largest or now.hold_max,
        holds_max=at_once or now.holds_max,
    )


def _changed(party: Party, owes_max: int | None, rate: str | None) -> Party:
    own, linked = read_rate(rate) if rate is not None else (party.own, party.linked)
    most = party.owes_max if owes_max is None else owes_max
    return party._replace(own=own, linked=linked, owes_max=most)


async def agree(connection: Connection, name: str, yes: bool) -> None:
    """Agree to what a circle proposes, once it was read. Raises PeerRefused."""
    found = await find_neighbour(connection, name)
    offered = found.link.offered
    if not offered:
        raise PeerRefused(f"{found.name} proposes nothing; see: tallyd peer terms")
    tell(f"{found.name} proposes:\n{_list(tell_changes(found, read_offer(offered)))}")
    if not yes and not confirm("Agree?"):
        tell("Nothing has changed. To tell them no: tallyd peer decline")
        return
    wanted = {"kind": "accept", "peer": found.link.peer.hex(), "offer": offer_id(offered).hex()}
    await wish(connection, wanted, f"Agreed with {found.name}.")


@click.command(short_help="Tell NAME no to what it proposes.")
@DIRECTORY
@PEER
def decline(directory: Path, name: str) -> None:
    """Tell the circle NAME that this one does not agree to what it proposes."""

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        wanted = {"kind": "decline", "peer": found.link.peer.hex()}
        await wish(connection, wanted, f"{found.name} is told that this circle does not agree.")

    with_circle(directory, job)


@click.command()
@DIRECTORY
@PEER
def withdraw(directory: Path, name: str) -> None:
    """Take back what this circle proposed to NAME.

    If its coordinator has agreed in the meantime, the new terms hold all the same.
    """

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        wanted = {"kind": "withdraw", "peer": found.link.peer.hex()}
        done = f"{found.name} is asked to forget what was proposed, unless it has agreed already."
        await wish(connection, wanted, done)

    with_circle(directory, job)


# --- an end ---------------------------------------------------------------------------------------


@click.command(short_help="End an agreement where nothing is owed.")
@DIRECTORY
@PEER
@YES
def leave(directory: Path, name: str, yes: bool) -> None:
    """End the agreement with the circle NAME, when neither owes the other anything.

    It can begin again with what one proposes and the other accepts.
    """

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        _check_even(found)
        if not yes and not confirm(f"End the agreement with {found.name}?"):
            tell("The agreement stands.")
            return
        wanted = {"kind": "leave", "peer": found.link.peer.hex()}
        done = (
            f"The agreement with {found.name} has ended. To begin again: tallyd peer propose, "
            "or what they propose."
        )
        await wish(connection, wanted, done)

    with_circle(directory, job)


def _check_even(neighbour: Neighbour) -> None:
    """Raise PeerRefused, saying what can be done, where something is owed or under way."""
    link, name, unit = neighbour.link, neighbour.name, neighbour.unit
    if neighbour.waiting_since is not None:
        raise PeerRefused(
            f"payments with {name} are still under way, the oldest since "
            f"{tell_time(neighbour.waiting_since)}; suspend it and wait until they are through"
        )
    if not link.owed:
        return
    if link.owed > 0:
        settle = f"members here pay members there {link.owed} {unit} in all"
        stop = "--they-may-owe 0"
    else:
        settle = f"members there pay members here {-link.owed} {unit} in all"
        stop = "--we-may-owe 0"
    raise PeerRefused(
        f"{tell_owed(name, link.owed, unit)}. It is even again when {settle}, for what was done "
        f"or was settled outside. So that it grows no more, agree on: tallyd peer propose {stop}"
    )


# --- a circle that is gone ------------------------------------------------------------------------


@click.command("give-up", short_help="Let go of payments that wait for a month.")
@DIRECTORY
@PEER
@YES
def give_up(directory: Path, name: str, yes: bool) -> None:
    """Let go of payments that passed through here and wait for the circle NAME for a month.

    The circles before get what they set aside back. If NAME shows later that a payment arrived
    after all, this circle bears it.
    """

    async def job(config: Config, connection: Connection) -> None:
        found = await find_neighbour(connection, name)
        rows = await connection.fetch(
            """
            SELECT transits.payment, amount FROM transits JOIN link_holds
                ON link = outgoing AND link_holds.payment = transits.payment
            WHERE outgoing = $1 AND transits.incoming <> '' AND transits.since <= $2
            ORDER BY transits.since
            """,
            found.link.id,
            config.make_clock().wall() - GIVE_UP_MS,
        )
        if not rows:
            raise PeerRefused(
                f"no payment that passed through here has waited for {found.name} for 30 days; "
                "what members here sent is freed by: tally officer free"
            )
        risk = f"{sum(row['amount'] for row in rows)} {found.unit}"
        tell(f"{len(rows)} payments, which may cost this circle up to {risk} one day.")
        if not yes and not confirm("Let them go?"):
            tell("Nothing has changed.")
            return
        payments = [row["payment"].hex() for row in rows]
        await wish(connection, {"kind": "give-up", "payments": payments}, "Let go.")

    with_circle(directory, job)
