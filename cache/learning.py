"""What a namespace is set up to do and what it has learned: settings, labels, scores, and the operating point they give. Read
from the records now and then, so that several processes agree within seconds."""

import asyncio
import hashlib
from dataclasses import dataclass, field

from cache.acceptance import FEATURES, Weights, score_of
from cache.calibration import (
    LABELS_KEPT,
    NOWHERE,
    SCORES_KEPT,
    Label,
    Operating,
    bound_at,
    operating_point,
)
from cache.deciding import Rule
from cache.types import Mode, namespace_by_default
from core.clock import Clock
from core.ids import TenantId
from storage import cache_ledger
from storage.cache_records import LabelRecord, NamespaceRecord
from storage.database import Database

REFRESH_S = 2.0
NAMESPACES_MAX = 256
RATES_MAX = 8
# New labels before the operating point is computed again, as a share of those there are, and at most.
RELEARN_SHARE = 20
RELEARN_MAX = 50


@dataclass(slots=True, kw_only=True)
class Namespace:
    """One namespace as this process knows it. `labels` and `scores` come oldest first; `room` is how many more entries it
    surely takes."""

    settings: NamespaceRecord
    read_s: float
    last_label: int = 0
    labels: list[tuple[Label, float]] = field(default_factory=list[tuple[Label, float]])
    scores: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    room: int = 0
    audits: int = 0
    audited_wrong: int = 0
    fresh: int = 0
    points: dict[float, Operating] = field(default_factory=dict[float, Operating])
    static_upper: float | None = None
    learning: asyncio.Lock = field(default_factory=asyncio.Lock)

    def see(self, score: float, similarity: float) -> None:
        """A lookup had a candidate without a veto."""
        self.scores.append((score, similarity))
        if len(self.scores) > 2 * SCORES_KEPT:
            del self.scores[:-SCORES_KEPT]

    async def operating(self, rate_max: float) -> Operating:
        """Learned on a thread: of 6,000 labels it takes 3 ms. Who comes meanwhile waits for the same."""
        if self.settings.mode == Mode.OFF:
            return NOWHERE
        async with self.learning:
            self._outdate()
            if rate_max not in self.points:
                labels, scores = [one for one, _ in self.labels], [one for one, _ in self.scores]
                self.points[rate_max] = await asyncio.to_thread(operating_point, labels, scores, rate_max)
            return self.points[rate_max]

    def _outdate(self) -> None:
        if self.fresh >= max(1, min(RELEARN_MAX, len(self.labels) // RELEARN_SHARE)) or len(self.points) > RATES_MAX:
            self.points.clear()
            self.static_upper = None
            self.fresh = 0

    async def rule(self, weights: Weights, wrong_rate_max: float | None) -> Rule:
        """How it decides for a caller, who may only ask for fewer wrong answers."""
        own = self.settings.wrong_rate_max
        rate = own if wrong_rate_max is None else min(own, wrong_rate_max)
        operating = await self.operating(rate)
        mode = Mode(self.settings.mode)
        return Rule(
            mode=mode,
            weights=weights,
            operating=operating,
            cosine_min=self.settings.threshold,
            static_upper=await self._static_upper() if mode is Mode.STATIC else 1.0,
        )

    async def _static_upper(self) -> float:
        async with self.learning:
            if self.static_upper is None:
                labels = [Label(score=similarity, wrong=one.wrong, audited=one.audited) for one, similarity in self.labels]
                scores = [similarity for _, similarity in self.scores]
                self.static_upper = await asyncio.to_thread(bound_at, self.settings.threshold, labels, scores)
            return self.static_upper


class Learning:
    """The namespaces that this process knows."""

    def __init__(self, db: Database, clock: Clock, weights: Weights) -> None:
        self._db = db
        self._clock = clock
        self.weights = weights
        self.weights_name = hashlib.sha256(repr((weights.values, weights.intercept)).encode()).hexdigest()[:16]
        self._known: dict[tuple[TenantId, str], Namespace] = {}

    async def namespace(self, tenant: TenantId, name: str, *, now: bool = False) -> Namespace:
        """As the records have it, at most some seconds old; `now`: as they have it now."""
        known = self._known.get((tenant, name))
        if known is not None and not now and self._clock.monotonic() - known.read_s < REFRESH_S:
            return known
        read_s = self._clock.monotonic()
        async with self._db.read(tenant) as tx:
            settings = await cache_ledger.namespace(tx, name) or namespace_by_default(name)
            after = 0 if known is None else known.last_label
            labels = await cache_ledger.labels(tx, name, after=after, limit=LABELS_KEPT)
            scores = [] if known else await cache_ledger.scores(tx, name, self.weights_name, limit=SCORES_KEPT)
        found = self._known.get((tenant, name))
        if found is None:
            if len(self._known) >= NAMESPACES_MAX:
                self._known.pop(next(iter(self._known)))
            found = self._known[(tenant, name)] = Namespace(settings=settings, read_s=read_s, scores=scores)
        found.read_s = read_s
        if found.settings != settings:
            found.settings = settings
            found.points.clear()
            found.static_upper = None
            found.room = 0
        for label in labels:
            self._learn(found, label)
        return found

    def forget(self, tenant: TenantId, name: str) -> None:
        """Its settings changed: they are read anew."""
        known = self._known.get((tenant, name))
        if known is not None:
            known.read_s = float("-inf")

    def _learn(self, namespace: Namespace, label: LabelRecord) -> None:
        if label.id <= namespace.last_label:
            return
        namespace.last_label = label.id
        namespace.audits += label.kind == "audited"
        namespace.audited_wrong += label.kind == "audited" and label.wrong
        if label.features is None or len(label.features) != len(FEATURES):
            return
        # Other weights make old labels no less true: they are scored anew.
        value = score_of(label.features, self.weights)
        made = Label(score=value, wrong=label.wrong, audited=label.kind == "audited")
        namespace.labels.append((made, label.features[0]))
        del namespace.labels[: max(0, len(namespace.labels) - LABELS_KEPT)]
        # A wrong answer that was let through counts at once.
        namespace.fresh += RELEARN_MAX if made.audited and made.wrong else 1
