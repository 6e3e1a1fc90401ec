"""/docs: openapi.json as one readable page, without a script and without a network. Nothing is described here itself."""

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "h2{margin-top:2.5rem;border-bottom:1px solid #ddd}summary{cursor:pointer}"
    "details{margin:.5rem 0;border:1px solid #ddd;border-radius:6px;padding:.5rem .8rem}"
    "code{background:#f4f4f4;padding:0 .2em}pre{background:#f4f4f4;padding:.8rem;overflow:auto;border-radius:6px}"
    ".m{display:inline-block;min-width:4.2em;font-weight:600}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.15rem .8rem .15rem 0}"
)


def make_docs(document: Json) -> bytes:
    """The page."""
    info = document["info"]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{_text(info['title'])} {_text(info['version'])}</title><style>{_STYLE}</style>",
        f"<h1>{_text(info['title'])} {_text(info['version'])}</h1><p>{_prose(info['description'])}</p>",
        "<p>The same for machines: <a href=/openapi.json>openapi.json</a>.</p>",
    ]
    for tag in document["tags"]:
        parts.append(f"<h2>{_text(tag['name'])}</h2>")
        parts.extend(_operations(document, tag["name"]))
    return "".join(parts).encode()


def _operations(document: Json, tag: str) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield _operation(method, path, operation)


def _operation(method: str, path: str, operation: Json) -> str:
    head = f"<summary><span class=m>{method.upper()}</span> <code>{_text(path)}</code> {_text(operation['summary'])}</summary>"
    body = [f"<p>{_prose(operation.get('description', ''))}</p>", _parameters(operation.get("parameters", ()))]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        body.append(f"<h4>Request <code>{_text(media_type)}</code></h4>{_example(content)}")
    for status, response in operation["responses"].items():
        body.append(f"<h4>{_text(status)} {_text(response['description'])}</h4>")
        body.extend(_example(content) for content in response["content"].values())
    return f"<details>{head}{''.join(body)}</details>"


def _parameters(parameters: list[Json]) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(one['name'])}</code><td>{_text(one['in'])}<td>{'required' if one.get('required') else ''}"
        f"<td>{_text(one.get('description', ''))}"
        for one in parameters
    )
    return f"<table>{rows}</table>" if rows else ""


def _example(content: Json) -> str:
    if "example" in content:
        return f"<pre>{_json(content['example'])}</pre>"
    if "examples" in content:
        listed = (
            f"<li><code>{_text(code)}</code>: {_text(one['value']['detail'])}" for code, one in content["examples"].items()
        )
        return f"<ul>{''.join(listed)}</ul>"
    return f"<pre>{_json(content['schema'])}</pre>"


def _json(value: object) -> str:
    return _text(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False))


def _prose(text: str) -> str:
    pieces = _text(text).split("`")
    return "".join(piece if at % 2 == 0 else f"<code>{piece}</code>" for at, piece in enumerate(pieces))


def _text(text: str) -> str:
    return html.escape(str(text))
