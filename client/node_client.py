"""``NodeClient``: everything a circle's node offers, typed.

::

    async with NodeClient("https://circle.example") as node:
        info = await node.well_known()
        answers = await node.submit([Submission(signed.wire, memo)])
        session = await node.open_session(sign)
        async for line in session.statement(101):
            ...

Answers are parsed strictly and believed by nobody yet: ``client.receipts`` proves them. Every call
may raise NodeUnreachable, NodeRefused and AnswerInvalid.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Final, Self

from client.answers import OrderAnswer, Submission, read_entry, read_order_answer
from client.circle_info import CircleInfo, read_circle_info
from client.errors import AnswerInvalid
from client.json_fields import Fields, parse_fields
from client.node_session import NodeSession
from client.payment_views import PEERS_MAX, PeerView, read_peer
from client.records import KeptReceipt
from client.transport import Patience, Transport
from client.views import OfficerView, read_officer
from ledger.codec import to_base64url
from ledger.note import NOTE_BYTES_MAX
from ledger.receipt import RECEIPT_BYTES_MAX
from ledger.tile import ENTRY_BYTES_MAX, TILE_BYTES, EntryBundle, Tile, format_tile_path

ORDERS_MAX: Final = 1000
"""Orders that a node takes in one list."""

ANSWER_BYTES_MAX: Final = 2 * 2**20
ORDER_ANSWER_BYTES_MAX: Final = 65_536
OFFICERS_MAX: Final = 10_000


class NodeClient:
    """A node, at its address. An async context manager; one may be used by many tasks at once."""

    def __init__(self, node_url: str, patience: Patience | None = None) -> None:
        self._transport = Transport(node_url, patience)

    @property
    def node_url(self) -> str:
        """Where the node is, as ``https://host[:port]``."""
        return self._transport.node_url

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    async def well_known(self) -> CircleInfo:
        """The circle, its certificate verified. Raises CircleChanged."""
        return read_circle_info(await self._get("/.well-known/tallystick"))

    async def submit(self, submissions: Sequence[Submission]) -> list[OrderAnswer]:
        """Send 1 to 1,000 signed orders; their answers, in their order.

        A lost answer is asked for again with the very same bytes, which is safe: the first verdict
        on an order is final. NodeRefused is of the request as a whole; an order's own problem is a
        ``Declined``.
        """
        assert 1 <= len(submissions) <= ORDERS_MAX, f"a list has 1 to {ORDERS_MAX} orders"
        body = json.dumps({"orders": [each.to_json() for each in submissions]}).encode()
        response = await self._transport.request(
            "POST",
            "/api/v1/orders",
            body=body,
            size_max=ANSWER_BYTES_MAX + ORDER_ANSWER_BYTES_MAX * len(submissions),
            repeatable=True,
        )
        results = parse_fields(response.body, "its answer").items("results", ORDERS_MAX)
        if len(results) != len(submissions):
            raise AnswerInvalid(f"is for {len(results)} orders where {len(submissions)} were sent")
        return [
            read_order_answer(Fields(result, "an order's answer"), submission)
            for result, submission in zip(results, submissions, strict=True)
        ]

    async def open_session(
        self, sign: Callable[[], Awaitable[bytes]], newest: str | None = None
    ) -> NodeSession:
        """Sign in with what ``sign`` makes, a fresh opening of ``ledger.declarations.sign_session``
        each time it is asked for one: again when the node has ended the session.

        ``newest`` is the newest checkpoint this device has verified: a node that has lost it stops.
        """

        async def sign_in() -> tuple[str, int]:
            return await self._sign_in(await sign(), newest)

        return NodeSession(self._transport, *await sign_in(), sign_in)

    async def _sign_in(self, opening: bytes, newest: str | None) -> tuple[str, int]:
        """A session's token and its end (Unix milliseconds)."""
        body: dict[str, str] = {"opening": to_base64url(opening)}
        if newest is not None:
            body["newest"] = newest
        response = await self._transport.request(
            "POST",
            "/api/v1/sessions",
            body=json.dumps(body).encode(),
            size_max=ANSWER_BYTES_MAX,
            repeatable=False,
        )
        answer = parse_fields(response.body, "its answer")
        return answer.text("token", 512), answer.integer("expires")

    async def officers(self) -> tuple[OfficerView, ...]:
        """Who holds an office."""
        answer = await self._get("/api/v1/officers")
        return answer.objects("officers", OFFICERS_MAX, read_officer)

    async def peers(self) -> tuple[PeerView, ...]:
        """The circles that this one has an agreement with."""
        answer = await self._get("/api/v1/peers")
        return answer.objects("peers", PEERS_MAX, read_peer)

    async def payment_status(self, payment: bytes) -> tuple[bytes, bytes | None]:
        """This circle's signed word on a payment that it decides, and its COMMIT if it gave one.

        Neither is verified.
        """
        answer = await self._get(f"/peer/v1/payments/{payment.hex()}")
        return answer.binary("status"), answer.optional("commit", answer.binary)

    async def entry(self, index: int) -> KeptReceipt:
        """An entry's leaf and receipt, as anybody may see them."""
        return read_entry(await self._get(f"/api/v1/entries/{index}"))

    async def proof(self, index: int) -> str:
        """An entry's c2sp.org/tlog-proof against the newest checkpoint."""
        return await self._text(f"/api/v1/entries/{index}/proof", RECEIPT_BYTES_MAX)

    async def checkpoint(self) -> str:
        """The newest checkpoint, a signed note."""
        return await self._text("/checkpoint", NOTE_BYTES_MAX)

    async def consistency(self, size1: int, size2: int) -> tuple[bytes, ...]:
        """The proof that the log's first ``size2`` leaves begin with its first ``size1``."""
        parameters = {"from": str(size1), "to": str(size2)}
        return (await self._get("/api/v1/consistency", parameters)).binaries("proof", 64)

    async def tile(self, tile: Tile) -> bytes:
        """The hashes of a tile, one after another. AnswerInvalid unless it has its width."""
        data = await self._bytes(f"/{format_tile_path(tile)}", TILE_BYTES)
        if len(data) != 32 * tile.width:
            raise AnswerInvalid(f"is {len(data)} bytes where {32 * tile.width} belong")
        return data

    async def entries(self, bundle: EntryBundle) -> bytes:
        """The leaves of a bundle, for ``ledger.tile.parse_entries``."""
        limit = bundle.width * (ENTRY_BYTES_MAX + 2)
        return await self._bytes(f"/{format_tile_path(bundle)}", limit)

    async def _get(self, path: str, parameters: dict[str, str] | None = None) -> Fields:
        response = await self._transport.request(
            "GET", path, parameters=parameters, size_max=ANSWER_BYTES_MAX, repeatable=True
        )
        return parse_fields(response.body, "its answer")

    async def _bytes(self, path: str, size_max: int) -> bytes:
        response = await self._transport.request("GET", path, size_max=size_max, repeatable=True)
        return response.body

    async def _text(self, path: str, size_max: int) -> str:
        try:
            return (await self._bytes(path, size_max)).decode()
        except UnicodeDecodeError:
            raise AnswerInvalid("is not text") from None
