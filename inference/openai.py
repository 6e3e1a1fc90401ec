"""Texts to vectors by an OpenAI-compatible /embeddings endpoint. Not the vendor's SDK: one request, whose failures are
inference/endpoint.py's."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import Corrupt
from core.telemetry import EMBEDDED_TEXTS
from inference.batching import Distinct, unit
from inference.endpoint import Address, JsonEndpoint
from inference.onnx.tokenizer import FileTokenizer, TokenizerFile, sound
from inference.port import ModelSpec, Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the model is and how long to wait. `total_s` covers one batch with all its retries."""

    url: str
    model: str
    dimension: int
    key: str | None = field(default=None, repr=False)
    tokens_max: int = 512
    batch: int = 64
    timeout_s: float = 20.0
    total_s: float = 60.0
    backoff_s: float = 0.5
    query_prefix: str = ""
    passage_prefix: str = ""

    def spec(self) -> ModelSpec:
        """The weights cannot be seen, so the address and the model's name stand for them."""
        return ModelSpec(
            name=self.model,
            source_sha256=hashlib.sha256(f"{self.url.rstrip('/')} {self.model}".encode()).hexdigest(),
            recipe=0,
            variant="remote",
            dimension=self.dimension,
            tokens_max=self.tokens_max,
            query_prefix=self.query_prefix,
            passage_prefix=self.passage_prefix,
        )

    def address(self) -> Address:
        return Address(
            noun="embedding",
            url=self.url,
            model=self.model,
            key=self.key,
            timeout_s=self.timeout_s,
            total_s=self.total_s,
            backoff_s=self.backoff_s,
            advice="raise these or lower the batch",
        )


class OpenAiEmbedder:
    """An Embedder. Tokens are counted by `tokenizer`, by default WordPiece over 30 K words, which finds more tokens in a text
    than the larger vocabularies of hosted models do: chunks come out a little short rather than too long."""

    def __init__(self, endpoint: Endpoint, *, tokenizer: TokenizerFile, calls: JsonEndpoint) -> None:
        self.spec = endpoint.spec()
        self.tokenizer = tokenizer
        self._endpoint = endpoint
        self._counter = tokenizer.load()
        self._calls = calls

    @classmethod
    def open(cls, endpoint: Endpoint, *, tokenizer: TokenizerFile | None = None) -> "OpenAiEmbedder":
        """Makes no request: a start does not wait for another service."""
        return cls(endpoint, tokenizer=tokenizer or TokenizerFile(), calls=JsonEndpoint.open(endpoint.address()))

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        prefix = self.spec.prefix(purpose)
        distinct = Distinct(texts)
        ready = [_cut(prefix + text, self._counter, self.spec.tokens_max) for text in distinct.texts]
        vectors: list[NDArray[np.float32]] = []
        for start in range(0, len(ready), self._endpoint.batch):
            batch = ready[start : start + self._endpoint.batch]
            request = {"model": self._endpoint.model, "input": batch, "encoding_format": "float"}
            vectors.extend(_vectors(await self._calls.post("/embeddings", request), len(batch), self._endpoint))
            EMBEDDED_TEXTS.labels(purpose).inc(len(batch))
        return distinct.rows(vectors, self.spec.dimension)

    async def close(self) -> None:
        await self._calls.close()


def _cut(text: str, counter: FileTokenizer, tokens_max: int) -> str:
    """`text` within the window. An endpoint refuses an empty text; one blank stands for it."""
    room = tokens_max - counter.specials
    text = sound(text)
    # Nearly always true, and much cheaper than counting: no token is shorter than a character.
    if len(text) > room:
        spans = counter.spans(text)
        if len(spans) > room:
            text = text[: spans[room - 1][1]]
    return text or " "


def _vectors(body: bytes, count: int, endpoint: Endpoint) -> list[NDArray[np.float32]]:
    """The checked vectors of an answer, in the order of the texts."""
    try:
        answer: Any = json.loads(body)
        rows = sorted(cast("list[dict[str, Any]]", answer["data"]), key=lambda row: int(row["index"]))
        positions = [int(row["index"]) for row in rows]
        vectors = [np.asarray(row["embedding"], np.float32) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError) as broken:
        raise _corrupt(endpoint, f"sent no list of embeddings ({type(broken).__name__})") from broken
    if positions != list(range(count)):
        raise _corrupt(endpoint, f"sent {len(positions)} vectors for {count} texts, or not one for each")
    for vector in vectors:
        if vector.shape != (endpoint.dimension,):
            raise _corrupt(endpoint, f"sent a vector of shape {vector.shape}; the settings say {endpoint.dimension}")
        if not np.isfinite(vector).all() or not vector.any():
            raise _corrupt(endpoint, "sent a vector that is zero or not finite")
    return [unit(vector) for vector in vectors]


def _corrupt(endpoint: Endpoint, what: str) -> Corrupt:
    return endpoint.address().corrupt(what, "correct the model or the dimension in the settings, or the endpoint")
