"""What dishonest neighbours and strangers say to a node that gossips, and what becomes of it."""

from __future__ import annotations

import json
import os
import random
from collections.abc import AsyncIterator, Sequence
from io import BytesIO
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from ledger import codec, keys
from ledger.codec import from_base64url
from ledger.errors import InvalidSignature, MalformedObject
from ledger.federation.gossip import Meet, Publish
from ledger.federation.gossip_envelope import (
    Bulletin,
    Envelope,
    LinkPosition,
    Totals,
    Unit,
    announce,
    encode_bulletin,
    parse_conflict,
    period_of,
    seal,
    verify_conflict,
)
from ledger.federation.gossip_exchange import Message, encode_message, first_message
from ledger.federation.gossip_meeting import (
    MEETING_BYTES_MAX,
    PATH,
    Said,
    read_said,
    sign_said,
    verify_said,
)
from ledger.federation.link import statement_of
from ledger.federation.message import encode_statement
from node.errors import Overloaded
from node.gossip import speaker as gossip_speaker
from node.gossip.allowances import ALLOWANCE, Allowances
from node.gossip.neighbours import read_edges
from tests.circle_node import CircleNode
from tests.federation.gossip_circles import Speaker
from tests.line_of_circles import agree, circles_in_line, known, knows_links, link_between
from tests.waiting import until

IDLE_BYTES_MAX = 200
MUTATIONS = 400


@pytest_asyncio.fixture
async def line(
    postgres_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[CircleNode]]:
    """Exeter, Totnes and Bath, who have heard of each other. Totnes lies."""
    monkeypatch.setattr(gossip_speaker, "QUIET_SECONDS", 0.5)
    async with circles_in_line(postgres_dsn, tmp_path, "exeter", "totnes", "bath") as nodes:
        exeter, _, bath = nodes
        await until(lambda: knows_links(exeter, bath, 1))
        await until(lambda: knows_links(bath, exeter, 1))
        yield nodes


def announcement_of(node: CircleNode) -> Envelope:
    """A circle's announcement."""
    charter, link = node.circle.writer.loaded.charter, node.home.founded.keyring.link
    return announce(charter.identity, charter.certificate, charter.signature, link)


def bulletin_of(
    node: CircleNode, accounts: int, links: Sequence[LinkPosition] = (), *, later: int = 1
) -> Envelope:
    """What a circle's keys sign, for the next period unless told otherwise."""
    head = node.circle.writer.loaded.head.checkpoint.encode()
    said = Bulletin(
        head,
        Totals(accounts, 1, 1),
        node.url,
        Unit(b"token", b"tokens", "decimal", 2),
        tuple(sorted(links)),
    )
    founded = node.home.founded
    number = period_of(node.clock.wall()) + later
    return seal(founded.circle, 1, number, encode_bulletin(said), founded.keyring.link)


def request(
    sender: CircleNode, receiver: CircleNode, message: bytes, seed: bytes | None = None
) -> bytes:
    """A meeting's request, as ``sender`` signs it unless there is another ``seed``."""
    ours, theirs = sender.home.founded, receiver.home.founded
    said = Said("gossip-request", ours.circle, os.urandom(16), sender.clock.wall(), message)
    return sign_said(said, theirs.circle, seed or ours.keyring.link)


async def post(node: CircleNode, body: bytes) -> tuple[int, bytes]:
    """Send a body; the status and what is answered."""
    headers = {"Content-Type": "application/octet-stream"}
    async with node.http.post(PATH, data=BytesIO(body), headers=headers) as response:
        return response.status, await response.read()


async def tell(sender: CircleNode, receiver: CircleNode, *envelopes: Envelope) -> None:
    """Let a neighbour say something that has to be taken."""
    message = encode_message(Message(envelopes=[each.data for each in envelopes]))
    status, answer = await post(receiver, request(sender, receiver, message))
    assert status == 200, answer


async def test_liar_is_convicted_by_its_two_bulletins(line: list[CircleNode]) -> None:
    """It tells one to each of two neighbours, who know each other; both keep the proof, and show
    and count it."""
    exeter, totnes, bath = line
    await agree(exeter, bath)
    liar = totnes.home.founded.circle.hex()
    await tell(totnes, exeter, bulletin_of(totnes, accounts=10))
    await tell(totnes, bath, bulletin_of(totnes, accounts=1000))

    async def is_shown(node: CircleNode) -> bool:
        return bool((await known(node))[liar]["contradictions"])

    for node in (exeter, bath):
        await until(lambda node=node: is_shown(node))  # type: ignore[misc]
        [shown] = (await known(node))[liar]["contradictions"]
        assert shown["about"] == "bulletin"
        proof = parse_conflict(from_base64url(shown["proof"], "proof"))
        verify_conflict(proof)
        assert proof.first.issuer.hex() == liar
        async with node.home.database() as database:
            assert await database.fetchval("SELECT count(*) FROM gossip_records WHERE kind = 2")
        assert "tallystick_gossip_conflicts 1.0" in await node.text("/metrics")
        assert (await node.read("/api/v1/circles"))["contradicted"] == 1


async def test_neighbour_that_tells_others_another_tally_is_frozen(line: list[CircleNode]) -> None:
    """The statement in its bulletin is about the very numbers that our books are at."""
    exeter, totnes, _ = line
    ours = exeter.circle.writer.loaded.links[link_between(exeter, totnes)]
    lie = encode_statement(statement_of(ours)._replace(tally=5))
    seed = totnes.home.founded.keyring.link
    signatures = keys.sign(keys.STATEMENT, lie, seed), bytes(64)
    if ours.circle == ours.terms.low.circle:
        signatures = signatures[::-1]
    statement = codec.encode((lie, *signatures))
    position = LinkPosition(ours.circle, b"minutes", statement, 1, 1, 6000, 6000)
    await tell(totnes, exeter, bulletin_of(totnes, 10, [position]))

    async def is_frozen() -> bool:
        [link] = (await exeter.read("/api/v1/peers"))["peers"]
        return bool(link["status"] == "frozen" and link["contradictions"] == 1)

    await until(is_frozen)
    async with exeter.home.database() as database:
        [row] = await database.fetch("SELECT kind, wire FROM evidence")
    assert row["kind"] == "statement"
    assert lie in row["wire"]
    [link] = (await totnes.read("/api/v1/peers"))["peers"][:1]
    assert link["contradictions"] == 0


async def test_statement_that_nobody_signed_freezes_nothing(line: list[CircleNode]) -> None:
    exeter, totnes, _ = line
    ours = exeter.circle.writer.loaded.links[link_between(exeter, totnes)]
    lie = encode_statement(statement_of(ours)._replace(tally=5))
    for later, statement in enumerate(
        (codec.encode((lie, bytes(64), bytes(64))), b"no statement", codec.encode((lie,)))
    ):
        # Each is said for a period of its own; the second is told when its time has come.
        position = LinkPosition(ours.circle, b"minutes", statement, 1, 1, 6000, 6000)
        await tell(totnes, exeter, bulletin_of(totnes, 10, [position]))
        exeter.clock.pass_(later and 10 * 60_000)
    await until(lambda: _is_settled(exeter))
    [link] = (await exeter.read("/api/v1/peers"))["peers"]
    assert (link["status"], link["contradictions"]) == ("open", 0)


async def _is_settled(node: CircleNode) -> bool:
    return not node.circle.gossip.speaker.unchecked


async def test_only_neighbours_are_answered(line: list[CircleNode]) -> None:
    """A stranger's request has a link key too; so has one in a neighbour's name."""
    exeter, totnes, bath = line
    hello = encode_message(first_message(exeter.circle.gossip.store))
    wrong = bath.home.founded.keyring.link
    assert (await post(exeter, request(bath, exeter, hello)))[0] == 404
    assert (await post(exeter, request(totnes, exeter, hello, wrong)))[0] == 403
    assert (await post(exeter, request(totnes, bath, hello)))[0] == 403
    asked = request(totnes, exeter, hello)
    assert await post(exeter, asked) == (200, b""), "both know the same"
    assert len(asked) <= IDLE_BYTES_MAX
    asked = request(totnes, exeter, encode_message(Message(digests=[("", bytes(32))])))
    status, body = await post(exeter, asked)
    assert status == 200
    answer, signed, signature = read_said(body)
    key, receiver = keys.public_key(exeter.home.founded.keyring.link), totnes.home.founded.circle
    verify_said(answer, signed, signature, answer, receiver, key)


async def test_request_of_another_hour_is_refused(line: list[CircleNode]) -> None:
    exeter, totnes, _ = line
    said = Said(
        "gossip-request",
        totnes.home.founded.circle,
        os.urandom(16),
        totnes.clock.wall() - 3_600_000,
        b"x",
    )
    founded = exeter.home.founded
    body = sign_said(said, founded.circle, totnes.home.founded.keyring.link)
    status, _ = await post(exeter, body)
    assert status == 400


async def test_hostile_bodies_are_refused_and_change_nothing(line: list[CircleNode]) -> None:
    """Signed by a neighbour or not: never a fault of the node's own."""
    exeter, totnes, _ = line
    chance = random.Random(11)
    stranger = Speaker("a stranger")
    said = stranger.announcement().data, stranger.bulletin(exeter.clock.wall()).data
    genuine = encode_message(
        Message(
            digests=[("", bytes(32))],
            lists=[("0", [])],
            wants=[bytes(8)],
            envelopes=list(said),
        )
    )
    seen = set()
    for number in range(MUTATIONS):
        mutated = bytearray(genuine)
        for _ in range(chance.randrange(1, 4)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        del mutated[chance.choice((len(mutated), chance.randrange(len(mutated)))) :]
        body = request(totnes, exeter, bytes(mutated))
        if number % 4 == 0:
            body = body[: chance.randrange(len(body))]
        seen.add((await post(exeter, body))[0])
    assert seen <= {200, 400, 403}
    assert {400, 403} <= seen
    kept = {data for _, _, data in exeter.circle.gossip.store[stranger.id].records()}
    assert kept <= set(said)
    assert len(exeter.circle.gossip.store) <= 4
    assert (await post(exeter, bytes(MEETING_BYTES_MAX + 1)))[0] == 413
    assert (await post(exeter, bytes(MEETING_BYTES_MAX)))[0] == 400
    assert (await post(exeter, b""))[0] == 400


def test_neighbour_is_bounded_in_what_it_may_send() -> None:
    """In bytes, which come back with time; another neighbour's are its own."""
    allowances = Allowances()
    half = ALLOWANCE // 2
    allowances.take(b"one", half, 0.0)
    with pytest.raises(Overloaded):
        allowances.take(b"one", half, 0.1)
    allowances.take(b"other", half, 1.0)
    allowances.take(b"one", half, 600.0)


def test_signed_gossip_is_read_as_it_was_said() -> None:
    seed = bytes(range(32))
    receiver = bytes([1]) * 32
    said = Said("gossip-answer", bytes(32), bytes(16), 7, b"what it says")
    read, body, signature = read_said(sign_said(said, receiver, seed))
    assert read == said
    key = keys.public_key(seed)
    verify_said(read, body, signature, said._replace(at=8), receiver, key)
    for other in (
        said._replace(part="gossip-request"),
        said._replace(sender=bytes([2]) * 32),
        said._replace(nonce=bytes([3]) * 16),
        said._replace(at=7 + 16 * 60_000),
    ):
        with pytest.raises(MalformedObject):
            verify_said(read, body, signature, other, receiver, key)
    for to, signer in ((receiver, keys.public_key(bytes(32))), (bytes(32), key)):
        with pytest.raises(InvalidSignature):
            verify_said(read, body, signature, said, to, signer)
    for message in (b"", bytes(MEETING_BYTES_MAX)):
        with pytest.raises(MalformedObject):
            sign_said(said._replace(message=message), receiver, seed)


async def test_address_that_two_claim_is_nobodys(line: list[CircleNode]) -> None:
    """Unless one of them is nearer: an address is only its circle's word."""
    exeter, totnes, _ = line
    far = [Speaker(f"impostor {number}") for number in range(2)]
    await tell(totnes, exeter, *(each.announcement() for each in far))
    found = await known(exeter, address="circle.example")
    assert set(found) == {each.id.hex() for each in far}
    directory, store = exeter.circle.gossip.directory, exeter.circle.gossip.store
    assert directory.find(store, "circle.example") is None
    one = directory.find(store, far[0].id.hex())
    assert one is not None
    assert (one.circle, one.address, one.who.open().circle) == (
        far[0].id,
        "circle.example",
        far[0].id,
    )


async def test_link_that_only_one_side_shows_is_no_way(line: list[CircleNode]) -> None:
    """Else a liar could draw payments to itself by links that nobody else knows of."""
    exeter, totnes, bath = line
    victim = Speaker("victim")
    position = LinkPosition(victim.id, b"minutes", b"", 1, 1, 6000, 6000)
    lie = bulletin_of(totnes, 10, [position])
    await tell(totnes, exeter, victim.announcement(), lie)
    gossip = exeter.circle.gossip
    links = exeter.circle.writer.loaded.links.values()
    edges = gossip.directory.edges(gossip.store, links, exeter.clock.wall())
    assert list(edges(totnes.home.founded.circle)) == []
    outward = [edge.end.circle for edge in edges(exeter.home.founded.circle)]
    assert outward == [totnes.home.founded.circle]
    assert list(edges(bath.home.founded.circle)) == []


async def test_step_that_is_not_durable_is_forgotten(line: list[CircleNode]) -> None:
    """Where the database does not take it, nobody hears of it, and the store is read afresh."""
    exeter, totnes, _ = line
    gossip = exeter.circle.gossip
    before = gossip.store.items.fingerprint("")
    said = bulletin_of(totnes, accounts=77)
    role = f"{exeter.home.config.schema}_service"
    async with exeter.home.database() as database:
        await database.execute(f"REVOKE INSERT ON gossip_records FROM {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await gossip.take(Publish((said.data,)))
        await database.execute(f"GRANT INSERT ON gossip_records TO {role}")
    await gossip.take(Meet(totnes.home.founded.circle))
    assert gossip.store.items.fingerprint("") == before
    await gossip.take(Publish((said.data,)))
    assert gossip.store[said.issuer].bulletin == said


async def test_neighbours_own_list_is_read_with_care(line: list[CircleNode]) -> None:
    """Its word counts for the room alone, and only if it says that payments are taken."""
    exeter, totnes, bath = line
    link = exeter.circle.writer.loaded.links[link_between(exeter, totnes)]
    listed = await totnes.read("/api/v1/peers")
    [edge] = read_edges(listed, link)
    assert (edge.start.circle, edge.end.circle) == (link.peer, bath.home.founded.circle)
    assert edge.room == 6000
    [onward] = [peer for peer in listed["peers"] if peer["circle"] == edge.end.circle.hex()]
    for changed in (
        *({"status": "frozen"}, {"suspended_by_peer": True}, {"suspended_by_peer": 0}),
        *({"room_out": 0}, {"room_out": 1.5}, {"room_out": "many"}, {"room_out": True}),
        *({"agreement": None}, {"agreement": "AAAA"}, {"agreement": "!"}),
    ):
        assert list(read_edges({"peers": [onward | changed]}, link)) == []
    for nonsense in ("null", "[]", "{}", '{"peers": 3}', '{"peers": [3, null, []]}'):
        assert list(read_edges(json.loads(nonsense), link)) == []
    [small] = read_edges({"peers": [onward | {"room_out": 9, "own": 5, "peer_own": 5}]}, link)
    assert (small.room, small.start.own, small.end.own) == (9, 1, 1)
