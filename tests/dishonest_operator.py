"""Somebody with all rights on a node's server: its database, its files and its log key.

::

    with dishonest_operator(circle, tmp_path) as operator:
        await operator.sql("UPDATE accounts SET balance = balance + 1 WHERE number = $1", 102)
        checked, found = await operator.looked_at()

A :class:`LivedIn` circle is made once by a real ``tallyd`` and real members. Each operator gets a
copy of its data directory, and Ben looks with a copy of his keys and receipts.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg

from client.audit import audit
from client.clock import unix_ms
from client.drafts import Draft
from client.keystore import KeyStore
from client.member import open_member
from client.records import Membership
from ledger import keys, merkle, tile
from ledger.append import Entry, append
from ledger.checkpoint import Checkpoint, sign_checkpoint
from ledger.codec import to_base64url
from ledger.decide import Decision
from ledger.federation.link import FederationChange
from ledger.note import make_signer
from ledger.orders import Act, Header, Order, Pay, SignedOrder, kind_of, sign_order
from node.config import read_config
from node.connections import Connection
from node.keyring import Keyring, read_keyring
from node.loading import Loaded, load
from node.postgres import embedded_postgres, running_postgres
from node.store import Batch, NewHead, commit
from tests.bench.population import JSON, Signatory, post
from tests.live_node import LiveNode, init_node

FILLING: Final = 300
"""Payments that fill the log's first tile of 256 leaves."""
HEDGE, APPLES, THANKS, LIFT = 2, 3, 4, 5
"""Ben's lines after his first: two that he paid and one that he was paid, each of which he has a
receipt for, and one that he was paid since he last looked."""
SECONDS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class LivedIn:
    """A circle's data directory as it was ``early``, and after the last payment, ``late``.

    ``ben_keys`` is the folder of Ben's own device. ``entries`` has the index of each of his lines
    by its seq, ``later`` all orders that came after the early copy, as they were posted. ``unsent``
    is an order by which Cat pays Ben 20, and which the node was not given.
    """

    early: Path
    late: Path
    ben_keys: Path
    ben: Membership
    cat: Membership
    port: int
    entries: dict[int, int]
    later: list[dict[str, str]]
    unsent: bytes


def live_in(folder: Path) -> LivedIn:
    """Found a circle, let three people join and trade, and keep copies of all there is."""
    return asyncio.run(_live_in(folder))


async def _live_in(folder: Path) -> LivedIn:
    node = init_node(folder / "circle", name="Peckham Circle", address="peckham.example")
    ann_keys, ben_keys, cat_keys = (KeyStore(folder / name) for name in ("ann", "ben", "cat"))
    node.start()
    try:
        ann = await node.officer(ann_keys, "ann")
        ben = await node.join(ben_keys, "ben", starter=1000)
        cat = await node.join(cat_keys, "cat", starter=1000)
        await _pay(ben_keys, cat, 300, "the hedge")
        await _fill(node, cat_keys, ann)
        size = await _size(node)
        node.stop()
        early = _copied(node.directory, folder / "early")
        node.start()
        await _pay(cat_keys, ann, 2)
        await _pay(ben_keys, ann, 200, "apples")
        await _pay(ann_keys, ben, 100, "thank you")
        async with open_member(ben_keys) as member:
            assert (await audit(member)).is_sound
        await _pay(cat_keys, ben, 50, "the lift")
        async with open_member(cat_keys) as member:
            draft = Draft(Pay(((ben.accounts[0], 20),)), cat.accounts[0])
            unsent = (await member.save(draft)).signed.wire
        entries, later = await _read(node.directory, ben, size)
    finally:
        node.stop()
    late = _copied(node.directory, folder / "late")
    return LivedIn(early, late, folder / "ben", ben, cat, node.port, entries, later, unsent)


async def _pay(payer: KeyStore, payee: Membership, amount: int, text: str | None = None) -> None:
    async with open_member(payer) as member:
        [account] = member.membership.accounts
        await member.order(Draft(Pay(((payee.accounts[0], amount),)), account, text))


async def _fill(node: LiveNode, store: KeyStore, payee: Membership) -> None:
    unlocked = store.load()
    payer = Signatory(node.circle, unlocked.seed, unlocked.membership.person or 0)
    payer.account = unlocked.membership.accounts[0]
    async with aiohttp.ClientSession(headers=JSON) as client:
        paid = [payer.pay(payee.accounts[0], 1) for _ in range(FILLING)]
        await post(client, node.url, paid)


async def _size(node: LiveNode) -> int:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"{node.url}/checkpoint") as response,
    ):
        return int((await response.text()).split("\n")[1])


async def _read(
    directory: Path, ben: Membership, size: int
) -> tuple[dict[int, int], list[dict[str, str]]]:
    """The entries of Ben's lines, and the orders from ``size`` on with the texts beside them."""
    async with _database(directory) as connection:
        lines = await connection.fetch(
            "SELECT seq, entry FROM postings WHERE account = $1", ben.accounts[0]
        )
        rows = await connection.fetch(
            """
            SELECT wire, salt, body FROM entries LEFT JOIN personal ON entry = index
            WHERE index >= $1 ORDER BY index
            """,
            size,
        )
    later = []
    for row in rows:
        item = {"order": to_base64url(row["wire"])}
        if row["body"] is not None:
            item |= {"text": row["body"].decode(), "salt": to_base64url(row["salt"])}
        later.append(item)
    return {line["seq"]: line["entry"] for line in lines}, later


@asynccontextmanager
async def _database(directory: Path) -> AsyncIterator[Connection]:
    """A connection as the database's owner, on which no trigger fires, whether a node serves or
    not."""
    settings = {"search_path": read_config(directory).schema, "session_replication_role": "replica"}
    dsn = running_postgres(directory)
    if dsn is None:
        async with embedded_postgres(directory), _database(directory) as connection:
            yield connection
        return
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


def _copied(source: Path, target: Path) -> Path:
    """With owners and modes, which PostgreSQL and the key files are particular about."""
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


@dataclass(frozen=True, slots=True)
class Found:
    """What was said: ``check`` by the second model, the others to Ben.

    Each is a set: sentences of ``check``, and kinds of findings or the code of an error.
    """

    check: tuple[str, ...]
    verify: tuple[str, ...]
    whole_log: tuple[str, ...]


class DishonestOperator:
    """One copy of a circle, to do anything with. The node is started where that takes it."""

    def __init__(self, circle: LivedIn, folder: Path) -> None:
        self.circle = circle
        self._folder = folder
        directory = _copied(circle.late, folder / "circle")
        self._node = LiveNode(directory, b"", "", "", "", "", port=circle.port)

    @property
    def account(self) -> int:
        """Ben's."""
        return self.circle.ben.accounts[0]

    @property
    def keyring(self) -> Keyring:
        """The node's own secret keys."""
        return read_keyring(self._node.directory / "keys")

    def entry(self, seq: int) -> int:
        """The entry of a line on Ben's account."""
        return self.circle.entries[seq]

    def serve(self) -> None:
        """Let the node run."""
        if self._node.process is None:
            self._node.start()

    def stop(self) -> None:
        """Let it not."""
        self._node.stop()

    async def sql(self, statement: str, *values: object) -> None:
        """Change rows behind the back of a running node. Something has to be there to change."""
        self.serve()
        async with _database(self._node.directory) as connection:
            done = await connection.execute(statement, *values)
        assert not done.endswith(" 0"), f"{done}: {statement}"

    async def value(self, query: str, *values: object) -> Any:
        """One value that is stored."""
        self.serve()
        async with _database(self._node.directory) as connection:
            return await connection.fetchval(query, *values)

    def go_back(self) -> None:
        """Put back the early copy of everything, the high-water mark and keys included."""
        self.stop()
        subprocess.run(["rm", "-rf", self._node.directory], check=True)
        _copied(self.circle.early, self._node.directory)

    async def play(self, *items: dict[str, str]) -> None:
        """Have signed orders accepted as if they came just now."""
        self.serve()
        async with aiohttp.ClientSession(headers=JSON) as client:
            await post(client, self._node.url, list(items))

    def sign(self, act: Act, seed: bytes, *, person: int, account: int) -> SignedOrder:
        """An order signed with any key."""
        circle = self.circle.ben.circle.circle_id
        expires = unix_ms() + 3_600_000
        key = keys.public_key(seed)
        header = Header(circle, kind_of(act), account, person, key, unix_ms(), expires, ())
        return sign_order(Order(header, act), seed)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[tuple[Connection, Loaded]]:
        """The database and the state of the node while it is stopped."""
        self.stop()
        async with _database(self._node.directory) as connection:
            yield connection, await load(connection)

    async def log(
        self, connection: Connection, loaded: Loaded, wire: bytes, decision: Decision
    ) -> None:
        """Write an entry that nobody decided: the tree is hashed and its head signed anew."""
        state = loaded.state
        entry = append(state, decision, wire, (), os.urandom(32), state.log_time + 1)
        await self.write(connection, loaded, [entry])

    async def write(
        self,
        connection: Connection,
        loaded: Loaded,
        entries: list[Entry],
        changes: Sequence[FederationChange] = (),
    ) -> None:
        """Write entries that are in the state already, as if the node's writer did."""
        state, head = loaded.state, loaded.head
        leaves = [merkle.leaf_hash(entry.leaf) for entry in entries]
        extension = merkle.extend(head.frontier, leaves)
        _, full = tile.fill_tiles(head.partial, extension)
        origin = loaded.certificate.origin
        signer = make_signer(origin, self.keyring.log)
        signed = sign_checkpoint(Checkpoint(origin, state.size, extension.root), signer)
        new = NewHead(
            state.size,
            extension.root,
            state.log_time,
            b"".join(extension.frontier.hashes),
            signed,
        )
        batch = Batch(head.size, entries, changes=list(changes))
        await commit(connection, batch, new, full, state.accounts)

    async def looked_at(self) -> Found:
        """What `tallyd check` says of it, and `tally verify` to Ben."""
        self.serve()
        check, verify = await asyncio.gather(self._check(), self._verify())
        whole_log = verify or await self._verify("--whole-log")
        return Found(check, verify, whole_log)

    async def _check(self) -> tuple[str, ...]:
        status, told = await _run("node", "check", str(self._node.directory), "--json")
        problems = tuple(f"{each['row']}: {each['reason']}" for each in told["problems"])
        assert status == (1 if problems else 0), told
        return problems

    async def _verify(self, *options: str) -> tuple[str, ...]:
        keys_of_ben = self._folder / f"ben{len(options)}"
        _copied(self.circle.ben_keys, keys_of_ben)
        command = ("--home", str(keys_of_ben), "verify", "--json", *options)
        status, told = await _run("client", *command)
        if "error" in told:
            found: Sequence[str] = [told["error"]["code"]]
        else:
            found = [finding["kind"] for finding in told["findings"]]
        assert status == (1 if found else 0), told
        return tuple(dict.fromkeys(found))


async def _run(package: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run ``tallyd`` or ``tally`` to its end; returns its status and the JSON that it printed."""
    code = f"from {package}.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    assert b"Traceback" not in err, err.decode()
    assert b"went wrong in this program" not in err, err.decode()
    told: dict[str, Any] = json.loads(out)
    return process.returncode or 0, told


@contextmanager
def dishonest_operator(circle: LivedIn, folder: Path) -> Iterator[DishonestOperator]:
    """Somebody who does as they like with a copy of the circle in ``folder``, until the end."""
    operator = DishonestOperator(circle, folder)
    try:
        yield operator
    finally:
        operator.stop()
