"""The dense arm in inverted lists, for collections of many rows: how they are trained, and how many of them are probed."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from engines.embedded.dense import BYTES_PER_VALUE, found, nothing
from engines.embedded.faiss_border import Scores, Selector, Slots, faiss, use_one_thread
from engines.embedded.tuning import Tuning
from engines.port import Vector

_LISTS_MAX = 16_384
_POINTS_PER_LIST = 39  # what FAISS asks for; more buys nothing that shows in recall here
_ITERATIONS = 8
_QUESTIONS = 32
_NEIGHBOURS = 100
_SHARES = (1.0, 0.5, 0.2, 0.1)
_SLICE = 8_192


@dataclass(frozen=True, slots=True)
class Probes:
    """How many lists to visit, by the share of rows that a filter admits, largest share first. Measured when trained:
    the fewer pass, the farther apart the best 100 lie."""

    by_share: tuple[tuple[float, int], ...]

    def at(self, share: float, lists: int) -> int:
        """For a share between two measured ones, what the smaller one needs; every list below the smallest."""
        place = bisect_left(self.by_share, -share, key=lambda measured: -measured[0])
        return self.by_share[place][1] if place < len(self.by_share) else lists


class IvfVectors:
    """Only the lists nearest to the question are looked at, or all of them when the filter admits few rows."""

    def __init__(self, raw: Any, probes: Probes, tuning: Tuning) -> None:  # noqa: ANN401 — FAISS has no types
        use_one_thread()
        self._raw = raw
        self.probes = probes
        self._tuning = tuning

    @classmethod
    def read(cls, path: Path, probes: Probes, tuning: Tuning) -> "IvfVectors":
        return cls(faiss.read_index(str(path)), probes, tuning)

    @property
    def structure(self) -> str:
        return f"ivf{self._raw.nlist}"

    @property
    def memory_bytes(self) -> int:
        dimension = int(self._raw.d)
        a_row = dimension * BYTES_PER_VALUE + 8 + 48  # code, id, and its entry in the direct map
        return int(self._raw.ntotal) * a_row + int(self._raw.nlist) * dimension * 4

    def assign(self, vectors: Vector) -> Slots | None:
        if not len(vectors):
            return None
        lists: NDArray[np.int64] = self._raw.quantizer.search(vectors, 1)[1]
        return np.ascontiguousarray(lists[:, 0])

    def remove(self, slots: Slots) -> None:
        if len(slots):
            self._raw.remove_ids(faiss.IDSelectorArray(slots))

    def put(self, slots: Slots, vectors: Vector, lists: Slots | None) -> None:
        if not len(slots):
            return
        assert lists is not None, "assign first"
        vectors = np.ascontiguousarray(vectors)
        pointers = (faiss.swig_ptr(array) for array in (vectors, slots, lists))
        self._raw.add_core(len(slots), *pointers)

    def vectors_at(self, slots: Slots) -> Vector:
        return self._raw.reconstruct_batch(slots) if len(slots) else np.empty((0, self._raw.d), dtype=np.float32)

    def search(self, vector: Vector, wanted: int, *, admitted: BitMap | None, live: BitMap) -> tuple[Scores, Slots]:
        rows = len(live) if admitted is None else len(admitted)
        if not rows:
            return nothing()
        lists = int(self._raw.nlist)
        few = rows <= self._tuning.exhaustive_rows_max or wanted > 4 * _NEIGHBOURS
        probed = lists if few else self.probes.at(rows / len(live), lists)
        selector = None if admitted is None else Selector(admitted, live.max() + 1)
        parameters = faiss.SearchParametersIVF(nprobe=probed, **({"sel": selector.raw} if selector else {}))
        return found(*self._raw.search(vector[np.newaxis], min(wanted, rows), params=parameters))

    def write(self, path: Path) -> None:
        faiss.write_index(self._raw, str(path))


def lists_for(rows: int) -> int:
    """A power of two near 4 √rows that leaves each list enough points to be trained on."""
    wanted = min(4 * rows**0.5, rows / _POINTS_PER_LIST, _LISTS_MAX)
    return 1 << max(0, int(np.log2(max(1.0, wanted)) + 0.25))


def build(
    slots: Slots, vectors_at: Callable[[Slots], Vector], tuning: Tuning, *, stopping: Callable[[], bool]
) -> IvfVectors | None:
    """Lists over the vectors of these slots, trained and calibrated; None when told to stop. `vectors_at` locks by itself.

    Single-threaded and long: 5 s for 100,000 rows. Rows that change meanwhile are for the caller to bring up to date.
    """
    use_one_thread()
    chance = np.random.default_rng(len(slots))
    lists = lists_for(len(slots))
    sample = vectors_at(chance.choice(slots, min(len(slots), 40 * lists), replace=False))
    if stopping():
        return None
    raw = _train(sample, lists)
    built = IvfVectors(raw, Probes(()), tuning)
    questions = _questions(sample, chance)
    similarities = np.empty((len(questions), len(slots)), dtype=np.float32)
    for start in range(0, len(slots), _SLICE):
        if stopping():
            return None
        part = slots[start : start + _SLICE]
        vectors = vectors_at(part)
        built.put(part, vectors, built.assign(vectors))
        similarities[:, start : start + len(part)] = questions @ vectors.T
    return IvfVectors(raw, calibrate(raw, slots, questions, similarities, recall_min=tuning.recall_min), tuning)


def _train(sample: Vector, lists: int) -> Any:  # noqa: ANN401 — FAISS has no types
    dimension = sample.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    raw = faiss.IndexIVFScalarQuantizer(
        quantizer, dimension, lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    quantizer.this.disown()
    raw.own_fields = True
    raw.cp.niter = _ITERATIONS
    raw.cp.min_points_per_centroid = 1  # without this FAISS prints warnings about small samples, which only tests have
    raw.train(np.ascontiguousarray(sample))
    raw.set_direct_map_type(faiss.DirectMap.Hashtable)
    return raw


def _questions(sample: Vector, chance: np.random.Generator) -> Vector:
    """Half are stored vectors, half lie between two of them: real questions are not as near to their answers as rows are
    to their neighbours, and probes chosen on rows alone would be too few."""
    picked = sample[chance.choice(len(sample), _QUESTIONS)]
    picked[::2] += 0.5 * sample[chance.choice(len(sample), len(picked[::2]))]
    # A row that was deleted meanwhile reads as zeros.
    return picked / np.maximum(np.linalg.norm(picked, axis=1, keepdims=True), 1e-9)


def calibrate(raw: Any, slots: Slots, questions: Vector, similarities: Vector, *, recall_min: float) -> Probes:  # noqa: ANN401  # faiss has no types
    """The fewest probes, in steps of a half, that reach the recall at each share, over random rows of that share."""
    chance = np.random.default_rng(0)
    lists, probes, measured = int(raw.nlist), 1, list[tuple[float, int]]()
    for share in _SHARES:
        passing = np.flatnonzero(chance.random(len(slots)) < share)
        if len(passing) < _NEIGHBOURS:
            break
        best = np.argpartition(-similarities[:, passing], _NEIGHBOURS - 1, axis=1)[:, :_NEIGHBOURS]
        truth: Sequence[set[int]] = [set(row) for row in slots[passing[best]].tolist()]
        selector = Selector(BitMap(slots[passing].astype(np.uint32)), int(slots.max()) + 1)
        while probes < lists and _recall(raw, questions, truth, probes=probes, selector=selector) < recall_min:
            probes = min(max(probes + 1, probes * 3 // 2), lists)
        measured.append((share, probes))
    return Probes(tuple(measured))


def _recall(raw: Any, questions: Vector, truth: Sequence[set[int]], *, probes: int, selector: Selector) -> float:  # noqa: ANN401  # faiss has no types
    parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector.raw)
    ids: NDArray[np.int64] = raw.search(questions, _NEIGHBOURS, params=parameters)[1]
    shared = sum(len(wanted.intersection(row)) for wanted, row in zip(truth, ids.tolist(), strict=True))
    return shared / (len(truth) * _NEIGHBOURS)
