"""Debts that go round live circles are seen, and cleared on command and by night."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger import codec
from ledger.federation.gossip_envelope import PERIOD_MS, LinkPosition, parse_bulletin
from ledger.federation.link import statement_of
from ledger.federation.message import encode_statement
from node.check import check_log
from node.clock import wall_clock
from node.config import write_config
from node.federation.clearing import TICK_SECONDS
from node.federation.survey import Survey, gather, link_keys, survey
from node.federation.wishes import ask
from node.gossip import nearby
from node.gossip import speaker as gossip_speaker
from node.gossip.nearby import read_told
from tests.circle_node import CircleNode
from tests.line_of_circles import (
    Rate,
    agree,
    at_rest,
    circles_in_line,
    found_at,
    link_between,
    pay_by,
    quote,
    serving_at,
)
from tests.live_ports import free_port
from tests.test_gossip_node_hostile import bulletin_of, tell
from tests.waiting import until

TALLYD = Path(sys.executable).with_name("tallyd")
NAMES = ("exeter", "totnes", "bath")


@pytest.fixture(autouse=True)
def _speak_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of new agreements, as there are no more to wait for."""
    monkeypatch.setattr(gossip_speaker, "QUIET_SECONDS", 1.0)


class Told(NamedTuple):
    """What a command printed, and its status."""

    status: int
    out: str
    err: str


async def tallyd(node: CircleNode, *arguments: str) -> Told:
    """Run ``tallyd clear`` about a circle."""
    home = node.home
    write_config(home.config.directory, home.config.schema, "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(
        str(TALLYD),
        *("clear", str(home.config.directory), *arguments),
        env=os.environ | {"DATABASE_URL": home.dsn},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Told(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def ring(
    dsn: str,
    folder: Path,
    *,
    rate: Rate = (1, 1),
    again: Rate | None = None,
    largest: int = 6000,
) -> AsyncIterator[list[CircleNode]]:
    """Three circles of which each has an agreement with both others, in the order of their ids.

    Exeter counts at ``rate`` with both others, or with one ``again`` otherwise; ``largest`` is for
    one of its links.
    """
    one, usual = (1, 1), (rate, (1, 1))
    async with circles_in_line(dsn, folder, *NAMES, rates=(usual, (one, one))) as nodes:
        await agree(nodes[0], nodes[-1], again or rate, one, largest=largest)
        yield sorted(nodes, key=lambda node: node.home.founded.circle)


async def owe(debtor: CircleNode, creditor: CircleNode, arrive: int) -> None:
    """Let mia pay mia of the other circle, so that the one circle owes the other."""
    to = creditor.home.founded.circle.hex()

    async def is_quoted() -> bool:
        return (await quote(debtor, to, arrive))[0] == 200

    await until(is_quoted)
    _, quoted = await quote(debtor, to, arrive)
    direct = [way for way in quoted["ways"] if len(way["hops"]) == 1]
    await pay_by(debtor, quoted | {"ways": direct})


async def owe_around(nodes: list[CircleNode], *amounts: int) -> None:
    """Let the first owe the second, that the third and that the first."""
    for debtor, creditor, amount in zip(nodes, (*nodes[1:], nodes[0]), amounts, strict=True):
        await owe(debtor, creditor, amount)
    await until(lambda: at_rest(nodes))
    await until(lambda: agreed(nodes))


async def speak(nodes: list[CircleNode]) -> None:
    """Let all say in their next bulletins what they owe, and hear the others."""
    nodes[0].clock.pass_(PERIOD_MS + 2 * 60_000)  # what can wait is said in its first half
    for node in nodes:
        await until(lambda node=node: knows_debts(node, len(nodes)))  # type: ignore[misc]


async def agreed(nodes: list[CircleNode]) -> bool:
    """Whether both ends of each link have the same statement from the other."""
    bodies: dict[bytes, set[bytes]] = {}
    for node in nodes:
        for link in node.circle.writer.loaded.links.values():
            body = codec.unpack(link.agreed, 1024, "statement")[0] if link.agreed else b""
            bodies.setdefault(link.id, set()).add(body)
    return all(len(each) == 1 for each in bodies.values())


def look(node: CircleNode) -> Survey:
    """Which debts go round, as far as a node knows."""
    gossip = node.circle.gossip
    links = node.circle.writer.loaded.links.values()
    return survey(gather(gossip.store, links, node.clock.wall(), {}))


async def knows_debts(node: CircleNode, count: int) -> bool:
    return look(node).debts == count


def owed(one: CircleNode, other: CircleNode) -> int:
    """What the other owes the one, by its books."""
    return one.circle.writer.loaded.links[link_between(one, other)].owed


def around(nodes: list[CircleNode]) -> list[int]:
    """What the first owes the second, that the third, and that the first."""
    return [
        owed(creditor, debtor)
        for debtor, creditor in zip(nodes, (*nodes[1:], nodes[0]), strict=True)
    ]


def standing(nodes: list[CircleNode]) -> list[int]:
    """What each is owed in all, net."""
    return [sum(owed(node, other) for other in nodes if other is not node) for node in nodes]


async def problems(node: CircleNode) -> list[str]:
    """What ``tallyd check`` finds."""
    async with node.home.database() as connection:
        return [str(each) for each in (await check_log(connection)).problems]


async def test_ring_of_debts_is_cleared_on_command(postgres_dsn: str, tmp_path: Path) -> None:
    """Each link's tally is smaller by what goes round, and no circle's position changes.

    Nothing waits for bulletins: neighbours are asked. Five of Exeter's cents are worth three of the
    links' minutes.
    """
    async with ring(postgres_dsn, tmp_path, rate=(5, 3)) as nodes:
        first, second, third = nodes
        await owe_around(nodes, 35, 50, 40)
        before, owing = standing(nodes), around(nodes)
        goes = min(owing) // 3 * 3
        assert goes > 0
        told = await tallyd(first, "--dry-run")
        assert told.status == 0, told
        assert "1 cycle of debts goes round" in told.out
        assert f"{min(owing)} minutes of each debt could go" in told.out
        assert f"1 payment to itself, {goes} minutes in all" in told.out
        names = [node.home.config.directory.name for node in nodes]
        assert (
            f"This circle owes {names[1]}, {names[1]} owes {names[2]}, "
            f"{names[2]} owes this circle." in told.out
        )
        assert f"It is for {names[0]} to propose." in (await tallyd(third, "--dry-run")).out
        told = await tallyd(second, "--now")
        assert f"Debts go round, and {names[0]} has to begin" in told.out

        told = await tallyd(first, "--now")
        assert told.status == 0, told
        assert f"{goes} minutes went round" in told.out
        assert f"{3 * goes} minutes of debt are gone" in told.out
        assert "Payments that are done: 1 of 1." in told.err
        await until(lambda: at_rest(nodes))
        assert around(nodes) == [amount - goes for amount in owing]
        assert standing(nodes) == before
        for node in nodes:
            assert await problems(node) == []

        async def is_counted() -> bool:
            freed = f'tallystick_clearing_freed_total{{unit="minutes"}} {3 * goes}.0'
            return freed in await first.text("/metrics")

        await until(is_counted)
        told = await tallyd(first, "--now")
        assert ("nothing to clear" if goes == min(owing) else "so little") in told.out


async def test_each_night_clears_by_itself(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What bulletins say; also once a clock was years ahead for a while."""
    async with ring(postgres_dsn, tmp_path) as nodes:
        first, second, _ = nodes
        await owe_around(nodes, 30, 50, 40)
        assert look(first).debts == 0, "no bulletin says so yet"
        await speak(nodes)
        with monkeypatch.context() as years_ahead:
            years_ahead.setattr("tests.circle_node.wall_clock", lambda: wall_clock() + 10**11)
            await asyncio.sleep(2 * TICK_SECONDS)
        night = 5 * 3_600_000 + 60_000 - first.clock.wall() % (24 * 3_600_000)
        first.clock.pass_(night % (24 * 3_600_000))

        async def is_cleared() -> bool:
            return owed(second, first) == 0 and await at_rest(nodes)

        await until(is_cleared)
        assert around(nodes) == [0, 20, 10]
        assert look(first).cycles == ()


async def test_amount_over_the_largest_payment_goes_in_several(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with ring(postgres_dsn, tmp_path, largest=12) as nodes:
        first = nodes[0]
        for _ in range(3):
            await owe_around(nodes, 11, 12, 10)
        told = await tallyd(first, "--dry-run")
        assert "3 payments to itself, 30 minutes" in told.out
        told = await tallyd(first, "--now")
        assert "Payments that are done: 3 of 3." in told.err
        assert "Together 90 minutes less are owed" in told.out
        await until(lambda: at_rest(nodes))
        assert around(nodes) == [3, 6, 0]


async def test_circle_on_the_way_that_takes_nothing_sends_it_back(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link between the others was suspended after they had spoken, and nobody is asked."""
    async with ring(postgres_dsn, tmp_path) as nodes:
        first, second, third = nodes
        await owe_around(nodes, 30, 50, 40)
        await speak(nodes)
        await suspend(second, third)
        assert "nothing to clear" in (await tallyd(first, "--dry-run")).out
        monkeypatch.setattr(nearby, "ASKED_MAX", 0)
        told = await tallyd(first, "--now")
        assert told.status == 1, told
        assert "did not go round" in told.out
        assert "takes no new payments" in told.out
        await until(lambda: at_rest(nodes))
        assert around(nodes) == [30, 50, 40]


async def suspend(one: CircleNode, other: CircleNode) -> None:
    """Let a circle take no more payments with another, and that know it."""
    link = link_between(one, other)
    peer = other.home.founded.circle.hex()
    async with one.home.database() as connection:
        assert await ask(connection, {"kind": "suspend", "peer": peer, "suspended": True}) == ""

    async def is_known() -> bool:
        return other.circle.writer.loaded.links[link].peer_suspended

    await until(is_known)


async def test_circle_that_counts_otherwise_with_each_neighbour_is_not_gone_through(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """What came in at one rate would not be worth what goes out at the other."""
    async with ring(postgres_dsn, tmp_path, again=(10, 1)) as nodes:
        await owe_around(nodes, 30, 50, 40)
        await speak(nodes)
        found = look(nodes[0])
        assert (found.debts, found.cycles) == (3, ())
        assert "nothing to clear" in (await tallyd(nodes[0], "--dry-run")).out


async def say(
    liar: CircleNode, nodes: list[CircleNode], *lies: tuple[CircleNode, dict[str, object]]
) -> None:
    """Let a circle say to all, for the next period, something else of its links with some."""
    told = liar.circle.gossip.store[liar.home.founded.circle].bulletin
    assert told is not None
    changed = {node.home.founded.circle: lie for node, lie in lies}
    links: list[LinkPosition] = [
        position._replace(**changed.get(position.peer, {}))  # type: ignore[arg-type]
        for position in parse_bulletin(told.body).links
    ]
    said = bulletin_of(liar, 10, links)
    for node in nodes:
        if node is not liar:
            await tell(liar, node, said)


async def test_lying_bulletins_are_not_used(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A statement that nobody signed, another unit, another rate than the agreement's."""
    monkeypatch.setattr(nearby, "ASKED_MAX", 0)
    async with ring(postgres_dsn, tmp_path) as nodes:
        first, second, third = nodes
        await owe_around(nodes, 30, 50, 40)
        await speak(nodes)
        link = third.circle.writer.loaded.links[link_between(third, second)]
        invented = encode_statement(statement_of(link)._replace(tally=4000))
        unsigned = codec.encode((invented, bytes(64), bytes(64)))
        await say(third, nodes, (first, {"unit": b"hours"}), (second, {"statement": unsigned}))
        assert look(first).debts == 1
        await say(second, nodes, (first, {"numerator": 7}))
        assert look(first) == Survey(0, (), ())
        assert "nothing to clear" in (await tallyd(first, "--now")).out
        assert owed(second, first) == 30


async def test_neighbours_own_list_is_read_with_care(postgres_dsn: str, tmp_path: Path) -> None:
    """What its other neighbour did not sign does not count; about our own link nobody is asked."""
    async with ring(postgres_dsn, tmp_path) as nodes:
        first, second, third = nodes
        await owe_around(nodes, 30, 50, 40)
        link = first.circle.writer.loaded.links[link_between(first, second)]
        links, store = first.circle.writer.loaded.links.values(), first.circle.gossip.store
        key_of = link_keys(store, links)
        listed = await second.read("/api/v1/peers")
        [(_, told)] = read_told(listed, link, key_of)
        assert told.position is not None
        assert told.position[1:5] == (link.peer, third.home.founded.circle, 50, 6000)
        assert not list(read_told(listed, link, lambda circle: bytes(32)))
        onward = next(
            each for each in listed["peers"] if each["circle"] == third.home.founded.circle.hex()
        )
        ours = next(each for each in listed["peers"] if each != onward)
        for changed in (
            *({"statement": None}, {"statement": "AAAA"}, {"statement": ours["statement"]}),
            *({"agreement": None}, {"agreement": "!"}, {"agreement": ours["agreement"]}),
            *({"room_in": 1.5}, {"room_in": None}, {"room_out": True}, {"room_out": 2**80}),
        ):
            assert not list(read_told({"peers": [onward | changed]}, link, key_of)), changed
        for changed in (
            *({"status": "suspended"}, {"suspended_by_peer": True}, {"suspended_by_peer": None}),
            *({"room_in": 0}, {"room_in": -1}),
        ):
            [(_, told)] = read_told({"peers": [onward | changed]}, link, key_of)
            assert told.position is None, changed
        nothing: list[dict[str, Any]] = [{}, {"peers": 3}, {"peers": [3, None, [], {}]}]
        for nonsense in nothing:
            assert not list(read_told(nonsense, link, key_of))


async def test_nothing_is_cleared_without_a_serving_node(postgres_dsn: str, tmp_path: Path) -> None:
    """What could be is said all the same."""
    async with AsyncExitStack() as stack:
        homes = []
        for name in NAMES[:2]:
            homes.append(await found_at(postgres_dsn, tmp_path, name))
            stack.push_async_callback(homes[-1].drop)
        async with serving_at(homes[0], free_port()) as node:
            assert "nothing to clear" in (await tallyd(node, "--dry-run")).out
            assert "nothing to clear" in (await tallyd(node, "--now")).out
        told = await tallyd(node, "--now")
        assert told.status == 1
        assert "is not serving, and nothing can be cleared without it" in told.err
        assert told.err.count("\n") == 1
        assert "nothing to clear" in (await tallyd(node, "--dry-run")).out
        told = await tallyd(node)
        assert told.status == 2
        assert "--dry-run" in told.err
