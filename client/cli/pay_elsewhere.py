"""``tally pay NAME@CIRCLE``: paying somebody in another circle."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import click

from client.cli.acting import Acting
from client.cli.amounts import read_amount
from client.cli.command import Told
from client.cli.parties import own_address
from client.cli.payment_words import tell_offer, tell_return, tell_rounding, there
from client.cli.prompts import confirm
from client.cli.run import Run
from client.cli.words import amount, listed, plain
from client.errors import InputRefused, NodeError, NodeUnreachable
from client.limits import check_handle, check_payment_text
from client.member import Member
from client.payment_views import PaymentView, PeerView
from client.payments import Prepared, Wanted, follow, prepare, quote, send
from client.receipts import Proved
from ledger import orders
from ledger.amount import Unit, amount_in_words, standing_in_words

POLL_SECONDS = 0.2
POLL_SECONDS_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: ``amount`` is the most to be spent, ``arrive`` what is to arrive.

    With ``yes`` nobody is asked; it is waited ``wait`` seconds for the other circle.
    """

    who: str
    amount: str | None
    arrive: str | None
    text: str | None
    yes: bool
    wait: float


async def is_elsewhere(run: Run, who: str) -> bool:
    """Whether WHO is somebody in another circle."""
    _, at, circle = who.strip().lower().partition("@")
    return bool(at) and circle != own_address((await run.member()).circle)


async def pay_elsewhere(run: Run, acting: Acting, payer: str | None, asked: Asked) -> Told:
    """Quote, show, sign, send, and say what became of it. ``payer`` is who pays, by short name."""
    member = await run.member()
    wanted = await _read(run, acting, payer, asked)
    if (earlier := run.sent_before(wanted.intent())) is not None:
        return await wait_for(member, payment_of(earlier), asked.wait)
    shown = await quote(member, wanted)
    prepared = prepare(wanted, shown)
    await _check_means(member, acting, prepared)
    if not asked.yes:
        click.echo(_offer(prepared, member.circle.unit), err=True)
        confirm("Pay this")
    await send(member, prepared, wanted.intent())
    click.echo("Sent.", err=True)
    return await wait_for(member, prepared.sent.id, asked.wait)


async def _read(run: Run, acting: Acting, payer: str | None, asked: Asked) -> Wanted:
    member = await run.member()
    handle, _, written = asked.who.strip().lower().partition("@")
    check_handle(handle)
    if asked.amount is None and asked.arrive is None:
        raise InputRefused("Say how much: an AMOUNT of your own, or --arrive and what they get.")
    check_payment_text(asked.text or "")
    name = payer if payer is not None else (await member.me()).handle or ""
    unit = member.circle.unit
    wanted = Wanted(
        account=acting.account,
        payer=f"{name}@{own_address(member.circle)}",
        handle=handle,
        address=find_address(await member.node.peers(), written),
        text=asked.text,
        most=None if asked.amount is None else read_amount(asked.amount, unit),
        arrive=None,
    )
    if asked.arrive is None:
        return wanted
    return await _with_arrival(member, wanted, asked.arrive)


async def _with_arrival(member: Member, wanted: Wanted, written: str) -> Wanted:
    """The same with what is to arrive, written in the other circle's unit."""
    smallest = Wanted(
        *(wanted.account, wanted.payer, wanted.handle, wanted.address, wanted.text, None, 1)
    )
    shown = await quote(member, smallest)
    if shown.unit is None:
        raise InputRefused(
            f"{plain(shown.name)} does not say at the moment what it counts in: say what may be"
            " spent instead, or try again later."
        )
    return Wanted(
        *(wanted.account, wanted.payer, wanted.handle, wanted.address, wanted.text, wanted.most),
        read_amount(written, shown.unit),
    )


def find_address(peers: tuple[PeerView, ...], written: str) -> str:
    """The address of a circle: as it is, or of the one neighbour that is called so.

    Raises InputRefused.
    """
    if "." in written or ":" in written:
        return written
    known = {peer.address: peer for peer in peers}
    found = [peer for peer in peers if written in _names_of(peer)]
    if len(found) == 1:
        return found[0].address
    if written in known:
        return written
    if found:
        addresses = listed(sorted(peer.address for peer in found))
        raise InputRefused(f"{plain(written)} can be one of {addresses}: write which.")
    names = listed(f"{plain(peer.name)} ({peer.address})" for peer in peers)
    neighbours = f"this circle has an agreement with {names}" if peers else "there is none yet"
    raise InputRefused(
        f"No neighbouring circle is called {plain(written)[:60]!r}: {neighbours}. Others are"
        " written with their whole address, such as ann@circle.example."
    )


def _names_of(peer: PeerView) -> set[str]:
    name = peer.name.casefold()
    return {name, name.partition(" ")[0], peer.address.partition(".")[0]}


async def _check_means(member: Member, acting: Acting, prepared: Prepared) -> None:
    """Refuse what the payer's own limit forbids before it is signed."""
    if acting.slip is not None:
        return
    session = await member.session()
    view = await session.account(acting.account)
    if view.available - prepared.sent.most < view.floor:
        unit = member.circle.unit
        left = amount_in_words(max(0, view.available - view.floor), unit)
        wanted = amount_in_words(prepared.sent.most, unit)
        raise InputRefused(
            f"{acting.label} can spend {left} now, so {wanted} is too much; nothing was done."
        )


def _offer(prepared: Prepared, unit: Unit) -> str:
    sent = prepared.sent
    return tell_offer(
        sent.who,
        sent.circle,
        there(sent.terms.arrive, sent.unit, sent.circle),
        amount(prepared.cost, unit),
        tell_rounding(prepared.cost, prepared.rounding, unit),
        amount(sent.most, unit) if sent.most > prepared.cost else None,
        sent.text,
    )


def payment_of(proved: Proved) -> bytes:
    """The payment that an order, whose receipt this is, set tokens aside for."""
    assert proved.order is not None, "an order's own receipt has it"
    act = proved.order.order.act
    assert isinstance(act, orders.Hold), "the intent is a payment's"
    return act.evidence[0]


async def wait_for(member: Member, payment: bytes, seconds: float) -> Told:
    """Follow a payment for a while, and say how it stands then."""
    try:
        view = await _follow(member, payment, seconds)
    except NodeUnreachable:
        told = "It is sent. Your circle cannot be reached now: see tally payments a little later."
        return Told(told, {"payment": payment.hex(), "state": "unknown"})
    return await tell_payment(member, view)


async def _follow(member: Member, payment: bytes, seconds: float) -> PaymentView:
    loop = asyncio.get_running_loop()
    end, pause, waiting = loop.time() + seconds, POLL_SECONDS, ""
    view = await follow(member, payment)
    while view.state == "open" and (left := end - loop.time()) > 0:
        await asyncio.sleep(min(pause, left))
        pause = min(1.5 * pause, POLL_SECONDS_MAX)
        view = await follow(member, payment)
        neighbour = view.waits_for or view.name or "the other circle"
        if view.state == "open" and neighbour != waiting:
            click.echo(f"Waiting for {plain(neighbour)}.", err=True)
            waiting = neighbour
    return view


async def tell_payment(member: Member, view: PaymentView, *, with_standing: bool = True) -> Told:
    """How a payment stands, in a sentence and for a program; also what is left then."""
    sent = await asyncio.to_thread(member.journal.payment, view.payment)
    circle = plain(view.name or (sent.circle if sent else "the other circle"))
    who = plain(view.who or (sent.who if sent else f"somebody in {circle}"))
    theirs = view.unit or (sent.unit if sent else None)
    unit = member.circle.unit
    arrives = there(view.arrive, theirs, circle)
    match view.state:
        case "committed":
            cost = amount(view.cost or 0, unit)
            told = f"Arrived: {who} got {arrives}; it cost you {cost}."
        case "released":
            reason = tell_return(view.reason, circle, who)
            told = f"Came back: {reason}. It cost you nothing."
        case _:
            neighbour = plain(view.waits_for or circle)
            told = (
                f"On its way: {arrives} for {who}, waiting for {neighbour}."
                f" Set aside until then: {amount(view.most, unit)}; see tally payments."
            )
    if with_standing and view.state != "open":
        told += await _standing(member, view.account)
    return Told(told, payment_fields(view), failed=view.state == "released")


async def _standing(member: Member, account: int) -> str:
    """What is left on one's own account; nothing where that cannot be asked now."""
    if account not in member.membership.accounts:
        return ""
    try:
        view = await (await member.session()).account(account)
    except NodeError:
        return ""
    return f" {standing_in_words(view.balance, member.circle.unit)}."


def payment_fields(view: PaymentView) -> dict[str, object]:
    """A payment for a program: amounts in minor units, times in Unix milliseconds."""
    return {
        "payment": view.payment.hex(),
        "state": view.state,
        "account": view.account,
        "entry": view.hold,
        "since": view.since,
        "who": view.who,
        "circle": view.name,
        "text": view.text,
        "most": view.most,
        "arrive": view.arrive,
        "cost": view.cost,
        "reason": view.reason,
        "waits_for": view.waits_for,
        "commit": None if view.commit is None else view.commit.hex(),
    }
