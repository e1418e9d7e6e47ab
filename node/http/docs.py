"""The OpenAPI document as a page for people."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from node.http.page import render_inline, render_page, render_prose

Json = dict[str, Any]


def render_docs(document: Json) -> str:
    """Return the page of an OpenAPI 3.1 document: every operation and every type."""
    operations = [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]
    schemas = document["components"]["schemas"]
    types = {name: one for name, one in schemas.items() if not name.endswith("Problem")}
    problems = {name: one for name, one in schemas.items() if name.endswith("Problem")}
    info = document["info"]
    return render_page(
        info["title"],
        "\n".join(
            [
                render_prose(info["description"]),
                f"<p>Version {escape(info['version'])}. For programs: "
                '<a href="/api/v1/openapi.json">the OpenAPI document</a>.</p>',
                _render_contents(operations),
                "<h2>Operations</h2>",
                *(_render_operation(*one) for one in operations),
                '<h2 id="types">Types</h2>',
                *(_render_type(name, one) for name, one in types.items()),
                '<h2 id="problems">Problems</h2>',
                render_prose(
                    "An answer that is an error has the type `application/problem+json` "
                    "(RFC 9457). Programs go by its `code`."
                ),
                *(_render_type(name, one) for name, one in problems.items()),
            ]
        ),
    )


def _render_contents(operations: list[tuple[str, str, Json]]) -> str:
    items = [
        f'<li><a href="#{operation["operationId"]}">{escape(operation["summary"])}</a> '
        f"<code>{method} {escape(path)}</code></li>"
        for method, path, operation in operations
    ]
    last = '<li><a href="#types">Types</a></li><li><a href="#problems">Problems</a></li>'
    return f'<nav aria-label="Contents"><ul>{"".join(items)}{last}</ul></nav>'


def _render_operation(method: str, path: str, operation: Json) -> str:
    parts = [
        f'<h3 id="{operation["operationId"]}">{escape(operation["summary"])}</h3>',
        f'<p><code><span class="method">{method}</span> {escape(path)}</code></p>',
        render_prose(operation.get("description", "")),
        _render_security(operation.get("security", [])),
    ]
    if "parameters" in operation:
        rows = [
            [
                f"<code>{escape(one['name'])}</code>",
                one["in"],
                _render_schema(one["schema"]),
                "required" if one["required"] else "optional",
                render_inline(one.get("description", "")),
            ]
            for one in operation["parameters"]
        ]
        heads = ["Name", "In", "Type", "Needed", "What it is"]
        parts.append(_render_table("Parameters", heads, rows))
    if "requestBody" in operation:
        parts.append("<h4>Body</h4>")
        parts.append(_render_content(operation["requestBody"]["content"]))
    parts.append("<h4>Answers</h4>")
    rows = [
        [f"{status} {escape(response['description'])}", _render_content(response.get("content"))]
        for status, response in operation["responses"].items()
    ]
    parts.append(_render_table("", ["Status", "Content"], rows))
    return "\n".join(part for part in parts if part)


def _render_security(security: list[Json]) -> str:
    if not security:
        return ""
    may = "may" if {} in security else "must"
    return f"<p>The caller {may} be signed in: <code>Authorization: Bearer</code>.</p>"


def _render_content(content: Json | None) -> str:
    if not content:
        return "nothing"
    lines = [
        f"<code>{escape(media_type)}</code>: {_render_schema(one.get('schema', {}))}"
        for media_type, one in content.items()
    ]
    return "<br>".join(lines)


def _render_type(name: str, schema: Json) -> str:
    parts = [
        f'<h3 id="type-{escape(name)}">{escape(name)}</h3>',
        render_prose(schema.get("description", "")),
    ]
    if "properties" in schema:
        required = schema.get("required", [])
        rows = [
            [
                f"<code>{escape(field)}</code>",
                _render_schema(one),
                "always" if field in required else "optional",
                render_inline(one.get("description", "")),
            ]
            for field, one in schema["properties"].items()
        ]
        parts.append(_render_table("", ["Field", "Type", "There", "What it is"], rows))
    else:
        parts.append(f"<p>{_render_schema(schema)}</p>")
    for example in schema.get("examples", []):
        text = escape(json.dumps(example, indent=2, ensure_ascii=False))
        parts.append(f'<h4>Example</h4>\n<pre tabindex="0">{text}</pre>')
    return "\n".join(parts)


def _render_schema(schema: Json) -> str:
    """Return a type in words: ``list of Account``, ``integer, at least 1``."""
    match schema:
        case {"$ref": reference}:
            name = escape(reference.rpartition("/")[2])
            return f'<a href="#type-{name}">{name}</a>'
        case {"const": value}:
            return f"<code>{escape(json.dumps(value))}</code>"
        case {"enum": values}:
            return " or ".join(f"<code>{escape(json.dumps(one))}</code>" for one in values)
        case {"anyOf": options} | {"oneOf": options}:
            return " or ".join(map(_render_schema, options))
        case {"type": "array"}:
            kind = f"list of {_render_schema(schema.get('items', {}))}"
        case {"type": "null"}:
            kind = "nothing (null)"
        case {"type": kind}:
            kind = "text" if kind == "string" else str(kind)
        case _:
            kind = "anything"
    return ", ".join([kind, *_render_bounds(schema)])


_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "format": "as {}",
    "contentEncoding": "{}",
    "pattern": "matching <code>{}</code>",
    "default": "{} unless given",
}


def _render_bounds(schema: Json) -> list[str]:
    return [text.format(escape(str(schema[key]))) for key, text in _BOUNDS.items() if key in schema]


def _render_table(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{one}</td>" for one in rest)}</tr>'
        for first, *rest in rows
    )
    title = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="scroll" tabindex="0"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
