"""What dishonest neighbours and strangers say about referrals, and what becomes of it."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from ledger import keys
from ledger.federation.link import Link
from ledger.federation.referral import (
    HALVES_MAX,
    MOMENT_MAX,
    PATH,
    REFERRALS_BYTES_MAX,
    Offer,
    Referrals,
    Reply,
    Verdict,
    Want,
    Who,
    decode_reply,
    decode_want,
    encode_reply,
    encode_want,
    read_referrals,
    sign_referrals,
)
from node.referrals import taking
from tests.circle_node import CircleNode
from tests.help_circle import read
from tests.line_of_circles import link_between
from tests.neighbouring_help import HOUR, Neighbours, neighbours

MUTATIONS = 400
HOUR_MS = 3600 * 1000


@pytest.fixture
async def both(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Neighbours]:
    async with neighbours(postgres_dsn, tmp_path) as both:
        yield both


def link_of(both: Neighbours) -> Link:
    """Exeter's link to Truro."""
    link: Link = both.exeter.circle.writer.loaded.links[link_between(both.exeter, both.truro)]
    return link


def secret(node: CircleNode) -> bytes:
    return keys.expand(node.home.founded.keyring.link)


def want_of(both: Neighbours, **changed: Any) -> Want:
    """Help in the garden of Exeter, in two days."""
    begins = both.exeter.clock.wall() // HOUR_MS * HOUR_MS + 48 * HOUR_MS
    want = Want(
        id=os.urandom(16),
        seq=1,
        state="open",
        category="garden",
        area=b"St Thomas",
        spot=(),
        minutes=60,
        places=1,
        picks=0,
        windows=((begins, begins + HOUR_MS),),
        traits=(),
        language=b"",
        vetting="",
        hour=HOUR,
        who=(),
        verdicts=(),
    )
    return want._replace(**changed)


def request_of(
    both: Neighbours, *, wants: Iterable[bytes] = (), replies: Iterable[bytes] = ()
) -> Referrals:
    """What Exeter says to Truro."""
    link = link_of(both)
    at = both.exeter.clock.wall()
    return Referrals(
        *("referrals-request", link.id, link.circle, link.peer, os.urandom(16), at, ()),
        *(tuple(wants), tuple(replies)),
    )


async def post(both: Neighbours, body: bytes) -> tuple[int, bytes]:
    """Send anything to Truro; the status, and the body of the answer."""
    async with both.truro.http.post(PATH, data=body) as response:
        return response.status, await response.read()


async def tell(both: Neighbours, request: Referrals) -> Referrals:
    """Send what Exeter signed, which has to be answered."""
    status, body = await post(both, sign_referrals(request, secret(both.exeter)))
    assert status == 200, body
    return read_referrals(body)[0]


async def count(both: Neighbours) -> int:
    """How many requests Truro has."""
    async with both.truro.home.database() as database:
        found: int = await database.fetchval("SELECT count(*) FROM help_requests")
    return found


async def test_whoever_is_not_the_neighbour_is_refused(both: Neighbours) -> None:
    """By another key, for another circle, of another link, long ago: nothing is taken of it."""
    request = request_of(both, wants=[encode_want(want_of(both))])
    own = secret(both.exeter)
    wrong = [
        sign_referrals(request, secret(both.truro)),
        sign_referrals(request._replace(receiver=request.sender), own),
        sign_referrals(request._replace(link=bytes(32)), own),
        sign_referrals(request._replace(part="referrals-answer"), own),
        sign_referrals(request._replace(at=request.at - HOUR_MS), own),
        *(b"", b"\x90", bytes(REFERRALS_BYTES_MAX + 1)),
    ]
    statuses = [(await post(both, wire))[0] for wire in wrong]
    assert statuses == [403, 400, 404, 400, 400, 400, 400, 400]
    assert await count(both) == 0


async def test_what_is_said_twice_or_late_changes_nothing(both: Neighbours) -> None:
    want = want_of(both)
    wire = sign_referrals(request_of(both, wants=[encode_want(want)]), secret(both.exeter))
    for _ in range(3):
        status, body = await post(both, wire)
        assert status == 200
        assert read_referrals(body)[0].heard == ((want.id, 1, 1),)
    assert await count(both) == 1
    newer = want._replace(seq=3, state="over")
    await tell(both, request_of(both, wants=[encode_want(newer)]))
    answer = await tell(both, request_of(both, wants=[encode_want(want._replace(seq=2))]))
    assert answer.heard == ((want.id, 1, 3),)
    async with both.truro.home.database() as database:
        assert await database.fetchval("SELECT status FROM help_requests") == "cancelled"
        assert await database.fetchval("SELECT heard FROM referrals") == 3


UNFIT: tuple[dict[str, Any], ...] = (
    {"category": "unheard-of"},
    {"vetting": "unheard-of"},
    {"windows": ((1, 2),)},
    {"windows": ((MOMENT_MAX - HOUR_MS, MOMENT_MAX),)},
    {"minutes": 480},
    {"state": "settled"},
)


async def test_what_cannot_be_looked_after_is_said_to_be_unfit(both: Neighbours) -> None:
    for changed in UNFIT:
        want = want_of(both, **changed)
        await tell(both, request_of(both, wants=[encode_want(want)]))
        await both.truro.circle.referring.one_round()
        async with both.truro.home.database() as database:
            half = await database.fetchval("SELECT half FROM referrals WHERE id = $1", want.id)
        assert decode_reply(half).state == "unfit", changed
    assert await count(both) == 0


async def test_a_window_that_is_left_out_keeps_nothing_open(both: Neighbours) -> None:
    """One of another age beside one that is wanted: what is asked ends with the latter."""
    want = want_of(both)
    far = (MOMENT_MAX - HOUR_MS, MOMENT_MAX)
    long = want._replace(windows=(*want.windows, far))
    await tell(both, request_of(both, wants=[encode_want(long)]))
    async with both.truro.home.database() as database:
        assert await database.fetchval("SELECT ends FROM help_requests") == want.windows[0][0]


async def test_one_bad_half_stops_no_other(both: Neighbours) -> None:
    good = want_of(both)
    halves = [b"\x90", encode_want(good), encode_reply(Reply(bytes(16), 1, "looking", ()))]
    answer = await tell(both, request_of(both, wants=halves[:2], replies=[halves[0], halves[2]]))
    assert answer.heard == ((good.id, 1, 1), (bytes(16), 0, 1))
    assert await count(both) == 1


async def test_a_neighbour_is_heard_a_hundred_times_a_day(
    both: Neighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "DAILY_MAX", 10)
    heard = []
    for _ in range(2):
        wants = [encode_want(want_of(both)) for _ in range(HALVES_MAX)]
        answer = await tell(both, request_of(both, wants=wants))
        heard.append(len(answer.heard))
    assert heard == [8, 2]
    assert await count(both) == 10


async def test_verdicts_of_what_was_never_offered_change_nothing(both: Neighbours) -> None:
    """Nor do payments that nobody made, names before anybody comes, and thanks for nothing."""
    want = want_of(both)
    await tell(both, request_of(both, wants=[encode_want(want)]))
    await both.go_round()
    [seen] = await both.asked("olga")
    who = Who(b"Mia", "mia", b"", b"12 Elm Road", b"")
    verdict = Verdict(7, "accepted", 60, "helper", bytes(32), b"Thank you")
    wild = want._replace(seq=2, who=(who,), verdicts=(verdict,))
    await tell(both, request_of(both, wants=[encode_want(wild)]))
    after = await read(both.truro, both.truro["olga"], seen["number"])
    assert (after["address"], after["status"]) == (None, "open")
    await both.truro.circle.referring.one_round()
    async with both.truro.home.database() as database:
        assert await database.fetchval("SELECT count(*) FROM visits WHERE payment <> ''") == 0


async def test_offers_nobody_can_have_made_are_not_taken_up(both: Neighbours) -> None:
    """At no time that is wanted, without the vetting, already past: Mia is not even told."""
    made = await both.ask(hours=48)
    async with both.exeter.home.database() as database:
        identity = await database.fetchval("SELECT id FROM referrals")
    begins = both.exeter.clock.wall() // HOUR_MS * HOUR_MS + 48 * HOUR_MS
    for seq, moment in enumerate((begins + HOUR_MS, begins - 96 * HOUR_MS, MOMENT_MAX), 100):
        offer = Offer(seq, moment, 0, 1, 0, "", b"", "", b"")
        reply = encode_reply(Reply(identity, seq, "looking", (offer,)))
        await hear(both, reply)
        [refused] = [
            each for each in (await both.seen(made["number"]))["neighbours"] if each["refused"]
        ]
        assert refused["refused"] == "declined"
    assert (await both.seen(made["number"]))["visits"][0]["status"] == "open"


async def hear(both: Neighbours, reply: bytes) -> None:
    """Have Truro tell Exeter, whatever it is."""
    link = link_of(both)
    at = both.exeter.clock.wall()
    request = Referrals(
        *("referrals-request", link.id, link.peer, link.circle, os.urandom(16), at, ()),
        *((), (reply,)),
    )
    wire = sign_referrals(request, secret(both.truro))
    async with both.exeter.http.post(PATH, data=wire) as response:
        assert response.status == 200


async def test_no_change_of_a_byte_is_answered_with_an_error_of_ours(both: Neighbours) -> None:
    """Of what is signed, and of halves that are signed as they are."""
    chance = random.Random(7)
    want = want_of(both, spot=((532_500, 176_500),), traits=("car",), language="Français".encode())
    half = encode_want(want)
    wire = sign_referrals(request_of(both, wants=[half]), secret(both.exeter))
    for _ in range(MUTATIONS // 4):
        changed = bytearray(wire)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        assert (await post(both, bytes(changed)))[0] in (400, 403, 404)
    for _ in range(MUTATIONS // HALVES_MAX):
        halves = []
        for _ in range(HALVES_MAX):
            mutated = bytearray(half)
            mutated[chance.randrange(len(mutated))] ^= 1 << chance.randrange(8)
            halves.append(bytes(mutated))
        await tell(both, request_of(both, wants=halves))
    assert decode_want(half) == want
