"""Vectors of questions and answers, the last ones remembered: a question that misses is embedded once for its lookup, its store
and the retrieval after it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np

from cache.flat import Vector
from core.deadline import Deadline
from core.errors import Unavailable
from inference.port import Embedder, Purpose

VECTORS_MAX = 4_096


class Embedding:
    """One per process. Rounded as the store keeps them, so that a restart changes no similarity."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: OrderedDict[bytes, Vector] = OrderedDict()
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @property
    def model(self) -> str:
        return self._embedder.spec.digest

    @property
    def dimension(self) -> int:
        return self._embedder.spec.dimension

    def digest(self, text: str) -> bytes:
        """The name of a text's vector in the store."""
        prefix = self._embedder.spec.prefix(Purpose.QUERY)
        return hashlib.sha256((prefix + text).encode("utf-8", "surrogatepass")).digest()

    async def vector(self, text: str, deadline: Deadline) -> Vector:
        """Faults of the embedder; TimedOut."""
        key = self.digest(text)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            known = self._known.get(key)
            if known is None:
                made = await deadline.wait(self._embedder.embed([text], Purpose.QUERY), "embedding the question")
                known = self._keep(key, made[0])
            self._known.move_to_end(key)
            return known

    async def warm(self, texts: Sequence[str], deadline: Deadline) -> None:
        """Embeds many texts at once, for what comes after it. A model that is down is not this one's matter."""
        missing = [text for text in dict.fromkeys(texts) if self.digest(text) not in self._known]
        try:
            made = await deadline.wait(self._embedder.embed(missing, self._for_many()), "embedding the questions")
        except Unavailable:
            return
        for text, vector in zip(missing, made, strict=True):
            self._keep(self.digest(text), vector)

    def _for_many(self) -> Purpose:
        """Where both purposes make one vector, many texts take the passages' lane: it has every core, and nobody's lookup waits
        behind them."""
        spec = self._embedder.spec
        return Purpose.PASSAGE if spec.prefix(Purpose.PASSAGE) == spec.prefix(Purpose.QUERY) else Purpose.QUERY

    def _keep(self, key: bytes, vector: Vector) -> Vector:
        known = self._known[key] = vector.astype(np.float16).astype(np.float32)
        while len(self._known) > VECTORS_MAX:
            self._known.popitem(last=False)
        return known
