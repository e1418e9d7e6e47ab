"""Orders whose answers are lost: sent again byte for byte, and done once (client/member.py)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from client.address import parse_invitation
from client.cli.tally import run_tally
from client.clock import unix_ms
from client.drafts import LIFETIME_MS, Draft
from client.errors import NodeRefused, NodeUnreachable, OrderLost, ReceiptInvalid
from client.joining import NewDevice, enrolment_of, join, recover
from client.keystore import KeyStore
from client.member import open_member
from client.receipts import Proved
from client.transport import Patience
from ledger.orders import Enrol, Pay
from tests.live_node import LiveNode, live_node
from tests.meddling_proxy import Exchange, MeddlingProxy, meddling_proxy
from tests.terminal import Shown

HASTY = Patience(attempts=1)
"""One attempt, so that a lost answer is an error at once."""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    folder = tmp_path_factory.mktemp("node")
    with live_node(folder, "--minutes", "--unit", "hour", "--scale", "0") as node:
        asyncio.run(node.officer(KeyStore(folder / "officer"), "olive"))
        yield node


@pytest.fixture
async def proxy(node: LiveNode) -> AsyncIterator[MeddlingProxy]:
    async with meddling_proxy(node.url) as proxy:
        yield proxy


@pytest.fixture
async def ann(node: LiveNode, proxy: MeddlingProxy, tmp_path: Path) -> KeyStore:
    """A member whose node is the proxy, with 10 hours to spend."""
    store = KeyStore(tmp_path / "ann")
    handle = f"ann-{tmp_path.name[-20:].strip('-_').replace('_', '-').lower()}"
    link = await node.invite(floor=0, ceiling=60_000, starter=600)
    await join(store, parse_invitation(link.replace(node.url, proxy.url)), handle[:32], "Ann")
    return store


PAY = Draft(Pay(((101, 90),)), text="Hedge")


def lose_orders(exchange: Exchange) -> Exchange:
    """The node does it, and its answer never arrives."""
    return replace(exchange, lost=exchange.path == "/api/v1/orders")


async def pay(store: KeyStore, draft: Draft = PAY, patience: Patience = HASTY) -> Proved:
    async with open_member(store, patience=patience) as member:
        account = member.membership.accounts[0]
        return await member.order(replace(draft, account=account))


async def balance(store: KeyStore) -> int:
    async with open_member(store) as member:
        return (await member.me()).accounts[0].balance


async def test_lost_answer_is_asked_for_again_and_paid_once(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """By the same call, as long as it has patience."""
    lost = iter([True, True])
    proxy.meddle = lambda exchange: replace(
        exchange, lost=exchange.path == "/api/v1/orders" and next(lost, False)
    )
    proved = await pay(ann, patience=Patience(pause_seconds=0.01))
    assert proved.postings[0].balance == 510
    assert await balance(ann) == 510
    assert proxy.seen.count("POST /api/v1/orders") - 1 == 3


async def test_interrupted_payment_goes_out_again_and_is_done_once(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """Whether or not the node had heard of it."""
    for cut in (True, False):
        if cut:
            proxy.deaf = lambda method, path: path == "/api/v1/orders"
        else:
            proxy.meddle = lose_orders
        with pytest.raises(NodeUnreachable, match="never done twice"):
            await pay(ann)
        proxy.honest()
        async with open_member(ann) as member:
            (resent,) = await member.resend()
            assert isinstance(resent.outcome, Proved)
            assert resent.order.memo is not None
            assert resent.order.memo.text == "Hedge"
            assert await member.resend() == []
    assert await balance(ann) == 600 - 2 * 90


async def test_who_waits_for_a_node_that_only_reads_sees_what_they_have(
    ann: KeyStore, proxy: MeddlingProxy, capsys: Shown
) -> None:
    """What was asked for before is not in the way of reading, and is done once in the end."""
    detail = "The node takes no orders now: it is an old backup."
    problem = {"type": "/problems/frozen", "title": "Frozen", "status": 503, "detail": detail}
    frozen = json.dumps({**problem, "code": "frozen"}).encode()
    proxy.meddle = lambda exchange: (
        replace(exchange, status=503, body=frozen, content_type="application/problem+json")
        if exchange.path == "/api/v1/orders"
        else exchange
    )

    async def tally(*arguments: str) -> tuple[int, str, str]:
        status = await asyncio.to_thread(run_tally, ["--home", str(ann.folder), *arguments])
        return status, *capsys.readouterr()

    for _ in range(2):
        status, told, refused = await tally("pay", "olive", "1h30")
        assert (status, told) == (1, "")
        assert "takes no orders at the moment; what was sent is never done twice" in refused
    status, told, waits = await tally("balance")
    assert status == 0
    assert told.startswith("You have")
    assert waits == (
        "What you asked for before still waits, as the circle's node takes no orders at the moment"
        " (1 in all).\n"
    )
    proxy.honest()
    status, told, done = await tally("balance")
    assert (status, told.splitlines()[0]) == (0, "You have 8 and a half hours.")
    assert done.startswith("Something that was interrupted is done now, once: Ann pays")


async def test_same_request_before_an_answer_is_the_same_order(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """A double tap pays once; asked for after the answer, it is a new payment."""
    proxy.meddle = lose_orders
    for _ in range(3):
        with pytest.raises(NodeUnreachable):
            await pay(ann)
    proxy.honest()
    first, second = await asyncio.gather(pay(ann), pay(ann))
    assert first.index == second.index
    assert await balance(ann) == 510
    assert (await pay(ann)).index > first.index
    assert await balance(ann) == 420


async def test_another_request_does_not_wait_for_the_first(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """The texts differ, so do the orders; both are done."""
    proxy.meddle = lose_orders
    for text in ("Hedge", "Roses"):
        with pytest.raises(NodeUnreachable):
            await pay(ann, replace(PAY, text=text))
    proxy.honest()
    async with open_member(ann) as member:
        assert len(await member.resend()) == 2
    assert await balance(ann) == 420


async def test_refusal_is_final_and_leaves_nothing_to_send(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """An overload is no verdict: then the order stays."""
    with pytest.raises(NodeRefused) as refused:
        await pay(ann, replace(PAY, act=Pay(((101, 60_000),))))
    assert refused.value.problem == "credit-limit"
    assert refused.value.attributes["amount"] == 60_000
    async with open_member(ann) as member:
        assert member.journal.unanswered() == ()
    problem = {"type": "/problems/overloaded", "title": "Overloaded", "status": 503}
    problem |= {"detail": "The node has too much to do.", "code": "overloaded"}

    def overload(exchange: Exchange) -> Exchange:
        if exchange.path != "/api/v1/orders":
            return exchange
        return exchange.with_json({"results": [{"order_id": None, "problem": problem}]})

    proxy.meddle = overload
    with pytest.raises(NodeRefused, match="too much to do"):
        await pay(ann)
    proxy.honest()
    async with open_member(ann) as member:
        assert len(member.journal.unanswered()) == 1


async def test_answer_that_proves_nothing_is_not_kept(ann: KeyStore, proxy: MeddlingProxy) -> None:
    """It stays to be asked for again; the honest answer then settles it."""

    def lie(exchange: Exchange) -> Exchange:
        if exchange.path != "/api/v1/orders":
            return exchange
        answer = exchange.json()
        answer["results"][0]["entry"]["index"] = 3
        return exchange.with_json(answer)

    proxy.meddle = lie
    before = await balance(ann)
    with pytest.raises(ReceiptInvalid, match="does not prove"):
        await pay(ann)
    proxy.honest()
    async with open_member(ann) as member:
        kept = len(member.journal.receipts())
        (resent,) = await member.resend()
        assert isinstance(resent.outcome, Proved)
        assert len(member.journal.receipts()) == kept + 1
    assert await balance(ann) == before - 90


async def test_payment_that_expired_on_its_way_is_found_in_the_statement(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """It had been booked before, though its answer was lost and the order is over by now."""
    over = unix_ms() + 4_000
    early = over - LIFETIME_MS
    proxy.meddle = lose_orders
    async with open_member(ann, patience=HASTY, clock=lambda: early) as member:
        account = member.membership.accounts[0]
        with pytest.raises(NodeUnreachable):
            await member.order(replace(PAY, account=account))
    proxy.honest()
    while unix_ms() <= over:
        await asyncio.sleep(0.1)
    async with open_member(ann) as member:
        (resent,) = await member.resend()
        assert isinstance(resent.outcome, Proved)
    assert await balance(ann) == 510


async def test_payment_that_never_arrived_in_time_is_told_of(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """And is not in the way of the next one."""
    early = unix_ms() - 13 * 3600 * 1000
    proxy.deaf = lambda method, path: path == "/api/v1/orders"
    async with open_member(ann, patience=HASTY, clock=lambda: early) as member:
        account = member.membership.accounts[0]
        with pytest.raises(NodeUnreachable):
            await member.order(replace(PAY, account=account))
    proxy.honest()
    async with open_member(ann) as member:
        (resent,) = await member.resend()
        assert isinstance(resent.outcome, OrderLost)
        assert resent.outcome.certain
    assert await balance(ann) == 600
    await pay(ann)


async def test_joining_that_was_interrupted_is_taken_up_again(
    node: LiveNode, proxy: MeddlingProxy, tmp_path: Path
) -> None:
    """The same link joins once, though its answer was lost the first time."""
    store = KeyStore(tmp_path / "bo")
    link = await node.invite(floor=0, ceiling=6000, starter=60)
    invitation = parse_invitation(link.replace(node.url, proxy.url))
    proxy.meddle = lose_orders
    with pytest.raises(NodeUnreachable):
        await join(store, invitation, "bo", "Bo", patience=HASTY)
    assert store.membership().is_pending
    proxy.honest()
    membership = await join(store, invitation, "bo", "Bo")
    assert not membership.is_pending
    assert store.names() == (membership.name,)
    assert await balance(store) == 60


async def test_refused_joining_leaves_nothing_behind(node: LiveNode, tmp_path: Path) -> None:
    """Another handle can be tried with the same invitation."""
    store = KeyStore(tmp_path / "bea")
    invitation = parse_invitation(await node.invite(floor=0, ceiling=6000, starter=0))
    with pytest.raises(NodeRefused) as refused:
        await join(store, invitation, "olive", "Olive II")
    assert refused.value.problem == "handle-taken"
    assert store.names() == ()
    membership = await join(store, invitation, "bea", "Bea")
    assert membership.person is not None
    with pytest.raises(NodeRefused) as used:
        await join(KeyStore(tmp_path / "thief"), invitation, "thief", "Thief")
    assert used.value.problem == "invitation-unusable"


async def test_new_devices_come_in_by_an_older_one_and_by_a_recovery_sheet(
    ann: KeyStore, proxy: MeddlingProxy, tmp_path: Path
) -> None:
    """Both are the same person's; an interrupted recovery brings in one device."""
    tablet, laptop = KeyStore(tmp_path / "tablet"), KeyStore(tmp_path / "laptop")
    pending, code = await enrolment_of(tablet, proxy.url, NewDevice("tablet"))
    assert pending.is_pending
    with pytest.raises(NodeRefused) as unknown:
        async with open_member(tablet):
            pass
    assert unknown.value.problem == "session-refused"
    seed = bytes(range(32))
    async with open_member(ann) as member:
        person = member.person
        await member.order(Draft(Enrol(person, code, "device", 0)))
        sheet = sheet_enrolment(member.circle.circle_id, seed)
        await member.order(Draft(Enrol(person, sheet, "recovery", 0)))
    async with open_member(tablet) as member:
        assert member.person == person
    proxy.meddle = lose_orders
    with pytest.raises(NodeUnreachable):
        await recover(laptop, proxy.url, seed, NewDevice("laptop"), patience=HASTY)
    proxy.honest()
    membership = await recover(laptop, proxy.url, seed, NewDevice("laptop"))
    assert membership.person == person
    async with open_member(laptop) as member:
        labels = [device.label for device in (await member.me()).devices]
    assert sorted(labels) == ["first device", "laptop", "sheet", "tablet"]


def sheet_enrolment(circle: bytes, seed: bytes) -> bytes:
    from ledger import keys
    from ledger.declarations import Enrolment, sign_enrolment

    enrolment = Enrolment(circle, keys.public_key(seed), unix_ms(), "sheet")
    return sign_enrolment(enrolment, seed)
