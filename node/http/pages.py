"""The endpoints with which an application describes itself."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
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

    The document describes these endpoints too, so they are made first and filled afterwards.
    """

    def __init__(self) -> None:
        self._openapi = b""
        self._docs = ""
        self._problems: dict[str, ProblemType] = {}

    def fill(self, document: dict[str, Any], problems: Mapping[type[TallystickError], int]) -> None:
        """Render what the endpoints serve."""
        self._openapi = json.dumps(document).encode()
        self._docs = render_docs(document)
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
        return Reply(self._openapi, headers=_HOUR)

    async def read_docs(self) -> Reply:
        """This API on a page for people."""
        return Reply(self._docs, headers=_HOUR)

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
