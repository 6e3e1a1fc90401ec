"""Which pieces go into a context. Whole numbers only: no text, no tokenizer, no clock; who counts and renders is elsewhere.

Pieces stand in one order that does not depend on the budget: first what minima promise, then the sections in turns, each as
often as its share asks (stride scheduling), so that what a section leaves unused flows to the others. In that order a piece is
taken when it fits; one that does not is passed over, and smaller ones behind it still come in. Because the order is fixed, a
budget that has room for everything up to a piece has it in, and so has every larger one.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.pieces import Quotas, Section

# How often a section has its turn, by tokens. Documents are asked for by name, so they get the largest part.
SHARES: Mapping[Section, float] = {
    Section.DOCUMENTS: 0.4,
    Section.MEMORIES: 0.35,
    Section.RECENT: 0.25,
    Section.SUMMARY: 0.25,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One piece as packing sees it. `heads` are what must stand above it once: (name, tokens) of its section's and its group's
    headings. `covered_by` are positions of other entries, any of which makes this one a duplicate when it is in."""

    section: Section
    cost: int
    heads: tuple[tuple[str, int], ...] = ()
    covered_by: frozenset[int] = frozenset()


@dataclass(slots=True)
class Packing:
    """What was taken, in order, with the tokens used up to there, by all and by its section; what did not fit; and what
    another tells. `used` is in tokens."""

    reached: dict[int, int] = field(default_factory=dict[int, int])
    within: dict[int, int] = field(default_factory=dict[int, int])
    passed: list[int] = field(default_factory=list[int])
    told_by: dict[int, int] = field(default_factory=dict[int, int])
    by_section: dict[Section, int] = field(default_factory=dict[Section, int])
    used: int = 0


def order(entries: Sequence[Entry], quotas: Quotas) -> list[int]:
    """The one order. `entries` of a section stand best first."""
    promised: list[int] = []
    spent: dict[Section, int] = {}
    for position, entry in enumerate(entries):
        after = spent.get(entry.section, 0) + entry.cost
        if after <= quotas.quota(entry.section).tokens_min:
            promised.append(position)
            spent[entry.section] = after
    rest = set(range(len(entries))) - set(promised)
    return promised + _in_turns(entries, sorted(rest), spent)


def _in_turns(entries: Sequence[Entry], rest: Sequence[int], spent: dict[Section, int]) -> list[int]:
    queues: dict[Section, list[int]] = {}
    for position in reversed(rest):
        queues.setdefault(entries[position].section, []).append(position)
    turns: list[int] = []
    while queues:
        section = min(queues, key=lambda one: (spent.get(one, 0) / SHARES[one], -SHARES[one], one))
        position = queues[section].pop()
        spent[section] = spent.get(section, 0) + entries[position].cost
        turns.append(position)
        if not queues[section]:
            del queues[section]
    return turns


def pack(entries: Sequence[Entry], ranking: Sequence[int], quotas: Quotas, room: int) -> Packing:
    """What fits into `room`, in the order of `ranking`."""
    packing = Packing()
    opened: set[str] = set()
    for position in ranking:
        entry = entries[position]
        twin = min(entry.covered_by & packing.reached.keys(), default=None)
        if twin is not None:
            packing.told_by[position] = twin
            continue
        cost = entry.cost + sum(tokens for name, tokens in entry.heads if name not in opened)
        within = packing.by_section.get(entry.section, 0) + cost
        limit = quotas.quota(entry.section).tokens_max
        if packing.used + cost > room or (limit is not None and within > limit):
            packing.passed.append(position)
            continue
        packing.used += cost
        packing.reached[position] = packing.used
        packing.by_section[entry.section] = packing.within[position] = within
        opened.update(name for name, _ in entry.heads)
    return packing


def unbounded(entries: Sequence[Entry], ranking: Sequence[int], quotas: Quotas) -> Packing:
    """What is in where there is room for all. `reached` is then the room from which on each piece is in, and below which, by
    one token, it is out. At smaller rooms still, a small piece may come in where a larger one is passed over. What is not
    reached is in at no room: another tells it (`told_by`), or its section's maximum keeps it out (`passed`)."""
    return pack(entries, ranking, quotas, sys.maxsize)
