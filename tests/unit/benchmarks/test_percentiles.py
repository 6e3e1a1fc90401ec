"""Percentiles by nearest rank: always one of the times that were measured."""

from benchmarks.percentiles import percentiles


def test_each_percentile_is_a_time_that_was_measured() -> None:
    seconds = [place / 1000 for place in range(100, 0, -1)]
    assert percentiles(seconds) == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0, "count": 100}


def test_few_times_give_the_slowest_for_the_high_percentiles() -> None:
    assert percentiles([0.002, 0.001]) == {"p50": 1.0, "p95": 2.0, "p99": 2.0, "max": 2.0, "count": 2}


def test_no_times_give_no_percentiles() -> None:
    assert percentiles([]) == {"count": 0}
