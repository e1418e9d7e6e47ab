"""Anybody does anything about help: what a random walk through it is made of."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from ledger.errors import PersonUnknown
from ledger.orders import Act, Assign, Assist, Claim, Close, Hold, Object, Release, Settle
from node.connections import Connection
from node.erase import erase
from node.errors import NotErasable
from node.help.minutes import time_of
from tests.calendar_circle import set_zone
from tests.circle_node import HOUR, CircleNode, Member
from tests.directory_circle import tell
from tests.help_circle import ALWAYS, SILENCE_MS, help_with, item

HELPERS = ("bob", "eve", "kit")
ASKERS = ("mia", "dot", "eve")
LONDON = ZoneInfo("Europe/London")
ENDED = ("over", "cancelled")
LOOSE = "SELECT * FROM holds WHERE coordinator AND evidence IS NULL ORDER BY index"


@dataclass
class Walk:
    """A circle in which ``chance`` decides who does what next; ``done`` is what they did."""

    node: CircleNode
    database: Connection
    chance: Random
    slips: itertools.count[int] = field(default_factory=itertools.count)
    done: list[str] = field(default_factory=list)
    paid: dict[int, list[int]] = field(default_factory=dict)
    agreed: dict[int, int] = field(default_factory=dict)
    """The helpers of visits that are held or booked, by visit, when that was looked at last."""

    def someone(self) -> Member:
        return self.node[self.chance.choice(("ann", "mia", "dot", *HELPERS))]

    def signer(self, member: Member) -> Member:
        """Who does it for them: dot and kit have no device."""
        return self.node["ann"] if member.handle in ("dot", "kit") else member

    def likely(self, rows: list[Any], usual: list[Any]) -> Any:
        """One of the usual, mostly."""
        return self.chance.choice(usual if usual and self.chance.random() < 0.85 else rows)

    async def call(self, method: str, path: str, by: Member, **body: Any) -> str:
        """Change something, which may be refused, but never fail."""
        sending = {} if method == "DELETE" else {"json": body}
        status, answer = await self.node.request(method, f"/api/v1/{path}", by, **sending)
        said = "ok" if status < 300 else str(answer["code"])
        self.done.append(f"{by.handle} {method} {path} {body}: {said}")
        assert status < 500, self.told()
        return said

    async def order(self, member: Member, act: Act, account: int) -> str:
        """Order something as a holder; or as the coordinator, for who has none or of office."""
        by, header = self.signer(member), {}
        if by is not member and account == member.account:
            header = {"slip": (("phone", f"w-{next(self.slips)}"),)}
        said = await self.node.attempt(by, act, account=account, text="as agreed", **header)
        self.done.append(f"{by.handle} {act} on {account}: {said}")
        return said

    def told(self) -> str:
        return "\n".join(("", *self.done))

    async def requests(self) -> list[Any]:
        return await self.database.fetch("SELECT * FROM help_requests ORDER BY number")

    async def visits(self) -> list[Any]:
        return await self.database.fetch("SELECT * FROM visits ORDER BY number")

    def member(self, person: int | None) -> Member | None:
        people = self.node.home.people.values()
        return next((each for each in people if each.person == person), None)


async def ask_something(walk: Walk) -> None:
    chance, handle = walk.chance, walk.chance.choice(ASKERS)
    asker = walk.node[handle]
    body = item(
        walk.node,
        hours=chance.choice((2, 20, 30, 40, 48, 60)),
        weeks=chance.choice((1, 1, 1, 2, 3)),
        helpers=chance.choice((1, 1, 2)),
        picks=chance.random() < 0.3,
    )
    if chance.random() < 0.3:  # early on the next day, when clocks change if they do
        day = datetime.fromisoformat(body["windows"][0]["begins"]).date() + timedelta(days=1)
        body["windows"].append({"begins": f"{day}T00:00", "ends": f"{day}T03:00"})
    if walk.signer(asker) is not asker:
        body["person"] = asker.person
    if await walk.call("POST", "help", walk.signer(asker), **body) == "ok":
        [made] = await walk.database.fetch("SELECT max(number) AS number FROM help_requests")
        await set_aside(walk, made["number"], most=chance.choice((1, 9, 9, 9)))


async def set_aside(walk: Walk, number: int, most: int = 9) -> None:
    """As the command does, perhaps not to its end."""
    asker = await asker_of(walk, number)
    if asker is None:
        return
    by = walk.signer(asker)
    for _ in range(most):
        view = await walk.node.read(f"/api/v1/help/{number}", by)
        lacking = [each for each in view["visits"] if not lacks_nothing(each)]
        if not lacking:
            break
        if view["loose"]:
            hold = view["loose"][0]
        else:
            act = Hold((), view["most"], lacking[0]["until"], (), 1)
            if await walk.order(asker, act, view["account"]) != "ok":
                return
            hold = await walk.database.fetchval("SELECT max(index) FROM holds")
        if await walk.call("PUT", f"help/{number}/promise", by, holds=[hold]) != "ok":
            return


def lacks_nothing(visit: dict[str, Any]) -> bool:
    return visit["hold"] is not None or visit["status"] not in ("open", "held", "booked")


async def asker_of(walk: Walk, number: int) -> Member | None:
    row = await walk.database.fetchrow("SELECT * FROM help_requests WHERE number = $1", number)
    return None if row is None else walk.member(row["asker"])


async def answer(walk: Walk) -> None:
    """Yes or no, by somebody who was asked, mostly."""
    rows = await walk.database.fetch(
        """
        SELECT request, helper, answer IS NULL AND status = 'open' AS waits
        FROM asks JOIN help_requests ON number = request ORDER BY request, helper
        """
    )
    if not rows:
        return
    row = walk.likely(rows, [each for each in rows if each["waits"]])
    helper = walk.member(row["helper"])
    assert helper is not None
    word, by = walk.chance.choice(("yes", "yes", "yes", "no")), walk.signer(helper)
    body: dict[str, Any] = {} if by is helper else {"person": helper.person}
    if word == "yes" and walk.chance.random() < 0.3:
        windows = await walk.database.fetch(
            "SELECT begins FROM help_windows WHERE request = $1", row["request"]
        )
        later = walk.chance.choice((0, 30, 90, 7 * 24 * 60))
        begins = time_of(walk.chance.choice(windows)["begins"] + later)
        body["begins"] = begins.isoformat(timespec="minutes")
    await walk.call("PUT", f"help/{row['request']}/{word}", by, **body)


async def choose(walk: Walk) -> None:
    """The asker takes somebody who said yes, or would rather not."""
    rows = await walk.database.fetch(
        """
        SELECT request, helper, (picks AND status = 'open' OR EXISTS (
                SELECT FROM visits WHERE visits.request = asks.request
                    AND visits.helper = asks.helper AND visits.status = 'held')) AS waits
        FROM asks JOIN help_requests ON number = request
        WHERE answer = 'yes' AND status IN ('open', 'filled', 'draft') ORDER BY request, helper
        """
    )
    if not rows:
        return
    row = walk.likely(rows, [each for each in rows if each["waits"]])
    asker = await asker_of(walk, row["request"])
    helper = walk.member(row["helper"])
    if asker is None or helper is None:
        return
    by, path = walk.signer(asker), f"help/{row['request']}"
    if walk.chance.random() < 0.15:
        await walk.call("PUT", f"{path}/declined", by, helper=helper.person)
        return
    await walk.call("PUT", f"{path}/picked", by, helper=helper.person)
    if walk.chance.random() < 0.9:
        await promise_to(walk, row["request"], asker, helper)
    await walk.call("PUT", f"{path}/helper", by, helper=helper.person)


async def promise_to(walk: Walk, number: int, asker: Member, helper: Member) -> None:
    held = await walk.database.fetch(
        "SELECT * FROM visits WHERE request = $1 AND helper = $2 AND status = 'held'",
        *(number, helper.person),
    )
    window = () if asker.handle == "dot" else (SILENCE_MS,)
    for visit in held:
        if visit["hold"] is not None:
            act = Assign(visit["hold"], (visit["account"],), window)
            await walk.order(asker, act, asker.account)


async def say_how_it_was(walk: Walk) -> None:
    """Done, missed, left, found or thanked, by anybody, whenever."""
    visits = await walk.visits()
    if not visits:
        return
    now = walk.node.clock.wall()
    begun = [each for each in visits if each["starts"] is not None and each["starts"] <= now]
    near = [each for each in begun if each["status"] in ("booked", "done", "missed")]
    visit = walk.likely(visits, near)
    sides = [walk.member(visit["helper"]), await asker_of(walk, visit["request"])]
    by = walk.signer(walk.chance.choice([*filter(None, sides), walk.someone()]))
    path = f"visits/{visit['number']}"
    match walk.chance.choice(("done", "done", "done", "missed", "left", "found", "thanks")):
        case "done":
            minutes = walk.chance.choice((45, 60, 90, 200))
            await walk.call("PUT", f"{path}/done", by, minutes=minutes)
        case "missed":
            who = walk.chance.choice(("helper", "asker"))
            await walk.call("PUT", f"{path}/missed", by, who=who)
        case "left":
            await walk.call("PUT", f"{path}/left", by, rest=walk.chance.random() < 0.5)
        case "found":
            happened = walk.chance.random() < 0.4
            ann = walk.node["ann"]
            await walk.call("PUT", f"{path}/found", ann, failed=not happened, happened=happened)
        case _:
            await walk.call("PUT", f"{path}/thanks", by, words="Thank you.")


async def cancel(walk: Walk) -> None:
    requests = [each for each in await walk.requests() if each["status"] not in ENDED]
    if requests:
        number = walk.chance.choice(requests)["number"]
        asker = await asker_of(walk, number) or walk.node["ann"]
        await walk.call("DELETE", f"help/{number}", walk.signer(asker))


async def move_tokens(walk: Walk) -> None:
    """Do anything with what is set aside, by any side of it, or by office."""
    holds = await walk.database.fetch(LOOSE)
    if not holds:
        return
    hold = walk.likely(holds, [each for each in holds if each["payee"] is not None])
    payer, payee = account_holder(walk, hold["account"]), account_holder(walk, hold["payee"])
    index, chance = hold["index"], walk.chance
    amount = chance.choice((hold["amount"], 60, 45, hold["amount"] + 1))
    whom = hold["payee"] or walk.node[chance.choice(HELPERS)].account
    acts: list[tuple[Member | None, Act]] = [
        (payer, Settle(index, whom, amount)),
        (payer, Release(index)),
        (payer, Object(index)),
        (payee, Claim(index, amount)),
        (payee, Claim(index, amount)),
        (payee, Settle(index, whom, amount)),
        (payee, Assign(index, ())),
        (payee, Release(index)),
    ]
    member, act = chance.choice(acts)
    if chance.random() < 0.1:
        await settle_noted(walk, hold, walk.node["ann"], act, hold["account"])
    elif member is not None:
        await settle_noted(walk, hold, member, act, member.account)


async def settle_noted(walk: Walk, hold: Any, by: Member, act: Act, account: int) -> None:
    visit = await walk.database.fetchrow("SELECT * FROM visits WHERE hold = $1", hold["index"])
    if await walk.order(by, act, account) == "ok" and isinstance(act, Settle) and visit:
        walk.paid.setdefault(visit["number"], []).append(act.amount)


def account_holder(walk: Walk, account: int | None) -> Member | None:
    people = walk.node.home.people.values()
    return next((each for each in people if each.account == account), None)


async def keep_apart(walk: Walk) -> None:
    """A block or a suspension, made and taken back."""
    one, other = walk.someone(), walk.someone()
    method = walk.chance.choice(("PUT", "DELETE", "DELETE"))
    if one is other:
        return
    if walk.chance.random() < 0.5 and walk.signer(one) is one:
        await walk.call(method, f"people/{one.person}/blocks/{other.person}", one)
    elif one.handle != "ann":
        body = {"reason": "We look into it."} if method == "PUT" else {}
        await walk.call(method, f"people/{one.person}/suspension", walk.node["ann"], **body)


async def leave_circle(walk: Walk) -> None:
    """One whose device is lost, who then phones; or one who leaves, and is erased."""
    ann, chance = walk.node["ann"], walk.chance
    match chance.choice(("assist", "assist", "close", "erase")):
        case "assist":
            flag = int(chance.random() < 0.5)
            mia = walk.node["mia"]
            said = await walk.node.attempt(
                ann, Assist(flag), account=mia.account, text="as they wish", cosigners=(mia,)
            )
            walk.done.append(f"mia phones {flag}: {said}")
        case "close":
            handle = chance.choice(("eve", "kit"))
            said = await walk.node.attempt(ann, Close(), account=walk.node[handle].account)
            walk.done.append(f"{handle} leaves: {said}")
        case _:
            handle = chance.choice(("eve", "kit"))
            with suppress(NotErasable, PersonUnknown):
                await erase(walk.database, walk.node[handle].person)
                walk.done.append(f"{handle} is erased")


async def change_desk(walk: Walk) -> None:
    """A coordinator asks somebody by hand, or notes that nobody answered the telephone."""
    requests = await walk.requests()
    if requests:
        number, person = walk.chance.choice(requests)["number"], walk.someone().person
        path = f"help/{number}/asks/{person}"
        await walk.call("PUT", path + walk.chance.choice(("", "/no-reply")), walk.node["ann"])


async def let_time_pass(walk: Walk) -> None:
    now, hours = walk.node.clock.wall(), walk.chance.choice((1, 2, 2, 6, 6, 12, 24, 80))
    following = await walk.database.fetchval(
        "SELECT min(starts) FROM visits WHERE status = 'booked' AND starts > $1", now
    )
    if following is not None and walk.chance.random() < 0.6:
        hours = (following - now) // HOUR + walk.chance.choice((0, 1, 1))
    walk.node.later(hours * HOUR)
    walk.done.append(f"{hours} hours later")


async def be_shown(walk: Walk) -> None:
    """Devices show what there is to tell."""
    await walk.node.circle.delivery.turn()
    shown = [walk.node[handle].person for handle in ("ann", "mia", "bob", "eve")]
    await walk.database.execute(
        "UPDATE notices SET told = $1, due = NULL WHERE told IS NULL AND person = ANY($2)",
        *(walk.node.clock.wall(), shown),
    )


EVENTS: tuple[tuple[int, Callable[[Walk], Awaitable[None]]], ...] = (
    (9, ask_something),
    (25, answer),
    (25, choose),
    (18, say_how_it_was),
    (2, cancel),
    (8, move_tokens),
    (3, keep_apart),
    (3, change_desk),
    (2, leave_circle),
    (12, let_time_pass),
    (5, be_shown),
)


def before_change(now: int, nth: int) -> int:
    """How many milliseconds it is until the clocks change in London in two days; with ``nth`` 1
    the time after that."""
    time = start = datetime.fromtimestamp(now / 1000, UTC)
    while True:
        time += timedelta(days=1)
        offsets = {(time + timedelta(days=days)).astimezone(LONDON).utcoffset() for days in (2, 3)}
        if len(offsets) > 1 and not nth:
            return round((time - start).total_seconds() * 1000)
        nth -= len(offsets) > 1


async def begin(node: CircleNode, nth: int) -> None:
    """Two days before the clocks change, with two who have no device: one asks, one helps."""
    await set_zone(node, LONDON.key)
    node.later(before_change(node.clock.wall(), nth))
    for handle in ("dot", "kit"):
        member = await node.open_deviceless(handle)
        await tell(node, member, by=node["ann"], contact="020 7946 0099", channel="call")
    path = f"/api/v1/people/{node['kit'].person}/helper"
    body = {"weekly": 9000, "reach": 20000, "skills": ["garden"], "hours": ALWAYS}
    status, told = await node.request("PUT", path, node["ann"], json=body)
    assert status == 200, told
    for handle in ("bob", "eve"):
        await help_with(node, handle, weekly=9000)
