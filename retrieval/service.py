"""Retrieval: a question becomes cited passages. Knows no engine, model or protocol; writes nothing."""

from collections.abc import Iterable

from core.caller import Caller, Grant
from core.limits import Limits
from core.telemetry import Stopwatch
from engines.port import SearchEngine
from inference.port import Embedder
from retrieval.arms import Retriever
from retrieval.fusion import Candidate, fuse
from retrieval.grouping import best_per_document
from retrieval.hydration import hydrate
from retrieval.planning import Plan, check_request, make_plan
from retrieval.types import Passage, Progress, SearchRequest, SearchResult
from storage import indexes
from storage.database import Database


class Retrieval:
    """Search over the documents of a tenant."""

    def __init__(self, *, db: Database, engine: SearchEngine, embedder: Embedder, progress: Progress, limits: Limits) -> None:
        self._db = db
        self._retriever = Retriever(engine, embedder)
        self._progress = progress
        self._limits = limits

    async def search(self, caller: Caller, request: SearchRequest) -> SearchResult:
        """The best k passages that the caller may see. Raises Forbidden, Invalid, TooLarge, NotFound, TimedOut, and what the
        engine, the store, or in mode dense the embedder cannot do."""
        caller.require(Grant.READ)
        check_request(request, self._limits)
        watch = Stopwatch()
        with watch.stage("total"):
            await self._wait(caller, request, watch)
            # Read before the engine is asked: what the answer rests on is at least as new as it says.
            indexed = self._progress.indexed(caller.tenant)
            plan = await self._plan(caller, request, watch)
            found = await self._retriever.find(caller, plan, watch)
            with watch.stage("fuse"):
                candidates = fuse(found.arms, plan.fusion, plan.minimum)
            chosen = best_per_document(candidates) if plan.group_by_document else candidates
            passages = await self._hydrate(caller, plan, chosen, watch)
        return SearchResult(results=passages, degraded=found.degraded, indexed_offset=indexed, timings_ms=watch.timings_ms)

    async def _wait(self, caller: Caller, request: SearchRequest, watch: Stopwatch) -> None:
        if request.min_offset is not None:
            with watch.stage("wait"):
                await self._progress.wait(caller.tenant, request.min_offset, caller.deadline)

    async def _plan(self, caller: Caller, request: SearchRequest, watch: Stopwatch) -> Plan:
        with watch.stage("plan"):
            async with self._db.read(caller.tenant) as tx:
                live = await caller.deadline.wait(indexes.live(tx), "reading the indexes")
            return make_plan(request, live, self._limits)

    async def _hydrate(
        self, caller: Caller, plan: Plan, candidates: Iterable[Candidate], watch: Stopwatch
    ) -> tuple[Passage, ...]:
        with watch.stage("hydrate"):
            return await caller.deadline.wait(self._look_up(caller, plan, candidates), "reading the passages")

    async def _look_up(self, caller: Caller, plan: Plan, candidates: Iterable[Candidate]) -> tuple[Passage, ...]:
        async with self._db.read(caller.tenant) as tx:
            return await hydrate(tx, caller.sees(), plan, candidates)
