"""Whatever is upserted, deleted, flushed, reopened, crashed and replayed, in whatever order and memory: an engine holds what a
dictionary would, and tenants with the same keys never meet."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.filters import Eq
from engines.port import Row, SearchEngine
from tests.support.bruteforce_engine import BruteforceEngine
from tests.support.engines import SMALL, EmbeddedMachine, ask, collection, keys, row, scores, vector, watermark

TENANTS = ("a", "b", "c")
WORDS = ("wing", "flow", "drag", "rig")


@dataclass(frozen=True)
class Change:
    tenant: str
    upserts: tuple[Row, ...]
    deletes: tuple[int, ...]


@dataclass(frozen=True)
class Event:
    """`flush` of one tenant's collection; `reopen` and `crash` of the engine."""

    what: str
    tenant: str


@dataclass
class History:
    """An engine beside its model: what was applied, by tenant, in order."""

    machine: EmbeddedMachine
    changes: dict[str, list[Change]] = field(default_factory=lambda: {tenant: [] for tenant in TENANTS})

    async def run(self, steps: Sequence[Change | Event]) -> None:
        engine = await self.machine.start()
        for step in steps:
            if isinstance(step, Change):
                self.changes[step.tenant].append(step)
                await _apply(engine, step, len(self.changes[step.tenant]))
            elif step.what == "flush":
                await engine.flush(collection(step.tenant))
            else:
                engine = await self._again(engine, step)
        for tenant in TENANTS:
            await self._compare(engine, tenant)

    async def _again(self, engine: SearchEngine, step: Event) -> SearchEngine:
        if step.what == "reopen":
            await engine.close()
            return await self.machine.start()
        again = await self.machine.crash()
        for tenant in TENANTS:
            durable = await again.durable(collection(tenant))
            done = durable.offset if durable else 0
            for offset, change in enumerate(self.changes[tenant][done:], start=done + 1):
                await _apply(again, change, offset)
        return again

    async def _compare(self, engine: SearchEngine, tenant: str) -> None:
        model = BruteforceEngine()
        for offset, change in enumerate(self.changes[tenant], start=1):
            await _apply(model, change, offset)
        here = collection(tenant)
        for condition in (None, Eq("tenant", tenant), Eq("parity", 1)):
            found, wanted = [
                await ask(each, here, text="wing flow flow", at=vector(1), condition=condition) for each in (engine, model)
            ]
            assert sorted(keys(found.dense)) == sorted(keys(wanted.dense))
            assert scores(found.dense) == pytest.approx(scores(wanted.dense), abs=2e-3)
            assert sorted(keys(found.keyword)) == sorted(keys(wanted.keyword))
            assert sorted(scores(found.keyword)) == pytest.approx(sorted(scores(wanted.keyword)), rel=0.1)
        assert (await engine.stats(here)).rows == (await model.stats(here)).rows
        for other in TENANTS:
            if other != tenant:
                assert keys((await ask(engine, here, text=f"only{other}", condition=Eq("tenant", tenant))).keyword) == []
                assert keys((await ask(engine, here, at=vector(1), condition=Eq("tenant", other))).dense) == []


async def _apply(engine: SearchEngine, change: Change, offset: int) -> None:
    await engine.apply(collection(change.tenant), upserts=change.upserts, deletes=change.deletes, watermark=watermark(offset))


def _row(key: int, version: int, tenant: str) -> Row:
    words = " ".join(WORDS[(key + place * version) % 4] for place in range(4))
    fields = {"tenant": tenant, "parity": (key + version) % 2}
    return row(key, f"{words} only{tenant}", fields, at=vector(1000 * version + key))


def _change(tenant: str, upserts: Sequence[tuple[int, int]], deletes: Sequence[int]) -> Change:
    return Change(tenant, tuple(_row(key, version, tenant) for key, version in upserts), tuple(deletes))


tenants = st.sampled_from(TENANTS)
keys_of_rows = st.integers(1, 12)
upserts = st.lists(st.tuples(keys_of_rows, st.integers(1, 3)), max_size=5)
changes = st.builds(_change, tenants, upserts, st.lists(keys_of_rows, max_size=3))
events = st.builds(Event, st.sampled_from(["flush", "flush", "reopen", "crash"]), tenants)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("memory_bytes_max", [1, 1 << 30], ids=["evicting", "roomy"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(changes, changes, events), min_size=4, max_size=14))
def test_an_engine_holds_what_a_dictionary_would(memory_bytes_max: int, steps: Sequence[Change | Event]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            machine = EmbeddedMachine(Path(folder), SMALL, memory_bytes_max)
            try:
                await History(machine).run(steps)
            finally:
                await machine.stop()

    asyncio.run(run())
