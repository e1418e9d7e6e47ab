"""Erasing a person: what is held on them goes, and the ledger stays as it is."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from ledger import keys
from ledger.codec import from_base64url
from ledger.declarations import Enrolment, sign_enrolment
from ledger.entry import decode_leaf
from ledger.errors import PersonUnknown
from ledger.orders import (
    Appoint,
    Close,
    Dismiss,
    Enrol,
    Holder,
    Invite,
    Levy,
    Limits,
    Mandate,
    Open,
    Pay,
    Reverse,
    Revoke,
    Sell,
)
from ledger.paper import invitation_seed
from node.check import check_log
from node.config import write_config
from node.erase import Erased, erase
from node.errors import NotErasable
from tests.circle_node import (
    DAY,
    CircleNode,
    Member,
    circle_node,
    found_circle,
    make_member,
    serving,
)
from tests.waiting import until


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        yield live


async def erase_in(node: CircleNode, person: int) -> Erased:
    async with node.home.database() as connection:
        return await erase(connection, person)


async def texts(node: CircleNode) -> set[str]:
    """All texts that the node has."""
    async with node.home.database() as connection:
        rows = await connection.fetch(
            "SELECT body FROM personal UNION ALL SELECT body FROM request_texts"
        )
    return {row["body"].decode() for row in rows}


async def tables_with(node: CircleNode, pattern: str) -> set[str]:
    """The tables in which something matches, whatever its type; bytes are read as text too."""
    found = set()
    async with node.home.database() as connection:
        names = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema"
        )
        for (name,) in names:
            for row in await connection.fetch(f"SELECT * FROM {name}"):
                values = [
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    for value in row.values()
                ]
                if any(re.search(pattern, value) for value in values):
                    found.add(name)
    return found


async def is_sound(node: CircleNode) -> bool:
    """What ``tallyd check`` says, comparing every table that the log makes."""
    async with node.home.database() as connection:
        result = await check_log(connection, processes=1)
    assert result.problems == ()
    return True


async def live_a_little(node: CircleNode) -> None:
    """Everything that leaves something on mia, by her and by others."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await node.pay(mia, noa, 30, "mia wrote this")
    await node.pay(noa, mia, 10, "noa wrote this to mia")
    await node.do(ann, Sell(100, "cash 7"), account=mia.account, text="mia came by with a note")
    await node.do(ann, Limits(-100, 6000), account=mia.account, text="mia is ill")
    device = make_member("mia")
    named = Enrolment(node.home.founded.circle, device.key, node.clock.wall(), "tablet")
    wire = sign_enrolment(named, device.seed)
    await node.do(ann, Enrol(mia.person, wire, "device", 1), text="mia lost her phone")
    await node.do(ann, Revoke(device.key), text="mia found it again")
    await node.do(ann, Appoint(mia.person, "auditor"), text="mia can count")
    await node.do(ann, Dismiss(mia.person, "auditor"), text="mia counts no more")
    until = node.clock.wall() + DAY
    granted = await node.do(mia, Mandate(noa.person, ("pay",), 100, DAY, until), text="mia trusts")
    mandate = (granted["entry"]["index"],)
    act = Pay(((ann.account, 7),))
    await node.do(noa, act, account=mia.account, mandate=mandate, text="noa for mia")
    await node.do(ann, Levy(((mia.account, 1), (noa.account, 1))), account=2, text="the yearly fee")
    await node.ask(mia, 5, "mia asks for this")
    await node.ask(noa, 5, "noa asks for this")


async def test_what_is_about_the_person_goes_and_what_is_others_stays(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    await live_a_little(node)
    await node.do(ann, Close(), account=mia.account, text="mia moved away")
    before = await texts(node)
    erased = await erase_in(node, mia.person)
    gone = before - await texts(node)
    assert gone == {
        *("mia\nMia Müller", "mia wrote this", "mia came by with a note", "mia is ill"),
        *("mia lost her phone", "mia found it again", "mia can count", "mia counts no more"),
        *("mia trusts", "noa for mia", "mia asks for this", "mia moved away"),
    }
    assert {"noa wrote this to mia", "the yearly fee", "noa asks for this"} <= await texts(node)
    assert (erased.names, erased.texts, erased.request_texts) == (1, 12, 1)
    assert erased.sessions >= 1
    assert await erase_in(node, mia.person) == Erased(mia.person, 0, 0, 0, 0)


async def test_the_reason_of_the_invitation_goes_with_who_joined_by_it(node: CircleNode) -> None:
    ann = node["ann"]
    code = b"ten bytes!"
    act = Invite(keys.public_key(invitation_seed(code)), 0, 10, 0, "", node.clock.wall() + DAY)
    await node.do(ann, act, text="for Oli from the bakery")
    oli = await node.join("oli", code)
    await node.do(ann, Close(), account=oli.account)
    await erase_in(node, oli.person)
    assert not {text for text in await texts(node) if "oli" in text.lower()}


async def test_no_name_or_text_of_the_person_is_left_in_any_table(node: CircleNode) -> None:
    """Nor is anything in the database that finds their salts: the commitments stay closed."""
    ann, mia = node["ann"], node["mia"]
    await live_a_little(node)
    await node.do(ann, Close(), account=mia.account)
    assert await tables_with(node, "Müller") == {"people", "personal"}
    async with node.home.database() as connection:
        salts = await connection.fetch("SELECT salt FROM personal WHERE person = $1", mia.person)
    await erase_in(node, mia.person)
    assert await tables_with(node, r"Müller|\bmia\b (wrote|asks|is ill|trusts|moved)") == set()
    async with node.home.database() as connection:
        left = await connection.fetch(
            "SELECT salt FROM personal UNION ALL SELECT salt FROM request_texts"
        )
    assert not {row["salt"] for row in salts} & {row["salt"] for row in left}


async def test_the_books_stay_sound_and_receipts_valid(node: CircleNode) -> None:
    """The log, the accounts and the keys are as they were; so is the entry that had a text."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await live_a_little(node)
    paid = await node.pay(mia, noa, 1, "last")
    await node.do(ann, Close(), account=mia.account)
    path = f"/api/v1/entries/{paid['entry']['index']}"
    before = await node.read(path, noa)
    checkpoint = await node.text("/checkpoint")
    await erase_in(node, mia.person)
    after = await node.read(path, noa)
    assert await node.text("/checkpoint") == checkpoint
    assert before.pop("text") == "last"
    before.pop("text_salt")
    assert after == before
    assert len(decode_leaf(from_base64url(after["leaf"], "leaf")).personal) == 1
    assert await is_sound(node)


async def test_no_number_is_given_twice(postgres_dsn: str, tmp_path: Path) -> None:
    """Also after a restart: a former member's number stays taken although their name is gone."""
    home = await found_circle(postgres_dsn, tmp_path / "circle")
    async with serving(home) as node:
        ann = await node.join("ann", home.founded.invitation_code)
        newest = [await node.welcome("eve"), await node.open_deviceless("dot")]
        for leaver in newest:
            await node.do(ann, Close(), account=leaver.account)
            await erase_in(node, leaver.person)
    for place in range(2):
        async with serving(home) as node:
            again = await node.welcome("eve")
            assert again.person == newest[-1].person + 1 + place
            assert again.account == newest[-1].account + 1 + place
            await node.do(ann, Close(), account=again.account)
            await erase_in(node, again.person)
            assert await is_sound(node)
    await home.drop()


async def test_who_is_still_a_member_or_officer_is_not_erased(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    opened = await node.do(ann, Open((mia.person,), 0, 5000, 0, 0, ()))
    await node.do(ann, Close(), account=mia.account)
    await node.do(ann, Appoint(mia.person, "auditor"))
    async with node.home.database() as connection:
        joint = await connection.fetchval(
            "SELECT account FROM postings WHERE entry = $1", opened["entry"]["index"]
        )
        with pytest.raises(NotErasable, match=f"account {joint}, the office of auditor") as told:
            await erase(connection, mia.person)
    assert (told.value.accounts, told.value.offices) == ([joint], ["auditor"])
    assert (await node.read("/api/v1/people", noa, handle="mia"))["people"]
    await node.do(ann, Close(), account=joint)
    with pytest.raises(NotErasable):
        await erase_in(node, mia.person)
    await node.do(ann, Dismiss(mia.person, "auditor"))
    assert (await erase_in(node, mia.person)).names == 1


@pytest.mark.parametrize("person", [0, 1, 2, 100, 999_999, 2**53 - 1])
async def test_nobody_is_erased_who_was_never_here(node: CircleNode, person: int) -> None:
    """The paper key is nobody."""
    with pytest.raises(PersonUnknown):
        await erase_in(node, person)


async def test_an_officers_reasons_stay_with_those_whom_they_are_about(node: CircleNode) -> None:
    """What ann wrote for herself goes with her; why she did what she did for others does not."""
    ann, mia = node["ann"], node["mia"]
    ben = await node.welcome("ben", office="coordinator")
    await node.pay(ann, mia, 5, "ann for herself")
    await node.do(ann, Limits(-100, 6000), account=mia.account, text="ann on mia")
    await node.do(ben, Dismiss(ann.person, "coordinator"), text="ben on ann")
    await node.do(ben, Close(), account=ann.account, text="ann left")
    await erase_in(node, ann.person)
    left = await texts(node)
    assert "ann on mia" in left
    assert not {"ann for herself", "ben on ann", "ann left", "ann\nAnn"} & left
    line = (await node.read(f"/api/v1/accounts/{mia.account}/statement", mia))["lines"][0]
    assert line["text"] == "ann on mia"
    assert line["by"] == {"person": ann.person, "handle": None, "name": None}


async def test_what_was_done_on_a_joint_account_stays_with_the_other_holder(
    node: CircleNode,
) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    opened = await node.do(ann, Open((noa.person,), 0, 5000, 0, 0, ()))
    async with node.home.database() as connection:
        joint = await connection.fetchval(
            "SELECT account FROM postings WHERE entry = $1", opened["entry"]["index"]
        )
    await node.do(ann, Holder(mia.person, 1), account=joint, cosigners=(noa,), text="mia moves in")
    await node.do(ann, Sell(100, "cash"), account=joint, text="for the household")
    await node.do(ann, Holder(mia.person, 0), account=joint, text="mia moves out")
    await node.do(ann, Close(), account=mia.account)
    await erase_in(node, mia.person)
    left = await texts(node)
    assert "for the household" in left
    assert not {"mia moves in", "mia moves out"} & left


async def test_a_reversal_between_two_stays_until_both_are_gone(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    paid = await node.pay(mia, noa, 5)
    await node.do(ann, Reverse(paid["entry"]["index"]), text="between mia and noa")
    await node.do(ann, Close(), account=mia.account)
    await erase_in(node, mia.person)
    assert "between mia and noa" in await texts(node)


async def test_a_former_member_is_signed_out_and_their_handle_is_free(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await node.pay(mia, noa, 5)
    await node.do(ann, Close(), account=mia.account)
    assert (await node.read("/api/v1/me", mia))["handle"] == "mia"
    await erase_in(node, mia.person)
    assert await node.refusal("/api/v1/me", mia) == "session-refused"
    assert (await node.read("/api/v1/people", noa, handle="mia"))["people"] == []
    node.forget_sessions()
    me = await node.read("/api/v1/me", mia)
    assert (me["handle"], me["name"], me["accounts"][0]["closed"]) == (None, None, True)
    newcomer: Member = await node.welcome("mia")
    assert newcomer.person != mia.person
    line = (await node.read(f"/api/v1/accounts/{noa.account}/statement", noa))["lines"][0]
    assert line["counterparty"] == {"account": mia.account, "handle": None, "name": None}


async def test_erasing_goes_on_after_a_deadlock_with_who_serves(node: CircleNode) -> None:
    """Of two transactions that wait for each other, PostgreSQL ends one: here the erasing one."""
    ann, mia = node["ann"], node["mia"]
    await node.pay(mia, node["noa"], 30, "mia wrote this")
    await node.do(ann, Close(), account=mia.account)
    async with node.home.database() as serving, node.home.database() as erasing:
        async with serving.transaction():
            await serving.execute("SET LOCAL deadlock_timeout = '1h'")
            await serving.fetch("SELECT FROM people WHERE person = $1 FOR UPDATE", mia.person)
            erased = asyncio.create_task(erase(erasing, mia.person))
            await wait_until_waiting(node, erasing.get_server_pid())
            await serving.fetch("SELECT FROM personal WHERE person = $1 FOR UPDATE", mia.person)
        assert (await erased).names == 1
    assert "mia wrote this" not in await texts(node)


async def wait_until_waiting(node: CircleNode, process: int) -> None:
    """Until this process of the server waits for a lock."""
    async with node.home.database() as connection:

        async def waits() -> bool:
            blockers = await connection.fetchval("SELECT pg_blocking_pids($1)", process)
            return bool(blockers)

        await until(waits)


async def test_command_says_whom_it_is_about_to_erase(node: CircleNode) -> None:
    """By name, as a number is easily mistaken; and what was forgotten before is not told again."""
    mia = node["mia"]
    asked = await tallyd_erase(node, mia.person, "y\n")
    assert asked.stderr == (
        f"Person {mia.person} still holds account {mia.account}: first a coordinator ends that,"
        " with tally officer close, or dismiss.\n"
    )
    await node.do(node["ann"], Close(), account=mia.account)
    asked = await tallyd_erase(node, mia.person, "n\n")
    question = f"Erase Mia Müller (mia, {mia.person})? It cannot be undone [y/N]: "
    assert asked.stdout == f"{question}Nobody was erased.\n"
    asked = await tallyd_erase(node, mia.person, "y\n")
    assert asked.stdout.startswith(f"{question}Person {mia.person} is forgotten: the name, ")
    asked = await tallyd_erase(node, mia.person, "y\n")
    assert asked.stdout.endswith(f"Person {mia.person} was forgotten before.\n")


async def tallyd_erase(
    node: CircleNode, person: int, answer: str
) -> subprocess.CompletedProcess[str]:
    home = node.home
    program = "from node.cli import main; main()"
    write_config(home.config.directory, home.config.schema, "127.0.0.1:0")
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", program, "erase", str(home.config.directory), str(person)],
        env={**os.environ, "DATABASE_URL": home.dsn},
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
