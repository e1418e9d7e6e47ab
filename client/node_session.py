"""What a device that signed in may read, and change beside the ledger. It never moves tokens."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar

from client.answers import read_entry
from client.errors import AnswerInvalid, NodeRefused
from client.json_fields import Fields, parse_fields
from client.payment_views import (
    PaymentPage,
    PaymentView,
    QuoteView,
    read_payment,
    read_payment_page,
    read_quote,
)
from client.records import KeptReceipt, Memo
from client.transport import Response, Transport
from client.views import (
    AccountView,
    DeviceView,
    HoldView,
    Me,
    Person,
    RequestView,
    StatementLine,
    StatementPage,
    read_account,
    read_device,
    read_hold,
    read_me,
    read_person,
    read_request,
    read_statement,
)
from ledger.codec import to_base64url

PAGE_LINES: Final = 100
ANSWER_BYTES_MAX: Final = 4 * 2**20
EVERYTHING_BYTES_MAX: Final = 64 * 2**20
EVERYTHING_PATIENCE: Final = 20
"""So many times longer than other answers may it take: ten minutes."""
ITEMS_MAX: Final = 10_000
"""On one page."""
PAGED_ITEMS_MAX: Final = 1_000_000
"""On all pages of one thing."""
EMPTY_PAGES_MAX: Final = 10_000
"""In a row, where a node looks for few lines among very many."""
SIGN_INS_MAX: Final = 5
"""For one request, where each time other programs of this device end the session."""
SIGN_IN_PAUSE_SECONDS: Final = 0.2
PEOPLE_MAX: Final = 1000
DEVICES_MAX: Final = 1000

_T = TypeVar("_T")

SignIn = Callable[[], Awaitable[tuple[str, int]]]


class NodeSession:
    """An open session of one device; made by ``NodeClient.open_session``.

    ``expires`` is in Unix milliseconds. A node keeps few sessions of a device, and ends the oldest:
    then this one signs in again by itself, where ``sign_in`` (a new token, and its end) is given.
    Every call may raise NodeUnreachable, NodeRefused and AnswerInvalid.
    """

    def __init__(
        self, transport: Transport, token: str, expires: int, sign_in: SignIn | None = None
    ) -> None:
        self._transport = transport
        self._token = token
        self._sign_in = sign_in
        self._signing_in = asyncio.Lock()
        self.expires = expires

    async def close(self) -> None:
        """Sign out: the token is worth nothing afterwards."""
        await self._transport.request(
            "DELETE", "/api/v1/sessions", token=self._token, size_max=1024, repeatable=False
        )

    async def me(self) -> Me:
        """The person this device belongs to, their accounts, devices and mandates."""
        return read_me(await self._get("/api/v1/me"))

    async def account(self, number: int) -> AccountView:
        """An account of one's own, or any for a coordinator."""
        return read_account(await self._get(f"/api/v1/accounts/{number}"))

    async def statement_page(
        self,
        account: int,
        *,
        since: date | None = None,
        until: date | None = None,
        counterparty: int | None = None,
        cursor: str | None = None,
        limit: int = PAGE_LINES,
    ) -> StatementPage:
        """One page, newest line first; the days (UTC) are both included."""
        parameters = {"limit": str(limit)}
        if since is not None:
            parameters["from"] = since.isoformat()
        if until is not None:
            parameters["to"] = until.isoformat()
        if counterparty is not None:
            parameters["counterparty"] = str(counterparty)
        if cursor is not None:
            parameters["cursor"] = cursor
        return read_statement(await self._get(f"/api/v1/accounts/{account}/statement", parameters))

    async def statement(
        self,
        account: int,
        *,
        since: date | None = None,
        until: date | None = None,
        counterparty: int | None = None,
    ) -> AsyncIterator[StatementLine]:
        """All lines, newest first, page by page as they are asked for."""
        cursor, empty = None, 0
        while True:
            page = await self.statement_page(
                account, since=since, until=until, counterparty=counterparty, cursor=cursor
            )
            for line in page.lines:
                yield line
            cursor = page.next_cursor
            if cursor is None:
                return
            empty = _count_empty(empty, page.lines)

    async def entry(self, index: int) -> KeptReceipt:
        """An entry with all that this person may see of it."""
        return read_entry(await self._get(f"/api/v1/entries/{index}"))

    async def find_person(self, handle: str) -> Person | None:
        """The person with this handle."""
        answer = await self._get("/api/v1/people", {"handle": handle})
        return next(iter(answer.objects("people", PEOPLE_MAX, read_person)), None)

    async def people(self) -> AsyncIterator[Person]:
        """Everybody in the circle; for coordinators."""
        async for person in self.paged("/api/v1/people", {}, "people", read_person):
            yield person

    async def devices(self, person: int) -> tuple[DeviceView, ...]:
        """A person's devices; for coordinators."""
        answer = await self._get(f"/api/v1/people/{person}/devices")
        return answer.objects("devices", DEVICES_MAX, read_device)

    async def everything(self, person: int) -> bytes:
        """All that is held on a person, the node's JSON as it came, up to 64 MiB of it.

        For themselves and coordinators.
        """
        response = await self._request(
            "GET",
            f"/api/v1/people/{person}/everything",
            size_max=EVERYTHING_BYTES_MAX,
            repeatable=True,
            patience_factor=EVERYTHING_PATIENCE,
        )
        return response.body

    async def make_request(self, wire: bytes, memo: Memo | None = None) -> RequestView:
        """Leave a signed payment request with the node. The same one twice is the same one."""
        body: dict[str, str] = {"request": to_base64url(wire)}
        if memo is not None:
            body |= {"text": memo.text, "salt": to_base64url(memo.salt)}
        response = await self._request(
            "POST",
            "/api/v1/requests",
            body=json.dumps(body).encode(),
            size_max=ANSWER_BYTES_MAX,
            repeatable=True,
        )
        return read_request(parse_fields(response.body, "its answer"))

    async def request(self, request_id: bytes) -> RequestView:
        """A payment request by its 32-byte id, for whoever was given it."""
        return read_request(await self._get(f"/api/v1/requests/{request_id.hex()}"))

    async def requests(self, account: int) -> AsyncIterator[RequestView]:
        """The payment requests of an account, newest first."""
        of_account = {"account": str(account)}
        async for request in self.paged("/api/v1/requests", of_account, "requests", read_request):
            yield request

    async def holds(self, account: int) -> AsyncIterator[HoldView]:
        """What is set aside from or for an account, oldest first."""
        async for hold in self.paged(
            "/api/v1/holds", {"account": str(account)}, "holds", read_hold
        ):
            yield hold

    async def quote(
        self, address: str, *, arrive: int | None = None, most: int | None = None
    ) -> QuoteView:
        """What it costs that ``arrive`` reaches another circle, or what arrives for ``most``."""
        named = {"arrive": arrive, "most": most}
        amounts = {name: str(amount) for name, amount in named.items() if amount is not None}
        return read_quote(await self._get("/api/v1/quote", {"to": address, **amounts}))

    async def payment(self, payment: bytes) -> PaymentView:
        """How a payment into another circle stands."""
        return read_payment(await self._get(f"/api/v1/payments/{payment.hex()}"))

    async def payments(self, account: int) -> PaymentPage:
        """The newest payments of an account into other circles, newest first."""
        return read_payment_page(await self._get("/api/v1/payments", {"account": str(account)}))

    async def read(self, path: str, parameters: dict[str, str] | None = None) -> Fields:
        """The JSON object at a path: for what is beside the ledger, such as the directory."""
        return await self._get(path, parameters)

    async def download(self, path: str, parameters: dict[str, str]) -> bytes:
        """A file at a path, up to 64 MiB of it."""
        response = await self._request(
            "GET",
            path,
            parameters=parameters,
            size_max=EVERYTHING_BYTES_MAX,
            repeatable=True,
            patience_factor=EVERYTHING_PATIENCE,
        )
        return response.body

    async def change(
        self, method: str, path: str, body: object = None, *, repeatable: bool | None = None
    ) -> Fields | None:
        """Change what is beside the ledger; what came of it, if the node says so.

        A lost answer is asked for again only where doing it twice is doing it once: all but a POST,
        unless ``repeatable`` says otherwise.
        """
        response = await self._request(
            method,
            path,
            body=None if body is None else json.dumps(body).encode(),
            size_max=ANSWER_BYTES_MAX,
            repeatable=method != "POST" if repeatable is None else repeatable,
        )
        return parse_fields(response.body, "its answer") if response.body else None

    async def changed(
        self, method: str, path: str, body: object = None, *, repeatable: bool | None = None
    ) -> Fields:
        """The same, where the node has to say what came of it: AnswerInvalid where it does not."""
        answer = await self.change(method, path, body, repeatable=repeatable)
        if answer is None:
            raise AnswerInvalid("says nothing")
        return answer

    async def paged(
        self,
        path: str,
        parameters: Mapping[str, str],
        name: str,
        read: Callable[[Fields], _T],
        *,
        cursor: str | None = None,
    ) -> AsyncIterator[_T]:
        """The items of all pages from ``cursor`` on, under ``name`` in each, as they are asked for.

        A page may be empty before the last. Raises AnswerInvalid for more than there can be.
        """
        count = empty = 0
        while True:
            following = {} if cursor is None else {"cursor": cursor}
            answer = await self._get(path, {**parameters, **following})
            items = answer.objects(name, ITEMS_MAX, read)
            count += len(items)
            if count > PAGED_ITEMS_MAX:
                raise AnswerInvalid(f"goes on for more than {PAGED_ITEMS_MAX} {name}")
            for item in items:
                yield item
            cursor = answer.optional("next", answer.text)
            if cursor is None:
                return
            empty = _count_empty(empty, items)

    async def _get(self, path: str, parameters: dict[str, str] | None = None) -> Fields:
        response = await self._request(
            "GET",
            path,
            parameters=parameters,
            size_max=ANSWER_BYTES_MAX,
            repeatable=True,
        )
        return parse_fields(response.body, "its answer")

    async def _request(
        self,
        method: str,
        path: str,
        *,
        size_max: int,
        body: bytes | None = None,
        parameters: Mapping[str, str] | None = None,
        repeatable: bool,
        patience_factor: int = 1,
    ) -> Response:
        """Send; where the node has ended the session, which is before it does anything, sign in and
        send again."""
        for count in range(SIGN_INS_MAX + 1):
            token = self._token
            try:
                return await self._transport.request(
                    method,
                    path,
                    size_max=size_max,
                    body=body,
                    parameters=parameters,
                    token=token,
                    repeatable=repeatable,
                    patience_factor=patience_factor,
                )
            except NodeRefused as refused:
                if refused.problem != "session-refused" or count == SIGN_INS_MAX:
                    raise
                if self._sign_in is None:
                    raise
            await self._sign_in_again(self._sign_in, token, count)
        raise AssertionError("the last attempt returns or raises")

    async def _sign_in_again(self, sign_in: SignIn, ended: str, count: int) -> None:
        """One task signs in for all that share this session; later ones find it done."""
        async with self._signing_in:
            if self._token == ended:
                # Several that end each other's sessions should not do so in step.
                await asyncio.sleep(count * random.uniform(0, SIGN_IN_PAUSE_SECONDS))
                self._token, self.expires = await sign_in()


def _count_empty(before: int, page: Sequence[object]) -> int:
    """How many pages were empty in a row. Raises AnswerInvalid for more than there can be."""
    count = 0 if page else before + 1
    if count > EMPTY_PAGES_MAX:
        raise AnswerInvalid(f"goes on for {count} pages with nothing on them")
    return count
