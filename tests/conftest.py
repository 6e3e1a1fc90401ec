"""What every ring shares. Fixtures live beside their subject under tests/support/."""

import pytest

from tests.support.embedding import embedder, model_cache

__all__ = ["embedder", "model_cache"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the model may have to convert it: 5 s on an idle machine, too near the default limit."""
    for item in items:
        if "model_cache" in getattr(item, "fixturenames", ()) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60))
