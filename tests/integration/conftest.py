"""The real embedder, converted once for a whole run, and a library on it for each test."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from filelock import FileLock

from inference.onnx.embedder import OnnxEmbedder
from tests.support.indexing import parsers, stack, still
from tests.support.library import Library

__all__ = ["parsers", "stack", "still"]


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Generator[OnnxEmbedder]:
    shared = tmp_path_factory.getbasetemp().parent  # of all xdist workers
    with FileLock(shared / "model.lock"):
        opened = OnnxEmbedder.open(cache=shared / "model", threads=1)
    yield opened
    asyncio.run(opened.close())


@pytest.fixture
async def library(tmp_path: Path, embedder: OnnxEmbedder) -> AsyncGenerator[Library]:
    async with Library(tmp_path, embedder) as opened:
        yield opened
