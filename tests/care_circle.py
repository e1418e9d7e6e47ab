"""A circle that looks after its people: what tests of safeguarding and duty say often."""

from __future__ import annotations

from typing import Any

from tests.circle_node import CircleNode, Member
from tests.directory_circle import attempt

COMPLAINTS = "/api/v1/complaints"
CONCERNS = "/api/v1/concerns"


async def name_lead(
    node: CircleNode, lead: Member | None, deputy: Member | None = None, *, by: str = "ann"
) -> Any:
    """Say who looks after safeguarding; must be taken."""
    body = {
        "lead": None if lead is None else lead.person,
        "deputy": None if deputy is None else deputy.person,
    }
    return await put(node, "PUT", "/api/v1/safeguarding", node[by], **body)


async def put(node: CircleNode, method: str, path: str, member: Member, **body: Any) -> Any:
    """Send what must be taken; None where nothing is answered."""
    sending = {"json": body} if body else {}
    status, answer = await node.request(method, path, member, **sending)
    assert status in (200, 204), answer
    return answer


async def raise_about(
    node: CircleNode, reporter: Member, subject: Member, **fields: Any
) -> tuple[str, str]:
    """Raise a concern that must be taken: its path, and as what it is read."""
    body = {"person": subject.person, "text": "She had a bruise again.", **fields}
    raised = await put(node, "POST", CONCERNS, reporter, **body)
    return f"{CONCERNS}/{raised['number']}", raised["readers"]


async def complain(
    node: CircleNode, by: Member, about: str, text: str = "It is not nice.", **more: Any
) -> str:
    """Complain of something, such as ``listings/12``; "ok" or the code of the problem."""
    return await attempt(node, "POST", COMPLAINTS, by, {"about": about, "text": text, **more})


async def told(node: CircleNode, member: Member) -> list[tuple[str, str, str]]:
    """What somebody is told by notices: kind, about and words of each."""
    async with node.home.database() as database:
        rows = await database.fetch(
            "SELECT kind, about, words FROM notices WHERE person = $1 ORDER BY number",
            member.person,
        )
    return [tuple(row) for row in rows]
