"""What goes wrong between circles in the demo: a line is cut, a node is killed, one lies."""

from __future__ import annotations

import asyncio

from client.demo.between import Between
from client.demo.crossing import quote_across, send_across
from client.demo.gate import Line
from client.demo.liar import lie, link_seed
from client.demo.neighbourhood import (
    CHAPEL_HILL,
    ELM_STREET,
    HARBOUR,
    LINK_UNIT,
    MILL_LANE,
    Circle,
    settle,
    standings,
    until,
)
from client.errors import DemoFailed, NodeRefused
from client.evidence import read_findings
from client.payments import quote
from ledger.amount import format_amount
from ledger.federation.finding_words import tell_finding

CUT_SECONDS = 1.5
TEN_HOURS = 600


async def cut_line(between: Between) -> None:
    """A payment meets a line that is cut, waits, and arrives when it is mended."""
    narrator, gate = between.narrator, between.circles[CHAPEL_HILL].stage.gate
    narrator.chapter("The line to Chapel Hill is cut in the middle of a payment")
    crossing = between.crossing(HARBOUR, "hana", CHAPEL_HILL, "ivo", 6, "an hour of tuning")
    prepared = await quote_across(crossing)
    gate.become(Line.CUT)
    sent = await send_across(crossing, prepared)
    await asyncio.sleep(CUT_SECONDS)
    if await sent.is_over():
        raise DemoFailed("a payment crossed a line that is cut")
    narrator.event("Hana pays Ivo for an hour of tuning, and is told:")
    narrator.quote(await sent.words())
    gate.become(Line.WHOLE)
    seconds = await between.arrive(sent)
    narrator.event(f"The line is mended. {_after(seconds)} she reads:")
    narrator.quote(await sent.words())


def _after(seconds: float) -> str:
    whole = round(seconds)
    return f"After {whole} seconds" if whole > 1 else "At once"


async def kill_node(between: Between) -> None:
    """A node is killed when it has paid a member out, and before anybody knows of it."""
    narrator, elm, mill = between.narrator, between.circles[ELM_STREET], between.circles[MILL_LANE]
    narrator.chapter("Mill Lane's node is killed in the middle of a payment")
    before = await mill.balance("gus")
    elm.stage.gate.become(Line.CUT)
    mill.stage.gate.become(Line.MUTE)
    sent = await between.send(ELM_STREET, "dev", MILL_LANE, "gus", 100, "a bicycle mended")
    after = before + sent.arriving

    async def is_paid_out() -> bool:
        return await mill.balance("gus") == after

    await until(is_paid_out, "Mill Lane pays Gus out")
    await mill.stage.kill()
    if await sent.is_over():
        raise DemoFailed("an answer got out of a line that lets none out")
    narrator.event(
        f"Dev pays Gus {elm.amount(100)}. Mill Lane gives Gus his {mill.amount(sent.arriving)}, but"
        " its answer is lost on the way, and kill -9 ends its node before it can say so again."
    )
    for circle in (elm, mill):
        circle.stage.gate.become(Line.WHOLE)
    await mill.stage.serve()
    seconds = await between.arrive(sent)
    if await mill.balance("gus") != after:
        raise DemoFailed("a payment did not arrive exactly once")
    narrator.event(f"It starts again. {_after(seconds)} both circles say the same: paid, once.")


async def catch_liar(between: Between) -> None:
    """Chapel Hill's operator signs a second account of one moment; Harbour keeps both."""
    narrator, harbour = between.narrator, between.circles[HARBOUR]
    liar = between.circles[CHAPEL_HILL]
    narrator.chapter("Chapel Hill lies")
    truth = await settle(liar, harbour)
    await lie(
        harbour.stage.gate.url,
        liar.id,
        link_seed(liar.stage.directory),
        harbour.id,
        (await harbour.people["hana"].circle_info()).certificate.link,
        TEN_HOURS - truth,
    )
    owed, claimed = (format_amount(amount, LINK_UNIT) for amount in (truth, TEN_HOURS))
    narrator.event(
        f"Both had signed that Harbour owes it {owed}. With the circle's own key its operator"
        f" signs another account of the same moment: {claimed}."
    )
    standing = (await standings(harbour))[CHAPEL_HILL.address]
    if (standing.status, standing.owed) != ("frozen", -truth):
        raise DemoFailed("a lie was not noticed")
    narrator.event(
        "Harbour's node keeps both (tallyd peer evidence). What they prove to anybody, who has to"
        " ask nobody for it (tally verify-evidence):"
    )
    narrator.quote(await _prove(between, harbour, liar))
    between.liars += 1
    await _trade_on(between)


async def _prove(between: Between, harbour: Circle, liar: Circle) -> str:
    """What the proof that Harbour hands on says to anybody, without asking anybody."""
    path = between.folder / "evidence.json"
    await harbour.stage.tallyd("peer evidence", liar.founding.address, "--out", str(path))
    findings = read_findings(path)
    if [(each.circle, each.convicted) for each in findings] != [(liar.id, True)]:
        raise DemoFailed("what was kept does not convict the liar")
    return tell_finding(findings[0])


async def _trade_on(between: Between) -> None:
    """Nobody can pay into the liar's circle by way of Harbour now; the others go on."""
    narrator = between.narrator
    crossing = between.crossing(HARBOUR, "hana", CHAPEL_HILL, "ivo", 3, "a lecture")
    try:
        await quote(crossing.member, crossing.wanted)
    except NodeRefused as refused:
        if refused.problem != "no-way":
            raise
        narrator.event("It lets no payment through to Chapel Hill any more. The others trade on:")
    else:
        raise DemoFailed("a payment to a liar is not refused")
    sent = await between.send(HARBOUR, "hana", ELM_STREET, "femi", 3, "a shelf put up")
    await between.arrive(sent)
    between.tell(sent)
