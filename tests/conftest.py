"""What every ring shares. Fixtures live beside their subject under tests/support/."""

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.support.embedding import embedder, model_cache
from tests.support.postgres import postgres_server, postgres_url
from tests.support.stores import sqlite_store, store

__all__ = ["embedder", "model_cache", "postgres_server", "postgres_url", "sqlite_store", "store"]

# How long an example takes, or is looked for, is the machine's doing and proves nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# By itself structlog has rich draw an error with all its variables: 13 s in a failing request on a loaded machine.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the model may have to convert it, and the first one of the tree's shape parses all of it: 5 s
    each on an idle machine, too near the default limit."""
    for item in items:
        slow_to_begin = "model_cache" in getattr(item, "fixturenames", ()) or "architecture" in item.path.parts
        if slow_to_begin and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))
