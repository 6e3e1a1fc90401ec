"""An expanding item: lists a directory or reads a JSONL file, and queues one item for each document, batch by batch.

Each batch commits together with how far the listing has come, so a killed worker's successor goes on behind it.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice

from core.clock import Clock
from core.errors import Fault
from core.limits import Limits
from indexing.deciding import Wanted
from indexing.sources import Found, SourceRules, SpecValues
from storage import documents, items, jobs
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
        number = 0
        while found := await asyncio.to_thread(_take, source):
            number += len(found)
            if not await self._queue(claim, found):
                return
            if number > self._limits.job_files_max:
                break
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
            await self._blobs.note(tx, list(blobs.values()), now)
            rows = await self._rows(tx, claim, found, blobs)
            await items.add(tx, claim.job_id, rows, index_id=claim.index_id, lane=LANE_BULK, at=now)
            await items.set_payload(tx, claim.id, {**claim.payload, "position": found[-1].position})
            await items.progressed(tx, claim.id, self._owner)
        return True

    async def _rows(self, tx: Transaction, claim: Claim, found: list[Found], blobs: dict[int, Blob]) -> list[NewItem]:
        good = [one.id for one in found if one.fault is None]
        numbers = await documents.issue_many(tx, claim.index_id, list(dict.fromkeys(good)), self._clock.now())
        rows: list[NewItem] = []
        for one in found:
            if one.fault is not None:
                rows.append(_failed(one, one.fault))
            else:
                rows.append(self._row(claim.payload, one, numbers[one.id], blobs.get(one.position)))
        return rows

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
