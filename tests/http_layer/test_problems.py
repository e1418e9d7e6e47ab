"""Errors of the HTTP edge are problems, and every code says what it means."""

from __future__ import annotations

import json

from node.http import STATUS
from node.http.problem import every_error, find_status
from tests.http_layer.toy import Running


async def test_problem_has_its_type_code_and_typed_attributes(toy: Running) -> None:
    async with toy.client.get("/overdraft") as response:
        assert response.status == 409
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = await response.json(content_type=None)
        request_id = response.headers["X-Request-Id"]
    assert problem == {
        "type": "/problems/credit-limit",
        "title": "Credit limit",
        "status": 409,
        "detail": "Account 3, 4 has 10 available and can go down to -5, so 20 is too much.",
        "code": "credit-limit",
        "accounts": [3, 4],
        "available": 10,
        "amount": 20,
        "floor": -5,
        "instance": f"urn:uuid:{request_id}",
    }


async def test_fault_is_logged_and_told_without_its_details(toy: Running) -> None:
    status, problem = await toy.json("GET", "/fault")
    assert (status, problem["code"]) == (500, "internal-error")
    assert "swordfish" not in json.dumps(problem)
    assert toy.log.faults[0]["operation"] == "fail"
    assert problem["instance"].endswith(toy.log.faults[0]["request_id"])


async def test_problem_codes_have_a_page_and_a_description(toy: Running) -> None:
    status, listed = await toy.json("GET", "/problems")
    assert status == 200
    assert {one["code"] for one in listed} == {one.code for one in every_error()}
    _, described = await toy.json("GET", "/problems/path-unknown")
    assert described["status"] == 404
    async with toy.client.get("/problems/path-unknown", headers={"Accept": "text/html"}) as page:
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<h1>Path unknown</h1>" in await page.text()
    assert (await toy.json("GET", "/problems/nonsense"))[0] == 404


def test_every_error_class_has_a_status() -> None:
    for error in every_error():
        assert 400 <= find_status(error, STATUS) <= 599
