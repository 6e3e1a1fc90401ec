"""How SQLite finds what is asked for by row. Without statistics it takes any index that begins with the tenant for a better way
than a list of row ids, and then reads all of the tenant: half a second of a million rows, while every writer waits."""

import sqlite3
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from core.ids import Principal
from storage import cache_entries, facts, memory_rows, messages, sessions, summaries
from storage.database import Transaction
from storage.memory_rows import Subject
from tests.support.stores import TENANT, Store

Asking = Callable[[Transaction], Awaitable[object]]
IDS = (1, 2, 3)
ANN = Principal("user:ann")
BY_ROW: dict[str, Asking] = {
    "cache_entries.by_ids": lambda tx: cache_entries.by_ids(tx, IDS),
    "cache_entries.place": lambda tx: cache_entries.place(tx, IDS),
    "cache_entries.gather": lambda tx: cache_entries.gather(tx, IDS),
    "cache_entries.remove": lambda tx: cache_entries.remove(tx, IDS),
    "cache_entries.vectors_of": lambda tx: cache_entries.vectors_of(tx, IDS),
    "facts.by_rows": lambda tx: facts.by_rows(tx, IDS),
    "facts.remove": lambda tx: facts.remove(tx, IDS),
    "facts.sources_of": lambda tx: facts.sources_of(tx, IDS),
    "memory_rows.by_keys": lambda tx: memory_rows.by_keys(tx, IDS),
    "memory_rows.held": lambda tx: memory_rows.held(tx, (Subject.MESSAGE, 1)),
    "memory_rows.page": lambda tx: memory_rows.page(tx, 1, limit=10),
    "messages.by_rows": lambda tx: messages.by_rows(tx, IDS),
    "messages.remove": lambda tx: messages.remove(tx, IDS),
    "sessions.by_rows": lambda tx: sessions.by_rows(tx, IDS),
    "summaries.activate": lambda tx: summaries.activate(tx, IDS),
    "summaries.empty": lambda tx: summaries.empty(tx, IDS),
    "summaries.of_owner": lambda tx: summaries.of_owner(tx, ANN, IDS),
    "summaries.remove": lambda tx: summaries.remove(tx, IDS),
    "summaries.rows_of": lambda tx: summaries.rows_of(tx, 1),
}


@pytest.mark.parametrize("asking", BY_ROW.values(), ids=BY_ROW.keys())
async def test_what_is_asked_for_by_row_is_not_searched_for_in_all_of_the_tenant(sqlite_store: Store, asking: Asking) -> None:
    with noted() as statements:
        async with sqlite_store.db.write(TENANT) as tx:
            await asking(tx)
    plans = [step for statement in statements for step in plan(sqlite_store, statement)]
    assert plans
    assert [step for step in plans if step.startswith("SCAN") or step.endswith("(tenant=?)")] == []


@contextmanager
def noted() -> Generator[list[str]]:
    """The statements that read or change rows while it is open."""
    seen: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        del connection, cursor, rest
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plan(store: Store, statement: str) -> Sequence[str]:
    connection = sqlite3.connect(store.url.removeprefix("sqlite:///"))
    try:
        values = [1] * statement.count("?")
        return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    finally:
        connection.close()
