"""The reference SearchEngine: every row is looked at, every time. What it answers is what the contract means; it is not fast.

Cosines are exact in float32, BM25 is Lucene's formula in plain Python with Tantivy's factor k1 + 1, conditions are evaluated on
each row's tokens. Durability is a dictionary that outlives the engine.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.caller import Visibility
from core.errors import Invalid
from core.filters import All, Any, Eq, Exists, Filter, In, Not, Prefix, Range, exists_token, prefix_token, value_token
from engines.analysis import analyse, check_language
from engines.port import Arms, Collection, CollectionStats, Held, Hit, Query, Row, Vector, Watermark

K1 = 1.2
B = 0.75

Rows = dict[int, Row]


@dataclass(slots=True)
class Kept:
    """What a collection would find on disk."""

    rows: Rows
    watermark: Watermark


@dataclass(slots=True)
class _Held:
    rows: Rows = field(default_factory=dict[int, Row])
    applied: Watermark | None = None


class BruteforceEngine:
    """A SearchEngine in memory. Another one over the same `disk` is the same engine after a crash."""

    def __init__(self, disk: dict[str, Kept] | None = None) -> None:
        self._disk = disk if disk is not None else {}
        self._held = {path: _Held(dict(kept.rows), kept.watermark) for path, kept in self._disk.items()}

    async def apply(
        self, collection: Collection, *, upserts: Sequence[Row], deletes: Sequence[int], watermark: Watermark
    ) -> None:
        check_language(collection.language)
        for row in upserts:
            _check_vector(row.vector, collection)
        held = self._held.setdefault(collection.path, _Held())
        for key in deletes:
            held.rows.pop(key, None)
        held.rows |= {row.key: row for row in upserts}
        held.applied = watermark

    async def search(self, visibility: Visibility, query: Query) -> Arms:
        if visibility.tenant != query.collection.tenant:
            raise Invalid("engine.wrong_tenant", "the visibility is of another tenant than the collection")
        held = self._held.get(query.collection.path, _Held())
        rows = [row for row in held.rows.values() if _admits(visibility, query, row)]
        if query.vector is not None:
            _check_vector(query.vector, query.collection)
        return Arms(
            dense=None if query.vector is None else _best(_cosines(query.vector, rows), query.limit),
            keyword=None if query.text is None else _best(_bm25(query, held.rows, rows), query.limit),
        )

    async def held(self, collection: Collection, keys: Sequence[int]) -> Held:
        rows = self._held.get(collection.path, _Held()).rows
        found = frozenset(key for key in keys if key in rows)
        return Held(dense=found, keyword=found)

    async def durable(self, collection: Collection) -> Watermark | None:
        kept = self._disk.get(collection.path)
        return kept.watermark if kept else None

    async def flush(self, collection: Collection) -> None:
        held = self._held.get(collection.path)
        if held and held.applied:
            self._disk[collection.path] = Kept(dict(held.rows), held.applied)

    async def drop(self, collection: Collection) -> None:
        self._held.pop(collection.path, None)
        self._disk.pop(collection.path, None)

    async def stats(self, collection: Collection) -> CollectionStats:
        rows = len(self._held.get(collection.path, _Held()).rows)
        return CollectionStats(
            rows=rows, structure="flat", memory_bytes=0, disk_bytes=0, durable=await self.durable(collection)
        )

    async def close(self) -> None:
        for path, held in self._held.items():
            if held.applied:
                self._disk[path] = Kept(dict(held.rows), held.applied)


def holds(condition: Filter, row: Row) -> bool:
    """core.filters.matches, said of tokens and numbers."""
    match condition:
        case Eq(name, value):
            return value_token(name, value) in row.tokens
        case In(name, values):
            return any(value_token(name, value) in row.tokens for value in values)
        case Exists(name):
            return exists_token(name) in row.tokens
        case Prefix(name, prefix):
            return any(token.startswith(prefix_token(name, prefix)) for token in row.tokens)
        case Range(name):
            return any(condition.holds(number) for number in row.numbers.get(name, ()))
        case All(parts):
            return all(holds(part, row) for part in parts)
        case Any(parts):
            return any(holds(part, row) for part in parts)
        case Not(part):
            return not holds(part, row)


def _admits(visibility: Visibility, query: Query, row: Row) -> bool:
    principals = visibility.principals
    if principals is not None and not {"acl=*", *(f"acl={name}" for name in principals)}.intersection(row.tokens):
        return False
    return query.condition is None or holds(query.condition, row)


def _cosines(vector: Vector, rows: Sequence[Row]) -> dict[int, float]:
    return {row.key: min(1.0, max(-1.0, float(row.vector @ vector))) for row in rows}


def _bm25(query: Query, everything: Rows, admitted: Sequence[Row]) -> dict[int, float]:
    assert query.text is not None
    language = query.collection.language
    counts = {key: Counter(analyse(row.text, language)) for key, row in everything.items()}
    average = sum(count.total() for count in counts.values()) / max(1, len(counts))
    frequencies = Counter(term for count in counts.values() for term in count)
    scores = dict.fromkeys((row.key for row in admitted), 0.0)
    for term in analyse(query.text, language):
        frequency = frequencies[term]
        idf = math.log(1 + (len(counts) - frequency + 0.5) / (frequency + 0.5))
        for key in scores:
            occurs = counts[key][term]
            norm = K1 * (1 - B + B * counts[key].total() / average) if average else K1
            scores[key] += idf * occurs * (K1 + 1) / (occurs + norm)
    return {key: score for key, score in scores.items() if score > 0}


def _best(scores: dict[int, float], limit: int) -> tuple[Hit, ...]:
    # Rows with one text differ by rounding alone; what is equal to seven digits is a tie.
    ranked = sorted(scores.items(), key=lambda item: (-round(item[1], 6), item[0]))
    return tuple(Hit(key, score) for key, score in ranked[:limit])


def _check_vector(vector: Vector, collection: Collection) -> None:
    if vector.shape != (collection.dimension,):
        raise Invalid("engine.wrong_dimension", f"a vector of shape {vector.shape} for {collection.dimension} dimensions")
    if not abs(float(np.linalg.norm(vector)) - 1) <= 0.01:  # also when it is not finite
        raise Invalid("engine.not_normalised", "the vector is not finite or not of norm 1")
