"""Memory at several sizes: what a write and a recall take, how soon a write can be found, what a message costs in memory and on
disk. The bulk is written through storage/ with SYNTHETIC vectors; every write and question that is timed is embedded for real.
"""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.loading import CENTRES, SEED, SPREAD, Space, questions, store_url
from benchmarks.percentiles import percentiles
from benchmarks.watching import cpu_seconds, settle
from core.ids import DEFAULT_TENANT, Principal, SessionId
from evals.service import Json, Service, as_object, serve
from inference.onnx.embedder import DEFAULT_SPEC
from storage import memory_rows, messages, migrate, sessions, tenants, vectors
from storage.database import Database, Transaction
from storage.memory_records import Role, TimeKind
from storage.memory_rows import NewRow, Subject
from storage.messages import NewMessage
from storage.records import IndexRecord
from storage.sessions import NewSession

SIZES = (10_000, 100_000)
USERS = 10
MESSAGES_PER_SESSION = 200
SESSIONS_PER_TRANSACTION = 10
TEXTS = 20_000  # distinct ones; a number in front makes every message its own
TIMED = 300
WARM_UP = 20
PROJECTION_S_MAX = 1_800


def measure_memory(sizes: Sequence[int]) -> Json:
    return {
        "what": f"one client, {USERS} users; bulk with SYNTHETIC vectors and real text; timed calls embedded for real",
        "sizes": {str(size): _at(size) for size in sizes},
    }


def _at(size: int) -> Json:
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        empty_rss = _empty_rss(data)
        started = time.perf_counter()
        asyncio.run(load_messages(store_url(data), size))
        print(f"{size} messages stored in {time.perf_counter() - started:.0f} s; the service projects them …", flush=True)
        with serve(data) as address:
            assert address.pid is not None
            service = Service(address)
            _await_projection(service, size)
            settle(address.pid)
            rss = psutil.Process(address.pid).memory_info().rss
            figures = {"write": _writes(service), "search": _searches(service)}
            print(size, figures, flush=True)
        held = sum(path.stat().st_size for path in data.rglob("*") if path.is_file() and "models" not in path.parts)
        return {
            **figures,
            "rss_mib": round(rss / 1024**2),
            "rss_bytes_per_message": round((rss - empty_rss) / size),
            "disk_bytes_per_message": round(held / size),
        }


def _empty_rss(data: Path) -> int:
    """Of a service that remembers nothing; the first start of a folder converts the model, and keeps memory from that."""
    with serve(data):
        pass
    with serve(data) as address:
        assert address.pid is not None
        return psutil.Process(address.pid).memory_info().rss


def _writes(service: Service) -> Json:
    """A message at a time, each stored when it is acknowledged, then looked for at once."""
    service.post("/v1/sessions", {"id": "timed", "user_id": user(0)})
    pid = service.address.pid
    assert pid is not None
    before_s = cpu_seconds(psutil.Process(pid))
    stored: list[float] = []
    lags: list[float] = []
    for number, text in enumerate(_texts(TIMED + WARM_UP, "timed")):
        started = time.perf_counter()
        body: Json = {"user_id": user(0), "messages": [{"role": "user", "content": text}]}
        offset = service.post("/v1/sessions/timed/messages", body)["offset"]
        acknowledged = time.perf_counter()
        answer = service.post("/v1/memories:search", {"query": text, "user_id": user(0), "k": 1, "min_offset": offset})
        if number >= WARM_UP:
            stored.append(acknowledged - started)
            lags.append(float(str(as_object(answer["timings_ms"])["wait"])) / 1000)
    cpu_ms = round((cpu_seconds(psutil.Process(pid)) - before_s) * 1000 / (TIMED + WARM_UP), 1)
    figures: Json = {"acknowledged_ms": dict(percentiles(stored)), "then_readable_ms": dict(percentiles(lags))}
    return {**figures, "cpu_ms_with_its_search": cpu_ms}


def _searches(service: Service) -> Mapping[str, float]:
    pid = service.address.pid
    assert pid is not None
    before_s = cpu_seconds(psutil.Process(pid))
    times: list[float] = []
    for number, question in enumerate(questions(TIMED + WARM_UP)):
        started = time.perf_counter()
        service.post("/v1/memories:search", {"query": question, "user_id": user(number % USERS), "k": 10})
        if number >= WARM_UP:
            times.append(time.perf_counter() - started)
    return {**percentiles(times), "cpu_ms": round((cpu_seconds(psutil.Process(pid)) - before_s) * 1000 / (TIMED + WARM_UP), 1)}


def _await_projection(service: Service, size: int) -> None:
    """Every message is one change: once that offset is indexed, all can be found."""
    until = time.monotonic() + PROJECTION_S_MAX
    body: Json = {"query": "revenue", "user_id": user(0), "k": 1}
    while int(str(service.post("/v1/memories:search", body)["indexed_offset"])) < size:
        assert time.monotonic() < until, f"{size} messages were not projected within {PROJECTION_S_MAX} s"
        time.sleep(0.5)


async def load_messages(url: str, size: int) -> None:
    """`size` messages of USERS users, a multiple of MESSAGES_PER_SESSION, as the memory room writes them."""
    assert size % MESSAGES_PER_SESSION == 0, size
    await migrate.upgrade(url)
    db = Database.open(url)
    space = Space(model=DEFAULT_SPEC.digest, dimension=DEFAULT_SPEC.dimension)
    made, texts = _vectors(space.dimension), _texts(size, "bulk")
    try:
        async with db.system_write("benchmark: the default tenant") as tx:
            await tenants.ensure(tx, DEFAULT_TENANT, datetime.now(UTC))
        for first in range(0, size // MESSAGES_PER_SESSION, SESSIONS_PER_TRANSACTION):
            last = min(first + SESSIONS_PER_TRANSACTION, size // MESSAGES_PER_SESSION)
            async with db.write(DEFAULT_TENANT) as tx:
                index = await memory_rows.collection(tx, model=space.model, dimension=space.dimension, at=datetime.now(UTC))
                for number in range(first, last):
                    await _session(tx, index, number, texts=texts, made=made)
    finally:
        await db.close()


async def _session(
    tx: Transaction, index: IndexRecord, number: int, *, texts: Iterator[str], made: Iterator[NDArray[np.float32]]
) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    new = NewSession(id=SessionId(f"s{number}"), agent=None, metadata={}, ttl_s=None)
    session = await sessions.add(tx, Principal(f"user:{user(number % USERS)}"), new, at)
    assert session is not None, number
    said = [_message(seq, next(texts), at) for seq in range(1, MESSAGES_PER_SESSION + 1)]
    added = await messages.add(tx, session, said, at)
    bodies = [f"{at.day} {at:%B %Y}\nuser: {one.content}" for one in said]
    digests = [hashlib.sha256(body.encode()).digest() for body in bodies]
    await vectors.put(tx, index.model, {digest: next(made) for digest in digests}, at)
    for record, body, digest in zip(added, bodies, digests, strict=True):
        row = NewRow(
            level="turn",
            body=body,
            vector_sha256=digest,
            fields={"mem.type": "message", "mem.level": "turn", "mem.session": session.id, "mem.role": "user", "mem.trust": 3},
            occurred=at.timestamp(),
            seq_from=record.seq,
            seq_to=record.seq,
            start=0,
            end=len(record.content),
        )
        subject = (Subject.MESSAGE, record.row_id)
        await memory_rows.publish(tx, index, subject, owner=session.owner, session_id=session.row_id, rows=[row])
    await sessions.advance(tx, session, messages=len(said), tokens=0, occurred_at=at, at=at)


def _message(seq: int, text: str, at: datetime) -> NewMessage:
    return NewMessage(
        seq=seq,
        client_id=None,
        role=Role.USER,
        speaker=None,
        content=text,
        digest=hashlib.sha256(text.encode()).digest(),
        occurred_at=at,
        occurred_kind=TimeKind.GIVEN,
        source=None,
        trust=3,
        flags=(),
        tokens=len(text) // 4,
        metadata={},
        rows=1,
    )


def _texts(count: int, mark: str) -> Iterator[str]:
    """About 30 words each, no two the same."""
    pieces = questions(TEXTS)
    for number in range(count):
        yield f"{mark} {number}: " + " ".join(pieces[(number * 3 + place) % TEXTS] for place in range(3))


def _vectors(dimension: int) -> Iterator[NDArray[np.float32]]:
    """Points around random centres, as in loading.py."""
    chance = np.random.default_rng(SEED)
    centres = _unit(chance.standard_normal((CENTRES, dimension), dtype=np.float32))
    while True:
        around = centres[chance.integers(0, CENTRES, 1_000)]
        yield from _unit(around + SPREAD * _unit(chance.standard_normal(around.shape, dtype=np.float32)))


def _unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def user(number: int) -> str:
    return f"bench-{number}"
