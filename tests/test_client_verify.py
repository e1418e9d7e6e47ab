"""``verify``: whatever a node changes behind a member's back is noticed (client/audit.py)."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.address import parse_invitation
from client.audit import Report, audit
from client.drafts import Draft
from client.errors import (
    AnswerInvalid,
    CircleChanged,
    HistoryRewritten,
    HistoryUnproven,
    NodeRefused,
)
from client.joining import join
from client.keystore import KeyStore
from client.member import open_member
from ledger.orders import Hold, Pay
from tests.live_node import LiveNode, live_node
from tests.meddling_proxy import Exchange, MeddlingProxy, meddling_proxy

Json = Any


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNode]:
    folder = tmp_path_factory.mktemp("node")
    credit = ("--credit-limit", "5000", "--credit-limit-max", "5000")
    with live_node(folder, "--minutes", "--unit", "hour", "--scale", "0", *credit) as node:
        asyncio.run(node.officer(KeyStore(folder / "officer"), "olive"))
        yield node


@pytest.fixture
async def proxy(node: LiveNode) -> AsyncIterator[MeddlingProxy]:
    async with meddling_proxy(node.url) as proxy:
        yield proxy


@pytest.fixture
async def ann(node: LiveNode, proxy: MeddlingProxy, tmp_path: Path) -> KeyStore:
    """A member behind the proxy: began with 10 h, was paid 1 h 30, paid 30 min, set 1 h aside."""
    store = KeyStore(tmp_path / "ann")
    handle = f"ann-{abs(hash(tmp_path)) % 10**9}"
    link = await node.invite(floor=0, ceiling=60_000, starter=600)
    await join(store, parse_invitation(link.replace(node.url, proxy.url)), handle, "Ann")
    async with open_member(store) as member:
        account = member.membership.accounts[0]
        async with open_member(_officer(node)) as officer:
            earn = Draft(Pay(((account, 90),), (20_000,)), 101, "Hedge trimming")
            await officer.order(earn)
        await member.order(Draft(Pay(((101, 30),)), account, "Cake"))
        await member.order(Draft(Hold((101,), 60, 2_000_000_000_000), account))
    return store


def _officer(node: LiveNode) -> KeyStore:
    assert node.officer_store is not None
    return node.officer_store


async def verify(store: KeyStore, *, whole_log: bool = False) -> Report:
    async with open_member(store) as member:
        return await audit(member, whole_log=whole_log)


async def kinds(store: KeyStore) -> set[str]:
    return {finding.kind for finding in (await verify(store)).findings}


def in_statement(change: Callable[[list[Json]], None]) -> Callable[[Exchange], Exchange]:
    """The statement with its lines (newest first) changed."""

    def meddle(exchange: Exchange) -> Exchange:
        if not exchange.path.endswith("/statement"):
            return exchange
        page = exchange.json()
        change(page["lines"])
        return exchange.with_json(page)

    return meddle


def in_account(**fields: object) -> Callable[[Exchange], Exchange]:
    """The account as ``me`` shows it, with other fields."""

    def meddle(exchange: Exchange) -> Exchange:
        if exchange.path != "/api/v1/me":
            return exchange
        me = exchange.json()
        me["accounts"][0] |= fields
        return exchange.with_json(me)

    return meddle


async def test_who_is_paid_among_several_proves_it_without_the_order(
    node: LiveNode, ann: KeyStore
) -> None:
    async with open_member(ann) as member, open_member(_officer(node)) as officer:
        account = member.membership.accounts[0]
        await officer.order(Draft(Pay(((account, 5), (2, 1))), 101, "For the fair"))
    assert (await verify(ann)).is_sound


async def test_honest_node_is_praised_and_its_receipts_kept(ann: KeyStore) -> None:
    """Entries that others made are fetched, proved and kept: the next run asks for none of them."""
    first = await verify(ann, whole_log=True)
    assert first.is_sound
    assert (first.receipts, first.lines, first.read) == (3, 4, first.entries)
    second = await verify(ann)
    assert second.is_sound
    assert (second.receipts, second.lines, second.read) == (4, 4, 0)
    assert second.seen == first.entries


def cheapen(lines: list[Json]) -> None:
    lines[2]["delta"] -= 30


def owe_more(lines: list[Json]) -> None:
    for line in lines[:3]:
        line["balance"] -= 30


def hide_one(lines: list[Json]) -> None:
    del lines[1]


def hide_the_newest(lines: list[Json]) -> None:
    del lines[0]


def swap_entries(lines: list[Json]) -> None:
    lines[1]["entry"], lines[2]["entry"] = lines[2]["entry"], lines[1]["entry"]


def show_one_twice(lines: list[Json]) -> None:
    lines.insert(1, lines[1])


def rename(lines: list[Json]) -> None:
    lines[1]["kind"] = "levy"


def redate(lines: list[Json]) -> None:
    lines[2]["happened_on"] = "2020-01-01"


def relog(lines: list[Json]) -> None:
    lines[2]["log_time"] -= 1


def blame(lines: list[Json]) -> None:
    lines[2]["counterparty"]["account"] = 2


def rewrite(lines: list[Json]) -> None:
    lines[2]["text"] = "Gin"


def rewrite_own(lines: list[Json]) -> None:
    lines[1]["text"] = "Gin"


def forget_own(lines: list[Json]) -> None:
    lines[1]["text"] = None


@pytest.mark.parametrize("seen_before", [False, True], ids=["first time", "seen before"])
@pytest.mark.parametrize(
    ("lie", "found"),
    [
        (cheapen, "line-wrong"),
        (owe_more, "line-wrong"),
        (hide_one, "line-missing"),
        (hide_the_newest, "line-missing"),
        (swap_entries, "line-missing"),
        (show_one_twice, "line-doubled"),
        (rename, "line-wrong"),
        (redate, "line-wrong"),
        (relog, "line-wrong"),
        (blame, "line-wrong"),
        (rewrite, "text-changed"),
        (rewrite_own, "text-changed"),
        (forget_own, "text-changed"),
    ],
)
async def test_false_statement_is_noticed(
    ann: KeyStore,
    proxy: MeddlingProxy,
    lie: Callable[[list[Json]], None],
    found: str,
    seen_before: bool,
) -> None:
    """Whether the true line was proved earlier or is fetched only now."""
    if seen_before:
        assert (await verify(ann)).is_sound
    proxy.meddle = in_statement(lie)
    assert found in await kinds(ann)
    proxy.honest()
    assert (await verify(ann)).is_sound


@pytest.mark.parametrize("fields", [{"balance": 659}, {"held": 0}, {"available": 1}, {"seq": 3}])
async def test_false_balance_is_noticed(
    ann: KeyStore, proxy: MeddlingProxy, fields: dict[str, int]
) -> None:
    """It must be that of the last line, and the last line is proved."""
    before = await verify(ann)
    assert before.is_sound
    proxy.meddle = in_account(**fields)
    assert await kinds(ann) & {"balance-wrong", "line-missing"}


async def test_line_that_was_invented_is_not_proved(ann: KeyStore, proxy: MeddlingProxy) -> None:
    """No entry of the log has such a posting."""

    def invent(exchange: Exchange) -> Exchange:
        shown = in_account(balance=60, seq=5)(exchange)
        return in_statement(
            lambda lines: lines.insert(
                0, lines[0] | {"seq": 5, "entry": 0, "delta": -600, "balance": 60}
            )
        )(shown)

    proxy.meddle = invent
    assert "line-unproved" in await kinds(ann)


async def test_damaged_tile_or_bundle_is_noticed(ann: KeyStore, proxy: MeddlingProxy) -> None:
    """Tiles that lead nowhere, when receipts and statement are looked up in them."""

    def damage(exchange: Exchange) -> Exchange:
        if not exchange.path.startswith("/tile/0/"):
            return exchange
        body = bytearray(exchange.body)
        body[40] ^= 1
        return replace(exchange, body=bytes(body))

    proxy.meddle = damage
    assert "log-damaged" in await kinds(ann)

    def damage_bundle(exchange: Exchange) -> Exchange:
        if not exchange.path.startswith("/tile/entries/"):
            return exchange
        return replace(exchange, body=exchange.body[:-1] + bytes([exchange.body[-1] ^ 1]))

    proxy.meddle = damage_bundle
    assert (await verify(ann)).is_sound
    report = await verify(ann, whole_log=True)
    assert {finding.kind for finding in report.findings} == {"log-damaged"}


async def test_damaged_receipt_on_the_device_is_noticed(ann: KeyStore) -> None:
    """The node is not to blame, and the others are still checked."""
    name = ann.default_name()
    path = ann.folder / "circles" / name / "receipts.jsonl"
    lines = path.read_text().splitlines()
    record = json.loads(lines[0])
    record["proof"] = record["proof"].replace("\n\n", "\nAAAA\n\n", 1)
    path.write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    assert "receipt-damaged" in await kinds(ann)


async def test_node_that_hides_how_its_books_grew_is_told_of(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """A wrong consistency proof is made up for by the tiles; without those nothing is proved."""
    before = await verify(ann)

    def no_consistency(exchange: Exchange) -> Exchange:
        if exchange.path != "/api/v1/consistency":
            return exchange
        return exchange.with_json({"proof": ["A" * 43]})

    def no_proof(exchange: Exchange) -> Exchange:
        if exchange.path.startswith("/tile/"):
            return replace(exchange, body=bytes(len(exchange.body)))
        return no_consistency(exchange)

    proxy.meddle = no_consistency
    async with open_member(ann) as member:
        account = member.membership.accounts[0]
        await member.order(Draft(Pay(((101, 1),)), account))
        after = await audit(member)
        assert after.is_sound
        assert after.entries > before.entries
        proxy.meddle = no_proof
        with pytest.raises(HistoryUnproven, match="nothing is proven yet: it will not show"):
            await member.order(Draft(Pay(((101, 1),)), account))
        assert len(member.journal.unanswered()) == 1
        proxy.honest()
        assert len(await member.resend()) == 1


def with_empty_pages_first(account_lines: list[str]) -> Callable[[Exchange], Exchange]:
    """The first pages of a statement say only that there is more, as those of a search may."""

    def meddle(exchange: Exchange) -> Exchange:
        if not exchange.path.endswith("/statement") or not account_lines:
            return exchange
        page = exchange.json()
        return exchange.with_json(page | {"lines": [], "next": account_lines.pop()})

    return meddle


async def test_statement_goes_on_after_a_page_without_lines(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """Only the last page says that there is no more."""
    async with open_member(ann) as member:
        session, account = await member.session(), member.membership.accounts[0]
        whole = [line async for line in session.statement(account)]
        beyond = str(whole[0].seq + 1)
        proxy.meddle = with_empty_pages_first([beyond, beyond])
        assert [line async for line in session.statement(account)] == whole
        ours = session.statement(account, counterparty=101)
        assert [line.entry async for line in ours] == [
            line.entry
            for line in whole
            if line.counterparty and line.delta
            if line.counterparty.account == 101
        ]


async def test_pages_that_never_end_are_left(
    ann: KeyStore, proxy: MeddlingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("client.node_session.EMPTY_PAGES_MAX", 3)
    async with open_member(ann) as member:
        session, account = await member.session(), member.membership.accounts[0]
        proxy.meddle = with_empty_pages_first(["9"] * 10)
        with pytest.raises(AnswerInvalid, match="4 pages with nothing on them"):
            [line async for line in session.statement(account)]


async def test_head_that_the_circle_did_not_sign_is_refused(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """Neither an unsigned one nor another log's."""

    def resize(exchange: Exchange) -> Exchange:
        if exchange.path != "/checkpoint":
            return exchange
        lines = exchange.body.decode().split("\n")
        return replace(exchange, body="\n".join([lines[0], "9999", *lines[2:]]).encode())

    proxy.meddle = resize
    with pytest.raises(AnswerInvalid, match="not signed by it"):
        await verify(ann)


async def test_node_that_speaks_for_another_circle_is_noticed(
    ann: KeyStore, proxy: MeddlingProxy
) -> None:
    """Another identity, or a certificate that was tampered with."""

    def relabel(exchange: Exchange) -> Exchange:
        if exchange.path != "/.well-known/tallystick":
            return exchange
        info = exchange.json()
        info["origin"] = info["origin"][:-1] + "2"
        return exchange.with_json(info)

    proxy.meddle = relabel
    with pytest.raises(CircleChanged, match="not the circle as you joined it"):
        await verify(ann)


async def test_old_backup_is_noticed_and_kept_as_evidence(tmp_path: Path) -> None:
    """First the books are shorter than a member has seen; then they go on otherwise."""
    with live_node(tmp_path) as node:
        officer, ben = KeyStore(tmp_path / "olive"), KeyStore(tmp_path / "ben")
        await node.officer(officer, "olive")
        await node.join(ben, "ben", starter=0, floor=-1000)
        node.stop()
        shutil.copytree(node.directory, tmp_path / "backup", symlinks=True)
        node.start()
        await pay(ben, "Hedge")
        await pay(ben, "Roses")
        assert (await verify(ben)).is_sound
        node.stop()
        shutil.rmtree(node.directory)
        shutil.move(tmp_path / "backup", node.directory)
        node.start()
        # Ben alone knows better: the officer has seen no more than the backup has.
        await pay(officer, "Cake", payee=102)
        with pytest.raises(HistoryRewritten, match="no longer there") as shorter:
            await verify(ben)
        _check_evidence(shorter.value, node, ben)
        with pytest.raises(NodeRefused, match="takes no orders"):
            await pay(officer, "More cake", payee=102)
        # Whoever runs it makes it go on all the same, beyond what Ben has seen.
        node.stop()
        (node.directory / "mark").unlink()
        node.start()
        for number in range(3):
            await pay(officer, f"Cake {number}", payee=102)
        with pytest.raises(HistoryRewritten, match="two different histories") as changed:
            await verify(ben)
        _check_evidence(changed.value, node, ben)


async def pay(store: KeyStore, text: str, payee: int = 101) -> None:
    async with open_member(store) as member:
        account = member.membership.accounts[0]
        await member.order(Draft(Pay(((payee, 10),)), account, text))


def _check_evidence(found: HistoryRewritten, node: LiveNode, store: KeyStore) -> None:
    """The file has both heads, each signed by the circle."""
    from client.history import verify_head

    assert found.evidence is not None
    kept = json.loads(Path(found.evidence).read_text())
    circle = store.membership().circle
    known, shown = (verify_head(kept[which], circle) for which in ("known", "shown"))
    assert (kept["circle"], kept["origin"]) == (node.circle.hex(), node.origin)
    assert known.checkpoint != shown.checkpoint
    assert Path(found.evidence).stat().st_mode & 0o777 == 0o600
