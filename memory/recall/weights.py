"""How much each part of a memory's score counts. By itself, since the settings hold these too, and a command that only talks
to a service loads no store."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each part counts, in units of the fused score, which is 0 to 1. Why so much: api/settings.py."""

    dense: float
    before: float
    after: float
    reach: int
    speaker: float
    period: float
    recency: float
