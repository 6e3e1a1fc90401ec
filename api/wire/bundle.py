"""The lines of a bundle, one JSON object each: how a memory is written down to be moved. What other systems write is made into
the same lines in api/foreign. The command reads this too, so nothing here needs a store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from api.wire.schema import METADATA_SCHEMA, NO_NUL, Moment, Shape, Wire

FORMAT = "mnemic.memory"
VERSION = 1
SPEAKER_CHARACTERS_MAX = 200
SOURCES_MAX = 10_000

Name = Annotated[str, Field(min_length=1, max_length=128)]
Metadata = Annotated[Mapping[str, object], METADATA_SCHEMA]
Trust = Annotated[int, Field(ge=0, le=4)]
Role = Literal["user", "assistant", "system", "tool"]
# What somebody decided. What scanners find is looked for anew where a message comes in.
Flag = Literal["expired", "rejected", "redacted", "released"]
Hex = Annotated[str, Field(pattern="^([0-9a-f]{2}){16,64}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderLine(Wire):
    """The first line. `origin` names the memory that it is from, whose numbers mean nothing elsewhere; `learned`: the facts
    that its messages teach are in it, so that they are not read again."""

    kind: Literal["header"] = "header"
    format: Literal["mnemic.memory"] = FORMAT
    version: Literal[1] = VERSION
    exported_at: Moment | None = None
    user_id: str | None = None
    scope: Literal["user", "session"] = "user"
    origin: Annotated[str, Field(pattern="^[0-9a-f]{12}$")] | None = None
    learned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLine(Wire):
    """A session; its messages follow. Its times are told, not taken in."""

    kind: Literal["session"] = "session"
    id: Name
    agent_id: Name | None = None
    metadata: Metadata = field(default_factory=dict[str, object])
    ttl_s: int | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLine(Wire):
    """A message. `recorded_at`, `trust`, `seq` and `tokens` are told, not taken in: they are found anew."""

    kind: Literal["message"] = "message"
    session_id: Name
    id: Name
    role: Role
    content: str
    speaker: Annotated[str, Field(min_length=1, max_length=SPEAKER_CHARACTERS_MAX), NO_NUL] | None = None
    occurred_at: Moment | None = None
    occurred_kind: Literal["given", "inferred", "missing"] = "given"
    source: Annotated[str, Field(max_length=1_000), NO_NUL] | None = None
    flags: tuple[Flag, ...] = ()
    metadata: Metadata = field(default_factory=dict[str, object])
    seq: int | None = None
    trust: Trust | None = None
    tokens: int | None = None
    recorded_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLine(Wire):
    """The session is closed; behind its messages."""

    kind: Literal["close"] = "close"
    session_id: Name
    closed_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine(Wire):
    """What a fact rests on. `trust` and `at` are those of the statement that it is behind."""

    type: Literal["message", "document", "caller"]
    id: Annotated[str, Field(min_length=1, max_length=1_000), NO_NUL]
    trust: Trust
    at: Moment | None = None
    session_id: Name | None = None
    start: Annotated[int, Field(ge=0)] = 0
    end: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FactLine(Wire):
    """A fact. It is stated again for each of its sources, and the gate finds when it holds: `valid_from`, `valid_to` and what
    else it says of time are told, not taken in, and so is its history. Without entity, attribute and value its text is read."""

    kind: Literal["fact"] = "fact"
    id: Annotated[str, Field(max_length=1_000)]
    text: str
    sources: Annotated[tuple[SourceLine, ...], Field(min_length=1, max_length=SOURCES_MAX)]
    entity: str | None = None
    attribute: str | None = None
    value: str | None = None
    fact_kind: Literal["preference", "attribute", "decision", "commitment", "relation", "value", "note"] | None = None
    polarity: bool = True
    withdraws: bool = False
    cardinality: Literal["one", "many"] | None = None
    agent_id: Name | None = None
    session_id: Name | None = None
    status: Literal["active", "superseded", "challenged", "quarantined", "rejected", "expired"] = "active"
    expires_at: Moment | None = None
    importance: float | None = None
    pinned: bool = False
    metadata: Metadata = field(default_factory=dict[str, object])
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    superseded_by: str | None = None
    withdrawn: bool = False
    proofs: int | None = None
    trust: Trust | None = None
    recorded_at: datetime | None = None
    known_from: datetime | None = None
    history: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedLine(Wire):
    """Of an attribute's many values one, in whose place `by` was put at a moment; behind both of these facts."""

    kind: Literal["replaced"] = "replaced"
    entity: str
    attribute: str
    value: str
    by: str
    at: Moment | None = None
    agent_id: Name | None = None
    session_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasLine(Wire):
    """Another name, folded, of somebody or something."""

    kind: Literal["alias"] = "alias"
    name: Annotated[str, Field(min_length=1, max_length=1_000), NO_NUL]
    alias: Annotated[str, Field(min_length=1, max_length=1_000), NO_NUL]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretLine(Wire):
    """A secret behind the tombstones that follow, in hexadecimal digits."""

    kind: Literal["secret"] = "secret"
    secret: Hex


@dataclass(frozen=True, slots=True, kw_only=True)
class TombstoneLine(Wire):
    """Something that must not be written again: HMAC-SHA256 under one of the secrets."""

    kind: Literal["tombstone"] = "tombstone"
    scope: Literal["value", "triple", "source"]
    digest: Hex
    created_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailerLine(Wire):
    """The last line: how many stand before it, by kind, and SHA-256 of their bytes. Without it a bundle is not whole."""

    kind: Literal["trailer"] = "trailer"
    counts: Mapping[str, int]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


Line = Annotated[
    HeaderLine
    | SessionLine
    | MessageLine
    | CloseLine
    | FactLine
    | ReplacedLine
    | AliasLine
    | SecretLine
    | TombstoneLine
    | TrailerLine,
    Field(discriminator="kind"),
]
Content = SessionLine | MessageLine | CloseLine | FactLine | ReplacedLine | AliasLine | SecretLine | TombstoneLine
AnyLine = HeaderLine | Content | TrailerLine


class LineShape(Shape[AnyLine]):
    """Any of them, told apart by `kind`."""

    def __init__(self) -> None:
        union: Any = Line  # TypeAdapter takes a union, which is no class
        super().__init__(union)

    @property
    def name(self) -> str:
        return "BundleLine"


LINE = LineShape()
