"""Migrations: an empty store ends where storage/tables.py says, again changes nothing, and a newer store is refused."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.engine import Engine

from core.errors import Conflict
from storage.migrate import upgrade
from storage.schema import metadata
from tests.support.stores import Store


def _engine(store: Store) -> Engine:
    driver = "sqlite" if store.db.kind == "sqlite" else "postgresql+psycopg"
    return create_engine(make_url(store.url).set(drivername=driver))


async def test_the_migrated_store_is_what_the_tables_say(store: Store) -> None:
    engine = _engine(store)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_migrating_again_changes_nothing(store: Store) -> None:
    await upgrade(store.url)
    engine = _engine(store)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == ["0007"]
    engine.dispose()


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(store: Store) -> None:
    engine = _engine(store)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict) as fault:
        await upgrade(store.url)
    assert fault.value.code == "storage.newer_store"
    engine.dispose()
