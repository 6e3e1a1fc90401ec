"""Where sentences end. Good enough to cut between, in scripts with and without spaces; no linguistics."""

import re
from collections.abc import Iterator

_END = re.compile(r"[.!?…]+[\"'”\u2019»)\]]*\s+|[。\uff01\uff1f]+[」』”\u2019\uff09]*\s*|\n[ \t]*\n\s*")
_ABBREVIATIONS = frozenset((
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "cf", "al", "fig", "figs", "eq", "no",
    "nos", "vol", "pp", "p", "inc", "ltd", "co", "corp", "dept", "approx", "est", "ca", "jan", "feb", "mar", "apr", "jun",
    "jul", "aug", "sep", "sept", "oct", "nov", "dec", "u.s", "u.k", "art", "sec", "ed", "eds", "rev", "gen", "col", "sgt",
    "capt", "lt", "gov", "sen", "rep", "hon",
))  # fmt: skip
_WORD_BEFORE = 12


def sentence_ends(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets behind each sentence of `[start, end)` but the last, white space included."""
    for match in _END.finditer(text, start, end):
        if match.end() < end and not _is_abbreviation(text, start, match.start()):
            yield match.end()


def _is_abbreviation(text: str, start: int, stop: int) -> bool:
    """Whether the word before a full stop is one that stops are written after, or a single capital."""
    if text[stop] != ".":
        return False
    words = text[max(start, stop - _WORD_BEFORE) : stop].split()
    word = words[-1].lstrip("(\"'“[") if words else ""
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word.isalpha())
