"""How files of other systems are read: fields that are not known are passed over, and a wrong one is told with its place, the
format, and what was expected. And how what they have without a name of its own gets one that is the same every time."""

import hashlib
import json
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from api.wire.bundle import SPEAKER_CHARACTERS_MAX, Content, FactLine, SourceLine
from core.errors import Invalid

T = TypeVar("T")

NAME_CHARACTERS_MAX = 128
# A note is one row, and the default model reads 256 tokens of it.
NOTE_CHARACTERS_MAX = 800
# Kept on purpose by a model, but nobody's own word.
TRUST = 2

Kind = Literal["sessions", "messages", "facts", "lines"]

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._@-]+")
_KEY = re.compile(r"[^A-Za-z0-9_.-]+")
_BREAKS = ("\n\n", "\n", ". ", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A shape of another system."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """For whom a file is read. `source_user` is who of the file's users is meant; `session` where messages go
    that name none."""

    user: str
    source_user: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A line of a bundle with the place that it was made from, or why there is none."""

    at: str
    kind: Kind
    line: Content | None = None
    flaw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file as JSON. `lines` are the numbers of its lines where it was one value to a line; `broken` those that are none."""

    value: object
    lines: tuple[int, ...] | None = None
    broken: tuple[Found, ...] = ()

    def at(self, place: int) -> str:
        """Where item number `place` of the whole stands."""
        return f"/{place}" if self.lines is None else f"line {self.lines[place]}"


class Form(Generic[T]):
    """A foreign shape with its one adapter."""

    def __init__(self, format_: str, kind: type[T]) -> None:
        self._format = format_
        self._kind = kind

    @cached_property
    def _adapter(self) -> TypeAdapter[T]:
        return TypeAdapter(self._kind)

    def read(self, value: object, at: str) -> T:
        """Invalid naming the first wrong field."""
        try:
            return self._adapter.validate_python(value)
        except ValidationError as flaws:
            first = flaws.errors(include_url=False, include_input=False)[0]
            place = "".join(f"/{part}" for part in first["loc"])
            raise wrong(self._format, f"{at}{place}", first["msg"]) from None


def wrong(format_: str, at: str, expected: str) -> Invalid:
    return Invalid("memory.foreign_shape", f"this is no {format_} export: {at or 'the whole'}: {expected}")


def parsed(raw: bytes) -> Document:
    """One JSON value, or one to a line. Programs of Windows put a mark before it."""
    raw = raw.removeprefix(BOM_UTF8)
    try:
        return Document(value=from_json(raw, allow_inf_nan=False))
    except ValueError as flaw:
        rows = [(number, line) for number, line in enumerate(raw.splitlines(), start=1) if line.strip()]
        if len(rows) < 2:
            raise Invalid("request.invalid_json", f"the body is no valid JSON: {flaw}") from None
    values: list[object] = []
    lines: list[int] = []
    broken: list[Found] = []
    for number, line in rows:
        try:
            values.append(from_json(line, allow_inf_nan=False))
            lines.append(number)
        except ValueError as flaw:
            broken.append(Found(at=f"line {number}", kind="lines", flaw=f"is no valid JSON: {flaw}"))
    if not values:
        raise Invalid("request.invalid_json", f"the body is no valid JSON: {broken[0].at} {broken[0].flaw}")
    return Document(value=values, lines=tuple(lines), broken=tuple(broken))


def mapping(value: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else None


def sequence(value: object) -> Sequence[object] | None:
    return cast("Sequence[object]", value) if isinstance(value, list) else None


def moment(value: object) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, or ISO 8601, in UTC where it says no zone. None is none; never now."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            at = datetime.fromisoformat(value)
            return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise wrong_time(value)
        seconds = float(value)
        for _ in range(3):
            if abs(seconds) >= 1e11:  # as seconds the year 5138, as milliseconds 1973
                seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise wrong_time(value) from None


def wrong_time(value: object) -> ValueError:
    return ValueError(f"{str(value)[:60]!r} is no time; expected ISO 8601, or seconds or milliseconds since 1970")


def session_name(text: str) -> str:
    """A session's id of any text; the same every time, and another for another."""
    name = _NOT_IN_NAMES.sub("-", text)
    return name if name == text and len(name) <= NAME_CHARACTERS_MAX else f"{name[:100]}-{digest(text)[:10]}"


def message_name(text: str) -> str:
    """A message's id likewise."""
    fits = 1 <= len(text) <= NAME_CHARACTERS_MAX and text.isprintable() and not text.startswith("msg_")
    return text if fits else f"id-{digest(text)[:24]}"


def speaker_name(text: str | None) -> str | None:
    return (text or "").replace("\0", "")[:SPEAKER_CHARACTERS_MAX].strip() or None


def digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Repeats:
    """Tells equal things apart by how often they came before."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def name(self, *parts: object) -> str:
        said = digest(*parts)
        self._seen[said] += 1
        return digest(said, self._seen[said])[:24]


def flat(raw: Mapping[str, object] | None, **more: object) -> dict[str, object]:
    """Metadata as ours may be: what is nested becomes JSON as text, null is left out, keys keep what keys may hold."""
    found: dict[str, object] = {}
    for key, value in {**(raw or {}), **more}.items():
        if value in (None, "", []):
            continue
        name = _KEY.sub("_", key)[:NAME_CHARACTERS_MAX]
        name = name if name[:1].isalpha() or name.startswith("_") else f"_{name}"
        items = sequence(value)
        plain = isinstance(value, str | int | float | bool) or (items is not None and all(map(_scalar, items)))
        found[f"x.{name}" if name.startswith(("doc.", "mem.")) else name] = (
            value if plain else json.dumps(value, ensure_ascii=False)
        )
    return found


def note(
    reading: Reading, text: str, *, id_: str, at: datetime | None, metadata: Mapping[str, Any], agent: str | None = None
) -> FactLine:
    """Something kept of the user, in its own words."""
    return FactLine(
        id=id_,
        text=text,
        entity=reading.user[:200],
        attribute="note",
        value=text,
        fact_kind="note",
        cardinality="many",
        sources=(SourceLine(type="caller", id=id_, trust=TRUST, at=at),),
        agent_id=agent,
        metadata=metadata,
    )


def pieces(text: str) -> list[str]:
    """A text in parts that are short enough for a note, cut where a reader would."""
    text = text.strip()
    found: list[str] = []
    while len(text) > NOTE_CHARACTERS_MAX:
        cuts = (text.rfind(mark, NOTE_CHARACTERS_MAX // 2, NOTE_CHARACTERS_MAX) for mark in _BREAKS)
        cut = next((cut + 1 for cut in cuts if cut > 0), NOTE_CHARACTERS_MAX)
        found.append(text[:cut].strip())
        text = text[cut:].strip()
    return [*found, text] if text else found


def chosen(format_: str, reading: Reading, users: set[str]) -> str | None:
    """Which of the file's users is meant, None when it names none. Invalid when that is not clear."""
    if reading.source_user is not None:
        if users and reading.source_user not in users:
            raise Invalid("memory.foreign_user", f"the file has nothing of {reading.source_user!r}; it names {_some(users)}")
        return reading.source_user
    if len(users) > 1:
        raise Invalid(
            "memory.foreign_user",
            f"the {format_} file is of {len(users)} users ({_some(users)}); say with source_user which of them "
            f"is {reading.user!r} here",
        )
    return next(iter(users), None)


def _some(users: set[str]) -> str:
    named = ", ".join(repr(one[:60]) for one in sorted(users)[:5])
    return named + (", …" if len(users) > 5 else "")


def _scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
