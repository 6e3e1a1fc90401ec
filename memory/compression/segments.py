"""Where a conversation turns to something else: at a pause of half an hour, where the words change, and at the latest after
1,500 tokens. What has been cut stays cut: messages that come later never move an earlier boundary."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

GAP_S = 30 * 60.0
TOKENS_MAX = 1_500
# No dip is looked for before a segment has something to be unlike: shorter ones were half greetings.
TOKENS_MIN = 300
# Messages compared on each side of a place.
WINDOW = 4
# Cosine of the words on both sides below which the subject has changed.
DIP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message as segmentation sees it: when, how long, and its analysed words."""

    seq: int
    occurred_s: float | None
    tokens: int
    terms: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """The turns `[start, end)` of those given. `closed` is whether no later message can change it."""

    start: int
    end: int
    closed: bool


def segments(turns: Sequence[Turn]) -> Iterator[Segment]:
    """All turns in order, each in one segment; only the last is not closed."""
    start = tokens = 0
    for place, turn in enumerate(turns):
        if place > start and (
            tokens + turn.tokens > TOKENS_MAX or _paused(turns, place) or _turned(turns, start, place, tokens)
        ):
            yield Segment(start=start, end=place, closed=True)
            start, tokens = place, 0
        tokens += turn.tokens
    if start < len(turns):
        yield Segment(start=start, end=len(turns), closed=False)


def _paused(turns: Sequence[Turn], place: int) -> bool:
    before, after = turns[place - 1].occurred_s, turns[place].occurred_s
    return before is not None and after is not None and after - before > GAP_S


def _turned(turns: Sequence[Turn], start: int, place: int, tokens: int) -> bool:
    """Whether the words of the messages behind this place have hardly anything of those before it. A place so near the end that
    messages to come might still decide otherwise is none."""
    if tokens < TOKENS_MIN or place + WINDOW > len(turns):
        return False
    before = Counter(term for turn in turns[max(start, place - WINDOW) : place] for term in turn.terms)
    after = Counter(term for turn in turns[place : place + WINDOW] for term in turn.terms)
    return cosine(before, after) < DIP


def cosine(left: Counter[str], right: Counter[str]) -> float:
    """Of two bags of words; 0 where one is empty."""
    norm = math.sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))
    return sum(n * right[term] for term, n in left.items()) / norm if norm else 0.0
