"""What is done to the cache besides asking it: namespaces set up, answers judged and invalidated, entries listed, figures told,
users erased, old rows swept."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cache import errors
from cache.calibration import LABELS_KEPT, QUARANTINE_AFTER, SCORES_KEPT
from cache.coherence import Verdict
from cache.learning import Namespace
from cache.placing import scopes_of, text_digest
from cache.service import Rooms, Secrets
from cache.signing import Seen, unseal
from cache.types import ENTRIES_MAX, LOOKUP_HOURS, TTL_S_MAX, Mode, Status
from core.caller import Caller, Grant
from core.ids import Principal, TenantId, check_name
from core.paging import Page, PageRequest
from storage import cache_entries, cache_ledger, cache_sources, idempotency, tenants, vectors
from storage.cache_entries import Cut
from storage.cache_records import EntryRecord, NamespaceRecord, SourceName, SourceStanding
from storage.database import Transaction

SWEEP_S = 60.0
SWEPT_MAX = 1_000
LEASES_KEPT_S = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to invalidate; exactly one of the first four. `within` limits the others to a namespace."""

    source: SourceName | None = None
    tag: str | None = None
    namespace: str | None = None
    query: str | None = None
    within: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalidated:
    """How many entries were meant, and how many are gone."""

    matched: int
    removed: int
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a feedback did. `counted` is false where the same was judged before."""

    entry: int
    counted: bool
    quarantined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A namespace in numbers. `wrong_rate_upper` bounds P(wrong | semantic hit) with 95 % confidence; None: no guarantee."""

    settings: NamespaceRecord
    entries: int
    counters: Mapping[str, float]
    labels: int
    audits: int
    audited_wrong: int
    threshold: float | None
    wrong_rate_upper: float | None
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry with its sources, for who may see them all."""

    entry: EntryRecord
    sources: tuple[SourceStanding, ...]


class UserEntries:
    """What the cache holds of users, as whoever erases them asks for it: by name, taken out, looked for afterwards."""

    name = "cache"

    def __init__(self, parts: Rooms) -> None:
        self._parts = parts

    async def erase(self, tenant: TenantId, owner: Principal) -> int:
        """Removes what the user stored, what is the user's own, and what rests on the user's memory, with their vectors. Safe
        to repeat. How many entries went."""
        async with self._parts.db.write(tenant) as tx:
            ids = await cache_entries.of_owner(tx, owner)
            digests = await cache_entries.vectors_of(tx, ids)
            await cache_entries.remove(tx, ids)
            await vectors.drop_unused(tx, digests)
        self._parts.partitions.drop(tenant, ids)
        return len(ids)

    async def probe(self, tenant: TenantId, owner: Principal, *, until: datetime) -> int:
        """How many such entries there are now that were stored up to that moment."""
        async with self._parts.db.read(tenant) as tx:
            return len(await cache_entries.of_owner(tx, owner, until=until))


class Upkeep:
    """Everything but lookups and stores."""

    def __init__(self, parts: Rooms, secrets: Secrets) -> None:
        self._parts = parts
        self._secrets = secrets

    async def set_up(self, caller: Caller, record: NamespaceRecord) -> NamespaceRecord:
        """Makes or changes a namespace."""
        caller.require(Grant.ADMIN)
        check_name(record.name, what="namespace")
        _check(record)
        async with self._parts.db.write(caller.tenant) as tx:
            await cache_ledger.set_up(tx, record, self._parts.clock.now())
        self._parts.learning.forget(caller.tenant, record.name)
        return record

    async def settings(self, caller: Caller, name: str) -> NamespaceRecord:
        """As it is set up, or as one is that nobody set up."""
        caller.require(Grant.ADMIN)
        return (await self._namespace(caller, name)).settings

    async def feedback(self, caller: Caller, *, lookup_id: str | None, entry: int | None, correct: bool) -> Judgement:
        """Says of an answer that was given whether it was right. The same is judged once."""
        caller.require(Grant.WRITE)
        if (lookup_id is None) == (entry is None):
            raise errors.one_of("feedback", "lookup_id, entry_id")
        seen: Seen | None = None
        if lookup_id is not None:
            seen = unseal(await self._secrets.of(caller.tenant), lookup_id)
            if self._parts.clock.now() - seen.at > timedelta(hours=LOOKUP_HOURS):
                raise errors.lookup_expired(LOOKUP_HOURS)
            if seen.status != Status.HIT:
                raise errors.nothing_to_judge()
            entry = seen.entries[0]
        assert entry is not None
        async with self._parts.db.write(caller.tenant) as tx:
            found = await self._visible(tx, caller, entry, asked=seen is not None)
            mark = f"{entry}:{caller.subject}" if seen is None else seen.nonce
            label = await cache_ledger.add_label(
                tx,
                found.namespace,
                mark=hashlib.sha256(mark.encode()).digest(),
                entry=entry,
                features=None if seen is None else seen.features,
                wrong=not correct,
                kind="feedback",
                at=self._parts.clock.now(),
            )
            counted = label is not None
            quarantined = counted and not correct and await cache_entries.note_false(tx, entry, QUARANTINE_AFTER)
            answer = Judgement(entry=entry, counted=counted, quarantined=quarantined)
            await idempotency.remember(tx, caller, answer)
        await self._parts.learning.namespace(caller.tenant, found.namespace, now=True)
        return answer

    async def invalidate(self, caller: Caller, target: Target, *, dry_run: bool) -> Invalidated:
        """Removes the entries meant that the caller may look into; an admin's are all of the tenant's."""
        caller.require(Grant.WRITE)
        if sum(one is not None for one in (target.source, target.tag, target.namespace, target.query)) != 1:
            raise errors.one_of("by", "source, tag, namespace, query")
        async with self._parts.db.write(caller.tenant) as tx:
            cut = await _cut(tx, caller, target)
            ids = () if cut is None else await cache_entries.find_ids(tx, cut, scopes_of(caller))
            if not dry_run:
                await cache_entries.remove(tx, ids)
            answer = Invalidated(matched=len(ids), removed=0 if dry_run else len(ids), dry_run=dry_run)
            await idempotency.remember(tx, caller, answer)
        if not dry_run and ids:
            self._parts.partitions.drop(caller.tenant, ids)
            self._parts.ledger.count(caller.tenant, target.namespace or target.within or "", "stale.invalidated", len(ids))
        return answer

    async def entries(self, caller: Caller, request: PageRequest, *, namespace: str | None) -> Page[Listed]:
        """Entries of the scopes that the caller may look into, without those that rest on what it may not see."""
        caller.require(Grant.READ)
        async with self._parts.db.read(caller.tenant) as tx:
            found = await cache_entries.page(
                tx,
                namespace=namespace,
                after=request.after_number(0),
                limit=request.limit + 1,
                at=self._parts.clock.now(),
                scopes=scopes_of(caller),
            )
        shown = found[: request.limit]
        standings = await self._parts.coherence.standing(caller, shown)
        items = [
            Listed(entry=one, sources=standings[one.id].sources)
            for one in shown
            if standings[one.id].verdict is not Verdict.HIDDEN
        ]
        return Page(items=tuple(items), after=str(shown[-1].id) if len(found) > request.limit else None)

    async def stats(self, caller: Caller, name: str) -> Figures:
        """A namespace in numbers, everything so far counted."""
        caller.require(Grant.READ)
        await self._parts.ledger.flush()
        namespace = await self._namespace(caller, name)
        async with self._parts.db.read(caller.tenant) as tx:
            counters = await cache_ledger.counters(tx, name)
            entries = await cache_entries.count(tx, name)
        rule = await namespace.rule(self._parts.learning.weights, None)
        return Figures(
            settings=namespace.settings,
            entries=entries,
            counters=counters,
            labels=len(namespace.labels),
            audits=namespace.audits,
            audited_wrong=namespace.audited_wrong,
            threshold=rule.threshold,
            wrong_rate_upper=rule.wrong_rate_upper,
            drifted=rule.operating.drifted,
        )

    async def run(self) -> None:
        """Sweeps for ever. Housekeeping: no answer is right or wrong by it."""
        while True:
            await asyncio.sleep(SWEEP_S)
            await self.sweep()

    async def sweep(self) -> None:
        """Takes out what is over: entries, leases, labels and scores beyond those kept."""
        async with self._parts.db.system_read("the cache is swept for every tenant") as tx:
            everyone = await tenants.every(tx)
        for tenant in everyone:
            await self._sweep(tenant)

    async def _sweep(self, tenant: TenantId) -> None:
        now = self._parts.clock.now()
        async with self._parts.db.write(tenant) as tx:
            ids = await cache_entries.finished(tx, now, limit=SWEPT_MAX)
            await cache_entries.remove(tx, ids)
            await cache_ledger.drop_leases(tx, now - timedelta(seconds=LEASES_KEPT_S))
            for name in await cache_ledger.learned(tx):
                await cache_ledger.trim(tx, name, labels_kept=LABELS_KEPT, scores_kept=SCORES_KEPT)
        self._parts.partitions.drop(tenant, ids)

    async def _namespace(self, caller: Caller, name: str) -> Namespace:
        check_name(name, what="namespace")
        return await self._parts.learning.namespace(caller.tenant, name, now=True)

    async def _visible(self, tx: Transaction, caller: Caller, entry: int, *, asked: bool) -> EntryRecord:
        """The entry, which the caller was given or may look into."""
        found = (await cache_entries.by_ids(tx, [entry])).get(entry)
        scopes = scopes_of(caller)
        if found is None or (not asked and scopes is not None and (found.scope, found.scope_id) not in scopes):
            raise errors.no_such_entry(entry)
        return found


async def _cut(tx: Transaction, caller: Caller, target: Target) -> Cut | None:
    """None when nothing can rest on it."""
    within = target.namespace or target.within
    if target.source is None:
        digest = None if target.query is None else text_digest(target.query)
        return Cut(namespace=within, tag=target.tag, text_digest=digest)
    subject = await cache_sources.subject(tx, target.source, caller.subject)
    return None if subject is None else Cut(namespace=within, source=(target.source.type, subject))


def _check(record: NamespaceRecord) -> None:
    bounds: Sequence[tuple[str, float, float]] = (
        ("wrong_rate_max", record.wrong_rate_max, 1.0),
        ("threshold", record.threshold, 1.0),
    )
    for field, value, most in bounds:
        if not 0 < value <= most:
            raise errors.out_of_range(field, value, f"above 0 and at most {most:g}")
    if not 1 <= record.ttl_s <= TTL_S_MAX:
        raise errors.out_of_range("ttl_s", record.ttl_s, f"1 to {TTL_S_MAX}")
    if not 1 <= record.entries_max <= ENTRIES_MAX:
        raise errors.out_of_range("entries_max", record.entries_max, f"1 to {ENTRIES_MAX}")
    assert record.mode in set(Mode), record.mode
