"""What is known of an owner: the facts that hold at a moment (`as_of`), as they were known at another (`as_known_at`). Pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from memory.facts.statements import Cardinality, Status, fold
from memory.facts.timeline import UNDATED
from storage.fact_records import FactRecord

_BELIEVED = frozenset({Status.ACTIVE, Status.SUPERSEDED, Status.EXPIRED})


def holding(found: Iterable[FactRecord], as_of: datetime) -> tuple[FactRecord, ...]:
    """The facts that hold then, pinned and important ones first. Of an attribute with one value at a time the value that began
    last; of one with many, what is denied too."""
    slots: defaultdict[tuple[object, ...], list[FactRecord]] = defaultdict(list)
    for fact in found:
        if _holds(fact, as_of):
            slots[_slot(fact)].append(fact)
    latest = [max(its, key=lambda fact: (fact.valid_from or UNDATED, fact.row_id)) for its in slots.values()]
    shown = [fact for fact in latest if fact.polarity or fact.cardinality == Cardinality.MANY]
    return tuple(sorted(shown, key=_order))


def _holds(fact: FactRecord, at: datetime) -> bool:
    return (
        fact.status in _BELIEVED
        and not fact.withdrawn
        and (fact.valid_from or UNDATED) <= at
        and (fact.valid_to is None or at < fact.valid_to)
        and (fact.expires_at is None or at < fact.expires_at)
    )


def _slot(fact: FactRecord) -> tuple[object, ...]:
    """Of one value at a time its denials are apart: they say what it is not, not what it is."""
    own: tuple[object, ...] = (fact.scope, fold(fact.entity), fold(fact.attribute), fact.cardinality)
    if fact.cardinality == Cardinality.MANY:
        return *own, fold(fact.value)
    return *own, fact.polarity


def _order(fact: FactRecord) -> tuple[bool, float, str, str, int]:
    return not fact.pinned, -fact.importance, fold(fact.entity), fold(fact.attribute), fact.row_id
