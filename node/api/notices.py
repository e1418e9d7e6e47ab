"""What members are told: read on a device, wished at other hours, or told by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from node.api.bounds import NEWEST, Limit, Number
from node.api.sessions import Session
from node.circle import Circle
from node.http.fields import Model
from node.http.reply import Reply
from node.people.standing import check_coordinator, check_owner, check_reader, check_sight
from node.talking.announcements import (
    Announcement,
    NewAnnouncement,
    announce,
    read_announcements,
)
from node.talking.by_hand import LETTERS_MAX, Errand, Tick, read_errands, tick
from node.talking.letters import CONTENT_POLICY, render_letters
from node.talking.shown import NoticeItem, Wishes, put_wishes, read_wishes, show_notices

RING = "see and do what is to be told by hand"


class Notices(Model):
    """Notices, newest first; ``next`` is the cursor of what follows."""

    notices: list[NoticeItem]
    next: str | None


class RingList(Model):
    """Calls to make and letters to post, in the order in which they came up."""

    errands: list[Errand]
    next: str | None


class Announcements(Model):
    """Announcements, newest first."""

    announcements: list[Announcement]
    next: str | None


async def list_notices(
    state: Circle, session: Session, cursor: Number = NEWEST, limit: Limit = 50
) -> Notices:
    """What the circle has to tell the caller, newest first.

    To be shown it is to be told it: what is on this page needs no email, text message or call.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        notices = await show_notices(connection, session.person, cursor, limit, state.clock())
    following = str(notices[-1].number) if len(notices) == limit else None
    return Notices(notices=notices, next=following)


async def get_wishes(state: Circle, session: Session, person: Number) -> Wishes:
    """At which hours somebody is told: for them and for coordinators."""
    check_sight(session, person, "the hours of somebody else")
    async with state.pool.acquire() as connection:
        return await read_wishes(connection, person)


async def change_wishes(state: Circle, session: Session, person: Number, body: Wishes) -> Wishes:
    """Say at which hours one is not to be disturbed, and whether one email a day is enough.

    Coordinators do so for members without a device.
    """
    async with state.pool.acquire() as connection, connection.transaction():
        await check_owner(connection, session, person, "change these hours")
        await put_wishes(connection, person, body)
        return await read_wishes(connection, person)


async def list_errands(
    state: Circle, session: Session, cursor: Number = 0, limit: Limit = 50
) -> RingList:
    """Whom to call or write a letter to, and what to tell them; for coordinators."""
    check_coordinator(session, RING)
    async with state.pool.acquire() as connection:
        errands = await read_errands(connection, session, cursor, limit, state.clock())
    following = str(errands[-1].number) if len(errands) == limit else None
    return RingList(errands=errands, next=following)


async def tick_errand(state: Circle, session: Session, number: Number, body: Tick) -> None:
    """Note that somebody was told, or that nobody answered; for coordinators."""
    check_coordinator(session, RING)
    async with state.pool.acquire() as connection:
        await tick(connection, session, number, body.outcome, state.clock())


async def print_letters(state: Circle, session: Session) -> Reply:
    """The letters to post as a page to be printed in large type; for coordinators."""
    check_coordinator(session, RING)
    now = state.clock()
    async with state.pool.acquire() as connection:
        errands = await read_errands(connection, session, 0, LETTERS_MAX, now, "letter")
    circle = state.writer.loaded.state.rules.name.decode()
    page = render_letters(circle, errands, datetime.fromtimestamp(now / 1000, UTC).date())
    return Reply(page, headers={"Content-Security-Policy": CONTENT_POLICY})


async def make_announcement(state: Circle, session: Session, body: NewAnnouncement) -> Announcement:
    """Tell all members something, or those who come to an event; for coordinators."""
    check_coordinator(session, "tell everybody something")
    async with state.pool.acquire() as connection, connection.transaction():
        return await announce(connection, session, body, state.clock())


async def list_announcements(
    state: Circle, session: Session, cursor: Number = NEWEST, limit: Limit = 50
) -> Announcements:
    """What all members were told; for coordinators also what those of an event were."""
    async with state.pool.acquire() as connection:
        await check_reader(connection, session, "see what all members are told")
        found = await read_announcements(
            connection, cursor, limit, all_of_them=session.is_coordinator
        )
    following = str(found[-1].number) if len(found) == limit else None
    return Announcements(announcements=found, next=following)
