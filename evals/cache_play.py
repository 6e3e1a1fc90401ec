"""A stream of questions through the cache's own policies, in process: same choice, score, threshold, audits and groups as the
service's, over texts whose right answer is known. What the store, leases and HTTP add is not here; evals/cache_http.py has
those.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cache.acceptance import Candidate, Neighbour, Weights, choose, score
from cache.admission import bypass_reason
from cache.calibration import NOWHERE, QUARANTINE_AFTER, Label, Operating, audit_rate, operating_point
from cache.flat import FlatIndex
from cache.groups import GROUPS_JUDGED_MAX, joined
from cache.guards import read
from evals.cache_texts import Ask, Vectors

RECALIBRATE_EVERY = 100


@dataclass(slots=True, kw_only=True)
class Tally:
    """Of the requests after warm-up. `bypassed` were not looked up at all; they count as requests."""

    requests: int = 0
    hits: int = 0
    wrong: int = 0
    audits: int = 0
    bypassed: int = 0
    upper: float = 1.0
    vetoed: Counter[str] = field(default_factory=Counter[str])

    @property
    def hit_rate(self) -> float:
        return self.hits / self.requests if self.requests else 0.0

    @property
    def wrong_per_hit(self) -> float:
        return self.wrong / self.hits if self.hits else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one question met: `value` is the candidate's score, None for one that a guard forbids; `right`: its answer is the
    question's own."""

    near: tuple[Neighbour, ...]
    candidate: Candidate | None
    value: float | None
    right: bool


class Play:
    """One partition and its learning. `judged` is the share of misses whose new answer gets compared."""

    def __init__(self, weights: Weights, dimension: int, *, judged: float = 1.0, seed: int = 0) -> None:
        self._weights = weights
        self._index = FlatIndex(dimension)
        self._answers: list[str] = []
        self._judged = judged
        self._chance = random.Random(seed)  # noqa: S311  # seeded chance: a run can be repeated
        self.labels: list[Label] = []
        self.scores: list[float] = []
        self._false_hits: Counter[int] = Counter()
        self._audits = 0
        self.seen: list[tuple[Candidate, bool]] = []

    def run(self, asks: Sequence[Ask], vectors: Vectors, rate_max: float, *, warm_up: int) -> Tally:
        """Serves by the calibrated threshold."""
        tally, operating = Tally(), NOWHERE
        for place, ask in enumerate(asks):
            if place % RECALIBRATE_EVERY == 0:
                operating = operating_point(self.labels, self.scores, rate_max)
            counts = place >= warm_up
            tally.requests += counts
            if bypass_reason(ask.text):
                tally.bypassed += counts
                continue
            served = self._ask(ask, vectors[place], operating)
            if served is not None and counts:
                tally.hits += 1
                tally.wrong += not served
        tally.upper, tally.audits = operating.wrong_rate_upper, self._audits
        return tally

    def run_static(self, asks: Sequence[Ask], vectors: Vectors, cosine_min: float, *, warm_up: int) -> Tally:
        """Serves whatever is near enough, as most caches do: no veto, no label, no bypass."""
        tally = Tally()
        for place, ask in enumerate(asks):
            near = self._index.near(vectors[place], 1)
            hit = bool(near) and near[0].similarity >= cosine_min
            if place >= warm_up:
                tally.requests += 1
                tally.hits += hit
                tally.wrong += hit and self._answers[near[0].key] != ask.intent
            if not hit:
                self._add(ask, vectors[place], group=len(self._answers), placed=False)
        return tally

    def learn(self, asks: Sequence[Ask], vectors: Vectors) -> None:
        """Only looks and stores, never serves: what the prior is fitted on lies in `seen` afterwards."""
        for ask, vector in zip(asks, vectors, strict=True):
            self._ask(ask, vector, NOWHERE)

    def look(self, ask: Ask, vector: Vectors) -> Look:
        """What a question meets."""
        near = self._index.near(vector)
        candidate = choose(read(ask.text), near)
        if candidate is None:
            return Look(near=near, candidate=None, value=None, right=False)
        right = self._answers[candidate.neighbour.key] == ask.intent
        self.seen.append((candidate, right))
        value = None if candidate.vetoes else score(candidate, self._weights)
        if value is not None:
            self.scores.append(value)
        return Look(near=near, candidate=candidate, value=value, right=right)

    def fits(self, look: Look, operating: Operating) -> bool:
        """Whether the candidate may answer there."""
        if look.candidate is None or look.value is None or not operating.admits(look.value):
            return False
        return self._false_hits[look.candidate.neighbour.key] < QUARANTINE_AFTER

    def generated(self, ask: Ask, vector: Vectors, look: Look, *, judged: bool, audited: bool) -> None:
        """The question was answered anew; `judged`: and the answer compared with what the lookup had met."""
        if look.candidate is not None and look.value is not None and judged:
            self.labels.append(Label(score=look.value, wrong=not look.right, audited=audited))
        if look.candidate is not None and audited:
            self._audits += 1
            self._false_hits[look.candidate.neighbour.key] += not look.right
        self._store(ask, vector, look.candidate, look.near, judged=judged)

    def _ask(self, ask: Ask, vector: Vectors, operating: Operating) -> bool | None:
        """Whether the answer served was right; None when the question was answered anew."""
        look = self.look(ask, vector)
        judged = look.candidate is not None and self._chance.random() < self._judged
        audited = self.fits(look, operating)
        if audited and self._chance.random() >= audit_rate(self._audits):
            return look.right
        self.generated(ask, vector, look, judged=judged or audited, audited=audited)
        return None

    def _store(
        self, ask: Ask, vector: Vectors, candidate: Candidate | None, near: Sequence[Neighbour], *, judged: bool
    ) -> None:
        group = len(self._answers)
        if judged and candidate is not None:
            compared = list(dict.fromkeys(one.group for one in (candidate.neighbour, *near)))[:GROUPS_JUDGED_MAX]
            firsts = [next(one for one in (candidate.neighbour, *near) if one.group == each) for each in compared]
            equal = [one.group for one in firsts if self._answers[one.key] == ask.intent]
            self._index.join(joined(equal))
            for one in firsts:
                self._index.place(one.key)
            group = min(equal, default=group)
        self._add(ask, vector, group=group, placed=judged)

    def _add(self, ask: Ask, vector: Vectors, *, group: int, placed: bool) -> None:
        self._index.put(len(self._answers), vector, text=ask.text, group=group, placed=placed)
        self._answers.append(ask.intent)
