"""What callers ask of the cache and what it answers. Wire types are made from these in api/wire/cache.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cache.calibration import STATIC_COSINE
from cache.flat import Vector
from cache.leases import LEASE_S
from core.caller import Caller
from core.ids import Principal
from core.limits import KIB, MIB
from retrieval.types import SearchRequest, SearchResult
from storage.cache_records import EntryRecord, NamespaceRecord, SourceName, SourceStanding

QUERY_BYTES_MAX = 8 * KIB
IMPORT_MAX = 1_000
TTL_S_DEFAULT = 7 * 24 * 3600
TTL_S_MAX = 365 * 24 * 3600
ENTRIES_DEFAULT = 100_000
ENTRIES_MAX = 1_000_000
WRONG_RATE_DEFAULT = 0.02
LEASE_S_MAX = 600
LOOKUP_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLimits:
    """What one answer may take: its size as JSON, the sources it cites, its tags."""

    response_bytes_max: int = MIB
    sources_max: int = 64
    tags_max: int = 16


class Mode(StrEnum):
    """How the semantic tier of a namespace works. `off`: nothing is looked up or stored."""

    OFF = "off"
    SHADOW = "shadow"
    VERIFIED = "verified"
    STATIC = "static"


class Scope(StrEnum):
    """Who shares an answer: one user, those who hold a group's principal, or all of the tenant."""

    PRIVATE = "private"
    GROUP = "group"
    TENANT = "tenant"


class Status(StrEnum):
    """What a lookup came to. `audit` withholds a hit to have it checked; `pending`: another is generating the answer."""

    HIT = "hit"
    MISS = "miss"
    AUDIT = "audit"
    PENDING = "pending"
    BYPASS = "bypass"


class Tier(StrEnum):
    """How a question was recognised."""

    EXACT = "exact"
    NORMALIZED = "normalized"
    SEMANTIC = "semantic"


def namespace_by_default(name: str) -> NamespaceRecord:
    """Of a namespace that nobody set up."""
    return NamespaceRecord(
        name=name,
        mode=Mode.SHADOW,
        threshold=STATIC_COSINE,
        wrong_rate_max=WRONG_RATE_DEFAULT,
        ttl_s=TTL_S_DEFAULT,
        entries_max=ENTRIES_DEFAULT,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, within which request, and who may share the answer. `user` narrows as everywhere."""

    namespace: str
    query: str
    request: Mapping[str, object] = field(default_factory=dict[str, object])
    scope: Scope = Scope.PRIVATE
    group: str | None = None
    user: str | None = None
    no_store: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupRequest:
    """`wait_ms` None waits for an answer that is being generated until the deadline."""

    question: Question
    wrong_rate_max: float | None = None
    lease_s: float = LEASE_S
    wait_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an answer cost, which is what a hit saves."""

    tokens: int = 0
    usd: float | None = None
    latency_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """An answer to keep."""

    question: Question
    response: object
    sources: tuple[SourceName, ...] = ()
    tags: tuple[str, ...] = ()
    lease: str | None = None
    lookup_id: str | None = None
    ttl_s: int | None = None
    equals_cached: bool | None = None
    cost: Cost = Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer of a lookup. `entry` and `response` are a hit's; the figures are of the best candidate, where one was seen."""

    status: Status
    lookup_id: str
    tier: Tier | None = None
    response: object = None
    entry: EntryRecord | None = None
    sources: tuple[SourceStanding, ...] = ()
    similarity: float | None = None
    score: float | None = None
    threshold: float | None = None
    wrong_rate_upper: float | None = None
    guards: tuple[str, ...] = ()
    lease: str | None = None
    reason: str | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a store: `reason` says why nothing was kept."""

    entry: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A question in its partition. `eyes` is the caller as it reads; `owner` who stores."""

    eyes: Caller
    owner: Principal
    scope: Scope
    scope_id: str
    namespace: str
    query: str
    partition: bytes
    exact: bytes
    normalized: bytes
    text_digest: bytes


class Search(Protocol):
    """How evidence is retrieved again. The retrieval room's service is one."""

    async def search(self, caller: Caller, request: SearchRequest, *, vector: Vector | None = None) -> SearchResult:
        """The best passages that the caller may see. `vector` is the query's, where it was embedded before."""
        ...
