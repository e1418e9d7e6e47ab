"""The directory: what members offer and want, and how it is found, renewed, ended and forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from ledger.orders import Close
from node.api.sessions import Session
from node.circle import purge
from node.directory.listing import LISTINGS_MAX, NewListing
from node.directory.listings import add_listing
from node.directory.search import _windows
from node.directory.spelling import count_slips
from node.erase import erase
from node.people.profiles import ProfileItem, put_profile
from tests.care_circle import complain
from tests.circle_node import DAY, CircleNode, circle_node, found_circle
from tests.directory_circle import HERE, attempt, offer, tell, titles
from tests.test_erase import tables_with


@pytest_asyncio.fixture
async def node(postgres_dsn: str, tmp_path: Path) -> AsyncIterator[CircleNode]:
    """A circle with the coordinator ann, the members mia and noa, and dot, who has no device."""
    async with circle_node(postgres_dsn, tmp_path / "circle") as live:
        await live.welcome("mia", "Mia Müller")
        await live.welcome("noa")
        await live.open_deviceless("dot", "Dot Cotton")
        yield live


async def test_a_listing_is_shown_to_the_others_as_it_was_written(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await offer(
        *(node, mia, "  Hedges cut "),
        text="With my own ladder.\nNot in the rain.",
        category="garden",
        price=150,
        cash="£5 for petrol",
        days=30,
    )
    seen = await node.read(f"/api/v1/listings/{made['id']}", noa)
    assert made | {"own": False} == seen
    assert (seen["title"], seen["handle"], seen["name"]) == ("Hedges cut", "mia", "Mia Müller")
    assert (seen["kind"], seen["form"], seen["price"]) == ("offer", "service", 150)
    assert seen["expires"] - seen["made"] == 30 * DAY
    assert seen["expires"] - seen["remind"] == 7 * DAY
    assert (seen["place"], seen["contact"], seen["entered_by"]) == (None, None, None)


FOUND = [
    ("garden", ["Gardening for anybody"]),
    ("gardens", ["Gardening for anybody"]),
    ("GARDENED", ["Gardening for anybody"]),
    ("gardning", ["Gardening for anybody"]),
    ("gradening", ["Gardening for anybody"]),
    ("cafe", ["Visits to the café"]),
    ("café", ["Visits to the café"]),
    ("CAFÉ visit", ["Visits to the café"]),
    ("visiting cafes", ["Visits to the café"]),
    ("cafee", ["Visits to the café"]),
    ("muller bread", ["Müller's bread"]),
    ("bread garden", []),
    ("the", []),
    ("cfae", ["Visits to the café"]),
    ("braed", ["Müller's bread"]),
    ("brod", []),
    ("zyzzyva", []),
    ("'; DROP TABLE listings; --", []),
    ("!garden", ["Gardening for anybody"]),
    ("garden | bread", []),
    ("gard:*", ["Gardening for anybody"]),
    ("~koffer", []),
    ("()&|!<->", []),
    ("reading", ["Reading/writing ~cgarden ~kwant"]),
    ("writing", ["Reading/writing ~cgarden ~kwant"]),
    ("%", []),
    ("\\", []),
    ("👩‍🌾", []),
]


async def test_words_are_found_by_stem_without_accents_and_with_slips(node: CircleNode) -> None:
    mia = node["mia"]
    await offer(node, mia, "Gardening for anybody")
    await offer(node, mia, "Visits to the café")
    await offer(node, mia, "Müller's bread")
    await offer(node, mia, "Reading/writing ~cgarden ~kwant")
    assert await titles(node, mia, category="garden") == await titles(node, mia, kind="want") == []
    found = {words: await titles(node, node["noa"], words=words) for words, _ in FOUND}
    assert found == dict(FOUND)


@pytest.mark.parametrize(
    ("written", "meant", "slips"),
    [
        *(("", "", 0), ("", "ab", 2), ("hedge", "hedge", 0), ("hegde", "hedge", 1)),
        *(("hedg", "hedge", 1), ("hhedge", "hedge", 1), ("hadge", "hedge", 1)),
        *(("hegde", "hedges", 2), ("ba", "ab", 1), ("abc", "cab", 2), ("abcd", "efgh", 4)),
    ],
)
def test_slips_are_counted_as_fingers_make_them(written: str, meant: str, slips: int) -> None:
    assert count_slips(written, meant) == count_slips(meant, written) == slips


async def test_what_was_likely_meant_is_named_and_goes_on_in_pages(node: CircleNode) -> None:
    mia = node["mia"]
    for number in range(5):
        await offer(node, mia, f"Gardening {'abcde'[number] * 3}")
    found = await node.read("/api/v1/listings", mia, words="gardning", limit=2)
    assert found["words"] == "gardening"
    assert found["next"] is not None
    seen = [each["title"] for each in found["listings"]]
    while found["next"]:
        found = await node.read(
            "/api/v1/listings", mia, words="gardening", limit=2, cursor=found["next"]
        )
        seen += [each["title"] for each in found["listings"]]
    assert seen == [f"Gardening {letter * 3}" for letter in "edcba"]
    assert (await node.read("/api/v1/listings", mia, words="garden"))["words"] is None
    csv = await node.text("/api/v1/listings", mia, words="gardning", format="csv")
    assert csv.count("Gardening") == 5


async def test_listings_are_filtered_by_what_they_are(node: CircleNode) -> None:
    mia = node["mia"]
    await offer(node, mia, "Ladder", form="loan", category="tools")
    await offer(node, mia, "Ladder wanted", kind="want", form="loan", category="tools")
    await offer(node, mia, "Rake", form="gift", category="garden")
    assert await titles(node, mia, kind="want") == ["Ladder wanted"]
    assert await titles(node, mia, category="garden") == ["Rake"]
    assert await titles(node, mia, form="loan", kind="offer", words="ladders") == ["Ladder"]
    assert await titles(node, mia, category="none-such") == []


async def test_what_is_near_comes_nearest_first_and_only_where_places_are_shown(
    node: CircleNode,
) -> None:
    ann, mia, noa, dot = node["ann"], node["mia"], node["noa"], node["dot"]
    await offer(node, mia, "Bread at mia's")
    await tell(node, mia, square=HERE, place="Camberwell", shown=["place"])
    await tell(node, noa, square=HERE | {"easting": 529_000}, place="Brixton")
    await offer(node, noa, "Bread at noa's")
    far = HERE | {"easting": 540_000}
    await tell(node, dot, ann, square=far, place="Greenwich", shown=["place"])
    await offer(node, ann, "Bread at dot's", person=dot.person)
    assert await node.refusal("/api/v1/listings", ann, near=5000) == "place-missing"
    await tell(node, ann, square=HERE | {"northing": 178_000})
    near: dict[str, Any] = {"words": "bread", "near": 100_000}
    found = (await node.read("/api/v1/listings", ann, **near))["listings"]
    assert [(each["title"], each["metres"]) for each in found] == [
        ("Bread at mia's", 2000),
        ("Bread at dot's", 8300),
    ]
    assert found[0]["place"] == "Camberwell"
    assert await titles(node, ann, near=5000) == ["Bread at mia's"]
    page = await node.read("/api/v1/listings", ann, near=100_000, limit=1)
    following = await node.read("/api/v1/listings", ann, near=100_000, limit=1, cursor=page["next"])
    assert following["listings"][0]["title"] == "Bread at dot's"
    await tell(node, mia, square=HERE, place="Camberwell")
    assert await titles(node, ann, near=5000) == []
    assert await node.refusal("/api/v1/listings", ann, cursor=page["next"]) == "request-invalid"
    assert await node.refusal("/api/v1/listings", ann, near=5000, cursor="5") == "request-invalid"


async def test_pages_show_every_listing_once_also_across_runs(node: CircleNode) -> None:
    """Runs are of 4,096 and more: a search has to go on from one to the next."""
    mia = node["mia"]
    async with node.home.database() as database:
        await database.execute("ALTER TABLE listings DISABLE TRIGGER count_spelling")
        await database.execute(
            """
            INSERT INTO listings (person, kind, form, category, title, body, cash, made, days,
                expires)
            SELECT $1, 'offer', 'service', 'other', CASE WHEN n % 1000 = 7 THEN 'rare' ELSE '' END
                || ' common ' || n, '', '', 0, 90, $2
            FROM generate_series(1, 40000) AS n ORDER BY n
            """,
            *(mia.person, 2**52),
        )
        rare = await database.fetch("SELECT id FROM listings WHERE title LIKE 'rare%'")
    assert len(rare) == 40
    for words, limit, expected in (("rare", 7, 40), ("common", 200, 1000)):
        seen: list[int] = []
        cursor: dict[str, str] = {}
        page: dict[str, Any] = {}
        while len(seen) < expected:
            page = await node.read("/api/v1/listings", mia, words=words, limit=limit, **cursor)
            seen += [each["id"] for each in page["listings"]]
            cursor = {"cursor": page["next"]}
        assert len(set(seen)) == len(seen) == expected
        assert seen == sorted(seen, reverse=True)
        assert (page["next"] is None) is (words == "rare" and len(page["listings"]) < limit)
    assert max(row["id"] for row in rare) > 32_768


@pytest.mark.parametrize("newest", [0, 1, 4095, 8191, 8192, 40_000, 65_536, 600_000, 2**40])
def test_windows_reach_back_to_the_first_listing_and_are_whole_runs(newest: int) -> None:
    windows = list(_windows(newest))
    lows = [low for low, _ in windows]
    assert lows == sorted(lows, reverse=True)
    assert windows[-1] == (0, "")
    assert all(low % 4096 == 0 and low <= newest for low in lows)


async def test_a_listing_ends_is_renewed_with_one_call_and_is_forgotten(node: CircleNode) -> None:
    mia, noa = node["mia"], node["noa"]
    made = await offer(node, mia, "Roses", days=10)
    path = f"/api/v1/listings/{made['id']}"
    mine = f"/api/v1/people/{mia.person}/listings"
    node.later(10 * DAY)
    assert await titles(node, noa) == []
    assert await node.refusal(path, noa) == "not-found"
    assert (await node.read(path, mia))["title"] == "Roses"
    assert len((await node.read(mine, mia))["listings"]) == 1
    assert await attempt(node, "POST", f"{path}/renewal", noa) == "not-found"
    assert await attempt(node, "POST", f"{path}/renewal", node["ann"]) == "not-permitted"
    assert await attempt(node, "POST", f"{path}/renewal", mia) == "ok"
    renewed = await node.read(path, noa)
    assert abs(renewed["expires"] - node.clock.wall() - 10 * DAY) < 60_000
    node.clock.pass_((10 + 89) * DAY)
    await purge(node.circle.pool, node.clock.wall())
    node.forget_sessions()
    assert len((await node.read(mine, mia))["listings"]) == 1
    node.clock.pass_(2 * DAY)
    await purge(node.circle.pool, node.clock.wall())
    node.forget_sessions()
    assert (await node.read(mine, mia))["listings"] == []
    assert await tables_with(node, "roses|Roses") == set()


async def test_a_listing_is_written_anew_and_ended_by_its_author(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    made = await offer(node, mia, "Rosse", price=1)
    path = f"/api/v1/listings/{made['id']}"
    anew = {"kind": "want", "title": "Roses", "category": "garden"}
    for member, code in ((noa, "not-found"), (ann, "not-permitted"), (mia, "ok")):
        assert await attempt(node, "PUT", path, member, anew) == code
    assert await titles(node, noa, words="roses", kind="want") == ["Roses"]
    assert (await node.read(path, noa))["price"] is None
    assert await titles(node, noa, words="rosse") == ["Roses"]  # as a slip
    assert await attempt(node, "PUT", path, mia, anew | {"category": "nope"}) == "request-invalid"
    assert await attempt(node, "DELETE", path, noa) == "not-found"
    assert await attempt(node, "DELETE", path, mia) == "ok"
    assert await attempt(node, "DELETE", path, mia) == "not-found"
    assert await attempt(node, "PUT", path, mia, anew) == "not-found"
    other = await offer(node, mia, "Not nice")
    assert await attempt(node, "DELETE", f"/api/v1/listings/{other['id']}", ann) == "ok"


async def test_a_coordinator_lists_for_a_member_without_a_device_and_both_names_show(
    node: CircleNode,
) -> None:
    ann, mia, noa, dot = node["ann"], node["mia"], node["noa"], node["dot"]
    made = await offer(node, ann, "Knitting", person=dot.person)
    assert (made["handle"], made["entered_by"], made["own"]) == ("dot", "ann", False)
    body = {"kind": "want", "title": "x", "person": dot.person}
    assert await attempt(node, "POST", "/api/v1/listings", noa, body) == "not-permitted"
    body = {"kind": "want", "title": "x", "person": mia.person}
    assert await attempt(node, "POST", "/api/v1/listings", ann, body) == "not-permitted"
    path = f"/api/v1/listings/{made['id']}/renewal"
    assert await attempt(node, "POST", path, ann) == "ok"
    assert await node.refusal(f"/api/v1/people/{dot.person}/listings", noa) == "not-yours"
    assert len((await node.read(f"/api/v1/people/{dot.person}/listings", ann))["listings"]) == 1


HOSTILE: list[dict[str, Any]] = [
    {"title": ""},
    {"title": " \u00a0"},
    {"title": "x" * 81},
    {"title": "a\nb"},
    {"title": "a\0b"},
    {"title": "\u202egnp.exe"},
    {"title": None},
    {"text": "x" * 2001},
    {"text": "\x07"},
    {"kind": "steal"},
    {"form": "sell"},
    {"category": "Garden"},
    {"category": "no-such-one"},
    {"category": "a' | '~koffer"},
    {"price": -1},
    {"price": 2**53},
    {"price": 1.5},
    {"price": True},
    {"price": "1"},
    {"cash": "x" * 121},
    {"days": 0},
    {"days": 367},
    {"days": 10**15},
    {"expires": 7},
    {"id": 7},
    {"person": -1},
    {"person": 2**60},
]


async def test_what_is_no_listing_is_refused_and_leaves_nothing(node: CircleNode) -> None:
    mia = node["mia"]
    usual = {"kind": "offer", "title": "Roses"}
    for wrong in HOSTILE:
        code = await attempt(node, "POST", "/api/v1/listings", mia, usual | wrong)
        assert code == "request-invalid", wrong
    assert await titles(node, mia) == []


OUT_OF_BOUNDS: list[dict[str, Any]] = [
    {"words": ""},
    {"words": "   "},
    {"words": "x" * 101},
    {"category": "Garden'"},
    {"kind": "both"},
    {"near": 99},
    {"near": 100_001},
    {"near": "1e3"},
    {"cursor": "x"},
    {"cursor": "1" * 17},
    {"cursor": "-1"},
    {"limit": 0},
    {"limit": 201},
    {"format": "xml"},
    {"order": "id; DROP TABLE listings"},
]


async def test_a_search_out_of_bounds_is_refused(node: CircleNode) -> None:
    for query in OUT_OF_BOUNDS:
        code = await node.refusal("/api/v1/listings", node["mia"], **query)
        assert code == "request-invalid", query


async def test_the_longest_search_is_answered(node: CircleNode) -> None:
    """Of many words the first ten count, and no word is too odd to be looked for."""
    await offer(node, node["mia"], "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10")
    ten = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j10"
    assert len(await titles(node, node["noa"], words=f"{ten} more and more and more")) == 1
    assert await titles(node, node["noa"], words="x " * 50) == []


async def test_a_member_has_so_many_listings_and_no_more_however_fast(node: CircleNode) -> None:
    mia = node["mia"]
    async with node.home.database() as database:
        await database.execute(
            """
            INSERT INTO listings (person, kind, form, category, title, body, cash, made, days,
                expires)
            SELECT $1, 'offer', 'service', 'other', 'x', '', '', 0, 90, $2
            FROM generate_series(1, $3::integer)
            """,
            *(mia.person, 2**52, LISTINGS_MAX - 1),
        )
    body = {"kind": "offer", "title": "one more"}
    codes = await asyncio.gather(
        *(attempt(node, "POST", "/api/v1/listings", mia, body) for _ in range(5))
    )
    assert sorted(codes) == ["ok", *["too-many"] * 4]


async def test_the_directory_is_for_members(node: CircleNode) -> None:
    for path in ("/api/v1/listings", "/api/v1/directory", "/api/v1/categories"):
        assert await node.refusal(path) == "session-missing"


async def test_who_left_is_listed_no_more(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    made = await offer(node, mia, "Roses")
    await node.do(ann, Close(), account=mia.account)
    assert await titles(node, ann) == []
    assert await node.refusal(f"/api/v1/listings/{made['id']}", ann) == "not-found"
    assert await attempt(node, "DELETE", f"/api/v1/listings/{made['id']}", mia) == "ok"


async def test_who_left_sees_nothing_of_the_others_but_all_that_is_their_own(
    node: CircleNode,
) -> None:
    """Officers look after the circle also without an account."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    ben = await node.welcome("ben", office="coordinator")
    await tell(node, noa, about="I bake", shown=["about"])
    bread, roses = await offer(node, noa, "Bread"), await offer(node, mia, "Roses")
    seen = f"/api/v1/listings/{bread['id']}"
    for member in (mia, ben):
        await node.do(ann, Close(), account=member.account)
    for path in ("/api/v1/listings", seen, "/api/v1/directory"):
        assert await node.refusal(path, mia) == "not-permitted", path
        await node.text(path, ben)
    assert await node.refusal("/api/v1/listings", mia, format_="csv") == "not-permitted"
    assert await node.refusal(f"/api/v1/people/{noa.person}/profile", mia) == "not-permitted"
    own = f"/api/v1/people/{mia.person}"
    assert [each["id"] for each in (await node.read(f"{own}/listings", mia))["listings"]] == [
        roses["id"]
    ]
    assert (await node.read(f"{own}/profile", mia))["handle"] == "mia"
    assert await attempt(node, "DELETE", f"/api/v1/listings/{roses['id']}", mia) == "ok"


async def test_categories_are_the_coordinators_to_change(node: CircleNode) -> None:
    ann, mia = node["ann"], node["mia"]
    before = (await node.read("/api/v1/categories", mia))["categories"]
    assert ("garden", "Garden") in {(each["category"], each["name"]) for each in before}
    path = "/api/v1/categories/bees"
    bees = {"name": "Bees and honey", "position": 5}
    assert await attempt(node, "PUT", path, mia, bees) == "not-permitted"
    assert await attempt(node, "PUT", path, ann, bees) == "ok"
    assert (await node.read("/api/v1/categories", mia))["categories"][0] == {
        "category": "bees",
        **bees,
    }
    made = await offer(node, mia, "Honey", category="bees")
    assert await attempt(node, "DELETE", path, mia) == "not-permitted"
    assert await attempt(node, "DELETE", path, ann) == "ok"
    assert (await node.read(f"/api/v1/listings/{made['id']}", mia))["category"] == "other"
    assert await titles(node, mia, category="other") == ["Honey"]
    assert await attempt(node, "DELETE", "/api/v1/categories/other", ann) == "request-invalid"
    codes = [
        await attempt(node, "PUT", f"/api/v1/categories/c{number}", ann, {"name": "x"})
        for number in range(83)
    ]
    assert codes == ["ok"] * 82 + ["too-many"]


@pytest.mark.parametrize(
    ("path", "short"), [("categories", "category"), ("vetting-levels", "level")]
)
async def test_what_is_called_something_else_stays_where_it_is_in_the_list(
    node: CircleNode, path: str, short: str
) -> None:
    ann = node["ann"]
    for body in ({"name": "Bees"}, {"name": "Bees", "position": 5}, {"name": "Honey bees"}):
        assert await attempt(node, "PUT", f"/api/v1/{path}/bees", ann, body) == "ok"
    assert await attempt(node, "PUT", f"/api/v1/{path}/wasps", ann, {"name": "Wasps"}) == "ok"
    [listed] = (await node.read(f"/api/v1/{path}", ann)).values()
    places = {each[short]: (each["name"], each["position"]) for each in listed}
    assert (places["bees"], places["wasps"]) == (("Honey bees", 5), ("Wasps", 500))


async def live_in_the_directory(node: CircleNode) -> None:
    """Everything that leaves something on mia in the directory, by her and by others."""
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await tell(
        node, mia, about="zinnias by the door", place="zinnia street", contact="zinnia@x.org"
    )
    roses = await offer(node, mia, "Zinnias", text="the zinnias are red")
    bread = await offer(node, noa, "Bread")
    level = "/api/v1/vetting-levels/checked"
    assert await attempt(node, "PUT", level, ann, {"name": "Checked"}) == "ok"
    days = {"checked_on": "2026-01-01", "expires": "2099-01-01"}
    path = f"/api/v1/people/{mia.person}/vetting/checked"
    assert await attempt(node, "PUT", path, ann, days) == "ok"
    for by, listing in ((mia, bread), (noa, roses)):
        assert await complain(node, by, f"listings/{listing['id']}", "zinnias, zinnias") == "ok"
    path = f"/api/v1/people/{mia.person}/blocks/{ann.person}"
    assert await attempt(node, "PUT", path, mia) == "ok"


async def test_erasing_a_person_leaves_nothing_of_them_in_the_directory(node: CircleNode) -> None:
    ann, mia, noa = node["ann"], node["mia"], node["noa"]
    await live_in_the_directory(node)
    await node.do(ann, Close(), account=mia.account)
    assert await tables_with(node, "(?i)zinnia") == {
        "profiles",
        "listings",
        "complaints",
        "spelling",
    }
    async with node.home.database() as connection:
        assert (await erase(connection, mia.person)).listings == 1
        for table in ("profiles", "blocks", "vettings", "complaints"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
    assert await tables_with(node, "(?i)zinnia|Müller") == set()
    assert await titles(node, noa) == ["Bread"]


async def test_a_former_coordinators_name_goes_from_what_they_noted_on_others(
    node: CircleNode,
) -> None:
    ann, dot = node["ann"], node["dot"]
    ben = await node.welcome("ben", office="coordinator")
    assert (
        await attempt(node, "PUT", "/api/v1/vetting-levels/known", ben, {"name": "Known"}) == "ok"
    )
    days = {"checked_on": "2026-01-01", "expires": "2099-01-01"}
    path = f"/api/v1/people/{dot.person}/vetting"
    assert await attempt(node, "PUT", f"{path}/known", ben, days) == "ok"
    made = await offer(node, ben, "Knitting", person=dot.person)
    async with node.home.database() as connection:
        await connection.execute("DELETE FROM people WHERE person = $1", ben.person)
    [vetting] = (await node.read(path, ann))["vetting"]
    assert vetting["checked_by"] is None
    assert (await node.read(f"/api/v1/listings/{made['id']}", ann))["entered_by"] is None


async def test_everything_has_what_one_told_and_made_in_the_directory(node: CircleNode) -> None:
    mia = node["mia"]
    await live_in_the_directory(node)
    held = await node.read(f"/api/v1/people/{mia.person}/everything", mia)
    assert held["profile"][0]["about"] == "zinnias by the door"
    assert [row["title"] for row in held["listings"]] == ["Zinnias"]
    assert held["vetting"][0]["expires"] == "2099-01-01"
    assert [row["title"] for row in held["complaints"]] == ["Bread"]
    assert held["blocks"] == [{"person": node["ann"].person}]
    nothing = await node.read(f"/api/v1/people/{node['dot'].person}/everything", node["ann"])
    assert (nothing["profile"], nothing["listings"]) == ([], [])


async def test_words_are_counted_rightly_however_many_are_written_at_once(node: CircleNode) -> None:
    """Each has them in another order, so that locks of rows alone would wait for each other."""
    words = ["apples", "bread", "candles", "dogs", "eggs", "flowers"]
    members = [node["ann"], node["mia"], node["noa"]]
    made = await asyncio.gather(
        *(
            offer(node, members[number % 3], " ".join(words[number % 6 :] + words[: number % 6]))
            for number in range(30)
        )
    )
    ended = await asyncio.gather(
        *(
            attempt(node, "DELETE", f"/api/v1/listings/{each['id']}", node["ann"])
            for each in made[:20]
        )
    )
    assert ended == ["ok"] * 20
    async with node.home.database() as database:
        counted = await database.fetch("SELECT word, listings FROM spelling ORDER BY word")
    assert [tuple(row) for row in counted] == [(word, 10) for word in words]


async def test_a_category_that_goes_while_listings_come_takes_none_with_it(
    node: CircleNode,
) -> None:
    ann, mia = node["ann"], node["mia"]
    body = {"kind": "offer", "title": "Honey", "category": "bees"}
    for _ in range(5):
        path = "/api/v1/categories/bees"
        assert await attempt(node, "PUT", path, ann, {"name": "Bees"}) == "ok"
        codes = await asyncio.gather(
            *(attempt(node, "POST", "/api/v1/listings", mia, body) for _ in range(4)),
            attempt(node, "DELETE", path, ann),
            *(attempt(node, "POST", "/api/v1/listings", mia, body) for _ in range(4)),
        )
        assert set(codes) <= {"ok", "request-invalid"}
        assert codes[4] == "ok"
    found = await node.read("/api/v1/listings", mia, words="honey", limit=200)
    assert {each["category"] for each in found["listings"]} <= {"other"}


@pytest.mark.parametrize("hidden_first", [True, False])
async def test_a_place_that_is_hidden_while_a_listing_is_made_is_on_no_listing(
    node: CircleNode, hidden_first: bool
) -> None:
    """Whichever is begun first is ended after the other has begun."""
    mia = node["mia"]
    await tell(node, mia, square=HERE, shown=["place"])
    session = Session(mia.person, mia.key, b"", frozenset())
    async with node.home.database() as one, node.home.database() as other:

        async def hide(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            await put_profile(connection, mia.person, ProfileItem.model_validate({"square": HERE}))

        async def make(connection: asyncpg.Connection[asyncpg.Record]) -> None:
            item = NewListing(kind="offer", title="Roses")
            await add_listing(connection, session, item, node.clock.wall())

        async def second() -> None:
            async with other.transaction():
                await (make if hidden_first else hide)(other)

        async with one.transaction():
            await (hide if hidden_first else make)(one)
            begun = asyncio.create_task(second())
            await asyncio.wait([begun], timeout=0.5)
        await begun
        assert await one.fetchval("SELECT count(*) FROM listings") == 1
        assert await one.fetchval("SELECT count(easting) FROM listings") == 0


async def test_only_a_category_that_is_none_is_told_as_such(node: CircleNode) -> None:
    """Here it is the coordinator who writes it down that is not there any more."""
    erased = Session(999_999, b"", b"", frozenset({"coordinator"}))
    item = NewListing(kind="offer", title="Jam", person=node["dot"].person)
    async with node.home.database() as database:
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="entered_by"):
            await add_listing(database, erased, item, node.clock.wall())


async def test_circles_in_one_database_share_extensions_and_take_none_away(
    node: CircleNode, tmp_path: Path
) -> None:
    other = await found_circle(node.home.dsn, tmp_path / "other")
    await other.drop()
    await offer(node, node["mia"], "Gardening")
    assert await titles(node, node["noa"], words="gardning") == ["Gardening"]


async def test_extensions_that_were_there_before_are_used_where_they_are(
    postgres_dsn: str, tmp_path: Path
) -> None:
    own = postgres_dsn.replace("/postgres?", "/with_extensions?")
    server = await asyncpg.connect(postgres_dsn)
    try:
        await server.execute("CREATE DATABASE with_extensions")
        owner = await asyncpg.connect(own)
        await owner.execute('CREATE SCHEMA "Add-ons"; CREATE EXTENSION unaccent SCHEMA "Add-ons"')
        await owner.execute('GRANT USAGE ON SCHEMA "Add-ons" TO PUBLIC')
        await owner.execute("CREATE EXTENSION pg_trgm")
        await owner.close()
        async with circle_node(own, tmp_path / "circle") as live:
            await offer(live, live["ann"], "Visits to the café")
            assert await titles(live, live["ann"], words="cfae") == ["Visits to the café"]
    finally:
        await server.execute("DROP DATABASE with_extensions")
        await server.close()
