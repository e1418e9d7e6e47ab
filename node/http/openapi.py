"""The OpenAPI 3.1 document, from the same hints that validate."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from ledger.errors import TallystickError
from node import errors
from node.http.endpoint import Endpoint
from node.http.problem import PROBLEM_JSON, find_status, problem_schema

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ApiInfo:
    """What the document says of the API as a whole. ``servers`` are base addresses."""

    title: str
    version: str
    description: str
    servers: tuple[str, ...] = ()


class _PlainSchema(GenerateJsonSchema):
    """Without a title on each field, which only repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def check_names(endpoints: Iterable[Endpoint]) -> None:
    """Raise ValueError where two have one operationId, which is the handler's name."""
    counted = Counter(one.operation for one in endpoints if one.documented)
    for name, count in counted.items():
        if count > 1:
            raise ValueError(f"Two endpoints have a handler named {name}; rename one.")


def describe_api(
    endpoints: Sequence[Endpoint],
    info: ApiInfo,
    problems: Mapping[type[TallystickError], int],
    session_errors: Sequence[type[TallystickError]] = (),
) -> Json:
    """Return the OpenAPI 3.1.1 document of the documented endpoints."""
    documented = [one for one in endpoints if one.documented]
    schemas = _Schemas(documented)
    paths: dict[str, Json] = defaultdict(dict)
    raised: set[type[TallystickError]] = set()
    for one in documented:
        operation_errors = [*_edge_errors(one, session_errors), *one.raises]
        raised.update(operation_errors)
        path = one.path.replace("...}", "}")
        paths[path][one.method.lower()] = _describe_operation(
            one, schemas, _group(operation_errors, problems)
        )
    problem_schemas = {_problem_name(one): problem_schema(one, problems) for one in raised}
    components: Json = {"schemas": dict(sorted({**schemas.shared, **problem_schemas}.items()))}
    if any(one.signature.session for one in documented):
        components["securitySchemes"] = {"session": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.1",
        "info": {"title": info.title, "version": info.version, "description": info.description},
        "servers": [{"url": url} for url in info.servers] or [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(t for o in documented for t in o.tags)],
        "paths": dict(paths),
        "components": components,
    }


class _Schemas:
    """The JSON Schemas of all bodies and answers, with the models they share set apart."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = []
        for one in endpoints:
            for mode, status, types in _every_content(one):
                inputs += [
                    ((one.operation, status, media_type), mode, TypeAdapter(hint))
                    for media_type, hint in types.items()
                    if hint not in (str, bytes)
                ]
        found, definitions = TypeAdapter.json_schemas(
            inputs, ref_template="#/components/schemas/{model}", schema_generator=_PlainSchema
        )
        self._found = found
        self.shared: Json = definitions.get("$defs", {})

    def content(
        self, one: Endpoint, mode: JsonSchemaMode, types: Mapping[str, Any], status: int | None
    ) -> Json:
        """Return the media type objects of a body or an answer (OpenAPI 3.1 section 4.8.14)."""
        content: Json = {}
        for media_type, hint in types.items():
            if hint is bytes:
                content[media_type] = {}
            elif hint is str:
                content[media_type] = {"schema": {"type": "string"}}
            else:
                schema = self._found[(one.operation, status, media_type), mode]
                content[media_type] = {"schema": schema}
        return content


def _every_content(
    one: Endpoint,
) -> Iterator[tuple[JsonSchemaMode, int | None, Mapping[str, Any]]]:
    yield "validation", None, one.accepts
    yield "serialization", None, one.produces
    for status, types in one.others.items():
        yield "serialization", status, types


def _describe_operation(
    one: Endpoint, schemas: _Schemas, problems: Mapping[int, list[type[TallystickError]]]
) -> Json:
    summary, _, description = one.documentation.partition("\n\n")
    responses: Json = {str(one.status): {"description": HTTPStatus(one.status).phrase}}
    if one.produces:
        content = schemas.content(one, "serialization", one.produces, None)
        responses[str(one.status)]["content"] = content
    for status, types in one.others.items():
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": schemas.content(one, "serialization", types, status),
        }
    for status, errors_of_status in sorted(problems.items()):
        _add_problems(responses.setdefault(str(status), {}), status, errors_of_status)
    operation: Json = {
        "operationId": one.operation,
        "summary": " ".join(summary.split()).rstrip("."),
        "description": description,
        "tags": list(one.tags),
        "parameters": one.signature.path.describe() + one.signature.query.describe(),
        "responses": responses,
    }
    if one.signature.body is not None:
        content = schemas.content(one, "validation", one.accepts, None)
        required = one.signature.body.is_required
        operation["requestBody"] = {"required": required, "content": content}
    if one.signature.session is not None:
        anonymous: list[Json] = [{}] if one.signature.session == "optional" else []
        operation["security"] = [*anonymous, {"session": []}]
    return {name: value for name, value in operation.items() if value not in ("", [])}


def _add_problems(response: Json, status: int, errors_: list[type[TallystickError]]) -> None:
    response.setdefault("description", HTTPStatus(status).phrase)
    references = [{"$ref": f"#/components/schemas/{_problem_name(one)}"} for one in errors_]
    schema = references[0] if len(references) == 1 else {"oneOf": references}
    response.setdefault("content", {})[PROBLEM_JSON] = {"schema": schema}


def _edge_errors(
    one: Endpoint, session_errors: Sequence[type[TallystickError]]
) -> list[type[TallystickError]]:
    """Return what the edge itself may answer before the handler runs."""
    found: list[type[TallystickError]] = [
        errors.HttpMalformed,
        errors.HeadersTooLarge,
        errors.RequestInvalid,
        errors.Overloaded,
        errors.InternalError,
    ]
    if "{" in one.path:
        found.append(errors.PathUnknown)
    if one.signature.session is not None:
        found += [errors.SessionMissing, *session_errors]
    if one.signature.body is not None:
        found += [
            errors.ContentEncodingRefused,
            errors.MediaTypeUnsupported,
            errors.BodyTooLarge,
            errors.BodyTooSlow,
        ]
        if one.signature.body.hint is not bytes:
            found.append(errors.JsonInvalid)
    return found


def _group(
    found: Iterable[type[TallystickError]], table: Mapping[type[TallystickError], int]
) -> dict[int, list[type[TallystickError]]]:
    by_status: dict[int, list[type[TallystickError]]] = defaultdict(list)
    for error in dict.fromkeys(found):
        by_status[find_status(error, table)].append(error)
    return by_status


def _problem_name(error: type[TallystickError]) -> str:
    return re.sub(r"Problem$", "", error.__name__) + "Problem"
