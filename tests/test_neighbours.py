"""What a member is told of the circles that vouch for theirs (client/neighbours.py)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from client.address import Invitation
from client.audit import Report, audit
from client.cli.verify import tell_change, tell_neighbours
from client.errors import InvalidRecord
from client.joining import join
from client.keystore import KeyStore
from client.member import open_member
from client.neighbours import (
    Change,
    Neighbour,
    compare,
    decode_neighbours,
    encode_neighbours,
    parse_neighbour,
    vouching,
)
from ledger.cosignature import verify_cosignatures
from ledger.errors import InvalidNote
from ledger.note import COSIGNATURE_V1, format_vkey, make_signer
from ledger.orders import Pay
from ledger.receipt import parse_receipt
from node.witness.policy import Witness, add_witness, remove_witness
from tests.circle_node import CircleNode, serving
from tests.waiting import until
from tests.witnessed_circle import Neighbours, make_neighbours

ANN, BEN, OTHER = (
    Neighbour(name, make_signer(f"{name}.example", seed * 32, COSIGNATURE_V1).key)
    for name, seed in (("Ann", b"a"), ("Ben", b"b"), ("Other", b"o"))
)


@pytest_asyncio.fixture
async def three(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[Neighbours]:
    """A circle with three witnesses."""
    async with AsyncExitStack() as stack:
        yield await make_neighbours(stack, postgres_dsn, tmp_path, 3)


async def newcomer(node: CircleNode, folder: Path) -> KeyStore:
    """Somebody who joined from a device of their own."""
    store = KeyStore(folder)
    await join(store, Invitation(node.url, await node.invite()), "noa", "Noa")
    return store


async def verify(store: KeyStore) -> Report:
    async with open_member(store) as member:
        return await audit(member)


async def vouched_receipts(store: KeyStore, neighbours: Neighbours) -> list[int]:
    """How many neighbours cosigned the head of each receipt that is kept."""
    async with open_member(store) as member:
        notes = [parse_receipt(each.proof).checkpoint_note for each in member.journal.receipts()]
    return [len(verify_cosignatures(note, neighbours.keys)) for note in notes]


async def test_cosigned_proofs_replace_the_receipts_that_are_kept(
    three: Neighbours, tmp_path: Path
) -> None:
    """They are counted in words, and the next time nothing is written anew."""
    async with serving(three.home) as node:
        store = await newcomer(node, tmp_path / "noa")
        async with open_member(store) as member:
            account = member.membership.accounts[0]
        await node.do(node["mia"], Pay(((account, 1),)))
        assert await vouched_receipts(store, three) == [0]
        report = await verify(store)
        assert report.is_sound
        assert sorted(report.neighbours) == ["Circle 0", "Circle 1", "Circle 2"]
        assert report.changes == ()
        assert tell_neighbours(report) == ["Three neighbours' copies match yours."]
        assert await vouched_receipts(store, three) == [3, 3]
        kept = store.journal(member.membership.name).receipts()
        assert (await verify(store)).is_sound
        assert store.journal(member.membership.name).receipts() == kept


async def test_who_vouches_is_pinned_and_a_change_is_told(
    three: Neighbours, tmp_path: Path
) -> None:
    """One with another key does not count until that was told."""
    async with serving(three.home) as node, three.home.database() as connection:
        store = await newcomer(node, tmp_path / "noa")
        assert len((await verify(store)).neighbours) == 3
        await remove_witness(connection, three.keys[0].name)
        other = make_signer(three.keys[1].name, b"n" * 32, COSIGNATURE_V1).key
        await remove_witness(connection, other.name)
        await add_witness(connection, Witness(other, "Circle 1", "http://127.0.0.1:9"))
        await add_witness(connection, Witness(OTHER.key, "Other", "http://127.0.0.1:9"))

        async def is_noticed() -> bool:
            listed = (await node.read("/.well-known/tallystick"))["witnesses"]
            return format_vkey(OTHER.key) in {each["key"] for each in listed}

        await until(is_noticed)
        report = await verify(store)
        assert report.is_sound
        assert report.neighbours == ("Circle 2",)
        assert sorted(map(tell_change, report.changes)) == [
            "Circle 0 keeps no copy of the books any more.",
            "Circle 1 signs with another key than before: ask your coordinator if they know.",
            "Other keeps a copy of the books now, too.",
        ]
        assert (await verify(store)).changes == ()


async def test_without_neighbours_nothing_is_said_of_them(
    postgres_dsn: str, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        alone = await make_neighbours(stack, postgres_dsn, tmp_path, 0)
        async with serving(alone.home) as node:
            report = await verify(await newcomer(node, tmp_path / "noa"))
            assert report.is_sound
            assert tell_neighbours(report) == []


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (1, "One neighbour's copy matches yours."),
        (2, "Two neighbours' copies match yours."),
        (12, "Twelve neighbours' copies match yours."),
        (13, "13 neighbours' copies match yours."),
    ],
)
def test_neighbours_are_counted_in_words(count: int, sentence: str) -> None:
    report = Report(1, 1, 1, 1, 0, (), tuple(map(str, range(count))))
    assert tell_neighbours(report) == [sentence]


def test_a_neighbour_is_known_by_the_name_of_its_key() -> None:
    """What the circle calls it may change without a word."""
    renamed = Neighbour("Annabel", ANN.key)
    swapped = Neighbour("Ben", make_signer(BEN.key.name, b"x" * 32, COSIGNATURE_V1).key)
    assert compare([ANN, BEN], [renamed, BEN]) == []
    assert compare([], []) == []
    assert compare([ANN, BEN], [swapped, OTHER]) == [
        Change("gone", "Ann"),
        Change("another-key", "Ben"),
        Change("new", "Other"),
    ]


def test_what_is_kept_reads_back() -> None:
    assert decode_neighbours(encode_neighbours([ANN, BEN])) == (ANN, BEN)
    assert decode_neighbours(encode_neighbours([])) == ()


def test_what_is_not_written_as_it_must_be_is_refused() -> None:
    good = encode_neighbours([ANN]).decode()
    for bad in (
        *("", "{}", "[]", good.replace("1", "2", 1), good.replace('"name"', '"nom"')),
        *(good.replace("Ann", ""), good.replace("Ann.example+", "Bob.example+")),
    ):
        with pytest.raises(InvalidRecord):
            decode_neighbours(bad.encode())
    with pytest.raises(InvalidRecord):
        encode_neighbours([Neighbour("\n", ANN.key)])


def test_a_key_of_a_log_vouches_for_nothing() -> None:
    with pytest.raises(InvalidNote):
        parse_neighbour("Log", format_vkey(make_signer("log.example", b"l" * 32).key))
    with pytest.raises(InvalidNote):
        vouching("no note", [ANN])
