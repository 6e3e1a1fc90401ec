"""The proof that a stored answer may still be given: every source live, in the same version, visible to this caller now; and,
where the indexes of its documents have moved, the same evidence when its question is asked of them again, without the model.

A source that is gone or not to be seen makes a plain miss: not there and not yours are one answer. What is retrieved again is
the entry's own question over the indexes of its documents, as many documents as it cites; the first retrieval of that kind
is made when the answer is stored. An answer that cites no document is checked by its sources alone.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cache.embedding import Embedding
from cache.ledger import Ledger
from cache.placing import eyes_digest
from cache.types import Search
from core.caller import Caller
from core.clock import Clock
from core.errors import NotFound, TimedOut, Unavailable
from core.ids import IndexName, TenantId
from retrieval.types import SearchRequest
from storage import cache_sources
from storage.cache_records import EntryRecord, EntryState, Evidence, SourceStanding
from storage.database import Database

DOCUMENTS_MAX = 20
# Who looked, at which entry, and how far it was good: for eyes other than those it was stored under.
REMEMBERED_MAX = 50_000


class Verdict(StrEnum):
    """`hidden` is a plain miss for this caller; `stale` will be served to nobody again."""

    GOOD = "good"
    MOVED = "moved"
    HIDDEN = "hidden"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Of one entry, for one caller. `moved_to` is the offset that its evidence must be looked at again for."""

    verdict: Verdict
    sources: tuple[SourceStanding, ...] = ()
    cause: str | None = None
    moved_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """What a question retrieves at an offset."""

    evidence: Evidence
    offset: int


class Coherence:
    """Checks entries against the records, and their evidence against the indexes."""

    def __init__(self, *, db: Database, search: Search, embedding: Embedding, ledger: Ledger, clock: Clock) -> None:
        self._db = db
        self._search = search
        self._embedding = embedding
        self._ledger = ledger
        self._clock = clock
        self._validated: OrderedDict[tuple[TenantId, int, bytes], int] = OrderedDict()

    async def standing(self, eyes: Caller, entries: Sequence[EntryRecord]) -> Mapping[int, Standing]:
        """Of each entry now. One statement, none when no entry has sources."""
        resting = [one.id for one in entries if one.sources]
        found: dict[int, list[SourceStanding]] = {one: [] for one in resting}
        if resting:
            reads = self._db.glance(eyes.tenant)
            now = self._clock.now()
            for source in await eyes.deadline.wait(cache_sources.standing(reads, resting, now), "checking the sources"):
                found[source.entry_id].append(source)
        return {one.id: self._judge(eyes, one, found.get(one.id, [])) for one in entries}

    async def good(self, eyes: Caller, entry: EntryRecord, standing: Standing) -> bool:
        """Whether the entry may be given to this caller, retrieving again where its indexes have moved."""
        if standing.verdict is not Verdict.MOVED:
            return standing.verdict is Verdict.GOOD
        indexes = sorted({one.index for one in standing.sources if one.index is not None})
        try:
            now = await self.retrieve(eyes, entry.query, indexes, k=_documents(standing), offset=standing.moved_to)
        except NotFound:
            return False  # an index went meanwhile
        if now is None:
            return False
        own = eyes_digest(eyes)
        if now.evidence != entry.evidence:
            if own == entry.eyes:
                self._ledger.stale(eyes.tenant, entry.namespace, entry.id, "new_evidence")
            return False
        if own == entry.eyes:
            self._ledger.validated(eyes.tenant, entry.id, now.offset)
        self._remember((eyes.tenant, entry.id, own), now.offset)
        return True

    async def retrieve(self, eyes: Caller, query: str, indexes: Sequence[str], *, k: int, offset: int) -> Retrieved | None:
        """What the question retrieves from these indexes, at least at that offset; None where that cannot be told in time."""
        try:
            vector = await self._embedding.vector(query, eyes.deadline)
            request = SearchRequest(
                query=query,
                indexes=tuple(map(IndexName, indexes)),
                k=max(1, min(DOCUMENTS_MAX, k)),
                group_by_document=True,
                min_offset=offset,
            )
            result = await self._search.search(eyes, request, vector=vector)
        except (TimedOut, Unavailable):
            return None
        if result.degraded:
            return None
        evidence = tuple(sorted((str(one.index), str(one.document_id), one.version) for one in result.results))
        return Retrieved(evidence=evidence, offset=result.indexed_offset)

    def _judge(self, eyes: Caller, entry: EntryRecord, sources: Sequence[SourceStanding]) -> Standing:
        if entry.state is EntryState.STALE:
            return Standing(verdict=Verdict.STALE)
        visibility = eyes.sees()
        if len(sources) < entry.sources or any(one.current is None for one in sources):
            self._ledger.stale(eyes.tenant, entry.namespace, entry.id, "source_gone")
            return Standing(verdict=Verdict.HIDDEN)
        if not all(visibility.admits(one.acl) for one in sources):
            return Standing(verdict=Verdict.HIDDEN)
        if any(one.current != one.version for one in sources):
            self._ledger.stale(eyes.tenant, entry.namespace, entry.id, "source_changed")
            return Standing(verdict=Verdict.STALE, cause="source_changed")
        moved = max((one.moved for one in sources), default=0)
        known = self._validated.get((eyes.tenant, entry.id, eyes_digest(eyes)), 0) if moved > entry.offset else 0
        verdict = Verdict.MOVED if moved > max(entry.offset, known) else Verdict.GOOD
        return Standing(verdict=verdict, sources=tuple(sources), moved_to=moved)

    def _remember(self, key: tuple[TenantId, int, bytes], offset: int) -> None:
        self._validated[key] = offset
        self._validated.move_to_end(key)
        while len(self._validated) > REMEMBERED_MAX:
            self._validated.popitem(last=False)


def _documents(standing: Standing) -> int:
    return len({(one.index, one.id) for one in standing.sources if one.index is not None})
