"""What tests of search engines are made of: rows, collections, visibilities, and machines that run engines and crash."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.caller import Visibility
from core.filters import ALWAYS_RANGED, Filter, RangeKind, acl_tokens, numbers_of, tokens_of
from core.ids import Principal, TenantId
from core.limits import MIB
from core.metadata import Value
from engines.embedded import EmbeddedEngine, Tuning
from engines.port import Arms, Collection, Hit, Query, Row, SearchEngine, Vector, Watermark
from tests.support.bruteforce_engine import BruteforceEngine, Kept

DIMENSION = 16
RANGED: Mapping[str, RangeKind] = {"year": "number", "published": "time", **ALWAYS_RANGED}
# Small enough that a hundred rows go through everything that a million would.
SMALL = Tuning(ivf_rows_min=100, exhaustive_rows_max=20)
FLAT = Tuning()


def collection(
    tenant: str = "acme", *, index_id: int = 1, generation: int = 1, language: str = "english", dimension: int = DIMENSION
) -> Collection:
    return Collection(
        tenant=TenantId(tenant),
        kind="chunks",
        index_id=index_id,
        generation=generation,
        dimension=dimension,
        language=language,
        ranged=RANGED,
    )


def vector(seed: int, *, dimension: int = DIMENSION) -> Vector:
    drawn = np.random.default_rng(seed).standard_normal(dimension).astype(np.float32)
    return drawn / np.float32(np.linalg.norm(drawn))


def toward(axis: int, share: float = 1.0, *, dimension: int = DIMENSION) -> Vector:
    """A vector whose cosine with the axis is `share`."""
    made = np.zeros(dimension, dtype=np.float32)
    made[axis] = share
    made[(axis + 1) % dimension] = (1 - share * share) ** 0.5
    return made


def row(
    key: int,
    text: str = "",
    fields: Mapping[str, Value] | None = None,
    *,
    acl: Sequence[str] | None = None,
    at: Vector | None = None,
) -> Row:
    """A row as the projector makes it: `acl` None for all of the tenant, empty for admins only."""
    fields = fields or {}
    return Row(
        key=key,
        vector=vector(key) if at is None else at,
        text=text,
        tokens=(*acl_tokens(acl), *tokens_of(fields)),
        numbers={name: numbers for name, kind in RANGED.items() if (numbers := numbers_of(fields, name, kind))},
    )


def watermark(offset: int) -> Watermark:
    return Watermark(store_id="store", offset=offset, token=f"token-{offset}")


def everyone(tenant: str = "acme") -> Visibility:
    return Visibility(tenant=TenantId(tenant), principals=None, reason="test")


def seen_by(*principals: str, tenant: str = "acme") -> Visibility:
    return Visibility(tenant=TenantId(tenant), principals=frozenset(Principal(name) for name in principals), reason="test")


async def fill(engine: SearchEngine, where: Collection, rows: Sequence[Row], *, offset: int = 1) -> None:
    await engine.apply(where, upserts=rows, deletes=(), watermark=watermark(offset))


async def ask(
    engine: SearchEngine,
    where: Collection,
    *,
    text: str | None = None,
    at: Vector | None = None,
    condition: Filter | None = None,
    visibility: Visibility | None = None,
    limit: int = 100,
) -> Arms:
    query = Query(collection=where, vector=at, text=text, condition=condition, limit=limit)
    return await engine.search(visibility or everyone(where.tenant), query)


def keys(hits: Sequence[Hit] | None) -> list[int]:
    assert hits is not None
    return [hit.key for hit in hits]


def scores(hits: Sequence[Hit] | None) -> list[float]:
    assert hits is not None
    return [hit.score for hit in hits]


@dataclass
class EmbeddedMachine:
    """Crashes by leaving the engine alone and starting another on a copy of its folder."""

    folder: Path
    tuning: Tuning = FLAT
    memory_bytes_max: int = 64 * MIB
    lives: int = 0
    started: list[EmbeddedEngine] = field(default_factory=list[EmbeddedEngine])

    async def start(self) -> EmbeddedEngine:
        engine = EmbeddedEngine(self._data, memory_bytes_max=self.memory_bytes_max, threads=2, tuning=self.tuning)
        self.started.append(engine)
        return engine

    async def crash(self) -> EmbeddedEngine:
        """The engine as it comes up when the process died now: with what was durable."""
        before = self._data
        self.lives += 1
        _copy(before, self._data)
        return await self.start()

    async def stop(self) -> None:
        for engine in self.started:
            await engine.close()

    @property
    def _data(self) -> Path:
        return self.folder / f"life-{self.lives}"


def _copy(source: Path, target: Path) -> None:
    """A copy takes longer than a crash: files that merges take away meanwhile make it start again."""
    for _ in range(20):
        try:
            shutil.copytree(source, target)
        except (shutil.Error, FileNotFoundError):
            shutil.rmtree(target, ignore_errors=True)
        else:
            return
    raise AssertionError(f"{source} does not hold still")


@dataclass
class BruteforceMachine:
    """The disk is a dictionary."""

    disk: dict[str, Kept] = field(default_factory=dict[str, Kept])

    async def start(self) -> BruteforceEngine:
        return BruteforceEngine(self.disk)

    async def crash(self) -> BruteforceEngine:
        self.disk = dict(self.disk)
        return await self.start()

    async def stop(self) -> None:
        pass
