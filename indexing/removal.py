"""Taking a deleted index away, batch by batch: from the engine first, then its rows. Readers lost sight of it before."""

from core.clock import Clock
from indexing.projection import Projector
from storage import housekeeping, indexes, items, jobs
from storage.database import Database
from storage.items import Claim
from storage.records import ItemState, Outcome

DOCUMENTS_PER_STEP = 50


class Removal:
    """Items that remove an index. Each step can be repeated."""

    def __init__(self, *, db: Database, projector: Projector, owner: str, clock: Clock) -> None:
        self._db = db
        self._projector = projector
        self._owner = owner
        self._clock = clock

    async def run(self, claim: Claim) -> None:
        async with self._db.read(claim.tenant) as tx:
            index = await indexes.by_id(tx, claim.index_id)
        if index is not None:
            await self._projector.drop(index)
        went = 1
        while went:
            async with self._db.write(claim.tenant) as tx:
                went = await housekeeping.drop_index_rows(tx, claim.index_id, limit=DOCUMENTS_PER_STEP)
        async with self._db.write(claim.tenant) as tx:
            if not await items.holds(tx, claim.id, self._owner):
                return
            await indexes.remove(tx, claim.index_id)
            await items.finish(tx, claim.id, state=ItemState.DONE, outcome=Outcome.DELETED)
            await jobs.finish_if_done(tx, claim.job_id, self._clock.now())
