"""Errors as RFC 9457 problems, and the one table of which error has which HTTP status."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from ledger import errors as ledger
from ledger.errors import TallystickError
from node import errors as node

PROBLEM_JSON = "application/problem+json"

STATUS: Mapping[type[TallystickError], int] = {
    TallystickError: 400,
    # The ledger's. Most refusals are a conflict with what the books say now.
    ledger.InvalidSignature: 403,
    ledger.UnknownDevice: 403,
    ledger.NonceConflict: 409,
    ledger.Refused: 409,
    ledger.DeviceUnusable: 403,
    ledger.PersonMismatch: 403,
    ledger.AccountUnknown: 404,
    ledger.NotAuthorised: 403,
    ledger.CosignaturesMissing: 403,
    ledger.MandateUnusable: 403,
    ledger.PersonUnknown: 404,
    ledger.DeviceNotFound: 404,
    ledger.HoldUnknown: 404,
    # The node's.
    node.PostgresUnavailable: 503,
    node.NodeUnfit: 503,
    node.Unavailable: 503,
    node.HeadersTooLarge: 431,
    node.PathUnknown: 404,
    node.MethodNotAllowed: 405,
    node.ContentEncodingRefused: 415,
    node.MediaTypeUnsupported: 415,
    node.BodyTooLarge: 413,
    node.BodyTooSlow: 408,
    node.SessionMissing: 401,
    node.SessionRefused: 401,
    node.NotFound: 404,
    node.NotYours: 403,
    node.TooMany: 409,
    node.PlaceMissing: 409,
    node.TooManyOpenRequests: 409,
    node.CalendarZoneUnset: 409,
    node.TooManyEvents: 409,
    node.AskerUntold: 409,
    node.HelpOver: 409,
    node.HelpTaken: 409,
    node.NotPermitted: 403,
    node.NoSafeguarder: 409,
    node.NoCoordinator: 409,
    node.EventOver: 409,
    node.EventFull: 409,
    node.LogNotWitnessed: 404,
    node.CheckpointUnsigned: 403,
    node.CheckpointInconsistent: 422,
    node.NotErasable: 409,
    node.NoWay: 409,
    node.PeerRefused: 403,
    node.InternalError: 500,
    node.RecordsDamaged: 500,
}


def find_status(error: type[TallystickError], table: Mapping[type[TallystickError], int]) -> int:
    """Return the HTTP status of an error class: its own in `table`, or its nearest ancestor's."""
    return next(table[one] for one in error.__mro__ if one in table)


def describe_problem(
    error: TallystickError, table: Mapping[type[TallystickError], int] = STATUS
) -> dict[str, Any]:
    """Return the problem object of an error (RFC 9457 section 3), with its typed attributes."""
    attributes = {name: value for name, value in vars(error).items() if not name.startswith("_")}
    problem = {
        "type": f"/problems/{error.code}",
        "title": title(type(error)),
        "status": find_status(type(error), table),
        "detail": str(error),
        "code": error.code,
    }
    return {**problem, **attributes, **problem}


def title(error: type[TallystickError]) -> str:
    """Return the problem's title, the same at each occurrence: the code in words."""
    return error.code.replace("-", " ").capitalize()


def problem_headers(error: TallystickError, status: int) -> dict[str, str]:
    """Return the headers that go with a problem (RFC 9110 sections 10.2.1, 10.2.3, 11.6.1)."""
    match error:
        case node.MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
        case node.Overloaded():
            return {"Retry-After": "2"}
        case _ if status == 401:
            return {"WWW-Authenticate": "Bearer"}
        case _:
            return {}


def every_error(root: type[TallystickError] = TallystickError) -> Iterator[type[TallystickError]]:
    """Yield `root` and all classes below it."""
    yield root
    for one in root.__subclasses__():
        yield from every_error(one)


def problem_schema(
    error: type[TallystickError], table: Mapping[type[TallystickError], int]
) -> dict[str, Any]:
    """Return the JSON Schema of an error's problem, its attributes as its ``__init__`` types them.

    Raises:
        TypeError: ``__init__`` takes what no problem can carry.
    """
    example = describe_problem(_make_example(error), table)
    hints = get_type_hints(error.__init__)
    properties: dict[str, Any] = {
        "type": {"type": "string", "const": example["type"]},
        "title": {"type": "string", "const": example["title"]},
        "status": {"type": "integer", "const": example["status"]},
        "detail": {"type": "string"},
        "code": {"type": "string", "const": error.code},
        "instance": {"type": "string", "format": "uri-reference"},
    }
    for name in example.keys() - properties.keys():
        properties[name] = TypeAdapter(hints[name]).json_schema()
    return {
        "type": "object",
        "description": inspect.getdoc(error) or "",
        "properties": properties,
        "required": sorted(example),
        "examples": [example],
    }


_EXAMPLES: Mapping[Any, Any] = {int: 7, str: "example", bool: True}


def _make_example(error: type[TallystickError]) -> TallystickError:
    """Make an error of this class, to see which of its arguments become attributes."""
    hints = get_type_hints(error.__init__)
    hints.pop("return", None)
    return error(**{name: _example_of(error, hint) for name, hint in hints.items()})


def _example_of(error: type[TallystickError], hint: Any) -> Any:
    if hint in _EXAMPLES:
        return _EXAMPLES[hint]
    if get_origin(hint) is list:
        return [_example_of(error, get_args(hint)[0])]
    raise TypeError(f"{error.__name__} takes a {hint}, and a problem carries int, str, bool, list.")
