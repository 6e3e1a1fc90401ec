"""The numbers that the embedded engine decides by, with where they come from. Tests make them small."""

from dataclasses import dataclass

from core.limits import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Defaults are measured at 384 dimensions (benchmarks/engine.py)."""

    # Flat fp16 costs 0.06 ms per 1,000 rows and is exact; from here on IVF is worth its training.
    ivf_rows_min: int = 50_000
    # Retrained when a collection has grown by this factor: lists get long, and the centroids are of other rows.
    ivf_growth_max: float = 2.0
    # Filters that admit so few rows scan every list: rows that are not admitted cost next to nothing.
    exhaustive_rows_max: int = 10_000
    # Aimed at on a sample of 32 questions; above the 0.98 promised, because a sample that small errs by 0.005.
    recall_min: float = 0.99
    # A keyword filter that admits this share is cheaper to check on a longer unfiltered list than inside the query.
    wide_share_min: float = 0.3
    writer_heap_bytes: int = 32 * MIB
    writer_idle_s: float = 5.0
