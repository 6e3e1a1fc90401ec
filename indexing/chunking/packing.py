"""Packs one section's units into stretches of about the target, whole units where they fit, and says what is repeated."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from indexing.chunking.tokens import TokenMap
from indexing.chunking.units import Unit, UnitKind, fall_apart

# Half a chunk is better closed than filled with the half of a paragraph that would have fitted the next one whole.
_CLOSED_FROM = 0.5
_OVER_GOAL = 1.15


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
        self._carried: tuple[int, int] | None = None  # overlap: (start, tokens)

    def next_stretch(self) -> Stretch:
        taken, start = self._take()
        first, last = taken[0], taken[-1]
        header = _header_above(first)
        self._carried = self._overlap(last, not_before=first.start) if self.queue else None
        return Stretch(start=start if header is None else first.start, end=last.end, page=first.page, header=header)

    def _take(self) -> tuple[list[Unit], int]:
        start, used = self._carried or (self.queue[0].start, 0)
        header = _header_above(self.queue[0])
        budget = self._room.budget
        if header is not None:
            start, used = self.queue[0].start, 0
            budget -= min(self._tokens.count(*header), budget // 3)
        goal = self._goal(min(self._room.target, budget))
        taken: list[Unit] = []
        while self.queue:
            unit = self.queue[0]
            step = self._step(unit, used=used, goal=goal, budget=budget)
            if step == "close" and taken:
                break
            if step == "split" or (step == "close" and unit.tokens > budget - used):
                if step == "close" and used and not taken:
                    start, used = unit.start, 0  # what was to be repeated leaves no room for what is new
                    continue
                self.queue.popleft()
                self.queue.extendleft(reversed(fall_apart(unit, self._tokens, window=max(1, min(goal, budget - used)))))
                continue
            self.queue.popleft()
            taken.append(unit)
            used += unit.tokens
            self._left -= unit.tokens
        return taken, start

    def _goal(self, target: int) -> int:
        """The same size for all that is left, instead of full ones and a crumb."""
        count = max(1, -(-self._left // max(1, target)))
        return max(1, -(-self._left // count))

    def _step(self, unit: Unit, *, used: int, goal: int, budget: int) -> str:
        """`add`, `close` the stretch before it, or `split` it."""
        total = used + unit.tokens
        if total <= min(budget, goal * _OVER_GOAL):
            return "add"
        if used >= goal * _CLOSED_FROM and (unit.tokens <= budget or used >= goal):
            return "close"
        if total <= budget and unit.tokens <= goal * _OVER_GOAL:
            return "add"
        if unit.kind is UnitKind.WORDS and unit.tokens <= budget:
            return "add" if total <= budget else "close"
        return "split"

    def _overlap(self, last: Unit, *, not_before: int) -> tuple[int, int] | None:
        """The last sentences of a stretch, as many as fit the overlap."""
        if not self._room.overlap or not last.overlaps:
            return None
        sentences = [last] if last.kind is UnitKind.SENTENCE else fall_apart(last, self._tokens, window=self._room.overlap)
        start, count = last.end, 0
        for sentence in reversed(sentences):
            if count + sentence.tokens > self._room.overlap or sentence.start <= not_before:
                break
            start, count = sentence.start, count + sentence.tokens
        return (start, count) if count else None


def _header_above(unit: Unit) -> tuple[int, int] | None:
    """The header of a table whose row this is, when the row does not bring it along."""
    return unit.header if unit.header is not None and unit.start >= unit.header[1] else None
