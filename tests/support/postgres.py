"""A real PostgreSQL for the tests that ask for one. It starts no server: MNEMIC_TEST_POSTGRES_URL names one.

Where it names none, those tests skip and say why; with MNEMIC_TEST_REQUIRE_POSTGRES=1, as in .ci/run, they fail instead.
"""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

SERVER_VARIABLE = "MNEMIC_TEST_POSTGRES_URL"
REQUIRE_VARIABLE = "MNEMIC_TEST_REQUIRE_POSTGRES"


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a database on the server under test, whose user may create databases."""
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
def fresh_database(server_url: str) -> Generator[str]:
    """An empty database for the time of the block; about 50 ms to make, as long to drop."""
    name = f"mnemic_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
