"""The fortnight in Elm Street: help is asked for, found and paid; there are a directory and a
calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

from client import care, help_desk, messages
from client import help as helping
from client.demo import notice_board, story
from client.demo.clock import ZONE
from client.demo.diary import Mark
from client.demo.favour import HOUR, Favour, ask_for_help
from client.demo.neighbourhood import LINK_UNIT, ask
from client.demo.story import Story
from client.drafts import Draft
from client.errors import DemoFailed, NodeRefused
from ledger.amount import amount_in_words
from ledger.orders import Open

HELPERS = {
    "bob": ("garden", ()),
    "cora": ("garden", ()),
    "dev": ("lifts", ("car",)),
    "edith": ("company", ()),
    "femi": ("lifts", ("car",)),
}
"""What each helps with, and what else there is to know."""
WEEKLY_MINUTES = 240
REACH_METRES = 2000
GARDEN, LIFT, CINEMA = "Edith's garden", "Grace's lift", "Cora's film"
LANDLINE = "020 7946 0999"


async def play(told: Story) -> None:
    """Two weeks, from Monday to Sunday. Raises DemoFailed where it does not go as told."""
    told.clock.go_to(0, 11)
    await _offer_help(told)
    await notice_board.search(told)
    garden = await _ask_for_garden(told)
    told.clock.go_to(1, 10)
    lift = await _telephone(told)
    await notice_board.announce(told)
    told.clock.go_to(2, 11, 5)
    await _garden_is_done(told, garden)
    told.clock.go_to(3, 12)
    await _find_another(told, lift)
    await notice_board.give_up_place(told)
    told.clock.go_to(3, 15, 40)
    await _pay_once(told, lift)
    told.clock.go_to(5, 15)
    told.chapter("Trading day")
    await story.trade(told)
    told.diary.note(notice_board.TRADING_DAY, 5, Mark.DONE, Mark.PAID)
    told.clock.go_to(7, 10)
    cinema = await _ask_for_company(told)
    told.clock.go_to(9, 11, 5)
    await _garden_again(told, garden)
    told.clock.go_to(10, 18, 50)
    await _nobody_in(told, cinema)
    told.clock.go_to(12, 11, 30)
    await _collect(told, garden)
    told.clock.go_to(13, 19)
    await _look_back(told)


async def _offer_help(told: Story) -> None:
    told.chapter("Who can help, with what, and when")
    ann = await told.session("ann")
    await ann.changed("PUT", "/api/v1/calendar", {"zone": ZONE})
    await helping.change_hour(ann, HOUR)
    turn = {"begins": "09:00", "ends": "21:00", "person": told.people["ann"].person}
    await care.put_duty(ann, "week/thursday", [turn])
    hours = [{"weekday": day, "begins": "08:00", "ends": "20:00"} for day in range(1, 8)]
    for handle, (skill, traits) in HELPERS.items():
        item = {
            "weekly": WEEKLY_MINUTES,
            "reach": REACH_METRES,
            "skills": [skill],
            "traits": list(traits),
            "hours": hours,
        }
        await helping.change_helper(await told.session(handle), told.people[handle].person, item)
    told.narrator.event(
        "Bob and Cora can help in the garden, Dev and Femi with a lift, Edith with company: each up"
        f" to 4 hours a week. An hour is {told.amount(HOUR)}."
    )


def _at(begins: datetime, minutes: int) -> list[dict[str, str]]:
    ends = begins + timedelta(minutes=minutes)
    return [
        {
            "begins": begins.isoformat(timespec="minutes"),
            "ends": ends.isoformat(timespec="minutes"),
        }
    ]


async def _ask_for_garden(told: Story) -> Favour:
    narrator = told.narrator
    told.chapter("Edith asks for help in the garden, on two Wednesdays")
    item = {
        "category": "garden",
        "title": "Roses to cut",
        "minutes": 60,
        "windows": _at(told.clock.at(2, 10), 60),
        "weeks": 2,
        "address": "12 Elm Street",
    }
    favour = await ask_for_help(told.circle, "edith", item)
    told.asked += 1
    seen = await favour.seen_by("edith")
    narrator.event(
        f"She sets aside {told.amount(seen.most)} for each: enough if it takes half as long again."
    )
    await favour.until_asked("bob", "cora")
    seen = await favour.seen_by("bob")
    if seen.own is None or seen.address is not None:
        raise DemoFailed("an address is shown before anybody was accepted")
    narrator.event("The circle asks who can do it and is free then: Bob and Cora. Bob reads:")
    narrator.quote(seen.own.why)
    await favour.say_yes("bob")
    narrator.event("Bob says yes. A minute later so does Cora, and reads:")
    narrator.quote(await _say_yes_too_late(favour, "cora"))
    seen = await favour.agree("bob")
    narrator.event(f"Edith is glad of him. Now he sees where it is: {seen.address}.")
    told.diary.note(GARDEN, 0, Mark.ASKED, Mark.AGREED)
    return favour


async def _say_yes_too_late(favour: Favour, helper: str) -> str:
    try:
        await favour.say_yes(helper)
    except NodeRefused as refused:
        return str(refused)
    raise DemoFailed("two got one place")


async def _telephone(told: Story) -> Favour:
    narrator, ann = told.narrator, told.people["ann"]
    told.chapter("Grace has a landline, and no computer")
    rules = (await ann.circle_info()).rules
    act = Open((), rules.floor, rules.ceiling, rules.starter, 1, ())
    await ann.order(Draft(act, text="grace\nGrace Green"))
    session = await ann.session()
    grace = await session.find_person("grace")
    if grace is None:
        raise DemoFailed("Grace is not a member")
    told.landlines["Grace"] = grace.accounts[0]
    profile = {"channel": "call", "contact": LANDLINE}
    await notice_board.tell_profile(session, grace.person, profile)
    item = {
        "category": "lifts",
        "title": "A lift to the clinic",
        "minutes": 60,
        "windows": _at(told.clock.at(3, 14), 60),
        "traits": ["car"],
        "address": "3 Oak Lane",
        "person": grace.person,
    }
    favour = await ask_for_help(told.circle, "ann", item)
    told.asked += 1
    narrator.event(
        "She rings Ann: a lift to the clinic, on Thursday at two. Ann writes it down for her."
    )
    await favour.until_asked("dev", "femi")
    await favour.say_yes("dev")
    narrator.event("Dev and Femi are asked; Dev says yes. Ann's desk says whom to ring:")
    desk = await help_desk.read_desk(session)
    call = next(each for each in desk.calls if each.request == favour.number)
    narrator.quote(f"{call.contact}: {call.words}")
    seen = await favour.agree("dev")
    narrator.event(f"Grace is glad. Ann books it, and reads it back: Dev, {seen.address}, two.")
    told.diary.note(LIFT, 1, Mark.ASKED, Mark.AGREED)
    return favour


async def _garden_is_done(told: Story, garden: Favour) -> None:
    narrator = told.narrator
    told.chapter("Bob cuts the roses")
    visit = await garden.visit()
    await garden.finish("bob", visit, 60)
    amount = await garden.pay(visit, 60)
    told.count_visit(60)
    narrator.event(
        f"It took an hour. Edith says that it is right: Bob is paid {told.amount(amount)}, and the"
        " rest is hers again. She thanks him, and he reads:"
    )
    await helping.thank(await told.session("edith"), visit.number, "You left it lovely.")
    narrator.quote(await _newest(told, "bob", "thanks"))
    told.diary.note(GARDEN, 2, Mark.PAID)


async def _find_another(told: Story, lift: Favour) -> None:
    narrator = told.narrator
    told.chapter("Two hours before, Dev cannot come")
    await lift.leave("dev", await lift.visit())
    narrator.event(
        "His car does not start. What was set aside for him is there for the next, and Femi is"
        " asked at once..."
    )
    await lift.until_asked("femi")
    await lift.say_yes("femi")
    await lift.agree("femi")
    narrator.event("Femi can come. Ann rings Grace, who does not mind who drives.")
    told.diary.note(LIFT, 3, Mark.OFF, Mark.AGREED)


async def _pay_once(told: Story, lift: Favour) -> None:
    visit = await lift.visit()
    await lift.finish("femi", visit, 90)
    amount = await lift.pay(visit, 90)
    told.count_visit(90)
    told.narrator.event(
        "The doctor was late: it took an hour and a half instead of one. Grace says so to Ann, by"
        f" telephone, and Femi is paid {told.amount(amount)}."
    )
    try:
        await lift.pay(visit, 90)
    except NodeRefused as refused:
        if refused.problem != "hold-unknown":
            raise
        told.refused += 1
        told.narrator.event("Ann, unsure whether she did it, pays once more. Refused: it is paid.")
    else:
        raise DemoFailed("one lift was paid twice")
    told.diary.note(LIFT, 3, Mark.PAID)


async def _ask_for_company(told: Story) -> Favour:
    told.chapter("The second week; Cora would like company at the cinema")
    item = {
        "category": "company",
        "title": "Company at the cinema",
        "minutes": 120,
        "windows": _at(told.clock.at(10, 17, 30), 120),
        "address": "7 Elm Street",
    }
    favour = await ask_for_help(told.circle, "cora", item)
    told.asked += 1
    await favour.until_asked("edith")
    await favour.say_yes("edith")
    await favour.agree("edith")
    told.narrator.event("Edith says yes: on Thursday, half past five, at Cora's.")
    told.diary.note(CINEMA, 7, Mark.ASKED, Mark.AGREED)
    return favour


async def _garden_again(told: Story, garden: Favour) -> None:
    told.chapter("Bob comes again: weekly help keeps its helper")
    visit = await garden.visit(week=1)
    await garden.finish("bob", visit, 60)
    await garden.claim("bob", visit, 60)
    told.count_visit(60)
    told.narrator.event("An hour again. Edith reads, and forgets to answer:")
    told.narrator.quote(await _newest(told, "edith", "done"))
    told.diary.note(GARDEN, 9, Mark.DONE)


async def _nobody_in(told: Story, cinema: Favour) -> None:
    narrator, ann = told.narrator, await told.session("ann")
    told.chapter("Edith rings at Cora's door, and nobody is in")
    visit = await cinema.visit()
    await helping.miss(await told.session("edith"), visit.number, "asker")
    narrator.event("She says so. Ann, who is on duty on Thursdays, reads at once:")
    narrator.quote(await _newest(told, "ann", "duty"))
    await helping.note_found(ann, visit.number, failed=False)
    await cinema.free("ann", visit, "nobody was in, and nobody is to blame")
    note = "Cora was kept at the hospital; she is well. Edith knows."
    await care.hand_over(ann, note)
    narrator.event(
        "Ann rings round: Cora was kept at the hospital, and is well. Nobody is to blame, and"
        " nothing is paid. She notes it for who is on duty next."
    )
    told.diary.note(CINEMA, 10, Mark.OFF)


async def _collect(told: Story, garden: Favour) -> None:
    told.chapter("Three days later")
    amount = await garden.collect("bob", await garden.visit(week=1), 60)
    told.silent += 1
    told.narrator.event(
        "Edith has read that it is done, and said nothing for 72 hours: so it counts as right, and"
        f" Bob is paid {told.amount(amount)}."
    )
    told.diary.note(GARDEN, 12, Mark.PAID)


async def _look_back(told: Story) -> None:
    narrator = told.narrator
    told.chapter("The fortnight, day by day")
    narrator.picture(told.diary.draw(told.clock.monday))
    narrator.say()
    narrator.event(
        f"Help was asked for {told.asked} times and found each time; {told.visits} visits took"
        f" place, {amount_in_words(told.minutes, LINK_UNIT)} in all."
    )
    numbers = await ask(told.circle, "/api/v1/open")
    (responsible,) = numbers["responsible"]
    narrator.event(
        "When a month is over, everybody can read at /open how much was asked for, found and given"
        " in it, and how fast; but no number so small that it could give somebody away. Whom to"
        f" turn to stands there, too: {responsible}."
    )
    told.clock.catch_up()
    narrator.event(f"The clock catches up. It is {told.clock.today()}, here as everywhere.")


async def _newest(told: Story, handle: str, kind: str) -> str:
    """What somebody is told last, of one kind; to read it is to be told."""
    news = await messages.new_notices(await told.session(handle))
    found = [each.words for each in news if each.kind == kind]
    if not found:
        raise DemoFailed(f"{handle} was not told: {kind}")
    return found[-1]
