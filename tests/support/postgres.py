"""A real PostgreSQL for the tests that ask for one. It starts no server: MNEMIC_TEST_POSTGRES_URL names one.

Where it names none, those tests skip and say why; with MNEMIC_TEST_REQUIRE_POSTGRES=1, as in .ci/run, they fail instead.
MNEMIC_TEST_STORE=postgres puts the tests that need some store, whichever, on it as well: `make test-postgres-whole`.
"""

import asyncio
import atexit
import os
import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from storage.migrate import upgrade

SERVER_VARIABLE = "MNEMIC_TEST_POSTGRES_URL"
REQUIRE_VARIABLE = "MNEMIC_TEST_REQUIRE_POSTGRES"
STORE_VARIABLE = "MNEMIC_TEST_STORE"


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a database on the server under test, whose user may create databases."""
    return _server()


def _server() -> str:
    url = os.environ.get(SERVER_VARIABLE, "")
    if url:
        return url
    reason = f"{SERVER_VARIABLE} names no PostgreSQL server (postgresql://user@host:5432/database)"
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_VARIABLE}=1 demands one", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Generator[str]:
    """`postgresql://…` of an empty database that this session, or this xdist worker, has to itself."""
    with fresh_database(postgres_server) as url:
        yield url


@contextmanager
def some_store(at: Path) -> Generator[str]:
    """The URL of a store for tests that take any: SQLite at that path, unless MNEMIC_TEST_STORE says postgres. Whoever opens
    it migrates it."""
    match os.environ.get(STORE_VARIABLE, "sqlite"):
        case "sqlite":
            yield f"sqlite:///{at}"
        case "postgres":
            with migrated_database(_server()) as url:
                yield url
        case other:
            pytest.fail(f"{STORE_VARIABLE}={other!r} is neither sqlite nor postgres", pytrace=False)


@contextmanager
def migrated_database(server_url: str) -> Generator[str]:
    """A database with every table for the time of the block: a copy, since the migrations take half a second each time."""
    with _database(server_url, template=_template(server_url)) as url:
        yield url


@contextmanager
def fresh_database(server_url: str) -> Generator[str]:
    """An empty database for the time of the block; about 50 ms to make, as long to drop."""
    with _database(server_url, template="template1") as url:
        yield url


@cache
def _template(server_url: str) -> str:
    """The database that this process copies the others from; gone when it ends."""
    kept = ExitStack()
    url = kept.enter_context(fresh_database(server_url))
    atexit.register(kept.close)
    with ThreadPoolExecutor(1) as beside:  # a loop may run here already
        beside.submit(asyncio.run, upgrade(url)).result()
    return urlsplit(url).path.removeprefix("/")


@contextmanager
def _database(server_url: str, *, template: str) -> Generator[str]:
    name = f"mnemic_test_{secrets.token_hex(6)}"
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(server_url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(make)
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
