"""Members who tell of themselves, offer and want: what tests of the directory say often."""

from __future__ import annotations

from typing import Any

from tests.circle_node import CircleNode, Member

HERE = {"easting": 532_650, "northing": 176_810, "side": 1000}
"""A square of a kilometre in Camberwell, on the National Grid."""


async def tell(node: CircleNode, member: Member, by: Member | None = None, **fields: Any) -> Any:
    """Change a member's profile, by themselves unless somebody else is named; must be taken."""
    path = f"/api/v1/people/{member.person}/profile"
    status, answer = await node.request("PUT", path, by or member, json=fields)
    assert status == 200, answer
    return answer


async def offer(node: CircleNode, member: Member, title: str, **fields: Any) -> dict[str, Any]:
    """Make a listing, an offer unless told otherwise; must be taken."""
    body = {"kind": "offer", "title": title, **fields}
    status, answer = await node.request("POST", "/api/v1/listings", member, json=body)
    assert status == 200, answer
    made: dict[str, Any] = answer
    return made


async def attempt(
    node: CircleNode, method: str, path: str, member: Member, body: Any = None
) -> str:
    """Change something, and return "ok" or the code of the problem."""
    sending = {} if body is None else {"json": body}
    status, answer = await node.request(method, path, member, **sending)
    return "ok" if status < 300 else str(answer["code"])


async def titles(node: CircleNode, member: Member, **query: Any) -> list[str]:
    """The titles of what a search finds."""
    found = await node.read("/api/v1/listings", member, **query)
    return [listing["title"] for listing in found["listings"]]
