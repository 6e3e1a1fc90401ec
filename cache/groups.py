"""Which entries answer the same: groups that join when two answers are judged equal, and the judging of two answers. Pure.

A wrong "equal" makes wrong hits look right for ever, a wrong "different" only costs hits, so what is in doubt stays unjudged.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum

from cache.guards import compare, read

# Cosines of two answers, by the service's embedder. Between them nothing is said.
EQUAL_MIN = 0.93
DIFFERENT_MAX = 0.60
# Answers longer than this are judged by their words alone: an embedder reads only their beginning.
JUDGED_CHARACTERS_MAX = 1_500
# A new answer is compared with so many groups, the candidate's first.
GROUPS_JUDGED_MAX = 3


class Verdict(StrEnum):
    """What a comparison of two answers came to."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNSURE = "unsure"


def judge(one: str, other: str, cosine: float | None) -> Verdict:
    """Whether two answers say the same. `cosine` None: their vectors are not known, words alone decide."""
    if folded(one) == folded(other):
        return Verdict.EQUAL
    comparison = compare(read(one), read(other))
    if set(comparison.vetoes) & {"numbers", "dates", "units", "quoted"}:
        return Verdict.DIFFERENT
    if cosine is None or max(len(one), len(other)) > JUDGED_CHARACTERS_MAX:
        return Verdict.UNSURE
    if cosine <= DIFFERENT_MAX:
        return Verdict.DIFFERENT
    against = comparison.vetoes or comparison.opposites or comparison.one_sided
    return Verdict.EQUAL if cosine >= EQUAL_MIN and not against else Verdict.UNSURE


def folded(answer: str) -> str:
    """An answer without what does not change it: case, white space, the form of characters, its last stops."""
    return " ".join(unicodedata.normalize("NFKC", answer).casefold().split()).rstrip(" .!")


def joined(groups: Iterable[int]) -> Mapping[int, int]:
    """By which group each of them goes once all are known to answer the same: the lowest, which is the oldest."""
    ordered = sorted(set(groups))
    return dict.fromkeys(ordered[1:], ordered[0]) if ordered else {}
