"""Which row lies in which slot. A slot is a row's place in the dense index and in every bitmap; freed slots are used again."""

from collections.abc import Sequence
from dataclasses import dataclass
from sys import intern

import numpy as np
from pyroaring import BitMap

from engines.embedded.faiss_border import NO_SLOTS, Slots, bitmap_of
from engines.port import Row, Vector


@dataclass(frozen=True, slots=True)
class Change:
    """One batch in terms of slots: first `removed` go, then `rows` come into `added`. Both may name the same slots."""

    removed: Slots
    gone: tuple[int, ...]
    added: Slots
    rows: tuple[Row, ...]
    tokens: tuple[tuple[str, ...], ...]
    vectors: Vector


class RowTable:
    """Key ↔ slot, and each slot's tokens. Changed only inside the collection's write lock."""

    def __init__(self, *, keys: Slots = NO_SLOTS, tokens: Sequence[tuple[str, ...]] = ()) -> None:
        """`keys` by slot, 0 where the slot is free."""
        self._keys = keys
        self.tokens: list[tuple[str, ...]] = list(tokens)
        taken = np.flatnonzero(keys)
        self.slot_of: dict[int, int] = dict(zip(keys[taken].tolist(), taken.tolist(), strict=True))
        self.live: BitMap = bitmap_of(taken)
        self._free: list[int] = np.flatnonzero(keys == 0).tolist()

    def __len__(self) -> int:
        return len(self.slot_of)

    @property
    def size(self) -> int:
        """Slots in use or free: one more than the largest slot."""
        return len(self.tokens)

    @property
    def keys(self) -> Slots:
        """By slot, 0 where free. A view: copy before the lock is let go."""
        return self._keys[: self.size]

    def keys_at(self, slots: Slots) -> Slots:
        return self._keys[slots]

    def plan(self, upserts: Sequence[Row], deletes: Sequence[int], dimension: int) -> Change:
        """What a batch does to the slots. Of rows with one key, the last counts."""
        rows = tuple({row.key: row for row in upserts}.values())
        gone = tuple(key for key in dict.fromkeys([*deletes, *(row.key for row in rows)]) if key in self.slot_of)
        removed = [self.slot_of[key] for key in gone]
        free = [*removed[: len(rows)], *self._free[: max(0, len(rows) - len(removed))]]
        added = [*free, *range(self.size, self.size + len(rows) - len(free))]
        return Change(
            removed=np.array(removed, dtype=np.int64),
            gone=gone,
            added=np.array(added, dtype=np.int64),
            rows=rows,
            tokens=tuple(tuple(intern(token) for token in row.tokens) for row in rows),
            vectors=np.stack([row.vector for row in rows]) if rows else np.empty((0, dimension), dtype=np.float32),
        )

    def change(self, change: Change) -> None:
        for key, slot in zip(change.gone, change.removed.tolist(), strict=True):
            del self.slot_of[key]
            self.tokens[slot] = ()
        self._keys[change.removed] = 0
        self._free.extend(change.removed.tolist())
        taken = set(change.added.tolist())
        self._free = [slot for slot in self._free if slot not in taken]
        self._grow(int(change.added.max(initial=-1)) + 1)
        for row, slot, tokens in zip(change.rows, change.added.tolist(), change.tokens, strict=True):
            self.slot_of[row.key] = slot
            self.tokens[slot] = tokens
            self._keys[slot] = row.key
        self.live -= bitmap_of(change.removed)
        self.live |= bitmap_of(change.added)

    def _grow(self, size: int) -> None:
        self.tokens.extend([()] * (size - self.size))
        if size > len(self._keys):
            grown = np.zeros(max(size, 2 * len(self._keys)), dtype=np.int64)
            grown[: len(self._keys)] = self._keys
            self._keys = grown
