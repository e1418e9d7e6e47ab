"""The folder in which a device keeps its keys (client/keystore.py)."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from client import errors
from client.keystore import KeyStore, Memo, UnlockedMembership, default_folder
from ledger.errors import TallystickError
from tests.keystore_samples import CIRCLE, NOW_US, SEED, receipt, unanswered


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", now_us=lambda: NOW_US)


@pytest.fixture
def joined(store: KeyStore) -> KeyStore:
    store.create("peckham", CIRCLE, "Ann's phone", seed=SEED)
    store.confirm("peckham", 101, (101, 140))
    return store


# Memberships


def test_membership_is_pending_until_the_circle_has_answered(store: KeyStore) -> None:
    """The key is on the disk before the circle is asked, and the same afterwards."""
    created = store.create("peckham", CIRCLE, "Ann's phone")
    pending = KeyStore(store.folder).load("peckham")
    assert pending == created
    assert pending.membership.is_pending
    assert pending.membership.device_key == bytes(SigningKey(created.seed).verify_key)
    store.confirm("peckham", 101, (101, 140))
    loaded = KeyStore(store.folder).load()
    assert loaded.seed == created.seed
    assert not loaded.membership.is_pending
    assert (loaded.membership.person, loaded.membership.accounts) == (101, (101, 140))
    assert loaded.membership.circle == CIRCLE


def test_each_membership_draws_a_seed_of_its_own(store: KeyStore) -> None:
    """Two people in one circle may share a device."""
    ann = store.create("ann", CIRCLE, "phone")
    ben = store.create("ben", CIRCLE, "phone")
    assert ann.seed != ben.seed
    assert store.memberships() == (ann.membership, ben.membership)


def test_first_membership_is_the_default_until_another_is_chosen(store: KeyStore) -> None:
    """Joining a second circle changes nothing about the first."""
    for name in ("peckham", "brixton", "camberwell"):
        store.create(name, CIRCLE, "phone")
    assert store.default_name() == "peckham"
    store.set_default("brixton")
    assert store.membership().name == "brixton"
    assert store.load().membership.name == "brixton"
    store.discard_pending("brixton")
    with pytest.raises(
        errors.NoMembership, match=r"say which one you mean \(camberwell, peckham\)"
    ):
        store.default_name()
    store.discard_pending("peckham")
    assert store.default_name() == "camberwell"


def test_unknown_membership_is_refused_with_the_known_names(joined: KeyStore) -> None:
    """Also names that would lead out of the folder."""
    for name in ("brixton", "../peckham", "", "PECKHAM", "peckham/", ".", "a" * 1000, "\x00"):
        with pytest.raises(errors.NoMembership, match="it has peckham"):
            joined.load(name)
        with pytest.raises(errors.NoMembership):
            joined.journal(name)
        with pytest.raises(errors.NoMembership):
            joined.set_default(name)


def test_empty_device_belongs_to_no_circle(store: KeyStore) -> None:
    """Asking writes nothing."""
    assert store.memberships() == ()
    for ask in (store.load, store.membership, store.journal):
        with pytest.raises(errors.NoMembership, match="join one with an invitation"):
            ask()
    with pytest.raises(errors.NoMembership):
        store.confirm("peckham", 1, ())
    assert not store.folder.exists()


@pytest.mark.parametrize("name", ["", "A", "a b", "-a", "a-", "a/b", "..", "con", "lpt1", "x" * 33])
def test_name_that_is_no_file_name_everywhere_is_refused(store: KeyStore, name: str) -> None:
    """Names are those of folders on every system."""
    with pytest.raises(errors.InvalidRecord):
        store.create(name, CIRCLE, "phone")


def test_name_in_use_is_refused_and_a_free_one_offered(joined: KeyStore) -> None:
    """The membership that is there stays as it is."""
    before = joined.load("peckham")
    with pytest.raises(errors.MembershipExists):
        joined.create("peckham", CIRCLE, "phone")
    assert joined.load("peckham") == before
    assert joined.free_name("Peckham") == "peckham-2"
    assert joined.free_name("Le Cercle d'Été à Lyon, 3e arrondissement") == (
        "le-cercle-d-ete-a-lyon-3e-ar"
    )
    assert joined.free_name("圈子") == "circle"
    assert joined.free_name("CON") == "circle-con"
    joined.create(joined.free_name("Peckham"), CIRCLE, "phone")
    assert joined.free_name("Peckham") == "peckham-3"


@pytest.mark.parametrize(
    "circle",
    [
        replace(CIRCLE, circle_id=b"short"),
        replace(CIRCLE, name=""),
        replace(CIRCLE, name="two\nlines"),
        replace(CIRCLE, name="half \ud800"),
        replace(CIRCLE, name="n" * 401),
        replace(CIRCLE, node_url="file:///etc"),
        replace(CIRCLE, origin=""),
    ],
)
def test_what_could_not_be_read_again_is_not_kept(store: KeyStore, circle: object) -> None:
    """No membership is there afterwards, and the name is free."""
    with pytest.raises(errors.InvalidRecord):
        store.create("peckham", circle, "phone")  # type: ignore[arg-type]
    assert store.names() == ()
    assert store.free_name("peckham") == "peckham"


def test_confirmed_person_stays_the_same(joined: KeyStore) -> None:
    """Accounts may come and go; the person never changes, nor becomes no number."""
    with pytest.raises(errors.InvalidRecord, match="is person 101, not 102"):
        joined.confirm("peckham", 102, ())
    for accounts in ((1, 1), (-1,), (True,), (2**53,)):
        with pytest.raises(errors.InvalidRecord):
            joined.confirm("peckham", 101, accounts)
    assert joined.confirm("peckham", 101, (7,)).accounts == (7,)


def test_moved_circle_is_pinned_anew_but_never_another_circle(joined: KeyStore) -> None:
    """An address or a log key may change by charter; the id is the circle."""
    moved = replace(CIRCLE, node_url="https://new.example", log_vkey="new+1+B")
    assert joined.repin("peckham", moved).circle == moved
    assert joined.load("peckham").membership.circle == moved
    with pytest.raises(errors.InvalidRecord):
        joined.repin("peckham", replace(CIRCLE, circle_id=bytes(32)))


def test_only_a_key_that_no_circle_knows_is_discarded(joined: KeyStore) -> None:
    """A request to join may have arrived although its answer did not."""
    with pytest.raises(errors.MembershipInUse, match="the circle knows it"):
        joined.discard_pending("peckham")
    joined.create("brixton", CIRCLE, "phone")
    journal = joined.journal("brixton")
    order = journal.prepare_order("join", lambda nonce: unanswered(nonce, "join"))
    with pytest.raises(errors.MembershipInUse, match="no answer yet"):
        joined.discard_pending("brixton")
    journal.settle_order(order.nonce)
    joined.discard_pending("brixton")
    assert joined.names() == ("peckham",)
    assert [entry.name for entry in (joined.folder / "circles").iterdir()] == ["peckham"]


# Passphrases


def test_sealed_key_opens_with_its_passphrase_only(store: KeyStore) -> None:
    """The seed stands nowhere in the folder; the rest can be read without it."""
    created = store.create("peckham", CIRCLE, "phone", passphrase="café au lait")
    assert created.membership.has_passphrase
    with pytest.raises(errors.KeyStoreLocked, match="give it"):
        store.load("peckham")
    for wrong in ("", "cafe au lait", "x" * 10_000, "\ud800"):
        with pytest.raises(errors.KeyStoreLocked, match="does not open peckham"):
            store.load("peckham", wrong)
    assert store.load("peckham", "cafe\u0301 au lait") == created
    assert store.membership("peckham") == created.membership
    text = (store.folder / "circles/peckham/membership.json").read_text()
    assert created.seed.hex() not in text


def test_passphrase_is_set_changed_and_taken_off(joined: KeyStore) -> None:
    """The key is the same throughout, and what is updated stays sealed."""
    joined.change_passphrase("peckham", None, "one")
    joined.change_passphrase("peckham", "one", "two")
    with pytest.raises(errors.KeyStoreLocked):
        joined.change_passphrase("peckham", "one", None)
    with pytest.raises(errors.KeyStoreLocked):
        joined.confirm("peckham", 101, (5,))
    assert joined.confirm("peckham", 101, (5,), "two").has_passphrase
    assert joined.load("peckham", "two").seed == SEED
    joined.change_passphrase("peckham", "two", None)
    assert joined.load("peckham").seed == SEED
    for bad in ("", "x" * 1025, "\ud800"):
        with pytest.raises(errors.InvalidRecord, match="passphrase"):
            joined.change_passphrase("peckham", None, bad)
    assert joined.load("peckham").seed == SEED


def test_sealed_file_that_was_changed_does_not_open(store: KeyStore) -> None:
    """The node, its log key and the person are bound to the seed."""
    store.create("peckham", CIRCLE, "phone", passphrase="one")
    path = store.folder / "circles/peckham/membership.json"
    original = path.read_text()
    for old, new in (
        ("https://peckham.example", "https://pecknam.example"),
        ("+AAAA", "+AAAB"),
        ('"person": null', '"person": 7'),
    ):
        assert old in original
        path.write_text(original.replace(old, new))
        with pytest.raises(errors.KeyStoreLocked):
            store.load("peckham", "one")


def test_seed_that_is_not_the_device_key_is_damage(joined: KeyStore) -> None:
    """A flipped bit is found before anything is signed with it."""
    path = joined.folder / "circles/peckham/membership.json"
    path.write_text(path.read_text().replace(SEED.hex(), bytes(32).hex()))
    with pytest.raises(errors.KeyStoreDamaged, match="not that of the device key"):
        joined.load("peckham")


def test_secrets_are_not_shown(joined: KeyStore) -> None:
    """Neither a log nor a traceback shows a seed, a memo or a salt."""
    unlocked = joined.load()
    assert isinstance(unlocked, UnlockedMembership)
    shown = repr(unlocked) + repr(receipt(1)) + repr(unanswered(1)) + repr(Memo("roses", b"salt"))
    for secret in (repr(SEED), SEED.hex(), "roses", "thanks", "salt=", r"\x03\x03"):
        assert secret not in shown


# The folder, and its errors


@pytest.mark.parametrize(
    ("environment", "platform", "folder"),
    [
        ({"HOME": "/home/ann"}, "linux", "/home/ann/.config/tallystick"),
        ({"HOME": "/home/ann", "XDG_CONFIG_HOME": "/etc/x"}, "linux", "/etc/x/tallystick"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "linux", "/h/.config/tallystick"),
        ({"HOME": "/Users/a"}, "darwin", "/Users/a/Library/Application Support/tallystick"),
        ({"APPDATA": "/a/Roaming"}, "win32", "/a/Roaming/tallystick"),
        ({"USERPROFILE": "/u"}, "win32", "/u/AppData/Roaming/tallystick"),
        ({"HOME": "/home/ann", "TALLY_HOME": "/keys"}, "linux", "/keys"),
        ({"HOME": "/home/ann", "TALLY_HOME": ""}, "linux", "/home/ann/.config/tallystick"),
    ],
)
def test_folder_is_where_the_platform_keeps_settings(
    environment: dict[str, str], platform: str, folder: str
) -> None:
    """TALLY_HOME comes first."""
    assert default_folder(environment, platform) == Path(folder)


def test_importing_the_key_store_loads_neither_libsodium_nor_http() -> None:
    """A help text is shown at once."""
    program = "import sys, client.keystore; print(*sorted(sys.modules))"
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, check=True, text=True
    )
    loaded = set(run.stdout.split())
    assert "client.keystore" in loaded
    assert not loaded & {"nacl", "aiohttp", "asyncio", "click"}


def test_every_error_has_a_code_of_its_own_and_stands_in_the_tree() -> None:
    """The tree in the docstring is the tree there is."""
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, TallystickError)
        if value.__module__ == errors.__name__
    ]
    assert classes
    assert len({each.code for each in classes} | {TallystickError.code}) == len(classes) + 1
    assert errors.__doc__ is not None
    drawn = [line.split()[0] for line in errors.__doc__.splitlines() if line.startswith("      ")]
    assert drawn == [each.__name__ for each in classes]
