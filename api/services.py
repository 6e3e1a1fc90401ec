"""What the protocols serve from: the rooms' services, made by api/bootstrap.py, and whether they are there yet."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from api.auth import Auth
from api.keys import Keys
from api.proxying import Proxy
from cache.importing import Importing
from cache.service import Cache
from cache.upkeep import Upkeep, UserEntries
from core.clock import Clock
from core.errors import Unavailable
from core.ids import TenantId
from core.limits import Limits
from core.profile import Fusion
from indexing.catalog import Catalog
from indexing.feed import Feed
from indexing.projection import Projector
from indexing.service import Indexing
from memory.compression.service import Compression
from memory.facts.service import Facts
from memory.forgetting.erasure import Erasing
from memory.forgetting.policies import Policies
from memory.forgetting.retention import Retention
from memory.forgetting.service import Forgetting
from memory.moving.exporting import Exporting
from memory.moving.importing import Importing as MemoryImporting
from memory.recall.service import Recall
from memory.sessions.quarantine import Quarantine
from memory.sessions.removal import Removal
from memory.sessions.service import Memory
from retrieval.context import Contexts
from retrieval.service import Retrieval
from storage.database import Database

STARTING_RETRY_S = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """The services of the memory room, made by api/remembering.py. `work` are its loops, by name."""

    memory: Memory
    recall: Recall
    facts: Facts
    removal: Removal
    quarantine: Quarantine
    compression: Compression
    forgetting: Forgetting
    erasing: Erasing
    exporting: Exporting
    importing: MemoryImporting
    policies: Policies
    retention: Retention
    work: Mapping[str, Callable[[], Awaitable[None]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caching:
    """The services of the cache room, made by api/caching.py."""

    cache: Cache
    upkeep: Upkeep
    importing: Importing
    users: UserEntries


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything a request may need. `spool` is where uploads wait until the indexing room has taken them."""

    database: Database
    catalog: Catalog
    indexing: Indexing
    retrieval: Retrieval
    contexts: Contexts
    remembering: Remembering
    caching: Caching
    proxy: Proxy
    projector: Projector
    feed: Feed
    keys: Keys
    auth: Auth
    limits: Limits
    fusion: Fusion
    clock: Clock
    spool: Path


class Runtime:
    """The service as its protocols see it: starting, ready, or stopping. `missing` tells what is not there yet, and why."""

    def __init__(self) -> None:
        self._services: Services | None = None
        self._missing: dict[str, str] = {"service": "starting"}
        self._checks: Mapping[str, Callable[[], str | None]] = {}
        self.stopping = asyncio.Event()

    def lacks(self, part: str, reason: str) -> None:
        self._missing[part] = reason

    def has(self, part: str) -> None:
        self._missing.pop(part, None)

    def serve(self, services: Services, checks: Mapping[str, Callable[[], str | None]]) -> None:
        """From now on requests are answered. `checks` say, when asked, what has failed since."""
        self._services = services
        self._checks = checks
        self._missing.clear()

    def stop(self) -> None:
        self._missing["service"] = "stopping"
        self.stopping.set()

    def reasons(self) -> dict[str, str]:
        """What keeps this from serving, by part; empty when nothing does."""
        failed = {part: check() for part, check in self._checks.items()}
        return {**self._missing, **{part: reason for part, reason in failed.items() if reason is not None}}

    def services(self) -> Services:
        """Or Unavailable while starting."""
        if self._services is None:
            waiting = "; ".join(f"{part}: {reason}" for part, reason in self._missing.items())
            raise Unavailable(
                "service.starting",
                f"the service is starting ({waiting}). GET /readyz tells when it is ready.",
                retry_after_s=STARTING_RETRY_S,
            )
        return self._services

    def offset(self, tenant: TenantId) -> int | None:
        """How far the tenant's index is, None while starting."""
        return None if self._services is None else self._services.projector.indexed(tenant)
