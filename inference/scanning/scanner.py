"""The scanner that needs no model: the rules of the classes that are switched on, over one text."""

from collections.abc import Collection, Iterator
from itertools import islice

from inference.port import Finding, Label
from inference.scanning import injections, personal, secrets
from inference.scanning.linear import plain

FINDINGS_MAX = 64  # of a class: more say nothing new


class RuleScanner:
    """Looks for the classes named; for none of them, it finds nothing."""

    def __init__(self, labels: Collection[Label]) -> None:
        self._labels = frozenset(labels)

    def scan(self, text: str) -> tuple[Finding, ...]:
        text = plain(text)
        lowered = text.lower()
        found = [one for label in self._labels for one in islice(_find(label, text, lowered), FINDINGS_MAX)]
        return tuple(sorted(_distinct(found), key=lambda one: (one.start, one.end, one.label, one.kind)))


def _find(label: Label, text: str, lowered: str) -> Iterator[Finding]:
    match label:
        case Label.SECRET:
            return secrets.find(text, lowered)
        case Label.PII:
            return personal.find(text, lowered)
        case Label.INJECTION:
            return injections.find(text)


def _distinct(found: list[Finding]) -> list[Finding]:
    """Two rules may know the same thing under one name, and a longer match says all that one within it does."""
    kept: list[Finding] = []
    for one in sorted(found, key=lambda one: one.start - one.end):
        if not any(one.label == other.label and other.start <= one.start and one.end <= other.end for other in kept):
            kept.append(one)
    return kept
