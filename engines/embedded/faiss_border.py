"""FAISS without its types: it ships none, so `faiss` is Any here and nowhere else, and arrays are typed where they leave it."""

import importlib
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

faiss: Any = cast("Any", importlib.import_module("faiss"))

Slots = NDArray[np.int64]
Scores = NDArray[np.float32]
NO_SLOTS: Slots = np.empty(0, dtype=np.int64)


def use_one_thread() -> None:
    """OpenMP counts threads per calling thread; without this, each search would spin up one per core."""
    faiss.omp_set_num_threads(1)


def slots_of(bitmap: BitMap) -> Slots:
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32).astype(np.int64)


def bitmap_of(slots: Iterable[int] | Slots) -> BitMap:
    return BitMap(cast("Slots", slots).astype(np.uint32) if isinstance(slots, np.ndarray) else slots)


class Selector:
    """The slots that a search may return, in the form that FAISS tests fastest: one bit a slot."""

    def __init__(self, admitted: BitMap, size: int) -> None:
        mask = np.zeros(size, dtype=np.bool_)
        mask[np.frombuffer(admitted.to_array(), dtype=np.uint32)] = True
        self._bits = np.packbits(mask, bitorder="little")  # FAISS keeps a pointer to these
        self.raw: Any = faiss.IDSelectorBitmap(self._bits)
