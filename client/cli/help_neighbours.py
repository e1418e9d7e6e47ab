"""Help from neighbouring circles: who is offered, and how they are paid.

Nothing is promised to them beforehand, as they have no account here: what is set aside is freed and
paid by a payment into their circle. Which payment that is, is said to the node before it is
ordered; so however often it is interrupted, they are paid once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from client import help as helping
from client.cli.command import Told, command
from client.cli.event_words import tell_when
from client.cli.help_words import name_of, view_fields
from client.cli.prompts import confirm
from client.cli.words import amount, listed, plain, wrap
from client.errors import InputRefused, NodeRefused
from client.help_views import HelpView, Somebody, Visit, somebody_of
from client.neighbour_help import NeighbourOffer

if TYPE_CHECKING:
    from client.cli.help_promises import Promises
    from client.cli.run import Run
    from client.node_session import NodeSession
    from client.payments import Wanted

NUMBER = click.IntRange(1, 2**53 - 1)
WAIT_SECONDS = 15.0
"""So long it is waited for the other circle."""


def is_neighbour(somebody: Somebody) -> bool:
    """Whether it is somebody of a neighbouring circle."""
    return somebody.person < 0


def tell_neighbour(offer: NeighbourOffer, view: HelpView) -> str:
    """Somebody whom a neighbouring circle offers, and what it says of them."""
    who = somebody_of(offer, view.neighbours)
    vetted = f" {plain(offer.circle)} has checked them." if offer.vetted else ""
    shown = f"{name_of(who)} ({plain(who.handle or '')})"
    return wrap(f"{shown}, {tell_when(offer.begins)}.{vetted}", "  ")


async def accept_neighbour(session: NodeSession, view: HelpView, helper: Somebody) -> HelpView:
    """Take somebody of a neighbouring circle: then they learn where it is."""
    return await helping.judge_neighbour(session, view.number, -helper.person, "accepted")


async def decline_neighbour(session: NodeSession, view: HelpView, helper: Somebody) -> HelpView:
    """Rather have somebody else."""
    return await helping.judge_neighbour(session, view.number, -helper.person, "declined")


async def pay_neighbour(
    run: Run,
    session: NodeSession,
    promises: Promises,
    visit: Visit,
    minutes: int,
    reason: str | None,
) -> Told:
    """Pay somebody of a neighbouring circle for their time, once, out of what was set aside."""
    from client.cli.pay_elsewhere import payment_of, wait_for
    from client.payments import prepare, quote, send

    member, offer = await run.member(), visit.neighbour
    assert offer is not None, "the helper is a neighbour"
    if (known := await _read_payment(session, visit)) is not None:
        return await wait_for(member, known, WAIT_SECONDS)
    wanted = await _wanted(run, promises, offer, minutes)
    if (earlier := run.sent_before(wanted.intent())) is not None:
        return await wait_for(member, payment_of(earlier), WAIT_SECONDS)
    prepared = prepare(wanted, await quote(member, wanted))
    if prepared.cost > promises.view.most:
        unit = member.circle.unit
        costs, most = amount(prepared.cost, unit), amount(promises.view.most, unit)
        confirm(f"For that time it costs {costs}, and {most} is set aside. Pay it all the same")
    if visit.promised:
        await promises.free(visit, reason=reason)
    draft = await promises.entitled(prepared.draft, reason=reason)
    prepared = replace(prepared, draft=draft)
    await helping.name_payment(session, visit.number, prepared.sent.id.hex())
    await send(member, prepared, wanted.intent())
    return await wait_for(member, prepared.sent.id, WAIT_SECONDS)


async def _read_payment(session: NodeSession, visit: Visit) -> bytes | None:
    """The payment that was named before, if it is under way or arrived."""
    if visit.payment is None:
        return None
    payment = bytes.fromhex(visit.payment)
    try:
        view = await session.payment(payment)
    except NodeRefused as refused:
        if refused.problem != "not-found":
            raise
        return None  # it was never ordered
    return None if view.state == "released" else payment


async def _wanted(run: Run, promises: Promises, offer: NeighbourOffer, minutes: int) -> Wanted:
    from client.cli.parties import own_address
    from client.payments import Wanted

    if offer.handle is None:
        raise InputRefused(
            f"{plain(offer.circle)} has not told us yet who came: try again in a few minutes."
        )
    view, member = promises.view, await run.member()
    payer = (view.asker.handle if view.asker else None) or ""
    return Wanted(
        account=view.account,
        payer=f"{payer}@{own_address(member.circle)}",
        handle=offer.handle,
        address=offer.address,
        text=f"{plain(view.title)} (help {view.number})",
        most=None,
        arrive=helping.price_of(minutes, offer.hour),
    )


@command("widen")
@click.argument("number", type=NUMBER, metavar="N")
@click.option("--no", is_flag=True, help="Ask the neighbours no longer.")
async def widen(run: Run, number: int, no: bool) -> Told:
    """Let neighbouring circles be asked about your request N, too, when nobody here can come.

    They are told what kind of help, about where, and when; your name and address only once you
    accepted somebody.
    """
    session = await (await run.member()).session()
    view = await helping.change_wider(session, number, wider=not no)
    told = f"Neighbouring circles are not asked about {plain(view.title)}."
    if not no:
        told = (
            f"If nobody here can come for {plain(view.title)}, neighbouring circles are asked, too."
            " Who you are, and where, they learn only when you accept somebody."
        )
    return Told(wrap(told), {"help": view_fields(view)})


def tell_referred(view: HelpView) -> list[str]:
    """Where else it is asked, if it is."""
    if view.referred and view.status == "open":
        return [f"Nobody here could come so far; we ask {listed(map(plain, view.referred))}, too."]
    return []
