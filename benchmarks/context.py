"""The context call at a number of chunks and as many messages: one client, every question embedded for real, documents,
memories and recent turns together. The bulk has real text and SYNTHETIC vectors, as loading.py and memory.py write it."""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.loading import GROUPS, INDEX, Space, load_store, questions, store_url
from benchmarks.memory import MESSAGES_PER_SESSION, USERS, load_messages, user
from benchmarks.percentiles import percentiles
from benchmarks.watching import settle
from evals.service import Json, Service, as_object, serve
from inference.onnx.embedder import DEFAULT_SPEC

SIZES = (10_000, 100_000)
CHUNKS_PER_CHANGE = 10
TOKENS_MAX = 2_000
TIMED = 300
WARM_UP = 20
PROJECTION_S_MAX = 1_800
GROUP_NAMES = [f"group:g{number}" for number in range(GROUPS)]


def measure_context(sizes: Sequence[int]) -> Json:
    return {
        "what": f"POST /v1/context, one client, {TOKENS_MAX} tokens of o200k_base; as many chunks as messages; SYNTHETIC "
        "vectors, real text, questions embedded for real",
        "sizes": {str(size): _at(size) for size in sizes},
    }


def _at(size: int) -> Json:
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        started = time.perf_counter()
        asyncio.run(
            load_store(store_url(data), Space(model=DEFAULT_SPEC.digest, dimension=DEFAULT_SPEC.dimension), chunks=size)
        )
        asyncio.run(load_messages(store_url(data), size))
        print(f"{size} chunks and messages stored in {time.perf_counter() - started:.0f} s", flush=True)
        with serve(data) as address:
            assert address.pid is not None
            service = Service(address)
            _await_projection(service, size // CHUNKS_PER_CHANGE + size)
            settle(address.pid)
            figures = _ask(service, size // MESSAGES_PER_SESSION)
            print(size, figures, flush=True)
            return figures


def _ask(service: Service, sessions: int) -> Json:
    times: list[float] = []
    stages: dict[str, list[float]] = {}
    for number, question in enumerate(questions(TIMED + WARM_UP)):
        body = _body(question, number % sessions)
        # Each user in every group, so that all documents are theirs to see.
        service.http.headers["X-Mnemic-Principals"] = ",".join([f"user:{body['user_id']}", *GROUP_NAMES])
        started = time.perf_counter()
        answer = service.post("/v1/context", body)
        spent = time.perf_counter() - started
        assert not answer["degraded"], answer["degraded"]
        if number >= WARM_UP:
            times.append(spent)
            for stage, value in as_object(answer["timings_ms"]).items():
                stages.setdefault(stage, []).append(float(str(value)))
    return {"ms": dict(percentiles(times)), "stages_median_ms": {name: round(median(own), 2) for name, own in stages.items()}}


def _body(question: str, session: int) -> Json:
    return {
        "query": question,
        "indexes": [INDEX],
        "user_id": user(session % USERS),
        "session_id": f"s{session}",
        "tokens_max": TOKENS_MAX,
        "tokenizer": "o200k_base",
    }


def _await_projection(service: Service, changes: int) -> None:
    until = time.monotonic() + PROJECTION_S_MAX
    while int(str(service.post("/v1/context", {"query": "revenue"})["indexed_offset"])) < changes:
        assert time.monotonic() < until, f"{changes} changes were not projected within {PROJECTION_S_MAX} s"
        time.sleep(0.5)
