"""Search on the wire: the question, and the cited passages. What is not built yet is refused, never ignored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from api.wire.indexes import FusionIn, Name, fusion_of
from api.wire.schema import METADATA_SCHEMA, Wire
from core.errors import FieldError, Invalid
from core.ids import IndexName
from retrieval.types import Mode, Neighbor, Passage, SearchRequest, SearchResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchIn(Wire):
    """One question. `indexes` absent is all that the caller may read."""

    query: str
    indexes: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    k: int = 10
    mode: Literal["hybrid", "dense", "keyword"] = "hybrid"
    filter: dict[str, object] | None = None
    rerank: Literal["auto", "on", "off"] = "auto"
    fusion: FusionIn | None = None
    group_by_document: bool = False
    neighbors: int = 0
    diversity: float = 0.0
    min: dict[Literal["dense", "keyword"], float] | None = None
    min_offset: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsOut(Wire):
    """How a passage came to its place; null where an arm did not find it."""

    dense: float | None
    dense_rank: int | None
    keyword: float | None
    keyword_rank: int | None
    fused: float
    rerank: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborOut(Wire):
    """A chunk beside a result."""

    chunk_id: str
    text: str
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborsOut(Wire):
    """The chunks around a result, in reading order."""

    before: tuple[NeighborOut, ...]
    after: tuple[NeighborOut, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageOut(Wire):
    """A cited result. `span` is `[start, end)` in code points of the canonical text of `version`."""

    chunk_id: str
    document_id: str
    index: str
    title: str | None
    text: str
    score: float
    rank: int
    source_uri: str | None
    heading_path: tuple[str, ...]
    page: int | None
    span: tuple[int, int]
    version: int
    metadata: Annotated[Mapping[str, object], METADATA_SCHEMA]
    labels: tuple[str, ...]
    neighbors: NeighborsOut
    signals: SignalsOut


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOut(Wire):
    """The answer. `answerable` and `search_token` are null in this version; `degraded` names what was left out."""

    results: tuple[PassageOut, ...]
    answerable: float | None
    degraded: tuple[str, ...]
    search_token: str | None
    indexed_offset: int
    timings_ms: Mapping[str, float]
    request_id: str


_NO_NEIGHBORS = NeighborsOut(before=(), after=())


def search_request(body: SearchIn) -> SearchRequest:
    """What the retrieval room takes, or Invalid for what this version cannot do."""
    if body.rerank == "on":
        raise _refused("/rerank", "search.no_reranker", "no reranker is set up; use 'auto' or 'off'")
    if body.diversity != 0.0:
        raise _refused("/diversity", "search.no_diversity", f"is {body.diversity}; this version knows 0.0 alone")
    return SearchRequest(
        query=body.query,
        indexes=None if body.indexes is None else tuple(IndexName(name) for name in dict.fromkeys(body.indexes)),
        k=body.k,
        mode=Mode(body.mode),
        filter=body.filter,
        fusion=None if body.fusion is None else fusion_of(body.fusion),
        group_by_document=body.group_by_document,
        neighbors=body.neighbors,
        minimum={} if body.min is None else {str(name): value for name, value in body.min.items()},
        min_offset=body.min_offset,
    )


def search_out(result: SearchResult, request_id: str) -> SearchOut:
    return SearchOut(
        results=tuple(_passage(passage) for passage in result.results),
        answerable=None,
        degraded=result.degraded,
        search_token=None,
        indexed_offset=result.indexed_offset,
        timings_ms=result.timings_ms,
        request_id=request_id,
    )


def _passage(one: Passage) -> PassageOut:
    signals = one.signals
    return PassageOut(
        chunk_id=one.chunk_id,
        document_id=one.document_id,
        index=one.index,
        title=one.title,
        text=one.text,
        score=one.score,
        rank=one.rank,
        source_uri=one.source_uri,
        heading_path=one.heading_path,
        page=one.page,
        span=one.span,
        version=one.version,
        metadata=one.metadata,
        labels=one.labels,
        neighbors=_neighbors(one) if one.before or one.after else _NO_NEIGHBORS,
        signals=SignalsOut(
            dense=signals.dense,
            dense_rank=signals.dense_rank,
            keyword=signals.keyword,
            keyword_rank=signals.keyword_rank,
            fused=signals.fused,
            rerank=signals.rerank,
        ),
    )


def _neighbors(one: Passage) -> NeighborsOut:
    return NeighborsOut(before=tuple(map(_neighbor, one.before)), after=tuple(map(_neighbor, one.after)))


def _neighbor(one: Neighbor) -> NeighborOut:
    return NeighborOut(chunk_id=one.chunk_id, text=one.text, span=one.span)


def _refused(at: str, code: str, detail: str) -> Invalid:
    return Invalid(code, f"{at.strip('/')}: {detail}", errors=(FieldError(pointer=at, detail=detail),))
