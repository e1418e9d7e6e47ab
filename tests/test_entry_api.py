"""Single entries and the auditors' pages: what is shown opens what the public log commits to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ledger import keys, merkle
from ledger.checkpoint import open_checkpoint
from ledger.codec import from_base64url
from ledger.entry import (
    decode_leaf,
    decode_postings,
    encode_posting,
    order_commitment,
    posting_hash,
    verify_posting,
)
from ledger.note import parse_vkey
from ledger.orders import COMMUNITY, Invite, Levy, Mandate, Open, Pay, Payout
from ledger.receipt import verify_receipt
from node.api.audit import PAGE_BYTES_MAX
from tests.circle_node import DAY, CircleNode, Member, circle_node, make_member


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, the auditor ada, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("ada", office="auditor")
        await live.welcome("mia")
        await live.welcome("noa")
        yield live


def raw(text: str) -> bytes:
    return from_base64url(text, "field")


async def see(node: CircleNode, index: int, reader: Member | None = None) -> dict[str, Any]:
    """An entry as somebody is shown it, after everything in it was held against its leaf."""
    entry: dict[str, Any] = await node.read(f"/api/v1/entries/{index}", reader)
    told = await node.read("/.well-known/tallystick")
    leaf = decode_leaf(raw(entry["leaf"]))
    log_key = parse_vkey(told["log_key"])
    hashed = merkle.leaf_hash(raw(entry["leaf"]))
    verify_receipt(entry["receipt"], hashed, told["origin"], log_key)
    assert (entry["index"], entry["kind"], entry["log_time"]) == (index, leaf.kind, leaf.log_time)
    if "order" in entry:
        salt = raw(entry["salt"])
        assert leaf.order == (order_commitment(entry["authority"], raw(entry["order"]), salt),)
    if "text" in entry:
        salt = raw(entry["text_salt"])
        assert leaf.personal == (keys.text_commitment(salt, entry["text"].encode()),)
    entry["accounts"] = [
        verify_posting(
            raw(one["posting"]),
            raw(one["salt"]),
            one["position"],
            one["count"],
            [raw(sibling) for sibling in one["path"]],
            leaf.postings[0],
        ).account
        for one in entry["postings"]
    ]
    return entry


async def test_parties_see_their_own_side_and_strangers_the_leaf(node: CircleNode) -> None:
    mia, noa, oli = node["mia"], node["noa"], await node.welcome("oli")
    paid = await node.do(mia, Pay(((noa.account, 120),)), text="apples")
    index = paid["entry"]["index"]
    for party in (mia, noa):
        entry = await see(node, index, party)
        assert entry["accounts"] == [party.account]
        assert (entry["text"], entry["authority"]) == ("apples", "member")
        assert "order" in entry
    for stranger in (None, oli):
        entry = await see(node, index, stranger)
        assert entry.keys() == {
            *("index", "kind", "log_time", "leaf", "postings", "receipt", "accounts")
        }
        assert entry["accounts"] == []


async def test_officers_see_more_and_auditors_no_text(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    paid = await node.do(mia, Pay(((noa.account, 120),)), text="apples")
    index = paid["entry"]["index"]
    entry = await see(node, index, node["ann"])
    assert (entry["accounts"], entry["text"]) == ([mia.account, noa.account], "apples")
    entry = await see(node, index, node["ada"])
    assert entry["accounts"] == [mia.account, noa.account]
    assert "order" in entry
    assert "text" not in entry
    own = await node.do(noa, Pay(((node["ada"].account, 1),)), text="thanks")
    assert (await see(node, own["entry"]["index"], node["ada"]))["text"] == "thanks"


async def test_who_ordered_sees_the_order_though_no_account_is_theirs(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    invited = await node.do(
        ann, Invite(make_member("eve").key, 0, 10, 0, "", node.clock.wall() + DAY), text="for eve"
    )
    index = invited["entry"]["index"]
    assert (await see(node, index, ann))["text"] == "for eve"
    assert "order" not in await see(node, index, mia)


async def test_a_payee_among_several_sees_its_own_posting_and_not_what_the_others_get(
    node: CircleNode,
) -> None:
    ann, mia, noa, oli = node["ann"], node["mia"], node["noa"], await node.welcome("oli")
    legs = ((noa.account, 120), (oli.account, 7))
    by_mia = await node.do(mia, Pay(legs), text="apples")
    by_ann = await node.do(ann, Payout(legs), account=COMMUNITY, text="prizes")
    for paid, text, payer in ((by_mia, "apples", mia), (by_ann, "prizes", ann)):
        index = paid["entry"]["index"]
        for payee in (noa, oli):
            entry = await see(node, index, payee)
            assert (entry["accounts"], entry["text"]) == ([payee.account], text)
            assert not entry.keys() & {"order", "salt", "authority"}
        for reader in (payer, ann, node["ada"]):
            assert "order" in await see(node, index, reader)


async def test_everybody_who_is_charged_sees_the_order_that_does_it(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    levied = await node.do(ann, Levy(((mia.account, 1), (noa.account, 1))), account=COMMUNITY)
    for member in (mia, noa):
        assert "order" in await see(node, levied["entry"]["index"], member)


async def test_whom_the_payer_let_act_sees_an_order_with_several_payees(node: CircleNode) -> None:
    mia, noa, oli = node["mia"], node["noa"], await node.welcome("oli")
    until = node.clock.wall() + DAY
    paid = await node.do(mia, Pay(((noa.account, 1), (node["ann"].account, 1))))
    index = paid["entry"]["index"]
    assert "order" not in await see(node, index, oli)
    await node.do(mia, Mandate(oli.person, ("pay",), 10, DAY, until))
    assert "order" in await see(node, index, oli)


async def test_the_circles_own_entries_have_no_order(node: CircleNode) -> None:
    for reader in (None, node["mia"], node["ann"], node["ada"]):
        entry = await see(node, 0, reader)
        assert entry["kind"] == "charter"
        assert not entry.keys() & {"order", "salt", "authority", "text"}
    assert len((await see(node, 0, node["ada"]))["accounts"]) == 3


async def test_all_openings_of_a_large_entry_verify(node: CircleNode) -> None:
    """A levy on many, seen by an auditor: each posting's path in a tree that is not full."""
    ann = node["ann"]
    members = [await node.welcome(f"m{place}") for place in range(10)]
    levied = await node.do(
        ann, Levy(tuple((member.account, 1) for member in members)), account=COMMUNITY
    )
    entry = await see(node, levied["entry"]["index"], node["ada"])
    assert entry["accounts"] == [COMMUNITY, *(member.account for member in members)]
    for member in members[::3]:
        entry = await see(node, levied["entry"]["index"], member)
        assert entry["accounts"] == [member.account]


async def test_entries_that_are_not_there_are_not_found(node: CircleNode) -> None:
    size = (await node.read("/health"))["size"]
    for index in (size, size + 1, 2**53 - 1):
        assert await node.refusal(f"/api/v1/entries/{index}") == "not-found"
    for odd in ("-1", "x", "01", str(2**53), str(2**64)):
        assert await node.refusal(f"/api/v1/entries/{odd}") == "request-invalid"


async def pages_of(node: CircleNode, limit: int) -> list[dict[str, Any]]:
    pages = []
    query: dict[str, Any] = {"limit": limit}
    while True:
        page = await node.read("/api/v1/audit/entries", node["ada"], **query)
        pages.append(page)
        if page["next"] is None:
            return pages
        query["cursor"] = page["next"]


async def test_an_auditor_can_replay_the_books_against_the_signed_head(node: CircleNode) -> None:
    """Leaves make the root; openings fit the leaves; balances add up and are those served."""
    mia, noa = node["mia"], node["noa"]
    for amount in range(1, 8):
        await node.pay(mia, noa, amount, "for nobody's eyes but theirs")
    told = await node.read("/.well-known/tallystick")
    for limit in (1, 5, 1000):
        pages = await pages_of(node, limit)
        entries = [entry for page in pages for entry in page["entries"]]
        head = open_checkpoint(pages[-1]["checkpoint"], [parse_vkey(told["log_key"])])
        leaves = [merkle.leaf_hash(raw(entry["leaf"])) for entry in entries]
        assert [entry["index"] for entry in entries] == list(range(head.size))
        assert merkle.root(leaves) == head.root
        balances: dict[int, int] = {}
        for entry in entries:
            replay(entry, balances)
        assert sum(balances.values()) == 0
        account = await node.read(f"/api/v1/accounts/{mia.account}", mia)
        assert balances[mia.account] == account["balance"]


def replay(entry: dict[str, Any], balances: dict[int, int]) -> None:
    """Open one entry with its secret, and book its postings."""
    leaf, secret = decode_leaf(raw(entry["leaf"])), raw(entry["secret"])
    wire = raw(entry["order"])
    if wire:
        salt = keys.derive_salt(secret, 0)
        assert leaf.order == (order_commitment(entry["authority"], wire, salt),)
    postings = decode_postings(raw(entry["postings"]))
    hashes = [
        posting_hash(encode_posting(posting), keys.derive_salt(secret, place))
        for place, posting in enumerate(postings, 1)
    ]
    assert leaf.postings == ((merkle.root(hashes),) if hashes else ())
    for posting in postings:
        balances[posting.account] = balances.get(posting.account, 0) + posting.delta
        assert balances[posting.account] == posting.balance


async def test_audit_pages_hold_no_texts_and_are_for_officers(node: CircleNode) -> None:
    mia = node["mia"]
    await node.pay(mia, node["noa"], 1, "a secret of two")
    path = "/api/v1/audit/entries"
    shown = await node.text(path, node["ada"])
    assert "secret of two" not in shown
    assert (await node.read(path, node["ann"], limit=1))["next"] == "1"
    assert await node.refusal(path, mia) == "not-yours"
    assert await node.refusal(path) == "session-missing"
    beyond = await node.read(path, node["ada"], cursor=2**53 - 1)
    assert (beyond["entries"], beyond["next"]) == ([], None)
    for wrong in ({"limit": 0}, {"limit": 1001}, {"cursor": -1}, {"cursor": 2**53}):
        assert await node.refusal(path, node["ada"], **wrong) == "request-invalid"


async def test_audit_pages_are_bounded_in_bytes(node: CircleNode) -> None:
    """Payouts to many at once are large, so a page of them ends before its limit."""
    ann = node["ann"]
    opened = [
        node.sign(ann, Open((), 0, 5000, 0, 1, ()), text=f"m{place}\nMember {place}")
        for place in range(400)
    ]
    first = node["noa"].account + 1
    await node.submit(*opened)
    act = Payout(tuple((first + place, 1) for place in range(400)))
    await node.submit(*(node.sign(ann, act, account=COMMUNITY) for _ in range(90)))
    pages = await pages_of(node, 1000)
    assert len(pages) > 1
    sizes = [
        sum(len(raw(entry[name])) for name in ("leaf", "order", "postings"))
        for page in pages
        for entry in page["entries"]
    ]
    assert sum(sizes) > PAGE_BYTES_MAX
    entries = [entry["index"] for page in pages for entry in page["entries"]]
    assert entries == list(range(len(entries)))
    for page in pages:
        held = sum(len(raw(one["order"])) + len(raw(one["postings"])) for one in page["entries"])
        assert held <= PAGE_BYTES_MAX
