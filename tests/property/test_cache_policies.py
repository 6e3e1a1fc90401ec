"""What holds of the cache's decisions for every input."""

from hypothesis import given
from hypothesis import strategies as st

from cache.acceptance import Neighbour, choose, score
from cache.bounds import exceeds, holds, wrong_rate_upper
from cache.calibration import Label, operating_point
from cache.fingerprint import canonical, fingerprint, normalized
from cache.guards import compare, read
from cache.prior import prior

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)
LABELS = st.lists(st.builds(Label, score=st.floats(0, 1), wrong=st.booleans(), audited=st.booleans()), max_size=300)


@given(REQUESTS)
def test_the_order_of_keys_never_counts(request: dict[str, object]) -> None:
    assert canonical(request) == canonical(dict(reversed(request.items())))


@given(st.text(), REQUESTS)
def test_a_fingerprint_is_a_function_of_what_was_asked(query: str, request: dict[str, object]) -> None:
    assert fingerprint(query, request, embedder="m") == fingerprint(query, dict(request), embedder="m")


@given(st.text())
def test_normalising_twice_changes_nothing(query: str) -> None:
    assert normalized(normalized(query)) == normalized(query)


@given(st.text(max_size=300), st.text(max_size=300))
def test_guards_are_symmetric_and_have_nothing_against_a_text_itself(one: str, other: str) -> None:
    assert compare(read(one), read(other)).vetoes == compare(read(other), read(one)).vetoes
    assert compare(read(one), read(one)).vetoes == ()


@given(st.integers(0, 200), st.integers(1, 2_000), st.floats(0.001, 0.999))
def test_the_bound_lies_above_the_rate_and_agrees_with_its_test(wrong: int, judged: int, rate: float) -> None:
    wrong = min(wrong, judged)
    upper = wrong_rate_upper(wrong, judged)
    assert wrong / judged <= upper <= 1
    assert not (exceeds(wrong, judged, rate) and upper <= rate)
    assert holds(wrong, judged, rate) == (upper <= rate) or abs(upper - rate) < 1e-9


@given(LABELS, st.floats(0.001, 0.5))
def test_what_is_served_is_within_the_bound(labels: list[Label], rate: float) -> None:
    point = operating_point(labels, [one.score for one in labels], rate)
    if point.threshold is not None:
        assert point.wrong_rate_upper <= rate + 1e-9


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 3), st.booleans()), max_size=16), st.text(max_size=60))
def test_every_neighbourhood_has_a_finite_score(rows: list[tuple[float, int, bool]], text: str) -> None:
    near = [
        Neighbour(key=key, similarity=similarity, group=group, placed=placed, text=text)
        for key, (similarity, group, placed) in enumerate(sorted(rows, reverse=True))
    ]
    candidate = choose(read(text), near)
    assert (candidate is None) == (not rows)
    if candidate is not None:
        assert 0 < score(candidate, prior()) < 1
