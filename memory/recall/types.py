"""What callers ask of recall and what it answers. Wire types are made from these in api/wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from core.ids import SessionId
from memory.recall.scoring import Signals
from storage.memory_rows import Subject

ALL_TYPES = (Subject.MESSAGE, Subject.FACT, Subject.SUMMARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Which times an answer may be from. `since` and `until` bound when things were said (`[since, until)`); `as_of` is the
    moment that the question is asked of: nothing later counts, and facts are those that held then; `as_known_at` shows what
    had been written down by then.
    """

    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    as_known_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRequest:
    """One question to the memory of one user, whom the caller acts for. `filter` is the raw JSON tree, on the metadata of
    what was said; `minimum` cuts by a named signal (`dense`, `keyword`).
    """

    query: str
    session: SessionId | None = None
    agent: str | None = None
    k: int = 10
    types: tuple[Subject, ...] = ALL_TYPES
    filter: object | None = None
    moments: Moments = field(default_factory=Moments)
    neighbors: bool = False
    superseded: bool = False
    quarantined: bool = False
    minimum: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    min_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a memory rests on: a message by its public id (the client's where it gave one), a document, or a caller's word."""

    type: str
    id: str
    session: SessionId | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A message next to a hit, at most the beginning of it."""

    message_id: str
    role: str
    speaker: str | None
    text: str
    span: tuple[int, int]
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What a fact took the place of: it held in `[valid_from, valid_to)`."""

    id: str
    text: str
    valid_from: datetime | None
    valid_to: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """One memory, with all that led to it. `text` is the part of a message that was found, at `span` of its content; a
    fact's or a summary's own text, `version` a fact's revision. `message_id`, `role`, `speaker` are a message's, and so is
    `spot`, its session's row and its number in there.
    """

    id: str
    type: Subject
    text: str
    score: float
    rank: int
    signals: Signals
    sources: tuple[Source, ...]
    status: str
    trust: int
    recorded_at: datetime
    session: SessionId | None = None
    agent: str | None = None
    message_id: str | None = None
    role: str | None = None
    speaker: str | None = None
    span: tuple[int, int] | None = None
    occurred_at: datetime | None = None
    occurred_kind: str | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    superseded_by: str | None = None
    version: int | None = None
    labels: tuple[str, ...] = ()
    history: tuple[Former, ...] = ()
    spot: tuple[int, int] | None = None
    before: tuple[Beside, ...] = ()
    after: tuple[Beside, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The answer. `answerable` estimates how likely the evidence is among the results; None when an arm was missing."""

    results: tuple[Memo, ...]
    answerable: float | None
    degraded: tuple[str, ...]
    indexed_offset: int
    timings_ms: Mapping[str, float]
