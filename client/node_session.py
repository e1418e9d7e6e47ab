"""What a device that signed in may read. A session never moves tokens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Final

from client.answers import read_entry
from client.json_fields import Fields, parse_fields
from client.records import KeptReceipt, Memo
from client.transport import Transport
from client.views import (
    AccountView,
    HoldView,
    Me,
    Person,
    RequestView,
    StatementLine,
    StatementPage,
    read_account,
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
HOLDS_MAX: Final = 10_000
PEOPLE_MAX: Final = 1000


class NodeSession:
    """An open session of one device; made by ``NodeClient.open_session``.

    ``expires`` is in Unix milliseconds. Every call may raise NodeUnreachable, NodeRefused and
    AnswerInvalid.
    """

    def __init__(self, transport: Transport, token: str, expires: int) -> None:
        self._transport = transport
        self._token = token
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
        cursor = None
        while True:
            page = await self.statement_page(
                account, since=since, until=until, counterparty=counterparty, cursor=cursor
            )
            for line in page.lines:
                yield line
            cursor = page.next_cursor
            if cursor is None or not page.lines:
                return

    async def entry(self, index: int) -> KeptReceipt:
        """An entry with all that this person may see of it."""
        return read_entry(await self._get(f"/api/v1/entries/{index}"))

    async def find_person(self, handle: str) -> Person | None:
        """The person with this handle."""
        answer = await self._get("/api/v1/people", {"handle": handle})
        return next(iter(answer.objects("people", PEOPLE_MAX, read_person)), None)

    async def people(self) -> AsyncIterator[Person]:
        """Everybody in the circle; for coordinators."""
        cursor: str | None = None
        while True:
            answer = await self._get("/api/v1/people", _cursor(cursor))
            people = answer.objects("people", PEOPLE_MAX, read_person)
            for person in people:
                yield person
            cursor = answer.optional("next", answer.text)
            if cursor is None or not people:
                return

    async def everything(self, person: int) -> dict[str, object]:
        """All that is held on a person, as the node's JSON; for themselves and coordinators."""
        path = f"/api/v1/people/{person}/everything"
        answer = await self._get(path, size_max=EVERYTHING_BYTES_MAX)
        return {name: answer.raw(name) for name in answer}

    async def make_request(self, wire: bytes, memo: Memo | None = None) -> RequestView:
        """Leave a signed payment request with the node. The same one twice is the same one."""
        body: dict[str, str] = {"request": to_base64url(wire)}
        if memo is not None:
            body |= {"text": memo.text, "salt": to_base64url(memo.salt)}
        response = await self._transport.request(
            "POST",
            "/api/v1/requests",
            body=json.dumps(body).encode(),
            token=self._token,
            size_max=ANSWER_BYTES_MAX,
            repeatable=True,
        )
        return read_request(parse_fields(response.body, "its answer"))

    async def request(self, request_id: bytes) -> RequestView:
        """A payment request by its 32-byte id, for whoever was given it."""
        return read_request(await self._get(f"/api/v1/requests/{request_id.hex()}"))

    async def requests(self, account: int) -> AsyncIterator[RequestView]:
        """The payment requests of an account, newest first."""
        cursor: str | None = None
        while True:
            parameters = {"account": str(account), **_cursor(cursor)}
            answer = await self._get("/api/v1/requests", parameters)
            requests = answer.objects("requests", PEOPLE_MAX, read_request)
            for request in requests:
                yield request
            cursor = answer.optional("next", answer.text)
            if cursor is None or not requests:
                return

    async def holds(self, account: int) -> AsyncIterator[HoldView]:
        """What is set aside from or for an account, oldest first."""
        cursor: str | None = None
        while True:
            parameters = {"account": str(account), **_cursor(cursor)}
            answer = await self._get("/api/v1/holds", parameters)
            holds = answer.objects("holds", HOLDS_MAX, read_hold)
            for hold in holds:
                yield hold
            cursor = answer.optional("next", answer.text)
            if cursor is None or not holds:
                return

    async def _get(
        self,
        path: str,
        parameters: dict[str, str] | None = None,
        size_max: int = ANSWER_BYTES_MAX,
    ) -> Fields:
        response = await self._transport.request(
            "GET",
            path,
            parameters=parameters,
            token=self._token,
            size_max=size_max,
            repeatable=True,
        )
        return parse_fields(response.body, "its answer")


def _cursor(cursor: str | None) -> dict[str, str]:
    return {} if cursor is None else {"cursor": cursor}
