"""``tallyd clear``: debts that go round among circles, cancelled."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ledger.federation.gossip_store import Store
from node.config import Config
from node.connections import Connection
from node.database import is_served
from node.federation.loading import read_links
from node.federation.standing import own_identity, with_circle
from node.federation.survey import SECONDS_MAX, Found, Survey, gather, link_keys, survey
from node.federation.wishes import ask
from node.gossip.nearby import ask_nearby
from node.gossip.records import restore_store
from node.gossip.routes import Directory
from node.outbound import outbound
from node.running import DIRECTORY
from node.telling import tell

ASKED_SECONDS_MAX = SECONDS_MAX + 30.0
GONE_ROUND_SECONDS_MAX = 60.0
POLL_SECONDS = 0.5
SHOWN_MAX = 20
"""Cycles that are told one by one."""

HEARSAY = (
    "(Neighbours are asked how they stand with others; what circles further away owe each other"
    " is known from what both said last, which can be a quarter of an hour old.)"
)
BACK = {
    "suspended": "a circle on the way takes no new payments at the moment",
    "unheard": "a circle on the way had only just started; try again in a minute",
    "limit": "a link on the way has no room for it",
    "expired": "it took too long",
    "value": "a circle on the way counts at another rate than it says",
    "route": "two circles on the way have no agreement any more",
    "seen": "a circle on the way had it before",
    "sealed": "a circle on the way got it incomplete",
    "payee": "this circle itself did not take it back",
    "given-up": "a circle on the way gave it up",
}


@click.command()
@DIRECTORY
@click.option("--dry-run", "look", is_flag=True, help="Say what could be cleared, and do nothing.")
@click.option("--now", is_flag=True, help="Clear what is for this circle to clear.")
def clear(directory: Path, look: bool, now: bool) -> None:
    """Cancel debts that go round among circles.

    One owes a second, that one a third, and that one the first.

    A payment once around takes as much off each of these debts. No circle is richer or poorer by
    it, and members can pay each other again where a limit was reached. Every node that is serving
    does this by itself each night, between three and five o'clock UTC.
    """
    if look == now:
        raise click.UsageError("Say --dry-run to see what could be cleared, or --now to clear it.")

    with_circle(directory, _clear_now if now else _look)


# --- names ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Names:
    """What the circles are called that are known here."""

    own: bytes
    known: dict[bytes, str]

    def of(self, circle: bytes) -> str:
        return "this circle" if circle == self.own else self.known.get(circle, circle.hex()[:16])

    def around(self, circles: Sequence[bytes]) -> str:
        """Who owes whom in a cycle, as a sentence without its end."""
        names = list(map(self.of, circles))
        told = ", ".join(
            f"{debtor} owes {creditor}"
            for debtor, creditor in zip(names, (*names[1:], names[0]), strict=True)
        )
        return told[0].upper() + told[1:]

    def listed(self, circles: Sequence[bytes]) -> str:
        *names, last = map(self.of, circles)
        return f"{', '.join(names)} and {last}" if names else last


# --- looking --------------------------------------------------------------------------------------


async def _look(config: Config, connection: Connection) -> None:
    _, certificate, _ = await own_identity(connection)
    links = (await read_links(connection, certificate.circle)).values()
    store = await restore_store(connection, certificate.circle, ())
    async with outbound(config.address, seconds=SECONDS_MAX) as session:
        told = await ask_nearby(session, links, link_keys(store, links))
    found = survey(gather(store, links, config.make_clock().wall(), {}, told))
    _tell_found(found, await _read_names(connection, store))


async def _read_names(connection: Connection, store: Store) -> _Names:
    """Neighbours go by their names, others by the addresses that they say."""
    directory = Directory()
    known = {circle: directory.address(circle, store[circle]) for circle in store}
    titles = await connection.fetch("SELECT peer, title FROM peers JOIN links ON link = id")
    known |= {row["peer"]: row["title"] for row in titles}
    return _Names(store.own, {circle: name for circle, name in known.items() if name})


def _tell_found(found: Survey, names: _Names) -> None:
    if not found.cycles:
        _tell_nothing()
        return
    count = len(found.cycles)
    tell(f"{_count(count, 'cycle')} of debts {'goes' if count == 1 else 'go'} round:\n")
    for cycle in found.cycles[:SHOWN_MAX]:
        amounts = [
            proposal.amount
            for proposal in found.proposals
            if proposal.circles[-2::-1] == cycle.circles[1:] and proposal.unit == cycle.unit
        ]
        _tell_cycle(cycle, amounts, names)
    if count > SHOWN_MAX:
        tell(f"  And {count - SHOWN_MAX} more.\n")
    tell(HEARSAY)


def _tell_cycle(cycle: Found, amounts: Sequence[int], names: _Names) -> None:
    unit, proposer = cycle.unit.decode(), cycle.circles[0]
    tell(
        f"  {names.around(cycle.circles)}.\n"
        f"    {cycle.amount} {unit} of each debt could go: {cycle.freed} {unit} in all."
    )
    if proposer != names.own:
        tell(f"    It is for {names.of(proposer)} to propose.\n")
    elif amounts:
        payments = _count(len(amounts), "payment")
        tell(
            f"    This circle would propose it: {payments} to itself, {sum(amounts)} {unit} "
            "in all.\n"
        )
    else:
        tell(
            "    It is for this circle to propose, which leaves it: at the circles' rates so "
            "little cannot\n    go round without a remainder, or it takes too many payments.\n"
        )


def _tell_nothing() -> None:
    tell(f"There is nothing to clear: no debts go round that this node knows of.\n{HEARSAY}")


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


# --- clearing -------------------------------------------------------------------------------------


async def _clear_now(config: Config, connection: Connection) -> None:
    if not await is_served(connection, config.schema):
        raise click.ClickException(
            "This circle's node is not serving, and nothing can be cleared without it; start it "
            f"with: tallyd serve {config.directory}"
        )
    tell("Working out which debts go round ...", err=True)
    answer = await ask(connection, {"kind": "clear"}, ASKED_SECONDS_MAX)
    if answer is None:
        raise click.ClickException(
            "The node does not answer; see how things stand later with: tallyd peer list"
        )
    try:
        begun = json.loads(answer)
    except ValueError:  # why not, in a sentence
        raise click.ClickException(answer) from None
    _, certificate, _ = await own_identity(connection)
    store = await restore_store(connection, certificate.circle, ())
    names = await _read_names(connection, store)
    if not begun["payments"]:
        _tell_idle([bytes.fromhex(circle) for circle in begun["proposers"]], names)
        return
    ended = await _wait(connection, [each for each in begun["payments"] if not each["fault"]])
    freed: Counter[str] = Counter()
    for payment in begun["payments"]:
        status, reason = ended.get(payment["payment"], ("refused", payment["fault"]))
        _tell_payment(payment, status, reason, names)
        if status == "committed":
            freed[payment["unit"]] += payment["freed"]
    for unit, amount in sorted(freed.items()) if len(begun["payments"]) > 1 else ():
        tell(f"Together {amount} {unit} less are owed between circles than before.")
    if not freed:
        sys.exit(1)


def _tell_idle(proposers: Sequence[bytes], names: _Names) -> None:
    """The node has nothing to propose: it is for others, or too little, or there is nothing."""
    others = [circle for circle in proposers if circle != names.own]
    if others:
        tell(
            f"Debts go round, and {names.listed(others)} has to begin, so that none is cleared "
            "twice.\nThere the same command does it; or else it is done by itself at night."
        )
    elif proposers:
        tell("Debts go round, and so little cannot be cleared: see it with --dry-run.")
    else:
        _tell_nothing()


Ended = dict[str, tuple[str, str]]
"""By a payment's id its status and, where it came back, why."""


async def _wait(connection: Connection, payments: Sequence[dict[str, Any]]) -> Ended:
    """Wait until all have gone round or come back, as long as that may take."""
    ids = [bytes.fromhex(payment["payment"]) for payment in payments]
    deadline = time.monotonic() + GONE_ROUND_SECONDS_MAX
    told = -1
    while True:
        rows = await connection.fetch(
            "SELECT payment, status, reason FROM transits WHERE payment = ANY($1)", ids
        )
        over = sum(row["status"] != "open" for row in rows)
        if over != told:
            told = over
            tell(f"Payments that are done: {over} of {len(ids)}.", err=True)
        if over == len(ids) or time.monotonic() > deadline:
            return {row["payment"].hex(): (row["status"], row["reason"]) for row in rows}
        await asyncio.sleep(POLL_SECONDS)


def _tell_payment(payment: dict[str, Any], status: str, reason: str, names: _Names) -> None:
    amount, unit = payment["amount"], payment["unit"]
    circles = names.listed([bytes.fromhex(circle) for circle in payment["circles"]])
    match status:
        case "committed":
            tell(
                f"{amount} {unit} went round {circles}: {payment['freed']} {unit} of debt are gone."
            )
        case "open":
            tell(
                f"{amount} {unit} are still on their way round {circles}: a circle does not "
                "answer. It ends by itself when that circle is back."
            )
        case _:
            why = BACK.get(reason, reason.rstrip("."))
            tell(f"{amount} {unit} did not go round {circles}: {why}. Nothing has changed by it.")
