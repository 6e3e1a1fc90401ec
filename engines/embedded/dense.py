"""The dense arm: normalised vectors in half precision under inner product, by slot. Flat here, lists in ivf.py.

Changed only inside the collection's write lock, searched only inside its read lock: FAISS crashes otherwise.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from engines.embedded.faiss_border import Scores, Selector, Slots, faiss, use_one_thread
from engines.port import Vector

BYTES_PER_VALUE = 2


class DenseIndex(Protocol):
    """Vectors by slot."""

    @property
    def structure(self) -> str: ...

    @property
    def memory_bytes(self) -> int: ...

    def assign(self, vectors: Vector) -> Slots | None:
        """The lists that these will go to, worked out before the lock is taken; None where there are no lists."""
        ...

    def remove(self, slots: Slots) -> None: ...

    def put(self, slots: Slots, vectors: Vector, lists: Slots | None) -> None:
        """Into slots that hold nothing."""
        ...

    def vectors_at(self, slots: Slots) -> Vector: ...

    def search(self, vector: Vector, wanted: int, *, admitted: BitMap | None, live: BitMap) -> tuple[Scores, Slots]:
        """The best `wanted` of the admitted, best first; of the live when admitted is None."""
        ...

    def write(self, path: Path) -> None: ...


class FlatVectors:
    """Every vector is looked at: exact, and the cheaper the fewer the filter admits."""

    structure = "flat"

    def __init__(self, dimension: int, raw: Any = None) -> None:  # noqa: ANN401 — FAISS has no types
        use_one_thread()
        self._dimension = dimension
        self._raw = raw or faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)

    @classmethod
    def read(cls, path: Path, dimension: int) -> "FlatVectors":
        return cls(dimension, faiss.read_index(str(path)))

    @property
    def memory_bytes(self) -> int:
        return int(self._raw.ntotal) * self._dimension * BYTES_PER_VALUE

    def assign(self, vectors: Vector) -> Slots | None:  # noqa: ARG002 — the protocol's
        return None

    def remove(self, slots: Slots) -> None:
        # FAISS would shift all later vectors down, and with them every slot. Searches leave free slots out.
        self._codes()[slots] = 0

    def put(self, slots: Slots, vectors: Vector, lists: Slots | None) -> None:  # noqa: ARG002 — the protocol's
        missing = int(slots.max(initial=-1)) + 1 - int(self._raw.ntotal)
        if missing > 0:
            self._raw.add(np.zeros((missing, self._dimension), dtype=np.float32))
        self._codes()[slots] = vectors

    def vectors_at(self, slots: Slots) -> Vector:
        return self._codes()[slots].astype(np.float32)

    def search(self, vector: Vector, wanted: int, *, admitted: BitMap | None, live: BitMap) -> tuple[Scores, Slots]:
        size = int(self._raw.ntotal)
        if admitted is None and len(live) < size:
            admitted = live
        selector = Selector(admitted, size) if admitted is not None else None
        parameters = faiss.SearchParameters(sel=selector.raw) if selector else None
        return found(*self._raw.search(vector[np.newaxis], min(wanted, size), params=parameters)) if size else nothing()

    def write(self, path: Path) -> None:
        faiss.write_index(self._raw, str(path))

    def _codes(self) -> NDArray[np.float16]:
        """The quantiser's own memory: its codes are the half-precision numbers themselves."""
        size = int(self._raw.ntotal)
        if not size:
            return np.empty((0, self._dimension), dtype=np.float16)
        raw: NDArray[np.uint8] = faiss.rev_swig_ptr(self._raw.codes.data(), size * self._dimension * BYTES_PER_VALUE)
        return raw.view(np.float16).reshape(size, self._dimension)


def found(scores: Scores, slots: NDArray[np.int64]) -> tuple[Scores, Slots]:
    """One question's results without the places that FAISS fills with -1."""
    held = slots[0] >= 0
    return np.clip(scores[0][held], -1.0, 1.0), slots[0][held]


def nothing() -> tuple[Scores, Slots]:
    return np.empty(0, dtype=np.float32), np.empty(0, dtype=np.int64)
