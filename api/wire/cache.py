"""The cache on the wire: lookups, stores, judgements, invalidations, figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from api.wire.indexes import Name
from api.wire.schema import NO_NUL, Wire
from cache.errors import ENTRY_PREFIX, one_of
from cache.importing import Imported, ImportRequest, Item
from cache.types import (
    IMPORT_MAX,
    Cost,
    Found,
    LookupRequest,
    Question,
    Scope,
    Stored,
    StoreRequest,
)
from cache.upkeep import Invalidated, Judgement, Target
from core.ids import row_name, row_number
from storage.cache_records import SourceName, SourceStanding

Text = Annotated[str, NO_NUL]
ModeName = Literal["off", "shadow", "verified", "static"]
ScopeName = Literal["private", "group", "tenant"]
Request = Annotated[Mapping[str, object], WithJsonSchema({"type": "object", "description": "all that shapes the answer"})]
Answer = Annotated[object, WithJsonSchema({"description": "any JSON but null"})]
SourceType = Literal["document", "message", "fact", "summary"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIn(Wire):
    """What an answer rests on. A document is named by `index` and `id`, or by `id` alone: as `index/document`, or as it
    is called where only one index has it."""

    type: SourceType
    id: Annotated[str, Field(min_length=1, max_length=700), NO_NUL]
    version: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    index: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CostIn(Wire):
    """What an answer cost; a hit saves it."""

    tokens_in: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    tokens_out: Annotated[int, Field(ge=0, le=1 << 40)] = 0
    usd: Annotated[float, Field(ge=0, le=1e9)] | None = None
    latency_ms: Annotated[float, Field(ge=0, le=1e12)] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupIn(Wire):
    """A question. `request` is all that shapes the answer besides it: model, system prompt, tools, sampling, history."""

    query: Text
    namespace: Name = "default"
    request: Request = field(default_factory=dict[str, object])
    scope: ScopeName = "private"
    group: Text | None = None
    user_id: Name | None = None
    wrong_rate_max: float | None = None
    no_store: bool = False
    lease_s: float = 30.0
    wait_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOut(Wire):
    """A source of the answer, as it is now."""

    type: SourceType
    id: str
    index: str | None
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupOut(Wire):
    """What became of a lookup. `wrong_rate_upper` bounds P(wrong | semantic hit) with 95 % confidence; null: no guarantee."""

    status: Literal["hit", "miss", "audit", "pending", "bypass"]
    tier: Literal["exact", "normalized", "semantic"] | None
    response: Answer
    entry_id: str | None
    similarity: float | None
    score: float | None
    threshold: float | None
    wrong_rate_upper: float | None
    guards: tuple[str, ...]
    age_s: float | None
    sources: tuple[SourceOut, ...]
    lease: str | None
    lookup_id: str
    reason: str | None
    indexed_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreIn(Wire):
    """An answer to keep, for exactly the question and request that were looked up."""

    query: Text
    response: Answer
    namespace: Name = "default"
    request: Request = field(default_factory=dict[str, object])
    scope: ScopeName = "private"
    group: Text | None = None
    user_id: Name | None = None
    sources: tuple[SourceIn, ...] = ()
    tags: tuple[Annotated[str, Field(min_length=1, max_length=128), NO_NUL], ...] = ()
    lease: str | None = None
    lookup_id: str | None = None
    ttl_s: int | None = None
    equals_cached: bool | None = None
    cost: CostIn = field(default_factory=CostIn)
    no_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOut(Wire):
    """What became of a store. `reason` says why nothing was kept."""

    entry_id: str | None
    stored: bool
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemIn(Wire):
    """A question with its answer. Items of one `answer` are one answer, known to differ from the others."""

    query: Text
    response: Answer
    sources: tuple[SourceIn, ...] = ()
    tags: tuple[Annotated[str, Field(min_length=1, max_length=128), NO_NUL], ...] = ()
    answer: Annotated[str, Field(min_length=1, max_length=200), NO_NUL] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportIn(Wire):
    """Questions and answers to begin with."""

    items: Annotated[tuple[ItemIn, ...], Field(min_length=1, max_length=IMPORT_MAX)]
    namespace: Name = "default"
    request: Request = field(default_factory=dict[str, object])
    scope: ScopeName = "private"
    group: Text | None = None
    user_id: Name | None = None
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOut(Wire):
    """What became of each item, in order."""

    stored: int
    results: tuple[StoreOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackIn(Wire):
    """Whether an answer of the cache was right; one of `lookup_id` and `entry_id`."""

    correct: bool
    lookup_id: str | None = None
    entry_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackOut(Wire):
    """`counted` is false where the same was judged before."""

    entry_id: str
    counted: bool
    quarantined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIn(Wire):
    """What to invalidate by; exactly one."""

    source: SourceIn | None = None
    tag: Text | None = None
    namespace: Name | None = None
    query: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidateIn(Wire):
    """Entries to take out. `namespace` limits the others to one."""

    by: ByIn
    namespace: Name | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidateOut(Wire):
    """How many entries were meant, and how many are gone."""

    matched: int
    removed: int
    dry_run: bool


def lookup_request(body: LookupIn) -> LookupRequest:
    return LookupRequest(
        question=_question(body), wrong_rate_max=body.wrong_rate_max, lease_s=body.lease_s, wait_ms=body.wait_ms
    )


def store_request(body: StoreIn) -> StoreRequest:
    cost = body.cost
    return StoreRequest(
        question=_question(body),
        response=body.response,
        sources=tuple(map(_source_name, body.sources)),
        tags=body.tags,
        lease=body.lease,
        lookup_id=body.lookup_id,
        ttl_s=body.ttl_s,
        equals_cached=body.equals_cached,
        cost=Cost(tokens=cost.tokens_in + cost.tokens_out, usd=cost.usd, latency_ms=cost.latency_ms),
    )


def import_request(body: ImportIn) -> ImportRequest:
    return ImportRequest(
        namespace=body.namespace,
        request=body.request,
        scope=Scope(body.scope),
        group=body.group,
        user=body.user_id,
        ttl_s=body.ttl_s,
        items=tuple(
            Item(
                query=one.query,
                response=one.response,
                sources=tuple(map(_source_name, one.sources)),
                tags=one.tags,
                answer=one.answer,
            )
            for one in body.items
        ),
    )


def judged(body: FeedbackIn) -> int | None:
    """The entry that a feedback names; -1 for one that cannot be."""
    if (body.lookup_id is None) == (body.entry_id is None):
        raise one_of("feedback", "lookup_id, entry_id")
    return None if body.entry_id is None else row_number(ENTRY_PREFIX, body.entry_id) or -1


def target(body: InvalidateIn) -> Target:
    by = body.by
    return Target(
        source=None if by.source is None else _source_name(by.source),
        tag=by.tag,
        namespace=by.namespace,
        query=by.query,
        within=body.namespace,
    )


def lookup_out(found: Found, indexed: int) -> LookupOut:
    entry = found.entry
    return LookupOut(
        status=found.status.value,
        tier=None if found.tier is None else found.tier.value,
        response=found.response,
        entry_id=None if entry is None else row_name(ENTRY_PREFIX, entry.id),
        similarity=found.similarity,
        score=found.score,
        threshold=found.threshold,
        wrong_rate_upper=found.wrong_rate_upper,
        guards=found.guards,
        age_s=None if entry is None or found.at is None else round((found.at - entry.created_at).total_seconds(), 3),
        sources=sources_out(found.sources),
        lease=found.lease,
        lookup_id=found.lookup_id,
        reason=found.reason,
        indexed_offset=indexed,
    )


def store_out(stored: Stored) -> StoreOut:
    name = None if stored.entry is None else row_name(ENTRY_PREFIX, stored.entry)
    return StoreOut(entry_id=name, stored=stored.entry is not None, reason=stored.reason)


def import_out(imported: Imported) -> ImportOut:
    return ImportOut(stored=imported.stored, results=tuple(map(store_out, imported.results)))


def feedback_out(judgement: Judgement) -> FeedbackOut:
    return FeedbackOut(
        entry_id=row_name(ENTRY_PREFIX, judgement.entry), counted=judgement.counted, quarantined=judgement.quarantined
    )


def invalidate_out(answer: Invalidated) -> InvalidateOut:
    return InvalidateOut(matched=answer.matched, removed=answer.removed, dry_run=answer.dry_run)


def _question(body: LookupIn | StoreIn) -> Question:
    return Question(
        namespace=body.namespace,
        query=body.query,
        request=body.request,
        scope=Scope(body.scope),
        group=body.group,
        user=body.user_id,
        no_store=body.no_store,
    )


def _source_name(source: SourceIn) -> SourceName:
    return SourceName(type=source.type, id=source.id, version=source.version, index=source.index)


def sources_out(standings: tuple[SourceStanding, ...]) -> tuple[SourceOut, ...]:
    return tuple(SourceOut(type=_kind(one.type), id=one.id, index=one.index, version=one.version) for one in standings)


def _kind(kind: str) -> SourceType:
    match kind:
        case "message" | "fact" | "summary":
            return kind
        case _:
            return "document"
