"""Brings an empty or older store to this version's tables, and refuses one that is newer than the code."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from core.errors import Conflict
from storage.database import storage_fault

# Two services that start at once on one Postgres migrate one after the other.
_ADVISORY_LOCK = 0x6D6E656D6963


async def upgrade(url: str) -> None:
    """Runs the migrations that are missing. Conflict when the store was written by a newer mnemic."""
    try:
        await asyncio.to_thread(_upgrade, url)
    except DBAPIError as broken:
        fault = storage_fault(broken)
        if fault is None:
            raise
        raise fault from broken


def _upgrade(url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as unknown:
        head = ScriptDirectory.from_config(config).get_current_head()
        raise Conflict(
            "storage.newer_store",
            f"the store was written by a newer mnemic (this one knows up to migration {head}); "
            "start the newer version, or restore a backup made with this one",
        ) from unknown
    finally:
        engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed.set(drivername="postgresql+psycopg"))
    engine = create_engine(parsed.set(drivername="sqlite"), connect_args={"isolation_level": None})

    # As in database.py: the driver would run the DDL outside of any transaction, and a crash would leave half a migration.
    @event.listens_for(engine, "begin")
    def begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]  # the event hands over a Connection

    return engine
