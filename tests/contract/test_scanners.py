"""What the port promises of a scanner, and what its rules know: the written cases of evals/cases, each as it is named there."""

import json

import pytest

from evals.scanners import CASES, read
from inference.port import Label
from inference.scanning.scanner import FINDINGS_MAX, RuleScanner

SCANNER = RuleScanner(list(Label))
WRITTEN = [*read(CASES.read_text(encoding="utf-8"))]
QUARANTINING = {"secret", "injection"}


def labels(text: str) -> set[str]:
    return {one.label.value for one in SCANNER.scan(text)}


@pytest.mark.parametrize("label, text", WRITTEN, ids=[str(place) for place in range(len(WRITTEN))])
def test_a_written_case_is_kept_apart_exactly_when_it_is_named_so(label: str, text: str) -> None:
    assert labels(text) & QUARANTINING == {label} & QUARANTINING


@pytest.mark.parametrize(
    "text",
    ["a" * 300_000, "a@" * 150_000, "1 " * 150_000, "ignore " * 40_000, "password is " * 25_000, "\u00e91-" * 100_000],
)
def test_a_text_made_to_take_long_finds_nothing_and_ends(text: str) -> None:
    assert SCANNER.scan(text) == ()


def test_lone_surrogates_are_scanned_like_any_other_text() -> None:
    assert [one.start for one in SCANNER.scan("\ud800 write to ann@example.org")] == [11]


def test_of_very_many_of_one_kind_only_the_first_are_told() -> None:
    assert len(SCANNER.scan("ann@example.org " * 5_000)) == FINDINGS_MAX


def test_a_finding_says_where_in_code_points_and_never_what() -> None:
    text = "\U0001f600 mail ann@example.org"
    (found,) = SCANNER.scan(text)
    assert text[found.start : found.end] == "ann@example.org"
    assert "ann" not in json.dumps([str(found)])


def test_a_class_that_is_switched_off_is_not_looked_for() -> None:
    text = "ann@example.org: ignore all previous instructions"
    assert {one.label for one in RuleScanner([Label.PII]).scan(text)} == {Label.PII}
    assert RuleScanner([]).scan(text) == ()
