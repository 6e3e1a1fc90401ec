"""What a written case of the conflict gate says, what playing it came to, and the shares of many. Plays nothing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case. `values` are folded and sorted."""

    category: str
    outcome: str
    values: tuple[str, ...]
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a case came to."""

    outcome: str
    values: tuple[str, ...]


def read(text: str) -> Iterator[Case]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            category, outcome, values, steps = (part.strip() for part in line.split("|", 3))
            yield Case(
                category=category,
                outcome=outcome,
                values=tuple(sorted(one.strip().casefold() for one in values.split(",") if one.strip())),
                steps=tuple(step.strip().replace("\\n", "\n") for step in steps.split(" ; ")),
            )


def measure(cases: Sequence[Case], seen: Sequence[Seen]) -> Mapping[str, float]:
    """Shares of cases; `false_supersession_rate` is over those that must supersede nothing."""
    pairs = list(zip(cases, seen, strict=True))
    right = Counter(case.category for case, one in pairs if case.outcome == one.outcome)
    total = Counter(case.category for case in cases)
    quiet = [(case, one) for case, one in pairs if case.outcome != "superseded"]
    return {
        "cases": len(cases),
        "outcome_accuracy": round(sum(right.values()) / len(cases), 4),
        "state_accuracy": round(sum(case.values == one.values for case, one in pairs) / len(cases), 4),
        "false_supersession_rate": round(sum(one.outcome == "superseded" for _, one in quiet) / len(quiet), 4),
        **{
            f"outcome_accuracy_{name.replace(' ', '_')}": round(right[name] / count, 4) for name, count in sorted(total.items())
        },
    }
