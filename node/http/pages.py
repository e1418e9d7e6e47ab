"""The endpoints with which an application describes itself."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

from pydantic import Field, TypeAdapter

from ledger.errors import TallystickError
from node.errors import PathUnknown
from node.http.docs import render_docs
from node.http.endpoint import JSON, Endpoint, endpoint
from node.http.fields import Model
from node.http.page import STYLESHEET, STYLESHEET_PATH, render_page, render_prose
from node.http.problem import every_error, find_status, title
from node.http.reply import Context, Reply

HTML = "text/html"
_HOUR = {"Cache-Control": "public, max-age=3600"}


class ProblemType(Model):
    """What a problem code means."""

    code: str = Field(description="Stable; programs go by it.")
    title: str
    status: int = Field(description="The HTTP status it usually comes with.")
    description: str


_PROBLEM_TYPE = TypeAdapter(ProblemType)


class ApiPages:
    """The OpenAPI document, its page, a page for each problem code, and the stylesheet of them all.

    The document describes these endpoints too, so they are made first and filled afterwards. It is
    written when somebody first asks for it, since that takes longer than all else of a start.
    """

    def __init__(self) -> None:
        self._describe: Callable[[], dict[str, Any]] = dict
        self._described: tuple[bytes, str] | None = None
        self._turn = asyncio.Lock()
        self._problems: dict[str, ProblemType] = {}

    def fill(
        self,
        describe: Callable[[], dict[str, Any]],
        problems: Mapping[type[TallystickError], int],
    ) -> None:
        """Say what the endpoints serve; ``describe`` is called once, in a thread."""
        self._describe = describe
        for error in every_error():
            self._problems[error.code] = ProblemType(
                code=error.code,
                title=title(error),
                status=find_status(error, problems),
                description=inspect.getdoc(error) or "",
            )

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            endpoint(
                "GET",
                "/api/v1/openapi.json",
                self.read_openapi,
                tags=["about"],
                produces={JSON: dict[str, Any]},
            ),
            endpoint("GET", "/api/v1/docs", self.read_docs, documented=False, produces={HTML: str}),
            endpoint("GET", "/problems", self.list_problems, tags=["about"]),
            endpoint(
                "GET",
                "/problems/{code}",
                self.read_problem,
                tags=["about"],
                produces={JSON: ProblemType, HTML: str},
            ),
            endpoint(
                "GET",
                STYLESHEET_PATH,
                self.read_stylesheet,
                documented=False,
                produces={"text/css": str},
            ),
        ]

    async def read_openapi(self) -> Reply:
        """The OpenAPI document of this API."""
        document, _ = await self._read()
        return Reply(document, headers=_HOUR)

    async def read_docs(self) -> Reply:
        """This API on a page for people."""
        _, page = await self._read()
        return Reply(page, headers=_HOUR)

    async def _read(self) -> tuple[bytes, str]:
        async with self._turn:
            if self._described is None:
                self._described = await asyncio.to_thread(self._write)
        return self._described

    def _write(self) -> tuple[bytes, str]:
        document = self._describe()
        return json.dumps(document).encode(), render_docs(document)

    async def list_problems(self) -> list[ProblemType]:
        """All problem codes."""
        return sorted(self._problems.values(), key=lambda one: one.code)

    async def read_problem(self, context: Context, code: str) -> Reply:
        """One problem code: for programs as JSON, for browsers as a page."""
        problem = self._problems.get(code)
        if problem is None:
            raise PathUnknown(f"/problems/{code}")
        headers = {**_HOUR, "Vary": "Accept"}
        if HTML not in context.request.headers.get("Accept", ""):
            return Reply(_PROBLEM_TYPE.dump_json(problem), JSON, headers=headers)
        body = (
            render_prose(problem.description)
            + f"<p>Code <code>{escape(problem.code)}</code>, "
            + f"usually with HTTP status {problem.status}.</p>"
            + '<p><a href="/api/v1/docs">How the API works</a></p>'
        )
        return Reply(render_page(problem.title, body), HTML, headers=headers)

    async def read_stylesheet(self) -> Reply:
        """The stylesheet of the node's own pages."""
        return Reply(STYLESHEET, headers=_HOUR)
