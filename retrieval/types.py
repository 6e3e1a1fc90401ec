"""What callers ask of the retrieval room and what it answers. Wire types are made from these in api/wire.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

from core.deadline import Deadline
from core.ids import ChunkId, DocumentId, IndexName, TenantId
from core.metadata import Metadata
from core.profile import Fusion


class Mode(StrEnum):
    """Which arms take part."""

    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One question. `indexes` None is all that the caller may read; `filter` is the raw JSON tree, parsed against the
    declared fields of those indexes; `minimum` cuts by a named signal (`dense`, `keyword`), never by the fused score.
    `fusion_otherwise` is taken where no `fusion` is given and the indexes' disagree; without it that is a fault.
    """

    query: str
    indexes: tuple[IndexName, ...] | None = None
    k: int = 10
    mode: Mode = Mode.HYBRID
    filter: object | None = None
    fusion: Fusion | None = None
    fusion_otherwise: Fusion | None = None
    group_by_document: bool = False
    neighbors: int = 0
    minimum: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    min_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """How a passage came to its place. Ranks from 1; None where an arm did not find it. `fused` in [0, 1] for convex."""

    dense: float | None
    dense_rank: int | None
    keyword: float | None
    keyword_rank: int | None
    fused: float
    rerank: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """A chunk beside a result, of the same document version."""

    chunk_id: ChunkId
    text: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One cited result. `span` is `[start, end)` in code points of the canonical text of `version`."""

    chunk_id: ChunkId
    document_id: DocumentId
    index: IndexName
    title: str | None
    text: str
    score: float
    rank: int
    source_uri: str | None
    heading_path: tuple[str, ...]
    page: int | None
    span: tuple[int, int]
    version: int
    metadata: Metadata
    labels: tuple[str, ...]
    before: tuple[Neighbor, ...]
    after: tuple[Neighbor, ...]
    signals: Signals
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The answer. `degraded` names what was left out (`dense`, `keyword`); `indexed_offset` is how far the engine was."""

    results: tuple[Passage, ...]
    degraded: tuple[str, ...]
    indexed_offset: int
    timings_ms: Mapping[str, float]


class Progress(Protocol):
    """How far the engine has come with what was written. The projector is one; retrieval must not know it."""

    def indexed(self, tenant: TenantId) -> int:
        """Every change of the tenant up to this offset can be found by a search that begins now."""
        ...

    async def wait(self, tenant: TenantId, offset: int, deadline: Deadline) -> None:
        """Returns once `offset` is indexed; raises TimedOut at the deadline."""
        ...
