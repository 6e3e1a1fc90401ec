"""Transactions, and the care that SQLite and Postgres each need. No query of ours is here; those are in the repositories.

SQLite: the driver's own transaction handling loses updates silently, so it is switched off (isolation_level None) and every
transaction begins explicitly: writes with BEGIN IMMEDIATE on one connection behind one lock, reads with BEGIN on a pool.
WAL, synchronous=FULL.
Postgres: READ COMMITTED, `SET LOCAL` of the tenant for row-level security and of a statement limit.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Engine, Executable, RowMapping, event, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from core.errors import Fault, Unavailable
from core.ids import Principal, TenantId
from storage.sqlite import OneHopConnection, connect

_R = TypeVar("_R")

READERS_MAX = 8
BUSY_TIMEOUT_S = 30
STATEMENT_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 10
PAGE_CACHE_KIB = 64 * 1024
MMAP_BYTES = 256 * 1024 * 1024
_SCAN: Callable[[str, int], tuple[Any, int]] = cast("Any", json.JSONDecoder()).scan_once
# The execution option of connections whose statements stand alone.
_ALONE = "mnemic_alone"

# Every tenant's rows, for maintenance; a tenant id never looks like this.
EVERY_TENANT = TenantId("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDraft:
    """A change that gets its offset when its transaction commits.

    `fresh` says that nothing of the subject was searchable before; `owner` whose memory it is, None for documents.
    """

    index_id: int
    op: Literal["publish", "retract"]
    subject_id: int
    block: int
    rows: int
    fresh: bool = False
    owner: Principal | None = None


class Transaction:
    """One transaction for one tenant. `offset` is that of its last change once it has committed, else None."""

    def __init__(self, connection: AsyncConnection, tenant: TenantId) -> None:
        self._connection = connection
        self.tenant = tenant
        self.drafts: list[ChangeDraft] = []
        self.closing: list[Callable[[int | None], Awaitable[None]]] = []
        self.offset: int | None = None

    @property
    def is_sqlite(self) -> bool:
        return self._connection.dialect.name == "sqlite"

    # Any: rows of arbitrary columns; repositories turn them into records at once.
    async def execute(self, statement: Executable, rows: Sequence[dict[str, Any]] | None = None) -> CursorResult[Any]:
        """Runs one statement, or the same one for each of `rows`."""
        return await self._connection.execute(statement, rows)

    async def rows(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[RowMapping]:
        """The rows of one read, by column name."""
        return (await self._connection.execute(statement, values)).mappings().all()

    async def tuples(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """The same by the order of columns, which costs a third where rows are many."""
        return (await self._connection.execute(statement, values)).all()

    def record(self, draft: ChangeDraft) -> None:
        """Notes that something searchable changed. Offsets are given by `changes.append`, last before the commit."""
        self.drafts.append(draft)

    def before_commit(self, step: Callable[[int | None], Awaitable[None]]) -> None:
        """Runs `step` inside this transaction once its offset is known (None without changes): what stores or answers it."""
        self.closing.append(step)


class Reads(Protocol):
    """What a read of one statement needs: a Transaction, or a Glance where nothing else has to be of the same moment."""

    tenant: TenantId

    async def rows(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[RowMapping]:
        """The rows of one statement, by column name."""
        ...

    async def tuples(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        """The same by the order of columns, which costs a third where rows are many."""
        ...


class Glance:
    """Reads of one statement each. A statement sees one state by itself: on SQLite nothing begins and nothing is committed,
    which is two crossings to the connection's thread and most of SQLAlchemy's work for a transaction less."""

    def __init__(self, engine: Engine, tenant: TenantId) -> None:
        self._engine = engine
        self.tenant = tenant

    async def rows(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[RowMapping]:
        return await self._read(statement, values, lambda result: result.mappings().all())

    async def tuples(self, statement: Executable, values: dict[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        return await self._read(statement, values, lambda result: result.all())

    async def _read(
        self, statement: Executable, values: dict[str, Any] | None, taken: Callable[[CursorResult[Any]], Sequence[_R]]
    ) -> Sequence[_R]:
        def read() -> Sequence[_R]:
            """Inside a greenlet, where the driver's awaits are SQLAlchemy's matter."""
            with self._engine.connect() as connection:
                _enter(connection, self.tenant)
                return taken(connection.execute(statement, values))

        async with _translated():
            return await greenlet_spawn(read)


class Database:
    """Where transactions come from. One per process."""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._glancer = reader.sync_engine.execution_options(**{_ALONE: True})
        # One SQLite writer at a time: waiting here costs nothing, SQLITE_BUSY costs retries.
        self._write_lock = asyncio.Lock() if writer.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str) -> "Database":
        """From `sqlite:///path` or `postgresql://…`; connects at the first transaction."""
        if make_url(url).get_backend_name() == "sqlite":
            return cls(_sqlite(url, write=True), _sqlite(url, write=False))
        engine = _postgres(url)
        return cls(engine, engine)

    async def close(self) -> None:
        await self._reader.dispose()
        if self._writer is not self._reader:
            await self._writer.dispose()

    @property
    def kind(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @asynccontextmanager
    async def read(self, tenant: TenantId) -> AsyncGenerator[Transaction]:
        """One consistent view of a tenant's records."""
        async with _translated(), self._reader.connect() as connection, connection.begin():
            await _entered(connection, tenant)
            yield Transaction(connection, tenant)

    def glance(self, tenant: TenantId) -> Glance:
        """Single statements on a tenant's records, each of its own moment."""
        return Glance(self._glancer, tenant)

    @asynccontextmanager
    async def write(self, tenant: TenantId) -> AsyncGenerator[Transaction]:
        """Commits on leaving, with offsets for the recorded changes; rolls back when left by an exception."""
        from storage.changes import append

        async with _translated():
            if self._write_lock is not None:
                await self._write_lock.acquire()
            try:
                async with self._writer.connect() as connection, connection.begin():
                    await _entered(connection, tenant)
                    transaction = Transaction(connection, tenant)
                    yield transaction
                    offset = await append(transaction)
                    for step in transaction.closing:
                        await step(offset)
                transaction.offset = offset
            finally:
                if self._write_lock is not None:
                    self._write_lock.release()

    def system_read(self, reason: str) -> AbstractAsyncContextManager[Transaction]:
        """Across tenants, for what belongs to none: finding a key, listing tenants. `reason` is for the reader of the code."""
        assert reason
        return self.read(EVERY_TENANT)

    def system_write(self, reason: str) -> AbstractAsyncContextManager[Transaction]:
        """Across tenants, for maintenance. `reason` is for the reader of the code."""
        assert reason
        return self.write(EVERY_TENANT)


async def _entered(connection: AsyncConnection, tenant: TenantId) -> None:
    if connection.dialect.name == "postgresql":
        await connection.run_sync(_enter, tenant)


def _enter(connection: Connection, tenant: TenantId) -> None:
    if connection.dialect.name == "postgresql":
        # One statement: the tenant for the row-level security policies, both settings local to this transaction.
        connection.execute(
            text("SELECT set_config('mnemic.tenant', :tenant, true), set_config('statement_timeout', :limit, true)"),
            {"tenant": tenant, "limit": str(STATEMENT_TIMEOUT_MS)},
        )


@asynccontextmanager
async def _translated() -> AsyncGenerator[None]:
    try:
        yield
    except Fault:
        raise
    except PoolTimeoutError as crowded:
        raise Unavailable("storage.busy", "all connections to the store are in use; try again in a second") from crowded
    except DBAPIError as broken:
        fault = storage_fault(broken)
        if fault is None:
            raise
        raise fault from broken


def storage_fault(broken: DBAPIError) -> Fault | None:
    """The fault behind a driver's complaint about the world; None for one about our own SQL, which is a bug."""
    cause = broken.orig
    if isinstance(cause, sqlite3.Error):
        return _sqlite_fault(getattr(cause, "sqlite_errorname", ""))
    if isinstance(broken, OperationalError) or broken.connection_invalidated:
        return Unavailable(
            "storage.unavailable", "the database cannot be reached; see the service's log, then try again", retry_after_s=5
        )
    return None


def disk_full() -> Unavailable:
    return Unavailable(
        "storage.disk_full",
        "the data folder cannot be written: the disk is full or failing. Nothing of this request was stored. "
        "Free some space and send it again.",
        retry_after_s=30,
    )


def _sqlite_fault(name: str) -> Fault | None:
    if name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR"):
        return disk_full()
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return Unavailable(
            "storage.read_only", "the data folder cannot be written by this process; check its permissions", retry_after_s=30
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable("storage.busy", f"another process held the database for {BUSY_TIMEOUT_S} s; try again")
    return None


def _sqlite(url: str, *, write: bool) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="sqlite+aiosqlite"),
        pool_size=1 if write else READERS_MAX,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_S,
        json_deserializer=read_json,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "async_creator_fn": connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: object) -> None:  # noqa: ANN401 -- the driver's connection has no public type here
        del record
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"cache_size = -{PAGE_CACHE_KIB}",
            f"mmap_size = {MMAP_BYTES}",
            "temp_store = MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # Told to the connection itself: as a statement it would cost a cursor and a result, 0.2 ms.
        if not connection.get_execution_options().get(_ALONE):
            cast("OneHopConnection", connection.connection.driver_connection).begin("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def read_json(text: str) -> Any:  # noqa: ANN401 -- whatever JSON says
    """A JSON column's value on SQLite. What SQLAlchemy wrote there begins at once and ends with its value: the library's front
    door costs three calls and two searches for blanks more, 60 times a search."""
    return _SCAN(text, 0)[0]


def _postgres(url: str) -> AsyncEngine:
    return create_async_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=READERS_MAX,
        max_overflow=READERS_MAX,
        pool_timeout=BUSY_TIMEOUT_S,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
    )
