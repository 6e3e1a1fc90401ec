"""Keeping an answer: admitted, under a lease that holds, resting on sources that are what the caller says they are, compared
with what a lookup had found. In doubt nothing is stored."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cache import errors
from cache.admission import bypass_reason, refusal_reason
from cache.calibration import QUARANTINE_AFTER
from cache.coherence import Coherence
from cache.embedding import Embedding
from cache.flat import Vector
from cache.groups import Verdict
from cache.judging import NOTHING, Judge, Judged
from cache.learning import Namespace
from cache.leases import Lease, refusal
from cache.placing import eyes_digest
from cache.signing import Holding, Seen
from cache.types import (
    TTL_S_MAX,
    Mode,
    Place,
    Status,
    Stored,
    StoreLimits,
    StoreRequest,
)
from core.caller import Caller
from core.clock import Clock
from core.errors import Conflict, TimedOut, Unavailable
from storage import cache_entries, cache_ledger, cache_sources, idempotency, vectors
from storage.cache_entries import NewEntry
from storage.cache_records import Evidence, FoundSource, SourceName
from storage.database import Database, Transaction

TTL_JITTER = 0.1  # of the time to live, taken off by chance: entries of one import do not end together


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An answer that was admitted. `evidence` None: it cites no document."""

    request: StoreRequest
    place: Place
    size: int
    sources: tuple[FoundSource, ...]
    evidence: Evidence | None
    offset: int
    vector: Vector | None
    judged: Judged
    expires_at: datetime


class Refused(Exception):
    """Nothing is kept, for a reason that is nobody's mistake."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def check(request: StoreRequest, limits: StoreLimits) -> int:
    """What can be said of an answer without reading anything: its size as JSON; Invalid, TooLarge."""
    try:
        text = json.dumps(request.response, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as failed:
        raise errors.invalid_response("holds NaN or an infinite number, which JSON does not know") from failed
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limits.response_bytes_max:
        raise errors.response_too_large(size, limits.response_bytes_max)
    if request.ttl_s is not None and not 1 <= request.ttl_s <= TTL_S_MAX:
        raise errors.out_of_range("ttl_s", request.ttl_s, f"1 to {TTL_S_MAX}")
    if len(request.sources) > limits.sources_max:
        raise errors.out_of_range("sources", f"{len(request.sources)} long", f"at most {limits.sources_max} long")
    if len(request.tags) > limits.tags_max:
        raise errors.out_of_range("tags", f"{len(request.tags)} long", f"at most {limits.tags_max} long")
    for place, source in enumerate(request.sources):
        if source.version is None and source.type in {"document", "fact"}:
            raise errors.version_needed(place)
    return size


def refuse_unwelcome(request: StoreRequest, mode: Mode) -> None:
    """Refused, by what the question and the answer are."""
    if mode is Mode.OFF:
        raise Refused("off")
    if request.question.no_store:
        raise Refused("no_store")
    reason = bypass_reason(request.question.query) or refusal_reason(request.response)
    if reason is not None:
        raise Refused(reason)


class Storing:
    """Writes entries."""

    def __init__(
        self, *, db: Database, embedding: Embedding, coherence: Coherence, clock: Clock, chance: random.Random
    ) -> None:
        self._db = db
        self._embedding = embedding
        self._coherence = coherence
        self._clock = clock
        self._chance = chance
        self._judge = Judge(db, embedding)

    async def draft(self, place: Place, request: StoreRequest, namespace: Namespace, *, size: int, seen: Seen | None) -> Draft:
        """Everything that takes time, before any transaction. Refused, Conflict."""
        deadline = place.eyes.deadline
        sources: tuple[FoundSource, ...] = ()
        if request.sources:
            async with self._db.read(place.eyes.tenant) as tx:
                sources = await _found(tx, place, request.sources)
        evidence, offset = await self._evidence(place, sources, seen)
        try:
            vector = await self._embedding.vector(place.query, deadline)
        except (Unavailable, TimedOut):
            vector = None
        judged = NOTHING
        if seen is not None and seen.entries and seen.status != Status.HIT:
            judged = await self._judge.compare(
                place.eyes.tenant, request.response, seen.entries, equals_first=request.equals_cached, deadline=deadline
            )
        ttl_s = min(request.ttl_s or namespace.settings.ttl_s, namespace.settings.ttl_s)
        return Draft(
            request=request,
            place=place,
            size=size,
            sources=sources,
            evidence=evidence,
            offset=offset,
            vector=vector,
            judged=judged,
            expires_at=self._clock.now() + timedelta(seconds=ttl_s * (1 - TTL_JITTER * self._chance.random())),
        )

    async def write(self, caller: Caller, draft: Draft, *, held: Holding | None, seen: Seen | None) -> Stored:
        """One transaction: the lease, the sources once more, the entry, its group, its label."""
        place, now = draft.place, self._clock.now()
        async with self._db.write(caller.tenant) as tx:
            if held is not None:
                await check_lease(tx, held, now)
            if await _found(tx, place, draft.request.sources) != draft.sources:
                raise Refused("source_changed")
            if draft.vector is not None:
                await vectors.put(tx, self._embedding.model, {self._embedding.digest(place.query): draft.vector}, now)
            entry = await cache_entries.add(tx, self._entry(draft, now))
            await self._learn(tx, draft, seen, now)
            # Whoever stored it, there is an answer now: nobody has to wait for a leader any more.
            await cache_ledger.end_leases(tx, place.partition, [place.normalized], now)
            stored = Stored(entry=entry)
            await idempotency.remember(tx, caller, stored)
        return stored

    async def write_all(self, drafts: Sequence[Draft]) -> list[Stored]:
        """Answers to different questions of one partition, in one transaction: no lease, no label. What became of each."""
        now, first = self._clock.now(), drafts[0].place
        async with self._db.write(first.eyes.tenant) as tx:
            standing = [draft for draft in drafts if await _unchanged(tx, draft)]
            made = {self._embedding.digest(draft.place.query): draft.vector for draft in standing if draft.vector is not None}
            await vectors.put(tx, self._embedding.model, made, now)
            ids = await cache_entries.add_all(tx, [self._entry(draft, now) for draft in standing]) if standing else []
            await cache_ledger.end_leases(tx, first.partition, [draft.place.normalized for draft in standing], now)
        entries = dict(zip((draft.place.exact for draft in standing), ids, strict=True))
        return [
            Stored(entry=entry) if (entry := entries.get(draft.place.exact)) else Stored(entry=None, reason="source_changed")
            for draft in drafts
        ]

    async def _evidence(self, place: Place, sources: Sequence[FoundSource], seen: Seen | None) -> tuple[Evidence | None, int]:
        indexes = sorted({one.index for one in sources if one.index is not None})
        if not indexes:
            return None, 0
        tenant = place.eyes.tenant
        moved = await cache_sources.moved(self._db.glance(tenant), indexes)
        count = len({one.subject_id for one in sources if one.index is not None})
        found = await self._coherence.retrieve(place.eyes, place.query, indexes, k=count, offset=moved)
        if found is None:
            raise Refused("unverifiable")
        cited = {(one.index, one.id, one.version) for one in sources}
        fresh = [one for one in found.evidence if one not in cited]
        if seen is not None and fresh and await cache_sources.changed_since(self._db.glance(tenant), fresh, seen.offset):
            # The answer was made before this document came, and it would have been told to the model.
            raise Refused("evidence_moved")
        return found.evidence, found.offset

    def _entry(self, draft: Draft, now: datetime) -> NewEntry:
        place, cost = draft.place, draft.request.cost
        return NewEntry(
            namespace=place.namespace,
            partition=place.partition,
            scope=place.scope,
            scope_id=place.scope_id,
            owner=place.owner,
            exact=place.exact,
            normalized=place.normalized,
            text_digest=place.text_digest,
            query=place.query,
            response=draft.request.response,
            size=draft.size,
            model=self._embedding.model,
            vector_sha256=None if draft.vector is None else self._embedding.digest(place.query),
            group=draft.judged.group,
            placed=bool(draft.judged.verdicts),
            sources=draft.sources,
            tags=tuple(sorted(set(draft.request.tags))),
            evidence=draft.evidence,
            eyes=eyes_digest(place.eyes),
            offset=draft.offset,
            tokens=cost.tokens,
            usd=cost.usd,
            latency_ms=cost.latency_ms,
            created_at=now,
            expires_at=draft.expires_at,
        )

    async def _learn(self, tx: Transaction, draft: Draft, seen: Seen | None, now: datetime) -> None:
        judged, place = draft.judged, draft.place
        if seen is None or not judged.verdicts:
            return
        await cache_entries.join(tx, place.partition, judged.joins)
        await cache_entries.place(tx, list(judged.verdicts))
        verdict = judged.verdicts.get(seen.entries[0])
        if verdict is None or seen.features is None:
            return
        wrong = verdict is Verdict.DIFFERENT
        label = await cache_ledger.add_label(
            tx,
            place.namespace,
            mark=seen.nonce.encode(),
            entry=seen.entries[0],
            features=seen.features,
            wrong=wrong,
            kind="audited" if seen.audited else "judged",
            at=now,
        )
        if label is not None and wrong and seen.audited:
            await cache_entries.note_false(tx, seen.entries[0], QUARANTINE_AFTER)


async def check_lease(tx: Transaction, held: Holding, now: datetime) -> None:
    """Conflict when the lease no longer holds."""
    known = await cache_ledger.lease(tx, held.partition, held.normalized)
    kept = None if known is None else Lease(token=known[0], until=known[1])
    reason = "lease_expired" if now >= held.until else refusal(held.token, kept, now)
    if reason is not None:
        raise errors.lease_over(reason)


async def _unchanged(tx: Transaction, draft: Draft) -> bool:
    """Whether the sources are still what they were."""
    try:
        return await _found(tx, draft.place, draft.request.sources) == draft.sources
    except (Refused, Conflict):
        return False


async def _found(tx: Transaction, place: Place, sources: Sequence[SourceName]) -> tuple[FoundSource, ...]:
    """The sources as they are now. Conflict for a version that is not there yet, Refused for one that is no longer."""
    found: list[FoundSource] = []
    visibility = place.eyes.sees()
    for source in sources:
        one = await cache_sources.find(tx, source, place.owner)
        if one is None or not visibility.admits(one.acl):
            raise Refused("source_missing")
        if source.version is not None and source.version > one.version:
            raise errors.source_ahead(source.id, source.version, one.version)
        if source.version is not None and source.version < one.version:
            raise Refused("source_changed")
        found.append(one)
    return tuple(found)
