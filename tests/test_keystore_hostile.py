"""Files of the key store that others can read, or that hold what nobody wrote there."""

from __future__ import annotations

import copy
import json
import os
import stat
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import errors, records
from client.keystore import (
    KeptOrder,
    KeptReceipt,
    KeyStore,
    Membership,
    Memo,
    Opening,
    PinnedCircle,
    UnansweredOrder,
)
from client.records import SealedSeed
from ledger.amount import AMOUNT_MAX, Unit, UnitKind
from tests.keystore_samples import CIRCLE, SEED, receipt, unanswered

PENDING = Membership("peckham", CIRCLE, bytes(32), "phone")
SEALED = Membership("peckham", CIRCLE, bytes(32), "phone", 101, (101,), has_passphrase=True)
BOX = SealedSeed(3, 2**26, bytes(16), bytes(24), bytes(48))
FILES: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "plain": (records.encode_membership(PENDING, SEED), lambda data: _membership(data)),
    "sealed": (records.encode_membership(SEALED, BOX), lambda data: _membership(data)),
    "order": (records.encode_order(unanswered(7)), records.decode_order),
    "receipt": (records.encode_receipt(receipt(7)), records.decode_receipt),
}
NOT_JSON = [
    b"",
    b"\x00" * 100,
    b"\xff\xfe",
    b"[" * 60_000,
    b"[]",
    b"null",
    b"NaN",
    b'"text"',
    b"1" * 5_000,
    b'{"version": 1, "version": 1}',
    b"\xef\xbb\xbf{}",
    "{}".encode("utf-16"),
    b"x" * 200_000,
]

lines = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60)
numbers = st.integers(0, AMOUNT_MAX)
keys = st.binary(min_size=32, max_size=32)
memos = st.none() | st.builds(Memo, st.text(st.characters(codec="utf-8"), max_size=200), keys)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
circles = st.builds(
    PinnedCircle,
    circle_id=keys,
    name=lines,
    unit=st.sampled_from(
        [
            CIRCLE.unit,
            Unit("token", "tokens", UnitKind.DECIMAL, 6),
            Unit("£", "£", UnitKind.DECIMAL),
        ]
    ),
    node_url=st.text(string.ascii_letters, min_size=1).map("https://{}".format),
    origin=lines,
    log_vkey=lines,
)
memberships = st.builds(
    Membership,
    name=st.just("peckham"),
    circle=circles,
    device_key=keys,
    device_label=st.just("") | lines,
    person=st.none() | numbers,
    accounts=st.lists(numbers, unique=True, max_size=5).map(tuple),
)
openings = st.builds(
    Opening,
    st.binary(min_size=1, max_size=200),
    keys,
    numbers,
    numbers,
    st.lists(keys, max_size=3).map(tuple),
)
receipts = st.builds(
    KeptReceipt,
    index=numbers,
    leaf=st.binary(min_size=1, max_size=300),
    proof=st.text(st.characters(codec="utf-8"), max_size=300),
    openings=st.lists(openings, max_size=3).map(tuple),
    order=st.none() | st.builds(KeptOrder, lines, st.binary(min_size=1, max_size=99), keys),
    memo=memos,
)
orders = st.builds(UnansweredOrder, numbers, lines, st.binary(min_size=1, max_size=99), memos)


def _membership(data: bytes) -> object:
    return records.decode_membership(data, "peckham")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _places(inner, (*path, key))


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    store = KeyStore(tmp_path / "keys")
    store.create("peckham", CIRCLE, "phone", seed=SEED)
    journal = store.journal()
    journal.prepare_order("pay 102 90", unanswered)
    journal.keep_receipts([receipt(1)])
    journal.keep_checkpoint("note\n", replacing=None)
    return store


def _read_all(store: KeyStore) -> None:
    store.load()
    journal = store.journal()
    journal.unanswered()
    journal.receipts()
    journal.checkpoint()
    journal.reserve_nonce()
    store.default_name()


# What nobody wrote


@given(memberships, keys)
def test_membership_reads_back_as_it_was_written(membership: Membership, seed: bytes) -> None:
    """decode(encode(x)) == x, whatever it holds."""
    data = records.encode_membership(membership, seed)
    assert records.decode_membership(data, "peckham") == (membership, seed)


@given(orders, receipts)
def test_orders_and_receipts_read_back_as_they_were_written(
    order: UnansweredOrder, kept: KeptReceipt
) -> None:
    """Also with line ends and control characters in their texts: a receipt stays one line."""
    assert records.decode_order(records.encode_order(order)) == order
    line = records.encode_receipt(kept)
    assert b"\n" not in line
    assert records.decode_receipt(line) == kept


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_any_change_of_a_value_is_refused_or_a_valid_value(name: str, data: st.DataObject) -> None:
    """One value of a good file replaced by anything: InvalidRecord, and no other error."""
    good, decode = FILES[name]
    record = json.loads(good)
    path = data.draw(st.sampled_from(list(_places(record))))
    value = data.draw(json_values)
    if path:
        changed = copy.deepcopy(record)
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
    else:
        changed = value
    _decode_or_refuse(json.dumps(changed).encode(), decode)


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_any_change_of_a_byte_is_refused_or_a_valid_value(name: str, data: st.DataObject) -> None:
    """Bytes replaced, put in or left out."""
    good, decode = FILES[name]
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 9)))
    _decode_or_refuse(good[:start] + data.draw(st.binary(max_size=9)) + good[end:], decode)


def _decode_or_refuse(data: bytes, decode: Callable[[bytes], object]) -> None:
    try:
        decoded = decode(data)
    except errors.InvalidRecord as refusal:
        said = str(refusal)
    else:
        assert decoded == decode(data)
        return
    assert said.startswith("This cannot be kept: ")
    assert len(said) < 400


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("data", NOT_JSON)
def test_what_is_not_json_is_refused(name: str, data: bytes) -> None:
    """Deep, huge, repeated, in another encoding, or nothing."""
    with pytest.raises(errors.InvalidRecord):
        FILES[name][1](data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"operations": 3', '"operations": 11'),
        ('"operations": 3', '"operations": 0'),
        ('"memory": 67108864', '"memory": 268435457'),
        ('"memory": 67108864', '"memory": 8191'),
        ('"version": 1', '"version": 2'),
    ],
)
def test_cost_of_a_passphrase_is_bounded_on_reading(old: str, new: str) -> None:
    """A file cannot make the device work for minutes or fill its memory."""
    text = FILES["sealed"][0].decode()
    assert old in text
    with pytest.raises(errors.InvalidRecord, match="is not a whole number from"):
        _membership(text.replace(old, new).encode())


@pytest.mark.parametrize(
    ("file", "remedy"),
    [
        ("membership.json", "have this device enrolled anew"),
        ("nonce", "the clock can take its place"),
        ("receipts.jsonl", "fetch your receipts again"),
        ("checkpoint", "put back a copy"),
        ("outbox", "see in your statement"),
    ],
)
def test_damaged_file_is_named_with_what_to_do(store: KeyStore, file: str, remedy: str) -> None:
    """One plain sentence; nothing is overwritten or guessed."""
    path = store.folder / "circles/peckham" / file
    if path.is_dir():
        (path,) = path.iterdir()
    for data in (b"\xff\xff\n", b"{}\n", b"9" * 70_000 + b"\n", b"-1\n", b"1.5\n"):
        path.write_bytes(data)
        if file == "checkpoint" and data.isascii() and len(data) < 70_000:
            continue
        with pytest.raises(errors.KeyStoreDamaged, match=remedy) as caught:
            _read_all(store)
        assert caught.value.path == str(path)
        assert path.read_bytes() == data


def test_damaged_membership_hides_no_other(store: KeyStore) -> None:
    """The names are all there, and the good one opens."""
    good = store.create("brixton", CIRCLE, "phone")
    (store.folder / "circles/peckham/membership.json").write_bytes(b"{")
    assert store.names() == ("brixton", "peckham")
    assert store.load("brixton") == good


def test_order_under_another_nonce_is_damage(store: KeyStore) -> None:
    """A copied file would be sent twice otherwise."""
    (path,) = (store.folder / "circles/peckham/outbox").iterdir()
    path.rename(path.with_name(f"{5:016d}.json"))
    with pytest.raises(errors.KeyStoreDamaged, match="its nonce is not that of its name"):
        store.journal().unanswered()


# What others could read


def test_everything_is_made_for_its_owner_alone(store: KeyStore) -> None:
    """0700 and 0600, whatever the umask."""
    old = os.umask(0)
    try:
        store.create("brixton", CIRCLE, "phone")
        store.set_default("brixton")
        store.journal().prepare_order("pay 102 90", unanswered)
    finally:
        os.umask(old)
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    for path in store.folder.rglob("*"):
        mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path


@pytest.mark.parametrize("mode", [0o704, 0o710, 0o740, 0o777])
def test_folder_that_others_can_open_is_refused(store: KeyStore, mode: int) -> None:
    """The sentence has the command that mends it."""
    store.folder.chmod(mode)
    calls: list[Callable[[], object]] = [
        store.load,
        store.memberships,
        lambda: store.create("brixton", CIRCLE, "phone"),
        lambda: store.set_default("peckham"),
    ]
    for call in calls:
        with pytest.raises(errors.KeyStoreExposed, match=f"`chmod 700 {store.folder}`"):
            call()
    store.folder.chmod(0o700)
    _read_all(store)


def test_file_that_others_can_open_is_refused(store: KeyStore) -> None:
    """Each of them, also where the folder kept others out until now."""
    for path in [path for path in store.folder.rglob("*") if path.is_file()]:
        path.chmod(0o640)
        with pytest.raises(errors.KeyStoreExposed, match=f"`chmod 600 {path}`"):
            _read_all(store)
        path.chmod(0o600)
    _read_all(store)


def test_folder_of_another_user_is_refused(store: KeyStore) -> None:
    """A root shell would leave files that the owner cannot read."""
    folder = store.folder
    if os.geteuid() == 0:
        os.chown(folder, 65534, -1)
    else:
        folder = Path("/")
    with pytest.raises(errors.KeyStoreExposed, match="belongs to another user"):
        KeyStore(folder).load("peckham")


def test_link_pipe_or_folder_in_place_of_a_file_is_refused(store: KeyStore, tmp_path: Path) -> None:
    """Nothing is followed out of the folder, and nothing waits for ever."""
    path = store.folder / "circles/peckham/membership.json"
    moved = path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(moved)
    with pytest.raises(errors.KeyStoreUnusable):
        store.load("peckham")
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(errors.KeyStoreUnusable, match="it is not a file"):
        store.load("peckham")
    path.unlink()
    path.mkdir(0o700)
    with pytest.raises(errors.KeyStoreUnusable, match="it is not a file"):
        store.load("peckham")


def test_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Also where a parent of it is a file."""
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "keys"):
        with pytest.raises(errors.KeyStoreUnusable):
            KeyStore(folder).create("peckham", CIRCLE, "phone")
