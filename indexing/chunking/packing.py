"""Packs one section's units into stretches of about the target, whole units where they fit, and says what is repeated."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexing.chunking.tokens import TokenMap
from indexing.chunking.units import Unit, UnitKind, fall_apart

# Half a chunk is better closed than filled with the half of a paragraph that would have fitted the next one whole.
_CLOSED_FROM = 0.5
_OVER_GOAL = 1.1
_HEADINGS_SEEN = 12  # headings in a row that are looked back over
_PARAGRAPHS = frozenset({UnitKind.PROSE, UnitKind.ITEM, UnitKind.HEADING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """In tokens of text: `target` is aimed at, `budget` never exceeded, `overlap` repeated where prose is cut."""

    target: int
    budget: int
    overlap: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One chunk to be. `header` is the span of the table header that stands above its first row, elsewhere."""

    start: int
    end: int
    page: int | None
    header: tuple[int, int] | None


def pack(units: Sequence[Unit], tokens: TokenMap, room: Room) -> Iterator[Stretch]:
    """Stretches in order; together they cover every unit."""
    packer = _Packer(units, tokens, room)
    while packer.queue:
        yield packer.next_stretch()


class _Packer:
    """One section on its way. `left` counts the tokens not packed yet, so that its stretches come out alike in size."""

    def __init__(self, units: Sequence[Unit], tokens: TokenMap, room: Room) -> None:
        self.queue: deque[Unit] = deque(units)
        self._tokens = tokens
        self._room = room
        self._left = sum(unit.tokens for unit in units)
        self._carried: int | None = None  # where what is repeated begins

    def next_stretch(self) -> Stretch:
        taken, start = self._take()
        first, last = taken[0], taken[-1]
        header = _header_above(first)
        self._carried = self._overlap(last, not_before=start) if self.queue else None
        return Stretch(start=start, end=last.end, page=first.page, header=header)

    def _take(self) -> tuple[list[Unit], int]:
        """The units of one stretch, and where it starts, which is before them when something is repeated."""
        header = _header_above(self.queue[0])
        budget = self._room.budget - (min(self._tokens.count(*header), self._room.budget // 3) if header else 0)
        start = self.queue[0].start if self._carried is None or header else self._carried
        goal = self._goal(min(self._room.target, budget))
        taken: list[Unit] = []
        while self.queue:
            unit = self.queue[0]
            used = self._tokens.count(start, taken[-1].end if taken else unit.start)
            total = self._tokens.count(start, unit.end)
            is_begun = any(one.kind is not UnitKind.HEADING for one in taken[-_HEADINGS_SEEN:])
            fill = _Fill(used=used if is_begun else 0, total=total, goal=goal, budget=budget)
            if fill.takes(unit):
                taken.append(self.queue.popleft())
                self._left -= unit.tokens
            elif taken and (fill.ends_before(unit) if is_begun else unit.kind is UnitKind.WORDS):
                break
            elif unit.kind is UnitKind.WORDS and start < unit.start and not taken:
                start = unit.start  # what was to be repeated leaves no room for what is new
            else:
                self.queue.popleft()
                self.queue.extendleft(reversed(fall_apart(unit, self._tokens, window=min(goal, budget))))
        return taken, start

    def _goal(self, target: int) -> int:
        """The same size for all that is left, instead of full ones and a crumb."""
        count = max(1, -(-self._left // max(1, int(target * _OVER_GOAL))))
        return max(1, -(-self._left // count))

    def _overlap(self, last: Unit, *, not_before: int) -> int | None:
        """Where the last sentences of a stretch begin, as many as fit the overlap."""
        if not self._room.overlap or not last.overlaps:
            return None
        sentences = [last] if last.kind is UnitKind.SENTENCE else fall_apart(last, self._tokens, window=self._room.overlap)
        start: int | None = None
        for sentence in reversed(sentences):
            if self._tokens.count(sentence.start, last.end) > self._room.overlap or sentence.start <= not_before:
                break
            start = sentence.start
        return start


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fill:
    """How full a stretch is, and would be with one unit more."""

    used: int
    total: int
    goal: int
    budget: int

    def takes(self, unit: Unit) -> bool:
        """Whether the unit joins as it is: within the goal, or whole where that is worth going beyond it."""
        if self.total > self.budget:
            return False
        return self.total <= self.goal * _OVER_GOAL or (self._stays_whole(unit) and self.used < self.goal * _CLOSED_FROM)

    def ends_before(self, unit: Unit) -> bool:
        """Whether the stretch ends here rather than take a part of the unit."""
        if self.used >= self.goal:
            return True
        return unit.tokens <= self.budget and (self.used >= self.goal * _CLOSED_FROM or self._stays_whole(unit))

    def _stays_whole(self, unit: Unit) -> bool:
        """Everything but a paragraph is cut only where it does not fit the window; a paragraph where it is over the goal."""
        return unit.tokens <= (self.goal * _OVER_GOAL if unit.kind in _PARAGRAPHS else self.budget)


def _header_above(unit: Unit) -> tuple[int, int] | None:
    """The header of a table whose row this is, when the row does not bring it along."""
    return unit.header if unit.header is not None and unit.start >= unit.header[1] else None
