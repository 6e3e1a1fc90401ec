"""What follows from a scanner's findings for what is remembered: its flags, whether it is kept apart, and what its sender is
told. Pure. Nothing is dropped, and no word of what was found is repeated.

Secrets and planted instructions are quarantined: kept, listed, out of recall, contexts and summaries, and nothing is learned
from them, until their owner releases them. Personal data is tagged and no more: a
user's own telephone number is worth remembering.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.port import Finding, Label
from memory.types import Caution
from storage.memory_records import QUARANTINED

QUARANTINED_LABELS = frozenset({Label.SECRET, Label.INJECTION})
LABELS = frozenset({*(label.value for label in Label), QUARANTINED})
PLACES_TOLD_MAX = 8

_CODES = {label: f"content.{label}" for label in Label}
_NAMES = {Label.SECRET: "a secret", Label.PII: "personal data", Label.INJECTION: "an instruction to a model"}
_KEPT_APART = "; kept, and out of recall, contexts and summaries until it is released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """`flags` are sorted."""

    flags: tuple[str, ...] = ()
    quarantined: bool = False


def screen(findings: Sequence[Finding]) -> Screening:
    labels = {one.label for one in findings}
    quarantined = not QUARANTINED_LABELS.isdisjoint(labels)
    kept_apart = (QUARANTINED,) if quarantined else ()
    return Screening(flags=tuple(sorted({*(label.value for label in labels), *kept_apart})), quarantined=quarantined)


def cautions(place: int, findings: Sequence[Finding]) -> tuple[Caution, ...]:
    """One for each label found in thing number `place` of a call."""
    return tuple(
        Caution(place=place, code=_CODES[label], detail=_detail(label, found))
        for label in Label
        if (found := [one for one in findings if one.label is label])
    )


def labels_of(flags: Sequence[str]) -> tuple[str, ...]:
    """Those of a message's flags that say what is in it."""
    return tuple(flag for flag in flags if flag in LABELS)


def _detail(label: Label, found: Sequence[Finding]) -> str:
    told = ", ".join(f"{one.kind} at [{one.start}, {one.end})" for one in found[:PLACES_TOLD_MAX])
    more = f" and {len(found) - PLACES_TOLD_MAX} more" if len(found) > PLACES_TOLD_MAX else ""
    return f"looks like {_NAMES[label]}: {told}{more}{_KEPT_APART if label in QUARANTINED_LABELS else ''}"
