"""What the tables are made of: one MetaData, and the column types that SQLite and Postgres need told apart. No table here."""

from datetime import UTC, datetime

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Integer, MetaData, Table, Text, TypeDecorator

metadata = MetaData()

# SQLite makes only INTEGER PRIMARY KEY a row id; Postgres needs 64 bits.
BigId = BigInteger().with_variant(Integer(), "sqlite")

# Names that lists are ordered by: code point order on both stores, whatever Postgres was made with.
Name = Text().with_variant(Text(collation="C"), "postgresql")


class Moment(TypeDecorator[datetime]):
    """An aware UTC time; SQLite forgets the zone, Postgres answers in the session's; both come out as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        assert value.tzinfo is not None, "naive times never reach the store"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def table(name: str, *parts: object, autoincrement: bool = False) -> Table:
    return Table(name, metadata, *parts, sqlite_autoincrement=autoincrement)  # type: ignore[arg-type]  # columns and constraints


def tenant(*, primary_key: bool = False) -> Column[str]:
    return Column("tenant", Text, primary_key=primary_key, nullable=False)
