"""`python -m evals.cache_prior`: fits the weights that every namespace of the cache begins with, and writes cache/prior.json.

Development data alone: the even rows of qqp as streams (questions joined by their duplicates, with near misses among them;
every lookup is a row of the fit), and the `tune` half of our minimal pairs. banking77, paws_val, the odd rows of qqp and the
`check` half stay unseen.
"""

import json
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cache.acceptance import FEATURES, MARGIN_UNKNOWN, Candidate, Weights
from evals.cache_crowd import Crowd
from evals.cache_play import Play
from evals.cache_texts import Ask, Pair, minimal_pairs, pairs, vectors
from evals.provenance import provenance

TARGET = Path(__file__).resolve().parent.parent / "cache" / "prior.json"
QUESTIONS = 8_000
WARM_UP = 1_000
JUDGED = (1.0, 0.25)
MINIMAL_WEIGHT = 5.0  # 300 pairs beside 14,000 lookups: the classes that streams hardly show
RIDGE = 1.0
SEED = 7
AGAINST = frozenset({"gap", "opposites", "quantifiers", "names", "one_sided", "negation", "reordered"})
# Vetoes of the clear cases of what a feature says of the less clear ones: those pairs are what the feature learns from.
SHOWN_BY_FEATURES = frozenset({"opposites", "names"})

Numbers = NDArray[np.float64]


def main() -> None:
    rows, right, weights = _development()
    fitted = fit(rows, right, weights)
    # A guard can only speak against a pair: one that came out in favour is noise of this data, and counts nothing.
    noise = [place for place, name in enumerate(FEATURES) if name in AGAINST and fitted[place] > 0]
    rows[:, noise] = 0.0
    fitted = fit(rows, right, weights)
    told = {
        "weights": {name: round(float(value), 4) for name, value in zip(FEATURES, fitted, strict=False)},
        "intercept": round(float(fitted[-1]), 4),
        "provenance": {
            "fitted_on": "qqp even rows as streams (judged 1.0 and 0.25), evals/cases/minimal_pairs.jsonl tune half",
            "rows": str(len(rows)),
            "embedder": "all-MiniLM-L6-v2",
            **provenance(),
        },
    }
    TARGET.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


def questions(rows: Sequence[Pair], count: int) -> tuple[Ask, ...]:
    """A stream of distinct questions out of labelled pairs: those that duplicates join have one intent, then their near misses,
    then others, shuffled."""
    parents: dict[str, str] = {}

    def root(text: str) -> str:
        parents.setdefault(text, text)
        while parents[text] != text:
            text = parents[text]
        return text

    for pair in rows:
        one, other = root(pair.a), root(pair.b)
        if pair.same:
            parents[one] = other
    joined: dict[str, list[str]] = defaultdict(list)
    for text in parents:
        joined[root(text)].append(text)
    by_size = sorted(joined.values(), key=lambda texts: (-len(texts), texts[0]))
    chosen: list[Ask] = []
    for number, texts in enumerate(by_size):
        if len(texts) == 1 or len(chosen) > 0.6 * count:
            break
        chosen += [Ask(text=text, intent=str(number)) for text in texts]
    inside = {ask.text for ask in chosen}
    near = [y for pair in rows if not pair.same for x, y in ((pair.a, pair.b), (pair.b, pair.a)) if x in inside]
    alone = dict.fromkeys([*near, *(texts[0] for texts in by_size if len(texts) == 1)])
    fill = [text for text in alone if text not in inside and len(joined[root(text)]) == 1]
    chosen += [Ask(text=text, intent=f"alone:{text}") for text in fill[: count - len(chosen)]]
    random.Random(SEED).shuffle(chosen)  # noqa: S311  # a seeded order
    return tuple(chosen)


def fit(rows: Numbers, right: Numbers, weights: Numbers) -> Numbers:
    """Logistic regression with a ridge, by Newton's steps; the intercept, last, is free."""
    design = np.hstack([rows, np.ones((len(rows), 1))])
    ridge = np.full(design.shape[1], RIDGE)
    ridge[-1] = 1e-6
    found = np.zeros(design.shape[1])
    for _ in range(50):
        shares = 1 / (1 + np.exp(-design @ found))
        slope = design.T @ (weights * (right - shares)) - ridge * found
        bend = (design * (weights * shares * (1 - shares))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        found += step
        if np.abs(step).max() < 1e-8:
            break
    return found


def _development() -> tuple[Numbers, Numbers, Numbers]:
    """Lookups where an entry with another answer was known: only those say what a margin is worth."""
    asks = questions(pairs("qqp")[0::2], QUESTIONS)
    embedded = vectors([ask.text for ask in asks])
    blank = Weights(values=(0.0,) * len(FEATURES), intercept=0.0, provenance={})
    seen: list[tuple[Candidate, bool, float]] = []
    for judged in JUDGED:
        play = Play(blank, embedded.shape[1], judged=judged, seed=SEED)
        play.learn(asks, embedded)
        seen += [(candidate, right, 1.0) for candidate, right in play.seen[WARM_UP:] if not candidate.vetoes]
    crowd = Crowd(asks, embedded)
    tuned = minimal_pairs("tune")
    for pair, candidate in zip(tuned, crowd.candidates(tuned), strict=True):
        if candidate is not None and set(candidate.vetoes) <= SHOWN_BY_FEATURES:
            seen.append((candidate, pair.same, MINIMAL_WEIGHT))
    known = [one for one in seen if one[0].features[FEATURES.index("margin")] != MARGIN_UNKNOWN]
    rows = np.array([candidate.features for candidate, _, _ in known])
    return rows, np.array([right for _, right, _ in known], np.float64), np.array([weight for _, _, weight in known])


if __name__ == "__main__":
    sys.exit(main())
