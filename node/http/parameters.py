"""Path and query parameters: text on the wire, typed and bounded for the handler."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from node.errors import RequestInvalid
from node.http.fields import INSTANT_TEXT

Place = Literal["path", "query"]

ERRORS_TOLD_MAX = 10

# Text without a pattern of its own may not hold what no path or query of ours needs.
_TEXT_PATTERN = {
    "query": r"^[^\x00-\x1f\x7f]*$",
    "path": r"^[^\x00-\x1f\x7f/\\]+$",
}
# JSON Schema calls 12.0 an integer too (2020-12, section 4.2.3).
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)(\.0+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name on the wire, its name in the handler, its type and default."""

    wire_name: str
    name: str
    hint: Any
    default: Any = ...

    def describe(self) -> dict[str, Any]:
        """Return the parameter's JSON Schema, without the null that a text can't be."""
        schema = TypeAdapter(self.hint).json_schema()
        schema.pop("title", None)
        options = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
        if len(options) == 1:
            schema |= options[0]
        elif options:
            schema["anyOf"] = options
        if self.default not in (..., None):
            schema["default"] = TypeAdapter(self.hint).dump_python(self.default, mode="json")
        return schema


class Parameters:
    """The parameters of one operation in one place, parsed from text together."""

    def __init__(self, place: Place, parameters: list[Parameter]) -> None:
        self.place = place
        self.parameters = parameters
        # The prefix keeps a parameter from shadowing an attribute of pydantic's own.
        fields: dict[str, Any] = {
            f"p_{one.name}": (Annotated[one.hint, Field(alias=one.wire_name)], one.default)
            for one in parameters
        }
        self._model: type[BaseModel] = create_model(
            f"{place.capitalize()}Parameters", __config__=ConfigDict(extra="forbid"), **fields
        )
        for one in parameters:
            _check_parameter_type(one)

    def parse(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the handler's arguments, from the texts in `values`.

        Raises:
            RequestInvalid: a parameter is missing, unknown, of another type or out of bounds.
        """
        if not self.parameters and not values:
            return {}
        try:
            parsed = self._model.__pydantic_validator__.validate_strings(values, strict=True)
        except ValidationError as error:
            raise RequestInvalid(describe_errors(error, self.place)) from None
        arguments = {one.name: getattr(parsed, f"p_{one.name}") for one in self.parameters}
        for one in self.parameters:
            text = values.get(one.wire_name)
            if text is not None and not _is_canonical(arguments[one.name], text):
                raise RequestInvalid(
                    [f"{self.place}.{one.wire_name}: {text[:50]!a} is not the plain spelling"]
                )
        return arguments

    def describe(self) -> list[dict[str, Any]]:
        """Return the OpenAPI parameter objects (OpenAPI 3.1 section 4.8.12)."""
        described = []
        for one in self.parameters:
            schema = one.describe()
            if schema.get("type") == "string" and not schema.keys() & _SHAPES:
                schema["pattern"] = _TEXT_PATTERN[self.place]
            parameter = {"name": one.wire_name, "in": self.place, "required": one.default is ...}
            if "description" in schema:
                parameter["description"] = schema.pop("description")
            described.append({**parameter, "schema": schema})
        return described


_SHAPES = {"pattern", "format", "enum", "const"}
_SCALARS = {"string", "integer", "boolean"}


def parse_query(raw_query: str, fields_max: int) -> dict[str, str]:
    """Split a query string into its parameters, each of which may stand once.

    Raises:
        RequestInvalid: too many, a repeated one, invalid UTF-8 or a control character.
    """
    if not raw_query:
        return {}
    try:
        pairs = parse_qsl(
            raw_query, keep_blank_values=True, errors="strict", max_num_fields=fields_max
        )
    except UnicodeDecodeError:
        raise RequestInvalid(["query: it is not UTF-8"]) from None
    except ValueError:
        raise RequestInvalid([f"query: it has more than {fields_max} parameters"]) from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise RequestInvalid(["query: a parameter stands twice"])
    if not raw_query.isascii() or any(map(_CONTROL.search, values.values())):
        raise RequestInvalid(["query: it has a control character or is not percent-encoded"])
    return values


def describe_errors(error: ValidationError, place: str) -> list[str]:
    """Return a sentence for each of the first errors: where, what was expected, what came."""
    count = error.error_count()
    if count > 100 * ERRORS_TOLD_MAX:
        # Writing out each of a hundred thousand errors would cost more than finding them did.
        return [f"{place}: it is wrong in {count} places"]
    details = error.errors(include_url=False, include_context=False)[:ERRORS_TOLD_MAX]
    return [_describe_error(place, detail) for detail in details]


def _describe_error(place: str, detail: Any) -> str:
    where = ".".join([place, *(str(part)[:50] for part in detail["loc"][:8])])
    if detail["type"] == "extra_forbidden":
        return f"{where}: there is no such field here"
    if detail["type"] == "missing":
        return f"{where}: it is missing"
    got = f", not {detail['input']!a:.50}" if _is_short(detail["input"]) else ""
    return f"{where}: {detail['msg']}{got}"


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float | bool | None)


def _check_parameter_type(parameter: Parameter) -> None:
    schema = parameter.describe()
    options = schema.get("anyOf", [schema])
    if not all(one.get("type") in _SCALARS or "enum" in one or "$ref" in one for one in options):
        raise TypeError(
            f"Parameter {parameter.wire_name!r} must be text, an integer, a flag, a date or one of "
            f"a list of texts, and its schema is {schema}."
        )


def _is_canonical(value: object, text: str) -> bool:
    """Tell whether `text` is a plain spelling of `value`: ``12``, and not ``+12`` or ``1_2``."""
    match value:
        case bool():
            return text in ("true", "false")
        case int():
            return _INTEGER.fullmatch(text) is not None
        case datetime():
            return INSTANT_TEXT.fullmatch(text) is not None
        case date():
            return value.isoformat() == text
        case _:
            return True
