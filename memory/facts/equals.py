"""Which facts of one slot say the same and may become one. Pure, and no judge: the same words under one name, both believed,
and nothing between them, as if the later had been a repetition of the earlier when it came."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from memory.facts.conflicts import Known, Revision, competes, rearranged
from memory.facts.statements import Status, triple_of
from memory.facts.timeline import UNDATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Union:
    """`kept` as it is from now on, with the ids of those that go into it."""

    kept: Known
    gone: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What of a slot becomes one, and how the others stand then. `changes_beliefs`: some would be believed that are not, or the
    other way round; nobody asked for that."""

    unions: tuple[Union, ...]
    revisions: tuple[Revision, ...]
    changes_beliefs: bool


def tidy(slot: Sequence[Known], *, believed: Collection[int]) -> Tidied:
    """`slot` holds every fact of it, `believed` those that may be united."""
    groups: defaultdict[tuple[str, bool], list[Known]] = defaultdict(list)
    for fact in sorted(slot, key=lambda one: one.id):
        if fact.id in believed and not fact.withdrawn:
            groups[triple_of(fact.entity, fact.attribute, fact.value), fact.polarity].append(fact)
    unions = tuple(union for group in groups.values() if (union := _united(group, slot)).gone)
    after = _after(slot, unions)
    before = {fact.id: fact.status for fact in after}
    revisions = rearranged(after, outside=True)
    return Tidied(
        unions=unions, revisions=revisions, changes_beliefs=any(before[one.id] is not one.status for one in revisions)
    )


def _united(group: Sequence[Known], slot: Sequence[Known]) -> Union:
    kept, *others = group
    gone: list[int] = []
    for other in others:
        if not any(_between(fact, kept, other) for fact in slot):
            kept = _repeated(kept, other)
            gone.append(other.id)
    return Union(kept=kept, gone=tuple(gone))


def _between(fact: Known, kept: Known, other: Known) -> bool:
    first, last = sorted((kept.valid_from or UNDATED, other.valid_from or UNDATED))
    return first < last and competes(fact, kept) and first <= (fact.valid_from or UNDATED) <= last


def _repeated(kept: Known, other: Known) -> Known:
    """The gate's rule for proofs: a lesser voice does not count, a greater one takes the place."""
    if other.trust < kept.trust:
        return kept
    if other.trust > kept.trust:
        return replace(kept, trust=other.trust, valid_from=other.valid_from, seen_at=other.seen_at)
    start = min(kept.valid_from or UNDATED, other.valid_from or UNDATED)
    seen = max(one.seen_at or one.valid_from or UNDATED for one in (kept, other))
    return replace(kept, valid_from=None if start == UNDATED else start, seen_at=None if seen == UNDATED else seen)


def _after(slot: Sequence[Known], unions: Sequence[Union]) -> list[Known]:
    kept: Mapping[int, Known] = {union.kept.id: union.kept for union in unions}
    into = {row: union.kept.id for union in unions for row in union.gone}
    return [
        replace(fact, status=Status.SUPERSEDED, withdrawn=True, superseded_by=into[fact.id])
        if fact.id in into
        else kept.get(fact.id, fact)
        for fact in slot
    ]
