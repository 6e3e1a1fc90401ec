"""The worker: claims job items, takes each through reading, parsing, embedding and publishing, and keeps its leases alive.

Any number of processes may run one on one store. What is finished is finished: vectors are kept as they come, so a killed
worker's successor embeds only the rest, and an item ends in the same transaction that publishes its document.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from core.clock import Clock
from core.errors import Corrupt, Fault, Invalid, Unavailable
from core.ids import JobId, TenantId
from core.limits import ITEM_ATTEMPTS_MAX, ITEM_CLAIMS_MAX
from core.telemetry import ITEMS, QUEUE_AGE_SECONDS, QUEUED_ITEMS, log
from indexing.expansion import Expansion
from indexing.processing import Processing
from indexing.projection import Projector
from indexing.publishing import Publisher
from indexing.removal import Removal
from storage import items, jobs
from storage.database import Database
from storage.items import Claim

LEASE_S = 30.0
HEARTBEAT_S = 10.0
POLL_S = 1.0
RETRY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLimits:
    """`items_at_once` are worked on together; `claimed_ahead` more wait in memory, so that no core idles."""

    items_at_once: int = 6
    claimed_ahead: int = 16


class Pipeline:
    """Works until cancelled. `owner` names this data folder's worker across restarts: what it left behind is its own."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        owner: str,
        processing: Processing,
        expansion: Expansion,
        removal: Removal,
        publisher: Publisher,
        projector: Projector,
        limits: PipelineLimits,
    ) -> None:
        self._db = db
        self._clock = clock
        self._owner = owner
        self._processing = processing
        self._expansion = expansion
        self._removal = removal
        self._publisher = publisher
        self._projector = projector
        self._limits = limits
        self._awake = asyncio.Event()
        self._ended = asyncio.Condition()
        self._queue: asyncio.Queue[Claim] = asyncio.Queue(limits.claimed_ahead)
        self._held: set[int] = set()

    def wake(self) -> None:
        """Says that items were queued."""
        self._awake.set()

    async def ended(self, job_id: JobId, tenant: TenantId) -> None:
        """Until nothing of the job is pending, whichever process works on it. The caller bounds the wait."""
        while True:
            async with self._db.read(tenant) as tx:
                job = await jobs.find(tx, job_id, self._clock.now())
            if job is None or job.pending == 0:
                return
            try:
                async with asyncio.timeout(POLL_S), self._ended:
                    await self._ended.wait()
            except TimeoutError:
                continue

    async def run(self) -> None:
        """Claims and works until cancelled, then gives back what it holds."""
        self._held.clear()
        while not self._queue.empty():  # claims of a run that failed: they are given back below, like a dead one's
            self._queue.get_nowait()
        async with self._db.system_write("a worker takes back what its dead predecessor held") as tx:
            await items.release(tx, self._owner, counted=True)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._claim())
                tasks.create_task(self._beat())
                for _ in range(self._limits.items_at_once):
                    tasks.create_task(self._work())
        finally:
            await asyncio.shield(self._give_back())

    async def _claim(self) -> None:
        while True:
            self._awake.clear()
            claims: tuple[Claim, ...] = ()
            try:
                # Half a queue at a time: a claim is a commit, and one for each item would cost a disk sync each.
                room = self._queue.maxsize - self._queue.qsize()
                if 2 * room >= self._queue.maxsize:
                    claims = await self._next(room)
            except Fault as fault:  # the store is down or its disk full: what waits goes on waiting
                log.error("claim_failed", code=fault.code, detail=fault.message)
                await asyncio.sleep(RETRY_S)
                continue
            for claim in claims:
                self._held.add(claim.id)
                await self._queue.put(claim)
            if not claims:
                await self._sleep_until_woken()

    async def _next(self, room: int) -> tuple[Claim, ...]:
        now = self._clock.now()
        async with self._db.system_write("a worker serves every tenant") as tx:
            claims = await items.claim(tx, self._owner, now=now, lease_until=now + timedelta(seconds=LEASE_S), limit=room)
            for tenant, job_id in {(claim.tenant, claim.job_id) for claim in claims}:
                await jobs.run(tx, tenant, job_id, now)
        return claims

    async def _sleep_until_woken(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._awake.wait()
        except TimeoutError:
            return

    async def _beat(self) -> None:
        while True:
            try:
                await self._keep_leases()
                await self._look_over()
            except Fault as fault:  # two more beats fit into a lease
                log.warning("heartbeat_failed", code=fault.code, detail=fault.message)
            await asyncio.sleep(HEARTBEAT_S)

    async def _keep_leases(self) -> None:
        until = self._clock.now() + timedelta(seconds=LEASE_S)
        async with self._db.system_write("a worker keeps its leases") as tx:
            await items.extend(tx, self._owner, list(self._held), until)

    async def _look_over(self) -> None:
        """Says how much waits and since when, and buries what kills its workers."""
        async with self._db.system_read("a worker looks over what waits") as tx:
            number, oldest = await items.waiting(tx)
            spent = await items.exhausted(tx, self._clock.now(), self._limits.claimed_ahead)
        QUEUED_ITEMS.set(number)
        QUEUE_AGE_SECONDS.set(0 if oldest is None else (self._clock.now() - oldest).total_seconds())
        for claim in spent:
            fault = Corrupt(
                "indexing.attempts_exhausted",
                f"{claim.document_id!r} was begun {ITEM_CLAIMS_MAX} times and every time the worker died; "
                "look at the service's log and memory, then retry the job",
            )
            await self._publisher.bury(claim, fault, held=False)

    async def handle(self, claim: Claim) -> None:
        """Takes one claimed item to its end, or gives it back; whatever went wrong is the item's, not the caller's."""
        try:
            await self._do(claim)
            ITEMS.labels("done").inc()
        except Fault as fault:
            await self._fail(claim, fault)
        except Exception:  # noqa: BLE001 -- the worker loop is a boundary: one item's bug must not end the service
            log.exception("item_crashed", item=claim.id, job=claim.job_id)
            fault = Corrupt("indexing.internal", f"mnemic failed on {claim.document_id!r}; see the service's log")
            await self._fail(claim, fault)

    async def _work(self) -> None:
        while True:
            claim = await self._queue.get()
            await self.handle(claim)
            self._held.discard(claim.id)
            self._awake.set()
            self._projector.wake()
            async with self._ended:
                self._ended.notify_all()

    async def _do(self, claim: Claim) -> None:
        match claim.kind:
            case "document":
                await self._processing.run(claim)
            case "expand":
                await self._expansion.run(claim)
            case "delete":
                await self._publisher.delete(claim)
            case "delete_index":
                await self._removal.run(claim)
            case kind:
                raise Invalid(
                    "indexing.unknown_item", f"item {claim.id} is of the kind {kind!r}, which this version does not know"
                )

    async def _fail(self, claim: Claim, fault: Fault) -> None:
        """Again later what may pass, bury what will not; when even that cannot be written, the lease runs out by itself."""
        ITEMS.labels("failed").inc()
        log.warning("item_failed", item=claim.id, job=claim.job_id, code=fault.code, attempts=claim.attempts)
        try:
            if isinstance(fault, Unavailable) and claim.attempts < ITEM_ATTEMPTS_MAX:
                await asyncio.sleep(RETRY_S)
                async with self._db.write(claim.tenant) as tx:
                    await items.requeue(tx, claim.id, self._owner)
            else:
                await self._publisher.bury(claim, fault)
        except Fault as worse:
            log.error("item_not_ended", item=claim.id, code=worse.code, detail=worse.message)

    async def _give_back(self) -> None:
        async with self._db.system_write("a stopping worker gives back what it holds") as tx:
            await items.release(tx, self._owner, counted=False)
