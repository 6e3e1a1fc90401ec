"""What a question says besides its words: names, a period, whether it is about now. Pure.

Whether it asks what the assistant told is left unread: a bonus for the assistant's messages then cost BEAM recall@10 at
every weight tried (0.05 to 0.2: 0.537 to 0.530 on the 100K tier).
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from memory.dates import Window, asked_window

_WORD = re.compile(r"[^\W_]+")
_CURRENT = re.compile(
    r"\b(?:now|nowadays|currently|current|these days|at the moment|today|latest|most recent(?:ly)?|up to date|still)\b",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"\b(?:used to|previous(?:ly)?|before|former(?:ly)?|original(?:ly)?|first|earlier|history|changed?|over time)\b",
    re.IGNORECASE,
)
# What is told of a period is told within it or soon after.
TOLD_LATER = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query as it was understood. `words` are casefolded; `window` is what it says of when."""

    words: frozenset[str]
    window: Window | None
    current: bool
    history: bool

    def names(self, speaker: str) -> bool:
        """Whether it names the speaker, by the whole name or the first."""
        parts = _WORD.findall(speaker.casefold())
        return bool(parts) and parts[0] in self.words

    def in_period(self, occurred: float | None) -> bool:
        """Whether what was said at `occurred` (seconds since 1970) may be about the time that it asks for."""
        if self.window is None or occurred is None:
            return False
        start, end = self.window.start, self.window.end
        after = start is None or occurred >= start.timestamp()
        return after and (end is None or occurred < (end + TOLD_LATER).timestamp())


def parse(query: str, asked_at: datetime) -> Question:
    """`asked_at` is aware; what the query says of time is relative to it."""
    history = bool(_HISTORY.search(query))
    return Question(
        words=frozenset(_WORD.findall(query.casefold())),
        window=asked_window(query, asked_at),
        current=bool(_CURRENT.search(query)) and not history,
        history=history,
    )
