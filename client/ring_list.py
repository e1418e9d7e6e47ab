"""What coordinators tell by hand: calls, letters, announcements, and complaints about messages."""

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


@dataclass(frozen=True, slots=True)
class MessageComplaint:
    """What somebody said is wrong with a message; ``closed`` when it was dealt with."""

    number: int
    message: int
    words: str
    about_handle: str
    by_handle: str
    text: str
    made: int
    closed: int | None
    outcome: str


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


async def complaints(session: NodeSession) -> tuple[MessageComplaint, ...]:
    """All, newest first, but for those about the one who asks."""
    asked = {"limit": str(PAGED_MAX)}
    found = session.paged("/api/v1/message-reports", asked, "reports", _read_complaint)
    return tuple([each async for each in found])


async def close_complaint(session: NodeSession, number: int, outcome: str) -> None:
    """Note what came of it."""
    await session.change("PUT", f"/api/v1/message-reports/{number}", {"outcome": outcome})


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


def _read_complaint(report: Fields) -> MessageComplaint:
    return MessageComplaint(
        number=report.integer("number", 1),
        message=report.integer("message", 1),
        words=report.text("words", TEXT_MAX),
        about_handle=report.text("about_handle", NAME_MAX),
        by_handle=report.text("by_handle", NAME_MAX),
        text=report.text("text", TEXT_MAX),
        made=report.integer("made"),
        closed=report.optional("closed", report.integer),
        outcome=report.text("outcome", TEXT_MAX),
    )
