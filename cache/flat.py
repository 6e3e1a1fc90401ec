"""The entries of one partition as a flat index in memory: exact cosine search, and which entry is of which answer group. A
copy of the records, rebuilt from them; the records decide at hit time. docs/adr/0012 says why this and not the engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cache.acceptance import NEIGHBOURS, Neighbour
from cache.guards import read

Vector = NDArray[np.float32]

_ROWS_FIRST = 64
# Rows lie in blocks: a growing partition never copies what it has, which at 100,000 rows would stop everything for 100 ms.
BLOCK_ROWS = 1_024
_ENTRY_BYTES = 600  # of Python objects around a row, measured


@dataclass(slots=True, kw_only=True)
class _Entry:
    key: int
    text: str
    group: int
    placed: bool


Blocks = tuple[NDArray[np.float32], ...]


class FlatIndex:
    """Rows of norm 1. It lives on the event loop; a scan of many rows may leave it: `scanned` there, `found` here."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._blocks: list[NDArray[np.float32]] = []
        self._entries: list[_Entry] = []
        self._places: dict[int, int] = {}
        self._parents: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: int) -> bool:
        return key in self._places

    @property
    def bytes(self) -> int:
        return len(self._entries) * (4 * self._dimension + _ENTRY_BYTES)

    @property
    def blocks(self) -> Blocks:
        """What a scan reads. Entries may come, go and move while it does."""
        return tuple(self._blocks)

    def put(self, key: int, vector: Vector, *, text: str, group: int, placed: bool) -> None:
        """Adds an entry, or replaces the one of that key."""
        entry = _Entry(key=key, text=text, group=group, placed=placed)
        place = self._places.get(key)
        if place is None:
            place = len(self._entries)
            self._reach(place)
            self._entries.append(entry)
            self._places[key] = place
        else:
            self._entries[place] = entry
        self._row(place)[:] = vector

    def drop(self, key: int) -> None:
        """Takes an entry out; one that is not there is no matter. The last row moves into its place."""
        place = self._places.pop(key, None)
        if place is None:
            return
        last = self._entries.pop()
        if last.key != key:
            self._entries[place] = last
            self._row(place)[:] = self._row(len(self._entries))
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
        return self.found(scanned(self.blocks, len(self), vector, count), vector)

    def found(self, places: Sequence[int], vector: Vector) -> tuple[Neighbour, ...]:
        """The entries that are at these places now, best first. Similarities are taken anew: what moved while it was scanned
        may be missed, and is never mistaken for another."""
        there = [(float(self._row(place) @ vector), place) for place in places if place < len(self._entries)]
        return tuple(self._neighbour(place, similarity) for similarity, place in sorted(there, key=lambda one: -one[0]))

    def _row(self, place: int) -> Vector:
        return self._blocks[place // BLOCK_ROWS][place % BLOCK_ROWS]

    def _reach(self, place: int) -> None:
        """Makes room for a row at that place, one behind the last. The last block doubles until it is full."""
        block, row = divmod(place, BLOCK_ROWS)
        if block == len(self._blocks):
            first = _ROWS_FIRST if block == 0 else BLOCK_ROWS
            self._blocks.append(np.zeros((first, self._dimension), np.float32))
        elif row == len(self._blocks[block]):
            self._blocks[block] = np.concatenate([self._blocks[block], np.zeros_like(self._blocks[block])])

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


def scanned(blocks: Blocks, held: int, vector: Vector, count: int) -> list[int]:
    """The places of the nearest of the first `held` rows, in no order. Safe on any thread."""
    if not held:
        return []
    similarities = np.concatenate([block @ vector for block in blocks])[:held]
    return np.argpartition(-similarities, count - 1)[:count].tolist() if held > count else list(range(held))
