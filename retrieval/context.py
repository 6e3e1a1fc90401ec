"""The context call: one question becomes one text within a budget, of documents, memories, the summary and recent turns, asked
at the same time with one embedding of the query. What goes in, and why, is decided by retrieval/assembling.py."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace

from core.caller import Caller, Grant
from core.errors import TimedOut, Unavailable
from core.ids import chunk_key
from core.limits import Limits
from core.profile import Fusion
from core.telemetry import DEGRADED, Stopwatch, log
from engines.port import Vector
from inference.port import Embedder, Purpose, TextModel, Vocabularies
from retrieval import answerability, context_errors
from retrieval.arms import EMBED_SHARE, at_once, together
from retrieval.assembling import STABLE_SHARES, Assembled, assemble
from retrieval.budget import Budget
from retrieval.context_types import Asked, Clash, Context, ContextRequest, Gathered, Source, Sources
from retrieval.judging import refusal
from retrieval.pieces import Kind, Piece, Section
from retrieval.planning import check_request
from retrieval.rewording import TURNS, Reworded, Rewording, reword
from retrieval.service import Retrieval
from retrieval.stable import changed_because
from retrieval.types import Mode, Passage, Progress, SearchRequest
from retrieval.uniting import united
from retrieval.worth import by_title, by_worth
from storage import passages
from storage.database import Database

# Of the time left, what a source may take before the context goes on without it: the rest is for packing.
SOURCE_SHARE = 0.8
# Candidates asked for, one for so many tokens of the budget: twice what fills it, since duplicates and refused ones fall away.
# Packing costs 0.07 ms of CPU for each.
TOKENS_PER_CANDIDATE = {Section.DOCUMENTS: 60, Section.MEMORIES: 20, Section.RECENT: 30}
# At least so many: the order of packing is another than that of recall.
CANDIDATES_MIN = {Section.DOCUMENTS: 30, Section.MEMORIES: 100, Section.RECENT: 30}
SUMMARY_SHARE = 0.75
# Where tokens are bounded by bytes: a summary of so many times fewer of the embedder's tokens.
CHARACTERS_PER_TOKEN = 6


class Contexts:
    """One per process. `secret` makes fences that nobody can foresee; the same at every start, or no prefix stays stable."""

    def __init__(
        self,
        *,
        db: Database,
        documents: Retrieval,
        sources: Sources,
        embedder: Embedder,
        vocabularies: Vocabularies,
        progress: Progress,
        limits: Limits,
        secret: bytes,
        model: TextModel | None = None,
    ) -> None:
        self._db = db
        self._documents = documents
        self._sources = sources
        self._embedder = embedder
        self._vocabularies = vocabularies
        self._progress = progress
        self._limits = limits
        self._secret = secret
        self._model = model

    async def context(self, caller: Caller, request: ContextRequest) -> Context:
        """What the caller may tell a model about the question. Raises Forbidden, Invalid, TooLarge, NotFound, TimedOut, and
        what the store cannot do; a source that is down or late is left out and named in `degraded`."""
        caller.require(Grant.READ)
        owner = caller.acting_for(request.user)
        # A user's context holds what that user may read: another's eyes are those stated with the request, else theirs alone.
        reader = caller if caller.narrowed or owner.subject == caller.subject else owner
        _check(request, self._limits)
        watch = Stopwatch()
        with watch.stage("total"):
            if request.min_offset is not None:
                with watch.stage("wait"):
                    await self._progress.wait(caller.tenant, request.min_offset, caller.deadline)
            # Read before anything is asked: what the answer rests on is at least as new as it says.
            indexed = self._progress.indexed(caller.tenant)
            budget = await asyncio.to_thread(self._budget, owner, request)
            asked = _asked(request, budget, self._limits)
            eyes = _Eyes(reader=reader, owner=owner)
            reworded = await self._reworded(eyes, request, asked, watch)
            questions = (request.query, *(reworded.questions if reworded is not None else ()))
            found = await self._gather(eyes, request, [replace(asked, query=one) for one in questions], watch)
            with watch.stage("pack"):
                packing = asyncio.to_thread(assemble, found.stable.pieces, found.moving, budget)
                assembled = await caller.deadline.wait(packing, "packing the context")
        return Context(
            form=request.form,
            assembled=assembled,
            vocabulary=budget.vocabulary.name,
            exact=budget.vocabulary.exact,
            changed_because=changed_because(request.etag, assembled.etag),
            conflicts=_clashes(assembled),
            answerable=found.answerable,
            degraded=(*_degraded_by(reworded), *found.degraded),
            reworded=reworded,
            indexed_offset=indexed,
            timings_ms=watch.timings_ms,
        )

    async def _reworded(self, eyes: "_Eyes", request: ContextRequest, asked: Asked, watch: Stopwatch) -> Reworded | None:
        """What a text model makes of the question, in the light of the turns that it may refer back to; None where nobody
        asked for it."""
        if request.rewording is Rewording.OFF:
            return None
        with watch.stage("rewrite"):
            latest = replace(asked, limits={**asked.limits, Section.RECENT: TURNS})
            recent = await _degradable("recent", _from(self._sources.recent, eyes.owner, latest), eyes.reader, watch)
            reworded = await reword(
                self._model,
                request.rewording,
                request.query,
                [one for one in recent.pieces if refusal(one, request.trust_min, labelled=request.labelled) is None],
                within_s=eyes.reader.deadline.remaining_s(),
                bytes_max=self._limits.query_bytes_max,
            )
        if reworded.fallback is not None:
            log.warning("context_degraded", what="rewrite", code=reworded.fallback, request_id=eyes.reader.request_id)
            DEGRADED.labels("rewrite").inc()
        return reworded

    def _budget(self, owner: Caller, request: ContextRequest) -> Budget:
        return Budget(
            tokens_max=request.tokens_max,
            quotas=request.quotas,
            vocabulary=self._vocabularies.named(request.tokenizer),
            form=request.form,
            secret=self._secret,
            scope=f"{owner.tenant} {owner.subject} {request.session or ''}",
            trust_min=request.trust_min,
            labelled=request.labelled,
            stop=request.stop,
        )

    async def _gather(self, eyes: "_Eyes", request: ContextRequest, asked: Sequence[Asked], watch: Stopwatch) -> "_Found":
        """`asked` is the question, and what else is searched for; turns and summary do not depend on it."""
        wants = {section for section in Section if request.quotas.quota(section).tokens_max != 0}
        named = ("documents", "memories", "recent", "stable")
        async with together() as group:
            embedding = group.create_task(self._embed(eyes.reader, [one.query for one in asked], watch))
            works: Sequence[Coroutine[None, None, Gathered]] = (
                self._passages(eyes.reader, request, asked, embedding) if Section.DOCUMENTS in wants else _nothing(),
                self._remembered(eyes.owner, asked, embedding) if Section.MEMORIES in wants else _nothing(),
                _from(self._sources.recent if Section.RECENT in wants else None, eyes.owner, asked[0]),
                _from(self._sources.stable, eyes.owner, asked[0]),
            )
            tasks = [
                group.create_task(_degradable(name, work, eyes.reader, watch)) for name, work in zip(named, works, strict=True)
            ]
        documents, memories, recent, stable = (task.result() for task in tasks)
        dense = () if embedding.result() is not None or not wants & {Section.DOCUMENTS, Section.MEMORIES} else ("dense",)
        told = (*dense, *documents.degraded, *memories.degraded, *recent.degraded, *stable.degraded)
        kept = replace(stable, pieces=tuple(piece for piece in stable.pieces if piece.section in wants))
        return _Found(
            stable=kept,
            moving=(*by_title(documents.pieces, asked[0].query), *by_worth(memories.pieces), *recent.pieces),
            degraded=tuple(dict.fromkeys(told)),
            answerable=None if told else _answerable(documents, memories),
        )

    async def _embed(self, caller: Caller, queries: Sequence[str], watch: Stopwatch) -> Sequence[Vector] | None:
        """The queries' vectors, once for all; None where the model is down or late, and words have to do."""
        try:
            with watch.stage("embed"):
                async with asyncio.timeout(caller.deadline.remaining_s() * EMBED_SHARE):
                    return list(await self._embedder.embed(queries, Purpose.QUERY))
        except (Unavailable, TimedOut, TimeoutError) as fault:
            code = fault.code if isinstance(fault, Unavailable | TimedOut) else "deadline.embedding"
            log.warning("context_degraded", what="dense", code=code, request_id=caller.request_id)
            DEGRADED.labels("dense").inc()
            return None

    async def _remembered(self, owner: Caller, asked: Sequence[Asked], embedding: "_Embedding") -> Gathered:
        found = await at_once([_from(self._sources.memories, owner, one) for one in await _embedded(asked, embedding)])
        return united(found, asked[0].limit(Section.MEMORIES))

    async def _passages(
        self, caller: Caller, request: ContextRequest, asked: Sequence[Asked], embedding: "_Embedding"
    ) -> Gathered:
        found = await at_once([self._searched(caller, request, one) for one in await _embedded(asked, embedding)])
        return united(found, asked[0].limit(Section.DOCUMENTS))

    async def _searched(self, caller: Caller, request: ContextRequest, asked: Asked) -> Gathered:
        search = SearchRequest(
            query=asked.query,
            indexes=request.indexes,
            k=asked.limit(Section.DOCUMENTS),
            mode=Mode.KEYWORD if asked.vector is None else Mode.HYBRID,
            fusion_otherwise=Fusion(),
        )
        found = await self._documents.search(caller, search, vector=asked.vector)
        known = await self._known(caller, found.results, request)
        # What a document said before it was replaced is not searchable any more: an answer as of then may lack it.
        history = ("documents_history",) if request.as_known_at is not None and len(known) < len(found.results) else ()
        return Gathered(
            pieces=tuple(_piece(one) for one in known),
            degraded=(*found.degraded, *history),
            answerable=answerability.estimate([one.signals for one in known]),
        )

    async def _known(self, caller: Caller, found: Sequence[Passage], request: ContextRequest) -> Sequence[Passage]:
        """Those of things that had happened, and that had been written down, by the moments that the request names."""
        if request.as_of is not None:
            found = [one for one in found if one.occurred_at is None or one.occurred_at <= request.as_of]
        if request.as_known_at is None or not found:
            return found
        keys = {one.chunk_id: key for one in found if (key := chunk_key(one.chunk_id)) is not None}
        reading = passages.published(self._db.glance(caller.tenant), list(keys.values()))
        at = await caller.deadline.wait(reading, "reading when the documents were published")
        since = {chunk: at[key] for chunk, key in keys.items() if key in at}
        return [one for one in found if one.chunk_id in since and since[one.chunk_id] <= request.as_known_at]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Eyes:
    """Who reads the documents, and whose memory it is."""

    reader: Caller
    owner: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    stable: Gathered
    moving: tuple[Piece, ...]
    degraded: tuple[str, ...]
    answerable: float | None


_Embedding = asyncio.Task[Sequence[Vector] | None]


async def _embedded(asked: Sequence[Asked], embedding: _Embedding) -> Sequence[Asked]:
    vectors = await asyncio.shield(embedding)
    return asked if vectors is None else [replace(one, vector=own) for one, own in zip(asked, vectors, strict=True)]


def _answerable(documents: Gathered, memories: Gathered) -> float | None:
    recalled = None if memories.answerable is None else answerability.of_memories(memories.answerable)
    return answerability.either(documents.answerable, recalled)


def _degraded_by(reworded: Reworded | None) -> tuple[str, ...]:
    return () if reworded is None or reworded.fallback is None else ("rewrite",)


async def _nothing() -> Gathered:
    return Gathered()


async def _from(source: Source | None, owner: Caller, asked: Asked) -> Gathered:
    return Gathered() if source is None else await source.gather(owner, asked)


async def _degradable(name: str, work: Coroutine[None, None, Gathered], caller: Caller, watch: Stopwatch) -> Gathered:
    """What a source gives; where it is down or late, nothing, said so."""
    try:
        with watch.stage(name):
            async with asyncio.timeout(caller.deadline.remaining_s() * SOURCE_SHARE):
                return await work
    except (Unavailable, TimedOut, TimeoutError) as fault:
        code = fault.code if isinstance(fault, Unavailable | TimedOut) else "deadline.source"
        log.warning("context_degraded", what=name, code=code, request_id=caller.request_id)
        DEGRADED.labels(name).inc()
        return Gathered(degraded=(name,))


def _check(request: ContextRequest, limits: Limits) -> None:
    check_request(SearchRequest(query=request.query, min_offset=request.min_offset), limits)
    for section, quota in request.quotas.of.items():
        if quota.tokens_max is not None and quota.tokens_min > quota.tokens_max:
            raise context_errors.section_minimum_over_maximum(section, quota.tokens_min, quota.tokens_max)


def _asked(request: ContextRequest, budget: Budget, limits: Limits) -> Asked:
    return Asked(
        query=request.query,
        session=request.session,
        as_of=request.as_of,
        as_known_at=request.as_known_at,
        labelled=request.labelled,
        vector=None,
        limits={
            section: min(limits.k_max, max(CANDIDATES_MIN[section], request.tokens_max // tokens))
            for section, tokens in TOKENS_PER_CANDIDATE.items()
        },
        summary_tokens=_summary_tokens(budget),
    )


def _summary_tokens(budget: Budget) -> int:
    """A little less than the summary may take: its heading counts too, and whoever makes it counts with another tokenizer."""
    quota = budget.quotas.quota(Section.SUMMARY).tokens_max
    most = int(STABLE_SHARES[Section.SUMMARY] * budget.tokens_max) if quota is None else min(quota, budget.tokens_max)
    return int(SUMMARY_SHARE * most) if budget.vocabulary.exact else most // CHARACTERS_PER_TOKEN


def _piece(one: Passage) -> Piece:
    return Piece(
        id=one.document_id,
        kind=Kind.DOCUMENT,
        section=Section.DOCUMENTS,
        text=one.text,
        score=one.score,
        when=one.occurred_at,
        owner=f"{one.index}/{one.document_id}",
        title=one.title,
        page=one.page,
        position=one.span[0],
        version=one.version,
        span=one.span,
        labels=one.labels,
        chunk=one.chunk_id,
    )


def _clashes(assembled: Assembled) -> tuple[Clash, ...]:
    """Once each: a fact of the stable half does not know what was before, its twin among those recalled does."""
    before = {one.marked.piece.identity: one.marked.piece.before for one in assembled.judged if one.marked.piece.before}
    return tuple(
        Clash(id=piece.id, marker=one.marked.marker, current=piece.text, since=piece.when, before=before[piece.identity])
        for one in assembled.chosen
        if (piece := one.marked.piece).identity in before
    )
