"""The service that every test here talks to, and an index of its own for each."""

import itertools
from collections.abc import Generator
from uuid import uuid4

import httpx
import pytest

from tests.support.postgres import postgres_server, postgres_url
from tests.support.service import Service, converted, made, service

__all__ = ["converted", "postgres_server", "postgres_url", "service"]

_numbers = itertools.count()


@pytest.fixture
def operator(service: Service) -> Generator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def index(operator: httpx.Client) -> str:
    """An empty index that no other test knows."""
    name = f"index-{next(_numbers)}"
    profile = {"range_fields": {"year": "number"}}
    made(operator.put(f"/v1/admin/indexes/{name}", json={"profile": profile}), 201)
    return name


@pytest.fixture
def user() -> str:
    """A user that no other test knows."""
    return f"u-{uuid4().hex[:12]}"


@pytest.fixture
def session(operator: httpx.Client, user: str) -> str:
    """The user's empty session `chat`."""
    return made(operator.post("/v1/sessions", json={"id": "chat", "user_id": user}), 201)["id"]
