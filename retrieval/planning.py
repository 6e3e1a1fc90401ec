"""From a request and the indexes it names to a plan that can be carried out, or the fault that says why not. No I/O."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.filters import Filter, RangeKind, parse_filter
from core.ids import IndexName
from core.limits import Limits
from core.profile import Fusion
from retrieval import errors
from retrieval.types import Mode, SearchRequest
from storage.indexes import no_such_index
from storage.records import IndexRecord

SIGNALS = ("dense", "keyword")

# Candidates an arm gives. Below 100 the fused list loses recall@100; grouping needs more, since one document's chunks
# stand beside each other. Measured by evals/: docs/adr/0007.
DEPTH_MIN = 100
DEPTH_PER_RESULT = 2
DEPTH_PER_DOCUMENT = 4
# Looked up beyond k at first: a row costs 0.1 ms, a second page that dropped rows ask for 1 ms. A reranker will want its own
# depth (DESIGN's 50).
PAGE_SPARE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do for one request. `depth` bounds each arm; `page` is how many candidates are looked up at a time."""

    query: str
    indexes: tuple[IndexRecord, ...]
    mode: Mode
    condition: Filter | None
    ranged: Mapping[str, RangeKind]
    fusion: Fusion
    minimum: Mapping[str, float]
    k: int
    depth: int
    page: int
    group_by_document: bool
    neighbors: int


def check_request(request: SearchRequest, limits: Limits) -> None:
    """What can be said of a request without reading anything; Invalid or TooLarge."""
    _check_query(request.query, limits)
    _check_range("k", request.k, range(1, limits.k_max + 1))
    _check_range("neighbors", request.neighbors, range(limits.neighbors_max + 1))
    if request.min_offset is not None:
        _check_range("min_offset", request.min_offset, range(1 << 63))
    for name, value in request.minimum.items():
        if name not in SIGNALS:
            raise errors.unknown_signal(name, SIGNALS)
        if not math.isfinite(value):
            raise errors.invalid_minimum(name, value)
    if request.fusion is not None and not 0 <= request.fusion.dense_weight <= 1:
        raise errors.invalid_weight(request.fusion.dense_weight)


def make_plan(request: SearchRequest, live: Sequence[IndexRecord], limits: Limits) -> Plan:
    """`live` are all indexes of the tenant. Raises NotFound for an unknown name, Invalid for what does not fit together."""
    indexes = _choose(request.indexes, live, limits)
    ranged = _common_ranges(indexes)
    grouped = request.group_by_document
    return Plan(
        query=request.query,
        indexes=indexes,
        mode=request.mode,
        condition=None if request.filter is None else parse_filter(request.filter, ranged, limits),
        ranged=ranged,
        fusion=_fusion(request, indexes),
        minimum=request.minimum,
        k=request.k,
        depth=max(DEPTH_MIN, request.k * (DEPTH_PER_DOCUMENT if grouped else DEPTH_PER_RESULT)),
        page=request.k + PAGE_SPARE,
        group_by_document=grouped,
        neighbors=request.neighbors,
    )


def _check_query(query: str, limits: Limits) -> None:
    try:
        size = len(query.encode())
    except UnicodeEncodeError as flaw:
        raise errors.query_not_text() from flaw
    if size > limits.query_bytes_max:
        raise errors.query_too_large(size, limits.query_bytes_max)
    if not query.strip():
        raise errors.empty_query()


def _check_range(field: str, value: int, allowed: range) -> None:
    if value not in allowed:
        raise errors.out_of_range(field, value, allowed)


def _choose(names: tuple[IndexName, ...] | None, live: Sequence[IndexRecord], limits: Limits) -> tuple[IndexRecord, ...]:
    wanted = tuple(record.name for record in live) if names is None else tuple(dict.fromkeys(names))
    if len(wanted) > limits.indexes_per_search_max:
        raise errors.too_many_indexes(len(wanted), limits.indexes_per_search_max)
    by_name = {record.name: record for record in live}
    for name in wanted:
        if name not in by_name:
            raise no_such_index(name)
    chosen = tuple(by_name[name] for name in wanted)
    if len({record.model for record in chosen}) > 1:
        raise errors.model_mismatch(wanted)
    return chosen


def _common_ranges(indexes: Sequence[IndexRecord]) -> Mapping[str, RangeKind]:
    """The fields that every index declares, as the same kind: only those mean one thing in all of them."""
    if not indexes:
        return {}
    first, *others = (record.profile.ranged for record in indexes)
    return {name: kind for name, kind in first.items() if all(other.get(name) == kind for other in others)}


def _fusion(request: SearchRequest, indexes: Sequence[IndexRecord]) -> Fusion:
    if request.fusion is not None:
        return request.fusion
    settings = {record.profile.fusion for record in indexes}
    if len(settings) > 1:
        if request.fusion_otherwise is not None:
            return request.fusion_otherwise
        raise errors.fusion_mismatch(record.name for record in indexes)
    return settings.pop() if settings else Fusion()
