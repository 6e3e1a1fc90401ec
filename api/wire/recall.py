"""Recall on the wire: the question to a user's memory, and the memories with what led to them. What is not built is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.indexes import Name
from api.wire.schema import Moment, Wire
from core.errors import FieldError, Invalid
from core.ids import SessionId
from memory.recall.types import ALL_TYPES, Beside, Memo, Moments, Recalled, RecallRequest
from storage.memory_rows import Subject

TypeName = Literal["message", "fact", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentsIn(Wire):
    """`from` and `to` bound when things were said, `to` exclusive; `as_of` is the moment that the question is asked of;
    `as_known_at` shows what had been written down by then."""

    since: Annotated[Moment | None, Field(alias="from")] = None
    until: Annotated[Moment | None, Field(alias="to")] = None
    as_of: Moment | None = None
    as_known_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallIn(Wire):
    """One question. `user_id` absent is the caller's own memory; `session_id` and `agent_id` narrow it."""

    query: str
    user_id: Name | None = None
    agent_id: Name | None = None
    session_id: Name | None = None
    k: int = 10
    types: tuple[TypeName, ...] | None = None
    filter: dict[str, object] | None = None
    time: MomentsIn | None = None
    include: tuple[Literal["neighbors", "superseded", "quarantined"], ...] = ()
    rerank: Literal["auto", "on", "off"] = "auto"
    min: dict[Literal["dense", "keyword"], float] | None = None
    min_offset: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSignals(Wire):
    """How a memory came to its place: the arms of its best row and their fusion, then what was added to it. `score` is the
    sum of `fused` and all after it."""

    dense: float | None
    dense_rank: int | None
    keyword: float | None
    keyword_rank: int | None
    fused: float
    neighbors: float
    speaker: float
    period: float
    recency: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallSource(Wire):
    """What a memory rests on. `id` is a message's, the client's own where it gave one."""

    type: str
    id: str
    session_id: str | None
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideOut(Wire):
    """A message next to a result; of a long one, the beginning."""

    message_id: str
    role: str
    speaker: str | None
    text: str
    span: tuple[int, int]
    occurred_at: AwareDatetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BesidesOut(Wire):
    """The messages around a result, in their order."""

    before: tuple[BesideOut, ...]
    after: tuple[BesideOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerOut(Wire):
    """What a fact took the place of: it held in `[valid_from, valid_to)`."""

    id: str
    text: str
    valid_from: AwareDatetime | None
    valid_to: AwareDatetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOut(Wire):
    """One memory. `text` is the part that was found, at `span` of the message `message_id`; a fact or a summary has its own.
    `version` is a fact's, to name it as the source of a cached answer;
    `history` is what a fact that holds now took the place of, the latest first."""

    id: str
    type: TypeName
    text: str
    role: str | None
    speaker: str | None
    session_id: str | None
    agent_id: str | None
    message_id: str | None
    span: tuple[int, int] | None
    occurred_at: AwareDatetime | None
    occurred_kind: str | None
    recorded_at: AwareDatetime
    valid_from: AwareDatetime | None
    valid_to: AwareDatetime | None
    status: str
    superseded_by: str | None
    version: int | None
    trust: int
    labels: tuple[str, ...]
    history: tuple[FormerOut, ...]
    sources: tuple[RecallSource, ...]
    score: float
    rank: int
    signals: RecallSignals
    neighbors: BesidesOut


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOut(Wire):
    """The answer. `answerable` estimates, from 0 to 1, how likely the results hold the evidence; null when an arm was
    missing."""

    results: tuple[MemoryOut, ...]
    answerable: float | None
    degraded: tuple[str, ...]
    indexed_offset: int
    timings_ms: Mapping[str, float]
    request_id: str


def recall_request(body: RecallIn) -> RecallRequest:
    """What the memory room takes, or Invalid for what this version cannot do."""
    if body.rerank == "on":
        detail = "no reranker is set up; use 'auto' or 'off'"
        raise Invalid("search.no_reranker", f"rerank: {detail}", errors=(FieldError(pointer="/rerank", detail=detail),))
    return RecallRequest(
        query=body.query,
        session=None if body.session_id is None else SessionId(body.session_id),
        agent=body.agent_id,
        k=body.k,
        types=ALL_TYPES if body.types is None else tuple(dict.fromkeys(Subject[one.upper()] for one in body.types)),
        filter=body.filter,
        moments=_moments(body.time or MomentsIn()),
        neighbors="neighbors" in body.include,
        superseded="superseded" in body.include,
        quarantined="quarantined" in body.include,
        minimum={} if body.min is None else {str(name): value for name, value in body.min.items()},
        min_offset=body.min_offset,
    )


def recall_out(answer: Recalled, request_id: str) -> RecallOut:
    return RecallOut(
        results=tuple(map(_memory, answer.results)),
        answerable=answer.answerable,
        degraded=answer.degraded,
        indexed_offset=answer.indexed_offset,
        timings_ms=answer.timings_ms,
        request_id=request_id,
    )


def _moments(given: MomentsIn) -> Moments:
    return Moments(
        since=_utc(given.since), until=_utc(given.until), as_of=_utc(given.as_of), as_known_at=_utc(given.as_known_at)
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _memory(one: Memo) -> MemoryOut:
    return MemoryOut(
        id=one.id,
        type=_TYPES[one.type],
        text=one.text,
        role=one.role,
        speaker=one.speaker,
        session_id=one.session,
        agent_id=one.agent,
        message_id=one.message_id,
        span=one.span,
        occurred_at=one.occurred_at,
        occurred_kind=one.occurred_kind,
        recorded_at=one.recorded_at,
        valid_from=one.valid_from,
        valid_to=one.valid_to,
        status=one.status,
        superseded_by=one.superseded_by,
        version=one.version,
        trust=one.trust,
        labels=one.labels,
        history=tuple(
            FormerOut(id=was.id, text=was.text, valid_from=was.valid_from, valid_to=was.valid_to) for was in one.history
        ),
        sources=tuple(
            RecallSource(type=source.type, id=source.id, session_id=source.session, span=source.span) for source in one.sources
        ),
        score=one.score,
        rank=one.rank,
        signals=_signals(one),
        neighbors=BesidesOut(before=tuple(map(_beside, one.before)), after=tuple(map(_beside, one.after))),
    )


_TYPES: Mapping[Subject, TypeName] = {Subject.MESSAGE: "message", Subject.FACT: "fact", Subject.SUMMARY: "summary"}


def _signals(one: Memo) -> RecallSignals:
    signals = one.signals
    return RecallSignals(
        dense=signals.dense,
        dense_rank=signals.dense_rank,
        keyword=signals.keyword,
        keyword_rank=signals.keyword_rank,
        fused=signals.fused,
        neighbors=signals.neighbors,
        speaker=signals.speaker,
        period=signals.period,
        recency=signals.recency,
    )


def _beside(one: Beside) -> BesideOut:
    return BesideOut(
        message_id=one.message_id,
        role=one.role,
        speaker=one.speaker,
        text=one.text,
        span=one.span,
        occurred_at=one.occurred_at,
    )
