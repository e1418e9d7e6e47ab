"""Notices: by each member's channel and in its time, once at least, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from node.circle import purge
from node.talking.expiry import NOTICES_KEPT_MS, forget_talk
from node.talking.notices import Notice, notify
from node.talking.timing import BACK_OFF_MS, BACK_OFF_URGENT_MS
from tests.circle_node import DAY, HOUR, Member
from tests.directory_circle import attempt
from tests.talking_circle import TalkingCircle, talking_circle, text_of

MINUTE = 60_000


@pytest_asyncio.fixture
async def circle(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[TalkingCircle]:
    """On a Monday morning at nine: the coordinator ann, and the members mia and noa."""
    async with talking_circle(postgres_dsn, tmp_path / "circle", "mia", "noa") as live:
        yield live


async def told(circle: TalkingCircle, member: Member) -> int | None:
    """When a member was told of the tools, as what is held on them says."""
    held = await circle.node.read(f"/api/v1/people/{member.person}/everything", member)
    [when] = [each["told"] for each in held["notices"] if each["about"] == "tools/17"]
    assert when is None or isinstance(when, int)
    return when


async def hours(circle: TalkingCircle, member: Member, **wishes: object) -> None:
    path = f"/api/v1/people/{member.person}/hours"
    assert await attempt(circle.node, "PUT", path, member, wishes) == "ok"


async def test_a_notice_is_told_when_a_device_of_theirs_shows_it(circle: TalkingCircle) -> None:
    mia = circle["mia"]
    await circle.notify(mia)
    await circle.turn()
    assert await told(circle, mia) is None
    [shown] = await circle.notices(mia)
    assert (shown["words"], shown["about"], shown["new"]) == (
        *("The tools are back.", "tools/17"),
        True,
    )
    first = await told(circle, mia)
    assert first == shown["told"]
    [repeated] = await circle.notices(mia)
    assert repeated == shown, "whoever lost the answer asks again"
    circle.node.clock.pass_(HOUR)
    [again] = await circle.notices(mia)
    assert (again["new"], again["told"]) == (False, first)
    assert await circle.notices(circle["noa"]) == []
    assert circle.mail.taken == []


async def test_a_notice_is_there_with_what_it_tells_of_or_not_at_all(
    circle: TalkingCircle,
) -> None:
    """Whoever writes it does so in their own transaction; of who is erased there is none."""
    mia, now = circle["mia"], circle.node.clock.wall()
    notice = Notice("tools", "tools/17", "x" * 5000)
    async with circle.node.circle.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await notify(connection, mia.person, notice, now)
        await transaction.rollback()
        assert await circle.notices(mia) == []
        async with connection.transaction():
            await notify(connection, mia.person, notice, now)
            await notify(connection, 999_999, notice, now)
    [shown] = await circle.notices(mia)
    assert (len(shown["words"]), shown["words"][-1]) == (1000, "\N{HORIZONTAL ELLIPSIS}")


async def test_an_email_tells_with_the_number_by_which_a_repeat_is_known(
    circle: TalkingCircle,
) -> None:
    mia = circle["mia"]
    await circle.reach(mia, "email", "mia@example.org")
    await circle.notify(mia, "Größe: the tools are back.")
    await circle.turn()
    [message] = circle.mail.taken
    assert message["From"] == "Southwark Circle <circle@southwark.example>"
    assert message["Subject"] == "Southwark Circle: something to tell you (number 1)"
    assert message["Message-ID"] == "<notice.1.1.1@southwark.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Dear Mia,\n\nGröße: the tools are back.\n(Number 1)\n" in text_of(message)
    assert await told(circle, mia) is not None
    await circle.later(DAY)
    assert len(circle.mail.taken) == 1
    [shown] = await circle.notices(mia)
    assert shown["new"]


async def test_what_a_device_has_shown_is_not_sent_any_more(circle: TalkingCircle) -> None:
    mia = circle["mia"]
    await circle.reach(mia, "email", "mia@example.org")
    await hours(circle, mia, quiet={"begins": 7, "ends": 22})
    await circle.notify(mia)
    await circle.turn()
    await circle.notices(mia)
    await circle.later(DAY)
    assert circle.mail.taken == []


async def test_a_text_message_goes_through_the_gateway_with_its_secret(
    circle: TalkingCircle,
) -> None:
    mia = circle["mia"]
    await circle.reach(mia, "sms", "+44 (0)20 7946-0018")
    await circle.notify(mia, "long " * 150)
    await circle.turn()
    [taken] = circle.gateway.taken
    assert (taken["from"], taken["number"]) == ("Southwark", "+442079460018")
    assert taken["message"].startswith("Southwark Circle: long long")
    assert taken["message"].endswith("... (Number 1)")
    assert len(taken["message"]) <= 459
    assert await told(circle, mia) is not None


@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_what_is_not_taken_is_tried_again_later_and_then_somebody_has_to_call(
    circle: TalkingCircle, channel: str
) -> None:
    mia = circle["mia"]
    await circle.reach(mia, channel, "mia@example.org" if channel == "email" else "0207946018")
    await hours(circle, mia, quiet=None)
    circle.mail.data_answer, circle.gateway.status = "451 the disk is full", 503
    await circle.notify(mia)
    for wait in BACK_OFF_MS:
        await circle.turn()
        assert await circle.ring_list() == []
        await circle.later(wait - MINUTE // 2)
        await circle.later(MINUTE)
    [errand] = await circle.ring_list()
    assert (errand["how"], errand["person"]["handle"], errand["channel"]) == (
        *("call", "mia"),
        channel,
    )
    assert errand["why"] in (
        "127.0.0.1 did not take it: 451 the disk is full",
        "the gateway answered with status 503",
    )
    assert await told(circle, mia) is None
    async with circle.node.home.database() as database:
        assert await database.fetchval("SELECT attempts FROM notices") == len(BACK_OFF_MS) + 1


async def test_what_is_taken_at_a_second_attempt_is_told_once(circle: TalkingCircle) -> None:
    mia = circle["mia"]
    await circle.reach(mia, "email", "mia@example.org")
    circle.mail.data_answer = "451 later"
    await circle.notify(mia, urgent=True)
    await circle.turn()
    circle.mail.data_answer = "250 taken"
    await circle.turn()
    assert circle.mail.taken == []
    await circle.later(BACK_OFF_URGENT_MS[0])
    [message] = circle.mail.taken
    assert message["Subject"].startswith("Southwark Circle: today, something")
    await circle.later(DAY)
    assert len(circle.mail.taken) == 1
    assert await circle.ring_list() == []


async def test_an_address_that_is_unknown_there_is_a_matter_for_coordinators_at_once(
    circle: TalkingCircle,
) -> None:
    """And does not keep the others from being told."""
    mia, noa = circle["mia"], circle["noa"]
    await circle.reach(mia, "email", "mai@example.org")
    await circle.reach(noa, "email", "noa@example.org")
    circle.mail.refused["mai@example.org"] = "550 no such\tmailbox"
    await circle.notify(mia)
    await circle.notify(noa)
    await circle.turn()
    assert len(circle.mail.told("noa@example.org")) == 1
    [errand] = await circle.ring_list()
    assert errand["why"] == "127.0.0.1 did not take it: 550 no such mailbox"
    assert errand["contact"] == "mai@example.org"


async def test_a_mail_server_that_is_away_holds_up_nobody_else(circle: TalkingCircle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    await circle.reach(mia, "email", "mia@example.org")
    await circle.reach(noa, "sms", "02079460018")
    delivery = circle.node.circle.delivery
    assert delivery.email is not None
    delivery.email = replace(delivery.email, port=1)
    await circle.notify(mia)
    await circle.notify(noa)
    await circle.turn()
    assert (len(circle.mail.taken), len(circle.gateway.taken)) == (0, 1)
    delivery.email = circle.mail.settings
    await circle.later(BACK_OFF_MS[0])
    assert len(circle.mail.taken) == 1


async def test_two_that_look_at_one_instant_send_it_once(circle: TalkingCircle) -> None:
    for handle in ("mia", "noa"):
        await circle.reach(circle[handle], "email", f"{handle}@example.org")
    delivery = circle.node.circle.delivery
    other = replace(delivery, _turn=asyncio.Lock())
    for number in range(20):
        await circle.notify(circle["mia"], f"Number {number}")
        await circle.notify(circle["noa"], f"Number {number}")
        await asyncio.gather(delivery.turn(), other.turn())
    for handle in ("mia", "noa"):
        told = "".join(circle.mail.told(f"{handle}@example.org"))
        assert [told.count(f"Number {number}\n") for number in range(20)] == [1] * 20


async def test_a_gateway_that_sends_somewhere_else_is_not_followed(
    circle: TalkingCircle,
) -> None:
    """Nobody but whom the operator named is told a number; and a number that is none is final."""
    await circle.reach(circle["mia"], "sms", "02079460018")
    await circle.notify(circle["mia"])
    circle.gateway.status = 307
    await circle.turn()
    async with circle.node.home.database() as database:
        trouble = await database.fetchval("SELECT trouble FROM notices")
        assert trouble == "the gateway answered with status 307"
        circle.gateway.status = 422
        await circle.later(BACK_OFF_MS[0])
        assert await database.fetchval("SELECT given_up FROM notices")
    [errand] = await circle.ring_list()
    assert errand["why"] == "the gateway answered with status 422"


async def test_nobody_is_disturbed_in_their_quiet_hours_also_where_the_clocks_change(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """On the night to 28 March 2027 the clocks go forward: eight o'clock comes an hour sooner."""
    night = datetime(2027, 3, 27, 22, 30, tzinfo=UTC)
    async with talking_circle(postgres_dsn, tmp_path / "circle", "mia", now=night) as circle:
        mia = circle["mia"]
        await circle.reach(mia, "email", "mia@example.org")
        await circle.notify(mia, urgent=True)
        await circle.later(8 * HOUR + 25 * MINUTE)
        assert circle.mail.taken == []
        await circle.later(10 * MINUTE)
        assert len(circle.mail.taken) == 1
        assert circle.mail.taken[0]["Date"].startswith("Sun, 28 Mar 2027 07:0")


async def test_calls_wait_for_the_morning_and_a_device_shows_everything_at_any_hour(
    postgres_dsn: str, tmp_path: Path
) -> None:
    night = datetime(2027, 3, 1, 22, 0, tzinfo=UTC)
    async with talking_circle(postgres_dsn, tmp_path / "circle", "mia", "noa", now=night) as circle:
        await circle.reach(circle["mia"], "call", "020 7946 0018")
        await circle.notify(circle["mia"], urgent=True)
        await circle.notify(circle["noa"], urgent=True)
        await circle.turn()
        assert await circle.ring_list() == []
        assert len(await circle.notices(circle["noa"])) == 1
        await circle.later(10 * HOUR)
        assert [each["person"]["handle"] for each in await circle.ring_list()] == ["mia"]


async def test_what_somebody_agreed_to_early_next_morning_is_told_at_night(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """Told when the quiet hours end, they would stand there and wait; nobody rings them, though."""
    night = datetime(2027, 3, 1, 22, 0, tzinfo=UTC)
    async with talking_circle(postgres_dsn, tmp_path / "circle", "mia", "noa", now=night) as circle:
        await circle.reach(circle["mia"], "sms", "020 7946 0018")
        await circle.reach(circle["noa"], "call", "020 7946 0111")
        begins = circle.node.clock.wall() + 11 * HOUR
        for handle in ("mia", "noa"):
            await circle.notify(circle[handle], urgent=True, begins=begins)
        await circle.turn()
        assert len(circle.gateway.taken) == 1
        assert await circle.ring_list() == []
        await circle.later(10 * HOUR)
        assert [each["person"]["handle"] for each in await circle.ring_list()] == ["noa"]


async def test_without_the_time_zone_of_the_circle_no_hour_is_quiet(
    postgres_dsn: str, tmp_path: Path
) -> None:
    night = datetime(2027, 3, 1, 23, 0, tzinfo=UTC)
    folder = tmp_path / "circle"
    async with talking_circle(postgres_dsn, folder, "mia", zone=None, now=night) as circle:
        await circle.reach(circle["mia"], "email", "mia@example.org")
        await circle.notify(circle["mia"])
        await circle.turn()
        assert len(circle.mail.taken) == 1


async def test_whoever_wants_one_email_a_day_gets_all_that_can_wait_in_it(
    circle: TalkingCircle,
) -> None:
    mia = circle["mia"]
    await circle.reach(mia, "email", "mia@example.org")
    await hours(circle, mia, quiet={"begins": 21, "ends": 8}, digest=18)
    await circle.notify(mia, "The tools are back.")
    await circle.later(2 * HOUR)
    await circle.notify(mia, "There are new books.")
    await circle.notify(mia, "Ben is at the door.", urgent=True)
    await circle.turn()
    [urgent] = circle.mail.taken
    assert "Ben is at the door." in text_of(urgent)
    await circle.later(7 * HOUR + MINUTE)
    [_, digest] = circle.mail.taken
    assert digest["Subject"] == "Southwark Circle: 2 things to tell you"
    text = text_of(digest)
    assert "The tools are back.\n(Number 1)" in text
    assert "There are new books.\n(Number 2)" in text


async def test_hours_are_ones_own_and_make_sense(circle: TalkingCircle) -> None:
    node, ann, mia, noa = circle.node, circle["ann"], circle["mia"], circle["noa"]
    path = f"/api/v1/people/{mia.person}/hours"
    usual = {"quiet": {"begins": 21, "ends": 8}, "digest": None}
    assert await node.read(path, mia) == usual == await node.read(path, ann)
    assert await node.refusal(path, noa) == "not-yours"
    for body in ({"quiet": {"begins": 8, "ends": 8}}, {"quiet": None, "digest": 24}, {}):
        assert await attempt(node, "PUT", path, mia, body) == "request-invalid"
    wishes = {"quiet": None, "digest": 9}
    assert await attempt(node, "PUT", path, noa, wishes) == "not-permitted"
    assert await attempt(node, "PUT", path, ann, wishes) == "not-permitted"
    assert await attempt(node, "PUT", path, mia, wishes) == "ok"
    assert await node.read(path, mia) == wishes
    olive = await node.open_deviceless("olive")
    path = f"/api/v1/people/{olive.person}/hours"
    assert await attempt(node, "PUT", path, ann, wishes) == "ok"


# By hand


async def test_who_is_to_be_called_is_on_the_list_until_they_are_told(
    circle: TalkingCircle,
) -> None:
    node, ann = circle.node, circle["ann"]
    olive = await node.open_deviceless("olive", "Olive Oyl")
    await circle.reach_as(ann, olive, "call", "020 7946 0018")
    await circle.notify(olive, "Ben comes at three.")
    await circle.turn()
    [errand] = await circle.ring_list()
    assert (errand["person"]["name"], errand["contact"], errand["words"], errand["why"]) == (
        *("Olive Oyl", "020 7946 0018"),
        *("Ben comes at three.", ""),
    )
    path = f"/api/v1/ring-list/{errand['number']}"
    assert await attempt(node, "PUT", path, ann, {"outcome": "no-reply"}) == "ok"
    assert await attempt(node, "PUT", path, ann, {"outcome": "no-reply"}) == "ok"
    [errand] = await circle.ring_list()
    assert errand["no_replies"] == 2
    assert errand["rung"] is not None
    assert await attempt(node, "PUT", path, circle["mia"], {"outcome": "told"}) == "not-permitted"
    assert len(await circle.ring_list()) == 1
    assert await attempt(node, "PUT", path, ann, {"outcome": "told"}) == "ok"
    assert await circle.ring_list() == []
    assert await attempt(node, "PUT", path, ann, {"outcome": "told"}) == "not-found"
    assert await node.refusal("/api/v1/ring-list", circle["mia"]) == "not-permitted"


async def test_who_has_neither_device_nor_contact_is_on_the_list_too(
    circle: TalkingCircle,
) -> None:
    olive = await circle.node.open_deviceless("olive")
    await circle.notify(olive)
    await circle.reach(circle["noa"], "email", "noa at home")
    await circle.notify(circle["noa"])
    await circle.turn()
    whys = {each["person"]["handle"]: each["why"] for each in await circle.ring_list()}
    assert whys == {"olive": "they have no device", "noa": "what they gave cannot be used"}


async def test_what_is_urgent_and_not_read_within_an_hour_is_told_by_telephone(
    circle: TalkingCircle,
) -> None:
    mia, noa = circle["mia"], circle["noa"]
    await circle.notify(mia, urgent=True)
    await circle.notify(noa)
    await circle.later(59 * MINUTE)
    assert await circle.ring_list() == []
    await circle.later(2 * MINUTE)
    [errand] = await circle.ring_list()
    assert errand["person"]["handle"] == "mia"
    assert errand["why"] == "it was not read on a device within an hour"
    await circle.notices(mia)
    assert await circle.ring_list() == []


async def test_what_is_over_is_told_no_more(circle: TalkingCircle) -> None:
    mia, noa = circle["mia"], circle["noa"]
    await circle.reach(noa, "call", "020 7946 0018")
    over = circle.node.clock.wall() + HOUR
    for member in (mia, noa):
        await circle.notify(member, expires=over)
    await circle.turn()
    assert len(await circle.ring_list()) == 1
    await circle.later(HOUR)
    assert await circle.ring_list() == []
    assert await circle.notices(mia) == []


async def test_what_is_kept_from_a_coordinator_is_not_on_their_list(
    circle: TalkingCircle,
) -> None:
    node, ann = circle.node, circle["ann"]
    bea = await node.welcome("bea", office="coordinator")
    await circle.reach(circle["mia"], "call", "020 7946 0018")
    await circle.notify(circle["mia"], never=frozenset({ann.person}))
    await circle.turn()
    assert await circle.ring_list() == []
    [errand] = (await node.read("/api/v1/ring-list", bea))["errands"]
    path = f"/api/v1/ring-list/{errand['number']}"
    assert await attempt(node, "PUT", path, ann, {"outcome": "told"}) == "not-found"
    assert await attempt(node, "PUT", path, bea, {"outcome": "told"}) == "ok"


async def test_letters_are_a_page_in_large_type_one_for_each_member(
    circle: TalkingCircle,
) -> None:
    node, ann, mia = circle.node, circle["ann"], circle["mia"]
    await circle.reach(mia, "letter", "12 Elm Road, <London>")
    await circle.notify(mia, "The tools are back.\nBring a bag & a friend.")
    await circle.notify(mia, "The hall is cold.")
    await circle.notify(mia, "Ben is ill today.", urgent=True)
    await circle.turn()
    page = await node.text("/api/v1/letters", ann)
    assert page.count("<article>") == 1
    assert "<address>Mia\n12 Elm Road, &lt;London&gt;</address>" in page
    assert "<p>Bring a bag &amp; a friend.</p>" in page
    assert "Ben is ill" not in page, "what is urgent is told by telephone"
    assert "1 March 2027" in page
    errands = await circle.ring_list()
    assert sorted(each["how"] for each in errands) == ["call", "letter", "letter"]
    for each in errands:
        path = f"/api/v1/ring-list/{each['number']}"
        assert await attempt(node, "PUT", path, ann, {"outcome": "told"}) == "ok"
    assert "<article>" not in await node.text("/api/v1/letters", ann)
    assert await node.refusal("/api/v1/letters", mia) == "not-permitted"


async def test_notices_are_forgotten_after_ninety_days(circle: TalkingCircle) -> None:
    mia = circle["mia"]
    await circle.notify(mia)
    circle.node.clock.pass_(NOTICES_KEPT_MS - HOUR)
    await forget_talk(circle.node.circle.pool, circle.node.clock.wall())
    circle.node.forget_sessions()
    assert len(await circle.notices(mia)) == 1
    await forget_talk(circle.node.circle.pool, circle.node.clock.wall() + 2 * HOUR)
    assert await circle.notices(mia) == []


async def test_a_clock_that_is_ahead_forgets_nothing_that_was_told(circle: TalkingCircle) -> None:
    """What is over is over by the time of the log, which such a clock does not move."""
    mia = circle["mia"]
    await circle.notify(mia)
    await purge(circle.node.circle.pool, circle.node.clock.wall() + 3 * 365 * DAY)
    circle.node.forget_sessions()
    assert len(await circle.notices(mia)) == 1


async def test_the_same_again_is_told_once_until_it_is_told(circle: TalkingCircle) -> None:
    mia, noa, now = circle["mia"], circle["noa"], circle.node.clock.wall()
    for _ in range(3):
        await circle.notify(mia, expires=now + HOUR)
        await circle.notify(noa)
    assert len(await circle.notices(mia)) == 1, "and it was told by that"
    for words in ("The tools are gone.", "The tools are back.", "The tools are back."):
        await circle.notify(noa, words)
    assert [each["words"] for each in await circle.notices(noa)] == [
        *("The tools are back.", "The tools are gone.", "The tools are back."),
    ], "the last that they hear is how it stands"
    await circle.notify(mia, expires=now + HOUR)
    await circle.notify(mia, "The tools are gone.", expires=now + HOUR)
    await circle.notify(mia, urgent=True, expires=now + HOUR)
    await circle.notify(mia, urgent=True)
    assert len(await circle.notices(mia)) == 5, "more than was said before is said"


async def test_that_help_is_done_and_not_read_within_a_day_is_told_by_telephone(
    circle: TalkingCircle,
) -> None:
    mia, now = circle["mia"], circle.node.clock.wall()
    async with circle.node.circle.pool.acquire() as connection:
        await notify(connection, mia.person, Notice("done", "help/17", "Roses: done."), now)
    await circle.later(23 * HOUR)
    assert await circle.ring_list() == []
    await circle.later(2 * HOUR)
    circle.node.forget_sessions()
    [errand] = await circle.ring_list()
    assert errand["why"] == "it was not read on a device within a day"
