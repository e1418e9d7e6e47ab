"""What a circle and its peer tell each other about their link itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ledger import keys
from ledger.codec import AMOUNT_MAX
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation import terms
from ledger.federation.agreement import (
    Agreement,
    encode_agreement,
    join_agreement,
    make_agreement,
    open_agreement,
    sign_agreement,
)
from ledger.federation.message import (
    Accept,
    Content,
    Decline,
    Leave,
    Prepare,
    Propose,
    Raise,
    Release,
    Suspend,
    Withdraw,
)
from ledger.federation.payment import payment_id
from ledger.federation.resume import resume
from ledger.federation.step import UNHEARD, Step
from ledger.orders import FIRST_MEMBER
from tests.check_links import Neighbourhood, both_sign, neighbourhood, our_party, party
from tests.circle import seed
from tests.federation.offering import answers, evidence, offer


def next_terms(here: Neighbourhood, number: int = 2, own: int = 5) -> Agreement:
    """New terms with kent."""
    ours = our_party(here.circle.state.circle, own, 7, 4_000)
    return make_agreement(number, b"hours", 1_500, 40, ours, party("kent", owes_max=3_000))


def proposal(here: Neighbourhood, agreement: Agreement | None = None, by: str = "kent") -> Propose:
    """Kent's proposal of these terms."""
    body = encode_agreement(agreement or next_terms(here))
    return Propose(body, sign_agreement(body, seed(f"{by} link")))


def accepted(here: Neighbourhood, agreement: Agreement | None = None) -> Accept:
    """Kent's acceptance of them."""
    body = encode_agreement(agreement or next_terms(here))
    return Accept(keys.object_id(keys.AGREEMENT, body), sign_agreement(body, seed("kent link")))


# --- the first agreement --------------------------------------------------------------------------


def test_a_link_begins_with_a_mirror_account_and_the_limits_agreed() -> None:
    here = neighbourhood()
    link = here.link("kent")
    account = here.circle.state.accounts[link.account]
    assert (link.account, account.kind, account.balance) == (6, "link", 0)
    assert (link.may_owe, link.may_be_owed, link.owed) == (5_000, 5_000, 0)
    assert (account.floor, account.ceiling) == (-AMOUNT_MAX, AMOUNT_MAX)


def test_there_is_one_link_with_a_circle_and_a_number_for_each() -> None:
    here = neighbourhood()
    circle, state = here.circle.state.circle, here.circle.state
    again = both_sign(make_agreement(1, b"hours", 9, 9, our_party(circle), party("kent")), "kent")
    assert terms.open_link(state, again).fault == "there is an agreement with this circle already"
    wire = both_sign(make_agreement(1, b"h", 9, 9, our_party(circle), party("york")), "york")
    last = here.link("kent")
    state.links[last.id] = last._replace(account=FIRST_MEMBER - 1)
    assert terms.open_link(state, wire).fault == "a circle has at most 97 neighbours"


@pytest.mark.parametrize("signers", [("exeter", "kent"), ("kent", "kent")])
def test_an_agreement_takes_both_signatures(signers: tuple[str, str]) -> None:
    body = encode_agreement(make_agreement(1, b"h", 9, 9, party("kent"), party("york")))
    pair = [sign_agreement(body, seed(f"{name} link")) for name in signers]
    with pytest.raises(InvalidSignature):
        join_agreement(body, *pair)


def test_a_first_agreement_is_ours_and_the_first() -> None:
    here = neighbourhood()
    ours = our_party(here.circle.state.circle)
    second = both_sign(make_agreement(2, b"h", 9, 9, ours, party("york")), "york")
    with pytest.raises(MalformedObject):
        terms.open_link(here.circle.state, second)
    body = encode_agreement(make_agreement(1, b"h", 9, 9, party("york"), party("kent")))
    agreement = open_agreement_of(body)
    with pytest.raises(MalformedObject):
        terms.open_link(here.circle.state, agreement)


def open_agreement_of(body: bytes) -> bytes:
    """The wire of an agreement between york and kent."""
    signed = {
        party(name).circle: sign_agreement(body, seed(f"{name} link")) for name in ("york", "kent")
    }
    wire = join_agreement(body, *(signed[circle] for circle in sorted(signed)))
    assert open_agreement(wire).number == 1
    return wire


# --- what the peer says ---------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "most"), [(9_000, 9_000), (4_999, 5_000), (0, 5_000)])
def test_a_peer_lets_us_owe_more_and_never_less(said: int, most: int) -> None:
    here = neighbourhood()
    here.hear("kent", Raise(said))
    assert (here.link("kent").may_owe, here.link("kent").may_be_owed) == (most, 5_000)


def test_a_peer_wants_no_payments_and_then_some_again() -> None:
    here = neighbourhood()
    for suspended in (1, 1, 0):
        here.hear("kent", Suspend(suspended))
        assert here.link("kent").takes_payments is not bool(suspended)
        assert here.link("kent").status == "open"


def test_new_terms_hold_once_both_have_signed_them() -> None:
    here = neighbourhood()
    before = here.link("kent").terms
    here.hear("kent", proposal(here))
    assert here.link("kent").terms == before
    state, link = here.circle.state, here.link("kent").id
    step = terms.accept(state, link, seed("link"), here.circle.now)
    [(_, said)] = answers(step)
    assert isinstance(said, Accept)
    here.step(step)
    _check_terms(here)


def test_our_proposal_holds_once_the_peer_accepts_it() -> None:
    here = neighbourhood()
    state, link = here.circle.state, here.link("kent").id
    here.step(terms.propose(state, link, next_terms(here), seed("link"), here.circle.now))
    assert here.link("kent").terms.number == 1
    here.hear("kent", accepted(here))
    _check_terms(here)


def _check_terms(here: Neighbourhood) -> None:
    """Both signatures are on what is kept, and the limits are the new ones, up or down."""
    link = here.link("kent")
    assert link.terms == open_agreement(link.agreement) == next_terms(here)
    assert (link.proposed, link.offered) == (b"", b"")
    assert (link.may_owe, link.may_be_owed) == (4_000, 3_000)


def _with_party(here: Neighbourhood, **changed: bytes | str) -> Agreement:
    agreement = next_terms(here)
    sides = [agreement.low, agreement.high]
    kent = sides.index(party("kent", owes_max=3_000))
    sides[kent] = sides[kent]._replace(**changed)  # type: ignore[arg-type]
    return agreement._replace(low=sides[0], high=sides[1])


@dataclass(frozen=True, slots=True)
class Wrong:
    """What kent says about the link, and may not."""

    name: str
    make: Callable[[Neighbourhood], Content]


WRONG = (
    Wrong("the same number", lambda here: proposal(here, next_terms(here, 1))),
    Wrong("a number left out", lambda here: proposal(here, next_terms(here, 3))),
    Wrong("another unit", lambda here: proposal(here, next_terms(here)._replace(unit=b"days"))),
    Wrong("another key", lambda here: proposal(here, _with_party(here, link=party("york").link))),
    Wrong("another origin", lambda here: proposal(here, _with_party(here, origin="elsewhere"))),
    Wrong("another's signature", lambda here: proposal(here, by="york")),
    Wrong("our signature", lambda here: Propose(proposal(here).agreement, bytes(64))),
    Wrong("an acceptance of nothing", accepted),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name.replace(" ", "_"))
def test_what_may_not_be_said_of_a_link_is_a_proof(case: Wrong) -> None:
    here = neighbourhood()
    before = here.link("kent")
    step = offer(here, "kent", case.make(here))
    assert evidence(step) == ["terms"]
    here.step(step)
    assert here.link("kent") == before._replace(status="frozen", sent=here.link("kent").sent)


def test_another_agreement_than_ours_is_not_accepted_by_the_peer() -> None:
    here = neighbourhood()
    state, link = here.circle.state, here.link("kent").id
    here.step(terms.propose(state, link, next_terms(here), seed("link"), here.circle.now))
    for other in (
        accepted(here, next_terms(here, own=6)),
        accepted(here)._replace(signature=bytes(64)),
    ):
        assert evidence(offer(here, "kent", other)) == ["terms"]


def test_of_two_proposals_that_crossed_the_lower_circles_holds() -> None:
    here = neighbourhood()
    state, link = here.circle.state, here.link("kent").id
    here.step(terms.propose(state, link, next_terms(here), seed("link"), here.circle.now))
    here.hear("kent", proposal(here, next_terms(here, own=6)))
    step = terms.accept(state, link, seed("link"), here.circle.now)
    if here.link("kent").circle == here.link("kent").terms.low.circle:
        assert step.fault == "our own proposal is with the peer, and comes first"
    else:
        here.step(step)
        assert here.link("kent").terms == next_terms(here, own=6)


# --- our own wishes -------------------------------------------------------------------------------

Wish = Callable[[Neighbourhood, bytes], Step]


def _propose(here: Neighbourhood, link: bytes) -> Step:
    agreement = next_terms(here)
    return terms.propose(here.circle.state, link, agreement, seed("link"), here.circle.now)


def _accept(here: Neighbourhood, link: bytes) -> Step:
    return terms.accept(here.circle.state, link, seed("link"), here.circle.now)


def _suspend(here: Neighbourhood, link: bytes) -> Step:
    return terms.suspend(here.circle.state, link, True, here.circle.now)


def _allow(here: Neighbourhood, link: bytes) -> Step:
    return terms.allow(here.circle.state, link, 6_000, here.circle.now)


def _withdraw(here: Neighbourhood, link: bytes) -> Step:
    return terms.withdraw(here.circle.state, link, here.circle.now)


def _decline(here: Neighbourhood, link: bytes) -> Step:
    return terms.decline(here.circle.state, link, here.circle.now)


def _leave(here: Neighbourhood, link: bytes) -> Step:
    return terms.leave(here.circle.state, link, here.circle.now)


@pytest.mark.parametrize("wish", [_propose, _accept, _allow, _decline, _leave])
def test_nothing_is_said_to_a_peer_that_has_not_been_heard(wish: Wish) -> None:
    """Our last messages may be lost: a number must not be used twice."""
    here = neighbourhood()
    here.hear("kent", proposal(here))
    link = here.link("kent")
    here.circle.state.unconfirmed.add(link.id)
    step = wish(here, link.id)
    assert (step.fault, step.changes) == (UNHEARD, ())
    here.circle.state.unconfirmed.clear()
    assert wish(here, link.id).fault == ""


def test_what_we_wish_is_said_and_kept() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    for wish, said in ((_suspend, Suspend(1)), (_allow, Raise(6_000))):
        step = wish(here, link)
        assert answers(step) == [(link, said)]
        here.step(step)
    assert (here.link("kent").status, here.link("kent").may_be_owed) == ("suspended", 6_000)
    assert not here.link("kent").takes_payments
    assert _suspend(here, link).fault == "the link is suspended"
    assert "less needs both" in _allow(here, link).fault


def test_there_is_one_proposal_of_ours_at_a_time() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    here.step(_propose(here, link))
    for wish in (_propose, _allow):
        assert wish(here, link).fault == "our last proposal is still with the peer"


def test_there_is_nothing_to_accept_before_something_is_proposed() -> None:
    here = neighbourhood()
    assert _accept(here, here.link("kent").id).fault == "the peer proposed nothing"


@pytest.mark.parametrize("standing", ["frozen", "lost", "left"])
def test_a_link_that_ended_is_not_suspended_or_opened(standing: str) -> None:
    here = neighbourhood()
    link = here.link("kent")
    ended = {"left": True} if standing == "left" else {"status": standing}
    here.circle.state.links[link.id] = link._replace(**ended)
    assert _suspend(here, link.id).fault == f"the link is {standing}"


def test_a_new_rate_touches_only_new_holds() -> None:
    here = neighbourhood()
    _, first = here.pay(here.circle["mia"], "kent", 70, 70, (((party("kent").circle, 70),)))
    here.hear("kent", proposal(here))
    here.step(_accept(here, here.link("kent").id))
    _, second = here.pay(here.circle["mia"], "kent", 70, 70, (((party("kent").circle, 70),)))
    values = {hold.payment: hold.value for hold in here.circle.state.link_holds.values()}
    assert values == {first: 30, second: 50}
    here.commit("kent", first, "kent")
    assert here.circle.balance(here.circle["mia"]) == 170


def test_rounding_is_told_at_the_rate_of_when_a_payment_was_sent() -> None:
    """71 are worth 30.428572 at three for seven, and cost 31, whatever is agreed meanwhile."""
    here = neighbourhood()
    _, out = here.pay(here.circle["mia"], "kent", 70, 40, (((party("kent").circle, 71),)))
    _, header, sealed = here.header("exeter", 30)
    here.hear("kent", Prepare(header, 71, (((party("exeter").circle, 30),))), sealed)
    here.hear("kent", proposal(here))
    here.step(_accept(here, here.link("kent").id))
    here.commit("kent", out, "kent")
    assert here.link("kent").rounding == 571_429
    here.commit("exeter", payment_id(header), "exeter")
    assert here.link("kent").rounding == 571_429 + 428_571


# --- proposals that come to nothing ---------------------------------------------------------------


def test_what_we_proposed_stands_until_the_peer_ends_it() -> None:
    """A withdrawal asks: were it enough, it could cross an acceptance."""
    here = neighbourhood()
    link = here.link("kent").id
    assert _withdraw(here, link).fault == "nothing of ours is proposed"
    here.step(_propose(here, link))
    proposed = terms.offer_id(here.link("kent").proposed)
    step = _withdraw(here, link)
    assert answers(step) == [(link, Withdraw(proposed))]
    here.step(step)
    assert _propose(here, link).fault == "our last proposal is still with the peer"
    here.hear("kent", Decline(bytes(32)))
    assert here.link("kent").proposed
    here.hear("kent", Decline(proposed))
    assert _propose(here, link).fault == ""


def test_an_acceptance_that_crosses_a_withdrawal_holds() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    here.step(_propose(here, link))
    here.step(_withdraw(here, link))
    here.hear("kent", accepted(here))
    _check_terms(here)


def test_what_the_peer_withdraws_is_declined_at_once_and_only_then() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    here.hear("kent", proposal(here))
    offered = terms.offer_id(here.link("kent").offered)
    assert answers(offer(here, "kent", Withdraw(bytes(32)))) == []
    step = here.hear("kent", Withdraw(offered))
    assert answers(step) == [(link, Decline(offered))]
    assert here.link("kent").offered == b""
    assert _accept(here, link).fault == "the peer proposed nothing"
    assert answers(here.hear("kent", Withdraw(offered))) == []


def test_a_proposal_is_declined_and_another_may_come() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    here.hear("kent", proposal(here))
    step = _decline(here, link)
    assert answers(step) == [(link, Decline(terms.offer_id(here.link("kent").offered)))]
    here.step(step)
    assert _decline(here, link).fault == "the peer proposed nothing"
    here.hear("kent", proposal(here))
    here.step(_accept(here, link))
    _check_terms(here)


# --- an end ---------------------------------------------------------------------------------------


def test_an_agreement_ends_when_nothing_is_owed_and_nothing_under_way() -> None:
    here = neighbourhood()
    link = here.link("kent").id
    _, paid = here.pay(here.circle["mia"], "kent", 70, 70, (((party("kent").circle, 70),)))
    assert _leave(here, link).fault == "1 payments are still under way"
    here.commit("kent", paid, "kent")
    assert _leave(here, link).fault == "this circle still owes 70 hours"
    _, header, sealed = here.header("", 25)
    here.hear("kent", Prepare(header, 70, ()), sealed, "mia")
    here.step(_propose(here, link))
    assert "withdraw it first" in _leave(here, link).fault
    here.hear("kent", Decline(terms.offer_id(here.link("kent").proposed)))
    here.hear("kent", proposal(here))
    offered = terms.offer_id(here.link("kent").offered)
    step = _leave(here, link)
    assert answers(step) == [(link, Decline(offered)), (link, Leave(1))]
    here.step(step)
    assert (here.link("kent").standing, here.link("kent").takes_payments) == ("left", False)
    for wish in (_leave, _allow):
        assert "ended" in wish(here, link).fault


def test_what_was_sent_before_an_end_was_heard_of_comes_back() -> None:
    here = neighbourhood()
    here.step(_leave(here, here.link("kent").id))
    _, header, sealed = here.header("", 25)
    step = offer(here, "kent", Prepare(header, 70, ()), sealed, "mia")
    assert [getattr(said, "reason", "") for _, said in answers(step)] == ["suspended"]


def test_a_peer_that_leaves_may_still_be_asked_for_what_it_was_sent() -> None:
    here = neighbourhood()
    _, sent = here.pay(here.circle["mia"], "kent", 70, 70, (((party("kent").circle, 70),)))
    here.hear("kent", Leave(1))
    assert here.link("kent").standing == "left"
    here.hear("kent", Release(sent, "suspended"))
    assert (here.link("kent").outgoing, here.circle.state.holds) == (0, {})


@pytest.mark.parametrize("owed", [70, -70])
def test_a_peer_that_leaves_while_something_is_owed_contradicts_itself(owed: int) -> None:
    here = neighbourhood()
    link = here.link("kent")
    here.circle.state.links[link.id] = link._replace(owed=owed)
    assert evidence(offer(here, "kent", Leave(1))) == ["terms"]


def test_a_peer_ends_the_agreement_that_is_in_force() -> None:
    here = neighbourhood()
    assert evidence(offer(here, "kent", Leave(2))) == ["terms"]


@pytest.mark.parametrize("who", ["we", "kent"])
def test_after_an_end_there_may_be_another_agreement(who: str) -> None:
    """On the same link, with the next number; what was suspended before is not any more."""
    here = neighbourhood()
    link = here.link("kent").id
    here.step(_suspend(here, link))
    here.hear("kent", Suspend(1))
    here.step(_leave(here, link))
    here.hear("kent", Suspend(1))  # it crossed
    here.hear("kent", Leave(1))
    sides = our_party(here.circle.state.circle), party("kent")
    again = both_sign(make_agreement(1, b"hours", 9, 9, *sides), "kent")
    assert "propose new terms" in terms.open_link(here.circle.state, again).fault
    if who == "we":
        here.step(_propose(here, link))
        here.hear("kent", accepted(here))
    else:
        here.hear("kent", proposal(here))
        here.step(_accept(here, link))
    _check_terms(here)
    assert here.link("kent").takes_payments


# --- a peer that is not to be heard ---------------------------------------------------------------


def test_payments_with_a_peer_that_is_not_heard_are_suspended_and_it_is_told_later() -> None:
    here = neighbourhood()
    state, link = here.circle.state, here.link("kent").id
    state.unconfirmed.add(link)
    step = _suspend(here, link)
    assert (step.fault, answers(step)) == ("", [])
    here.step(step)
    assert (here.link("kent").standing, here.link("kent").takes_payments) == ("suspended", False)
    assert _suspend(here, link).fault
    state.unconfirmed.clear()
    told = resume(state, link, b"", here.circle.now)
    assert answers(told) == [(link, Suspend(1))]
    here.step(told)
    assert (here.link("kent").status, here.link("kent").suspending) == ("suspended", False)
    assert answers(resume(state, link, b"", here.circle.now)) == []


def test_payments_that_were_suspended_unheard_are_taken_again_unheard() -> None:
    here = neighbourhood()
    state, link = here.circle.state, here.link("kent").id
    state.unconfirmed.add(link)
    here.step(_suspend(here, link))
    here.step(terms.suspend(state, link, False, here.circle.now))
    assert here.link("kent").takes_payments
    assert answers(resume(state, link, b"", here.circle.now)) == []
