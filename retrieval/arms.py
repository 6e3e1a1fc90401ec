"""The two arms of one search, at the same time: the query is embedded while the keyword arm runs. No fusion here.

A model that is down or late costs the dense arm, said so in `degraded`; an engine that is late costs the search.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from core.caller import Caller
from core.errors import TimedOut, Unavailable
from core.telemetry import DEGRADED, Stopwatch, log
from engines.port import Arms, Collection, Hit, Query, SearchEngine, Vector
from inference.port import Embedder, Purpose
from retrieval import errors
from retrieval.fusion import merge
from retrieval.planning import Plan
from retrieval.types import Mode

T = TypeVar("T")

# Of the time left, what embedding may take before hybrid goes on without it: the rest is for the engine and the records.
EMBED_SHARE = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the engine proposed, and what had to be left out."""

    arms: Arms
    degraded: tuple[str, ...]


class Retriever:
    """Runs a plan's arms over an engine and an embedder."""

    def __init__(self, engine: SearchEngine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder

    async def find(self, caller: Caller, plan: Plan, watch: Stopwatch, *, vector: Vector | None = None) -> Found:
        """Both arms' best candidates under the caller's visibility. `vector` is the query's, where it was embedded before.
        Raises the Faults of the engine, and in mode dense those of the embedder."""
        if not plan.indexes:
            return Found(arms=Arms(dense=(), keyword=()), degraded=())
        wanted: list[Coroutine[None, None, tuple[Hit, ...] | None]] = [
            _nothing() if plan.mode is Mode.KEYWORD else self._dense(caller, plan, watch, vector),
            _nothing() if plan.mode is Mode.DENSE else self._keyword(caller, plan, watch),
        ]
        dense, keyword = await at_once(wanted)
        degraded = ("dense",) if dense is None and plan.mode is not Mode.KEYWORD else ()
        for what in degraded:
            DEGRADED.labels(what).inc()
        return Found(arms=Arms(dense=dense, keyword=keyword), degraded=degraded)

    async def _keyword(self, caller: Caller, plan: Plan, watch: Stopwatch) -> tuple[Hit, ...]:
        with watch.stage("keyword"):
            found = await self._search(caller, plan, vector=None)
            return merge([arms.keyword or () for arms in found], plan.depth)

    async def _dense(self, caller: Caller, plan: Plan, watch: Stopwatch, known: Vector | None) -> tuple[Hit, ...] | None:
        vector = await self._vector(caller, plan, watch, known)
        if vector is None:
            return None
        with watch.stage("dense"):
            found = await self._search(caller, plan, vector=vector)
            return merge([arms.dense or () for arms in found], plan.depth)

    async def _vector(self, caller: Caller, plan: Plan, watch: Stopwatch, known: Vector | None) -> Vector | None:
        """The query's vector, or None where hybrid has to do without it."""
        try:
            self._check_space(plan)
            if known is not None:
                return known
            with watch.stage("embed"):
                async with asyncio.timeout(caller.deadline.remaining_s() * EMBED_SHARE):
                    vectors = await self._embedder.embed([plan.query], Purpose.QUERY)
            return vectors[0]
        except (Unavailable, TimedOut) as fault:
            if plan.mode is Mode.DENSE:
                raise
            log.warning("search_degraded", what="dense", code=fault.code, request_id=caller.request_id)
        except TimeoutError as late:
            if plan.mode is Mode.DENSE:
                raise caller.deadline.fault("embedding the query") from late
            log.warning("search_degraded", what="dense", code="deadline.embedding", request_id=caller.request_id)
        return None

    def _check_space(self, plan: Plan) -> None:
        serving = self._embedder.spec.digest
        for index in plan.indexes:
            if index.model != serving:
                raise errors.model_not_served(index.name, index.model, serving)

    async def _search(self, caller: Caller, plan: Plan, *, vector: Vector | None) -> Sequence[Arms]:
        visibility = caller.sees()
        searches = [
            self._engine.search(
                visibility,
                Query(
                    collection=collection,
                    vector=vector,
                    text=plan.query if vector is None else None,
                    condition=plan.condition,
                    limit=plan.depth,
                ),
            )
            for collection in map(Collection.of_index, plan.indexes)
        ]
        return await caller.deadline.wait(at_once(searches), "searching the indexes")


async def _nothing() -> None:
    return None


@asynccontextmanager
async def together() -> AsyncGenerator[asyncio.TaskGroup]:
    """Tasks at once. The first that fails cancels the rest, and its failure is raised as itself, not as a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed


async def at_once(works: Sequence[Coroutine[None, None, T]]) -> Sequence[T]:
    """What each of them answers, in their order."""
    async with together() as group:
        tasks = [group.create_task(work) for work in works]
    return [task.result() for task in tasks]
