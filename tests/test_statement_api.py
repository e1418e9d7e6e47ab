"""An account's statement over HTTP: pages, days, counterparties, and what each line tells."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import (
    COMMUNITY,
    TREASURY,
    Assign,
    Close,
    Hold,
    Levy,
    Mandate,
    Open,
    Pay,
    Payout,
    Redeem,
    Reverse,
    Sell,
    Settle,
)
from node.api import statement as served
from node.erase import erase
from tests.circle_node import DAY, HOUR, CircleNode, Member, circle_node, usual_rules


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, and the members mia and noa."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia")
        await live.welcome("noa")
        yield live


async def lines_of(
    node: CircleNode, member: Member, reader: Member | None = None, **query: Any
) -> list[dict[str, Any]]:
    """All lines of a member's statement, page by page."""
    lines: list[dict[str, Any]] = []
    path = f"/api/v1/accounts/{member.account}/statement"
    while True:
        page = await node.read(path, reader or member, **query)
        lines += page["lines"]
        if page["next"] is None:
            return lines
        query["cursor"] = page["next"]


async def newest(node: CircleNode, member: Member) -> dict[str, Any]:
    """The newest line of a member's statement."""
    path = f"/api/v1/accounts/{member.account}/statement"
    line: dict[str, Any] = (await node.read(path, member, limit=1))["lines"][0]
    return line


async def table_of(
    node: CircleNode, member: Member, reader: Member | None = None, **query: Any
) -> list[dict[str, str]]:
    """A member's statement as CSV, read back."""
    path = f"/api/v1/accounts/{member.account}/statement"
    text = await node.text(path, reader or member, format_="csv", **query)
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_a_payment_stands_on_both_statements(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    yesterday = node.clock.wall() // DAY - 1
    paid = await node.do(mia, Pay(((noa.account, 120),), (yesterday,)), text="apples\nand pears")
    line = await newest(node, noa)
    assert line == {
        "seq": 2,
        "entry": paid["entry"]["index"],
        "log_time": line["log_time"],
        "kind": "pay",
        "authority": "member",
        "delta": 120,
        "balance": 620,
        "held": 0,
        "counterparty": {"account": mia.account, "handle": "mia", "name": "Mia"},
        "text": "apples\nand pears",
        "happened_on": date.fromordinal(719_163 + yesterday).isoformat(),
        "reference": None,
        "slip": None,
        "by": None,
        "order_id": paid["order_id"],
        "elsewhere": None,
    }
    theirs = await newest(node, mia)
    assert theirs["delta"] == -120
    assert theirs["balance"] == 380
    assert theirs["counterparty"]["handle"] == "noa"
    assert theirs["text"] == line["text"]


async def test_pages_have_every_line_once_newest_first(node: CircleNode) -> None:
    """Whatever the page's size, and although more is paid while somebody turns the pages."""
    mia, noa = node["mia"], node["noa"]
    for amount in range(1, 12):
        await node.pay(mia, noa, amount)
    for limit in (1, 3, 4, 12, 13, 200):
        lines = await lines_of(node, noa, limit=limit)
        assert [line["seq"] for line in lines] == list(range(12, 0, -1))
        assert [line["delta"] for line in lines] == [*range(11, 0, -1), 500]
    path = f"/api/v1/accounts/{noa.account}/statement"
    page = await node.read(path, noa, limit=5)
    await node.pay(mia, noa, 100)
    following = await node.read(path, noa, limit=5, cursor=page["next"])
    assert [line["seq"] for line in following["lines"]] == [7, 6, 5, 4, 3]
    assert (await node.read(path, noa, cursor=1)) == {
        "account": noa.account,
        "unit": {"name": "token", "plural": "tokens", "kind": "decimal", "scale": 2},
        "lines": [],
        "next": None,
    }


async def test_days_are_utc_and_both_included(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    days = []
    for amount in (1, 2, 3):
        await node.pay(mia, noa, amount)
        await node.pay(mia, noa, 10 * amount)
        days.append(node.clock.day())
        node.later(DAY)
    first, second, third = days

    async def deltas(**query: Any) -> list[int]:
        lines = await lines_of(node, noa, limit=1, **query)
        return [line["delta"] for line in lines]

    assert await deltas(from_=second, to=second) == [20, 2]
    assert await deltas(from_=second) == [30, 3, 20, 2]
    assert await deltas(to=first) == [10, 1, 500]
    assert await deltas(from_=first, to=third) == [30, 3, 20, 2, 10, 1, 500]
    assert await deltas(to="0001-01-01") == []
    assert await deltas(from_="9999-12-31", to="9999-12-31") == []
    assert await deltas(from_=third, to=first) == []
    assert await deltas(from_="0001-01-01", to="9999-12-31") == await deltas()


async def test_day_boundaries_are_found_at_every_place(node: CircleNode) -> None:
    """The bisection finds the first posting of each day, however many days there are."""
    mia, noa = node["mia"], node["noa"]
    by_day: dict[str, list[int]] = {}
    for amount in range(1, 10):
        by_day.setdefault(node.clock.day(), []).insert(0, amount)
        await node.pay(mia, noa, amount)
        node.later(DAY // 2)
    for day, amounts in by_day.items():
        lines = await lines_of(node, mia, from_=day, to=day)
        assert [-line["delta"] for line in lines if line["kind"] == "pay"] == amounts


async def test_counterparty_leaves_the_others_out(node: CircleNode) -> None:
    mia, noa, oli = node["mia"], node["noa"], await node.welcome("oli")
    for payee, amount in ((noa, 1), (oli, 2), (noa, 3), (oli, 4), (noa, 5)):
        await node.pay(mia, payee, amount)
    for limit in (1, 2, 3, 50):
        lines = await lines_of(node, mia, counterparty=noa.account, limit=limit)
        assert [line["delta"] for line in lines] == [-5, -3, -1]
    assert [line["delta"] for line in await lines_of(node, mia, counterparty=COMMUNITY)] == [500]
    assert await lines_of(node, mia, counterparty=mia.account) == []
    assert await lines_of(node, mia, counterparty=2**53 - 1) == []
    table = await table_of(node, mia, counterparty=oli.account)
    assert [row["change"] for row in table] == ["-0.04", "-0.02"]


async def test_officers_acts_name_the_officer_and_the_reference(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    by_ann = {"person": ann.person, "handle": "ann", "name": "Ann"}
    await node.do(ann, Sell(900, "cash 1"), account=mia.account, text="nine tokens")
    line = await newest(node, mia)
    assert (line["kind"], line["authority"], line["by"]) == ("sell", "officer", by_ann)
    assert (line["reference"], line["text"]) == ("cash 1", "nine tokens")
    assert line["counterparty"] == {"account": TREASURY, "handle": None, "name": "Treasury"}
    await node.do(ann, Redeem(100, "cash 2"), account=mia.account)
    assert (await newest(node, mia))["reference"] == "cash 2"
    paid = await node.pay(mia, noa, 30)
    await node.do(ann, Reverse(paid["entry"]["index"]))
    line = await newest(node, noa)
    assert (line["kind"], line["delta"], line["by"]) == ("reverse", -30, by_ann)
    assert line["counterparty"]["handle"] == "mia"


async def test_one_leg_of_many_names_who_paid_or_collected(node: CircleNode) -> None:
    """The payer's own line has many counterparties, so it names none."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await node.do(mia, Pay(((noa.account, 20), (ann.account, 30))))
    assert (await newest(node, noa))["counterparty"]["handle"] == "mia"
    assert (await newest(node, mia))["counterparty"] is None
    await node.do(ann, Levy(((mia.account, 10), (noa.account, 10))), account=COMMUNITY)
    assert (await newest(node, mia))["counterparty"]["name"] == "Community"
    await node.do(ann, Payout(((mia.account, 5), (noa.account, 5))), account=TREASURY)
    assert (await newest(node, mia))["counterparty"]["name"] == "Treasury"


async def test_set_aside_tokens_show_for_whom(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    until = node.clock.wall() + HOUR
    held = await node.do(mia, Hold((noa.account,), 60, until), text="the garden")
    line = await newest(node, mia)
    assert (line["kind"], line["delta"], line["held"]) == ("hold", 0, 60)
    assert line["counterparty"]["handle"] == "noa"
    await node.do(mia, Settle(held["entry"]["index"], noa.account, 50))
    line = await newest(node, noa)
    assert (line["kind"], line["delta"]) == ("settle", 50)
    assert line["counterparty"]["handle"] == "mia"


async def test_whom_a_promise_is_given_to_shows_on_both_statements(node: CircleNode) -> None:
    """Also after it was handed back."""
    mia, noa = node["mia"], node["noa"]
    held = await node.do(mia, Hold((), 60, node.clock.wall() + HOUR))
    number = held["entry"]["index"]
    for signer, act in ((mia, Assign(number, (noa.account,))), (noa, Assign(number, ()))):
        await node.do(signer, act)
        for reader, other in ((mia, "noa"), (noa, "mia")):
            line = await newest(node, reader)
            assert (line["kind"], line["delta"]) == ("assign", 0)
            assert line["counterparty"]["handle"] == other


async def test_who_acts_for_another_is_named_on_both_statements(node: CircleNode) -> None:
    """Somebody with a mandate, and a coordinator with a slip."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    dot = await node.open_deviceless("dot")
    until = node.clock.wall() + DAY
    granted = await node.do(mia, Mandate(noa.person, ("pay",), 100, DAY, until))
    mandate = (granted["entry"]["index"],)
    await node.do(noa, Pay(((ann.account, 7),)), account=mia.account, mandate=mandate)
    for reader in (mia, ann):
        line = await newest(node, reader)
        assert line["authority"] == "mandate"
        assert line["by"] == {"person": noa.person, "handle": "noa", "name": "Noa"}
    slip = (("telephone", "17"),)
    await node.do(ann, Pay(((noa.account, 9),)), account=dot.account, slip=slip, text="a lift")
    for line in ((await lines_of(node, dot, ann))[0], await newest(node, noa)):
        assert (line["authority"], line["by"]["handle"]) == ("officer", "ann")
        assert line["slip"] == {"channel": "telephone", "number": "17"}
        assert line["text"] == "a lift"


async def test_a_new_members_name_is_no_text_of_the_statement(node: CircleNode) -> None:
    await node.open_deviceless("dot")
    for member in (node["mia"], node["dot"]):
        [line] = await lines_of(node, member, node["ann"])
        assert (line["kind"], line["text"], line["balance"]) == ("open", None, 500)
    system = await node.read(f"/api/v1/accounts/{COMMUNITY}/statement", node["ann"])
    assert all(line["text"] is None for line in system["lines"])
    assert system["lines"][-1]["kind"] == "charter"
    assert system["lines"][-1]["order_id"] is None


async def test_former_members_are_nameless_to_the_other_side(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await node.pay(mia, noa, 120, "apples")
    await node.pay(noa, mia, 20, "change")
    await node.do(ann, Close(), account=mia.account)
    async with node.home.database() as connection:
        await erase(connection, mia.person)
    change, apples, _ = await lines_of(node, noa)
    nobody = {"account": mia.account, "handle": None, "name": None}
    assert (apples["text"], apples["counterparty"]) == (None, nobody)
    assert (change["text"], change["counterparty"]) == ("change", nobody)
    row = (await table_of(node, noa))[0]
    assert (row["counterparty_name"], row["counterparty_handle"]) == ("former member", "")


async def test_auditors_see_amounts_and_no_texts(node: CircleNode) -> None:
    mia, noa, ada = node["mia"], node["noa"], await node.welcome("ada", office="auditor")
    await node.pay(mia, noa, 5, "for the auditor not to read")
    seen = await lines_of(node, mia, ada)
    assert [line["delta"] for line in seen] == [-5, 500]
    assert [line["text"] for line in seen] == [None, None]
    assert {row["text"] for row in await table_of(node, mia, ada)} == {""}
    await node.pay(mia, ada, 5, "for ada herself")
    assert (await newest(node, ada))["text"] == "for ada herself"


async def test_joint_accounts_name_all_their_holders(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    opened = await node.do(ann, Open((mia.person,), 0, 5000, 0, 0, ()))
    async with node.home.database() as connection:
        joint = await connection.fetchval(
            "SELECT account FROM postings WHERE entry = $1", opened["entry"]["index"]
        )
        await connection.execute("INSERT INTO holders VALUES ($1, $2)", joint, noa.person)
    await node.do(ann, Pay(((joint, 10),)))
    line = await newest(node, ann)
    assert line["counterparty"] == {"account": joint, "handle": "mia", "name": "Mia and Noa"}


async def test_a_missing_entry_is_told_as_damage_with_what_to_do(
    node: CircleNode, capfd: pytest.CaptureFixture[str]
) -> None:
    """Somebody deleted it, or a disk lost it: the lines cannot be told, and the operator hears."""
    mia, noa = node["mia"], node["noa"]
    paid = await node.pay(mia, noa, 120, "apples")
    index = paid["entry"]["index"]
    async with node.home.database() as database:
        await database.execute("SET session_replication_role = replica")
        await database.execute("DELETE FROM entries WHERE index = $1", index)
    path = f"/api/v1/accounts/{noa.account}/statement"
    status, problem = await node.request("GET", path, noa)
    assert (status, problem["code"]) == (500, "records-damaged")
    assert problem["missing"] == f"entry {index}"
    assert "tallyd check" in problem["detail"]
    told = capfd.readouterr()
    assert "records_damaged" in told.out + told.err


async def test_a_missing_line_is_told_as_damage_where_a_day_is_looked_for(
    node: CircleNode,
) -> None:
    mia, noa = node["mia"], node["noa"]
    for _ in range(3):
        await node.pay(mia, noa, 1)
    async with node.home.database() as database:
        await database.execute("SET session_replication_role = replica")
        await database.execute("DELETE FROM postings WHERE account = $1 AND seq = 3", noa.account)
    path = f"/api/v1/accounts/{noa.account}/statement"
    assert await node.refusal(path, noa, from_=node.clock.day()) == "records-damaged"


async def test_csv_has_the_whole_range_in_one_file(node: CircleNode) -> None:
    """More lines than are read at once, with text that needs quoting."""
    mia, noa = node["mia"], node["noa"]
    count = served.CSV_LINES + 20
    await node.submit(*(node.sign(mia, Pay(((noa.account, 1),))) for _ in range(count)))
    await node.pay(mia, noa, 5, 'apples, "red"\nand pears')
    rows = await table_of(node, noa)
    assert len(rows) == count + 2
    assert [int(row["entry"]) for row in rows] == sorted(
        (int(row["entry"]) for row in rows), reverse=True
    )
    first, last = rows[0], rows[-1]
    assert first["text"] == 'apples, "red"\nand pears'
    assert (first["change"], first["balance"], first["unit"]) == ("0.05", "10.25", "tokens")
    assert (first["counterparty_name"], first["counterparty_handle"]) == ("Mia", "mia")
    assert first["logged_at"].startswith(node.clock.day())
    assert last["kind"] == "open"
    assert len(await table_of(node, noa, limit=1)) == len(rows)


async def test_csv_is_told_as_a_file(node: CircleNode) -> None:
    mia = node["mia"]
    path = f"/api/v1/accounts/{mia.account}/statement?format=csv"
    headers = {"Authorization": f"Bearer {await node.sign_in(mia)}"}
    async with node.http.get(path, headers=headers) as response:
        body = await response.read()
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        disposition = response.headers["Content-Disposition"]
    assert disposition == f'attachment; filename="statement-{mia.account}.csv"'
    assert body.endswith(b"\r\n")
    assert body.count(b"\r\n") == 2


async def test_csv_runs_no_formula(node: CircleNode) -> None:
    """What people write may begin with what a spreadsheet takes for a formula."""
    mia, noa = node["mia"], node["noa"]
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "＝1+1", '=HYPERLINK("http://x")', "\n=1"]
    harmless = ["1 = 1", "a-b", "'quoted", "50 % + tip"]
    for text in hostile + harmless:
        await node.pay(mia, noa, 1, text)
    rows = (await table_of(node, noa))[::-1][1:]
    assert [row["text"] for row in rows] == [f"'{text}" for text in hostile] + harmless
    eve = await node.welcome("eve", '=cmd|"calc"')
    await node.pay(eve, noa, 1)
    assert (await table_of(node, noa))[0]["counterparty_name"] == '\'=cmd|"calc"'
    ours = [row["change"] for row in await table_of(node, mia)]
    assert ours[0] == "-0.01"


async def test_minutes_are_whole_minutes_in_csv(postgres_dsn: str, tmp_path: Path) -> None:
    rules = usual_rules(unit_kind="minutes", unit_scale=0, unit_name=b"hour", unit_plural=b"hours")
    async with circle_node(postgres_dsn, tmp_path / "circle", rules) as node:
        mia = await node.welcome("mia")
        await node.pay(mia, node["ann"], 80)
        row = (await table_of(node, mia))[0]
    assert (row["change"], row["unit"]) == ("-80", "minutes")


async def test_what_is_no_parameter_is_refused(node: CircleNode) -> None:
    mia = node["mia"]
    path = f"/api/v1/accounts/{mia.account}/statement"
    for wrong in (
        {"limit": 0},
        {"limit": 201},
        {"limit": "1e1"},
        {"cursor": -1},
        {"cursor": 2**53},
        {"cursor": "x"},
        {"from_": "2026-02-30"},
        {"from_": "20260201"},
        {"to": "0"},
        {"counterparty": -1},
        {"format_": "xml"},
        {"offset": 3},
    ):
        assert await node.refusal(path, mia, **wrong) == "request-invalid", wrong
    assert await node.refusal("/api/v1/accounts/-1/statement", mia) == "request-invalid"
