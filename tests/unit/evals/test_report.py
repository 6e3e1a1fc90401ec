"""What a run of the evals says about itself: means, the gain of hybrid, and what fell since the committed baselines."""

import dataclasses
import json
from pathlib import Path

import pytest

from evals.report import SetResult, drops, gain_of, measure, table, write_baseline

RESULT = SetResult(
    name="tiny",
    split="dev",
    questions=2,
    documents=3,
    chunks=3,
    seconds={"ingest": 1.0},
    figures={
        "keyword": {"ndcg@10": 0.40},
        "dense": {"ndcg@10": 0.45},
        "hybrid": {"ndcg@10": 0.50},
    },
)


def with_hybrid(ndcg: float) -> SetResult:
    return dataclasses.replace(RESULT, figures={**RESULT.figures, "hybrid": {"ndcg@10": ndcg}})


def test_figures_are_means_over_the_questions() -> None:
    figures = measure({"q1": ["a"], "q2": ["x"]}, {"q1": {"a": 1}, "q2": {"b": 1}})
    assert figures == {"ndcg@10": 0.5, "recall@100": 0.5, "all@10": 0.5}


def test_the_gain_is_over_the_better_arm() -> None:
    assert gain_of(RESULT.figures) == pytest.approx(0.05)


def test_a_fall_of_more_than_a_hundredth_is_named(tmp_path: Path) -> None:
    write_baseline(RESULT, tmp_path)
    assert drops(with_hybrid(0.491), tmp_path) == []
    assert drops(with_hybrid(0.489), tmp_path) == ["tiny hybrid ndcg@10: 0.489 now, 0.5 in tiny.json"]


def test_a_figure_that_is_no_longer_measured_counts_as_fallen(tmp_path: Path) -> None:
    write_baseline(RESULT, tmp_path)
    without = dataclasses.replace(RESULT, figures={"keyword": {"ndcg@10": 0.40}, "dense": {"ndcg@10": 0.45}})
    assert drops(without, tmp_path) == ["tiny hybrid ndcg@10: None now, 0.5 in tiny.json"]


def test_a_set_without_a_baseline_has_nothing_to_fall_from(tmp_path: Path) -> None:
    assert drops(RESULT, tmp_path) == []


def test_a_baseline_says_where_it_comes_from(tmp_path: Path) -> None:
    content = json.loads(write_baseline(RESULT, tmp_path).read_text())
    assert content["figures"]["hybrid"] == {"ndcg@10": 0.5}
    assert all(content[word] for word in ("machine", "commit", "command", "date"))


def test_the_table_has_a_line_for_each_arm() -> None:
    figures = {arm: {"ndcg@10": 0.5, "recall@100": 0.5, "all@10": 0.5} for arm in ("keyword", "dense", "hybrid")}
    lines = table([dataclasses.replace(RESULT, figures=figures)]).splitlines()
    assert len(lines) == 4
    assert "+0.0000" in lines[-1]
