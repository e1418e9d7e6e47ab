"""What a real node keeps of a neighbour that lies, and that it convicts it before anybody."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from ledger import merkle
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.federation.evidence_file import read_evidence_file
from ledger.federation.gossip import Publish
from ledger.federation.link import statement_of
from ledger.federation.message import Commit, Raise, Release, Statement, message_hash
from ledger.federation.payment import sign_commit
from ledger.federation.proof import verify_evidence
from ledger.federation.proof_link import Finding
from ledger.note import make_signer
from ledger.witness import format_request
from node.federation.evidence_kept import Piece, kept_evidence
from tests.circle_node import CircleNode
from tests.federation.gossip_circles import Speaker
from tests.lying_neighbour import LyingNeighbour, lying_neighbour


@pytest_asyncio.fixture
async def totnes(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[LyingNeighbour]:
    """A neighbour of Exeter's that says what a test wants."""
    async with lying_neighbour(postgres_dsn, tmp_path) as neighbour:
        yield neighbour


async def kept(node: CircleNode) -> list[Piece]:
    """What the node can prove against others."""
    async with node.home.database() as connection:
        return await kept_evidence(connection, node.home.founded.keyring.link)


async def convicted(totnes: LyingNeighbour) -> Finding:
    """What Totnes is convicted of; new payments with it are frozen."""
    assert totnes.link.status == "frozen"
    [piece] = await kept(totnes.victim)
    assert verify_evidence(piece.data) == piece.finding
    assert (piece.name, piece.finding.circle) == ("totnes", totnes.id)
    assert piece.finding.convicted
    return piece.finding


async def test_two_messages_under_one_number(totnes: LyingNeighbour) -> None:
    """It was signed as one of a run the first time, and by itself the second."""
    await totnes.say(*(totnes.next(Raise(7_000 + number)) for number in range(3)))
    other = totnes.body(Raise(9_000), 2, message_hash(totnes.said[0]))
    await totnes.say(other)
    finding = await convicted(totnes)
    assert (finding.about, finding.number) == ("message", 2)


async def test_message_that_follows_another_than_was_sent(totnes: LyingNeighbour) -> None:
    await totnes.say(totnes.next(Raise(7_000)))
    await totnes.say(totnes.body(Raise(8_000), 2, bytes(32)))
    finding = await convicted(totnes)
    assert (finding.about, finding.number) == ("message", 1)


async def test_commit_that_the_decider_did_not_sign(totnes: LyingNeighbour) -> None:
    payment = await totnes.is_paid(50)
    forged = sign_commit(payment, os.urandom(32))
    await totnes.say(totnes.next(Commit(payment, forged)))
    finding = await convicted(totnes)
    assert (finding.about, finding.payment) == ("false-commit", payment)


async def test_payment_that_is_claimed_twice(totnes: LyingNeighbour) -> None:
    payment = await totnes.is_paid(50)
    commit = Commit(payment, sign_commit(payment, totnes.home.founded.keyring.decision))
    await totnes.say(totnes.next(commit))
    assert totnes.link.owed == -50
    await totnes.say(totnes.next(commit))
    finding = await convicted(totnes)
    assert (finding.about, finding.payment) == ("committed-twice", payment)


def lie(totnes: LyingNeighbour, amount: int) -> Statement:
    """Where the link stands, if the victim owed so much more."""
    true = statement_of(totnes.link)
    we_are_low = totnes.link.circle == totnes.link.terms.low.circle
    return true._replace(tally=true.tally + (-amount if we_are_low else amount))


async def test_statement_that_its_own_messages_contradict(totnes: LyingNeighbour) -> None:
    """The messages are all in the proof: one payment arrived, another came back."""
    payment, other = await totnes.is_paid(50), await totnes.is_paid(20)
    signature = sign_commit(payment, totnes.home.founded.keyring.decision)
    await totnes.say(totnes.next(Commit(payment, signature)), totnes.next(Release(other, "value")))
    await totnes.say(statement=lie(totnes, 1_000))
    finding = await convicted(totnes)
    assert (finding.about, finding.owes) == ("books", (-1_050, -50))


async def test_statement_that_contradicts_the_one_before(totnes: LyingNeighbour) -> None:
    await totnes.say()
    await totnes.say(statement=lie(totnes, 5))
    finding = await convicted(totnes)
    assert (finding.about, finding.owes) == ("statement", (-5, 0))


async def test_release_of_what_was_not_held_is_kept_and_proves_nothing(
    totnes: LyingNeighbour,
) -> None:
    """It does no harm either; the link is frozen all the same."""
    await totnes.say(totnes.next(Release(bytes(32), "limit")))
    assert totnes.link.status == "frozen"
    assert await kept(totnes.victim) == []
    done = await tallyd(totnes, "Totnes")
    assert (done.returncode, done.stderr[:20]) == (1, "Nothing is kept here")


async def test_neighbour_that_knows_more_is_accused_and_not_convicted(
    totnes: LyingNeighbour,
) -> None:
    """One of the two lost its records, or lies: nobody else can tell."""
    true = statement_of(totnes.link)
    we_are_low = totnes.link.circle == totnes.link.terms.low.circle
    ahead = {"low_seq": 9, "low_hash": bytes(32)} if we_are_low else {"high_seq": 9}
    await totnes.say(statement=true._replace(**ahead))
    assert totnes.link.status == "lost"
    [piece] = await kept(totnes.victim)
    assert (piece.finding.about, piece.finding.convicted) == ("past", False)
    assert piece.finding.number == 9


async def test_log_with_two_heads_is_convicted_by_its_witness(totnes: LyingNeighbour) -> None:
    """Also by its circle's name, once its keys have come by gossip."""
    founded = totnes.home.founded
    signer = make_signer(founded.origin, founded.keyring.log)
    for first in (b"a", b"b"):
        leaves = [merkle.leaf_hash(each) for each in (first, b"c")]
        head = sign_checkpoint(Checkpoint(founded.origin, 2, merkle.root(leaves)), signer)
        body = format_request(0, [], head)
        async with totnes.victim.http.post("/add-checkpoint", data=body) as response:
            assert response.status in (200, 409)
    [piece] = await kept(totnes.victim)
    assert (piece.finding.about, piece.finding.number) == ("heads", 2)
    assert piece.finding.origin == founded.origin
    assert piece.finding.circle in (b"", totnes.id)
    assert piece.is_about("totnes.example")


async def test_circle_that_gossips_two_things_is_convicted(totnes: LyingNeighbour) -> None:
    liar = Speaker("liar")
    now = totnes.victim.clock.wall()
    gossip = totnes.victim.circle.gossip
    envelopes = liar.announcement(), liar.bulletin(now, accounts=1), liar.bulletin(now, accounts=2)
    await gossip.take(Publish(tuple(each.data for each in envelopes)))
    [piece] = await kept(totnes.victim)
    assert (piece.finding.about, piece.finding.circle) == ("bulletin", liar.id)


async def tallyd(totnes: LyingNeighbour, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``tallyd peer evidence`` for the victim, in its folder."""
    home = totnes.victim.home
    program = "import sys; from node.cli import main; sys.argv[0] = 'tallyd'; main()"
    folder = home.config.directory
    words = [sys.executable, "-c", program, "peer", "evidence", str(folder), *arguments]
    environment = {**os.environ, "DATABASE_URL": home.dsn}
    return await asyncio.to_thread(
        subprocess.run,
        words,
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_command_says_it_and_writes_the_file(totnes: LyingNeighbour) -> None:
    done = await tallyd(totnes)
    assert (done.returncode, done.stdout[:20]) == (0, "Nothing is kept here"), done.stderr
    await totnes.say(totnes.next(Raise(7_000)))
    await totnes.say(totnes.body(Raise(8_000), 1, bytes(32)))
    done = await tallyd(totnes)
    assert done.stdout.startswith("totnes.example signed two different messages")
    assert "tallyd peer evidence DIR" in done.stdout
    done = await tallyd(totnes, "TOTNES")
    assert "evidence-totnes.example.json" in done.stdout
    assert totnes.id.hex() in done.stderr
    path = totnes.victim.home.config.directory / "evidence-totnes.example.json"
    [piece] = read_evidence_file(path.read_bytes())
    assert verify_evidence(piece).circle == totnes.id
    again = await tallyd(totnes, "totnes.example")
    assert (again.returncode, "already" in again.stderr) == (1, True)
    shown = await tallyd(totnes, totnes.id.hex()[:8], "--out", "-")
    assert read_evidence_file(shown.stdout.encode()) == [piece]


async def test_decider_that_released_for_good_and_committed(totnes: LyingNeighbour) -> None:
    """Its COMMIT came another way; here it stands in the database as if it had."""
    payment = await totnes.is_paid(50)
    await totnes.say(totnes.next(Release(payment, "payee")))
    assert totnes.link.status == "open"
    assert await kept(totnes.victim) == []
    commit = sign_commit(payment, totnes.home.founded.keyring.decision)
    async with totnes.victim.home.database() as connection:
        await connection.execute(
            "UPDATE transits SET commit = $2 WHERE payment = $1", payment, commit
        )
    [piece] = await kept(totnes.victim)
    assert (piece.finding.about, piece.finding.circle) == ("verdict", totnes.id)
    assert piece.finding.payment == payment
