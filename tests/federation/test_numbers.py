"""Messages in their numbers and chains, and statements of where a link stands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import MalformedObject
from ledger.federation.confirm import confirm
from ledger.federation.link import statement_of
from ledger.federation.message import (
    Raise,
    Release,
    Suspend,
    message_hash,
    sign_statement,
    write_message,
)
from ledger.federation.receive import Received, receive
from ledger.federation.step import Step
from tests.check_links import OWN, id_of, neighbourhood
from tests.circle import seed
from tests.federation.offering import evidence, offer, passing


def test_the_same_message_again_changes_nothing() -> None:
    here = neighbourhood()
    neighbour = replace(here.neighbours["exeter"])
    here.hear("exeter", Raise(9_000))
    wire, body = neighbour.say(here.circle.state.circle, Raise(9_000))
    received = Received(neighbour.link, (wire,), body)
    assert receive(here.circle.state, OWN, received, here.circle.now) == Step()


@pytest.mark.parametrize("behind", [0, 1])
def test_two_messages_of_one_number_are_a_proof(behind: int) -> None:
    """Of the newest number it is seen at once; of an older one by what is stored."""
    here = neighbourhood()
    neighbour = replace(here.neighbours["exeter"])
    first = replace(neighbour).say(here.circle.state.circle, Raise(9_000))
    here.hear("exeter", Raise(9_000))
    for _ in range(behind):
        here.hear("exeter", Suspend(0))
    wire, body = neighbour.say(here.circle.state.circle, Raise(9_001))
    stored = message_hash(first[1]) if behind else b""
    received = Received(neighbour.link, (wire,), body, stored=stored)
    step = receive(here.circle.state, OWN, received, here.circle.now)
    assert evidence(step) == ["message"]


def test_a_message_that_does_not_name_the_one_before_it_is_a_proof() -> None:
    here = neighbourhood()
    here.hear("exeter", Raise(9_000))
    here.neighbours["exeter"].last = bytes(32)
    assert evidence(offer(here, "exeter", Raise(9_001))) == ["message"]


def test_a_message_out_of_turn_is_not_taken_and_no_proof() -> None:
    here = neighbourhood()
    here.neighbours["exeter"].seq = 4
    step = offer(here, "exeter", Raise(9_000))
    assert (step.fault, step.changes) == ("message 1 comes first", ())


@pytest.mark.parametrize("field", ["link", "sender", "receiver"])
def test_a_message_between_others_is_not_taken(field: str) -> None:
    """Whatever it says: only the link whose key verified it counts."""
    here = neighbourhood()
    link = here.link("exeter")
    names = {"link": link.id, "sender": link.peer, "receiver": link.circle}
    names[field] = id_of("luton")
    between = names["link"], names["sender"], names["receiver"]
    body = write_message(*between, 1, bytes(32), Raise(9_000))
    step = receive(here.circle.state, OWN, Received(link.id, (b"w",), body), here.circle.now)
    assert (step.fault, step.changes) == ("it is for another link", ())


def test_bytes_that_are_no_message_are_refused() -> None:
    here = neighbourhood()
    with pytest.raises(MalformedObject):
        receive(here.circle.state, OWN, Received(here.link("kent").id, (b"",), b"no"), 0)


def test_nothing_is_taken_before_the_link_is_confirmed_or_after_it_is_lost() -> None:
    here = neighbourhood()
    link = here.link("exeter")
    here.circle.state.unconfirmed.add(link.id)
    assert "hear first" in offer(here, "exeter", Raise(9_000)).fault
    here.circle.state.unconfirmed.clear()
    here.circle.state.links[link.id] = link._replace(status="lost")
    assert "lost its past" in offer(here, "exeter", Raise(9_000)).fault


def test_a_frozen_link_still_resolves_what_is_under_way() -> None:
    here = neighbourhood()
    payment = passing(here)
    here.step(offer(here, "luton", Release(bytes(32), "seen")))
    assert here.link("luton").status == "frozen"
    here.commit("luton", payment, "luton")
    assert here.link("exeter").owed == 45


# --- statements -----------------------------------------------------------------------------------


def test_a_statement_that_fits_is_kept_and_acknowledges() -> None:
    here = neighbourhood()
    passing(here)
    here.agreed("luton")
    assert here.link("luton").acked == 1
    statement = statement_of(here.link("luton"))
    wire = sign_statement(statement, seed("luton link"))
    assert here.link("luton").agreed == wire
    again = confirm(here.circle.state, here.link("luton").id, statement, wire, here.circle.now)
    assert again == Step()


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"tally": 1}, "statement"),
        ({"low_held": 1, "high_held": 1}, "statement"),
        ({"agreement": 2}, "statement"),
        ({"low_hash": b"\1" * 32, "high_hash": b"\1" * 32}, "statement"),
        ({"low_seq": 5, "high_seq": 5}, "past"),
    ],
)
def test_a_statement_that_contradicts_ours_is_a_proof(
    changed: dict[str, int | bytes], kind: str
) -> None:
    """A peer that knows of messages which we never sent knows a past that we have lost."""
    here = neighbourhood()
    statement = statement_of(here.link("kent"))._replace(**changed)  # type: ignore[arg-type]
    wire = sign_statement(statement, seed("kent link"))
    step = confirm(here.circle.state, here.link("kent").id, statement, wire, here.circle.now)
    assert evidence(step) == [kind]
    here.step(step)
    assert here.link("kent").status == ("lost" if kind == "past" else "frozen")


def test_a_statement_of_an_earlier_position_only_acknowledges() -> None:
    here = neighbourhood()
    before = statement_of(here.link("luton"))
    passing(here)
    wire = sign_statement(before, seed("luton link"))
    step = confirm(here.circle.state, here.link("luton").id, before, wire, here.circle.now)
    assert step == Step()
    other = confirm(here.circle.state, here.link("kent").id, before, wire, here.circle.now)
    assert other.fault == "it is about another link"


def test_a_peer_that_lost_what_it_received_gets_it_again() -> None:
    """It is an old backup, and nothing that it signed is contradicted: it had said as much."""
    here = neighbourhood()
    circle = here.circle.state.circle
    before = statement_of(here.link("luton"))
    passing(here)
    here.agreed("luton")
    here.hear("luton", Suspend(1))
    after = statement_of(here.link("luton"))
    we_are_low = circle == here.link("luton").terms.low.circle
    if we_are_low:
        lost = before._replace(high_seq=1, high_hash=after.high_hash)
    else:
        lost = before._replace(low_seq=1, low_hash=after.low_hash)
    link = here.link("luton").id
    for statement, acked in ((before, 1), (lost, 0), (after, 1)):
        wire = sign_statement(statement, seed("luton link"))
        here.step(confirm(here.circle.state, link, statement, wire, here.circle.now))
        assert here.link("luton").acked == acked
    assert here.link("luton").status == "open"
    wire = sign_statement(lost, seed("luton link"))
    step = confirm(here.circle.state, link, lost, wire, here.circle.now, is_newest=False)
    assert step == Step(), "a bulletin is old by nature"
