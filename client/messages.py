"""What the circle tells this member, and what members write to each other, as a node shows it."""

from __future__ import annotations

from dataclasses import dataclass

from client.json_fields import Fields
from client.node_session import NodeSession

TEXT_MAX = 4000
NAME_MAX = 200
PAGE = 50
PAGED_MAX = 200
NEW_PAGES_MAX = 20


@dataclass(frozen=True, slots=True)
class NoticeView:
    """What the circle told; ``new`` where no device of theirs had shown it. ``made`` is Unix ms."""

    number: int
    kind: str
    about: str
    words: str
    urgent: bool
    made: int
    new: bool


@dataclass(frozen=True, slots=True)
class MessageView:
    """What somebody wrote; ``entered_by`` entered it for them. Times are Unix milliseconds."""

    number: int
    thread: int
    author: int
    entered_by: str | None
    words: str
    made: int
    read: int | None


@dataclass(frozen=True, slots=True)
class ThreadView:
    """What is written with ``other`` about one thing; ``unread`` counts what is not read yet."""

    thread: int
    about: str
    title: str
    other: int
    handle: str
    name: str
    unread: int
    latest: MessageView


@dataclass(frozen=True, slots=True)
class HoursView:
    """When somebody wishes to be told: hours of the circle's clock, or None for none."""

    quiet: tuple[int, int] | None
    digest: int | None


async def notices(session: NodeSession) -> tuple[NoticeView, ...]:
    """The latest ones, newest first: to read them is to be told them."""
    answer = await session.read("/api/v1/notices", {"limit": str(PAGE)})
    return answer.objects("notices", PAGED_MAX, _read_notice)


async def new_notices(session: NodeSession) -> tuple[NoticeView, ...]:
    """All that is new, oldest first, and with that told."""
    found: list[NoticeView] = []
    cursor: str | None = None
    for _ in range(NEW_PAGES_MAX):
        following = {} if cursor is None else {"cursor": cursor}
        answer = await session.read("/api/v1/notices", {"limit": str(PAGE), **following})
        page = [each for each in answer.objects("notices", PAGED_MAX, _read_notice) if each.new]
        found += page
        cursor = answer.optional("next", answer.text)
        if cursor is None or not page:
            break
    return tuple(found[::-1])


async def threads(session: NodeSession, other: int | None = None) -> tuple[ThreadView, ...]:
    """With whom one wrote about what, the latest first; with ``other`` only with them."""
    asked = {"limit": str(PAGE)} | ({} if other is None else {"with": str(other)})
    answer = await session.read("/api/v1/threads", asked)
    return answer.objects("threads", PAGED_MAX, _read_thread)


async def thread(session: NodeSession, number: int) -> tuple[MessageView, ...]:
    """The latest messages of a thread, oldest first, which are read with that."""
    answer = await session.read(f"/api/v1/threads/{number}", {"limit": str(PAGE)})
    return answer.objects("messages", PAGED_MAX, _read_message)[::-1]


async def write(
    session: NodeSession, to: int, about: str, words: str, writer: int | None = None
) -> MessageView:
    """Write to somebody. The node takes the same words again at once as the same message."""
    body: dict[str, object] = {"about": about, "to": to, "words": words}
    if writer is not None:
        body["person"] = writer
    return _read_message(await session.changed("POST", "/api/v1/messages", body, repeatable=True))


async def hours(session: NodeSession, person: int) -> HoursView:
    """When somebody wishes to be told."""
    return _read_hours(await session.read(f"/api/v1/people/{person}/hours"))


async def change_hours(session: NodeSession, person: int, wished: HoursView) -> HoursView:
    """Say when one wishes to be told."""
    quiet = None
    if wished.quiet is not None:
        quiet = {"begins": wished.quiet[0], "ends": wished.quiet[1]}
    body = {"quiet": quiet, "digest": wished.digest}
    return _read_hours(await session.changed("PUT", f"/api/v1/people/{person}/hours", body))


def _read_notice(each: Fields) -> NoticeView:
    return NoticeView(
        number=each.integer("number", 1),
        kind=each.text("kind", NAME_MAX),
        about=each.text("about", NAME_MAX),
        words=each.text("words", TEXT_MAX),
        urgent=each.boolean("urgent"),
        made=each.integer("made"),
        new=each.boolean("new"),
    )


def _read_message(each: Fields) -> MessageView:
    return MessageView(
        number=each.integer("number", 1),
        thread=each.integer("thread", 1),
        author=each.integer("author", 1),
        entered_by=each.optional("entered_by", each.text),
        words=each.text("words", TEXT_MAX),
        made=each.integer("made"),
        read=each.optional("read", each.integer),
    )


def _read_thread(each: Fields) -> ThreadView:
    other = each.fields("other")
    return ThreadView(
        thread=each.integer("thread", 1),
        about=each.text("about", NAME_MAX),
        title=each.text("title", NAME_MAX),
        other=other.integer("person", 1),
        handle=other.text("handle", NAME_MAX),
        name=other.text("name", NAME_MAX),
        unread=each.integer("unread"),
        latest=_read_message(each.fields("latest")),
    )


def _read_hours(answer: Fields) -> HoursView:
    quiet = answer.fields("quiet") if "quiet" in answer else None
    return HoursView(
        None if quiet is None else (quiet.integer("begins", 0, 23), quiet.integer("ends", 0, 23)),
        answer.optional("digest", answer.integer),
    )
