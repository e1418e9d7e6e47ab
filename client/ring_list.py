"""What coordinators tell by hand: calls, letters and announcements."""

from __future__ import annotations

from dataclasses import dataclass

from client.json_fields import Fields
from client.messages import NAME_MAX, PAGED_MAX, TEXT_MAX
from client.node_session import NodeSession


@dataclass(frozen=True, slots=True)
class ErrandView:
    """A call to make or a letter to post (``how``), to be told to a member.

    ``why`` says what was in the way of telling it otherwise. Times are Unix milliseconds.
    """

    number: int
    how: str
    person: int
    handle: str
    name: str
    channel: str
    contact: str
    words: str
    urgent: bool
    made: int
    why: str
    no_replies: int
    rung: int | None


async def errands(session: NodeSession) -> tuple[ErrandView, ...]:
    """All that is to be told by hand, in the order in which it came up."""
    asked = {"limit": str(PAGED_MAX)}
    found = session.paged("/api/v1/ring-list", asked, "errands", _read_errand)
    return tuple([each async for each in found])


async def tick(session: NodeSession, number: int, outcome: str) -> None:
    """Note that somebody was told, or that there was no reply.

    A lost answer is not asked for again: a second time would count a second call.
    """
    path = f"/api/v1/ring-list/{number}"
    await session.change("PUT", path, {"outcome": outcome}, repeatable=False)


async def letters(session: NodeSession) -> bytes:
    """The letters to post, as a page to print."""
    return await session.download("/api/v1/letters", {})


async def announce(session: NodeSession, words: str, event: int | None, *, urgent: bool) -> int:
    """Tell all members, or those who come to an event; how many people that were."""
    body: dict[str, object] = {"words": words, "urgent": urgent}
    if event is not None:
        body["event"] = event
    made = await session.changed("POST", "/api/v1/announcements", body, repeatable=True)
    return made.integer("people")


def _read_errand(each: Fields) -> ErrandView:
    person = each.fields("person")
    return ErrandView(
        number=each.integer("number", 1),
        how=each.text("how", NAME_MAX),
        person=person.integer("person", 1),
        handle=person.text("handle", NAME_MAX),
        name=person.text("name", NAME_MAX),
        channel=each.text("channel", NAME_MAX),
        contact=each.text("contact", NAME_MAX),
        words=each.text("words", TEXT_MAX),
        urgent=each.boolean("urgent"),
        made=each.integer("made"),
        why=each.text("why", TEXT_MAX),
        no_replies=each.integer("no_replies"),
        rung=each.optional("rung", each.integer),
    )
