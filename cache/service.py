"""The cache: the same question, the same answer, as long as what it rests on stands. A lookup goes through the tiers and ends
in a hit, an audit, or a miss with a lease; who comes while a leader generates waits for its answer. Upkeep (feedback,
invalidation, figures) is cache/upkeep.py."""

import random
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from cache import errors
from cache.admission import bypass_reason
from cache.coherence import Coherence
from cache.deciding import Rule
from cache.embedding import Embedding
from cache.evicting import Evicting
from cache.flights import Flight, Flights
from cache.learning import Learning, Namespace
from cache.leases import Claim, Lease, claim
from cache.ledger import Ledger
from cache.looking import Look, Looking, explained, in_flight
from cache.partitions import Partitions
from cache.placing import place
from cache.prior import prior
from cache.signing import Holding, Seen, grant, holding, seal, unseal
from cache.storing import Draft, Refused, Storing, check, check_lease, refuse_unwelcome
from cache.types import (
    LEASE_S_MAX,
    LOOKUP_HOURS,
    Found,
    LookupRequest,
    Mode,
    Place,
    Search,
    Status,
    Stored,
    StoreLimits,
    StoreRequest,
)
from core.caller import Caller, Grant
from core.clock import Clock
from core.errors import Conflict
from core.ids import TenantId
from inference.port import Embedder
from retrieval.types import Progress
from storage import cache_ledger, idempotency
from storage.database import Database

# How often a follower looks whether a leader in another process has finished.
POLL_S = 0.25
# Before the deadline a follower is told that the answer is pending, so that it hears of it.
MARGIN_S = 0.1
SECRETS_MAX = 1_024
DEFAULT_STORE_LIMITS = StoreLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the service stands on, made by `Cache.over`."""

    db: Database
    embedding: Embedding
    partitions: Partitions
    coherence: Coherence
    learning: Learning
    ledger: Ledger
    clock: Clock
    limits: StoreLimits


def rooms(
    *, db: Database, embedder: Embedder, search: Search, clock: Clock, limits: StoreLimits = DEFAULT_STORE_LIMITS
) -> Rooms:
    """The parts that lookups, stores and upkeep share."""
    embedding = Embedding(embedder)
    learning = Learning(db, clock, prior())
    ledger = Ledger(db, clock, learning.weights_name)
    return Rooms(
        db=db,
        embedding=embedding,
        partitions=Partitions(db, clock, model=embedding.model, dimension=embedding.dimension),
        coherence=Coherence(db=db, search=search, embedding=embedding, ledger=ledger, clock=clock),
        learning=learning,
        ledger=ledger,
        clock=clock,
        limits=limits,
    )


class Secrets:
    """What each tenant's lookup ids are signed with."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._known: OrderedDict[TenantId, bytes] = OrderedDict()

    async def of(self, tenant: TenantId) -> bytes:
        known = self._known.get(tenant)
        if known is None:
            async with self._db.write(tenant) as tx:
                known = await cache_ledger.secret(tx, self._clock.now())
            self._known[tenant] = known
            while len(self._known) > SECRETS_MAX:
                self._known.popitem(last=False)
        return known


class Cache:
    """Lookups and stores."""

    def __init__(self, parts: Rooms, secrets: Secrets, *, progress: Progress, chance: random.Random) -> None:
        self._parts = parts
        self._secrets = secrets
        self._progress = progress
        self._flights = Flights(parts.clock)
        self._evicting = Evicting(db=parts.db, partitions=parts.partitions, ledger=parts.ledger, clock=parts.clock)
        self._looking = Looking(
            db=parts.db,
            embedding=parts.embedding,
            partitions=parts.partitions,
            coherence=parts.coherence,
            ledger=parts.ledger,
            clock=parts.clock,
            chance=chance,
        )
        self._storing = Storing(
            db=parts.db, embedding=parts.embedding, coherence=parts.coherence, clock=parts.clock, chance=chance
        )

    async def lookup(self, caller: Caller, request: LookupRequest) -> Found:
        """The answer of before, or what to do instead. Only a miss writes: its lease. Raises Forbidden, Invalid, NotFound,
        TooLarge, TimedOut, Unavailable."""
        caller.require(Grant.READ)
        _check_lookup(request)
        where = place(caller, request.question, embedder=self._parts.embedding.model)
        namespace = await self._parts.learning.namespace(caller.tenant, where.namespace)
        # Before anything is read: what the answer will be made from is at least as new.
        offset = self._progress.indexed(caller.tenant)
        reason = _bypass(namespace, request)
        if reason is not None:
            seen = self._looking.seen(where, Status.BYPASS, offset)
            found = await self._answered(where, Found(status=Status.BYPASS, lookup_id="", reason=reason), seen)
        else:
            found = await self._look(where, namespace, request, offset)
        tier = None if found.tier is None or found.status is not Status.HIT else found.tier.value
        self._parts.ledger.looked_up(caller.tenant, where.namespace, status=found.status, tier=tier, reason=found.reason)
        return found

    async def store(self, caller: Caller, request: StoreRequest) -> Stored:
        """Keeps an answer, or says why not. Raises Conflict for a lease that no longer holds and a source that is not there
        yet, TooLarge, Invalid."""
        caller.require(Grant.WRITE)
        size = check(request, self._parts.limits)
        where = place(caller, request.question, embedder=self._parts.embedding.model)
        secret = await self._secrets.of(caller.tenant)
        held = None if request.lease is None else _own_lease(holding(secret, request.lease), where)
        seen = None if request.lookup_id is None else self._own_lookup(unseal(secret, request.lookup_id), where)
        if request.equals_cached is not None and (seen is None or not seen.entries or seen.status == Status.HIT):
            raise errors.nothing_to_compare()
        namespace = await self._parts.learning.namespace(caller.tenant, where.namespace)
        try:
            stored = await self._keep(caller, where, request, namespace=namespace, size=size, held=held, seen=seen)
        except Refused as refused:
            stored = await self._refuse(caller, where, refused.reason, held)
        self._flights.landed(caller.tenant, where.partition, where.normalized)
        return stored

    async def store_all(self, caller: Caller, requests: Sequence[StoreRequest]) -> list[Stored]:
        """Keeps answers to different questions of one partition, in one transaction: under no lease, compared with none. What
        became of each."""
        caller.require(Grant.WRITE)
        places = [place(caller, one.question, embedder=self._parts.embedding.model) for one in requests]
        namespace = await self._parts.learning.namespace(caller.tenant, places[0].namespace)
        results: dict[bytes, Stored] = {}
        drafts: dict[bytes, Draft] = {}
        for where, request in zip(places, requests, strict=True):
            caller.deadline.check("storing many answers")
            try:
                refuse_unwelcome(request, Mode(namespace.settings.mode))
                drafts[where.exact] = await self._storing.draft(
                    where, request, namespace, size=check(request, self._parts.limits), seen=None
                )
            except Refused as refused:
                results[where.exact] = Stored(entry=None, reason=refused.reason)
            except Conflict as conflict:
                results[where.exact] = Stored(entry=None, reason=conflict.code.partition(".")[2])
        if drafts:
            results |= zip(drafts, await self._storing.write_all(list(drafts.values())), strict=True)
        await self._settle(caller.tenant, namespace, drafts, results)
        return [results[where.exact] for where in places]

    async def _settle(
        self, tenant: TenantId, namespace: Namespace, drafts: Mapping[bytes, Draft], results: Mapping[bytes, Stored]
    ) -> None:
        """After a write of many: the copies in memory, the counters, who waits, the room there is."""
        for exact, stored in results.items():
            draft = drafts.get(exact)
            if stored.entry is None or draft is None:
                self._parts.ledger.count(tenant, namespace.settings.name, f"refused.{stored.reason}")
                continue
            where = draft.place
            if draft.vector is not None:
                self._parts.partitions.put(tenant, where.partition, stored.entry, vector=draft.vector, query=where.query)
            self._flights.landed(tenant, where.partition, where.normalized)
            self._parts.ledger.count(tenant, namespace.settings.name, "stored")
            await self._evicting.make_room(tenant, namespace)

    async def _keep(
        self,
        caller: Caller,
        where: Place,
        request: StoreRequest,
        *,
        namespace: Namespace,
        size: int,
        held: Holding | None,
        seen: Seen | None,
    ) -> Stored:
        refuse_unwelcome(request, Mode(namespace.settings.mode))
        if held is not None:
            async with self._parts.db.read(caller.tenant) as tx:
                await check_lease(tx, held, self._parts.clock.now())
        draft = await self._storing.draft(where, request, namespace, size=size, seen=seen)
        stored = await self._storing.write(caller, draft, held=held, seen=seen)
        assert stored.entry is not None
        if draft.vector is not None:
            self._parts.partitions.put(caller.tenant, where.partition, stored.entry, vector=draft.vector, query=where.query)
        self._parts.ledger.count(caller.tenant, where.namespace, "stored")
        if draft.judged.verdicts:
            await self._parts.learning.namespace(caller.tenant, where.namespace, now=True)
        await self._evicting.make_room(caller.tenant, namespace)
        return stored

    async def _look(self, where: Place, namespace: Namespace, request: LookupRequest, offset: int) -> Found:
        deadline, clock = where.eyes.deadline, self._parts.clock
        rule = await namespace.rule(self._parts.learning.weights, request.wrong_rate_max)
        waits_s = max(0.0, deadline.remaining_s() - MARGIN_S)
        if request.wait_ms is not None:
            waits_s = min(waits_s, request.wait_ms / 1000)
        started_s = clock.monotonic()
        waited = False
        while True:
            landings = self._flights.landings(where.eyes.tenant, where.partition)
            look = await self._looking.look(where, namespace, rule, offset=offset)
            if look.found is not None:
                return await self._answered(where, self._counted(where, explained(look.found, look.decision, rule)), look.seen)
            like = partial(_like, where, look, rule)
            flight = self._flights.join(where.eyes.tenant, where.partition, where.normalized, like)
            if flight is None and landings != self._flights.landings(where.eyes.tenant, where.partition):
                continue  # an answer came while this looked: it may be the one
            if flight is None:
                claimed = await self._claim(where, look, request.lease_s)
                if claimed.granted:
                    return await self._missed(where, look, rule, claimed.lease)
            left_s = waits_s - (clock.monotonic() - started_s)
            if left_s <= 0:
                pending = Found(status=Status.PENDING, lookup_id="", reason="in_flight")
                seen = replace(look.seen, status=Status.PENDING)
                return await self._answered(where, explained(pending, look.decision, rule), seen)
            if not waited:
                waited = True
                self._parts.ledger.count(where.eyes.tenant, where.namespace, "lease.waited")
            await self._flights.wait(flight or self._elsewhere(where, clock.monotonic() + POLL_S), left_s)

    async def _claim(self, where: Place, look: Look, lease_s: float) -> Claim:
        """The lease, ours or another process's. Until the store has answered, others of this process already wait for us."""
        clock = self._parts.clock
        flight = Flight(
            tenant=where.eyes.tenant,
            partition=where.partition,
            normalized=where.normalized,
            query=where.query,
            vector=look.vector,
            until_s=clock.monotonic() + lease_s,
        )
        self._flights.begin(flight)
        granted = False
        try:
            async with self._parts.db.write(where.eyes.tenant) as tx:
                known = await cache_ledger.lease(tx, where.partition, where.normalized)
                held = None if known is None else Lease(token=known[0], until=known[1])
                claimed = claim(held, clock.now(), seconds=lease_s)
                if claimed.granted:
                    lease = claimed.lease
                    taken = await cache_ledger.put_lease(
                        tx, where.partition, where.normalized, token=lease.token, until=lease.until
                    )
                    claimed = replace(claimed, granted=taken)
            granted = claimed.granted
            return claimed
        finally:
            if not granted:
                self._flights.end(flight)

    async def _missed(self, where: Place, look: Look, rule: Rule, lease: Lease) -> Found:
        secret = await self._secrets.of(where.eyes.tenant)
        text = grant(
            secret,
            Holding(partition=where.partition, normalized=where.normalized, token=lease.token, until=lease.until),
        )
        self._parts.ledger.count(where.eyes.tenant, where.namespace, "lease.granted")
        missed = Found(status=Status.MISS, lookup_id="", lease=text, reason=look.reason)
        return await self._answered(where, explained(missed, look.decision, rule), look.seen)

    async def _answered(self, where: Place, found: Found, seen: Seen) -> Found:
        secret = await self._secrets.of(where.eyes.tenant)
        return replace(found, lookup_id=seal(secret, seen), at=self._parts.clock.now())

    def _counted(self, where: Place, found: Found) -> Found:
        """A hit is worth what the answer cost."""
        if found.status is Status.HIT and found.entry is not None:
            tenant, ledger, entry = where.eyes.tenant, self._parts.ledger, found.entry
            ledger.hit(tenant, entry.id)
            ledger.count(tenant, where.namespace, "saved.tokens", entry.tokens)
            ledger.count(tenant, where.namespace, "saved.usd", entry.usd or 0.0)
            ledger.count(tenant, where.namespace, "saved.latency_ms", entry.latency_ms)
        return found

    def _elsewhere(self, where: Place, until_s: float) -> Flight:
        """Another process generates: nothing here will tell, so it is looked again."""
        return Flight(
            tenant=where.eyes.tenant,
            partition=where.partition,
            normalized=where.normalized,
            query=where.query,
            vector=None,
            until_s=until_s,
        )

    async def _refuse(self, caller: Caller, where: Place, reason: str, held: Holding | None) -> Stored:
        """Nothing is kept, and the lease is given back: the next who asks generates."""
        stored = Stored(entry=None, reason=reason)
        now = self._parts.clock.now()
        async with self._parts.db.write(caller.tenant) as tx:
            if held is not None and held.until > now:
                await cache_ledger.put_lease(tx, held.partition, held.normalized, token=held.token, until=now)
            await idempotency.remember(tx, caller, stored)
        self._parts.ledger.count(caller.tenant, where.namespace, f"refused.{reason}")
        return stored

    def _own_lookup(self, seen: Seen, where: Place) -> Seen:
        if self._parts.clock.now() - seen.at > timedelta(hours=LOOKUP_HOURS):
            raise errors.lookup_expired(LOOKUP_HOURS)
        if (seen.partition, seen.normalized) != (where.partition, where.normalized):
            raise errors.token_mismatch("lookup_id")
        return seen


def _own_lease(held: Holding, where: Place) -> Holding:
    if (held.partition, held.normalized) != (where.partition, where.normalized):
        raise errors.token_mismatch("lease")
    return held


def _like(where: Place, look: Look, rule: Rule, flight: Flight) -> bool:
    if look.vector is None or flight.vector is None:
        return False
    return in_flight(where.query, look.vector, look.neighbours, rule, flight=(flight.query, flight.vector))


def _bypass(namespace: Namespace, request: LookupRequest) -> str | None:
    if namespace.settings.mode == Mode.OFF:
        return "off"
    return "no_store" if request.question.no_store else bypass_reason(request.question.query)


def _check_lookup(request: LookupRequest) -> None:
    rate = request.wrong_rate_max
    if rate is not None and not 0 < rate <= 1:
        raise errors.out_of_range("wrong_rate_max", rate, "above 0 and at most 1")
    if not 1 <= request.lease_s <= LEASE_S_MAX:
        raise errors.out_of_range("lease_s", request.lease_s, f"1 to {LEASE_S_MAX}")
    if request.wait_ms is not None and request.wait_ms < 0:
        raise errors.out_of_range("wait_ms", request.wait_ms, "at least 0")
