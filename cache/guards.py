"""What tells two questions apart that an embedding cannot: pure comparisons of two texts. A *veto* forbids a hit whatever the
score, for the classes that are near-certain (numbers, dates, units, quoted strings, negation parity, order, and one word in
another's place: its opposite, or another name). Everything else is a *feature* of cache/acceptance.py, to be weighed and not
obeyed: as vetoes they would refuse many good paraphrases.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cache.lexicon import (
    ADVERBS,
    ASKING,
    BOUNDS,
    COORDINATORS,
    LINKERS,
    MODALS,
    MONTH_LEADS,
    MONTHS,
    MONTHS_AMBIGUOUS,
    NEGATORS,
    NUMBER_WORDS,
    OPPOSITES,
    QUANTIFIERS,
    QUANTITIES,
    QUANTITIES_APART,
    SEASONS,
    STOP,
    UNIT_SIGNS,
    UNITS,
    UNITS_LOOSE,
    WEEKDAYS,
)

# Parity of negation vetoes only where the rest of the words is shared: "has not come" and "still waiting" may be one question.
NEGATION_OVERLAP_MIN = 0.6
# Long texts of nearly the same words in another order than a phrase's move explains: 84 % of such pairs in the even half of
# paws_val differ. As short as questions are, order says little (qqp), and only an equal bag of words is looked at.
SWAP_OVERLAP_MIN = 0.7
SWAP_WORDS_MIN = 8
TEXT_CHARACTERS_MAX = 8_192  # more of a text is not looked at: the exact tiers serve long ones

_QUOTED = re.compile(
    r"\"([^\"]{1,120})\"|“([^”]{1,120})”|„([^“”]{1,120})[“”]|«([^»]{1,120})»|`([^`]{1,120})`"
    r"|(?<!\w)['\u2018]([^'\u2019]{1,120})['\u2019](?!\w)"
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|[%$€£¥]", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_GLUED = re.compile(r"(\d)([^\W\d_]+)")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_RATE = re.compile(r"\b(m|k)(?:iles?|ilomet(?:er|re)s?|ms?)(?: (?:per|an) hour|/h)\b", re.IGNORECASE)
_DEGREES = re.compile(r"°\s?([CF])\b")
_SUFFIXES = ("ations", "ation", "ings", "ing", "ied", "ies", "ed", "es", "s", "ly", "er", "e")
_OPPOSITE = frozenset(OPPOSITES) | frozenset((right, left) for left, right in OPPOSITES)
_OPPOSED = frozenset(word for pair in OPPOSITES for word in pair)
_MEASURING = frozenset(QUANTITIES) | frozenset(QUANTIFIERS) | {word for phrase in (*BOUNDS, *MODALS) for word in phrase.split()}
_NO_NAMES = STOP | {"i"} | frozenset(MONTHS) | frozenset(WEEKDAYS)
_DIRECTED = frozenset({"from", "to", "into", "than", "before", "after"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What the guards read off a text, once. `content` is its content words, stemmed, in order."""

    numbers: frozenset[str]
    dates: frozenset[tuple[str, str]]
    units: frozenset[str]
    units_loose: bool
    quoted: frozenset[str]
    negated: bool
    negations: int
    content: tuple[str, ...]
    order: tuple[str, ...]
    words: frozenset[str]
    names: frozenset[str]
    quantifiers: frozenset[str]
    directions: frozenset[tuple[str, str]]
    linked: tuple[tuple[str, str], ...]
    figures: tuple[str, ...]
    coordinated: bool
    quantities: frozenset[str]
    bounds: frozenset[str]
    modals: frozenset[str]
    about: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`vetoes` name what forbids a hit. The rest are features in [0, 1]: 0 when nothing speaks against the pair."""

    vetoes: tuple[str, ...]
    overlap: float
    opposites: float
    quantifiers: float
    names: float
    one_sided: float
    negation: float
    reordered: float


@lru_cache(maxsize=4_096)
def read(text: str) -> Marks:
    """The marks of a question."""
    seen = _RATE.sub(r"\1ph", unicodedata.normalize("NFKC", text[:TEXT_CHARACTERS_MAX]))
    seen = _DEGREES.sub(lambda found: " celsius" if found[1] == "C" else " fahrenheit", seen)
    quoted = frozenset(_fold(next(filter(None, found))) for found in _QUOTED.findall(seen))
    raw = _WORD.findall(_GLUED.sub(r"\1 \2", seen.replace("\u2019", "'")))
    words = [word.lower() for word in raw]
    units, loose = _units(words)
    content = tuple(stem for word in words if (stem := _content(word)))
    order = tuple(_content(word) for word in words if _content(word) and _has_place(word))
    figures = tuple(_numbers(seen, words))
    return Marks(
        numbers=frozenset(figures),
        dates=frozenset(_dates(raw, words)),
        units=units,
        units_loose=loose,
        quoted=quoted,
        negations=(count := sum(_negates(word) for word in words)),
        negated=count % 2 == 1,
        content=content,
        order=order,
        words=frozenset(words),
        names=frozenset(_names(raw)),
        quantifiers=frozenset(QUANTIFIERS[word] for word in words if word in QUANTIFIERS),
        directions=frozenset(_ends(words, _DIRECTED)),
        linked=tuple(sorted(_ends(words, LINKERS))),
        figures=figures,
        coordinated=not COORDINATORS.isdisjoint(words) or "&" in seen,
        quantities=frozenset(_quantities(words)),
        bounds=frozenset(_phrases(words, BOUNDS)),
        modals=frozenset(() if words[:1] and words[0] in ASKING else _phrases(words, MODALS)),
        about=tuple(sorted(_content(word) for word in words if _content(word) and word not in _MEASURING)),
    )


def compare(one: Marks, other: Marks) -> Comparison:
    """Whether something forbids that one answer serves both, and how much speaks against it. Symmetric."""
    overlap = _overlap(one.content, other.content)
    reordered, opposed = _reordered(one, other), _opposed(one.words, other.words)
    checks = (
        ("numbers", _conflict(one.numbers, other.numbers)),
        ("dates", _dates_conflict(one.dates, other.dates)),
        ("units", not (one.units_loose or other.units_loose) and _conflict(one.units, other.units)),
        ("quoted", bool(one.quoted and other.quoted) and one.quoted != other.quoted),
        ("negation", one.negated != other.negated and overlap >= NEGATION_OVERLAP_MIN),
        ("order", reordered or (overlap >= SWAP_OVERLAP_MIN and _swapped(one.content, other.content))),
        ("opposites", opposed and _only_opposites_differ(one, other)),
        ("names", _one_name_differs(one, other)),
        ("quantifiers", one.about == other.about and _measured_otherwise(one, other)),
    )
    sided = sum(
        bool(left) != bool(right)
        for left, right in (
            (one.numbers, other.numbers),
            (one.dates, other.dates),
            (one.units, other.units),
            (one.quoted, other.quoted),
        )
    )
    return Comparison(
        vetoes=tuple(name for name, forbids in checks if forbids),
        overlap=overlap,
        opposites=float(opposed),
        quantifiers=float(_conflict(one.quantifiers, other.quantifiers)),
        names=_names_differ(one, other),
        one_sided=min(1.0, sided / 2),
        negation=float(one.negated != other.negated),
        reordered=float(one.order != other.order and sorted(one.order) == sorted(other.order)),
    )


def _has_place(word: str) -> bool:
    """Whether its place among the others carries meaning: that of a date or of an adverb does not."""
    return not (word[0].isdigit() or word in NUMBER_WORDS or word in MONTHS or word in WEEKDAYS or word in ADVERBS)


def _conflict(one: frozenset[str], other: frozenset[str]) -> bool:
    """Both say something and each says what the other does not: what one leaves out may be left out."""
    return bool(one and other) and not (one <= other or other <= one)


def _dates_conflict(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    kinds = {kind for kind, _ in one} & {kind for kind, _ in other}
    return any({value for of, value in one if of == kind} != {value for of, value in other if of == kind} for kind in kinds)


def _numbers(text: str, words: Sequence[str]) -> Iterable[str]:
    """Numbers in one spelling. The word "one" is left out: it is seldom a number."""
    for found in _NUMBER.findall(text):
        plain = found.replace(",", "") if _GROUPED.fullmatch(found) else found
        yield (plain.lstrip("0") or "0").removesuffix(".0")
    for word in words:
        if NUMBER_WORDS.get(word, 1) != 1:
            yield str(NUMBER_WORDS[word])


def _units(words: Sequence[str]) -> tuple[frozenset[str], bool]:
    found: set[str] = set()
    loose = False
    for place, word in enumerate(words):
        loose = loose or word in UNITS_LOOSE
        counted = place > 0 and (words[place - 1][0].isdigit() or words[place - 1] in NUMBER_WORDS)
        if word in UNIT_SIGNS:
            found.add(UNIT_SIGNS[word])
        elif word in UNITS and (len(word) > 2 or counted):
            found.add(UNITS[word])
    return frozenset(found), loose


def _dates(raw: Sequence[str], words: Sequence[str]) -> Iterable[tuple[str, str]]:
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        if word in WEEKDAYS or word.removesuffix("s") in WEEKDAYS:
            yield "weekday", word.removesuffix("s")
        elif word in MONTHS and (word not in MONTHS_AMBIGUOUS or _is_month(raw, place, before, after)):
            yield "month", str(MONTHS[word])
        elif word in SEASONS and word != "fall":
            yield "season", SEASONS[word]
        elif word in {"am", "pm"} and before[:1].isdigit():
            yield "half_day", word


def _is_month(raw: Sequence[str], place: int, before: str, after: str) -> bool:
    beside_number = before[:1].isdigit() or after[:1].isdigit()
    return beside_number or before in MONTH_LEADS or (place > 0 and raw[place][0].isupper())


def _negates(word: str) -> bool:
    return word in NEGATORS or word.endswith("n't")


def _names(raw: Sequence[str]) -> Iterable[str]:
    """Words with a capital that no sentence begins with."""
    for place, word in enumerate(raw):
        if place > 0 and word[0].isupper() and word.lower() not in _NO_NAMES and not word.startswith("I'"):
            yield _stem(word.lower().removesuffix("'s"))


def _ends(words: Sequence[str], kinds: Container[str]) -> Iterable[tuple[str, str]]:
    """(preposition of these, the content word that it points to; empty when none is near)."""
    for place, word in enumerate(words):
        if word in kinds:
            yield word, next((_content(near) for near in words[place + 1 : place + 4] if _content(near)), "")


def _reordered(one: Marks, other: Marks) -> bool:
    """The same words in another order, so that who does what to whom is turned round.

    Swapped ends of a direction (`from a to b`), or one bag of content words, held together by the same prepositions, whose
    order is no rotation: a clause put in front rotates, and so it may. `a and b` is `b and a`, and a phrase may move with its
    preposition. A passive names its agent with `by` and turns the order without turning the meaning.
    """
    if sorted(one.content) != sorted(other.content):
        return False
    if one.directions - other.directions and other.directions - one.directions and _ends_differ(one, other):
        return True
    if [kind for kind, _ in one.linked] != [kind for kind, _ in other.linked]:
        return False
    coordinated = one.coordinated and other.coordinated
    if not coordinated and one.figures != other.figures and sorted(one.figures) == sorted(other.figures):
        return True
    moved = {end for _, end in set(one.linked) & set(other.linked)}
    left, right = (tuple(word for word in these.order if word not in moved) for these in (one, other))
    if left == right or sorted(left) != sorted(right) or _rotated(left, right):
        return False
    return not (coordinated and _rotated(*_middles(left, right)))


def _swapped(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the words that two long texts share have changed places, beyond one phrase that moved."""
    if min(len(one), len(other)) < SWAP_WORDS_MIN:
        return False
    shared = Counter(one) & Counter(other)
    left, right = _only(one, shared), _only(other, shared)
    return left != right and not _rotated(*_middles(left, right))


def _only(words: tuple[str, ...], these: Counter[str]) -> tuple[str, ...]:
    left = Counter(these)
    kept: list[str] = []
    for word in words:
        if left[word] > 0:
            left[word] -= 1
            kept.append(word)
    return tuple(kept)


def _ends_differ(one: Marks, other: Marks) -> bool:
    kinds = {kind for kind, _ in one.directions} & {kind for kind, _ in other.directions}
    return any(
        {end for of, end in one.directions if of == kind} != {end for of, end in other.directions if of == kind}
        for kind in kinds
    )


def _middles(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Both without what they begin and end with alike. Of equal length, and different."""
    first = next(place for place, (left, right) in enumerate(zip(one, other, strict=True)) if left != right)
    behind = next(place for place, (left, right) in enumerate(zip(one[::-1], other[::-1], strict=True)) if left != right)
    return one[first : len(one) - behind], other[first : len(other) - behind]


def _rotated(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return any(one[cut:] + one[:cut] == other for cut in range(1, len(one)))


def _opposed(one: frozenset[str], other: frozenset[str]) -> bool:
    """Some word of one has its opposite in the other, which lacks the word itself."""
    left, right = (one - other) & _OPPOSED, (other - one) & _OPPOSED
    return any((a, b) in _OPPOSITE for a in left for b in right)


def _only_opposites_differ(one: Marks, other: Marks) -> bool:
    """`enable x`, `disable x`: nothing else tells the two apart."""
    left, right = one.words - other.words, other.words - one.words
    swapped = {word for pair in _OPPOSITE for word in pair if pair[0] in left and pair[1] in right}
    return not ({_content(word) for word in left - swapped} ^ {_content(word) for word in right - swapped}) - {""}


def _measured_otherwise(one: Marks, other: Marks) -> bool:
    """`all files`, `some files`; `at least two`, `at most two`; `must I`, `may I`. Where one says nothing of it, nothing is
    forbidden."""
    left, right = one.quantities - other.quantities, other.quantities - one.quantities
    apart = any(frozenset((a, b)) in QUANTITIES_APART for a in left for b in right)
    return apart or _conflict(one.bounds, other.bounds) or _conflict(one.modals, other.modals)


def _quantities(words: Sequence[str]) -> Iterable[str]:
    """`the most` is a superlative."""
    for before, word in zip(("", *words), words, strict=False):
        if word in QUANTITIES and (before, word) != ("the", "most"):
            yield QUANTITIES[word]


def _phrases(words: Sequence[str], kinds: Mapping[str, str]) -> Iterable[str]:
    """What the phrases of up to three words say, the longest first: `no more than` is not `more than`."""
    place = 0
    while place < len(words):
        found = next((size for size in (3, 2, 1) if " ".join(words[place : place + size]) in kinds), 0)
        if found:
            yield kinds[" ".join(words[place : place + found])]
        place += max(1, found)


def _one_name_differs(one: Marks, other: Marks) -> bool:
    """`the mayor of Lyon`, `the mayor of Nantes`: one word in the place of another, names both."""
    left, right = Counter(one.content), Counter(other.content)
    gone, come = left - right, right - left
    return gone.total() == come.total() == 1 and set(gone) <= one.names and set(come) <= other.names


def _names_differ(one: Marks, other: Marks) -> float:
    """The share of the names of both that the other does not mention at all, in any case."""
    named = one.names | other.names
    if not named:
        return 0.0
    shared = set(one.content) & set(other.content)
    return len(named - shared) / len(named)


def _overlap(one: Sequence[str], other: Sequence[str]) -> float:
    """Shared content words over all of them, counted; 1 when both have none."""
    left, right = Counter(one), Counter(other)
    whole = (left | right).total()
    return (left & right).total() / whole if whole else 1.0


def _content(word: str) -> str:
    bare = word.removesuffix("'s")
    if bare in STOP or _negates(bare) or not bare or bare in UNIT_SIGNS:
        return ""
    if bare in NUMBER_WORDS:
        return str(NUMBER_WORDS[bare])
    return _stem(UNITS.get(bare, bare))


@lru_cache(maxsize=16_384)
def _stem(word: str) -> str:
    """Enough to join the forms of a word in one short question; not a linguist's stem."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
