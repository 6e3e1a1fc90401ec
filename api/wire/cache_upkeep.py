"""The cache on the wire, beside its questions: namespaces, figures, lists of entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from api.wire.cache import ModeName, ScopeName, SourceOut, sources_out
from api.wire.schema import Wire
from cache.errors import ENTRY_PREFIX
from cache.types import WRONG_RATE_DEFAULT, Scope, namespace_by_default
from cache.upkeep import Figures, Listed
from core.ids import row_name
from core.paging import Page
from storage.cache_records import NamespaceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceIn(Wire):
    """How a namespace works; what is absent is as by default."""

    mode: ModeName = "shadow"
    threshold: float = 0.95
    wrong_rate_max: float = WRONG_RATE_DEFAULT
    ttl_s: int = namespace_by_default("").ttl_s
    entries_max: int = namespace_by_default("").entries_max


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceOut(Wire):
    """A namespace's settings. `threshold` is the least cosine, of mode static alone."""

    name: str
    mode: ModeName
    threshold: float
    wrong_rate_max: float
    ttl_s: int
    entries_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedOut(Wire):
    """What hits saved, by what their answers had cost."""

    tokens: int
    usd: float
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticOut(Wire):
    """The semantic tier. `predicted_hit_rate` is the share of lookups that a candidate fitted, served or not (mode shadow)."""

    threshold: float | None
    wrong_rate_upper: float | None
    predicted_hit_rate: float | None
    labels: int
    audits: int
    audited_wrong: int
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsOut(Wire):
    """A namespace in numbers, since it was first used."""

    namespace: str
    mode: ModeName
    wrong_rate_max: float
    entries: int
    lookups: Mapping[str, int]
    hits: Mapping[str, int]
    hit_rate: Mapping[str, float]
    reasons: Mapping[str, int]
    semantic: SemanticOut
    saved: SavedOut
    stored: int
    refused: Mapping[str, int]
    stale: Mapping[str, int]
    leases: Mapping[str, int]
    evictions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOut(Wire):
    """A cached answer, without the answer."""

    id: str
    namespace: str
    scope: ScopeName
    scope_id: str
    query: str
    state: Literal["active", "quarantined", "stale"]
    cause: str | None
    sources: tuple[SourceOut, ...]
    bytes: int
    hits: int
    false_hits: int
    created_at: AwareDatetime
    used_at: AwareDatetime
    expires_at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryList(Wire):
    """A page of entries."""

    items: tuple[EntryOut, ...]
    next_cursor: str | None


def namespace_record(name: str, body: NamespaceIn) -> NamespaceRecord:
    return NamespaceRecord(
        name=name,
        mode=body.mode,
        threshold=body.threshold,
        wrong_rate_max=body.wrong_rate_max,
        ttl_s=body.ttl_s,
        entries_max=body.entries_max,
    )


def namespace_out(record: NamespaceRecord) -> NamespaceOut:
    return NamespaceOut(
        name=record.name,
        mode=_mode(record.mode),
        threshold=record.threshold,
        wrong_rate_max=record.wrong_rate_max,
        ttl_s=record.ttl_s,
        entries_max=record.entries_max,
    )


def stats_out(figures: Figures) -> StatsOut:
    counters = figures.counters
    lookups = _group(counters, "lookups.")
    total = sum(lookups.values())
    hits = {tier: round(counters.get(f"hits.{tier}", 0)) for tier in ("exact", "normalized", "semantic")}
    rates = {tier: count / total if total else 0.0 for tier, count in {**hits, "total": sum(hits.values())}.items()}
    semantic = total - hits["exact"] - hits["normalized"] - lookups.get("bypass", 0)
    return StatsOut(
        namespace=figures.settings.name,
        mode=_mode(figures.settings.mode),
        wrong_rate_max=figures.settings.wrong_rate_max,
        entries=figures.entries,
        lookups={**lookups, "total": total},
        hits=hits,
        hit_rate=rates,
        reasons={**_group(counters, "miss."), **_group(counters, "bypass.")},
        semantic=SemanticOut(
            threshold=figures.threshold,
            wrong_rate_upper=figures.wrong_rate_upper,
            predicted_hit_rate=min(1.0, counters.get("semantic.fits", 0) / semantic) if semantic > 0 else None,
            labels=figures.labels,
            audits=figures.audits,
            audited_wrong=figures.audited_wrong,
            drifted=figures.drifted,
        ),
        saved=SavedOut(
            tokens=round(counters.get("saved.tokens", 0)),
            usd=counters.get("saved.usd", 0.0),
            latency_ms=counters.get("saved.latency_ms", 0.0),
        ),
        stored=round(counters.get("stored", 0)),
        refused=_group(counters, "refused."),
        stale=_group(counters, "stale."),
        leases=_group(counters, "lease."),
        evictions=round(counters.get("evicted", 0)),
    )


def entry_list(page: Page[Listed]) -> EntryList:
    return EntryList(items=tuple(map(_entry, page.items)), next_cursor=page.next_cursor)


def _entry(listed: Listed) -> EntryOut:
    one = listed.entry
    return EntryOut(
        id=row_name(ENTRY_PREFIX, one.id),
        namespace=one.namespace,
        scope=Scope(one.scope).value,
        scope_id=one.scope_id,
        query=one.query,
        state=one.state.value,
        cause=one.cause,
        sources=sources_out(listed.sources),
        bytes=one.size,
        hits=one.hits,
        false_hits=one.false_hits,
        created_at=one.created_at,
        used_at=one.used_at,
        expires_at=one.expires_at,
    )


def _group(counters: Mapping[str, float], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): round(value) for name, value in counters.items() if name.startswith(prefix)}


def _mode(mode: str) -> ModeName:
    match mode:
        case "off" | "verified" | "static":
            return mode
        case _:
            return "shadow"
