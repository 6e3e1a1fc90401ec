"""JSON, JSON lines and notebooks: `key: value` lines with indentation, one paragraph a record. No schema is assumed."""

import json
from typing import cast

from indexing.parsing import faults
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_INDENT = "  "
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def parse(text: str, source: Source) -> ParsedDocument:
    value = _load(text, source)
    builder = TextBuilder(source.limits)
    if isinstance(value, dict) and "nbformat" in value and isinstance(value.get("cells"), list):
        _notebook(value, builder)
        return builder.build("application/x-ipynb+json")
    builder.title = _title(value)
    for record in _records(value):
        builder.paragraph(_render(record, source))
    return builder.build("application/json")


def parse_lines(text: str, source: Source) -> ParsedDocument:
    builder = TextBuilder(source.limits)
    for line in text.split("\n"):
        if line.strip():
            builder.paragraph(_record_of(line, source))
    return builder.build("application/x-ndjson")


def _load(text: str, source: Source) -> Json:
    try:
        return cast("Json", json.loads(text))
    except RecursionError as deep:
        raise faults.too_large("levels of nesting in JSON", value="more", limit=source.limits.nesting_max) from deep
    except ValueError as flaw:
        raise faults.corrupt("the JSON", type(flaw).__name__) from flaw


def _record_of(line: str, source: Source) -> str:
    try:
        return _render(cast("Json", json.loads(line)), source)
    except ValueError:
        return line  # one broken record shall not hide the others
    except RecursionError as deep:
        raise faults.too_large("levels of nesting in JSON", value="more", limit=source.limits.nesting_max) from deep


def _records(value: Json) -> list[Json]:
    """A list's items and an object's large parts stand alone, so that each can be found alone."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        flat: dict[str, Json] = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
        parts: list[Json] = [{key: item} for key, item in value.items() if isinstance(item, dict | list)]
        return [flat, *parts] if flat else parts
    return [value]


def _render(value: Json, source: Source) -> str:
    """Lines in document order, without recursion: the nesting is the sender's."""
    lines: list[str] = []
    stack: list[tuple[str, Json, int]] = [("", value, 0)]
    while stack:
        label, item, depth = stack.pop()
        if depth > source.limits.nesting_max:
            raise faults.too_large("levels of nesting in JSON", value="more", limit=source.limits.nesting_max)
        pad = _INDENT * min(depth, 10)
        if isinstance(item, dict | list) and item:
            inner = depth
            if label:
                lines.append(f"{pad}{label}:" if label != "-" else f"{pad}-")
                inner = depth + 1
            pairs = (
                [(str(key), part) for key, part in item.items()] if isinstance(item, dict) else [("-", part) for part in item]
            )
            stack += [(key, part, inner) for key, part in reversed(pairs)]
        elif item not in (None, "", [], {}):
            lines.append(f"{pad}{_labelled(label, _scalar(item))}")
    return "\n".join(lines)


def _labelled(label: str, value: str) -> str:
    return value if not label else f"- {value}" if label == "-" else f"{label}: {value}"


def _scalar(item: Json) -> str:
    return item if isinstance(item, str) else json.dumps(item)


def _title(value: Json) -> str | None:
    if not isinstance(value, dict):
        return None
    return next((item for key in ("title", "name") if isinstance(item := value.get(key), str)), None)


def _notebook(value: dict[str, Json], builder: TextBuilder) -> None:
    cells = value["cells"]
    for cell in cells if isinstance(cells, list) else []:
        if not isinstance(cell, dict):
            continue
        text = _joined(cell.get("source"))
        if cell.get("cell_type") == "code":
            builder.code(text)
        else:
            _prose(text, builder)


def _prose(text: str, builder: TextBuilder) -> None:
    for part in text.split("\n\n"):
        line = part.strip()
        if line.startswith("#") and "\n" not in line:
            builder.heading(line.lstrip("#"), len(line) - len(line.lstrip("#")))
        else:
            builder.paragraph(part)


def _joined(source: Json) -> str:
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""
