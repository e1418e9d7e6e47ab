"""The pages for people: they say what the circle is, safely, and run nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from ledger.charter import Rules
from tests.circle_node import circle_node, usual_rules

HOSTILE = '<script>alert("x")</script> & co'


class Tags(HTMLParser):
    """The tags of a page, each with its attributes, and whether they are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (usual_rules(), ["We count tokens, in parts as small as 0.01 tokens", "up to 20 tokens"]),
        (
            usual_rules(unit_kind="minutes", unit_scale=0, starter=90, floor=-600),
            ["We count hours and minutes", "1 and a half hours", "up to 10 hours"],
        ),
        (usual_rules(unit_scale=0, floor=0, starter=0), ["We count whole tokens", "Nobody can"]),
    ],
)
async def test_the_front_page_tells_what_the_circle_is(
    postgres_dsn: str, tmp_path: Path, rules: Rules, words: list[str]
) -> None:
    async with circle_node(postgres_dsn, tmp_path / "circle", rules) as node:
        await node.welcome("ada", office="auditor")
        page = await node.text("/")
        size = (await node.read("/health"))["size"]
        root = (await node.text("/checkpoint")).split("\n")[2]
    tags = Tags(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "style", "iframe", "img", "form"}
    links = {attributes["href"] for tag, attributes in tags.seen if tag == "a"}
    assert links == {"/join", "/open", "/checkpoint", "/.well-known/tallystick", "/api/v1/docs"}
    for word in (*words, "Southwark Circle", f"{size} lines", root):
        assert word in page
    assert "ann@southwark.example" in page
    assert "ada@southwark.example" in page


async def test_names_on_pages_are_text_and_never_markup(postgres_dsn: str, tmp_path: Path) -> None:
    rules = usual_rules(name=HOSTILE.encode(), unit_plural=b"<b>tokens</b>")
    async with circle_node(postgres_dsn, tmp_path / "circle", rules) as node:
        for path in ("/", "/join", "/pay", "/open"):
            page = await node.text(path)
            assert "<script" not in page
            assert "<b>" not in page
            assert "&lt;script&gt;" in page
            assert Tags(page).open == []


async def test_the_join_page_takes_no_code_and_tells_what_to_do(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """It is the same for everybody: the code is in the fragment, which is not sent."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        page = await node.text("/join")
        async with node.http.get("/join") as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert response.headers["Referrer-Policy"] == "no-referrer"
        async with node.http.head("/") as response:
            assert response.status == 200
        assert await node.refusal("/join", code="abcde") == "request-invalid"
    assert "tally join https://southwark.example/join#" in page
    assert "<script" not in page
    assert "<form" not in page


async def test_the_pay_page_is_the_same_for_every_request_and_tells_how_to_pay(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """The link's fragment is not sent, so that the page says nothing about the request."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as node:
        page = await node.text("/pay")
        async with node.http.get("/pay") as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert response.headers["Referrer-Policy"] == "no-referrer"
        assert await node.refusal("/pay", id="abcde") == "request-invalid"
    tags = Tags(page)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "style", "iframe", "img", "form"}
    assert [tag for tag, _ in tags.seen if tag.startswith("h")] == ["html", "head", "h1"] + [
        "h2"
    ] * 3
    assert ("html", {"lang": "en"}) in tags.seen
    assert "tally pay &quot;https://southwark.example/pay#" in page
    assert "Southwark Circle asks to be paid by you" in page
