"""Which rows a message is searchable by. Pure: the same message gives the same rows, and no later message changes them.

A message has one row; a long one has a row for each of its parts. What stands around a message is not copied into rows of their
own: recall adds its neighbours' scores when it is asked (memory/recall), which on the development conversations found more
than rows of two messages did, for a third of the vectors. The figures are in docs/explanation/recall.md.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from inference.port import TokenCounter

# With its date and speaker a part stays within the 256 tokens that the default model reads.
PART_TOKENS_MAX = 180
# No part but the last is less than half full, however good the place to cut is.
PART_TOKENS_MIN = PART_TOKENS_MAX // 2
# A speaker's name is in front of every part: it must not crowd the part out of the model's window.
SPEAKER_CHARACTERS_MAX = 60
# Where to cut, best first: between paragraphs, lines, sentences, words.
_SENTENCE_END = "(?<=[.!?\u2026])\\s+|(?<=[\u3002\uff01\uff1f])\\s*"  # after a Chinese or Japanese stop comes no blank
_BREAKS = tuple(re.compile(pattern) for pattern in (r"\n\s*\n\s*", r"\n\s*", _SENTENCE_END, r"\s+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A message as far as its rows depend on it."""

    seq: int
    role: str
    speaker: str | None
    content: str
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A row about to be searchable. `[start, end)` are code points of the content of message `seq_to`; `body` is embedded and
    indexed by keyword, both exactly so.
    """

    level: str
    seq_from: int
    seq_to: int
    start: int
    end: int
    body: str


def windows_of(turn: Turn, counter: TokenCounter) -> tuple[Window, ...]:
    """The rows of one message, in the order of its text; their spans cover it without a gap."""
    head = _head(turn)
    return tuple(
        Window(
            level="turn",
            seq_from=turn.seq,
            seq_to=turn.seq,
            start=start,
            end=end,
            body=head + turn.content[start:end].strip(),
        )
        for start, end in parts(turn.content, counter)
    )


def parts(text: str, counter: TokenCounter) -> Iterator[tuple[int, int]]:
    """Cuts `text` into ranges of at most PART_TOKENS_MAX tokens, in the best place of each range's second half."""
    spans = counter.spans(text)
    start = first = 0
    while len(spans) - first > PART_TOKENS_MAX:
        end = _cut(text, spans[first + PART_TOKENS_MIN][0], spans[first + PART_TOKENS_MAX][0])
        yield start, end
        start, first = end, _first_from(spans, end, first + PART_TOKENS_MIN)
    yield start, len(text)


def _cut(text: str, low: int, high: int) -> int:
    """The last good place in `(low, high]`, or `high`."""
    for pattern in _BREAKS:
        ends = [found.end() for found in pattern.finditer(text, low, high) if low < found.end()]
        if ends:
            return ends[-1]
    return high


def _first_from(spans: Sequence[tuple[int, int]], position: int, at_least: int) -> int:
    """The first token that does not begin before `position`."""
    token = at_least
    while token < len(spans) and spans[token][0] < position:
        token += 1
    return token


def _head(turn: Turn) -> str:
    """When and by whom, in words: the date alone raises the keyword arm's turn recall@10 on LoCoMo from 0.637 to 0.660."""
    when = "" if turn.occurred_at is None else f"{turn.occurred_at.day} {turn.occurred_at:%B %Y}\n"
    return f"{when}{(turn.speaker or turn.role)[:SPEAKER_CHARACTERS_MAX]}: "
