"""RE2 without its types: regular expressions that cannot take more than linear time, whoever wrote the text. It ships no
types, so `re2` is Any here and nowhere else."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

_re2: Any = cast("Any", importlib.import_module("re2"))
_SURROGATE = re.compile("[\ud800-\udfff]")
# Of one rule in one text: what comes after so many changes nothing any more.
CANDIDATES_MAX = 256


@dataclass(frozen=True, slots=True)
class Span:
    """`[start, end)` of the text, and what stands there."""

    start: int
    end: int
    text: str


class Pattern:
    """A compiled expression. Its group `value`, where it has one, is what is found; else the whole match."""

    def __init__(self, expression: str, *, ignore_case: bool = False) -> None:
        options = _re2.Options()
        options.case_sensitive = not ignore_case
        options.log_errors = False
        self._compiled: Any = _re2.compile(expression, options)
        self._group: int = self._compiled.groupindex.get("value", 0)

    def spans(self, text: str) -> Iterator[Span]:
        """The first CANDIDATES_MAX matches, left to right, not overlapping. No lone surrogates: see `plain`."""
        for match in islice(self._compiled.finditer(text), CANDIDATES_MAX):
            start, end = match.span(self._group)
            if start >= 0:
                yield Span(start, end, text[start:end])


def plain(text: str) -> str:
    """The text with another character for each lone surrogate, which RE2 cannot take; every place stays."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
