"""An OpenAPI document of ours -> one HTML page, complete in itself: no script, no other file."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}
details{border:1px solid #8886;border-radius:6px;margin:.5rem 0;padding:.4rem .8rem}
summary{cursor:pointer} summary b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;width:100%} td,th{text-align:left;vertical-align:top;
padding:.2rem .8rem .2rem 0;border-bottom:1px solid #8883}
:root{color-scheme:light dark}
"""
_DEPTH_MAX = 3  # schemas inside schemas that are spelt out in a cell


def make_page(document: Json) -> str:
    schemas = document["components"]["schemas"]
    info = document["info"]
    tags: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            shown = _operation(method.upper(), path, operation, schemas)
            tags.setdefault(operation["tags"][0], []).append(shown)
    sections = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(listed)}'
        for tag, listed in tags.items()
    )
    title = f"{info['title']} {info['version']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f"<p>{escape(info['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{sections}</body></html>\n"
    )


def _operation(method: str, path: str, operation: Json, schemas: Json) -> str:
    rows: list[tuple[str, ...]] = [
        (item["name"], _kind(item["schema"], schemas), item["in"], _meaning(item["schema"]))
        for item in operation["parameters"]
    ]
    body = operation.get("requestBody")
    if body is not None:
        [(media_type, content)] = body["content"].items()
        schema = _resolved(content["schema"], schemas)
        rows += [
            (name, _kind(field, schemas), media_type, _meaning(field))
            for name, field in {
                **schema.get("properties", {}),
                **schema.get("patternProperties", {}),
            }.items()
        ]
    taken = _table(("field", "type", "in", ""), rows) if rows else ""
    answers = _table(
        ("status", "", "body"),
        [
            (status, answer["description"], _contents(answer["content"], schemas))
            for status, answer in operation["responses"].items()
        ],
    )
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b>{method}</b>'
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"<p>{escape(operation['description'])}</p>{taken}{answers}</details>"
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    first = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rest = "".join(
        "<tr><td><code>"
        + escape(row[0])
        + "</code></td>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{first}</tr>{rest}</table>"


def _contents(content: Json, schemas: Json) -> str:
    return "; ".join(
        _kind(kind["schema"], schemas) if "schema" in kind else media_type
        for media_type, kind in content.items()
    )


def _resolved(schema: Json, schemas: Json) -> Json:
    name = schema.get("$ref", "").rpartition("/")[2]
    return schemas[name] if name else schema


def _meaning(schema: Json) -> str:
    """The description, of what is behind a null that may be, too."""
    for one in (schema, *schema.get("anyOf", ())):
        if "description" in one:
            return str(one["description"])
    return ""


def _kind(schema: Json, schemas: Json, depth: int = 0) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema and "properties" not in schema and depth < _DEPTH_MAX:
        kinds = (_kind(one, schemas, depth + 1) for one in schema["anyOf"])
        return " | ".join(kind for kind in dict.fromkeys(kinds) if kind != "null")
    kind = schema.get("type", "anything")
    if kind == "array" and "items" in schema:
        return f"list of {_kind(schema['items'], schemas, depth + 1)}"
    return str(schema.get("format") or (" | ".join(kind) if isinstance(kind, list) else kind))
