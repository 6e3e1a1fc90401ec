"""Single sentences and what they state: evals/cases/statements.txt, line by line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.facts.extraction import Said, extract
from tests.support.tree import ROOT

CASES = Path(ROOT) / "evals" / "cases" / "statements.txt"
WEDNESDAY = datetime(2026, 5, 13, 10, tzinfo=UTC)


def cases() -> Iterator[tuple[str, str]]:
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            wanted, content = line.split(" | ", 1)
            yield content.replace("\\n", "\n"), wanted


def told(content: str) -> list[str]:
    found = extract(Said(content=content, speaker="Ann", role="user", occurred_at=WEDNESDAY, trust=3))
    return [f"{'' if one.polarity else '!'}{one.entity}/{one.attribute}/{one.value}" for one in found]


@pytest.mark.parametrize("content, wanted", list(cases()))
def test_a_sentence_teaches_what_it_states_and_nothing_else(content: str, wanted: str) -> None:
    if wanted == "nothing":
        assert [one for one in told(content) if not one.startswith("!")] == []
    else:
        assert told(content) == wanted.split(", ")


@pytest.mark.parametrize(
    "content, day",
    [
        ("I moved to Cork two weeks ago.", "2026-04-27"),
        ("I moved to Cork last Tuesday.", "2026-05-12"),
        ("I moved to Cork yesterday.", "2026-05-12"),
        ("I've lived in Cork since 2019.", "2019-01-01"),
    ],
)
def test_a_fact_holds_since_the_day_that_its_sentence_names(content: str, day: str) -> None:
    (fact,) = extract(Said(content=content, speaker="Ann", role="user", occurred_at=WEDNESDAY, trust=3))
    assert fact.valid_from is not None
    assert f"{fact.valid_from:%Y-%m-%d}" == day
