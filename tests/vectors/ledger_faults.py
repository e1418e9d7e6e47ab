"""The second half of the history: every refusal, two faults at once, and rules that take time.

Where a case has two faults, ``shows`` names first the one that is answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger import orders
from ledger.charter import encode_rules
from ledger.orders import TREASURY, Pay
from tests.circle import DAY, HOUR, REASON, Person, key

if TYPE_CHECKING:
    from tests.vectors.ledger_entries import Story

ANN, BEN, MIA, NOA, OLI, EVE = (
    Person(name, number, number, name)
    for name, number in (
        ("ann", 101),
        ("ben", 102),
        ("mia", 103),
        ("noa", 105),
        ("oli", 106),
        ("eve", 107),
    )
)
CLOSED, NOBODY, FURTHER = 104, 999, 108
LOST, TABLET = "noa's lost phone", "noa's tablet"
USED_NONCE = 7_000


def tell_faults(story: Story) -> None:
    """Ann and ben are coordinators, two of the committee sign weighty acts, dot has left."""
    for name in ("noa", "oli"):
        act = orders.Open((), -1_000, 5_000, 200, 0, (story.circle.enrolment(name),))
        story.order(f"An account for {name}, with a device.", ANN, act, name)
    act = orders.Open((), -500, 5_000, 0, 1, ())
    opening = story.order("An account for eve, who has no device.", ANN, act, "eve")
    _unacceptable(story)
    _again(story)
    _accounts_and_devices(story)
    _authority(story)
    _slips(story)
    _household(story)
    _consent(story)
    _what_it_asks(story, opening)
    _joining(story)
    _granted(story)
    _shared_cap(story)
    _waiting(story)
    _windows(story)
    _policy(story)
    _effective_ceiling(story)
    _effective_floor(story)


def _slip(number: int) -> tuple[tuple[str, str], ...]:
    return (("trading day", str(number)),)


def _days(story: Story, ms: int) -> None:
    """Time passes, and the day's first entry commits to all accounts."""
    story.circle.now += ms
    story.day()


def _unacceptable(story: Story) -> None:
    c = story.circle
    lost = orders.Enrol(105, c.enrolment(LOST), "device", 1)
    story.order("Noa adds a phone.", NOA, lost)
    first = c.sign(NOA, Pay(((NOBODY, 1),)), device=LOST, nonce=USED_NONCE)
    story.submit("Which pays into an account that is not there.", first)
    story.order("And is lost.", NOA, orders.Freeze(key(LOST)))
    story.submit("The same order has the verdict that it had: its device is not looked at.", first)
    act = Pay(((NOBODY, 2),))
    elsewhere: dict[str, Any] = {"circle": bytes(32), "device": "a stranger's phone"}
    lost_in_time: dict[str, Any] = {"device": LOST, "nonce": USED_NONCE}
    faults: list[tuple[str, dict[str, Any]]] = [
        ("Another circle's; a device unknown here.", elsewhere),
        (
            "A device unknown here; its time is over.",
            {"device": "a stranger's phone", "expires": c.now},
        ),
        ("Its time is over; a used nonce.", {**lost_in_time, "expires": c.now}),
        ("More than 24 hours ahead; a used nonce.", {**lost_in_time, "expires": c.now + DAY + 1}),
        ("A used nonce, that of a refused order; a frozen device.", lost_in_time),
        ("A frozen device; another person's.", {"device": LOST, "person": 99}),
        ("Another person's device; an unknown account.", {"person": 99}),
    ]
    for shows, header in faults:
        story.order(shows, NOA, act, **header)
    enrol = orders.Enrol(105, c.enrolment("elsewhere", bytes(32)), "device", 1)
    story.order("An enrolment for another circle; an unknown device.", NOA, enrol, device="x")


def _again(story: Story) -> None:
    c = story.circle
    paid = c.sign(NOA, Pay(((106, 5),)), expires=c.now + 1)
    story.submit("An order may expire a millisecond later.", paid)
    story.submit("The same order is the same entry, and pays once.", paid)
    again = c.sign(NOA, Pay(((106, 6),)), nonce=paid.order.header.nonce)
    story.submit("Another order with its nonce; credit enough.", again)


def _accounts_and_devices(story: Story) -> None:
    pay = Pay(((NOBODY, 1),))
    story.order("A closed account of another; an unknown payee.", NOA, pay, account=CLOSED)
    story.order("An unknown account; not its holder.", NOA, Pay(((106, 1),)), account=NOBODY)
    legs = ((CLOSED, 1), (NOBODY, 1))
    story.order("Legs are looked at in their order: a closed one.", NOA, Pay(legs))
    story.order("And an unknown one.", NOA, Pay(legs[::-1]))
    story.order("No such device; no officer.", MIA, orders.Freeze(key("a stranger's phone")))
    story.order("It does not wait; another person's.", MIA, orders.Veto(key("oli")))
    story.order("It is not frozen; another person's.", MIA, orders.Thaw(key("oli")))
    story.order("It is frozen already.", NOA, orders.Freeze(key(LOST)))
    story.order("The paper key is no device to revoke.", ANN, orders.Revoke(key("paper")))
    story.order("Another person's device.", MIA, orders.Revoke(key("oli")))


def _authority(story: Story) -> None:
    twice = Pay(((103, 1), (103, 1)))
    story.order("No such mandate; a payee twice.", NOA, twice, mandate=(0,))
    story.order("No such mandate to end.", NOA, orders.Unmandate(0))
    act = orders.Appoint(NOBODY, "auditor")
    story.order("No reason; one of two signatures.", ANN, act, text=())
    story.order("One of two signatures; nobody to appoint.", ANN, act)
    story.order("A stranger cosigned; nobody to appoint.", ANN, act, cosigners=("stranger",))
    story.order("Nobody to appoint.", ANN, act, cosigners=("ben",))
    mine = orders.Appoint(103, "auditor")
    story.order("One who signs twice is one.", ANN, mine, cosigners=("ann",))


def _slips(story: Story) -> None:
    used: dict[str, Any] = {"account": 107, "slip": _slip(17)}
    fresh = used | {"slip": _slip(18)}
    twice = Pay(((106, 151), (106, 151)))
    story.order("No coordinator; a slip entered before.", MIA, Pay(((106, 1),)), **used)
    story.order("Slip and mandate; no such mandate.", ANN, twice, mandate=(0,), **fresh)
    story.order("An account that signs for itself.", ANN, twice, account=105, slip=_slip(18))
    story.order("A slip entered before; over the cap.", ANN, twice, **used)
    story.order("Over the cap; a payee twice.", ANN, twice, **fresh)
    story.order("A member is no second coordinator.", ANN, twice, cosigners=("mia",), **fresh)
    story.order("A payee twice.", ANN, twice, cosigners=("ben",), **fresh)
    act = Pay(((106, 301),))
    story.order("Two coordinators pass the cap.", ANN, act, cosigners=("ben",), **fresh)


def _household(story: Story) -> None:
    c = story.circle
    opened = orders.Open((101,), 0, 5_000, 0, 0, ())
    story.order("A further account for ann.", BEN, opened)
    both = orders.Holder(103, 1)
    story.order("She adds mia: that takes the committee.", ANN, both, account=FURTHER)
    shows = "Ann is a holder and consents by signing; mia is of her household now."
    story.order(shows, ANN, both, account=FURTHER, cosigners=("ben",))
    small, large = Pay(((103, 5),)), Pay(((103, 301),))
    held: dict[str, Any] = {"account": 107, "slip": _slip(19)}
    story.order("No slip in favour of one's household.", ANN, small, **held)
    shows = "Over the cap: the second coordinator is of the payee's household."
    story.order(shows, BEN, large, cosigners=("ann",), **held)
    story.order("Ben may enter it.", BEN, small, **held)
    hold = orders.Hold((103,), 50, c.now + DAY, (), 1)
    held_entry = story.order("Noa lets a coordinator decide.", NOA, hold)
    settle = orders.Settle(held_entry, 103, 50)
    told: dict[str, Any] = {"account": 105, "text": REASON}
    story.order("Not one of the payee's household.", ANN, settle, **told)
    story.order("Nor without a reason.", BEN, settle, account=105)
    story.order("Another.", BEN, settle, **told)
    undo = orders.Reverse(story.order("Noa pays mia.", NOA, Pay(((103, 7),))))
    story.order("To undo it takes the committee: ann's household got it.", ANN, undo)
    story.order("Ben alone is enough: a member ordered it.", BEN, undo)
    story.order("The joint account is closed.", BEN, orders.Close(), account=FURTHER)
    held = {"account": 107, "slip": _slip(20)}
    story.order("They are of one household all the same.", ANN, small, **held)


def _consent(story: Story) -> None:
    add, remove = orders.Holder(106, 1), orders.Holder(106, 0)
    story.order("No holder consents.", ANN, add, account=105)
    shows = "Whoever is added is none; nobody of that number."
    story.order(shows, ANN, orders.Holder(NOBODY, 1), account=105, cosigners=("oli",))
    story.order("A holder consents.", ANN, add, account=105, cosigners=("noa",))
    story.order("To be removed takes no consent.", ANN, remove, account=105)
    story.order("Slips take consent too.", ANN, orders.Assist(1), account=105)
    story.order("Given.", ANN, orders.Assist(1), account=105, cosigners=("noa",))
    story.order("No slips any more takes none.", ANN, orders.Assist(0), account=105)
    story.order("Who has no device is not asked.", ANN, add, account=107)
    story.order("And is alone again.", ANN, remove, account=107)


def _what_it_asks(story: Story, opening: int) -> None:
    c = story.circle
    given = orders.Mandate(NOBODY, ("pay", "pay"), 1, DAY, c.now)
    story.order("Nobody to give it to; over before it begins.", NOA, given)
    hold = story.order("Set aside for oli.", NOA, orders.Hold((106,), 20, c.now + DAY))
    story.order("No such hold; paid to oneself.", NOA, orders.Settle(0, 105, 21))
    story.order("Paid to oneself; more than is held.", NOA, orders.Settle(hold, 105, 21))
    story.order("More than is held.", NOA, orders.Settle(hold, 106, 21))
    story.order("Not to suspense.", NOA, Pay(((3, 1),)))
    story.order("Tokens are set aside from it.", ANN, orders.Close(), account=105)
    story.order("And for it.", ANN, orders.Close(), account=106)
    story.order("Only a coordinator closes; tokens are set aside.", MIA, orders.Close())
    invite = orders.Invite(key("noa"), -10_001, 5_000, 5_001, "", c.now)
    story.order("Over before it begins; a device's key.", ANN, invite)
    invite = invite._replace(until=c.now + DAY)
    story.order("More than its ceiling; a device's key.", ANN, invite)
    invite = invite._replace(starter=0)
    story.order("A device's key; more credit than allowed.", ANN, invite)
    taken = orders.Open((), -10_001, 9_000, 9_000, 0, (c.enrolment("noa"),))
    story.order("A device's key; a handle that is taken.", ANN, taken, "noa")
    taken = taken._replace(deviceless=1, enrolment=())
    story.order("A handle that is taken; more credit than allowed.", ANN, taken, "noa")
    story.order("More credit than allowed; more than the community has.", ANN, taken, "pat")
    taken = taken._replace(floor=0)
    story.order("More than the community has.", ANN, taken, "pat")
    request = c.request(OLI, 10)
    story.order("Not to suspense; no such request.", NOA, Pay(((3, 1),), request=(bytes(32),)))
    story.order("No such request; beyond the limit.", NOA, Pay(((106, 4_000),), (), (bytes(32),)))
    story.order("One leg too many for it.", NOA, Pay(((106, 10), (103, 1)), (), (request,)))
    story.show_request(request)
    story.order("It is paid.", NOA, Pay(((106, 10),), request=(request,)))
    story.order("Leaf 0 is no transfer.", ANN, orders.Reverse(0))
    shows = "Nor is an opening: it takes no committee to hear that, though ann ordered it."
    story.order(shows, BEN, orders.Reverse(opening))
    story.order("Beyond the limit; over the payee's ceiling.", NOA, Pay(((106, 6_000),)))


def _joining(story: Story) -> None:
    c = story.circle
    pat = Person("pat", 0, 0, "pat")
    unknown = c.join("pat", "code 9")
    story.order("No such invitation; its time is over.", pat, unknown, "pat", expires=c.now)
    invite = orders.Invite(key("code 3"), -9_000, 20_000, 0, "", c.now + DAY)
    story.order("An invitation with much credit.", ANN, invite)
    story.order(
        "The invitation's key is taken; the limit too wide.", ANN, invite._replace(floor=-10_001)
    )
    lost = Person("pat", 0, 0, LOST)
    story.order("A frozen device; a key that is taken.", lost, c.join(LOST, "code 3"), "pat")
    known = Person("pat", 0, 0, "noa")
    story.order("A device's key; a handle that is taken.", known, c.join("noa", "code 3"), "noa")
    join = c.join("pat", "code 3")
    story.order("A handle that is taken.", pat, join, "noa")
    _amend(story, "The charter's largest credit is lowered.", credit_limit_max=8_000)
    story.order("What was promised is too wide now.", pat, join, "pat")
    _amend(story, "And raised.", credit_limit_max=10_000)
    story.order("Pat joins.", pat, join, "pat")
    story.order("An invitation is used once; a handle that is taken.", pat, join, "pat")
    story.order("A used one is not taken back.", ANN, orders.Uninvite(key("code 3")))


def _amend(story: Story, shows: str, **changed: Any) -> None:
    rules = story.circle.state.rules._replace(**changed)
    story.order(shows, ANN, orders.Amend(encode_rules(rules)), cosigners=("ben",))


def _granted(story: Story) -> None:
    _amend(story, "No circle moves elsewhere.", address="elsewhere.example")
    _amend(story, "Nor is its unit a figure.", unit_plural="½ hours".encode())
    _amend(story, "Less credit in all than is granted.", credit_total_max=15_000)
    wider, narrower = orders.Limits(-1_001, 5_000), orders.Limits(-999, 5_000)
    story.order("No floor goes lower then.", ANN, wider, account=105)
    story.order("One may go higher.", ANN, narrower, account=105)
    _amend(story, "More credit in all.", credit_total_max=100_000)
    story.order("Now it may.", ANN, wider, account=105)
    story.order("No lower than for any account.", ANN, orders.Limits(-10_001, 0), account=105)


def _shared_cap(story: Story) -> None:
    c = story.circle
    story.order("Mia's capped phone pays.", MIA, Pay(((106, 300),)), device="new phone")
    watch = orders.Enrol(103, c.enrolment("watch"), "device", 1)
    story.order("It adds a watch, capped as it is.", MIA, watch, device="new phone")
    story.order("The phone is lost.", MIA, orders.Freeze(key("new phone")), device="watch")
    story.order("What it moved counts still.", MIA, Pay(((106, 201),)), device="watch")
    story.order("To the very cap.", MIA, Pay(((106, 200),)), device="watch")
    none = orders.Mandate(105, ("pay",), 1, DAY, c.now + DAY)
    story.order("A capped device grants no mandate.", MIA, none, device="watch")
    add = orders.Holder(105, 1)
    story.order("Nor does it consent.", ANN, add, account=103, cosigners=("watch",))


def _waiting(story: Story) -> None:
    c = story.circle
    act = orders.Enrol(105, c.enrolment(TABLET), "device", 0)
    story.order("A tablet at a distance, for noa.", ANN, act)
    over, most = Pay(((106, 501),)), Pay(((106, 500),))
    story.order("It waits; over its cap.", NOA, over, device=TABLET)
    _days(story, 3 * DAY - 1)
    story.order("To the last millisecond.", NOA, over, device=TABLET)
    c.now += 1
    story.order("Then it is capped.", NOA, over, device=TABLET)
    story.order("To the very cap.", NOA, most, device=TABLET)
    story.order("It can be vetoed no more.", NOA, orders.Veto(key(TABLET)))
    _days(story, 7 * DAY - 1)
    story.order("Seven days after its wait.", NOA, Pay(((106, 1),)), device=TABLET)
    c.now += 1
    story.order("It is free.", NOA, Pay(((106, 1),)), device=TABLET)


def _windows(story: Story) -> None:
    c = story.circle
    terms = orders.Mandate(106, ("pay",), 25, DAY, c.now + 2 * DAY)
    given: dict[str, Any] = {
        "account": 103,
        "mandate": (story.order("Mia lets oli pay.", MIA, terms),),
    }
    _days(story, HOUR * 23)
    story.order("The first window begins here.", OLI, Pay(((105, 20),)), **given)
    _days(story, DAY - 1)
    story.order("It is not over.", OLI, Pay(((105, 6),)), **given)
    c.now += 1
    story.order("The second one.", OLI, Pay(((105, 6),)), **given)
    c.now += HOUR - 1
    story.order("The mandate's last millisecond.", OLI, Pay(((105, 1),)), **given)
    c.now += 1
    story.order("Its time is over; over its cap.", OLI, Pay(((105, 30),)), **given)


def _policy(story: Story) -> None:
    c = story.circle
    hold = orders.Hold((107,), 30, c.now + 7 * DAY, (HOUR,))
    made = story.order("Set aside for eve.", OLI, hold)
    claim = orders.Claim(made, 30)
    story.order("Ben claims it by slip.", BEN, claim, account=107, slip=_slip(21))
    c.now += HOUR
    settle = orders.Settle(made, 107, 30)
    shows = "The settle of an unopposed claim stands on policy, by slip too."
    story.order(shows, BEN, settle, account=107, slip=_slip(22))


def _effective_ceiling(story: Story) -> None:
    """Above its ceiling an account can only come down, and each step down is kept."""
    balance = story.circle.state.accounts[106].balance
    act = orders.Limits(-1_000, balance - 100)
    story.order("Oli has more than the new ceiling.", ANN, act, account=106)
    story.effective(106)
    story.order("Nothing comes in.", NOA, Pay(((106, 1),)))
    paid = story.order("Something goes out.", OLI, Pay(((105, 60),)))
    story.effective(106, 105)
    story.order("And not in again.", NOA, Pay(((106, 1),)))
    story.order("Below the ceiling.", OLI, Pay(((105, 41),)))
    story.effective(106)
    story.order("Up to it.", NOA, Pay(((106, 1),)))
    story.order("What is undone passes it.", ANN, orders.Reverse(paid))
    story.effective(106, 105)


def _effective_floor(story: Story) -> None:
    """The same below a floor, here the treasury's."""
    owed = -story.circle.state.accounts[TREASURY].balance
    _amend(story, "The treasury is below its new floor.", treasury_floor=100 - owed)
    story.effective(TREASURY)
    story.order("It sells nothing.", ANN, orders.Sell(1, "cash 3"), account=105)
    story.order("It takes tokens back.", ANN, orders.Redeem(60, "cash 4"), account=106)
    story.effective(TREASURY)
    story.order("It still sells nothing.", ANN, orders.Sell(1, "cash 5"), account=105)
    story.order("It is above its floor.", ANN, orders.Redeem(41, "cash 6"), account=106)
    story.effective(TREASURY)
    story.order("And sells down to it.", ANN, orders.Sell(1, "cash 7"), account=105)
    story.order("No further; oli has no room.", ANN, orders.Sell(6_000, "cash 8"), account=106)
    story.order("Oli has no room.", NOA, Pay(((106, 150),)))
