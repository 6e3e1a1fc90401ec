"""The vectors that the default embedder gave when it was built, against those it gives now. Proves nothing about quality."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.errors import Corrupt

GOLDENS = Path(__file__).parent / "goldens.json"
# Not 0.999: dynamic int8 rounds to a coarse grid, and a difference of 1e-6 in one fp32 sum (another processor's kernels add in
# another order) flips roundings until a text's vector is at 0.993 to 1.000 of its former self, measured over 28 texts. Broken
# arithmetic is far below: per-tensor weights give 0.8. The same machine and library give the same bits.
COSINE_MIN = 0.98


class _File(TypedDict):
    variant: str
    recipe: int
    texts: list[str]
    vectors: list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goldens:
    """A few texts and their vectors under one variant and recipe."""

    variant: str
    recipe: int
    texts: tuple[str, ...]
    vectors: NDArray[np.float32]

    @classmethod
    def read(cls, path: Path = GOLDENS) -> "Goldens":
        stored = cast("_File", json.loads(path.read_text(encoding="utf-8")))
        vectors = np.array(stored["vectors"], np.float32)
        return cls(variant=stored["variant"], recipe=stored["recipe"], texts=tuple(stored["texts"]), vectors=vectors)

    def check(self, vector: Callable[[str], NDArray[np.float32]]) -> None:
        """Corrupt when any text's vector has moved: everything stored would be compared with another space."""
        for text, golden in zip(self.texts, self.vectors, strict=True):
            cosine = float(vector(text) @ golden / np.linalg.norm(golden))
            if not cosine >= COSINE_MIN:  # false for NaN too
                raise Corrupt(
                    "inference.vectors_moved",
                    f"The embedder gives the golden text {text[:40]!r} a vector of cosine {cosine:.4f} to the one it must have "
                    f"(at least {COSINE_MIN}) under onnxruntime {onnxruntime.__version__}; stored vectors would no longer "
                    "match. Delete the folder models in the data folder, or install the onnxruntime used before.",
                )
