"""Texts to vectors on this machine's cores. Wires tokenizer, model and threads; decides nothing about models."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.telemetry import EMBEDDED_TEXTS, MODEL_CPU_SECONDS
from inference.batching import Distinct, Lane
from inference.onnx.converted import ConvertedModel
from inference.onnx.goldens import Goldens
from inference.onnx.model import OnnxModel
from inference.onnx.model_dir import ModelDirectory
from inference.onnx.recipe import DIMENSION, RECIPE, TOKENS_MAX, VARIANT
from inference.onnx.tokenizer import TokenizerFile
from inference.onnx.weights import SHA256, Weights
from inference.port import ModelSpec, Purpose

DEFAULT_SPEC = ModelSpec(
    name="all-MiniLM-L6-v2",
    source_sha256=SHA256,
    recipe=RECIPE,
    variant=VARIANT,
    dimension=DIMENSION,
    tokens_max=TOKENS_MAX,
)


class OnnxEmbedder:
    """An Embedder. Passages have `threads` threads of low priority, queries one of their own, all on one session."""

    def __init__(self, model: OnnxModel, *, spec: ModelSpec, tokenizer: TokenizerFile, threads: int | None = None) -> None:
        self.spec = spec
        self.tokenizer = tokenizer
        self._model = model
        self._counter = tokenizer.load()
        self._lanes = {
            Purpose.QUERY: Lane("query", threads=1),
            Purpose.PASSAGE: Lane("passage", threads=threads or os.cpu_count() or 1, polite=True),
        }

    @classmethod
    def open(
        cls, *, cache: Path, threads: int | None = None, model_dir: Path | None = None, weights: Weights | None = None
    ) -> "OnnxEmbedder":
        """The default model, converted into `cache` when it is not there yet (5 s, once), or the one in `model_dir`.

        Blocks: call it in a thread where a loop runs. `threads` is for passages, all cores by default. Corrupt when the weights
        are not the shipped ones or the vectors have moved, Unavailable when weights are missing or `cache` cannot be written.
        """
        if model_dir is not None:
            return cls.of_directory(ModelDirectory.read(model_dir), threads=threads)
        converted = ConvertedModel(folder=cache, weights=weights or Weights.shipped(), recipe=RECIPE)
        model = OnnxModel(converted.read(), name=DEFAULT_SPEC.name)
        embedder = cls(model, spec=DEFAULT_SPEC, tokenizer=TokenizerFile(), threads=threads)
        Goldens.read().check(embedder.vector)
        return embedder

    @classmethod
    def of_directory(cls, directory: ModelDirectory, *, threads: int | None = None) -> "OnnxEmbedder":
        """Any other model, run as it is."""
        model = OnnxModel(directory.model, name=directory.spec.name, pooling=directory.pooling)
        spec = replace(directory.spec, dimension=model.vector([0]).shape[0])
        return cls(model, spec=spec, tokenizer=directory.tokenizer, threads=threads)

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        distinct = Distinct(texts)
        prefix = self.spec.prefix(purpose)
        vectors = await self._lanes[purpose].map(lambda text: self._measured(prefix + text, purpose), distinct.texts)
        return distinct.rows(vectors, self.spec.dimension)

    async def close(self) -> None:
        for lane in self._lanes.values():
            await lane.close()

    def vector(self, text: str) -> NDArray[np.float32]:
        """One text, prefix included, on the calling thread."""
        return self._model.vector(self._counter.window(text, self.spec.tokens_max))

    def _measured(self, text: str, purpose: Purpose) -> NDArray[np.float32]:
        ids = self._counter.window(text, self.spec.tokens_max)
        started = time.thread_time()
        vector = self._model.vector(ids)
        MODEL_CPU_SECONDS.labels(purpose).inc(time.thread_time() - started)
        EMBEDDED_TEXTS.labels(purpose).inc()
        return vector
