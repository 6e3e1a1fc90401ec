"""What one client waits for an answer of the cache over HTTP, by how many entries there are: the very question again, and one
that is only like one of before. Entries come in through the import, so that every vector is made for real."""

import http.client
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.loading import questions
from benchmarks.percentiles import percentiles
from evals.cache_peers import REDISVL
from evals.gptcache_arm import GptCache
from evals.service import Address, Json, Service, ServiceFailedError, serve
from inference.onnx.embedder import OnnxEmbedder

SIZES = (1_000, 10_000, 100_000)
ASKED = 500
NAMESPACE = "bench"
PEER_SIZE_MAX = 10_000  # it stores one at a time: 100,000 would take longer than all else here
BATCH = 500
# Words in front make another text of nearly the same meaning: neither exact nor normalised.
OTHERWISE = "please tell me: {}"


def measure_cache(sizes: Sequence[int], gptcache: Path | None) -> Json:
    """`gptcache` is the folder that holds GPTCache; None leaves it out."""
    peers = [size for size in sizes if size <= PEER_SIZE_MAX] if gptcache is not None else []
    return {
        "what": "POST /v1/cache:lookup by one client, static mode at 0.80; every text embedded for real",
        "redisvl": REDISVL,
        "sizes": {str(size): _at(size) for size in sizes},
        "gptcache": {str(size): _gptcache(gptcache, size) for size in peers if gptcache is not None}
        or "not measured; see evals/gptcache_arm.py",
        "gptcache_what": "its get() in this process, without HTTP, at its default threshold, with the same model on one thread",
    }


def _texts(size: int) -> tuple[list[str], list[str]]:
    """What is stored, and what of it is asked."""
    texts = list(dict.fromkeys(questions(size * 2)))[:size]
    assert len(texts) == size, len(texts)
    return texts, texts[:: max(1, size // ASKED)][:ASKED]


def _gptcache(installed: Path, size: int) -> Json:
    texts, asked = _texts(size)
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        model = OnnxEmbedder.open(cache=Path(folder) / "models")
        cache = GptCache(installed, Path(folder) / "gptcache", embed=model.vector)
        started = time.perf_counter()
        for place, text in enumerate(texts):
            cache.put(text, f"answer {place}")
        result: Json = {"put_s": round(time.perf_counter() - started, 1)}

        def ask(text: str) -> str | None:
            return None if cache.get(text) is None else "hit"

        _timed(ask, asked[:20])
        result["exact"] = _timed(ask, asked)
        result["semantic"] = _timed(ask, [OTHERWISE.format(text) for text in asked[20:]])
    print("gptcache", size, json.dumps(result), flush=True)
    return result


def _at(size: int) -> Json:
    texts, asked = _texts(size)
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder, serve(Path(folder) / "data") as address:
        service = Service(address)
        settings = {"mode": "static", "threshold": 0.8, "entries_max": size * 2}
        service.http.put(f"/v1/admin/cache/{NAMESPACE}", json=settings).raise_for_status()
        started = time.perf_counter()
        for start in range(0, size, BATCH):
            batch = texts[start : start + BATCH]
            items = [{"query": text, "response": f"answer {start + place}"} for place, text in enumerate(batch)]
            service.post("/v1/cache:import", {"namespace": NAMESPACE, "items": items})
        result: Json = {"import_s": round(time.perf_counter() - started, 1)}
        client = _Client(address)
        first = time.perf_counter()
        client.ask(OTHERWISE.format(texts[0]))
        result["first_semantic_ms"] = round(1000 * (time.perf_counter() - first), 1)
        _timed(client.ask, asked[:20])  # the partition is read in
        _timed(client.ask, [OTHERWISE.format(text) for text in asked[:20]])
        result["exact"] = _timed(client.ask, asked)
        result["semantic"] = _timed(client.ask, [OTHERWISE.format(text) for text in asked[20:]])
        result["rss_mib"] = round(psutil.Process(address.pid).memory_info().rss / 1024**2)
    print(size, json.dumps(result), flush=True)
    return result


class _Client:
    """One connection that stays open; `ask` tells the tier that answered, None without an answer."""

    def __init__(self, address: Address) -> None:
        parts = urlsplit(address.url)
        assert parts.hostname is not None
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self._headers = {"Authorization": f"Bearer {address.key}", "Content-Type": "application/json"}

    def ask(self, text: str) -> str | None:
        body = json.dumps({"namespace": NAMESPACE, "query": text, "wait_ms": 0})
        self._connection.request("POST", "/v1/cache:lookup", body, self._headers)
        answer = self._connection.getresponse()
        told = json.loads(answer.read())
        if answer.status != 200:
            raise ServiceFailedError(f"lookup: {answer.status} {told}")
        return told["tier"]


def _timed(ask: Callable[[str], str | None], texts: Sequence[str]) -> Mapping[str, float | dict[str, int]]:
    taken: list[float] = []
    tiers: dict[str, int] = {}
    for text in texts:
        started = time.perf_counter()
        tier = ask(text)
        taken.append(time.perf_counter() - started)
        tiers[str(tier)] = tiers.get(str(tier), 0) + 1
    return {**percentiles(taken), "tiers": tiers}
