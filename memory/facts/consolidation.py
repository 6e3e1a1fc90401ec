"""Facts tended behind the requests: those whose time is over expire, proofs by documents that are gone go. Nothing is judged
or rewritten here: each step is one small transaction on one fact, by compare-and-swap, and may be cut off at any moment."""

import asyncio

from core.clock import Clock
from core.errors import Fault
from core.ids import DocumentId, IndexName, TenantId
from core.telemetry import log
from memory.facts import ledger
from memory.facts.ledger import changed
from memory.facts.rows import show
from memory.facts.statements import Status
from storage import documents, facts, indexes, tenants
from storage.database import Database, Transaction
from storage.fact_records import Change, FactRecord, SourceRecord

LOOK_S = 60.0
BATCH = 200
ACTOR = "consolidation"


class Consolidation:
    """`run` looks over every tenant again and again; `look` does it once."""

    def __init__(self, *, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Fault as fault:
                log.warning("consolidation put off", code=fault.code, again_in_s=LOOK_S)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """How many facts were changed."""
        async with self._db.system_read("consolidation looks over every tenant") as tx:
            found = await tenants.every(tx)
        return sum([await self._expire(tenant) + await self._unprove(tenant) for tenant in found])

    async def _expire(self, tenant: TenantId) -> int:
        count = 0
        while True:
            async with self._db.read(tenant) as tx:
                over = await facts.expired(tx, self._clock.now(), limit=BATCH)
            count += sum([await self._end(tenant, fact) for fact in over])
            if len(over) < BATCH:
                return count

    async def _end(self, tenant: TenantId, fact: FactRecord) -> bool:
        """False when somebody changed it meanwhile: the next look sees it as it is then."""
        async with self._db.write(tenant) as tx:
            await facts.lock_owner(tx, fact.scope.owner)
            now = await facts.find(tx, fact.scope.owner, fact.row_id)
            index = await indexes.of_memory(tx)
            if now is None or now.revision != fact.revision or index is None:
                return False
            await show(tx, index, await changed(tx, now, self._change("expire"), status=Status.EXPIRED))
        return True

    async def _unprove(self, tenant: TenantId) -> int:
        async with self._db.read(tenant) as tx:
            cited = await facts.citing_documents(tx)
            gone = [(row, source) for row, source in cited if not await _is_there(tx, source)]
        return sum([await self._drop(tenant, row, source) for row, source in gone])

    async def _drop(self, tenant: TenantId, row: int, source: SourceRecord) -> bool:
        async with self._db.write(tenant) as tx:
            fact = (await facts.by_rows(tx, [row])).get(row)
            if fact is None:
                return False
            await facts.lock_owner(tx, fact.scope.owner)
            if not await _is_there(tx, source):
                await ledger.lose(tx, await indexes.of_memory(tx), [(row, source)], self._change("source_removed"))
        return True

    def _change(self, op: str) -> Change:
        return Change(op=op, actor=ACTOR, at=self._clock.now())


async def _is_there(tx: Transaction, source: SourceRecord) -> bool:
    """Whether the document lives, in this version or another."""
    index, _, rest = source.id.partition("/")
    found = await indexes.find(tx, IndexName(index))
    document = None if found is None else await documents.find(tx, found.id, DocumentId(rest.rpartition("@")[0]))
    return document is not None and document.live_version_id is not None
