"""What a question says besides its words: whom it names, a period, whether it is about now. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from memory.language.dates import Window, asked_window

_WORD = re.compile(r"[^\W_]+")
_CURRENT = re.compile(
    r"\b(?:now|nowadays|currently|current|these days|at the moment|today|latest|most recent(?:ly)?|up to date|still)\b",
    re.IGNORECASE,
)
_HISTORY = re.compile(
    r"\b(?:used to|previous(?:ly)?|before|former(?:ly)?|original(?:ly)?|first|earlier|history|changed?|over time)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:I|my|me|mine|myself|we|our|us)\b", re.IGNORECASE)
_VERBS = "told|tell|said|say|suggest(?:ed)?|recommend(?:ed)?|advised?|gave|give|mention(?:ed)?|propos(?:ed|e)|explain(?:ed)?"
_TOLD = re.compile(
    rf"\b(?:you|the assistant) (?:had |have )?(?:{_VERBS}|list(?:ed)?|provid(?:ed|e)|shared?)\b"
    r"|\byour (?:advice|suggestions?|recommendations?|answer|explanation)\b",
    re.IGNORECASE,
)
# What is told of a period is told within it or soon after.
TOLD_LATER = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query as it was understood. `words` are casefolded; `window` is what it says of when; `of_user` when it speaks of
    the one who asks ("my", "I"), and not of what the assistant told."""

    words: frozenset[str]
    window: Window | None
    current: bool
    history: bool
    of_user: bool

    def names(self, speaker: str | None, role: str | None) -> bool:
        """Whether it names who said something: by the whole name or the first, or the user as the one who asks."""
        parts = _WORD.findall((speaker or "").casefold())
        return bool(parts and parts[0] in self.words) or (self.of_user and role == "user")

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
        of_user=bool(_FIRST_PERSON.search(query)) and not _TOLD.search(query),
    )
