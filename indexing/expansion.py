"""An expanding item: lists a directory or reads a JSONL file, and queues one item for each document, batch by batch.

Each batch commits together with how far the listing has come, so a killed worker's successor goes on behind it.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice

from core.clock import Clock
from core.errors import Fault, TooLarge
from core.limits import Limits
from indexing.deciding import Wanted
from indexing.sources import Found, Position, SourceRules, SpecValues
from storage import documents, indexes, items, jobs, pending
from storage.blobs import Blob, Blobs
from storage.database import Database, Transaction
from storage.items import LANE_BULK, Claim, NewItem
from storage.records import ItemState, Outcome

FOUND_PER_STEP = 200


class Expansion:
    """Expanding items. Raises the Fault that the item ends with."""

    def __init__(self, *, db: Database, blobs: Blobs, sources: SourceRules, owner: str, clock: Clock, limits: Limits) -> None:
        self._db = db
        self._blobs = blobs
        self._sources = sources
        self._owner = owner
        self._clock = clock
        self._limits = limits

    async def run(self, claim: Claim) -> None:
        source = await asyncio.to_thread(self._sources.read, claim.payload)
        while found := await asyncio.to_thread(_take, source):
            if not await self._queue(claim, found):
                return
        async with self._db.write(claim.tenant) as tx:
            if await items.holds(tx, claim.id, self._owner):
                await items.finish(tx, claim.id, state=ItemState.DONE, outcome=None)
                await jobs.finish_if_done(tx, claim.job_id, self._clock.now())

    async def _queue(self, claim: Claim, found: list[Found]) -> bool:
        """One batch; False when the item is no longer ours."""
        blobs = {
            one.position: await self._blobs.keep(claim.tenant, one.submission.content)
            for one in found
            if one.submission is not None
        }
        now = self._clock.now()
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return False
            number, _ = await items.size_of_job(tx, claim.job_id)
            if number - 1 + len(found) > self._limits.job_files_max:  # the listing itself is an item
                raise TooLarge(
                    "indexing.job_too_large",
                    f"the source holds more than {self._limits.job_files_max} documents, the limit of one job; "
                    "what was found so far goes on. Make several jobs of it with `include`",
                )
            await self._blobs.note(tx, list(blobs.values()), now)
            rows = await self._rows(tx, claim, found, blobs)
            await items.add(tx, claim.job_id, rows, index_id=claim.index_id, lane=LANE_BULK, at=now)
            await self._announce(tx, claim, rows)
            await items.set_payload(tx, claim.id, {**claim.payload, "position": found[-1].position})
            await items.progressed(tx, claim.id, self._owner)
        return True

    async def _rows(self, tx: Transaction, claim: Claim, found: list[Found], blobs: dict[Position, Blob]) -> list[NewItem]:
        """An item for each. A document that comes twice gets two numbers, in order, so that its last line wins."""
        numbers: dict[Position, int] = {}
        waiting: list[Found] = [one for one in found if one.fault is None]
        while waiting:
            turn = {one.id: one for one in reversed(waiting)}  # of each document the first one that waits
            issued = await documents.issue_many(tx, claim.index_id, list(turn), self._clock.now())
            numbers |= {one.position: issued[one.id] for one in turn.values()}
            waiting = [one for one in waiting if one.position not in numbers]
        rows: list[NewItem] = []
        for one in found:
            if one.fault is not None:
                rows.append(_failed(one, one.fault))
            else:
                rows.append(self._row(claim.payload, one, numbers[one.position], blobs.get(one.position)))
        return rows

    async def _announce(self, tx: Transaction, claim: Claim, rows: list[NewItem]) -> None:
        index = await indexes.by_id(tx, claim.index_id)
        assert index is not None, "an index goes after its items"
        new = [row for row in rows if row.number is not None]
        acls = {row.document_id: Wanted.of_payload(row.payload).envelope(None, index).acl for row in new}
        await pending.announce(tx, index.id, acls)

    def _row(self, spec: SpecValues, one: Found, number: int, blob: Blob | None) -> NewItem:
        shared = self._sources.wanted(spec)
        if one.submission is None:
            payload = {**shared.payload(), "path": str(one.path)}
            return NewItem(document_id=one.id, number=number, payload=payload)
        assert blob is not None
        given = one.submission
        wanted = Wanted(
            title=given.title,
            source_uri=given.source_uri,
            occurred_at=given.occurred_at,
            metadata={**shared.metadata, **given.metadata},
            acl=given.acl if "acl" not in spec["wanted"] else shared.acl,
            media_type=given.media_type,
        )
        return NewItem(document_id=one.id, number=number, content_sha256=blob.sha256, size=blob.size, payload=wanted.payload())


def _take(source: Iterator[Found]) -> list[Found]:
    return list(islice(source, FOUND_PER_STEP))


def _failed(one: Found, fault: Fault) -> NewItem:
    return NewItem(
        document_id=one.id,
        payload={},
        state=ItemState.FAILED,
        outcome=Outcome.FAILED,
        code=fault.code,
        detail=fault.message,
    )
