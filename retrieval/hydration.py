"""The catalog disposes: candidates are looked up in the records, and what the caller may not see or what is no longer so is
dropped. Nothing that an index says is returned without this."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from core.caller import Visibility
from core.filters import matches
from core.ids import chunk_id
from retrieval.fusion import Candidate
from retrieval.planning import Plan
from retrieval.types import Neighbor, Passage
from storage import indexes, passages
from storage.database import Reads
from storage.records import ChunkRecord, PassageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """At most k passages, best first, and the state of the list of indexes when they were read."""

    passages: tuple[Passage, ...]
    catalog: int


async def hydrate(reads: Reads, visibility: Visibility, plan: Plan, candidates: Iterable[Candidate]) -> Checked:
    """A further page is read only when the check dropped rows of the one before."""
    kept, catalog = await _checked(reads, visibility, plan, candidates)
    beside: Mapping[int, tuple[ChunkRecord, ...]] = {}
    if plan.neighbors and kept:
        beside = await passages.around(reads, [candidate.key for candidate, _ in kept], plan.neighbors)
    found = tuple(
        _passage(record, candidate, rank, beside.get(candidate.key, ())) for rank, (candidate, record) in enumerate(kept, 1)
    )
    return Checked(passages=found, catalog=await indexes.catalog(reads) if catalog is None else catalog)


def admits(visibility: Visibility, plan: Plan, record: PassageRecord) -> bool:
    """Whether the record, as it is now, may answer this search: its index was asked (a collection may have kept keys of
    another history), its access list, and the filter once more."""
    document = record.document
    return (
        any(document.index_id == index.id for index in plan.indexes)
        and visibility.admits(document.envelope.acl)
        and (plan.condition is None or matches(plan.condition, document.fields(), plan.ranged))
    )


async def _checked(
    reads: Reads, visibility: Visibility, plan: Plan, candidates: Iterable[Candidate]
) -> tuple[Sequence[tuple[Candidate, PassageRecord]], int | None]:
    kept: list[tuple[Candidate, PassageRecord]] = []
    catalog: int | None = None
    rest = iter(candidates)
    while len(kept) < plan.k and (page := list(islice(rest, plan.page))):
        found = await passages.hydrate(reads, [candidate.key for candidate in page])
        # The oldest state seen: if the list moved between two pages, the first page was of the older one.
        catalog = found.catalog if catalog is None else catalog
        pairs = ((candidate, found.passages.get(candidate.key)) for candidate in page)
        kept += [(candidate, record) for candidate, record in pairs if record is not None and admits(visibility, plan, record)]
    return kept[: plan.k], catalog


def _passage(record: PassageRecord, candidate: Candidate, rank: int, beside: Sequence[ChunkRecord]) -> Passage:
    chunk, document, envelope = record.chunk, record.document, record.document.envelope
    return Passage(
        chunk_id=chunk_id(chunk.key),
        document_id=document.id,
        index=record.index,
        title=document.title,
        text=chunk.text,
        score=candidate.signals.fused,
        rank=rank,
        source_uri=envelope.source_uri,
        heading_path=chunk.heading_path,
        page=chunk.page,
        span=(chunk.start, chunk.end),
        version=document.version,
        metadata=envelope.metadata,
        labels=document.labels,
        before=tuple(_neighbor(other) for other in beside if other.ordinal < chunk.ordinal),
        after=tuple(_neighbor(other) for other in beside if other.ordinal > chunk.ordinal),
        signals=candidate.signals,
        occurred_at=envelope.occurred_at,
    )


def _neighbor(chunk: ChunkRecord) -> Neighbor:
    return Neighbor(chunk_id=chunk_id(chunk.key), text=chunk.text, span=(chunk.start, chunk.end))
