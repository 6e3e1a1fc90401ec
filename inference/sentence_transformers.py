"""Texts to vectors by sentence-transformers (the extra `models`): every model it can load, on a GPU where there is one. Loads
from a directory only; nothing is fetched from a hub."""

import hashlib
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import Corrupt, Invalid, Unavailable
from core.telemetry import EMBEDDED_TEXTS, MODEL_CPU_SECONDS
from inference.batching import Distinct, Lane, unit
from inference.onnx.tokenizer import TokenizerFile, TokenizerKind, sound
from inference.port import ModelSpec, Purpose

TOKENS_MAX_DEFAULT = 512


class SentenceTransformersEmbedder:
    """An Embedder. Texts run in batches padded to their longest, so that a vector differs in company by rounding: 1e-6, not
    more. Queries and passages have a thread each; torch spreads one batch over the cores by itself."""

    def __init__(self, model: Any, *, spec: ModelSpec, tokenizer: TokenizerFile, batch: int) -> None:  # noqa: ANN401 # lazy library
        self.spec = spec
        self.tokenizer = tokenizer
        self._model = model
        self._batch = batch
        self._lanes = {
            Purpose.QUERY: Lane("query", threads=1),
            Purpose.PASSAGE: Lane("passage", threads=1, polite=True),
        }

    @classmethod
    def open(
        cls, *, model_dir: Path, device: str | None = None, batch: int = 32, query_prefix: str = "", passage_prefix: str = ""
    ) -> "SentenceTransformersEmbedder":
        """Blocks for seconds. Unavailable without the extra, Invalid without a model there, Corrupt if it does not load."""
        tokenizer = model_dir / "tokenizer.json"
        if not tokenizer.is_file():
            raise Invalid(
                "inference.model_incomplete",
                f"The model directory {model_dir} has no tokenizer.json; save the model there with its fast tokenizer.",
            )
        model = _load(model_dir, device)
        spec = ModelSpec(
            name=model_dir.resolve().name,
            source_sha256=_digest(model_dir),
            recipe=0,
            variant=str(next(model.parameters()).dtype).removeprefix("torch."),
            dimension=int(model.get_embedding_dimension()),
            tokens_max=int(model.max_seq_length or TOKENS_MAX_DEFAULT),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )
        return cls(model, spec=spec, tokenizer=TokenizerFile(path=tokenizer, kind=TokenizerKind.JSON), batch=batch)

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        distinct = Distinct(texts)
        prefix = self.spec.prefix(purpose)
        ready = [sound(prefix + text) for text in distinct.texts]
        batches = [ready[start : start + self._batch] for start in range(0, len(ready), self._batch)]
        parts = await self._lanes[purpose].map(lambda batch: self._encoded(batch, purpose), batches)
        return distinct.rows([row for part in parts for row in part], self.spec.dimension)

    async def close(self) -> None:
        for lane in self._lanes.values():
            await lane.close()

    def _encoded(self, texts: list[str], purpose: Purpose) -> list[NDArray[np.float32]]:
        started = time.thread_time()
        try:
            rows = self._model.encode(texts, batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True)
        except RuntimeError as failed:  # torch's one exception: out of memory, a lost device
            raise Unavailable(
                "inference.model_failed",
                f"The model {self.spec.name} failed on {len(texts)} texts: {str(failed)[:200]}; lower the batch.",
            ) from failed
        MODEL_CPU_SECONDS.labels(purpose).inc(time.thread_time() - started)
        EMBEDDED_TEXTS.labels(purpose).inc(len(texts))
        return [unit(row) for row in cast("NDArray[np.float32]", rows).astype(np.float32)]


def _load(model_dir: Path, device: str | None) -> Any:  # noqa: ANN401 # a library that may not be installed has no types
    try:
        library: Any = import_module("sentence_transformers")
    except ModuleNotFoundError as missing:
        raise Unavailable(
            "inference.extra_missing",
            f"The embedder sentence_transformers needs the package {missing.name}, which is not installed; "
            "run pip install 'mnemic[models]' or choose the embedder onnx.",
        ) from missing
    try:
        return library.SentenceTransformer(str(model_dir), device=device, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError) as broken:
        raise Corrupt(
            "inference.model_unreadable",
            f"The model directory {model_dir} cannot be loaded: {str(broken)[:300]}; replace its files.",
        ) from broken


def _digest(model_dir: Path) -> str:
    """All files but documentation: weights, configuration, tokenizer and pooling decide vectors."""
    digest = hashlib.sha256()
    for path in sorted(path for path in model_dir.rglob("*") if path.suffix not in {".md", ".txt"} and path.is_file()):
        with path.open("rb") as opened:
            digest.update(
                f"{path.relative_to(model_dir).as_posix()} ".encode() + hashlib.file_digest(opened, "sha256").digest()
            )
    return digest.hexdigest()
