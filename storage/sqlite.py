"""An aiosqlite connection that crosses to its thread once for each statement. It knows no table and no transaction of ours.

SQLAlchemy makes a cursor, executes, fetches and closes, and aiosqlite crosses threads for each of the four, as for BEGIN and
for a rollback of nothing: 18 crossings for a search of two statements. Here a statement with its rows is one, BEGIN goes along
with the first statement, and nothing is crossed where no transaction is open.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite

_ROWS_PER_FETCH = 64


def connect(path: str, **options: Any) -> "OneHopConnection":  # noqa: ANN401 -- handed on to sqlite3.connect
    """To be awaited, as what aiosqlite.connect answers. The options are those of sqlite3.connect."""
    connection = OneHopConnection(partial(sqlite3.connect, path, **options), iter_chunk_size=_ROWS_PER_FETCH)
    connection.leave_to_exit()
    return connection


class OneHopConnection(aiosqlite.Connection):
    """As its base, but for what this file says. Transactions begin by a BEGIN of their own, never by the driver."""

    begun_by: str | None = None

    def begin(self, how: str) -> None:
        """A transaction begins `how` with the next statement."""
        self.begun_by = how

    def leave_to_exit(self) -> None:
        """An interpreter that exits waits for no reader; SQLAlchemy sees to the same."""
        self._thread.daemon = True

    def cursor(self) -> "OneHopCursor":  # type: ignore[override]  # SQLAlchemy asks for a cursor and enters it, like aiosqlite's callers
        return OneHopCursor(self)

    async def commit(self) -> None:
        if self._is_open():
            await super().commit()

    async def rollback(self) -> None:
        if self._is_open():
            await super().rollback()

    @property
    def owned(self) -> sqlite3.Connection:
        """The connection itself, for the thread that owns it."""
        return self._conn

    async def run(self, work: Callable[..., None], *arguments: object) -> None:
        """Runs `work` in the thread that owns the connection."""
        await self._execute(work, *arguments)  # pyright: ignore[reportUnknownMemberType] -- aiosqlite's own is not typed

    def _is_open(self) -> bool:
        self.begun_by = None
        return self._conn.in_transaction


class OneHopCursor:
    """The part of a DB-API cursor that SQLAlchemy's asyncio adapter uses."""

    arraysize = 1

    def __init__(self, connection: OneHopConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Sequence[Any] | None = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Iterable[Any] = ()) -> None:
        await self._connection.run(self._run, sql, parameters)

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> None:
        await self._connection.run(partial(self._run, many=True), sql, parameters)

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Nothing is open: the statement was finished in its thread."""

    def _run(self, sql: str, parameters: Any, *, many: bool = False) -> None:  # noqa: ANN401 -- one row of values, or many
        """In the connection's thread."""
        connection = self._connection.owned
        if self._connection.begun_by is not None:
            begin, self._connection.begun_by = self._connection.begun_by, None
            connection.execute(begin)
        cursor = connection.executemany(sql, parameters) if many else connection.execute(sql, parameters)
        self.description = cursor.description
        self._rows = cursor.fetchall() if cursor.description else []
        self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        cursor.close()
