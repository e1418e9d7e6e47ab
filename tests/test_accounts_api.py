"""Who may see accounts and people, and what they see of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from ledger import keys
from ledger.declarations import Enrolment, sign_enrolment
from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Claim,
    Close,
    Enrol,
    Hold,
    Mandate,
    Pay,
    Revoke,
    Unmandate,
)
from tests.circle_node import DAY, HOUR, CircleNode, Member, circle_node, make_member


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, the auditor ada, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("ada", office="auditor")
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        yield live


def enrolment(node: CircleNode, device: Member, label: str) -> bytes:
    """A new device's signed enrolment."""
    named = Enrolment(node.home.founded.circle, device.key, node.clock.wall(), label)
    return sign_enrolment(named, device.seed)


async def test_an_account_is_what_it_is_at_the_newest_head(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    await node.pay(mia, noa, 120)
    held = await node.do(mia, Hold((noa.account,), 60, node.clock.wall() + HOUR))
    account = await node.read(f"/api/v1/accounts/{mia.account}", mia)
    health = await node.read("/health")
    assert account == {
        "number": mia.account,
        "kind": "member",
        "balance": 380,
        "held": 60,
        "available": 320,
        "floor": -2000,
        "ceiling": 50_000,
        "seq": 3,
        "closed": False,
        "deviceless": False,
        "holders": [mia.person],
        "log_time": account["log_time"],
        "size": health["size"],
    }
    assert account["size"] == held["entry"]["index"] + 1


async def test_accounts_are_seen_by_those_whom_they_concern_and_officers(
    node: CircleNode,
) -> None:
    """Everybody else is told the same as of an account that does not exist."""
    mia, noa = node["mia"], node["noa"]
    about = ("", "/statement")
    for suffix in about:
        path = f"/api/v1/accounts/{mia.account}{suffix}"
        for reader in (mia, node["ann"], node["ada"]):
            await node.read(path, reader)
        assert await node.refusal(path, noa) == "not-found"
        assert await node.refusal(path) == "session-missing"
        for number in (TREASURY, COMMUNITY):
            await node.read(f"/api/v1/accounts/{number}{suffix}", node["ann"])
            assert await node.refusal(f"/api/v1/accounts/{number}{suffix}", mia) == "not-found"
    details = []
    for number in (mia.account, 999_999, 2**53 - 1):
        _, problem = await node.request("GET", f"/api/v1/accounts/{number}", noa)
        problem.pop("instance")
        details.append(str(problem).replace(str(number), "N"))
    assert len(set(details)) == 1
    for path in ("/api/v1/holds", "/api/v1/requests"):
        assert await node.read(path, mia, account=mia.account)
        assert await node.refusal(path, noa, account=mia.account) == "not-found"
        assert await node.refusal(path, account=mia.account) == "session-missing"


async def test_a_mandate_lets_see_the_account_while_it_lasts(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    path = f"/api/v1/accounts/{mia.account}"
    until = node.clock.wall() + HOUR
    await node.do(mia, Mandate(noa.person, ("pay",), 100, DAY, until))
    assert (await node.read(path, noa))["number"] == mia.account
    node.clock.pass_(2 * HOUR)
    assert await node.refusal(path, noa) == "not-found"
    again = await node.do(mia, Mandate(noa.person, ("pay",), 100, DAY, until + DAY))
    assert (await node.read(path, noa))["number"] == mia.account
    await node.do(mia, Unmandate(again["entry"]["index"]))
    assert await node.refusal(path, noa) == "not-found"


async def test_a_closed_account_can_still_be_read(node: CircleNode) -> None:
    mia = node["mia"]
    await node.do(node["ann"], Close(), account=mia.account)
    account = await node.read(f"/api/v1/accounts/{mia.account}", mia)
    assert (account["closed"], account["balance"]) == (True, 0)
    me = await node.read("/api/v1/me", mia)
    assert me["accounts"] == [account]


async def test_me_is_all_that_is_mine(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    until = node.clock.wall() + DAY
    given = await node.do(mia, Mandate(noa.person, ("pay", "hold"), 100, DAY, until))
    received = await node.do(noa, Mandate(mia.person, ("pay",), 50, HOUR, until))
    held = await node.do(noa, Hold((mia.account,), 60, until, (HOUR,)))
    await node.do(mia, Claim(held["entry"]["index"], 50))
    me = await node.read("/api/v1/me", mia)
    assert (me["person"], me["handle"], me["name"]) == (mia.person, "mia", "Mia Müller")
    assert (me["offices"], me["device"], me["notices"]) == ([], mia.key.hex(), [])
    assert [account["number"] for account in me["accounts"]] == [mia.account]
    assert me["devices"] == [
        {
            "key": mia.key.hex(),
            "role": "device",
            "label": "first device",
            "status": "active",
            "active_from": me["devices"][0]["active_from"],
            "capped_until": me["devices"][0]["capped_until"],
        }
    ]
    mine, theirs = me["mandates"]
    assert (mine["index"], mine["given"]) == (given["entry"]["index"], True)
    assert (mine["person"], mine["person_handle"]) == (noa.person, "noa")
    assert (mine["scope"], mine["cap"], mine["window"]) == (["pay", "hold"], 100, DAY)
    assert (theirs["index"], theirs["given"]) == (received["entry"]["index"], False)
    assert (theirs["account"], theirs["account_handle"]) == (noa.account, "noa")
    [hold] = me["holds"]
    assert (hold["payer_handle"], hold["payee_handle"]) == ("noa", "mia")
    assert (hold["account"], hold["payee"], hold["claimed"]) == (noa.account, mia.account, 50)
    assert (await node.read("/api/v1/me", node["ann"]))["offices"] == ["coordinator"]


async def test_old_devices_are_told_of_new_ones(node: CircleNode) -> None:
    """Of one that waits, of one in its first week, and not of what the person added or revoked."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    far, near, own = (make_member("mia") for _ in range(3))
    for device, present in ((far, 0), (near, 1)):
        wire = enrolment(node, device, f"present {present}")
        await node.do(ann, Enrol(mia.person, wire, "device", present))
    await node.do(mia, Enrol(mia.person, enrolment(node, own, "tablet"), "device", 1))
    me = await node.read("/api/v1/me", mia)
    assert {device["key"] for device in me["devices"]} == {
        device.key.hex() for device in (mia, far, near, own)
    }
    notices = {notice["key"]: notice for notice in me["notices"]}
    assert set(notices) == {far.key.hex(), near.key.hex()}
    assert notices[far.key.hex()]["code"] == "device-waits"
    assert notices[far.key.hex()]["time"] > node.clock.wall() + 2 * DAY
    assert notices[near.key.hex()]["code"] == "device-new"
    await node.do(mia, Revoke(far.key))
    me = await node.read("/api/v1/me", mia)
    assert [notice["key"] for notice in me["notices"]] == [near.key.hex()]
    assert me["devices"][-1]["status"] == "revoked"
    assert (await node.read("/api/v1/me", noa))["notices"] == []


async def test_a_revoked_device_reads_nothing_more(node: CircleNode) -> None:
    mia = node["mia"]
    tablet = make_member("mia")
    wire = enrolment(node, tablet, "tablet")
    await node.do(mia, Enrol(mia.person, wire, "device", 1))
    tablet = Member("mia", tablet.seed, mia.person, mia.account)
    assert (await node.read("/api/v1/me", tablet))["device"] == tablet.key.hex()
    await node.do(mia, Revoke(tablet.key))
    assert await node.refusal("/api/v1/me", tablet) == "session-refused"


async def test_holds_are_shown_to_both_sides(node: CircleNode) -> None:
    mia, noa, oli = node["mia"], node["noa"], await node.welcome("oli")
    until = node.clock.wall() + HOUR
    first = await node.do(mia, Hold((noa.account,), 60, until, (DAY,)))
    second = await node.do(mia, Hold((), 30, until, (), 1))
    expected = {
        "index": first["entry"]["index"],
        "account": mia.account,
        "payer_handle": "mia",
        "payer_name": "Mia Müller",
        "payee": noa.account,
        "payee_handle": "noa",
        "payee_name": "Noa",
        "amount": 60,
        "until": until,
        "claim_window": DAY,
        "coordinator": False,
        "claimed_at": None,
        "claimed": None,
        "payment": None,
    }
    ours = await node.read("/api/v1/holds", mia, account=mia.account)
    assert [hold["index"] for hold in ours["holds"]] == [
        first["entry"]["index"],
        second["entry"]["index"],
    ]
    assert ours["holds"][0] == expected
    assert (ours["holds"][1]["payer_name"], ours["holds"][1]["payee_name"]) == ("Mia Müller", None)
    assert ours["next"] is None
    theirs = await node.read("/api/v1/holds", noa, account=noa.account)
    assert theirs["holds"] == [expected]
    assert (await node.read("/api/v1/holds", oli, account=oli.account))["holds"] == []
    later = await node.read(
        "/api/v1/holds", mia, account=mia.account, cursor=first["entry"]["index"]
    )
    assert [hold["amount"] for hold in later["holds"]] == [30]


async def test_a_former_member_has_no_name_in_what_is_set_aside(node: CircleNode) -> None:
    """Nobody is erased while their account is open; so the name is taken away here."""
    mia, noa = node["mia"], node["noa"]
    await node.do(mia, Hold((noa.account,), 60, node.clock.wall() + HOUR))
    async with node.home.database() as database:
        await database.execute("DELETE FROM people WHERE person = $1", noa.person)
    [hold] = (await node.read("/api/v1/holds", mia, account=mia.account))["holds"]
    assert (hold["payee_handle"], hold["payee_name"], hold["payer_handle"]) == (None, None, "mia")


async def test_coordinators_see_a_members_devices_and_others_do_not(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await node.do(
        mia, Enrol(mia.person, enrolment(node, make_member("mia"), "tablet"), "device", 1)
    )
    path = f"/api/v1/people/{mia.person}/devices"
    shown = await node.read(path, ann)
    assert shown == {"devices": (await node.read("/api/v1/me", mia))["devices"]}
    assert {device["label"] for device in shown["devices"]} == {"first device", "tablet"}
    for reader in (mia, noa, node["ada"]):
        assert await node.refusal(path, reader) == "not-yours"
    assert await node.refusal(path) == "session-missing"
    without = await node.open_deviceless("dot")
    assert (await node.read(f"/api/v1/people/{without.person}/devices", ann)) == {"devices": []}
    assert await node.refusal("/api/v1/people/999999/devices", ann) == "person-unknown"


async def test_members_find_one_another_by_handle_only(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    found = await node.read("/api/v1/people", mia, handle="noa")
    assert found == {
        "people": [
            {"person": noa.person, "handle": "noa", "name": "Noa", "accounts": [noa.account]}
        ],
        "next": None,
    }
    assert (await node.read("/api/v1/people", mia, handle="nobody"))["people"] == []
    assert await node.refusal("/api/v1/people", mia) == "not-yours"
    assert await node.refusal("/api/v1/people", node["ada"]) == "not-yours"
    assert await node.refusal("/api/v1/people", handle="noa") == "session-missing"
    for wrong in ("", "N", "-x", "a" * 33, "noa@circle.example", "no%00a"):
        assert await node.refusal("/api/v1/people", mia, handle=wrong) == "request-invalid"
    await node.do(node["ann"], Close(), account=noa.account)
    [person] = (await node.read("/api/v1/people", mia, handle="noa"))["people"]
    assert person["accounts"] == []


async def test_coordinators_list_everybody_page_by_page(node: CircleNode) -> None:
    for place in range(4):
        await node.welcome(f"p{place}")
    for limit in (1, 3, 4, 8, 100):
        people: list[dict[str, Any]] = []
        query: dict[str, Any] = {"limit": limit}
        while True:
            page = await node.read("/api/v1/people", node["ann"], **query)
            people += page["people"]
            if page["next"] is None:
                break
            query["cursor"] = page["next"]
        assert [person["handle"] for person in people] == [
            *("ann", "ada", "mia", "noa", "p0", "p1", "p2", "p3")
        ]


async def test_officers_are_public_by_their_address_only(node: CircleNode) -> None:
    ann, ada = node["ann"], node["ada"]
    assert await node.read("/api/v1/officers") == {
        "officers": [
            {"person": ann.person, "office": "coordinator", "handle": "ann"},
            {"person": ada.person, "office": "auditor", "handle": "ada"},
        ]
    }


async def test_the_paper_key_reads_as_nobody(node: CircleNode) -> None:
    """It may sign in, and has neither a name nor an account."""
    me = await node.read("/api/v1/me", node.home.paper)
    assert (me["person"], me["handle"], me["accounts"], me["offices"]) == (1, None, [], [])
    mia = node["mia"].account
    assert await node.refusal(f"/api/v1/accounts/{mia}", node.home.paper) == "not-found"


async def test_reading_follows_what_is_committed(node: CircleNode) -> None:
    """After each answer to an order, a read shows at least that."""
    mia, noa = node["mia"], node["noa"]
    for place in range(1, 20):
        await node.do(mia, Pay(((noa.account, 1),)))
        account = await node.read(f"/api/v1/accounts/{mia.account}", mia)
        assert account["balance"] == 500 - place
    assert keys.public_key(mia.seed) == mia.key
