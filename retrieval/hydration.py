"""The catalog disposes: candidates are looked up in the records, and what the caller may not see or what is no longer so is
dropped. Nothing that an index says is returned without this."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from core.caller import Visibility
from core.filters import matches
from core.ids import chunk_id
from retrieval.fusion import Candidate
from retrieval.planning import Plan
from retrieval.types import Neighbor, Passage
from storage import passages
from storage.database import Transaction
from storage.records import ChunkRecord, PassageRecord


async def hydrate(tx: Transaction, visibility: Visibility, plan: Plan, candidates: Iterable[Candidate]) -> tuple[Passage, ...]:
    """At most k passages, best first. A further page is read only when the check dropped rows of the one before."""
    kept = await _checked(tx, visibility, plan, candidates)
    beside: Mapping[int, tuple[ChunkRecord, ...]] = {}
    if plan.neighbors and kept:
        beside = await passages.around(tx, [candidate.key for candidate, _ in kept], plan.neighbors)
    return tuple(
        _passage(record, candidate, rank, beside.get(candidate.key, ())) for rank, (candidate, record) in enumerate(kept, 1)
    )


def admits(visibility: Visibility, plan: Plan, record: PassageRecord) -> bool:
    """Whether the record, as it is now, may answer this search: its access list, and the filter once more."""
    document = record.document
    return visibility.admits(document.envelope.acl) and (
        plan.condition is None or matches(plan.condition, document.fields(), plan.ranged)
    )


async def _checked(
    tx: Transaction, visibility: Visibility, plan: Plan, candidates: Iterable[Candidate]
) -> Sequence[tuple[Candidate, PassageRecord]]:
    kept: list[tuple[Candidate, PassageRecord]] = []
    rest = iter(candidates)
    while len(kept) < plan.k and (page := list(islice(rest, plan.page))):
        records = await passages.hydrate(tx, [candidate.key for candidate in page])
        pairs = ((candidate, records.get(candidate.key)) for candidate in page)
        kept += [(candidate, record) for candidate, record in pairs if record is not None and admits(visibility, plan, record)]
    return kept[: plan.k]


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
    )


def _neighbor(chunk: ChunkRecord) -> Neighbor:
    return Neighbor(chunk_id=chunk_id(chunk.key), text=chunk.text, span=(chunk.start, chunk.end))
