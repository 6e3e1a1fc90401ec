"""core.filters.matches is the definition: whatever the fields and the filter, every engine admits the rows that it does."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.filters import All, Any, Eq, Exists, Filter, In, Not, Prefix, Range, matches
from core.metadata import Scalar, Value
from engines.embedded import Tuning
from engines.embedded.recovery import make
from engines.port import Query, Row
from tests.support.bruteforce_engine import BruteforceEngine
from tests.support.engines import RANGED, ask, collection, everyone, fill, keys, row, toward, watermark

STRINGS = [
    "hr",
    "hr*",
    "hr.x",
    "h",
    "",
    "2024",
    "true",
    "1",
    "é",
    "e\u0301",
    "HR",
    "a=s:b",
    "a\x00b",
    "\ud800",
    "\\ud800",
    "\U0001f600",
]
NUMBERS = [0, -0.0, 1, 1.0, 2024, 2024.5, -7, 2**53 + 1, 2**60, 10**400, -(10**400), 1e300, 5e-324]
TIMES = ["2024-05-01", "2024-05-01T00:00:00+02:00", "2024-04-30T22:00:00Z", "1969-12-31T23:59:59Z", "yesterday"]
NAMES = ["team", "year", "published", "doc.occurred_at", "doc.source_uri", "tea", "team?", "a=s", "größe"]

scalars: st.SearchStrategy[Scalar] = st.one_of(
    st.sampled_from([*STRINGS, *NUMBERS, *TIMES, True, False]), st.text(max_size=4), st.integers(), st.floats(allow_nan=False)
).filter(lambda value: not isinstance(value, float) or abs(value) != float("inf"))
values: st.SearchStrategy[Value] = scalars | st.lists(scalars, max_size=3).map(tuple)
names = st.sampled_from(NAMES)
fields = st.dictionaries(names, values, max_size=5)

bounds = st.none() | st.sampled_from([0.0, -0.0, 1.0, 2024.0, 1714521600.0, 1714514400.0, float("inf"), -float("inf"), 1e300])
ranges = st.builds(Range, st.sampled_from(sorted(RANGED)), gt=bounds, gte=bounds, lt=bounds, lte=bounds)
leaves: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Eq, names, scalars),
    st.builds(In, names, st.lists(scalars, max_size=4).map(tuple)),
    st.builds(Exists, names),
    st.builds(Prefix, names, st.sampled_from(["", *STRINGS]) | st.text(max_size=2)),
    ranges,
)
filters: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds(All, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Any, st.lists(parts, max_size=3).map(tuple)),
        st.builds(Not, parts),
    ),
    max_leaves=6,
)
corpora = st.lists(fields, min_size=1, max_size=12)
HERE = collection()


def rows_of(corpus: Sequence[Mapping[str, Value]]) -> list[Row]:
    return [row(key, "word", held, at=toward(0)) for key, held in enumerate(corpus, start=1)]


def expected(corpus: Sequence[Mapping[str, Value]], condition: Filter) -> list[int]:
    return [key for key, held in enumerate(corpus, start=1) if matches(condition, held, RANGED)]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wide_share_min", [0.0, 2.0], ids=["checked after", "inside the query"])
def test_every_value_that_has_caused_trouble_meets_every_condition(wide_share_min: float, tmp_path: Path) -> None:
    troubles: list[Scalar] = [*STRINGS, *NUMBERS, *TIMES, True, False]
    corpus = [{name: trouble} for trouble in troubles for name in ("team", "year", "published")]
    edges = [0.0, -0.0, 1.0, 2024.0, float(2**53), 1714514400.0, float("inf"), -float("inf")]
    opened = make(HERE, tmp_path, Tuning(wide_share_min=wide_share_min))
    opened.apply(rows_of(corpus), (), watermark(1))
    conditions: list[Filter] = [Eq(name, trouble) for trouble in troubles for name in ("team", "year")]
    conditions += [Prefix("team", trouble) for trouble in troubles if isinstance(trouble, str)]
    conditions += [In("team", tuple(troubles[start::5])) for start in range(5)]
    for name in ("year", "published"):
        conditions += [Range(name, gte=edge) for edge in edges] + [Range(name, gt=edge) for edge in edges]
        conditions += [Range(name, lte=edge) for edge in edges] + [Range(name, lt=edge) for edge in edges]
        conditions += [Range(name, gt=low, gte=high) for low in edges for high in edges]
        conditions += [Range(name, lt=low, lte=high) for low in edges for high in edges]
    for condition in conditions:
        query = Query(collection=HERE, vector=toward(0), text="word", condition=condition)
        arms = opened.search(everyone(), query)
        assert keys(arms.dense) == keys(arms.keyword) == expected(corpus, condition), condition


@settings(max_examples=100, deadline=None)
@given(corpora, filters)
def test_the_reference_engine_admits_what_matches(corpus: Sequence[Mapping[str, Value]], condition: Filter) -> None:
    async def search() -> list[int]:
        engine = BruteforceEngine()
        await fill(engine, HERE, rows_of(corpus))
        return keys((await ask(engine, HERE, at=toward(0), condition=condition)).dense)

    assert asyncio.run(search()) == expected(corpus, condition)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wide_share_min", [0.0, 2.0], ids=["checked after", "inside the query"])
@settings(max_examples=40, deadline=None)
@given(corpora, st.lists(filters, min_size=1, max_size=12))
def test_the_embedded_engine_admits_what_matches_in_both_arms(
    wide_share_min: float, corpus: Sequence[Mapping[str, Value]], conditions: Sequence[Filter]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = make(HERE, Path(folder), Tuning(wide_share_min=wide_share_min))
        opened.apply(rows_of(corpus), (), watermark(1))
        for condition in conditions:
            query = Query(collection=HERE, vector=toward(0), text="word", condition=condition)
            arms = opened.search(everyone(), query)
            assert keys(arms.dense) == keys(arms.keyword) == expected(corpus, condition), condition
