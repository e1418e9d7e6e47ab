"""Which path and method is answered, by whom, and with which headers."""

from __future__ import annotations

import json

import pytest

from tests.http_layer.toy import Running


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/accounts/",
        "//accounts",
        "/accounts/7/x",
        "/names/%00",
        "/names/a%0Ab",
        "/names/%FF",
        "/names/%2E%2E",
        "/names/..",
        "/names/a%2Fb",
        "/names/a%5Cb",
        "/tile/",
        "/tile/../x",
        "/tile/%2e%2e/%2e%2e/etc/passwd",
        "/tile/..%2f..%2fetc%2fpasswd",
        "/names/%",
        "*",
    ],
)
async def test_unknown_or_undecodable_path_is_a_404_problem(toy: Running, path: str) -> None:
    method = "OPTIONS" if path == "*" else "GET"
    data = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = (await toy.raw(data.encode())).partition(b"\r\n\r\n")
    if path == "/names/%":
        # A lone percent sign is no escape; it means itself.
        assert head.startswith(b"HTTP/1.1 200")
        return
    assert head.startswith(b"HTTP/1.1 404")
    assert json.loads(body)["code"] == "path-unknown"


async def test_path_is_compared_decoded(toy: Running) -> None:
    data = b"GET /%6eames/%C3%A9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert json.loads((await toy.raw(data)).partition(b"\r\n\r\n")[2]) == {"greeting": "é"}


async def test_wrong_method_is_told_the_right_ones(toy: Running) -> None:
    async with toy.client.patch("/accounts") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
        assert (await response.json(content_type=None))["code"] == "method-not-allowed"


async def test_head_is_get_without_its_body(toy: Running) -> None:
    async with toy.client.get("/accounts") as response:
        length = response.headers["Content-Length"]
    for path in ("/accounts", "/statement.csv", "/api/v1/docs"):
        async with toy.client.head(path) as response:
            assert (response.status, await response.read()) == (200, b"")
            if path == "/accounts":
                assert response.headers["Content-Length"] == length


async def test_other_origins_may_read_and_preflights_are_answered(toy: Running) -> None:
    headers = {"Origin": "https://else.example", "Access-Control-Request-Method": "POST"}
    async with toy.client.options("/accounts", headers=headers) as response:
        assert response.status == 204
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers
    async with toy.client.get("/accounts", headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/accounts", "/nothing", "/fault", "/api/v1/docs", "/gate/x"])
async def test_every_answer_has_the_security_headers(toy: Running, path: str) -> None:
    async with toy.client.get(path) as response:
        assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Server"] == "tallystick"
        kept = "no-store" if path != "/api/v1/docs" else "public, max-age=3600"
        assert response.headers["Cache-Control"] == kept
