"""The wiring of the cache room: from what everything stands on to its services. api/bootstrap.py calls this, nobody else."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from api.services import Caching
from cache.importing import Importing
from cache.service import Cache, Secrets, rooms
from cache.types import StoreLimits
from cache.upkeep import Upkeep, UserEntries
from core.clock import Clock
from inference.port import Embedder
from retrieval.service import Retrieval
from retrieval.types import Progress
from storage.database import Database


@asynccontextmanager
async def caching(
    *, database: Database, embedder: Embedder, retrieval: Retrieval, progress: Progress, clock: Clock, limits: StoreLimits
) -> AsyncGenerator[tuple[Caching, Mapping[str, Callable[[], Awaitable[None]]]]]:
    """The services, and the loops that work for them. What is still to be written is written at the end."""
    parts = rooms(db=database, embedder=embedder, search=retrieval, clock=clock, limits=limits)
    secrets = Secrets(database, clock)
    cache = Cache(parts, secrets, progress=progress, chance=random.Random())  # noqa: S311  # which hits are audited is no secret
    upkeep = Upkeep(parts, secrets)
    services = Caching(cache=cache, upkeep=upkeep, importing=Importing(parts, cache), users=UserEntries(parts))
    try:
        yield services, {"cache_ledger": parts.ledger.run, "cache_sweep": upkeep.run}
    finally:
        await parts.ledger.flush()
