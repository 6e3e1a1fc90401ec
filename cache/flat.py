"""The entries of one partition as a flat index in memory: exact cosine search, and which entry is of which answer group. A
copy of the records, rebuilt from them; the records decide at hit time. docs/adr/0012 says why this and not the engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache.acceptance import NEIGHBOURS, Neighbour
from cache.guards import read

Vector = NDArray[np.float32]

_ROWS_FIRST = 64
_ENTRY_BYTES = 600  # of Python objects around a row, measured


@dataclass(slots=True, kw_only=True)
class _Entry:
    key: int
    text: str
    group: int
    placed: bool


class FlatIndex:
    """Rows of norm 1. Not safe for threads: it lives on the event loop, where 10,000 rows take 1.3 ms."""

    def __init__(self, dimension: int) -> None:
        self._rows = np.zeros((_ROWS_FIRST, dimension), np.float32)
        self._entries: list[_Entry] = []
        self._places: dict[int, int] = {}
        self._parents: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: int) -> bool:
        return key in self._places

    @property
    def bytes(self) -> int:
        return self._rows.nbytes + len(self._entries) * _ENTRY_BYTES

    def put(self, key: int, vector: Vector, *, text: str, group: int, placed: bool) -> None:
        """Adds an entry, or replaces the one of that key."""
        entry = _Entry(key=key, text=text, group=group, placed=placed)
        place = self._places.get(key)
        if place is None:
            place = len(self._entries)
            if place == len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._entries.append(entry)
            self._places[key] = place
        else:
            self._entries[place] = entry
        self._rows[place] = vector

    def drop(self, key: int) -> None:
        """Takes an entry out; one that is not there is no matter. The last row moves into its place."""
        place = self._places.pop(key, None)
        if place is None:
            return
        last = self._entries.pop()
        if last.key != key:
            self._entries[place] = last
            self._rows[place] = self._rows[len(self._entries)]
            self._places[last.key] = place

    def place(self, key: int) -> None:
        """The entry's answer was compared with others."""
        if key in self._places:
            self._entries[self._places[key]].placed = True

    def join(self, groups: Mapping[int, int]) -> None:
        """Groups that turned out to be another, by what they are now."""
        for old, new in groups.items():
            if (root := self._root(old)) != (target := self._root(new)):
                self._parents[root] = target

    def near(self, vector: Vector, count: int = NEIGHBOURS) -> tuple[Neighbour, ...]:
        """The nearest entries, best first."""
        held = len(self._entries)
        if not held:
            return ()
        similarities = self._rows[:held] @ vector
        if held > count:
            best = np.argpartition(-similarities, count - 1)[:count]
            best = best[np.argsort(-similarities[best], kind="stable")]
        else:
            best = np.argsort(-similarities, kind="stable")
        return tuple(self._neighbour(int(place), float(similarities[place])) for place in best)

    def _neighbour(self, place: int, similarity: float) -> Neighbour:
        entry = self._entries[place]
        return Neighbour(
            key=entry.key,
            similarity=min(1.0, similarity),
            group=self._root(entry.group),
            placed=entry.placed,
            marks=read(entry.text),
        )

    def _root(self, group: int) -> int:
        while (parent := self._parents.get(group)) is not None:
            group = parent
        return group
