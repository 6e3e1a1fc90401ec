"""A new answer beside those that a lookup had found: are they the same answer? The verdicts make labels and answer groups; what
is in doubt makes neither."""

from collections.abc import Mapping
from dataclasses import dataclass

from cache.admission import answer_text
from cache.embedding import Embedding
from cache.groups import JUDGED_CHARACTERS_MAX, Verdict, folded, joined, judge
from core.deadline import Deadline
from core.errors import TimedOut, Unavailable
from core.ids import TenantId
from storage import cache_entries
from storage.cache_records import EntryRecord, EntryState
from storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """`verdicts` by entry, the lookup's candidate first; only those that are sure."""

    verdicts: Mapping[int, Verdict]
    groups: Mapping[int, int]

    @property
    def equal(self) -> tuple[int, ...]:
        """The groups of the entries that answer the same."""
        return tuple(self.groups[one] for one, verdict in self.verdicts.items() if verdict is Verdict.EQUAL)

    @property
    def joins(self) -> Mapping[int, int]:
        return joined(self.equal)

    @property
    def group(self) -> int | None:
        """Which group the new answer is of; None is one of its own."""
        return min(self.equal, default=None)


NOTHING = Judged(verdicts={}, groups={})


class Judge:
    """Compares answers by their words and, where they are short, by their vectors."""

    def __init__(self, db: Database, embedding: Embedding) -> None:
        self._db = db
        self._embedding = embedding

    async def compare(
        self, tenant: TenantId, answer: object, entries: tuple[int, ...], *, equals_first: bool | None, deadline: Deadline
    ) -> Judged:
        """Beside each entry that is still there; `equals_first` is what the caller says of the first."""
        reads = self._db.glance(tenant)
        known: dict[int, EntryRecord] = await cache_entries.by_ids(reads, entries) if entries else {}
        verdicts: dict[int, Verdict] = {}
        for place, entry in enumerate(entries):
            if entry not in known or known[entry].state is EntryState.STALE:
                continue
            if place == 0 and equals_first is not None:
                verdict = Verdict.EQUAL if equals_first else Verdict.DIFFERENT
            else:
                verdict = await self._verdict(answer, await cache_entries.response(reads, entry), deadline)
            if verdict is not Verdict.UNSURE:
                verdicts[entry] = verdict
        return Judged(verdicts=verdicts, groups={entry: known[entry].group for entry in verdicts})

    async def _verdict(self, answer: object, other: object, deadline: Deadline) -> Verdict:
        new, old = answer_text(answer), answer_text(other)
        if not new or not old:
            return Verdict.UNSURE
        if folded(new) == folded(old) or max(len(new), len(old)) > JUDGED_CHARACTERS_MAX:
            return judge(new, old, None)
        try:
            one, two = await self._embedding.vector(new, deadline), await self._embedding.vector(old, deadline)
        except (Unavailable, TimedOut):
            return judge(new, old, None)
        return judge(new, old, float(one @ two))
