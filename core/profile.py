"""What an index is made for: its embedder, chunking, language, declared range fields and fusion."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from core.filters import ALWAYS_RANGED, RangeKind

CHUNK_TOKENS_DEFAULT = 200
CHUNK_OVERLAP_DEFAULT = 30

# Fitted on the development sets as one weight for all: evals/, docs/adr/0007.
DENSE_WEIGHT_DEFAULT = 0.6

FusionKind = Literal["convex", "rrf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """How the two arms become one list. `dense_weight` in [0, 1] is the share of the dense arm."""

    kind: FusionKind = "convex"
    dense_weight: float = DENSE_WEIGHT_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexProfile:
    """Fixed once an index holds documents, except `fusion`. `embedder` None is the service's default.

    `chunk_tokens` and `chunk_overlap` are in the embedder's own tokens; `language` is a Snowball language name,
    `cjk`, or `none` (no stemming, no stop words).
    """

    embedder: str | None = None
    chunk_tokens: int = CHUNK_TOKENS_DEFAULT
    chunk_overlap: int = CHUNK_OVERLAP_DEFAULT
    language: str = "english"
    range_fields: Mapping[str, RangeKind] = field(default_factory=lambda: MappingProxyType({}))
    fusion: Fusion = Fusion()

    @property
    def ranged(self) -> Mapping[str, RangeKind]:
        """Every field that `range` may name here: the declared ones and the built-in ones."""
        return {**self.range_fields, **ALWAYS_RANGED}
