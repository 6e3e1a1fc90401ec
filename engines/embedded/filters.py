"""Filters as bitmaps over slots: which rows hold a token, which numbers they hold, and a filter compiled against both.

core.filters.matches is the definition; tests/property compare. Changed only inside the collection's write lock.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from core.caller import Visibility
from core.errors import Invalid
from core.filters import (
    All,
    Any,
    Eq,
    Exists,
    Filter,
    In,
    Not,
    Prefix,
    Range,
    acl_tokens,
    exists_token,
    prefix_token,
    value_token,
)
from engines.embedded.faiss_border import NO_SLOTS, Slots, bitmap_of

Postings = Mapping[str, Sequence[int]]
_STRING_VALUE = "=s:"
_NO_VALUES = np.empty(0, dtype=np.float64)


class TokenSets:
    """Token → the slots that hold it. Most tokens name one document or one row, so a single slot is kept as a bare number:
    a bitmap of one costs 200 bytes."""

    def __init__(self, tokens_by_slot: Sequence[Sequence[str]] = ()) -> None:
        self._slots: dict[str, int | BitMap] = {}
        self._strings: list[str] = []  # sorted tokens of string values, for prefixes; some may have no slot any more
        self.add(postings(enumerate(tokens_by_slot)))

    def __len__(self) -> int:
        return len(self._slots)

    def holding(self, token: str) -> BitMap:
        """A bitmap that the caller must not change."""
        held = self._slots.get(token)
        if held is None:
            return BitMap()
        return BitMap([held]) if isinstance(held, int) else held

    def starting(self, prefix: str) -> list[str]:
        """The tokens that start so and are held by some slot."""
        found: dict[str, None] = {}
        for place in range(bisect_left(self._strings, prefix), len(self._strings)):
            token = self._strings[place]
            if not token.startswith(prefix):
                break
            if token in self._slots:
                found[token] = None
        return list(found)

    def add(self, gained: Postings) -> None:
        unseen: list[str] = []
        for token, slots in gained.items():
            held = self._slots.get(token)
            if held is None:
                self._slots[token] = slots[0] if len(slots) == 1 else BitMap(slots)
                unseen.append(token)
            elif isinstance(held, int):
                self._slots[token] = BitMap([held, *slots])
            else:
                held.update(slots)
        self._index_strings(unseen)

    def remove(self, lost: Postings) -> None:
        for token, slots in lost.items():
            held = self._slots[token]
            if isinstance(held, BitMap):
                held.difference_update(BitMap(slots))
            if isinstance(held, int) or not held:
                del self._slots[token]

    def _index_strings(self, unseen: list[str]) -> None:
        strings = self._strings
        strings += [token for token in unseen if _STRING_VALUE in token]
        if len(strings) > 2 * len(self._slots) + 100:  # half of them are no longer held, or stand here twice
            strings = list({token for token in strings if token in self._slots})
        strings.sort()  # two sorted runs: one merge
        self._strings = strings


class NumberColumn:
    """The values of one ranged field, several for a row that has several: a scan of 100,000 costs 0.1 ms."""

    def __init__(self, slots: Slots = NO_SLOTS, values: NDArray[np.float64] = _NO_VALUES) -> None:
        self._slots = slots
        self._values = values
        self._count = len(slots)

    def entries(self) -> tuple[Slots, NDArray[np.float64]]:
        """Views, sorted by nothing."""
        return self._slots[: self._count], self._values[: self._count]

    def add(self, slots: Slots, values: NDArray[np.float64]) -> None:
        wanted = self._count + len(slots)
        if wanted > len(self._slots):
            self._slots = np.resize(self._slots, 2 * wanted)
            self._values = np.resize(self._values, 2 * wanted)
        self._slots[self._count : wanted] = slots
        self._values[self._count : wanted] = values
        self._count = wanted

    def remove(self, slots: Slots) -> None:
        held, values = self.entries()
        kept = ~np.isin(held, slots)
        left = int(kept.sum())
        if left < self._count:
            self._slots[:left], self._values[:left] = held[kept], values[kept]
            self._count = left

    def within(self, bounds: Range) -> BitMap:
        slots, values = self.entries()
        mask = np.ones(len(slots), dtype=np.bool_)
        if bounds.gt is not None:
            mask &= values > bounds.gt
        if bounds.gte is not None:
            mask &= values >= bounds.gte
        if bounds.lt is not None:
            mask &= values < bounds.lt
        if bounds.lte is not None:
            mask &= values <= bounds.lte
        return bitmap_of(slots[mask])


class FilterIndex:
    """What a filter needs to become a bitmap."""

    def __init__(self, *, tokens: TokenSets, numbers: Mapping[str, NumberColumn]) -> None:
        self.tokens = tokens
        self.numbers = numbers

    def admitted(self, visibility: Visibility, condition: Filter | None, live: BitMap) -> BitMap | None:
        """The live slots that pass, None when nothing restricts."""
        admitted = None
        if visibility.principals is not None:
            admitted = self._union(("acl=*", *acl_tokens(visibility.principals)))
        if condition is not None:
            passing = self.passing(condition, live)
            admitted = passing if admitted is None else admitted & passing
        return None if admitted is not None and len(admitted) == len(live) else admitted

    def passing(self, condition: Filter, live: BitMap) -> BitMap:
        """A bitmap that the caller must not change."""
        match condition:
            case Eq(field, value):
                return self.tokens.holding(value_token(field, value))
            case In(field, values):
                return self._union(value_token(field, value) for value in values)
            case Exists(field):
                return self.tokens.holding(exists_token(field))
            case Prefix(field, prefix):
                return self._union(self.tokens.starting(prefix_token(field, prefix)))
            case Range(field):
                return self._column(field).within(condition)
            case All(parts):
                return BitMap.intersection(live, *(self.passing(part, live) for part in parts))
            case Any(parts):
                return BitMap.union(BitMap(), *(self.passing(part, live) for part in parts))
            case Not(part):
                return live - self.passing(part, live)

    def _column(self, field: str) -> NumberColumn:
        column = self.numbers.get(field)
        if column is None:
            raise Invalid("engine.not_ranged", f"{field[:140]!r} is not declared for ranges in this collection")
        return column

    def _union(self, tokens: Iterable[str]) -> BitMap:
        return BitMap.union(BitMap(), *(self.tokens.holding(token) for token in tokens))


def postings(tokens_by_slot: Iterable[tuple[int, Sequence[str]]]) -> dict[str, list[int]]:
    """Token → its slots, each once. Made outside the lock, so that inside it there is one update a token."""
    grouped: defaultdict[str, list[int]] = defaultdict(list)
    for slot, tokens in tokens_by_slot:
        for token in dict.fromkeys(tokens):
            grouped[token].append(slot)
    return grouped
