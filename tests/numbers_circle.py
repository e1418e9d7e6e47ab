"""A circle with a past that crosses months: what tests of the open numbers say often."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ledger.orders import Pay
from node.clock import wall_clock
from node.connections import Connection
from node.numbers.keeping import go_on
from tests.circle_node import CircleNode, Member

LONDON = ZoneInfo("Europe/London")
HANDLES = tuple(f"member{number}" for number in range(8))


@dataclass(slots=True)
class Past:
    """What happened, as the test itself saw it: trades as (when, who gave, who got)."""

    trades: list[tuple[datetime, int, int]] = field(default_factory=list)

    def of(self, month: str) -> tuple[int, int]:
        """How many trades a month had on the wall, and of how many members."""
        there = [each for each in self.trades if month_on_wall(each[0]) == month]
        return len(there), len({who for _, *sides in there for who in sides})


def month_on_wall(moment: datetime) -> str:
    return moment.astimezone(LONDON).strftime("%Y-%m")


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def go_to(node: CircleNode, moment: datetime) -> None:
    """Let it be another time."""
    ahead = milliseconds(moment) - wall_clock()
    assert ahead > node.clock.ahead, "time goes forward"
    node.clock.ahead = ahead
    node.forget_sessions()


async def trade(
    node: CircleNode, past: Past, moment: datetime, pairs: Iterable[tuple[Member, Member]]
) -> None:
    """Let members pay each other just then."""
    go_to(node, moment)
    pairs = list(pairs)
    results = await node.submit(*(node.sign(one, Pay(((two.account, 1),))) for one, two in pairs))
    for (one, two), result in zip(pairs, results, strict=True):
        assert "entry" in result, result
        past.trades.append((moment, one.account, two.account))


def some_pairs(node: CircleNode, count: int, seed: int) -> list[tuple[Member, Member]]:
    """So many pairs of members, always the same."""
    chance = random.Random(seed)
    people = [node[handle] for handle in HANDLES]
    return [(one, two) for one, two in (chance.sample(people, 2) for _ in range(count))]


async def catch_up(node: CircleNode) -> int:
    """Let the node do all there is to do; returns in how many pieces."""
    pieces = 1
    while await go_on(node.circle.pool, node.clock.wall()):
        pieces += 1
    return pieces


async def numbers(node: CircleNode) -> dict[str, dict[str, Any]]:
    """The open numbers, by month."""
    read = await node.read("/api/v1/open")
    assert [each["month"] for each in read["months"]] == sorted(
        (each["month"] for each in read["months"]), reverse=True
    )
    return {each["month"]: each for each in read["months"]}


def told(month: dict[str, Any], name: str) -> int | str:
    """A figure, or why there is none."""
    figure = month[name]
    assert (figure["value"] is None) is (figure["told"] != "number")
    return figure["told"] if figure["value"] is None else int(figure["value"])


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for help: the statuses of its places, one visit each, with who came to the first.

    Visits that are done took ``minutes`` each, and began when it was asked for.
    """

    opened: datetime
    asker: int
    places: tuple[str, ...]
    helper: int
    took: int | None
    minutes: int = 60


def some_requests(node: CircleNode, begins: datetime, count: int, seed: int) -> list[Asked]:
    """So many requests in the days from ``begins`` on, always the same."""
    chance = random.Random(seed)
    people = [node[handle].account for handle in HANDLES]
    made = []
    for number in range(count):
        places = tuple(
            chance.choice(["paid", "done", "paid", "dropped", "cancelled"])
            for _ in range(chance.randint(1, 3))
        )
        is_matched = not {"dropped", "cancelled"} & set(places)
        asker, helper = chance.sample(people, 2)
        opened = datetime.fromtimestamp(begins.timestamp() + number * 3600, UTC)
        took = chance.randint(1, 5000) if is_matched else None
        made.append(Asked(opened, asker, places, helper, took, chance.randint(15, 200)))
    return made


async def write_requests(connection: Connection, requests: Iterable[Asked]) -> None:
    """Put requests into the tables as the service would have left them."""
    for each in requests:
        opened = milliseconds(each.opened)
        number = await connection.fetchval(
            """
            INSERT INTO help_requests (key, account, made, category, title, words, minutes, helpers,
                weeks, traits, language, familiar, picks, most, area, address, private, status,
                phones, opened, ends, matched)
            VALUES ($1, $2, $3, 'garden', '', '', 60, $4, 1, '{}', '', false, false, 60, '', '', '',
                'over', false, $3, $3, $5)
            RETURNING number
            """,
            *(uuid.uuid4(), each.asker, opened, len(each.places)),
            None if each.took is None else opened + each.took * 60_000,
        )
        for place, status in enumerate(each.places, 1):
            helper = each.helper if status in ("paid", "done") else None
            await connection.execute(
                """
                INSERT INTO visits (request, place, week, account, begins, starts, minutes, status)
                VALUES ($1, $2, 0, $3, 0, $4, $5, $6)
                """,
                *(number, place, helper, opened, each.minutes, status),
            )


def count_requests(requests: Iterable[Asked]) -> dict[str, dict[str, Any]]:
    """By month, what there was to tell, counted one by one."""
    months: dict[str, dict[str, Any]] = defaultdict(
        lambda: {"asked": 0, "unfilled": 0, "filled": 0, "places": 0, "took": [], "helped": 0}
    )
    for each in requests:
        month = months[month_on_wall(each.opened)]
        month["asked"] += 1
        month["unfilled"] += "dropped" in each.places
        given = sum(status in ("paid", "done") for status in each.places)
        month["filled"] += given
        month["places"] += given + each.places.count("dropped")
        month["helped"] += each.places.count("paid") * each.minutes
        if each.took is not None:
            month["took"].append(each.took)
    return months
