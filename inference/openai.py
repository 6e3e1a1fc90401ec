"""Texts to vectors by an OpenAI-compatible /embeddings endpoint. Not the vendor's SDK: one request and its failures. The key
goes into the request's header and nowhere else, and no text of an answer gets into a message."""

import asyncio
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import numpy as np
from numpy.typing import NDArray

from core.errors import Corrupt, Fault, Invalid, TimedOut, Unavailable
from core.telemetry import EMBEDDED_TEXTS, log
from inference.batching import Distinct, unit
from inference.onnx.tokenizer import FileTokenizer, TokenizerFile, sound
from inference.port import ModelSpec, Purpose

# A vector of 4,096 numbers in JSON is some 90 KB; a full batch of those stays below.
ANSWER_BYTES_MAX = 64 * 1024 * 1024
RETRY_WAIT_S_MAX = 20.0


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


class OpenAiEmbedder:
    """An Embedder. Tokens are counted by `tokenizer`, by default WordPiece over 30 K words, which finds more tokens in a text
    than the larger vocabularies of hosted models do: chunks come out a little short rather than too long."""

    def __init__(
        self, endpoint: Endpoint, *, tokenizer: TokenizerFile, client: httpx.AsyncClient, chance: random.Random | None = None
    ) -> None:
        self.spec = endpoint.spec()
        self.tokenizer = tokenizer
        self._endpoint = endpoint
        self._counter = tokenizer.load()
        self._client = client
        self._chance = chance or random.Random()  # noqa: S311 # spreads retries; nothing secret hangs on it

    @classmethod
    def open(cls, endpoint: Endpoint, *, tokenizer: TokenizerFile | None = None) -> "OpenAiEmbedder":
        """Makes no request: a start does not wait for another service."""
        if endpoint.key is not None and not (endpoint.key.isascii() and endpoint.key.isprintable()):
            raise Invalid(
                "inference.key_unprintable",
                f"The key for {endpoint.url} holds characters that no HTTP header can carry; set it again, without line ends.",
            )
        headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        client = httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(endpoint.timeout_s))
        return cls(endpoint, tokenizer=tokenizer or TokenizerFile(), client=client)

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        prefix = self.spec.prefix(purpose)
        distinct = Distinct(texts)
        ready = [_cut(prefix + text, self._counter, self.spec.tokens_max) for text in distinct.texts]
        vectors: list[NDArray[np.float32]] = []
        for start in range(0, len(ready), self._endpoint.batch):
            batch = ready[start : start + self._endpoint.batch]
            vectors.extend(await self._batch(batch))
            EMBEDDED_TEXTS.labels(purpose).inc(len(batch))
        return distinct.rows(vectors, self.spec.dimension)

    async def close(self) -> None:
        await self._client.aclose()

    async def _batch(self, texts: list[str]) -> list[NDArray[np.float32]]:
        failed: list[Fault] = []
        try:
            async with asyncio.timeout(self._endpoint.total_s):
                return _vectors(await self._asked(texts, failed), len(texts), self._endpoint)
        except TimeoutError as late:
            # What an earlier attempt was told says more than that the last one was cut off.
            raise (failed[-1] if failed else self._too_slow()) from late

    async def _asked(self, texts: list[str], failed: list[Fault]) -> bytes:
        """The answer's bytes, after as many attempts as fit into `total_s`. A wait that would not fit is not begun. The faults
        of the attempts so far are left in `failed`."""
        until = asyncio.get_running_loop().time() + self._endpoint.total_s
        attempt = 0
        while True:
            try:
                return await self._once(texts)
            except _Again as again:
                failed.append(again.fault)
                wait_s = self._wait_s(again, attempt)
                if asyncio.get_running_loop().time() + wait_s >= until:
                    raise again.fault from again.__cause__
                log.info("inference.endpoint_retry", url=self._endpoint.url, code=again.fault.code, wait_s=round(wait_s, 2))
            await asyncio.sleep(wait_s)
            attempt += 1

    async def _once(self, texts: list[str]) -> bytes:
        request = {"model": self._endpoint.model, "input": texts, "encoding_format": "float"}
        try:
            async with self._client.stream("POST", f"{self._endpoint.url.rstrip('/')}/embeddings", json=request) as answer:
                self._check_status(answer)
                return await self._body(answer)
        except httpx.TimeoutException as late:
            raise _Again(self._too_slow()) from late
        except (httpx.TransportError, httpx.DecodingError) as down:
            # The type only: the texts of some transport errors quote the request.
            raise _Again(self._unavailable(f"could not be reached ({type(down).__name__})")) from down
        except (httpx.InvalidURL, httpx.HTTPError) as wrong:
            raise self._unavailable(f"cannot be asked ({type(wrong).__name__}); correct its address") from wrong

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > ANSWER_BYTES_MAX:
                raise _corrupt(self._endpoint, f"sent more than {ANSWER_BYTES_MAX} bytes")
        return bytes(body)

    def _check_status(self, answer: httpx.Response) -> None:
        if answer.status_code == 200:
            return
        fault = self._unavailable(f"answered {answer.status_code}; check address, model name and key")
        if answer.status_code == 429 or answer.is_server_error:
            retry_after_s = _retry_after_s(answer.headers.get("Retry-After"))
            fault = self._unavailable(f"answered {answer.status_code}; it is overloaded or down", retry_after_s=retry_after_s)
            raise _Again(fault, wait_s=retry_after_s)
        raise fault

    def _wait_s(self, again: "_Again", attempt: int) -> float:
        """What the endpoint asked for, else twice as long each time, spread so that many callers do not return at once."""
        if again.wait_s is not None:
            return again.wait_s
        return min(self._endpoint.backoff_s * 2**attempt, RETRY_WAIT_S_MAX) * self._chance.uniform(0.5, 1.0)

    def _unavailable(self, what: str, *, retry_after_s: float | None = None) -> Unavailable:
        message = f"The embedding endpoint {self._endpoint.url} (model {self._endpoint.model}) {what}."
        return Unavailable("inference.endpoint_unavailable", message, retry_after_s=max(1, round(retry_after_s or 1)))

    def _too_slow(self) -> TimedOut:
        limits = f"{self._endpoint.timeout_s:g} s an attempt and {self._endpoint.total_s:g} s in all"
        return TimedOut(
            "inference.endpoint_timeout",
            f"The embedding endpoint {self._endpoint.url} (model {self._endpoint.model}) gave no answer within {limits}; "
            "raise these or lower the batch.",
        )


class _Again(Exception):  # not an error but a turn of the retry loop; the fault inside is the error
    """An attempt that is worth another: the fault it ends with otherwise, and how long the endpoint asked to wait."""

    def __init__(self, fault: Fault, *, wait_s: float | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.wait_s = wait_s


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


def _retry_after_s(header: str | None) -> float | None:
    """Seconds; the other form, a date, needs a clock that agrees with theirs, and falls back to our own waits."""
    return float(header) if header is not None and header.isascii() and header.isdigit() else None


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
    return Corrupt(
        "inference.endpoint_answer",
        f"The embedding endpoint {endpoint.url} (model {endpoint.model}) {what}; "
        "correct the model or the dimension in the settings, or the endpoint.",
    )
