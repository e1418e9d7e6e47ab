"""``tally ask``, ``helping``, ``asked`` and what follows, by people at their own terminals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.at_terminals import unwrapped
from tests.help_at_terminals import HelpCircle, help_circle, written
from tests.terminal import Person, Shown
from tests.waiting import wait_until

EVERY_DAY = ("--hours", "every day 0-24", "--weekly", "100h")


@pytest.fixture(scope="module")
def circle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HelpCircle]:
    with help_circle(tmp_path_factory.mktemp("circle")) as served:
        yield served


@pytest.fixture
def olive(circle: HelpCircle, capsys: Shown) -> Person:
    """The coordinator, who has said where the clocks are."""
    person = circle.person("olive", capsys)
    person.tell("events", "zone", "Europe/London")
    return person


@pytest.fixture
def ann(olive: Person, circle: HelpCircle, capsys: Shown) -> Person:
    """A member who asks."""
    person = circle.person("ann", capsys)
    person.tell("profile", "--channel", "call", "--contact", "020 7946 0018")
    person.tell("profile", "--channel", "app")
    return person


@pytest.fixture
def bob(olive: Person, circle: HelpCircle, capsys: Shown) -> Person:
    """A helper."""
    person = circle.person("bob", capsys)
    person.tell("helping", "--with", "garden", *EVERY_DAY)
    return person


@pytest.fixture
def eve(olive: Person, circle: HelpCircle, capsys: Shown) -> Person:
    """Another helper."""
    person = circle.person("eve", capsys)
    person.tell("helping", "--with", "garden", *EVERY_DAY)
    return person


def asks(person: Person, circle: HelpCircle, *more: str, hours: float = 48) -> str:
    """Ask for an hour in the garden so many hours from now; returns the request's number."""
    when = () if "--between" in more or "--at" in more else ("--at", written(circle.at(hours)))
    arguments = ("ask", "Roses to cut", "--with", "garden", *when, *more)
    return str(person.json(*arguments)["help"]["number"])


def is_asked(person: Person, number: str) -> bool:
    """Whether a helper was asked about it, and may still answer."""
    found = person.json("asked")["requests"]
    return any(
        str(each["number"]) == number and each["own"]["answer"] in (None, "no-reply")
        for each in found
    )


def money(person: Person) -> tuple[int, int]:
    """Somebody's balance, and what is set aside of it."""
    account = person.json("balance")["accounts"][0]
    return account["balance"], account["held"]


def status(person: Person, number: str) -> str:
    """How the first visit of a request stands."""
    views = person.json("ask")["requests"]
    found = next((each for each in views if str(each["number"]) == number), None)
    return "" if found is None else str(found["visits"][0]["status"])


def test_help_is_asked_for_given_paid_and_thanked_for(
    circle: HelpCircle, ann: Person, bob: Person
) -> None:
    before, earned = money(ann)[0], money(bob)[0]
    when = circle.at(48)
    told = ann.tell(
        *("ask", "Hedge to trim", "--with", "gard", "--for", "1h", "--at", written(when)),
        *("--where", "12 Elm Road", "--note", "The key is under the pot", "--area", "Camberwell"),
    )
    assert told.startswith("You asked for help. 1. Hedge to trim, for 1 hour: ")
    assert "1 and a half hours at most; so much is set aside until it is done." in unwrapped(told)
    assert money(ann) == (before, 90)
    assert "We are asking; nobody has said yes yet." in ann.tell("ask")
    wait_until(lambda: is_asked(bob, "1"))
    told = unwrapped(bob.tell("asked"))
    for words in ("Where: Camberwell.", "We ask you because you help with this", "tally yes 1 or"):
        assert words in told
    assert "12 Elm Road" not in told
    assert "12 Elm Road" not in bob.tell("asked", "1")
    told = unwrapped(bob.tell("yes", "1"))
    assert told.startswith("Thank you! Ann is asked whether you may come, ")
    assert "12 Elm Road" not in bob.tell("asked")
    told = unwrapped(ann.tell("ask"))
    assert "Bob can come, " in told
    assert "tally yes 1 bob or tally no 1 bob" in told
    told = unwrapped(ann.tell("offers", "1"))
    assert "Bob (bob), " in told
    assert "To agree: tally yes 1 bob" in told
    assert unwrapped(ann.tell("yes", "1")).startswith("Bob comes, ")
    told = unwrapped(bob.tell("asked", "1"))
    for words in ("12 Elm Road", "The key is under the pot", "020 7946 0018", "tally done 1"):
        assert words in told
    assert "It has not begun yet, " in bob.fail("done", "1")
    circle.pass_time(hours=50)
    told = unwrapped(bob.tell("done", "1", "--took", "1h15"))
    assert told.startswith("Ann is told that it is done and took 1 h 15. You asked for 1 hour and")
    told = unwrapped(ann.tell("ask"))
    assert "it took 1 h 15. If that is right: tally confirm 1" in told
    assert ann.tell("confirm", "1") == (
        'Bob is paid 1 hour and 15 minutes for 1 h 15.\nTo thank them: tally thank 1 "..."\n'
    )
    assert money(ann) == (before - 75, 0)
    assert money(bob) == (earned + 75, 0)
    assert "Bob was paid for request 1 already" in ann.fail("confirm", "1")
    assert ann.tell("thank", "1", "It looks lovely.") == "Bob will be glad to read it.\n"
    assert "They thank you: It looks lovely." in unwrapped(bob.tell("asked", "1"))
    assert "Hedge to trim (help 1)" in ann.tell("statement")
    assert "You wait for no help." in ann.tell("ask")


def test_a_landline_is_booked_from_the_desk_another_is_found_and_it_is_paid_once(
    circle: HelpCircle, olive: Person, bob: Person, eve: Person
) -> None:
    """The helper cancels two hours before; it takes an hour and a half instead of one."""
    olive.tell(
        *("officer", "open", "dot", "Dot", "--no-device", "--starter", "5"),
        *("--reason", "has a landline"),
    )
    olive.tell("profile", "dot", "--channel", "call", "--contact", "020 7946 0999")
    number = asks(olive, circle, "--as", "dot", "--where", "3 Oak Lane", hours=26)
    wait_until(lambda: is_asked(bob, number) and is_asked(eve, number))
    told = unwrapped(olive.tell("desk"))
    assert f"{number}. Roses to cut, for 1 hour" in told
    assert "For Dot, who has no device." in told
    assert "Bob (bob) was asked, and has not answered." in told
    told = unwrapped(olive.tell("desk", "ring", number))
    assert told.startswith("Everybody who could come was asked already.")
    first, second = (bob, eve)
    told = unwrapped(olive.tell("desk", "yes", number, "bob"))
    assert told.startswith("Bob can come, ")
    assert f"Now ring Dot: tally desk accept {number}" in told
    assert "020 7946 0999: May Bob come for Roses to cut?" in unwrapped(olive.tell("desk"))
    told = unwrapped(olive.tell("desk", "accept", number, "bob"))
    assert told.startswith("Read back: Bob comes to you at 3 Oak Lane, ")
    assert "for about 1 hour: Roses to cut. It costs 1 and a half hours at most." in told
    assert "3 Oak Lane" in first.tell("asked", number)
    circle.pass_time(hours=24)
    told = unwrapped(first.tell("cancel", number))
    assert "Dot is told, and we look for somebody else at once." in told
    wait_until(lambda: is_asked(second, number))
    assert f"{number}. Roses to cut" in olive.tell("desk")
    second.tell("yes", number)
    told = unwrapped(olive.tell("desk", "accept", number))
    assert told.startswith("Read back: Eve comes to you at 3 Oak Lane, ")
    earned = money(eve)[0]
    circle.pass_time(hours=4)
    told = unwrapped(second.tell("done", number, "--took", "1h30"))
    assert told == "It is noted that it took 1 h 30. It is paid when Dot has been asked."
    assert "did Eve come, for 90 minutes?" in unwrapped(olive.tell("desk"))
    assert olive.tell("desk", "pay", number) == "Eve is paid 1 and a half hours for 1 h 30.\n"
    told = olive.fail("desk", "pay", number)
    assert told == f"Eve was paid for request {number} already."
    assert money(eve) == (earned + 90, 0)
    lines = olive.json("statement", "--account", "dot")["lines"]
    assert [line["delta"] for line in lines if line["kind"] == "settle"] == [-90]
    assert sum("Dot paid you" in line for line in eve.tell("statement").splitlines()) == 1
    wait_until(lambda: olive.tell("desk") == "Nothing waits at the desk.\n")


def test_silence_pays_who_helped_after_three_days(
    circle: HelpCircle, ann: Person, bob: Person
) -> None:
    """But not before the asker was told."""
    number = asks(ann, circle)
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    ann.tell("yes", number)
    circle.pass_time(hours=50)
    bob.tell("done", number)
    assert "If they say nothing for three days" in unwrapped(bob.tell("asked"))
    circle.pass_time(hours=73)
    earned = money(bob)[0]
    assert "has three days to object from when they are told" in unwrapped(bob.tell("asked"))
    assert money(bob)[0] == earned
    ann.tell("messages")
    circle.pass_time(hours=73)
    assert "so you are paid 1 hour." in unwrapped(bob.tell("asked"))
    assert money(bob)[0] == earned + 60
    assert "Bob was paid" in ann.fail("confirm", number)
    ann.tell("thank", number, "Thank you")


def test_what_is_not_needed_comes_back(circle: HelpCircle, ann: Person, bob: Person) -> None:
    before = money(ann)
    number = asks(ann, circle)
    wait_until(lambda: is_asked(bob, number))
    assert "add --yes if you mean it" in ann.fail("cancel", number)
    told = unwrapped(ann.tell("cancel", number, "--yes"))
    assert told == "Roses to cut is cancelled. What was set aside for it is yours to use again."
    assert money(ann) == before
    number = asks(ann, circle)
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    ann.tell("yes", number)
    told = unwrapped(ann.tell("cancel", number, "--yes"))
    assert "it comes back when they have seen that they need not" in told
    assert money(ann) == (before[0], 90)
    assert "What was set aside for you is Ann's again." in unwrapped(bob.tell("asked"))
    assert "What was set aside for it is yours to use again." in unwrapped(ann.tell("ask"))
    assert money(ann) == before


def test_what_nobody_came_to_in_time_is_freed_by_looking(
    circle: HelpCircle, ann: Person, bob: Person
) -> None:
    before = money(ann)
    number = asks(ann, circle, hours=5)
    wait_until(lambda: is_asked(bob, number))
    assert bob.tell("no", number).startswith("That is all right.")
    circle.pass_time(hours=8)
    wait_until(lambda: status(ann, number) in ("dropped", ""))
    ann.tell("ask")
    assert money(ann) == before


def test_the_asker_may_choose_and_send_away(
    circle: HelpCircle, ann: Person, bob: Person, eve: Person
) -> None:
    number = asks(ann, circle, "--pick")
    wait_until(lambda: is_asked(bob, number) and is_asked(eve, number))
    assert "They choose among those who say yes" in bob.tell("yes", number)
    eve.tell("yes", number)
    assert "say which one of" in ann.fail("yes", number)
    assert "Bob" in ann.tell("offers", number)
    assert "Eve is told kindly" in ann.tell("no", number, "eve")
    assert ann.tell("yes", number, "bob").startswith("Bob comes, ")
    assert "You agreed with Bob already" in ann.fail("no", number, "bob")
    assert "has not said yes" in ann.fail("yes", number, "eve")
    ann.tell("cancel", number, "--yes")
    bob.tell("asked")
    ann.tell("ask")


def test_weekly_help_loses_one_week_and_keeps_the_others(
    circle: HelpCircle, ann: Person, bob: Person, eve: Person
) -> None:
    before = money(ann)
    number = asks(ann, circle, "--weeks", "3")
    assert money(ann)[1] == 270
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    assert "and 2 more until" in unwrapped(ann.tell("yes", number))
    assert "in week 7" in bob.fail("cancel", number, "--week", "7")
    bob.tell("cancel", number, "--week", "2")
    held = {each["index"]: each["payee"] for each in ann.json("promises")["promises"]}
    assert sorted(payee is None for payee in held.values()) == [False, False, True]
    bob.tell("cancel", number, "--rest")
    wait_until(lambda: is_asked(eve, number))
    ann.tell("cancel", number, "--yes")
    assert money(ann) == before


def test_who_was_not_there_is_found_out_and_nothing_is_paid(
    circle: HelpCircle, olive: Person, ann: Person, bob: Person
) -> None:
    before = money(ann)
    for told, how in ((ann, ("confirm", "--not-come")), (bob, ("done", "--nobody-in"))):
        number = asks(ann, circle)
        wait_until(lambda number=number: is_asked(bob, number))  # type: ignore[misc]
        bob.tell("yes", number)
        ann.tell("yes", number)
        circle.pass_time(hours=50)
        assert "finds out" in unwrapped(told.tell(how[0], number, how[1]))
        assert "somebody was not there; find out, and note it" in unwrapped(olive.tell("desk"))
        assert "--failed if the helper is to blame" in olive.fail("desk", "found", number)
        olive.tell("desk", "found", number, "--not-failed")
        assert money(ann) == before


def test_a_carer_asks_for_somebody_with_their_leave(
    circle: HelpCircle, ann: Person, bob: Person, eve: Person
) -> None:
    asked = ("ask", "Lawn", "--with", "garden", "--at", written(circle.at(48)), "--as", "ann")
    assert "may ask for help with what is theirs" in eve.fail(*asked)
    day = f"{circle.at(24 * 300):%Y-%m-%d}"
    acts = [word for act in ("set-aside", "assign", "hand-over", "free") for word in ("--to", act)]
    ann.tell("allow", "eve", "--up-to", "5", "--until", day, *acts)
    before = money(ann)[0]
    number = asks(eve, circle, "--as", "ann")
    assert "For Ann." in eve.tell("ask")
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    assert eve.tell("yes", number, "bob").startswith("Bob comes, ")
    circle.pass_time(hours=50)
    bob.tell("done", number)
    assert eve.tell("confirm", number).startswith("Bob is paid 1 hour for 1 hour.\n")
    assert money(ann) == (before - 60, 0)


def test_who_helps_without_a_device_is_rung_up(
    circle: HelpCircle, olive: Person, ann: Person, bob: Person
) -> None:
    olive.tell(
        *("officer", "open", "sam", "Sam", "--no-device", "--reason", "has a landline"),
    )
    olive.tell("profile", "sam", "--channel", "call", "--contact", "020 7946 0111")
    told = olive.tell("helping", "--as", "sam", "--with", "lifts", *EVERY_DAY, "--car")
    assert told.startswith("Sam helps with lifts, at most 100 hours a week")
    arguments = ("ask", "To the doctor", "--with", "lifts", "--needs", "car")
    number = str(ann.json(*arguments, "--at", written(circle.at(48)))["help"]["number"])
    wait_until(lambda: "020 7946 0111" in olive.tell("desk"))
    assert "They do not help with lifts" in olive.tell("desk", "why", number, "bob")
    assert "That is noted" in olive.tell("desk", "no-reply", number, "sam")
    olive.tell("desk", "yes", number, "sam")
    assert ann.tell("yes", number).startswith("Sam comes, ")
    circle.pass_time(hours=50)
    told = unwrapped(olive.tell("desk", "done", number, "--took", "30m"))
    assert told.startswith("Ann is told that it is done and took 30 minutes. Sam asked for half")
    assert ann.tell("confirm", number).startswith("Sam is paid half an hour for 30 minutes.")
    ann.tell("thank", number, "Thank you")
    number = str(ann.json(*arguments, "--at", written(circle.at(48)))["help"]["number"])
    wait_until(lambda: "020 7946 0111" in olive.tell("desk"))
    olive.tell("desk", "yes", number, "sam")
    ann.tell("yes", number)
    told = olive.tell("desk", "cancel", number, "sam")
    assert "Ann is told, and we look for somebody else" in told
    assert ann.json("promises")["promises"][0]["payee"] is None
    olive.tell("desk", "ask", number, "bob")
    assert is_asked(bob, number)
    bob.tell("yes", number)
    ann.tell("yes", number)
    circle.pass_time(hours=50)
    assert "say with --reason" in olive.fail("desk", "pay", number)
    assert ann.tell("confirm", number, "--took", "45m").startswith("Bob is paid 45 minutes")
    ann.tell("thank", number, "Thank you")


def test_what_is_asked_from_the_desk_goes_by_slips_and_is_taken_back(
    circle: HelpCircle, olive: Person, bob: Person
) -> None:
    """One slip of paper is enough for several visits; by telephone the numbers are made up."""
    olive.tell(
        *("officer", "open", "kit", "Kit", "--no-device", "--starter", "5"),
        *("--reason", "has a landline"),
    )
    slip = ("--as", "kit", "--slip", "stall", "17", "--weeks", "2")
    number = asks(olive, circle, *slip)
    lines = olive.json("statement", "--account", "kit")["lines"]
    assert [line["slip"] for line in lines if line["kind"] == "hold"] == [
        ["stall", "17.2"],
        ["stall", "17"],
    ]
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    assert "Bob is told kindly" in olive.tell("desk", "decline", number)
    told = unwrapped(olive.tell("desk", "cancel", number))
    assert told == "Roses to cut is cancelled. What was set aside for it is yours to use again."
    when = written(circle.at(48))
    told = olive.fail("ask", "Roses", "--with", "garden", "--at", when, *slip)
    assert "17" in told
    account = olive.json("promises", "--account", "kit")["promises"]
    assert account == []
    number = asks(olive, circle, "--as", "kit")
    wait_until(lambda: is_asked(bob, number))
    bob.tell("yes", number)
    olive.tell("desk", "accept", number)
    assert "promised to who was to come" in unwrapped(olive.tell("desk", "cancel", number))
    bob.tell("asked", number)
    whose = ("desk", "cancel", number, "kit")
    assert f"be freed? (tally {' '.join(whose)})" in unwrapped(olive.tell("desk"))
    freed = "For Kit: What was set aside for it is yours to use again."
    assert unwrapped(olive.tell(*whose)) == freed
    assert "Nothing is set aside any more" in olive.fail(*whose)
    assert olive.json("promises", "--account", "kit")["promises"] == []


def test_what_one_helps_with_is_told_back_and_changed(olive: Person, bob: Person) -> None:
    told = bob.tell(
        *("helping", "--with", "garden", "--with", "lifts", "--hours", "Mon,Wed 9-12"),
        *("--hours", "Sat 14:00-17:30", "--weekly", "4h", "--reach", "800m", "--car", "--no-pets"),
        *("--away", "2027-12-20..2028-01-04"),
    )
    assert told == (
        "You help with garden and lifts, at most 4 hours a week, up to 800 m away.\n"
        "Free: Monday 09:00 to 12:00, Wednesday 09:00 to 12:00, Saturday 14:00 to 17:30.\n"
        "With a car and without pets.\n"
        "You are away from 20 December 2027, and back on 5 January 2028.\n"
    )
    told = bob.tell("helping", "--not", "car", "--away", "no", "--weekly", "2h")
    assert "at most 2 hours a week, up to 800 m away" in told
    assert "Without pets.\n" in told
    assert "away from" not in told
    assert bob.tell("helping") == told
    assert bob.tell("helping", "--stop").startswith("You are not asked for help any more.")
    assert bob.tell("helping") == (
        "You have not said yet what to help with. For instance:\n"
        '  tally helping --with garden --hours "Mon 9-12"\n'
    )
    assert "there is nothing to stop" in bob.fail("helping", "--stop")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("ask", "R" * 81, "--with", "garden"), "A title has at most 80 letters"),
        (("ask", "Roses"), "Say what kind of help it is"),
        (("ask", "Roses", "--with", "garden"), "Say when: --at"),
        (("ask", "Roses", "--with", "nothing", "--at", "2027-01-01 10:00"), "Which category is"),
        (("ask", "R", "--with", "garden", "--at", "2020-01-01 10:00"), "it is over, or begins"),
        (("ask", "R", "--with", "garden", "--between", "tomorrow"), "write a day and hours"),
        (("ask", "R", "--with", "garden", "--between", "2027-02-30 9-17"), "There is no day"),
        (("ask", "R", "--with", "garden", "--between", "2027-02-03 17-9"), "no hours of a day"),
        (
            ("ask", "R", "--with", "garden", "--between", "2027-02-03 9-10", "--for", "2h"),
            "is less than the 120 minutes",
        ),
        (
            ("ask", "R", "--with", "garden", "--at", "2027-02-03 9:00", "--for", "9h"),
            "from a quarter of an hour to 8 hours",
        ),
        (
            ("ask", "R", "--with", "garden", "--at", "2027-02-03 9:00", "--slip", "stall", "1"),
            "A slip is somebody's",
        ),
        (("helping", "--with", "garden"), "Say with what you can help, and when"),
        (("helping", "--stop", "--car"), "Either you stop helping"),
        (("helping", "--with", "garden", "--hours", "sometimes"), "is no time of a week"),
        (("helping", "--with", "garden", "--hours", "Mon 25-26"), "no hours of a day"),
        (("asked", "999"), "request for help of that number"),
        (("yes", "999"), "request for help of that number"),
        (("no", "999"), "request for help of that number"),
        (("cancel", "999", "--yes"), "request for help of that number"),
        (("done", "999"), "request for help of that number"),
        (("done", "999", "--took", "1h", "--nobody-in"), "leave one of them out"),
        (("confirm", "999"), "request for help of that number"),
        (("confirm", "999", "--took", "1h", "--not-come"), "leave one of them out"),
        (("thank", "999", "Thank you"), "request for help of that number"),
        (("offers", "999"), "request for help of that number"),
        (("offers", "999", "--end", "1"), "goes without anything else"),
        (("desk",), "Only the coordinators may"),
        (("desk", "terms", "2"), "Only the coordinators may"),
        (("desk", "ring", "1"), "Only the coordinators may"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_sentence(
    ann: Person, arguments: tuple[str, ...], sentence: str
) -> None:
    assert sentence in ann.fail(*arguments)


def test_a_check_that_is_not_known_is_told_in_one_sentence(circle: HelpCircle, ann: Person) -> None:
    asked = ("ask", "R", "--with", "garden", "--at", written(circle.at(48)), "--vetted", "saint")
    told = "That cannot be taken as it is (the check): there is no level saint here."
    assert ann.fail(*asked) == told


def test_who_cannot_set_so_much_aside_asks_nobody(circle: HelpCircle, ann: Person) -> None:
    before = money(ann)
    told = ann.fail(
        *("ask", "Dahlias", "--with", "garden", "--at", written(circle.at(48)), "--most", "500")
    )
    assert "is too much; nothing was done" in told
    assert money(ann) == before
    assert "Dahlias" not in ann.tell("ask")


def test_the_circle_says_what_an_hour_costs(olive: Person, ann: Person) -> None:
    assert olive.tell("desk", "terms") == "An hour of help costs 1 hour.\n"
    assert "Only the coordinators may" in ann.fail("desk", "terms", "3")
