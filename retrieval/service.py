"""Retrieval: a question becomes cited passages. Knows no engine, model or protocol; writes nothing."""

from dataclasses import dataclass

from core.caller import Caller, Grant
from core.errors import Invalid, NotFound
from core.limits import Limits
from core.telemetry import Stopwatch
from engines.port import SearchEngine, Vector
from inference.port import Embedder
from retrieval.arms import Retriever
from retrieval.catalogue import Catalogue
from retrieval.fusion import fuse
from retrieval.grouping import best_per_document
from retrieval.hydration import hydrate
from retrieval.planning import Plan, check_request, make_plan
from retrieval.types import Passage, Progress, SearchRequest, SearchResult
from storage.database import Database


class Retrieval:
    """Search over the documents of a tenant."""

    def __init__(self, *, db: Database, engine: SearchEngine, embedder: Embedder, progress: Progress, limits: Limits) -> None:
        self._db = db
        self._catalogue = Catalogue(db)
        self._retriever = Retriever(engine, embedder)
        self._progress = progress
        self._limits = limits

    async def search(self, caller: Caller, request: SearchRequest, *, vector: Vector | None = None) -> SearchResult:
        """The best k passages that the caller may see. `vector` is the query's, where it was embedded before. Raises Forbidden,
        Invalid, TooLarge, NotFound, TimedOut, and what the engine, the store, or in mode dense the embedder cannot do."""
        caller.require(Grant.READ)
        check_request(request, self._limits)
        watch = Stopwatch()
        with watch.stage("total"):
            await self._wait(caller, request, watch)
            # Read before the engine is asked: what the answer rests on is at least as new as it says.
            indexed = self._progress.indexed(caller.tenant)
            answered = await self._by_memory(caller, request, watch, vector)
            if answered is None:
                with watch.stage("plan"):
                    plan = make_plan(request, (await self._catalogue.read(caller)).indexes, self._limits)
                answered = await self._answer(caller, plan, watch, vector)
        return SearchResult(
            results=answered.passages, degraded=answered.degraded, indexed_offset=indexed, timings_ms=watch.timings_ms
        )

    async def _by_memory(
        self, caller: Caller, request: SearchRequest, watch: Stopwatch, vector: Vector | None
    ) -> "_Answer | None":
        """The answer by the list of indexes that is remembered; None when there is none, or it was no longer the list."""
        listing = self._catalogue.remembered(caller.tenant)
        if listing is None:
            return None
        try:
            with watch.stage("plan"):
                plan = make_plan(request, listing.indexes, self._limits)
        except (Invalid, NotFound):
            return None  # by the list as it is now it may be right
        answered = await self._answer(caller, plan, watch, vector)
        return answered if answered.catalog == listing.catalog else None

    async def _answer(self, caller: Caller, plan: Plan, watch: Stopwatch, vector: Vector | None) -> "_Answer":
        found = await self._retriever.find(caller, plan, watch, vector=vector)
        with watch.stage("fuse"):
            candidates = fuse(found.arms, plan.fusion, plan.minimum)
        chosen = best_per_document(candidates) if plan.group_by_document else candidates
        with watch.stage("hydrate"):
            looking = hydrate(self._db.glance(caller.tenant), caller.sees(), plan, chosen)
            checked = await caller.deadline.wait(looking, "reading the passages")
        return _Answer(passages=checked.passages, catalog=checked.catalog, degraded=found.degraded)

    async def _wait(self, caller: Caller, request: SearchRequest, watch: Stopwatch) -> None:
        if request.min_offset is not None:
            with watch.stage("wait"):
                await self._progress.wait(caller.tenant, request.min_offset, caller.deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What one plan led to. `catalog` is the state of the list of indexes when the passages were read."""

    passages: tuple[Passage, ...]
    catalog: int
    degraded: tuple[str, ...]
