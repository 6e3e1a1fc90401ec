"""The embedded engine by itself at size: recall against exact, milliseconds a search, rates, memory. No HTTP, no model.

Vectors and texts are synthetic: topics of very different sizes in 48 latent dimensions, turned into 384 with noise, so that the
best 100 reach over several topics as those of real embeddings do; and words drawn from a Zipf distribution over 30,000.

    .venv/bin/python -m benchmarks.engine --rows 100000 --out engine.json
"""

import argparse
import asyncio
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from core.caller import Visibility
from core.filters import Eq, Filter, acl_tokens, tokens_of
from core.ids import Principal, TenantId
from core.limits import GIB
from core.metadata import Value
from engines.embedded import EmbeddedEngine, Tuning
from engines.port import Collection, Hit, Query, Row, Vector, Watermark

DIMENSION = 384
LATENT = 48
TOPICS = 400
WORDS = 30_000
STOP_RANKS = 100  # the commonest words of a language are stop words, and not in an index
QUESTIONS = 200
LIMIT = 100
BATCH = 2_000
TENANT = TenantId("bench")
HERE = Collection(tenant=TENANT, kind="chunks", index_id=1, generation=1, dimension=DIMENSION, language="english")
EVERYONE = Visibility(tenant=TENANT, principals=None, reason="benchmark")
# A filter that admits a share of the rows; every row is in one hundredth, one tenth and one half.
FILTERS: dict[str, tuple[Filter | None, int]] = {
    "plain": (None, 1),
    "1 %": (Eq("hundredth", 7), 100),
    "10 %": (Eq("tenth", 7), 10),
    "50 %": (Eq("half", 1), 2),
}
# Nine rows in ten are for all of the tenant.
CALLER = Visibility(tenant=TENANT, principals=frozenset({Principal("user:ann")}), reason="benchmark")


@dataclass
class Corpus:
    """Rows as they were made, by key: what the engine must agree with."""

    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    vectors: dict[int, Vector] = field(default_factory=dict[int, Vector])

    def __post_init__(self) -> None:
        self._turn = self.chance.standard_normal((LATENT, DIMENSION)) / LATENT**0.5
        self._topics = self.chance.standard_normal((TOPICS, LATENT))
        sizes = self.chance.lognormal(0, 1, TOPICS)
        self._sizes = sizes / sizes.sum()
        weights = 1 / np.arange(STOP_RANKS, WORDS + STOP_RANKS)
        self._cumulated = np.cumsum(weights / weights.sum())
        self._vocabulary = np.array([f"w{rank}" for rank in range(WORDS)])

    def draw(self, count: int) -> Vector:
        topics = self._topics[self.chance.choice(TOPICS, count, p=self._sizes)]
        latent = topics + 0.9 * self.chance.standard_normal((count, LATENT))
        drawn = latent @ self._turn + 0.3 * self.chance.standard_normal((count, DIMENSION))
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def text(self, words: int) -> str:
        return " ".join(self._vocabulary[np.searchsorted(self._cumulated, self.chance.random(words))])

    def rows(self, first: int, count: int) -> list[Row]:
        """New rows, about 90 words each after stop words, with eight tokens."""
        made = self.draw(count)
        self.vectors |= dict(enumerate(made, start=first))
        return [self._row(key, vector) for key, vector in enumerate(made, start=first)]

    def matrix(self, modulus: int, rest: int) -> tuple[NDArray[np.int64], Vector]:
        keys = np.array([key for key in self.vectors if key % modulus == rest], dtype=np.int64)
        return keys, np.stack([self.vectors[int(key)] for key in keys])

    def _row(self, key: int, vector: Vector) -> Row:
        fields: dict[str, Value] = {
            "hundredth": key % 100,
            "tenth": key % 10,
            "half": key % 2,
            "doc.id": f"documents/{key // 20}.md",
        }
        acl = ("user:ann", "group:hr") if key % 10 == 3 else ("user:bob",) if key % 10 == 4 else None
        tokens = (*acl_tokens(acl), *tokens_of(fields))
        return Row(key=key, vector=vector, text=self.text(int(self.chance.integers(40, 140))), tokens=tokens)


class Bench:
    """One engine under measurement; results gather by name."""

    def __init__(self, rows: int, folder: Path, tuning: Tuning) -> None:
        self.rows = rows
        self.folder = folder
        self.corpus = Corpus()
        self.results: dict[str, Any] = {}
        self.tuning = tuning
        self.engine = self._open()
        self.offset = 0
        self.questions = self.corpus.draw(QUESTIONS)
        self.asked = [self.corpus.text(8) for _ in range(QUESTIONS)]

    def _open(self) -> EmbeddedEngine:
        return EmbeddedEngine(self.folder, memory_bytes_max=8 * GIB, threads=1, tuning=self.tuning)

    async def fill(self) -> None:
        spent = 0.0
        for first in range(1, self.rows + 1, BATCH):
            rows = self.corpus.rows(first, min(BATCH, self.rows + 1 - first))
            spent += await self._apply(rows, ())
        self.results["apply_rows_per_s"] = round(self.rows / spent)

    async def train(self) -> None:
        started = time.perf_counter()
        await self.engine.settle()
        self.results["training_left_s"] = round(time.perf_counter() - started, 2)

    async def replace_a_tenth(self) -> None:
        gone = [key for key in self.corpus.vectors if key % 10 == 5 or key % 100 == 7][: self.rows // 10]
        for key in gone:
            del self.corpus.vectors[key]
        coming = self.corpus.rows(self.rows + 101, len(gone))
        spent = await self._apply(coming, gone)
        self.results["replace_rows_per_s"] = round(len(gone) / spent)

    async def one_by_one(self) -> None:
        key = min(self.corpus.vectors)
        times = [await self._apply(self._again(key + place), ()) for place in range(20)]
        self.results["apply_one_ms"] = summary(times)

    def _again(self, key: int) -> list[Row]:
        return self.corpus.rows(key, 1)

    async def recall(self) -> dict[str, float]:
        measured: dict[str, float] = {}
        for name, (condition, modulus) in FILTERS.items():
            rest = {1: 0, 100: 7, 10: 7, 2: 1}[modulus]
            keys, matrix = self.corpus.matrix(modulus, rest)
            shares: list[float] = []
            for question in self.questions:
                similar = matrix @ question
                best = set(keys[np.argpartition(-similar, min(LIMIT, len(keys)) - 1)[:LIMIT]].tolist())
                arms = await self._search(EVERYONE, question, None, condition)
                shares.append(len(best.intersection(hit.key for hit in arms[0])) / len(best))
            measured[name] = round(float(np.mean(shares)), 4)
        return measured

    async def speed(self) -> dict[str, dict[str, float]]:
        """By arm and filter: milliseconds of this process's CPU, which other work on the machine does not inflate as much
        as the clock; and by the clock for both arms. One thread, through the async face."""
        measured: dict[str, dict[str, float]] = {}
        cases = [(name, EVERYONE, condition) for name, (condition, _) in FILTERS.items()]
        for name, visibility, condition in [*cases, ("ACL 90 %", CALLER, None)]:
            dense, _ = await self._timed(visibility, condition, dense=True)
            keyword, _ = await self._timed(visibility, condition, keyword=True)
            both, wall = await self._timed(visibility, condition, dense=True, keyword=True)
            measured[name] = {"dense_cpu": dense, "keyword_cpu": keyword, "both_cpu": both, "both_wall": wall}
        return measured

    async def _timed(
        self, visibility: Visibility, condition: Filter | None, *, dense: bool = False, keyword: bool = False
    ) -> tuple[float, float]:
        for place in range(10):
            await self._search(visibility, self.questions[place], self.asked[place], condition)
        cpu, started = time.process_time(), time.perf_counter()
        for question, text in zip(self.questions, self.asked, strict=True):
            await self._search(visibility, question if dense else None, text if keyword else None, condition)
        spent = (time.process_time() - cpu, time.perf_counter() - started)
        return round(spent[0] * 1000 / QUESTIONS, 2), round(spent[1] * 1000 / QUESTIONS, 2)

    async def flush_under_searches(self) -> None:
        """How long a flush takes, and the slowest search meanwhile."""
        waits: list[float] = []
        done = False

        async def searching() -> None:
            place = 0
            while not done:
                started = time.perf_counter()
                await self._search(EVERYONE, self.questions[place % QUESTIONS], self.asked[place % QUESTIONS], None)
                waits.append(time.perf_counter() - started)
                place += 1

        task = asyncio.create_task(searching())
        started = time.perf_counter()
        await self.engine.flush(HERE)
        self.results["flush_s"] = round(time.perf_counter() - started, 2)
        done = True
        await task
        self.results["search_during_flush_ms"] = summary(waits)

    async def apply_under_searches(self) -> None:
        waits: list[float] = []
        rows = self.corpus.rows(2 * self.rows, 10_000)
        task = asyncio.create_task(self._apply(rows, ()))
        place = 0
        while not task.done():
            started = time.perf_counter()
            await self._search(EVERYONE, self.questions[place % QUESTIONS], self.asked[place % QUESTIONS], None)
            waits.append(time.perf_counter() - started)
            place += 1
        self.results["apply_10000_s"] = round(await task, 2)
        self.results["search_during_apply_ms"] = summary(waits)

    async def reopen(self) -> None:
        await self.engine.close()
        started = time.perf_counter()
        self.engine = self._open()
        await self._search(EVERYONE, self.questions[0], self.asked[0], None)
        self.results["reopen_s"] = round(time.perf_counter() - started, 2)

    async def size(self) -> None:
        stats = await self.engine.stats(HERE)
        self.results |= {
            "rows": stats.rows,
            "structure": stats.structure,
            "memory_mb_said": round(stats.memory_bytes / 1e6),
            "disk_mb": round(stats.disk_bytes / 1e6),
        }

    async def _apply(self, rows: Sequence[Row], deletes: Sequence[int]) -> float:
        self.offset += 1
        mark = Watermark(store_id="bench", offset=self.offset, token=str(self.offset))
        started = time.perf_counter()
        await self.engine.apply(HERE, upserts=rows, deletes=deletes, watermark=mark)
        return time.perf_counter() - started

    async def _search(
        self, visibility: Visibility, question: Vector | None, text: str | None, condition: Filter | None
    ) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
        query = Query(collection=HERE, vector=question, text=text, condition=condition, limit=LIMIT)
        arms = await self.engine.search(visibility, query)
        return arms.dense or (), arms.keyword or ()


def summary(times_s: Sequence[float]) -> dict[str, float]:
    times_ms = np.array(times_s) * 1000
    return {
        "p50": round(float(np.percentile(times_ms, 50)), 2),
        "p99": round(float(np.percentile(times_ms, 99)), 2),
        "max": round(float(times_ms.max()), 2),
    }


async def measure(rows: int, tuning: Tuning, say: Callable[[str], None]) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="mnemic-bench-"))
    try:
        bench = Bench(rows, folder, tuning)
        say("filling")
        await bench.fill()
        await bench.train()
        say("measuring")
        before = {"recall_at_100": await bench.recall(), "ms": await bench.speed()}
        say("replacing a tenth")
        await bench.replace_a_tenth()
        after = {"recall_at_100": await bench.recall(), "ms": await bench.speed()}
        await bench.one_by_one()
        await bench.flush_under_searches()
        await bench.apply_under_searches()
        await bench.reopen()
        await bench.size()
        await bench.engine.close()
        return bench.results | {"before": before, "after_a_tenth_was_replaced": after}
    finally:
        shutil.rmtree(folder)


def table(results: dict[str, Any]) -> str:
    lines: list[str] = []
    for structure, measured in results["structures"].items():
        lines.append(f"\n{structure}: {measured['rows']:,} rows, limit {LIMIT}")
        lines.append(f"{'':10}{'recall@100':>11}{'replaced':>9}{'dense CPU':>10}{'keyword':>8}{'both':>6}{'wall ms':>8}")
        before, after = measured["before"], measured["after_a_tenth_was_replaced"]
        for name, ms in after["ms"].items():
            was, now = (part["recall_at_100"].get(name, "") for part in (before, after))
            costs = f"{ms['dense_cpu']:>10}{ms['keyword_cpu']:>8}{ms['both_cpu']:>6}{ms['both_wall']:>8}"
            lines.append(f"{name:10}{was:>11}{now:>9}{costs}")
        lines.extend(f"  {name}: {value}" for name, value in measured.items() if not isinstance(value, dict) or "p50" in value)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures engines.embedded on synthetic rows.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--structures", default="flat,ivf")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tunings = {"flat": Tuning(ivf_rows_min=sys.maxsize), "ivf": Tuning(ivf_rows_min=min(50_000, arguments.rows // 2))}
    process = psutil.Process()
    results: dict[str, Any] = {
        "what": "engines.embedded on synthetic clustered vectors and Zipfian text",
        "command": f"python -m benchmarks.engine --rows {arguments.rows}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "structures": {},
    }
    print(results["what"], "on", results["machine"])
    for name in arguments.structures.split(","):
        measured = asyncio.run(measure(arguments.rows, tunings[name], lambda what, name=name: print(f"  {name}: {what}")))
        results["structures"][name] = measured | {"process_rss_mb": round(process.memory_info().rss / 1e6)}
    print(table(results))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
