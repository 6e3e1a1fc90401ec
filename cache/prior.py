"""The weights that every namespace begins with: fitted offline on development pairs by `python -m evals.cache_prior`, which
writes prior.json beside this file with where its numbers come from. No label of a user is in them."""

import json
from functools import lru_cache
from importlib import resources

from cache.acceptance import FEATURES, Weights


@lru_cache(maxsize=1)
def prior() -> Weights:
    """The committed weights."""
    told = json.loads(resources.files("cache").joinpath("prior.json").read_text(encoding="utf-8"))
    return Weights(
        values=tuple(float(told["weights"][name]) for name in FEATURES),
        intercept=float(told["intercept"]),
        provenance=told["provenance"],
    )
