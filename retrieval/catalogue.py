"""The lists of indexes that searches are planned with, remembered between searches. It decides nothing about them.

A remembered list may be an old one: the state it is of goes along, and the statement that reads the passages tells the state at
that moment. Only where both are the same is the answer given (service.py); so no process has to tell another what it changed.
"""

from core.caller import Caller
from core.ids import TenantId
from storage import indexes
from storage.database import Database
from storage.indexes import Listing

_TENANTS_MAX = 1_024


class Catalogue:
    """One per process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[TenantId, Listing] = {}

    def remembered(self, tenant: TenantId) -> Listing | None:
        return self._known.get(tenant)

    async def read(self, caller: Caller) -> Listing:
        """The list as it is now, remembered from here on."""
        async with self._db.read(caller.tenant) as tx:
            listing = await caller.deadline.wait(indexes.listing(tx), "reading the indexes")
        if len(self._known) >= _TENANTS_MAX:
            self._known.clear()
        self._known[caller.tenant] = listing
        return listing
