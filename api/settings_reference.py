"""Writes docs/reference/settings.md from api/settings.py: `python -m api.settings_reference`. A test holds the two together."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from api.settings import FOREIGN, PREFIX, Settings, walk

TARGET = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"
_HEAD = f"""# Settings

Environment variables, read once at the start. Nothing set is SQLite, the embedded engine and the local ONNX model, all under
`./mnemic-data`. `__` steps into a group. A name that starts with `{PREFIX}` and is not here stops the start, with the nearest
valid name named. Written by `python -m api.settings_reference`; do not edit.

| name | default | values | meaning |
| --- | --- | --- | --- |
"""
_TAIL = f"""
Read by the command line and the tests alone: {", ".join(f"`{name}`" for name in sorted(FOREIGN))}, and names that start with
`MNEMIC_TEST_`.
"""


def render() -> str:
    """The whole page."""
    return _HEAD + "".join(f"{row}\n" for row in _rows()) + _TAIL


def _rows() -> Iterator[str]:
    holders: dict[str, list[tuple[str, type[BaseModel]]]] = {}
    for name, field_name, model in walk(Settings):
        holders.setdefault(name, []).append((field_name, model))
    for name, held in holders.items():
        field = held[0][1].model_fields[held[0][0]]
        kinds = [str(model.model_fields["kind"].default) for _, model in held if "kind" in model.model_fields]
        if held[0][0] == "kind":
            yield f"| `{name}` | `{kinds[0]}` | {_either(kinds)} | which backend |"
        else:
            of_kinds = f" (of {_either(kinds)})" if kinds else ""
            yield f"| `{name}` | {_default(field)} | {_values(field)} | {field.description}{of_kinds} |"


def _either(values: Iterable[object]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _default(field: FieldInfo) -> str:
    default: Any = field.default
    if default is PydanticUndefined:
        return "required"
    if default in {None, (), ""}:
        return "none"
    return f"`{str(default).lower()}`" if isinstance(default, bool) else f"`{default}`"


def _values(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return _either(get_args(annotation))
    named = {
        bool: "`true` or `false`",
        str: "text",
        int: "whole number",
        float: "number",
        Path: "path",
        SecretStr: "secret text",
    }
    members = [member for member in (*get_args(annotation), annotation) if member in named]
    bounds = ", ".join(_bounds(field))
    kind = "paths" if get_origin(annotation) is tuple else named[members[0]]
    return f"{kind}, {bounds}" if bounds else kind


def _bounds(field: FieldInfo) -> Iterator[str]:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥"}
    for limit in field.metadata:
        for name, sign in signs.items():
            value = getattr(limit, name, None)
            if value is not None:
                yield f"{sign} {value}"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET}\n")
