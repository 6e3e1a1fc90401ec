"""Text analysis: from text to the terms that the keyword arms index and look up. One language per collection.

Pure functions over strings, the same for rows and queries; no engine's own tokenizer is involved. Words are folded
(NFKC, case), stemmed (Snowball), and freed of accents after that, because the stemmers want to see them. Runs of scripts that
put no space between words become bigrams, in every language. Numbers lose their thousands separators. What looks like an
identifier (`ERR-4711`, `v2.3`, `10-K`, `ann@corp.com`, `snake_case`) is a term as a whole, and its parts are terms too;
other compounds (`high-speed`) are only their parts.
"""

import importlib
import re
import threading
import unicodedata
from collections.abc import Callable
from typing import Any, cast

from core.errors import Invalid
from engines.stopwords import STOPWORDS

_stemmers: Any = cast("Any", importlib.import_module("Stemmer"))  # PyStemmer has no types

# Part of every snapshot: terms made by another version would not meet these.
ANALYSIS_VERSION = 1

WORD_CHARACTERS_MAX = 64  # longer runs are base64 or a broken file; engines refuse terms of 64 KiB
_GROUP_DIGITS = 3
_PARTS_MAX = 8  # a path of more parts is found by its parts
_CACHED_WORDS_MAX = 1 << 16  # words are Zipfian: a small cache answers nearly all of them

_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao, Burmese, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "\u1100-\u11ff\uac00-\ud7af"  # Hangul
)
# Python's \w leaves out the vowel signs of Indic scripts, which would cut every word there.
_MARKS = "".join(chr(code) for code in range(0x0300, 0x1E00) if unicodedata.category(chr(code)) in {"Mn", "Mc"})


def _words_of(character: str, flags: re.RegexFlag) -> re.Pattern[str]:
    return re.compile(
        r"(?<![\d,])\d{1,3}(?:,\d{3}){1,5}(?![\d,])(?:\.\d+)?"  # 1,234,567.89, and no endless row of numbers
        rf"|(?<!{character})[a-z](?:\+\+|#)(?!{character})"  # c++, c#
        rf"|{character}+(?:[-._/:@']{character}+)*",
        flags,
    )


_WORD = _words_of(rf"[\w{_MARKS}]", re.UNICODE)
_ASCII_WORD = _words_of(r"\w", re.ASCII)  # the same for most text, at half the time
_JOINERS = re.compile(r"[-._/:@']")
_SPACELESS_RUN = re.compile(rf"([{_SPACELESS}]+)")
_ACCENTS = re.compile(r"[\u0300-\u036f]+")
_UNSEEN = dict.fromkeys([0x00AD, *range(0x200B, 0x2010), 0x2060, 0xFEFF])  # soft hyphens, zero-width characters, marks of order
_LOOKALIKES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2019": "'", "\u02bc": "'"}) | _UNSEEN
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}  # noqa: RUF001 — dotless i
)

_UNSTEMMED = frozenset({"none", "cjk"})
LANGUAGES = frozenset(cast("list[str]", _stemmers.algorithms())) | _UNSTEMMED


def analyse(text: str, language: str) -> list[str]:
    """The terms of a text in order, repeated as often as they occur. `language` is one of LANGUAGES, else Invalid."""
    known = _analyser(language)
    folded = _fold(text)
    words = _ASCII_WORD if folded.isascii() else _WORD
    terms: list[str] = []
    for word in words.findall(folded):
        terms += known[word]
    return terms


def check_language(language: str) -> str:
    """A Snowball name, `cjk` or `none`, or Invalid."""
    if language not in LANGUAGES:
        raise Invalid(
            "engine.unknown_language",
            f"no text analysis for language {language[:40]!r}; there is one for {', '.join(sorted(LANGUAGES))}",
        )
    return language


def known_words(language: str) -> frozenset[str]:
    """What this thread remembers the terms of: bounded in number and in length."""
    return frozenset(_analyser(language))


class _Analyser(dict[str, tuple[str, ...]]):
    """Folded word → its terms, worked out when first asked for. Of one thread: stemmers are not safe to share."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._stop = STOPWORDS.get(language, frozenset[str]())
        self._stem: Callable[[str], str] = str if language in _UNSTEMMED else _stemmers.Stemmer(language, 0).stemWord

    def __missing__(self, word: str) -> tuple[str, ...]:
        if not word.isascii() and _SPACELESS_RUN.search(word):
            return self._mixed_terms(word)  # as long as a sentence, and never seen again
        terms = tuple(self._word_terms(word))
        if len(word) <= WORD_CHARACTERS_MAX:
            if len(self) >= _CACHED_WORDS_MAX:
                self.clear()
            self[word] = terms
        return terms

    def _mixed_terms(self, word: str) -> tuple[str, ...]:
        terms: list[str] = []
        for place, run in enumerate(_SPACELESS_RUN.split(word)):
            if place % 2:  # what the pattern's group matched
                terms += [run[start : start + 2] for start in range(max(1, len(run) - 1))]
            else:
                terms += self[run.strip("-._/:@'")]
        return tuple(terms)

    def _word_terms(self, word: str) -> list[str]:
        groups = word.split(",")
        word = "".join(groups)
        parts = [part for part in _JOINERS.split(word) if part]
        terms = [term for part in parts if part not in self._stop and (term := self._term(part))]
        if len(groups) > 1 and len(groups[0]) == _GROUP_DIGITS:
            terms += groups  # 100,200 may be two cells of a table as well
        if len(parts) > 1 and _is_identifier(word, parts):
            terms.append(_unaccented(word)[:WORD_CHARACTERS_MAX])
        return terms

    def _term(self, part: str) -> str:
        return _unaccented(self._stem(part[:WORD_CHARACTERS_MAX]))


_of_thread = threading.local()


def _analyser(language: str) -> _Analyser:
    analysers: dict[str, _Analyser] | None = getattr(_of_thread, "analysers", None)
    if analysers is None:
        analysers = _of_thread.analysers = {}
    found = analysers.get(language)
    if found is None:
        found = analysers[language] = _Analyser(check_language(language))
    return found


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_LOOKALIKES)


def _is_identifier(word: str, parts: list[str]) -> bool:
    if len(parts) > _PARTS_MAX:
        return False
    return "_" in word or "@" in word or any(c.isdigit() for c in word) or all(len(part) == 1 for part in parts)


def _unaccented(word: str) -> str:
    if word.isascii():
        return word
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word.translate(_LETTERS)))
    return unicodedata.normalize("NFC", bare)
