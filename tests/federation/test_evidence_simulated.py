"""Of circles under all faults at once, the honest ones are never convicted by what they signed."""

from __future__ import annotations

import pytest

from ledger.errors import InvalidProof
from ledger.federation.link import Link, statement_of
from ledger.federation.message import body_of, encode_run, sign_run, sign_statement
from ledger.federation.proof_books import find_wrong
from ledger.federation.proof_link import Accused, Claim, contradict, open_claim
from ledger.state import State
from tests.simulator.circle import Book, Circle
from tests.simulator.founding import seed_of
from tests.simulator.run import run

SEEDS = range(40)
RUN = 8


def circles_of(seed: int) -> list[Circle]:
    """The circles of a seed, at its end."""
    made: list[Circle] = []

    def make(number: int, book: Book, state: State) -> Circle:
        made.append(Circle(number, book, state))
        return made[-1]

    run(seed, make=make)
    return made


def bodies_of(circle: Circle, link: Link, *, sent: bool) -> list[bytes]:
    """All messages of one direction."""
    return [body_of(wire) for is_sent, wire in circle.messages(link.id) if is_sent is sent]


def accused_of(link: Link) -> Accused:
    """A circle as one side of its link."""
    return Accused(link.id, link.terms, link.terms.party(link.circle))


def wrong_in(circle: Circle, link: Link, statement: bytes) -> str:
    """What a statement of the circle is convicted of, or ""."""
    directions = (
        bodies_of(circle, link, sent=True),
        bodies_of(circle, link, sent=False),
    )
    if link.circle != link.terms.low.circle:
        directions = directions[::-1]
    try:
        return find_wrong(accused_of(link), b"", statement, directions).about
    except InvalidProof:
        return ""


def runs_of(circle: Circle, link: Link) -> list[Claim]:
    """All that the circle said, in runs that overlap."""
    wires = [wire for sent, wire in circle.messages(link.id) if sent]
    seed = seed_of(circle.number, "link")
    starts = range(0, len(wires), RUN // 2)
    return [
        Claim("run", encode_run(sign_run(wires[start : start + RUN], seed))) for start in starts
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_sound_circle_is_not_convicted(seed: int) -> None:
    """Neither by its last statement and all messages, nor by any two runs of these; but by the same
    statement with another tally it is, unless its neighbour's cheating makes that undecided."""
    for circle in circles_of(seed):
        for link in circle.state.links.values() if circle.sound else ():
            key = seed_of(circle.number, "link")
            true = statement_of(link)
            assert wrong_in(circle, link, sign_statement(true, key)) == ""
            lie = sign_statement(true._replace(tally=true.tally + 1), key)
            assert wrong_in(circle, link, lie) in ("books", "")
            accused = accused_of(link)
            said = [open_claim(accused, claim) for claim in runs_of(circle, link)]
            said.append(open_claim(accused, Claim("statement", sign_statement(true, key))))
            for first in said:
                for second in said:
                    with pytest.raises(InvalidProof):
                        contradict(accused, first, second)
