"""Search over HTTP at several sizes: what 1, 8 and 32 clients feel, and what a request costs the server. Vectors are synthetic
(loading.py), everything else is real: store, engine, query embedding, HTTP."""

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.load import generator, run_load
from benchmarks.loading import INDEX, Space, load_store, questions, store_url
from benchmarks.watching import cpu_seconds, settle
from evals.service import Address, Json, Service, rows_of, serve
from inference.onnx.embedder import DEFAULT_SPEC

SIZES = (1_000, 10_000, 100_000)
CLIENTS = (1, 8, 32)
QUESTIONS = 1_000
WARM_UP_S = 3
SCOPES: Mapping[str, Json] = {
    "plain": {},
    "filter_1_percent": {"filter": {"eq": ["bucket", 7]}},
    "acl_30_percent": {},
}
PRINCIPALS = ("group:g1", "group:g2", "group:g3")


def measure_search(sizes: Sequence[int], *, seconds: int) -> Json:
    return {
        "what": "POST /v1/search, hybrid, k=10; SYNTHETIC vectors (2,000 centres), real text, queries embedded for real",
        "load": generator(),
        "seconds_each": seconds,
        "sizes": {str(size): _at(size, seconds) for size in sizes},
    }


def _at(size: int, seconds: int) -> Json:
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        started = time.perf_counter()
        space = Space(model=DEFAULT_SPEC.digest, dimension=DEFAULT_SPEC.dimension)
        asyncio.run(load_store(store_url(data), space, chunks=size))
        loaded = time.perf_counter()
        print(f"{size} chunks stored in {loaded - started:.0f} s; the service projects them …", flush=True)
        with serve(data) as address:
            service = Service(address)
            _await_projection(service, size)
            assert address.pid is not None
            settle(address.pid)  # a larger index is trained in the background
            print(f"ready after {time.perf_counter() - loaded:.0f} s", flush=True)
            return _scopes(service, address, Path(folder), seconds)


def _scopes(service: Service, address: Address, folder: Path, seconds: int) -> Json:
    keys = {"acl_30_percent": _reader(service)}
    result: Json = {"rss_mib": round(psutil.Process(address.pid).memory_info().rss / 1024**2)}
    for scope, extra in SCOPES.items():
        bodies = folder / f"{scope}.jsonl"
        lines = [json.dumps({"query": question, "indexes": [INDEX], "k": 10, **extra}) for question in questions(QUESTIONS)]
        bodies.write_text("\n".join(lines) + "\n")
        key = keys.get(scope, address.key)
        run_load(address, bodies, key=key, clients=4, seconds=WARM_UP_S)
        result[scope] = {
            f"{clients}_clients": _load(address, bodies, key=key, clients=clients, seconds=seconds) for clients in CLIENTS
        }
        print(scope, json.dumps(result[scope]), flush=True)
    return result


def _load(address: Address, bodies: Path, *, key: str, clients: int, seconds: int) -> Json:
    server = psutil.Process(address.pid)
    before = cpu_seconds(server)
    outcome = run_load(address, bodies, key=key, clients=clients, seconds=seconds)
    cpu_ms = (cpu_seconds(server) - before) * 1000
    requests = int(str(outcome["requests"]))
    per_s = round(requests / float(str(outcome["seconds"])), 1)
    return {**outcome, "requests_per_s": per_s, "server_cpu_ms_per_request": round(cpu_ms / max(1, requests), 2)}


def _await_projection(service: Service, size: int) -> None:
    """Every document is one change: once that offset is indexed, all can be found."""
    answer = service.search({"query": "revenue", "indexes": [INDEX], "k": 1})
    deadline = time.monotonic() + 600
    while int(str(answer["indexed_offset"])) < size // 10:
        assert time.monotonic() < deadline, answer["indexed_offset"]
        time.sleep(0.5)
        answer = service.search({"query": "revenue", "indexes": [INDEX], "k": 1})
    assert rows_of(answer["results"]), "nothing found"


def _reader(service: Service) -> str:
    """A key that reads with three of the ten groups."""
    answer = service.http.post(
        "/v1/admin/keys", json={"subject": "user:bench", "principals": list(PRINCIPALS), "grants": ["read"], "name": "bench"}
    )
    return str(answer.raise_for_status().json()["key"])
