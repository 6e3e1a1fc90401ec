"""When what was so: from all that is stated of one slot, the stretch in which each statement holds. A pure function of the set
of dated statements, so that it does not matter in which order they became known.

A slot is one attribute of one entity; of an attribute with many values, one value. In it:
- a positive statement ends another value's (where there is one value at a time), and a negative one of the same value;
- a negative statement ends the same value's positive one, and no other;
- who is trusted less than what holds does not end it, but is `challenged`;
- of two at the same moment the one recorded later wins; an undated one is before all dated ones.
A statement repeated later (`seen_at`) holds until something after its last repetition ends it. What ended it may also be no
statement of the slot: another value in its place, where there are many, or one that is kept no more (`until`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

UNDATED = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A statement in its slot. `order` grows as they are recorded; `value` is folded; `until_by` ended it from outside."""

    id: int
    order: int
    value: str
    polarity: bool
    trust: int
    start: datetime | None
    seen: datetime | None
    until: datetime | None = None
    until_by: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a statement stands: until when it holds (None: still), what ended it, and whether it only challenges what holds."""

    end: datetime | None = None
    ended_by: int | None = None
    challenged: bool = False


@dataclass(frozen=True, slots=True)
class _Event:
    at: datetime
    order: int
    entry: Entry


def arrange(entries: Sequence[Entry], *, exclusive: bool) -> Mapping[int, Place]:
    """The place of each entry of one slot. `exclusive`: one value at a time."""
    events = _accepted(_events(entries), exclusive=exclusive)
    places: dict[int, Place] = {entry.id: Place(challenged=True) for entry in entries}
    for last, event in {event.entry.id: (place, event) for place, event in enumerate(events)}.values():
        after = (later for later in islice(events, last + 1, None) if _ends(later.entry, event.entry, exclusive=exclusive))
        end = next(after, None)
        places[event.entry.id] = Place(end=end.at, ended_by=end.entry.id) if end else Place()
    return {entry.id: _within(entry, places[entry.id]) for entry in entries}


def _within(entry: Entry, place: Place) -> Place:
    """The place, no longer than until the end that came from outside."""
    until = entry.until
    if until is None or until < (entry.seen or entry.start or UNDATED) or (place.end is not None and place.end <= until):
        return place
    return Place(end=until, ended_by=entry.until_by)


def _events(entries: Sequence[Entry]) -> Sequence[_Event]:
    moments = {(entry, at) for entry in entries for at in (entry.start or UNDATED, entry.seen or entry.start or UNDATED)}
    return sorted((_Event(at, entry.order, entry) for entry, at in moments), key=_when)


def _when(event: _Event) -> tuple[datetime, int]:
    return event.at, event.order


def _accepted(events: Sequence[_Event], *, exclusive: bool) -> list[_Event]:
    """Without those whose word weighs less than what holds when they speak. Repeating the same keeps the greater trust."""
    accepted: list[_Event] = []
    holding: list[_Event] = []  # of the accepted so far, those that nothing after them has ended
    for event in events:
        holding = [held for held in holding if held.entry.until is None or event.at < held.entry.until]
        ended = [held for held in holding if _ends(event.entry, held.entry, exclusive=exclusive, other=True)]
        if all(held.entry.trust <= event.entry.trust for held in ended):
            accepted.append(event)
            holding = [held for held in holding if held not in ended]
            holding.append(event)
    return accepted


def _ends(later: Entry, earlier: Entry, *, exclusive: bool, other: bool = False) -> bool:
    """Whether the later ends the earlier. The same said again takes over from the earlier entry, unless only `other`
    statements are asked about.
    """
    if later.id == earlier.id:
        return False
    same_value = later.value == earlier.value
    if same_value and later.polarity == earlier.polarity:
        return not other
    return same_value or (exclusive and later.polarity and earlier.polarity)
