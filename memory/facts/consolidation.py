"""Facts tended behind the requests: those whose time is over expire, proofs by documents, or passages of them, that are gone
go, facts about one whose other name was learned later get the one name, and what says the same becomes one. Nothing is judged
or rewritten: where that would change what is believed, it is left alone. Each step is one small transaction, by
compare-and-swap, and may be cut off at any moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from core.clock import Clock
from core.errors import Fault
from core.ids import DocumentId, IndexName, TenantId
from core.telemetry import log
from memory.facts import ledger
from memory.facts.equals import Tidied, tidy
from memory.facts.quotes import locate
from memory.facts.rows import show
from memory.facts.slots import as_known, changed, slot_of
from memory.facts.statements import Cardinality, Status, fold, triple_of
from storage import changes, documents, entities, facts, indexes, tenants
from storage.database import Database, Transaction
from storage.fact_records import Change, FactRecord, SourceRecord
from storage.records import DocumentRecord

LOOK_S = 60.0
BATCH = 200
ALIASES = 100
ROUNDS_MAX = 8
ACTOR = "consolidation"


class Consolidation:
    """`run` looks over every tenant again and again; `look` does it once."""

    def __init__(self, *, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._tidy_at: dict[TenantId, int] = {}

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
        return sum([await self._tend(tenant) for tenant in found])

    async def _tend(self, tenant: TenantId) -> int:
        return await self._expire(tenant) + await self._unprove(tenant) + await self._tidy(tenant)

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
            due = [(row, source) for row, source in cited if _is_due(await _document_of(tx, source), source)]
        return sum([await self._check_source(tenant, row, source) for row, source in due])

    async def _check_source(self, tenant: TenantId, row: int, source: SourceRecord) -> bool:
        """True when the fact lost it. A passage that a new version still has is cited there from now on."""
        async with self._db.read(tenant) as tx:
            document = await _document_of(tx, source)
            text = await _text_of(tx, document)
        if not _is_due(document, source):
            return False
        span = None if source.quote is None else await asyncio.to_thread(locate, text, source.quote)
        async with self._db.write(tenant) as tx:
            fact = (await facts.by_rows(tx, [row])).get(row)
            if fact is None:
                return False
            await facts.lock_owner(tx, fact.scope.owner)
            now = await _document_of(tx, source)
            held = (await facts.sources_of(tx, [row])).get(row, ())
            if source not in held or (now and now.live_version_id) != (document and document.live_version_id):
                return False  # somebody changed it meanwhile: the next look sees it as it is then
            if document is not None and span is not None:
                name = f"{_place(source)[0]}/{document.id}@{document.version}"
                await ledger.move(tx, row, source, replace(source, id=name, start=span[0], end=span[1]))
                return False
            await ledger.lose(tx, await indexes.of_memory(tx), [(row, source)], self._change("source_removed"))
        return True

    async def _tidy(self, tenant: TenantId) -> int:
        """Names and repetitions, until there is nothing left to do. Where nothing changed since, there is nothing."""
        async with self._db.read(tenant) as tx:
            head = await changes.head(tx)
        if self._tidy_at.get(tenant) == head:
            return 0
        count = 0
        for _ in range(ROUNDS_MAX):
            done = await self._rename(tenant) + await self._unite(tenant)
            count += done
            if not done:
                break
        else:
            return count  # the rest comes with the next look
        async with self._db.read(tenant) as tx:
            self._tidy_at[tenant] = head if count == 0 else await changes.head(tx)
        return count

    async def _rename(self, tenant: TenantId) -> int:
        """Puts what was said of somebody by a name that is known now under the name that is used since."""
        count, after = 0, ("", "")
        while True:
            async with self._db.read(tenant) as tx:
                known = await entities.aliases(tx, after=after, limit=ALIASES)
                other = {(owner, alias): name for owner, alias, name in known if fold(name) != alias}
                found = await facts.called(tx, list(other))
            slots = {(one.scope, _name(one), fold(one.attribute), one.cardinality, _only_value(one)): one for one in found}
            for one in slots.values():
                name = other[one.scope.owner, _name(one)]
                count += await self._put_under(tenant, one, name)
            if len(known) < ALIASES:
                return count
            after = known[-1][0], known[-1][1]

    async def _put_under(self, tenant: TenantId, fact: FactRecord, name: str) -> int:
        """All of a slot at once, or nothing of it."""
        async with self._db.write(tenant) as tx:
            await facts.lock_owner(tx, fact.scope.owner)
            index = await indexes.of_memory(tx)
            theirs = await slot_of(tx, fact)
            moved = {one.row_id: _under(one, name) for one in theirs}
            if index is None or not moved:
                return 0
            slot = {one.row_id: one for one in await slot_of(tx, next(iter(moved.values())))} | moved
            if self._tidied(slot).changes_beliefs:
                return 0
            change = self._change("link")
            for one in theirs:
                to = moved[one.row_id]
                slot[one.row_id] = await changed(tx, one, change, entity=to.entity, triple=to.triple)
                await show(tx, index, slot[one.row_id])
            await ledger.unite(tx, index, slot, self._tidied(slot), change=self._change("merge"))
            return len(theirs)

    async def _unite(self, tenant: TenantId) -> int:
        count, after = 0, 0
        while True:
            async with self._db.read(tenant) as tx:
                found = await facts.doubled(tx, after=after, limit=BATCH)
            for one in found:
                count += await self._unite_slot(tenant, one)
            if len(found) < BATCH:
                return count
            after = found[-1].row_id

    async def _unite_slot(self, tenant: TenantId, fact: FactRecord) -> int:
        async with self._db.write(tenant) as tx:
            await facts.lock_owner(tx, fact.scope.owner)
            index = await indexes.of_memory(tx)
            slot = {one.row_id: one for one in await slot_of(tx, fact)}
            tidied = self._tidied(slot)
            if index is not None:
                await ledger.unite(tx, index, slot, tidied, change=self._change("merge"))
            return sum(len(union.gone) for union in tidied.unions)

    def _tidied(self, slot: Mapping[int, FactRecord]) -> Tidied:
        now = self._clock.now()
        believed = {
            row for row, one in slot.items() if one.status == Status.ACTIVE and not (one.expires_at and one.expires_at <= now)
        }
        return tidy([as_known(one) for one in slot.values()], believed=believed)

    def _change(self, op: str) -> Change:
        return Change(op=op, actor=ACTOR, at=self._clock.now())


def _under(fact: FactRecord, name: str) -> FactRecord:
    """Its words stay: only whom it is about has one name now."""
    return replace(fact, entity=name, triple=triple_of(name, fact.attribute, fact.value))


def _name(fact: FactRecord) -> str:
    """Folded."""
    return fact.triple.partition("\x1f")[0]


def _only_value(fact: FactRecord) -> str | None:
    return None if fact.cardinality == Cardinality.ONE else fold(fact.value)


def _place(source: SourceRecord) -> tuple[IndexName, DocumentId, str]:
    """Of a document that is cited: its index, its id and its version."""
    index, _, rest = source.id.partition("/")
    document, _, version = rest.rpartition("@")
    return IndexName(index), DocumentId(document), version


async def _document_of(tx: Transaction, source: SourceRecord) -> DocumentRecord | None:
    """The document if it lives, in this version or another."""
    name, document, _ = _place(source)
    index = await indexes.find(tx, name)
    there = None if index is None else await documents.find(tx, index.id, document)
    return None if there is None or there.live_version_id is None else there


def _is_due(document: DocumentRecord | None, source: SourceRecord) -> bool:
    """Whether the document is gone, or was quoted in another version than the one that lives."""
    return document is None or (source.quote is not None and str(document.version) != _place(source)[2])


async def _text_of(tx: Transaction, document: DocumentRecord | None) -> str:
    if document is None or document.live_version_id is None:
        return ""
    text, _ = await documents.text_slice(tx, document.live_version_id, 0, None) or ("", 0)
    return text
