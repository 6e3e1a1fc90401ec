"""Recall: a question becomes memories of one user, each with what led to it and what it rests on. Writes nothing.

The engine proposes rows under the user's scope and the request's filter; scores are fused, lent to neighbours and weighed
(scoring.py); the store says what is still so (checks.py). Conditions that the engine cannot
know, such as what was written down by a moment, are checked against the records, and more candidates are asked for until k
are found or there are no more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from core.caller import Caller, Grant
from core.clock import Clock
from core.filters import OCCURRED_AT as OCCURRED
from core.filters import All, Any, Eq, Exists, Filter, In, Not, Range, parse_filter
from core.limits import Limits
from core.profile import Fusion
from core.telemetry import Stopwatch
from engines.port import SearchEngine, Vector
from inference.port import Embedder
from memory import errors
from memory.facts.statements import Status, Trust
from memory.recall import answerability, deepening, questions
from memory.recall.checks import Checks
from memory.recall.questions import Question
from memory.recall.scoring import Ranked, rank
from memory.recall.types import Memo, Moments, Recalled, RecallRequest
from memory.recall.weights import Weights
from memory.sessions.appending import expired
from memory.types import Progress
from retrieval.arms import Found, Retriever
from retrieval.fusion import fuse
from retrieval.planning import Plan, check_request
from retrieval.types import Mode, SearchRequest
from storage import indexes, recollections, sessions
from storage.database import Database
from storage.records import IndexRecord

# Looked up beyond k at a time: a message costs 0.1 ms, a further look 1 ms.
PAGE_SPARE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request made ready: what the engine is asked, how the query was understood."""

    request: RecallRequest
    index: IndexRecord
    condition: Filter
    question: Question
    vector: Vector | None


class Recall:
    """Search over the memory of a user."""

    def __init__(
        self,
        *,
        db: Database,
        engine: SearchEngine,
        embedder: Embedder,
        progress: Progress,
        limits: Limits,
        weights: Weights,
        clock: Clock,
    ) -> None:
        self._db = db
        self._retriever = Retriever(engine, embedder)
        self._progress = progress
        self._limits = limits
        self._weights = weights
        self._clock = clock

    async def search(self, caller: Caller, request: RecallRequest, *, vector: Vector | None = None) -> Recalled:
        """The best k memories of the user that the caller acts for (`Caller.acting_for`). `vector` is the query's, where it
        was embedded before. NotFound for a session that is not that user's; Forbidden, Invalid, TooLarge,
        TimedOut, and what the engine and the store cannot do."""
        caller.require(Grant.READ)
        caller = caller.acting_for(None)
        _check(request, self._limits)
        watch = Stopwatch()
        with watch.stage("total"):
            if request.min_offset is not None:
                with watch.stage("wait"):
                    await self._progress.wait(caller.tenant, request.min_offset, caller.deadline)
            # Read before the engine is asked: what the answer rests on is at least as new as it says.
            indexed = self._progress.indexed(caller.tenant)
            asked = await self._ask(caller, request, vector)
            found = _NOTHING if asked is None else await self._find(caller, asked, watch)
        return Recalled(
            results=found.memos,
            answerable=found.answerable,
            degraded=found.degraded,
            indexed_offset=indexed,
            timings_ms=watch.timings_ms,
        )

    async def _ask(self, caller: Caller, request: RecallRequest, vector: Vector | None) -> _Asked | None:
        """None where nothing was ever remembered."""
        reads = self._db.glance(caller.tenant)
        if request.session is not None:
            session = await sessions.find(reads, caller.subject, request.session)
            if session is None or expired(session, self._clock.now()):
                raise errors.no_such_session(request.session)
        index = await indexes.of_memory(reads)
        condition = _condition(request, index, self._limits)
        if index is None:
            return None
        question = questions.parse(request.query, request.moments.as_of or self._clock.now())
        return _Asked(request=request, index=index, condition=condition, question=question, vector=vector)

    async def _find(self, caller: Caller, asked: _Asked, watch: Stopwatch) -> "_Answer":
        depth = deepening.first(asked.request.k)
        while True:
            found = await self._retriever.find(caller, _plan(asked, depth), watch, vector=asked.vector)
            ranked = await self._rank(caller, asked, found, watch)
            with watch.stage("hydrate"):
                memos = await caller.deadline.wait(self._memos(caller, asked, ranked), "reading the memories")
            if len(memos) == asked.request.k or not deepening.more(found.arms, depth, asked.request.minimum):
                return _Answer(
                    memos=memos,
                    answerable=None if found.degraded else _answerable(asked, memos),
                    degraded=found.degraded,
                )
            depth = deepening.next_after(depth)

    async def _rank(self, caller: Caller, asked: _Asked, found: Found, watch: Stopwatch) -> Iterator[Ranked]:
        with watch.stage("fuse"):
            fusion = Fusion(kind="convex", dense_weight=self._weights.dense)
            candidates = list(fuse(found.arms, fusion, {}))
            looking = recollections.places(self._db.glance(caller.tenant), caller.subject, [one.key for one in candidates])
            places = await caller.deadline.wait(looking, "reading where the memories stand")
            ranked = rank(candidates, places, asked.question, self._weights)
        minimum = asked.request.minimum
        return (one for one in ranked if _reaches(one, minimum)) if minimum else ranked

    async def _memos(self, caller: Caller, asked: _Asked, ranked: Iterator[Ranked]) -> tuple[Memo, ...]:
        request = asked.request
        checks = Checks(self._db.glance(caller.tenant), owner=caller.subject, request=request, now=self._clock.now())
        kept: list[Memo] = []
        while len(kept) < request.k and (page := list(islice(ranked, request.k + PAGE_SPARE))):
            kept += await checks.memos(page)
        return await checks.finish(kept[: request.k])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    memos: tuple[Memo, ...]
    answerable: float | None
    degraded: tuple[str, ...]


_NOTHING = _Answer(memos=(), answerable=0.0, degraded=())


def _answerable(asked: _Asked, memos: Sequence[Memo]) -> float:
    return answerability.estimate([memo.signals for memo in memos], words=len(asked.request.query.split()))


def _check(request: RecallRequest, limits: Limits) -> None:
    check_request(
        SearchRequest(query=request.query, k=request.k, minimum=request.minimum, min_offset=request.min_offset), limits
    )
    if not request.types:
        raise errors.no_types()
    since, until = request.moments.since, request.moments.until
    if since is not None and until is not None and since >= until:
        raise errors.empty_period(since, until)


def _plan(asked: _Asked, depth: int) -> Plan:
    return Plan(
        query=asked.request.query,
        indexes=(asked.index,),
        mode=Mode.HYBRID,
        condition=asked.condition,
        ranged=asked.index.profile.ranged,
        fusion=asked.index.profile.fusion,
        minimum={},
        k=asked.request.k,
        depth=depth,
        page=depth,
        group_by_document=False,
        neighbors=0,
    )


def _condition(request: RecallRequest, index: IndexRecord | None, limits: Limits) -> Filter:
    """What the engine can know of the scope. A filter that cannot be read is refused before anything is remembered, too."""
    parts: list[Filter] = [In("mem.type", tuple(one.name.lower() for one in request.types))]
    if request.session is not None:
        # A fact of no session counts where its proofs are (learned.py).
        parts.append(Any((Eq("mem.session", request.session), All((Eq("mem.type", "fact"), Not(Exists("mem.session")))))))
    if request.agent is not None:
        # A fact of no agent is every agent's.
        anyones = All((Eq("mem.type", "fact"), Not(Exists("mem.agent"))))
        parts.append(Any((Eq("mem.agent", request.agent), anyones)))
    if request.filter is not None:
        parts.append(parse_filter(request.filter, {} if index is None else index.profile.ranged, limits))
    if not request.quarantined:
        parts.append(Not(Eq("mem.trust", int(Trust.QUARANTINED))))
    return All((*parts, *_times(request.moments), *_standing(request)))


def _standing(request: RecallRequest) -> list[Filter]:
    """Facts that nobody is to be answered with stay out of the candidates. Of another moment the records decide: what is
    superseded now may have held then."""
    if request.moments.as_of is not None or request.moments.as_known_at is not None:
        return []
    shown = {Status.ACTIVE}
    if request.superseded:
        shown.add(Status.SUPERSEDED)
    if request.quarantined:
        shown.add(Status.QUARANTINED)
    return [Not(In("mem.status", tuple(status for status in Status if status not in shown)))]


def _times(moments: Moments) -> list[Filter]:
    """What has no time of its own is left out of a period, and not of what was known as of a moment: there the records
    decide."""
    parts: list[Filter] = []
    if moments.since is not None or moments.until is not None:
        since = None if moments.since is None else moments.since.timestamp()
        parts.append(Range(OCCURRED, gte=since, lt=None if moments.until is None else moments.until.timestamp()))
    if moments.as_of is not None:
        parts.append(Not(Range(OCCURRED, gt=moments.as_of.timestamp())))
    return parts


def _reaches(one: Ranked, minimum: Mapping[str, float]) -> bool:
    signals = {"dense": one.signals.dense, "keyword": one.signals.keyword}
    return all((value := signals[name]) is not None and value >= floor for name, floor in minimum.items())
