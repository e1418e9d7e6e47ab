"""Bodies that are not what they say, or too much."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import JsonInvalid
from node.http.strict_json import parse_json
from tests.http_layer.toy import JSON, Running, post


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b" ", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"{} {}", "Extra data"),
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'[{"x": {"b": 1, "c": 2, "b": 1}}]', "'b' occurs twice"),
        (b"NaN", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 50_000 + b"]", "more than 20 digits"),
        (b"[" * 50_000, "nested"),
        (b"[" * 17 + b"1" + b"]" * 17, "nested"),
        (b'{"a":' * 9_000 + b"1" + b"}" * 9_000, "nested"),
        (b"[" + b"1," * 49_000 + b"1,1]", None),
        (b"[" + b"[],1," * 19_000 + b"1]", None),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00x": 1}', "surrogate"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        (b"\xef\xbb\xbf{}", "Expecting value"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        (b'"\x00"', "control character"),
        (b"'a'", "Expecting value"),
    ],
)
async def test_json_that_parsers_read_differently_is_refused(
    toy: Running, body: bytes, reason: str | None
) -> None:
    headers = (f"Content-Length: {len(body)}", "Content-Type: application/json")
    answer = await toy.raw(post("/orders", body, *headers))
    assert answer.startswith(b"HTTP/1.1 400"), answer[:500]
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    if reason is None:
        assert problem["code"] == "request-invalid"
        return
    assert problem["code"] == "json-invalid"
    assert reason in problem["detail"]


def test_json_with_too_many_values_is_refused() -> None:
    body = b"[" + b"1," * 50_000 + b"1]"
    with pytest.raises(JsonInvalid, match="more than 50000 values"):
        parse_json(body, depth_max=16, values_max=50_000)


plain_values = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()
json_values = st.recursive(
    plain_values,
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@given(json_values, st.booleans())
def test_parsed_json_is_what_was_written(value: Any, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped).encode()
    assert parse_json(text, depth_max=100, values_max=10_000) == value


@given(st.binary(max_size=60) | st.text('{}[]":,\\u0dD8019.eE+- ntrf', max_size=40).map(str.encode))
def test_parser_returns_or_refuses(body: bytes) -> None:
    try:
        parse_json(body, depth_max=8, values_max=100)
    except JsonInvalid as error:
        assert str(error).isprintable()


@pytest.mark.parametrize("header", ["X: y", "Content-Length: 0"])
async def test_missing_body_is_told_as_such(toy: Running, header: str) -> None:
    for path in ("/accounts", "/orders"):
        answer = await toy.raw(post(path, b"", header))
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"body: it is missing" in answer
    assert (await toy.raw(post("/notes", b"", header))).endswith(b"POST 0\n")


async def test_body_that_is_valid_elsewhere_is_refused_by_type(toy: Running) -> None:
    for headers in (
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ):
        async with toy.client.post(
            "/orders", data=b"[]", headers=headers, skip_auto_headers=["Content-Type"]
        ) as response:
            assert response.status == 415
            problem = await response.json(content_type=None)
            assert problem["code"] == "media-type-unsupported"
            assert problem["accepted"] == [JSON]
    good = {"Content-Type": 'Application/JSON; charset="UTF-8"'}
    assert (await toy.json("POST", "/orders", data=b"[]", headers=good))[0] == 200


async def test_compressed_body_is_refused_unread(toy: Running) -> None:
    headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}
    status, problem = await toy.json("POST", "/orders", data=b"\x1f\x8b" * 1000, headers=headers)
    assert (status, problem["code"]) == (415, "content-encoding-refused")


async def test_body_beyond_the_limit_is_refused_by_its_length(toy: Running) -> None:
    answer = await toy.raw(
        post("/orders", b"[", "Content-Length: 100001", "Content-Type: application/json")
    )
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["limit"] == 100_000


async def test_chunked_body_is_counted_as_it_comes(toy: Running) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 9_998 + b"[]"

    headers = {"Content-Type": JSON}
    status, problem = await toy.json("POST", "/orders", data=pieces(11), headers=headers)
    assert (status, problem["code"]) == (413, "body-too-large")
    assert (await toy.json("POST", "/orders", data=pieces(1), headers=headers))[0] == 200
