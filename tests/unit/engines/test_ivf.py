"""Lists instead of a flat scan: how they are sized, trained beside what serves, probed, and changed without losing recall."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.filters import Eq, Filter
from engines.embedded import Tuning
from engines.embedded.collection import OpenCollection
from engines.embedded.ivf import Probes, build, lists_for
from engines.embedded.recovery import make, recover
from engines.port import Query, Row, Vector
from tests.support.engines import collection, everyone, keys, row, watermark

DIMENSION = 32
HERE = collection(dimension=DIMENSION)
ROWS = 3_000
# At full size a filter of 10,000 rows of 100,000 scans every list; here the same share does.
TUNING = Tuning(ivf_rows_min=1_000, exhaustive_rows_max=ROWS // 10)


def clustered(count: int, seed: int) -> Vector:
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((60, DIMENSION))
    drawn = centres[chance.integers(0, 60, count)] + 0.7 * chance.standard_normal((count, DIMENSION))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def rows_of(first: int, vectors: Vector) -> list[Row]:
    return [
        row(key, "", {"percent": key % 100, "tenth": key % 10, "half": key % 2}, at=vector)
        for key, vector in enumerate(vectors, start=first)
    ]


def recall(opened: OpenCollection, held: dict[int, Vector], condition: Filter | None, passes: Callable[[int], bool]) -> float:
    admitted = np.array([key for key in held if passes(key)])
    matrix = np.stack([held[int(key)] for key in admitted])
    shares: list[float] = []
    for question in clustered(40, seed=99):
        wanted = min(100, len(admitted))
        truth = set(admitted[np.argsort(-(matrix @ question), kind="stable")[:wanted]].tolist())
        arms = opened.search(everyone(), Query(collection=HERE, vector=question, text=None, condition=condition))
        assert all(passes(key) for key in keys(arms.dense))
        shares.append(len(truth.intersection(keys(arms.dense))) / wanted)
    return float(np.mean(shares))


def trained(folder: Path) -> tuple[OpenCollection, dict[int, Vector]]:
    vectors = clustered(ROWS, seed=1)
    opened = make(HERE, folder, TUNING)
    opened.apply(rows_of(1, vectors), (), watermark(1))
    opened.train(lambda: False)
    return opened, dict(enumerate(vectors, start=1))


CASES: list[tuple[Filter | None, Callable[[int], bool]]] = [
    (None, lambda _: True),
    (Eq("percent", 7), lambda key: key % 100 == 7),
    (Eq("tenth", 7), lambda key: key % 10 == 7),
    (Eq("half", 1), lambda key: key % 2 == 1),
]


@pytest.mark.timeout(60)
def test_recall_stays_at_98_percent_under_filters_and_after_rows_were_replaced(tmp_path: Path) -> None:
    opened, held = trained(tmp_path)
    assert opened.stats().structure == "ivf64"
    for condition, passes in CASES:
        assert recall(opened, held, condition, passes) >= 0.98, condition
    gone = list(range(1, ROWS + 1, 10))
    coming = clustered(len(gone), seed=2)
    opened.apply(rows_of(ROWS + 1, coming), gone, watermark(2))
    held = {key: vector for key, vector in held.items() if key not in set(gone)} | dict(enumerate(coming, start=ROWS + 1))
    for condition, passes in CASES:
        assert recall(opened, held, condition, passes) >= 0.98, condition
    assert opened.stats().rows == ROWS


def test_a_narrow_filter_would_lose_its_rows_if_few_lists_were_probed(tmp_path: Path) -> None:
    vectors = clustered(ROWS, seed=1)
    opened = make(HERE, tmp_path, Tuning(ivf_rows_min=1_000, exhaustive_rows_max=0, recall_min=0.0))
    opened.apply(rows_of(1, vectors), (), watermark(1))
    opened.train(lambda: False)
    assert recall(opened, dict(enumerate(vectors, start=1)), Eq("half", 1), lambda key: key % 2 == 1) < 0.5


def test_rows_that_change_during_a_training_are_right_after_it(tmp_path: Path) -> None:
    vectors = clustered(1_500, seed=1)
    opened = make(HERE, tmp_path, TUNING)
    opened.apply(rows_of(1, vectors), (), watermark(1))
    moved = clustered(20, seed=3)

    def change_meanwhile() -> bool:
        """Called between the stages of a build, on the training's own thread."""
        if not opened.stats().durable and opened.stats().rows == 1_500:
            opened.apply([*rows_of(10, moved[:10]), *rows_of(5_000, moved[10:])], [1, 2, 3], watermark(2))
        return False

    opened.train(change_meanwhile)
    assert opened.stats().structure.startswith("ivf")
    assert opened.stats().rows == 1_507
    for key, vector in [*enumerate(moved[:10], start=10), *enumerate(moved[10:], start=5_000), (400, vectors[399])]:
        arms = opened.search(everyone(), Query(collection=HERE, vector=vector, text=None, limit=1))
        assert keys(arms.dense) == [key]
    everything = opened.search(everyone(), Query(collection=HERE, vector=moved[0], text=None, limit=2_000))
    assert sorted(keys(everything.dense)) == sorted({*range(4, 1_501), *range(5_000, 5_010)})


def test_a_training_that_is_told_to_stop_leaves_the_flat_index(tmp_path: Path) -> None:
    opened = make(HERE, tmp_path, TUNING)
    opened.apply(rows_of(1, clustered(1_200, seed=1)), (), watermark(1))
    opened.train(lambda: True)
    assert opened.stats().structure == "flat"
    assert opened.wants_training


def test_lists_are_trained_again_when_the_rows_have_doubled(tmp_path: Path) -> None:
    opened = make(HERE, tmp_path, TUNING)
    opened.apply(rows_of(1, clustered(1_000, seed=1)), (), watermark(1))
    opened.train(lambda: False)
    before = opened.stats().structure
    opened.apply(rows_of(2_001, clustered(900, seed=2)), (), watermark(2))
    assert not opened.wants_training
    opened.apply(rows_of(4_001, clustered(700, seed=3)), (), watermark(3))
    assert opened.wants_training
    opened.train(lambda: False)
    assert (before, opened.stats().structure) == ("ivf16", "ivf64")
    assert not opened.wants_training


def test_lists_and_their_probes_survive_a_restart(tmp_path: Path) -> None:
    opened, held = trained(tmp_path)
    opened.close()
    again = recover(HERE, tmp_path, TUNING)
    assert again is not None
    assert again.stats().structure == "ivf64"
    assert recall(again, held, None, lambda _: True) >= 0.98
    again.apply(rows_of(1, clustered(1, seed=8)), [2], watermark(2))
    arms = again.search(everyone(), Query(collection=HERE, vector=clustered(1, seed=8)[0], text=None, limit=1))
    assert keys(arms.dense) == [1]


def test_searches_go_on_while_lists_are_trained(tmp_path: Path) -> None:
    opened = make(HERE, tmp_path, TUNING)
    opened.apply(rows_of(1, clustered(ROWS, seed=1)), (), watermark(1))
    query = Query(collection=HERE, vector=clustered(1, seed=5)[0], text=None, limit=5)
    expected = keys(opened.search(everyone(), query).dense)
    training = threading.Thread(target=opened.train, args=(lambda: False,))
    training.start()
    answers = {tuple(keys(opened.search(everyone(), query).dense))}
    while training.is_alive():
        answers.add(tuple(keys(opened.search(everyone(), query).dense)))
    training.join()
    assert answers == {tuple(expected)}


def test_probes_grow_as_fewer_rows_pass() -> None:
    probes = Probes(((1.0, 4), (0.5, 8), (0.1, 32)))
    assert [probes.at(share, 64) for share in (1.0, 0.9, 0.5, 0.3, 0.1, 0.05)] == [4, 8, 8, 32, 32, 64]


def test_probes_are_measured_for_each_share() -> None:
    vectors = clustered(ROWS, seed=1)
    built = build(np.arange(ROWS), lambda slots: vectors[slots], TUNING, stopping=lambda: False)
    assert built is not None
    shares, counts = zip(*built.probes.by_share, strict=True)
    assert shares == (1.0, 0.5, 0.2, 0.1)
    assert list(counts) == sorted(counts)
    assert 1 < counts[0] < counts[-1] <= 64


@pytest.mark.parametrize("rows, lists", [(1, 1), (100, 2), (1_000, 16), (50_000, 1024), (100_000, 1024), (1_000_000, 4096)])
def test_lists_are_about_four_roots_of_the_rows(rows: int, lists: int) -> None:
    assert lists_for(rows) == lists
