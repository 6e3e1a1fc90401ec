"""The tiers of one lookup: exact, normalised, semantic. What is found is proved against the records before it is given.
Nothing is written in the way of an answer; who generates after a miss is cache/service.py's matter."""

import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cache.acceptance import Neighbour
from cache.calibration import audit_rate
from cache.coherence import Coherence, Standing, Verdict
from cache.deciding import Decision, Rule, decide, to_compare
from cache.embedding import Embedding
from cache.flat import Vector
from cache.groups import GROUPS_JUDGED_MAX
from cache.learning import Namespace
from cache.ledger import Ledger
from cache.partitions import Partitions
from cache.signing import Seen
from cache.types import Found, Mode, Place, Status, Tier
from core.clock import Clock
from core.errors import TimedOut, Unavailable
from core.telemetry import DEGRADED
from storage import cache_entries
from storage.cache_records import EntryRecord, EntryState
from storage.database import Database

# Neighbours that turned out to be gone are taken out, and it is looked again so often.
ROUNDS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the tiers came to. `vector` is the question's, `neighbours` those that the caller may see."""

    found: Found | None
    seen: Seen
    decision: Decision | None = None
    neighbours: tuple[Neighbour, ...] = ()
    vector: Vector | None = None
    reason: str = "no_entry"


class Looking:
    """Reads only."""

    def __init__(
        self,
        *,
        db: Database,
        embedding: Embedding,
        partitions: Partitions,
        coherence: Coherence,
        ledger: Ledger,
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self._db = db
        self._embedding = embedding
        self._partitions = partitions
        self._coherence = coherence
        self._ledger = ledger
        self._clock = clock
        self._chance = chance

    async def look(self, place: Place, namespace: Namespace, rule: Rule, *, offset: int) -> Look:
        """A hit or an audit in `found`, or None with what a miss needs."""
        exact, stale = await self._exact(place)
        if exact is not None:
            assert exact.entry is not None
            seen = self.seen(place, exact.status, offset, entries=(exact.entry.id,))
            return Look(found=exact, seen=seen)
        try:
            vector = await self._embedding.vector(place.query, place.eyes.deadline)
        except (Unavailable, TimedOut):
            DEGRADED.labels("cache").inc()
            return Look(found=None, seen=self.seen(place, Status.MISS, offset), reason="embedder_unavailable")
        look = await self._semantic(place, namespace, rule, vector=vector, offset=offset)
        return replace(look, reason="stale") if stale and look.reason == "no_entry" else look

    def seen(
        self,
        place: Place,
        status: Status,
        offset: int,
        *,
        entries: tuple[int, ...] = (),
        features: tuple[float, ...] | None = None,
        similarity: float | None = None,
        audited: bool = False,
    ) -> Seen:
        """What a lookup id says."""
        return Seen(
            namespace=place.namespace,
            partition=place.partition,
            normalized=place.normalized,
            status=status,
            entries=entries,
            features=features,
            similarity=similarity,
            audited=audited,
            offset=offset,
            at=self._clock.now(),
            nonce=secrets.token_urlsafe(9),
        )

    async def _exact(self, place: Place) -> tuple[Found | None, bool]:
        """The first answer to this very question that may be given, and whether a stale one was met."""
        reads, deadline = self._db.glance(place.eyes.tenant), place.eyes.deadline
        now = self._clock.now()
        reading = cache_entries.by_question(reads, place.partition, place.normalized, now)
        same = await deadline.wait(reading, "reading the cache")
        if not same:
            return None, False
        same = tuple(sorted(same, key=lambda one: one[0].exact != place.exact))
        standings = await self._coherence.standing(place.eyes, [entry for entry, _ in same])
        stale = False
        for entry, response in same:
            standing = standings[entry.id]
            if await self._coherence.good(place.eyes, entry, standing):
                tier = Tier.EXACT if entry.exact == place.exact else Tier.NORMALIZED
                return _hit(tier, entry, standing, response), False
            stale = stale or standing.verdict in {Verdict.STALE, Verdict.MOVED}
        return None, stale

    async def _semantic(self, place: Place, namespace: Namespace, rule: Rule, *, vector: Vector, offset: int) -> Look:
        neighbours, entries, standings = await self._neighbours(place, vector)
        decision = decide(place.query, neighbours, rule)
        candidate = decision.candidate
        if candidate is None or decision.score is None:
            seen = self.seen(place, Status.MISS, offset)
            return Look(found=None, seen=seen, decision=decision, neighbours=neighbours, vector=vector)
        near = candidate.neighbour
        entry = entries[near.key]
        if not candidate.vetoes:
            namespace.see(decision.score, near.similarity)
            self._ledger.score(place.eyes.tenant, place.namespace, decision.score, near.similarity)
        found, reason = await self._served(place, namespace, rule, decision=decision, entry=entry, standing=standings[entry.id])
        status = Status.MISS if found is None else found.status
        seen = self.seen(
            place,
            status,
            offset,
            entries=(entry.id,) if status is Status.HIT else to_compare(near, neighbours, GROUPS_JUDGED_MAX),
            features=None if candidate.vetoes else candidate.features,
            similarity=near.similarity,
            audited=reason in {"audit", "shadow"},
        )
        return Look(found=found, seen=seen, decision=decision, neighbours=neighbours, vector=vector, reason=reason)

    async def _served(
        self, place: Place, namespace: Namespace, rule: Rule, *, decision: Decision, entry: EntryRecord, standing: Standing
    ) -> tuple[Found | None, str]:
        if decision.guards:
            return None, "guarded"
        if not decision.fits:
            return None, "below_threshold"
        if entry.state is EntryState.QUARANTINED:
            return None, "quarantined"
        self._ledger.count(place.eyes.tenant, place.namespace, "semantic.fits")
        if rule.mode is Mode.SHADOW:
            return None, "shadow"
        if not await self._coherence.good(place.eyes, entry, standing):
            return None, "no_entry"
        response = await cache_entries.response(self._db.glance(place.eyes.tenant), entry.id)
        if response is None:
            return None, "no_entry"
        hit = _hit(Tier.SEMANTIC, entry, standing, response)
        if rule.mode is Mode.VERIFIED and self._chance.random() < audit_rate(namespace.audits):
            return replace(hit, status=Status.AUDIT, response=None, entry=None, sources=()), "audit"
        return hit, ""

    async def _neighbours(
        self, place: Place, vector: Vector
    ) -> tuple[tuple[Neighbour, ...], dict[int, EntryRecord], dict[int, Standing]]:
        """The nearest entries as the records have them, without those that may not be seen."""
        near: tuple[Neighbour, ...] = ()
        seen: list[Neighbour] = []
        living: dict[int, EntryRecord] = {}
        standings: dict[int, Standing] = {}
        for _ in range(ROUNDS_MAX):
            near = await self._partitions.near(place.eyes.tenant, place.partition, vector)
            living = await self._living(place, near)
            standings = dict(await self._coherence.standing(place.eyes, list(living.values())))
            gone = [one.key for one in near if one.key not in living or standings[one.key].verdict is Verdict.STALE]
            seen = [one for one in near if one.key in living and standings[one.key].verdict in {Verdict.GOOD, Verdict.MOVED}]
            if not gone:
                break
            self._partitions.drop(place.eyes.tenant, gone)
        return tuple(_as_recorded(one, living[one.key]) for one in seen), living, standings

    async def _living(self, place: Place, near: Sequence[Neighbour]) -> dict[int, EntryRecord]:
        if not near:
            return {}
        reading = cache_entries.by_ids(self._db.glance(place.eyes.tenant), [one.key for one in near])
        entries = await place.eyes.deadline.wait(reading, "reading the cache")
        now = self._clock.now()
        return {key: one for key, one in entries.items() if one.expires_at > now and one.state is not EntryState.STALE}


def explained(found: Found, decision: Decision | None, rule: Rule) -> Found:
    """With the figures of the semantic tier, where it was asked."""
    if decision is None:
        return found
    near = None if decision.candidate is None else decision.candidate.neighbour
    return replace(
        found,
        similarity=None if near is None else near.similarity,
        score=decision.score,
        threshold=rule.threshold,
        wrong_rate_upper=rule.wrong_rate_upper,
        guards=decision.guards,
    )


def _as_recorded(neighbour: Neighbour, entry: EntryRecord) -> Neighbour:
    return replace(neighbour, group=entry.group, placed=entry.placed)


def _hit(tier: Tier, entry: EntryRecord, standing: Standing, response: object) -> Found:
    return Found(
        status=Status.HIT, lookup_id="", tier=tier, response=response, entry=entry, sources=standing.sources, reason=None
    )


def in_flight(query: str, vector: Vector, neighbours: Sequence[Neighbour], rule: Rule, *, flight: tuple[str, Vector]) -> bool:
    """Whether the answer that is on its way would serve this question, were it there now."""
    if rule.mode not in {Mode.VERIFIED, Mode.STATIC}:
        return False
    text, other = flight
    coming = Neighbour(key=0, similarity=float(min(1.0, vector @ other)), group=0, placed=False, text=text)
    ordered = sorted((*neighbours, coming), key=lambda one: -one.similarity)
    decision = decide(query, ordered, rule)
    return decision.fits and decision.candidate is not None and decision.candidate.neighbour.key == 0
