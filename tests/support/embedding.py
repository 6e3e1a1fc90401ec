"""The real default embedder for every ring, converted once a machine and opened once a process."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import inference.onnx.convert
from inference.onnx.embedder import OnnxEmbedder


@pytest.fixture(scope="session")
def model_cache() -> Path:
    """A folder for `OnnxEmbedder.open(cache=…)` that outlives the run; another conversion code is another folder."""
    code = hashlib.sha256(Path(inference.onnx.convert.__file__).read_bytes()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mnemic-test-models-{os.getuid()}" / code


@pytest.fixture(scope="session")
def embedder(model_cache: Path) -> Iterator[OnnxEmbedder]:
    """Shared by all tests of this process: do not close it."""
    opened = OnnxEmbedder.open(cache=model_cache, threads=2)
    yield opened
    asyncio.run(opened.close())
