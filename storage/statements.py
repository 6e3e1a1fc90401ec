"""The few statements whose SQL differs between SQLite and Postgres. Nothing else in the room asks which one it is."""

from typing import Any

from sqlalchemy import ColumnElement, Select, Table
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Transaction

# One statement binds at most 32,766 values on SQLite; rows of a dozen columns fit well below that.
ROWS_PER_STATEMENT = 2_000


def upsert(tx: Transaction, table: Table) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT. Both dialects' classes share the methods that are used here."""
    return sqlite.insert(table) if tx.is_sqlite else postgresql.insert(table)  # type: ignore[return-value]  # same methods


def locked(tx: Transaction, statement: Select[Any], *, skip: bool = False) -> Select[Any]:
    """With the rows locked until the commit. SQLite has one writer, whose BEGIN IMMEDIATE has locked everything."""
    return statement if tx.is_sqlite else statement.with_for_update(skip_locked=skip)


def starts_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """The values with a literal prefix, as a range that an index serves. LIKE would fold case on SQLite."""
    return (column >= prefix) & (column <= prefix + "\U0010ffff")


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column as no index serves it. Without statistics SQLite takes any index that begins with the tenant for a better way
    than a list of row ids, and reads all of the tenant."""
    return column.concat("")
