"""The directory as it leaves the node: on paper in large type, and as a table for a spreadsheet."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from node.api.listings_csv import COLUMNS
from node.directory.printed import PRINTED_MAX
from tests.circle_node import DAY, CircleNode, circle_node, usual_rules
from tests.directory_circle import HERE, attempt, offer, tell
from tests.test_pages import HOSTILE, Tags

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", " =cmd|x", "＝1", "\u00a0=1")


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann and the members mia and noa."""
    rules = usual_rules(name=HOSTILE.encode())
    async with circle_node(postgres_dsn, tmp_path / "circle", rules) as live:
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        yield live


async def table(node: CircleNode, **query: object) -> list[dict[str, str]]:
    """The lines of the CSV file, as a spreadsheet reads them."""
    text = await node.text("/api/v1/listings", node["noa"], format="csv", **query)
    assert text.count("\r\n") == text.count("\n") - text.count("more\nlines")
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_the_page_is_whole_safe_and_stands_alone(node: CircleNode) -> None:
    mia = node["mia"]
    await offer(node, mia, HOSTILE, text=f"{HOSTILE}\n\nand more", category="garden", cash=HOSTILE)
    await tell(node, mia, place=HOSTILE, contact=HOSTILE, shown=["place", "contact"])
    headers = {"Authorization": f"Bearer {await node.sign_in(node['noa'])}"}
    async with node.http.get("/api/v1/directory", headers=headers) as response:
        page = await response.text()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
    style = page.partition("<style>")[2].partition("</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{allowed}'; ")
    assert "<script" not in page
    tags = Tags(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "iframe", "img", "form", "link"}
    assert not {name for _, attributes in tags.seen for name in attributes if name.startswith("on")}


async def test_the_page_can_be_read_by_everybody(node: CircleNode) -> None:
    """One main heading, then categories, then entries; large type, and a language for readers."""
    await offer(node, node["mia"], "Hedges cut", category="garden", price=150, cash="£5")
    await offer(node, node["mia"], "A ladder", kind="want", form="loan", category="tools", price=0)
    await offer(node, node["mia"], "Bread", category="food")
    page = await node.text("/api/v1/directory", node["noa"])
    tags = Tags(page)
    headings = [tag for tag, _ in tags.seen if re.fullmatch(r"h\d", tag)]
    assert headings == ["h1", "h2", "h3", "h2", "h3", "h2", "h3", "h2"]
    assert ("html", {"lang": "en"}) in tags.seen
    assert ("nav", {"aria-label": "Categories"}) in tags.seen
    targets = {attributes.get("id") for tag, attributes in tags.seen if tag == "h2"}
    links = {str(attributes["href"])[1:] for tag, attributes in tags.seen if tag == "a"}
    assert links == targets - {None}
    assert "@media print" in page
    assert "font-size: 16pt" in page
    for words in (
        *("Offered by Mia Müller (mia)", "1 and a half tokens, and in cash: £5"),
        *("Wanted, to borrow by Mia Müller (mia)", "<p>Free</p>", "What it costs is to be agreed"),
        *(
            "Members write what they offer and want themselves",
            "ann@southwark.example",
            "tell a coordinator",
        ),
    ):
        assert words in page, words


async def test_the_page_has_what_is_asked_for_and_what_the_reader_may_see(
    node: CircleNode,
) -> None:
    mia = node["mia"]
    assert "Nobody offers or wants anything yet" in await node.text("/api/v1/directory", mia)
    await tell(node, mia, place="Camberwell", channel="call", contact="020 7946 0018")
    await offer(node, mia, "Hedges cut", category="garden")
    await offer(node, mia, "Bread wanted", kind="want", category="food")
    page = await node.text("/api/v1/directory", node["noa"], category="garden")
    assert "Hedges cut" in page
    assert "Bread" not in page
    assert "Camberwell" not in page
    assert "7946" not in page
    page = await node.text("/api/v1/directory", node["noa"], kind="want")
    assert "Hedges cut" not in page
    assert "Bread wanted" in page
    assert await node.refusal("/api/v1/directory", mia, kind="both") == "request-invalid"


async def test_a_page_that_would_be_a_book_says_what_it_leaves_out(node: CircleNode) -> None:
    """The oldest of a category, and all of those that come after it."""
    async with node.home.database() as database:
        await database.execute(
            """
            INSERT INTO listings (person, kind, form, category, title, body, cash, made, days,
                expires)
            SELECT $1, 'offer', 'service', 'garden', 'Hedge', '', '', 0, 90, $2
            FROM generate_series(1, $3::integer)
            """,
            *(node["mia"].person, node.clock.wall() + DAY, PRINTED_MAX),
        )
    page = await node.text("/api/v1/directory", node["noa"])
    assert "left out" not in page
    await offer(node, node["noa"], "Bread", category="food")
    page = await node.text("/api/v1/directory", node["noa"])
    assert "older ones are left out of: Food and cooking." in page
    assert page.count("<h3>Hedge</h3>") == PRINTED_MAX


async def test_nothing_that_was_written_is_a_formula_in_a_spreadsheet(node: CircleNode) -> None:
    mia = node["mia"]
    for text in FORMULAS:
        await offer(node, mia, f"{text}", text=text, cash=text, price=150)
        await tell(node, mia, place=text, contact=text, shown=["place", "contact"])
        [line] = [each for each in await table(node) if each["text"].strip("'") == text.strip()]
        for name in ("title", "text", "cash", "place", "contact"):
            assert line[name] == f"'{text.strip()}"
        assert line["price"] == "1.50"
        assert not any(value.lstrip().startswith(tuple("=+-@")) for value in line.values())


async def test_the_table_has_every_listing_and_the_columns_that_are_said(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    level = "/api/v1/vetting-levels/known"
    assert await attempt(node, "PUT", level, ann, {"name": "Known, well"}) == "ok"
    days = {"checked_on": "2026-01-01", "expires": "2099-01-01"}
    path = f"/api/v1/people/{mia.person}/vetting/known"
    assert await attempt(node, "PUT", path, ann, days) == "ok"
    await tell(node, mia, square=HERE, place="Camberwell", shown=["place"])
    await tell(node, node["noa"], square=HERE | {"easting": 534_000})
    for number in range(99):
        await offer(node, mia, f'"Hedge", number {number}', text="more\nlines", category="garden")
    lines = await table(node)
    assert tuple(lines[0]) == COLUMNS
    assert [line["title"] for line in lines] == [
        f'"Hedge", number {number}' for number in range(98, -1, -1)
    ]
    first = lines[0]
    assert (first["handle"], first["place"], first["metres"]) == ("mia", "Camberwell", "2000")
    assert (first["vetted"], first["price"], first["text"]) == ("Known, well", "", "more\nlines")
    assert len(await table(node, near=5000, words="hedges")) == 99
    assert await table(node, words="zyzzyva") == []
    code = await node.refusal("/api/v1/listings", ann, format="csv", near=500)
    assert code == "place-missing"
