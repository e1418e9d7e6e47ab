"""Messages between members, and announcements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from ledger.orders import Close
from node.erase import erase
from node.talking.announcements import DAILY_MAX as ANNOUNCEMENTS_MAX
from node.talking.expiry import KEPT_MS, forget_talk
from node.talking.messages import BEGUN_DAILY_MAX, DAILY_MAX, REPEAT_MS
from tests.calendar_circle import make_event, reply
from tests.care_circle import complain
from tests.circle_node import DAY, HOUR, Member
from tests.directory_circle import attempt, offer
from tests.talking_circle import TalkingCircle, talking_circle

MESSAGES = "/api/v1/messages"


@pytest_asyncio.fixture
async def circle(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[TalkingCircle]:
    """The coordinator ann, and the members mia, noa and zoe."""
    async with talking_circle(postgres_dsn, tmp_path / "circle", "mia", "noa", "zoe") as live:
        yield live


async def write(
    circle: TalkingCircle, by: Member, to: Member, about: str, words: str = "Hello", **more: Any
) -> dict[str, Any]:
    """A message that must be taken."""
    body = {"about": about, "to": to.person, "words": words, **more}
    status, answer = await circle.node.request("POST", MESSAGES, by, json=body)
    assert status == 200, answer
    made: dict[str, Any] = answer
    return made


async def refused(
    circle: TalkingCircle, by: Member, to: Member, about: str, **more: Any
) -> dict[str, Any]:
    """A message that must be refused: the problem, but for what is different every time."""
    body = {"about": about, "to": to.person, "words": "Hello", **more}
    status, answer = await circle.node.request("POST", MESSAGES, by, json=body)
    assert status >= 400, answer
    return {name: value for name, value in answer.items() if name != "instance"}


async def threads(circle: TalkingCircle, member: Member, **query: Any) -> list[dict[str, Any]]:
    """With whom a member wrote about what."""
    found: list[dict[str, Any]] = (await circle.node.read("/api/v1/threads", member, **query))[
        "threads"
    ]
    return found


async def test_members_write_about_an_offer_and_the_other_one_is_told(
    circle: TalkingCircle,
) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    await write(circle, noa, mia, about, "Could you do mine?\nIt is small.")
    await write(circle, noa, mia, about, "It is at the back.")
    [notice] = await circle.notices(mia)
    assert notice["words"] == "Noa wrote to you about Hedges cut: it is among your messages."
    [thread] = await threads(circle, mia)
    assert (thread["title"], thread["about"], thread["other"]["handle"], thread["unread"]) == (
        *("Hedges cut", about),
        *("noa", 2),
    )
    path = f"/api/v1/threads/{thread['thread']}"
    assert notice["about"] == f"threads/{thread['thread']}"
    read = (await node.read(path, mia))["messages"]
    assert [each["words"] for each in read] == [
        "It is at the back.",
        "Could you do mine?\nIt is small.",
    ]
    assert (await threads(circle, mia))[0]["unread"] == 0
    assert (await node.read(path, noa))["messages"][0]["read"] is not None
    await write(circle, mia, noa, about, "On Monday.")
    counts = await node.read("/api/v1/threads", noa)
    assert (counts["unread"], counts["new_notices"]) == (1, 1)
    await node.read(path, noa)
    counts = await node.read("/api/v1/threads", noa)
    assert (counts["unread"], counts["new_notices"]) == (0, 0)
    assert await node.refusal(path, circle["zoe"]) == "not-found"


async def test_only_whose_it_is_can_be_written_to_first(circle: TalkingCircle) -> None:
    node, ann, mia, noa, zoe = (
        circle.node,
        circle["ann"],
        circle["mia"],
        circle["noa"],
        circle["zoe"],
    )
    about = f"listings/{(await offer(node, mia, 'Hedges cut', days=7))['id']}"
    for by, to in ((noa, zoe), (mia, noa), (mia, mia), (ann, noa)):
        assert (await refused(circle, by, to, about))["code"] == "not-found"
    assert (await refused(circle, noa, mia, "listings/999"))["code"] == "not-found"
    for words in ("", " \n ", "a\0b", "x" * 2001):
        assert (await refused(circle, noa, mia, about, words=words))["code"] == "request-invalid"
    for wrong in ("people/1", "listings/0", "listings/x", "listings/1/renewal", "events"):
        assert (await refused(circle, noa, mia, wrong))["code"] == "request-invalid"
    await write(circle, noa, mia, about)
    node.later(8 * DAY)
    assert (await refused(circle, zoe, mia, about))["code"] == "not-found"
    assert (await write(circle, mia, noa, about, "It is over, but come."))["thread"] == 1
    [thread] = await threads(circle, noa)
    assert thread["title"] == "Hedges cut"


async def test_about_an_event_one_writes_to_its_host_and_the_host_to_who_comes(
    circle: TalkingCircle,
) -> None:
    node, mia, noa, zoe = circle.node, circle["mia"], circle["noa"], circle["zoe"]
    event = await make_event(node, mia)
    about = f"events/{event['number']}"
    await write(circle, noa, mia, about, "Is there a ramp?")
    assert (await refused(circle, mia, zoe, about))["code"] == "not-found"
    await reply(node, zoe, event)
    await write(circle, mia, zoe, about, "Bring a cup.")
    assert [each["other"]["handle"] for each in await threads(circle, mia)] == ["zoe", "noa"]
    [only] = await threads(circle, mia, with_=noa.person)
    assert only["other"]["handle"] == "noa"


async def test_a_block_is_answered_like_somebody_who_is_not_there(circle: TalkingCircle) -> None:
    """Whoever is blocked learns the same of one who blocked them, one who left and one erased."""
    node, mia, noa, zoe = circle.node, circle["mia"], circle["noa"], circle["zoe"]
    bob = await node.welcome("bob")
    abouts = {}
    for owner in (mia, zoe, bob):
        abouts[owner.handle] = f"listings/{(await offer(node, owner, 'Hedges cut'))['id']}"
        await write(circle, noa, owner, abouts[owner.handle])
    blocks = f"/api/v1/people/{mia.person}/blocks/{noa.person}"
    assert await attempt(node, "PUT", blocks, mia) == "ok"
    for left in (zoe, bob):
        await node.do(circle["ann"], Close(), account=left.account)
    async with node.home.database() as database:
        await erase(database, bob.person)
    answers = [await refused(circle, noa, owner, abouts[owner.handle]) for owner in (mia, zoe, bob)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "not-found"
    assert await threads(circle, noa) == [] == await threads(circle, mia)
    assert (await node.read("/api/v1/threads", mia))["unread"] == 0
    assert await node.refusal("/api/v1/threads/1", noa) == "not-found"
    assert await node.refusal("/api/v1/threads/1", mia) == "not-found"
    assert (await refused(circle, mia, noa, abouts["mia"]))["code"] == "not-found"
    assert await attempt(node, "DELETE", blocks, mia) == "ok"
    assert len(await threads(circle, noa)) == 1


async def test_who_left_writes_no_more(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    await write(circle, noa, mia, about)
    await node.do(circle["ann"], Close(), account=noa.account)
    assert (await refused(circle, noa, mia, about))["code"] == "not-permitted"
    assert await node.refusal("/api/v1/threads", noa) == "not-permitted"


async def test_a_coordinator_writes_and_reads_for_a_member_without_a_device(
    circle: TalkingCircle,
) -> None:
    node, ann, mia = circle.node, circle["ann"], circle["mia"]
    olive = await node.open_deviceless("olive", "Olive Oyl")
    await circle.reach_as(ann, olive, "call", "020 7946 0018")
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    sent = await write(circle, ann, mia, about, "By telephone: please come.", person=olive.person)
    assert (sent["author"], sent["entered_by"]) == (olive.person, "ann")
    assert (await refused(circle, mia, ann, about, person=olive.person))["code"] == "not-permitted"
    assert (await refused(circle, ann, mia, about, person=mia.person))["code"] == "not-permitted"
    await write(circle, mia, olive, about, "I come on Friday.")
    await circle.turn()
    [errand] = await circle.ring_list()
    assert errand["words"] == "Mia wrote to you about Hedges cut: I come on Friday."
    [thread] = await threads(circle, ann, person=olive.person)
    path = f"/api/v1/threads/{thread['thread']}"
    read = (await node.read(path, ann, person=olive.person))["messages"]
    assert [each["entered_by"] for each in read] == [None, "ann"]
    assert read[0]["read"] is None
    assert await node.refusal(path, ann) == "not-found"
    assert await node.refusal(path, ann, person=mia.person) == "not-permitted"


async def test_the_same_words_again_at_once_are_one_message(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    both = await asyncio.gather(*(write(circle, noa, mia, about) for _ in range(2)))
    assert both[0] == both[1]
    node.clock.pass_(REPEAT_MS + 1)
    assert (await write(circle, noa, mia, about))["number"] != both[0]["number"]


async def test_messages_and_beginnings_of_a_day_are_limited(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    abouts = [
        f"listings/{(await offer(node, mia, f'Hedge {number}'))['id']}"
        for number in range(BEGUN_DAILY_MAX + 1)
    ]
    for about in abouts[:-1]:
        await write(circle, noa, mia, about)
    answer = await refused(circle, noa, mia, abouts[-1])
    assert (answer["code"], answer["limit"]) == ("too-many", BEGUN_DAILY_MAX)
    for number in range(DAILY_MAX - BEGUN_DAILY_MAX):
        await write(circle, noa, mia, abouts[0], f"Number {number}")
    answer = await refused(circle, noa, mia, abouts[0])
    assert (answer["code"], answer["limit"]) == ("too-many", DAILY_MAX)
    node.later(DAY)
    await write(circle, noa, mia, abouts[-1])


async def test_threads_and_messages_come_in_pages(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    abouts = [f"listings/{(await offer(node, mia, f'Hedge {n}'))['id']}" for n in range(3)]
    for number, about in enumerate(abouts):
        await write(circle, noa, mia, about, f"First {number}")
        await write(circle, noa, mia, about, f"Second {number}")
    first = await node.read("/api/v1/threads", mia, limit=2)
    rest = await node.read("/api/v1/threads", mia, limit=2, cursor=first["next"])
    seen = [each["latest"]["words"] for page in (first, rest) for each in page["threads"]]
    assert (seen, rest["next"]) == (["Second 2", "Second 1", "Second 0"], None)
    page = await node.read("/api/v1/threads/1", mia, limit=1)
    assert [each["words"] for each in page["messages"]] == ["Second 0"]
    assert (await threads(circle, mia))[-1]["unread"] == 1, "what was not shown is not read"
    page = await node.read("/api/v1/threads/1", mia, cursor=page["next"])
    assert [each["words"] for each in page["messages"]] == ["First 0"]


async def test_an_erased_member_is_gone_from_what_was_said(circle: TalkingCircle) -> None:
    node, ann, mia, noa = circle.node, circle["ann"], circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    number = (await write(circle, noa, mia, about, "noa was here"))["number"]
    await write(circle, mia, noa, about, "mia says hello to noa")
    assert await complain(node, mia, f"messages/{number}", "noa is rude") == "ok"
    await circle.notify(noa, "noa is to be told")
    wishes = {"quiet": None, "digest": 9}
    assert await attempt(node, "PUT", f"/api/v1/people/{noa.person}/hours", noa, wishes) == "ok"
    held = await node.read(f"/api/v1/people/{noa.person}/everything", noa)
    assert [each["words"] for each in held["messages"]] == [
        "noa was here",
        "mia says hello to noa",
    ]
    assert held["notices"][0]["words"] == (
        "Mia wrote to you about Hedges cut: it is among your messages."
    )
    assert held["hours"] == [{"quiet_from": None, "quiet_until": None, "digest": 9}]
    mine = await node.read(f"/api/v1/people/{mia.person}/everything", mia)
    assert [each["title"] for each in mine["complaints"]] == ["noa was here"]
    others = await node.read(f"/api/v1/people/{mia.person}/everything", ann)
    assert (others["messages"], others["complaints"]) == ([], [])
    await node.do(ann, Close(), account=noa.account)
    async with node.home.database() as database:
        words = "SELECT count(*) FROM notices WHERE words ~* 'noa wrote' AND person = $1"
        assert await database.fetchval(words, mia.person) == 1
        erased = await erase(database, noa.person)
        assert await database.fetchval(words, mia.person) == 0
        assert erased.messages == 2
        for table in ("messages", "threads", "complaints", "notice_wishes"):
            assert await database.fetchval(f"SELECT count(*) FROM {table}") == 0
        assert await database.fetchval("SELECT count(*) FROM notices WHERE words ~ 'noa'") == 0


async def test_messages_are_forgotten_after_four_hundred_days(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    await write(circle, noa, mia, about)
    now = node.clock.wall()
    await forget_talk(node.circle.pool, now + KEPT_MS - HOUR)
    async with node.home.database() as database:
        assert await database.fetchval("SELECT count(*) FROM messages") == 1
        await database.execute(
            """
            INSERT INTO messages (thread, author, words, made)
            SELECT thread, author, words, made FROM messages, generate_series(1, 2500);
            UPDATE threads SET latest = (SELECT max(number) FROM messages)
            """
        )
        await forget_talk(node.circle.pool, now + KEPT_MS + HOUR)
        assert await database.fetchval("SELECT count(*) FROM messages") == 0
        assert await database.fetchval("SELECT count(*) FROM threads") == 0


async def test_a_thread_stays_while_one_of_its_messages_does(circle: TalkingCircle) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    about = f"listings/{(await offer(node, mia, 'Hedges cut'))['id']}"
    await write(circle, noa, mia, about)
    first = node.clock.wall()
    node.clock.pass_(HOUR)
    await write(circle, mia, noa, about, "Yes, on Monday.")
    await forget_talk(node.circle.pool, first + KEPT_MS + HOUR // 2)
    async with node.home.database() as database:
        assert await database.fetchval("SELECT array_agg(words) FROM messages") == [
            "Yes, on Monday."
        ]
        assert await database.fetchval("SELECT count(*) FROM threads") == 1


# Announcements


async def announce(circle: TalkingCircle, by: Member, **body: Any) -> tuple[int, Any]:
    return await circle.node.request("POST", "/api/v1/announcements", by, json=body)


async def test_an_announcement_reaches_every_member_once(circle: TalkingCircle) -> None:
    node, ann, mia, noa = circle.node, circle["ann"], circle["mia"], circle["noa"]
    await circle.reach(noa, "email", "noa@example.org")
    await node.do(ann, Close(), account=circle["zoe"].account)
    status, made = await announce(circle, ann, words="The hall is closed on Friday.")
    assert (status, made["people"], made["by"]) == (200, 3, "ann")
    assert await announce(circle, ann, words="The hall is closed on Friday.") == (200, made)
    await circle.turn()
    [notice] = await circle.notices(mia)
    assert notice["words"] == "The hall is closed on Friday.\n(From ann, for the circle)"
    assert len(circle.mail.told("noa@example.org")) == 1
    assert await circle.notices(circle["zoe"]) == []
    listed = (await node.read("/api/v1/announcements", mia))["announcements"]
    assert listed == [made]
    status, problem = await announce(circle, mia, words="Buy my roses.")
    assert problem["code"] == "not-permitted"


async def test_an_announcement_for_an_event_reaches_those_who_come(circle: TalkingCircle) -> None:
    node, ann, mia, noa = circle.node, circle["ann"], circle["mia"], circle["noa"]
    event = await make_event(node, mia)
    await reply(node, noa, event)
    status, made = await announce(
        circle, ann, words="Bring an umbrella.", event=event["number"], urgent=True
    )
    assert (status, made["people"]) == (200, 1)
    assert [each["urgent"] for each in await circle.notices(noa)] == [True]
    assert await circle.notices(mia) == []
    assert (await node.read("/api/v1/announcements", mia))["announcements"] == []
    assert (await node.read("/api/v1/announcements", ann))["announcements"] == [made]
    assert (await announce(circle, ann, words="Nothing.", event=99))[1]["code"] == "not-found"


async def test_an_announcement_that_is_made_twice_at_one_instant_is_told_once(
    circle: TalkingCircle,
) -> None:
    both = await asyncio.gather(
        *(announce(circle, circle["ann"], words="The hall is closed.") for _ in range(2))
    )
    assert both[0] == both[1]
    assert len(await circle.notices(circle["mia"])) == 1


async def test_announcements_of_a_day_are_limited(circle: TalkingCircle) -> None:
    ann = circle["ann"]
    for number in range(ANNOUNCEMENTS_MAX):
        assert (await announce(circle, ann, words=f"Number {number}"))[0] == 200
    problem = (await announce(circle, ann, words="One more"))[1]
    assert (problem["code"], problem["limit"]) == ("too-many", ANNOUNCEMENTS_MAX)
    assert (await announce(circle, ann, words="x" * 801))[1]["code"] == "request-invalid"


# Events


@pytest.mark.parametrize("answer", ["yes", "no"])
async def test_whoever_comes_to_an_event_is_reminded_the_day_before_once(
    circle: TalkingCircle, answer: str
) -> None:
    node, mia, noa = circle.node, circle["mia"], circle["noa"]
    event = await make_event(node, mia, begins="2027-03-03T10:00")
    await reply(node, noa, event, answer)
    await circle.later(24 * HOUR)
    assert await circle.notices(noa) == []
    await circle.later(2 * HOUR)
    await circle.turn()
    told = [each["words"] for each in await circle.notices(noa)]
    words = "You said that you come: Coffee morning, Wednesday 3 March at 10:00, 12 Elm Road."
    assert told == ([words] if answer == "yes" else [])


async def test_who_has_a_place_at_last_or_comes_to_what_is_moved_is_told(
    circle: TalkingCircle,
) -> None:
    node, mia, noa, zoe = circle.node, circle["mia"], circle["noa"], circle["zoe"]
    event = await make_event(node, mia, begins="2027-03-10T10:00", capacity=1)
    await reply(node, noa, event)
    await reply(node, zoe, event)
    await reply(node, noa, event, "no")
    await circle.turn()
    [place] = await circle.notices(zoe)
    assert place["words"].startswith("There is a place for you now: Coffee morning, Wednesday 10")
    path = f"/api/v1/events/{event['number']}/occurrences/2027-03-10T10:00"
    for begins in ("2027-03-11T10:00", "2027-03-12T10:00"):
        node.clock.pass_(1000)
        assert await attempt(node, "PATCH", path, mia, {"begins": begins}) == "ok"
        await circle.turn()
    cancelled = {"cancelled": True, "note": "The hall is cold."}
    assert await attempt(node, "PATCH", path, mia, cancelled) == "ok"
    await circle.turn()
    told = [each["words"] for each in await circle.notices(zoe)][:3]
    assert told == [
        "This is cancelled: Coffee morning, Friday 12 March at 10:00, 12 Elm Road."
        " The hall is cold.",
        "This has changed: Coffee morning, Friday 12 March at 10:00, 12 Elm Road.",
        "This has changed: Coffee morning, Thursday 11 March at 10:00, 12 Elm Road.",
    ]
    assert await circle.notices(noa) == []
