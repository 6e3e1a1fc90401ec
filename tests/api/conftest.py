"""The service that every test here talks to, and an index of its own for each."""

import itertools
from collections.abc import Generator

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
