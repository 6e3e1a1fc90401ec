"""The entries of one partition as a flat index in memory: cosine search, and which entry is of which answer group. A
copy of the records, rebuilt from them; the records decide at hit time. docs/adr/0012 says why this and not the engine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cache.acceptance import NEIGHBOURS, Neighbour

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


# Beyond so many rows a sketch of each is scanned first: 96 of 384 dimensions, turned by chance. The best 512 held every
# neighbour from cosine 0.7 on, and 97 % of the nearest 16, of 42,000 questions, in a fifth of the time.
EXACT_ROWS_MAX = 10_000
SKETCH_WIDTH = 96
SKETCHED_BEST = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a scan reads. Entries may come, go and move while it does."""

    rows: tuple[NDArray[np.float32], ...]
    sketches: tuple[NDArray[np.float32], ...]
    turn: NDArray[np.float32]
    held: int


class FlatIndex:
    """Rows of norm 1. It lives on the event loop; a scan of many rows may leave it: `scanned` there, `found` here."""

    def __init__(self, dimension: int) -> None:
        self._turn = _turn(dimension)
        self._rows = _Blocks(dimension)
        self._sketches = _Blocks(self._turn.shape[1])
        self._entries: list[_Entry] = []
        self._places: dict[int, int] = {}
        self._parents: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: int) -> bool:
        return key in self._places

    @property
    def bytes(self) -> int:
        return len(self._entries) * (4 * sum(self._turn.shape) + _ENTRY_BYTES)

    @property
    def scan(self) -> Scan:
        """What `scanned` takes."""
        return Scan(rows=self._rows.all, sketches=self._sketches.all, turn=self._turn, held=len(self._entries))

    def put(self, key: int, vector: Vector, *, text: str, group: int, placed: bool) -> None:
        """Adds an entry, or replaces the one of that key."""
        entry = _Entry(key=key, text=text, group=group, placed=placed)
        place = self._places.get(key)
        if place is None:
            place = len(self._entries)
            self._rows.reach(place)
            self._sketches.reach(place)
            self._entries.append(entry)
            self._places[key] = place
        else:
            self._entries[place] = entry
        self._rows.at(place)[:] = vector
        self._sketches.at(place)[:] = vector @ self._turn

    def drop(self, key: int) -> None:
        """Takes an entry out; one that is not there is no matter. The last row moves into its place."""
        place = self._places.pop(key, None)
        if place is None:
            return
        last = self._entries.pop()
        if last.key != key:
            self._entries[place] = last
            for rows in (self._rows, self._sketches):
                rows.at(place)[:] = rows.at(len(self._entries))
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
        return self.found(scanned(self.scan, vector, count), vector)

    def found(self, places: Sequence[int], vector: Vector) -> tuple[Neighbour, ...]:
        """The entries that are at these places now, best first. Similarities are taken anew: what moved while it was scanned
        may be missed, and is never mistaken for another."""
        there = [(float(self._rows.at(place) @ vector), place) for place in places if place < len(self._entries)]
        return tuple(self._neighbour(place, similarity) for similarity, place in sorted(there, key=lambda one: -one[0]))

    def _neighbour(self, place: int, similarity: float) -> Neighbour:
        entry = self._entries[place]
        return Neighbour(
            key=entry.key,
            similarity=min(1.0, similarity),
            group=self._root(entry.group),
            placed=entry.placed,
            text=entry.text,
        )

    def _root(self, group: int) -> int:
        while (parent := self._parents.get(group)) is not None:
            group = parent
        return group


def scanned(scan: Scan, vector: Vector, count: int) -> list[int]:
    """The places of the nearest, in no order; of many rows nearly all of the nearest. Safe on any thread."""
    if scan.held <= EXACT_ROWS_MAX:
        return _best(scan.rows, scan.held, vector, count)
    likely = _best(scan.sketches, scan.held, vector @ scan.turn, SKETCHED_BEST)
    rows = np.stack([scan.rows[place // BLOCK_ROWS][place % BLOCK_ROWS] for place in likely])
    return [likely[place] for place in _best((rows,), len(likely), vector, count)]


def _best(blocks: tuple[NDArray[np.float32], ...], held: int, vector: Vector, count: int) -> list[int]:
    if held <= count:
        return list(range(held))
    similarities = np.concatenate([block @ vector for block in blocks])[:held]
    return np.argpartition(-similarities, count - 1)[:count].tolist()


@lru_cache(maxsize=4)
def _turn(dimension: int) -> NDArray[np.float32]:
    """The first columns of a rotation by chance, the same in every process: no direction of the model's is left out."""
    whole = np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))[0]
    return np.ascontiguousarray(whole[:, :SKETCH_WIDTH], np.float32)


class _Blocks:
    """Rows that grow without being copied."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._blocks: list[NDArray[np.float32]] = []

    @property
    def all(self) -> tuple[NDArray[np.float32], ...]:
        return tuple(self._blocks)

    def at(self, place: int) -> Vector:
        return self._blocks[place // BLOCK_ROWS][place % BLOCK_ROWS]

    def reach(self, place: int) -> None:
        """Makes room for a row at that place, one behind the last. The first block doubles until it is full."""
        block, row = divmod(place, BLOCK_ROWS)
        if block == len(self._blocks):
            first = _ROWS_FIRST if block == 0 else BLOCK_ROWS
            self._blocks.append(np.zeros((first, self._width), np.float32))
        elif row == len(self._blocks[block]):
            self._blocks[block] = np.concatenate([self._blocks[block], np.zeros_like(self._blocks[block])])
