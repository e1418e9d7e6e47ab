"""Complaints about what members do: made by members, dealt with by coordinators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from client.care import Named, read_named
from client.json_fields import Fields
from client.node_session import NodeSession

COMPLAINTS: Final = "/api/v1/complaints"
PAGE: Final = {"limit": "200"}
TEXT_MAX: Final = 4000
ABOUT_CHARACTERS_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Complaint:
    """What somebody (``by``) says is wrong with what ``person`` did; ``closed`` once dealt with.

    ``about`` is a path such as ``listings/12``, ``title`` what that was called, or the words of a
    message. Times are Unix milliseconds.
    """

    number: int
    about: str
    title: str
    person: Named
    by: Named
    text: str
    made: int
    closed: int | None
    outcome: str


async def complain(session: NodeSession, about: str, text: str, person: int | None = None) -> int:
    """Tell the coordinators; the number of the complaint.

    ``person`` is whom it is about, where that could be several. The node takes the same words again
    as the same complaint.
    """
    body: dict[str, object] = {"about": about, "text": text}
    if person is not None:
        body["person"] = person
    made = await session.changed("POST", COMPLAINTS, body, repeatable=True)
    return made.integer("number", 1)


async def complaints(session: NodeSession) -> tuple[Complaint, ...]:
    """All, newest first, but for those about the one who asks; for coordinators."""
    found = session.paged(COMPLAINTS, PAGE, "complaints", _read_complaint)
    return tuple([each async for each in found])


async def close_complaint(session: NodeSession, number: int, outcome: str) -> None:
    """Note what came of it."""
    await session.change("PUT", f"{COMPLAINTS}/{number}", {"outcome": outcome})


def _read_complaint(each: Fields) -> Complaint:
    return Complaint(
        number=each.integer("number", 1),
        about=each.text("about", ABOUT_CHARACTERS_MAX),
        title=each.text("title", TEXT_MAX),
        person=read_named(each.fields("person")),
        by=read_named(each.fields("by")),
        text=each.text("text", TEXT_MAX),
        made=each.integer("made"),
        closed=each.optional("closed", each.integer),
        outcome=each.text("outcome", TEXT_MAX),
    )
