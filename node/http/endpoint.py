"""Endpoints: a typed handler, and all that its type hints say about its requests and answers."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from pydantic import JsonValue, TypeAdapter, ValidationError

from ledger.errors import TallystickError
from node.errors import RequestInvalid
from node.http.fields import check_dates
from node.http.limits import HttpLimits
from node.http.parameters import Parameter, Parameters, describe_errors
from node.http.reply import Reply
from node.http.strict_json import parse_json

Handler = Callable[..., Awaitable[Any]]
JSON = "application/json"

# Parameters of a handler that are not the client's to name.
_RESERVED = {"state", "context", "session", "body"}


@dataclass(frozen=True, slots=True)
class Body:
    """What the handler's `body` is, by its hint.

    ``bytes`` is the body as it came; ``JsonValue`` is parsed strictly and not validated, for hot
    paths that check by themselves; anything else is validated by pydantic.
    """

    hint: Any
    adapter: TypeAdapter[Any] | None

    @property
    def is_required(self) -> bool:
        """Bytes may be none; there is no empty JSON."""
        return self.hint is not bytes

    def parse(self, content: bytes, limits: HttpLimits) -> Any:
        """Return the handler's `body`.

        Raises:
            JsonInvalid: it is not one plain JSON value.
            RequestInvalid: it does not fit the model.
        """
        if self.hint is bytes:
            return content
        value = parse_json(
            content, depth_max=limits.json_depth_max, values_max=limits.json_values_max
        )
        if self.adapter is None:
            return value
        try:
            # Written out again, because pydantic's strict mode knows dates, enums and tuples only
            # in JSON, and because what was checked above must be what is read here.
            return self.adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            raise RequestInvalid(describe_errors(error, "body")) from None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes and returns."""

    path: Parameters
    query: Parameters
    body: Body | None
    session: Literal["required", "optional"] | None
    takes_state: bool
    takes_context: bool
    returns: Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: where it is, its handler, and what its answers are."""

    method: str
    path: str
    handler: Handler
    signature: Signature
    tags: tuple[str, ...]
    status: int
    accepts: Mapping[str, Any]
    produces: Mapping[str, Any]
    others: Mapping[int, Mapping[str, Any]]
    raises: tuple[type[TallystickError], ...]
    documented: bool
    renderer: TypeAdapter[Any] | None

    @property
    def operation(self) -> str:
        """The operationId: the handler's name."""
        return str(getattr(self.handler, "__name__", self.path))

    @property
    def documentation(self) -> str:
        """The handler's docstring, dedented."""
        return inspect.getdoc(self.handler) or ""


def endpoint(
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
    path: str,
    handler: Handler,
    *,
    tags: Sequence[str] = (),
    status: int = 200,
    accepts: Mapping[str, Any] | None = None,
    produces: Mapping[str, Any] | None = None,
    others: Mapping[int, Mapping[str, Any]] | None = None,
    raises: Sequence[type[TallystickError]] = (),
    documented: bool = True,
) -> Endpoint:
    """Make an endpoint from a handler's type hints.

    The handler is a coroutine function. Of its parameters, those named in `path` come from the
    path, ``state`` is the application's own object, ``session`` the signed-in caller (``| None``
    if one may do without), ``context`` a `Context`, ``body`` the request's body (see `Body`), and
    all others are query parameters, optional if they have a default (``from_`` is ``from`` on the
    wire). It returns what pydantic renders as JSON, or a `Reply`.

    Args:
        path: a template; ``{name}`` takes a segment, a last ``{name...}`` the whole rest.
        status: of the ordinary answer.
        accepts: media types of the body, each with the type to document; JSON with the hint of
            ``body`` unless given. Needed when that hint is ``bytes`` or ``JsonValue``.
        produces: media types of the answer likewise. Needed when the handler returns `Reply`.
        others: answers with another status that are no problems, likewise.
        raises: the errors that the handler can raise, for the document.
        documented: False keeps it out of the OpenAPI document.

    Raises:
        TypeError: the hints do not say all that; the message tells which and what to do.
    """
    signature = _read_signature(path, handler)
    returns = signature.returns
    if produces is None:
        if returns is Reply:
            raise TypeError(f"{_name(handler)} returns Reply; say in produces= what is in it.")
        produces = {} if returns is NoneType else {JSON: returns}
    return Endpoint(
        method=method,
        path=path,
        handler=handler,
        signature=signature,
        tags=tuple(tags),
        status=204 if returns is NoneType and status == 200 else status,
        accepts=_default_accepts(handler, signature.body) if accepts is None else accepts,
        produces=produces,
        others=others or {},
        raises=tuple(raises),
        documented=documented,
        renderer=None if returns in (Reply, NoneType) else TypeAdapter(returns),
    )


def _read_signature(path: str, handler: Handler) -> Signature:
    if not inspect.iscoroutinefunction(handler):
        raise TypeError(f"{_name(handler)} is not a coroutine function; declare it with async def.")
    in_path = set(re.findall(r"\{(\w+)(?:\.\.\.)?\}", path))
    hints = get_type_hints(handler, include_extras=True)
    takes = dict(inspect.signature(handler).parameters)
    for name in [*takes, "return"]:
        if name not in hints and name != "state":
            raise TypeError(f"{_name(handler)} has no type hint for {name!r}.")
    if not in_path <= takes.keys() - _RESERVED:
        raise TypeError(f"{_name(handler)} takes no {in_path - takes.keys()} of {path}.")
    client_named = [one for name, one in takes.items() if name not in _RESERVED]
    return Signature(
        path=Parameters("path", [_read(one, hints) for one in client_named if one.name in in_path]),
        query=Parameters(
            "query", [_read(one, hints) for one in client_named if one.name not in in_path]
        ),
        body=_read_body(hints["body"]) if "body" in takes else None,
        session=_read_session(hints["session"]) if "session" in takes else None,
        takes_state="state" in takes,
        takes_context="context" in takes,
        returns=hints["return"],
    )


def _read(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Parameter:
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    return Parameter(parameter.name.rstrip("_"), parameter.name, hints[parameter.name], default)


def _read_body(hint: Any) -> Body:
    if hint is bytes or hint is JsonValue:
        return Body(hint, None)
    adapter = TypeAdapter(hint)
    check_dates(hint, adapter)
    return Body(hint, adapter)


def _read_session(hint: Any) -> Literal["required", "optional"]:
    return "optional" if NoneType in get_args(hint) else "required"


def _default_accepts(handler: Handler, body: Body | None) -> Mapping[str, Any]:
    if body is None:
        return {}
    if body.adapter is None:
        raise TypeError(f"{_name(handler)} takes a raw body; say in accepts= what is in it.")
    return {JSON: body.hint}


def _name(handler: Handler) -> str:
    return str(getattr(handler, "__qualname__", handler))
