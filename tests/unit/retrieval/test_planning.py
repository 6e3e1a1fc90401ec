"""What a search request may ask, and how it meets the indexes that it names."""

from datetime import UTC, datetime

import pytest

from core.errors import Fault, Invalid, NotFound, TooLarge
from core.filters import Eq
from core.ids import IndexName, TenantId
from core.limits import Limits
from core.profile import Fusion, IndexProfile
from retrieval.planning import Plan, check_request, make_plan
from retrieval.types import SearchRequest
from storage.records import IndexKind, IndexRecord

LIMITS = Limits(k_max=100, query_bytes_max=64, neighbors_max=10, indexes_per_search_max=3)
START = datetime(2026, 1, 1, tzinfo=UTC)


def index(name: str, profile: IndexProfile | None = None, model: str = "m1") -> IndexRecord:
    return IndexRecord(
        id=sum(name.encode()),
        tenant=TenantId("t"),
        name=IndexName(name),
        kind=IndexKind.DOCUMENTS,
        description="",
        default_acl=None,
        profile=profile or IndexProfile(),
        model=model,
        dimension=384,
        generation=1,
        deleting=False,
        documents=0,
        chunks=0,
        created_at=START,
        updated_at=START,
    )


def names(*wanted: str) -> tuple[IndexName, ...]:
    return tuple(IndexName(name) for name in wanted)


def planned(request: SearchRequest, *live: IndexRecord) -> Plan:
    return make_plan(request, live, LIMITS)


@pytest.mark.parametrize(
    "request_, kind, code, words",
    [
        (SearchRequest(query="q", k=0), Invalid, "retrieval.invalid_k", ["0", "100"]),
        (SearchRequest(query="q", k=10_000), Invalid, "retrieval.invalid_k", ["10000", "100"]),
        (SearchRequest(query="q", neighbors=11), Invalid, "retrieval.invalid_neighbors", ["11", "10"]),
        (SearchRequest(query="q", neighbors=-1), Invalid, "retrieval.invalid_neighbors", ["-1", "10"]),
        (SearchRequest(query="q", min_offset=-1), Invalid, "retrieval.invalid_min_offset", ["-1"]),
        (SearchRequest(query=""), Invalid, "retrieval.empty_query", []),
        (SearchRequest(query=" \n\t"), Invalid, "retrieval.empty_query", []),
        (SearchRequest(query="é" * 33), TooLarge, "retrieval.query_too_large", ["66", "64"]),
        (SearchRequest(query="\ud800"), Invalid, "retrieval.query_not_text", []),
        (SearchRequest(query="q", minimum={"fused": 0.5}), Invalid, "retrieval.unknown_signal", ["fused", "dense", "keyword"]),
        (SearchRequest(query="q", minimum={"dense": float("nan")}), Invalid, "retrieval.invalid_minimum", ["nan"]),
        (SearchRequest(query="q", fusion=Fusion(dense_weight=1.5)), Invalid, "retrieval.invalid_dense_weight", ["1.5"]),
        (
            SearchRequest(query="q", fusion=Fusion(dense_weight=float("nan"))),
            Invalid,
            "retrieval.invalid_dense_weight",
            ["nan"],
        ),
    ],
)
def test_a_wrong_request_is_refused_with_the_value_and_the_limit(
    request_: SearchRequest, kind: type[Fault], code: str, words: list[str]
) -> None:
    with pytest.raises(kind) as refused:
        check_request(request_, LIMITS)
    assert refused.value.code == code
    assert all(word in refused.value.message for word in words)


@pytest.mark.parametrize("k", [1, 100])
def test_the_bounds_of_k_are_themselves_allowed(k: int) -> None:
    check_request(SearchRequest(query="é" * 32, k=k, neighbors=10, minimum={"dense": 0.0}, min_offset=0), LIMITS)


def test_absent_indexes_are_all_live_ones_and_named_ones_are_taken_once() -> None:
    a, b = index("a"), index("b")
    assert planned(SearchRequest(query="q"), a, b).indexes == (a, b)
    assert planned(SearchRequest(query="q", indexes=names("b", "b")), a, b).indexes == (b,)
    assert planned(SearchRequest(query="q")).indexes == ()


def test_an_unknown_index_is_not_found() -> None:
    with pytest.raises(NotFound) as refused:
        planned(SearchRequest(query="q", indexes=names("a", "zzz")), index("a"))
    assert refused.value.code == "indexing.no_such_index"
    assert "zzz" in refused.value.message


def test_indexes_of_two_models_cannot_be_searched_together() -> None:
    with pytest.raises(Invalid) as refused:
        planned(SearchRequest(query="q"), index("a"), index("b", model="m2"))
    assert refused.value.code == "retrieval.model_mismatch"
    assert planned(SearchRequest(query="q", indexes=names("b")), index("a"), index("b", model="m2")).indexes


def test_too_many_indexes_at_once_are_refused() -> None:
    with pytest.raises(Invalid) as refused:
        planned(SearchRequest(query="q"), *(index(name) for name in "abcd"))
    assert refused.value.code == "retrieval.too_many_indexes"
    assert "4" in refused.value.message
    assert "3" in refused.value.message


def test_fusion_is_the_requests_or_that_of_agreeing_indexes() -> None:
    rrf = Fusion(kind="rrf")
    a, b = index("a", IndexProfile(fusion=rrf)), index("b", IndexProfile(fusion=Fusion(dense_weight=0.2)))
    assert planned(SearchRequest(query="q", indexes=names("a")), a, b).fusion == rrf
    assert planned(SearchRequest(query="q", fusion=Fusion(dense_weight=0.4)), a, b).fusion == Fusion(dense_weight=0.4)
    assert planned(SearchRequest(query="q", fusion_otherwise=Fusion()), a, b).fusion == Fusion()
    assert planned(SearchRequest(query="q", indexes=names("a"), fusion_otherwise=Fusion()), a, b).fusion == rrf
    with pytest.raises(Invalid) as refused:
        planned(SearchRequest(query="q"), a, b)
    assert refused.value.code == "retrieval.fusion_mismatch"


def test_a_range_needs_its_field_declared_alike_in_every_index() -> None:
    year = {"range": ["year", {"gte": 2024}]}
    number = index("a", IndexProfile(range_fields={"year": "number"}))
    time = index("b", IndexProfile(range_fields={"year": "time"}))
    assert planned(SearchRequest(query="q", filter=year), number).condition is not None
    for other in (index("c"), time):
        with pytest.raises(Invalid) as refused:
            planned(SearchRequest(query="q", filter=year), number, other)
        assert refused.value.code == "filter.not_a_range_field"


def test_every_index_can_be_cut_by_the_event_time() -> None:
    cut = {"range": ["doc.occurred_at", {"gte": "2026-01-01T00:00:00Z"}]}
    assert planned(SearchRequest(query="q", filter=cut), index("a"), index("b")).condition is not None


def test_other_filters_need_no_declaration() -> None:
    plan = planned(SearchRequest(query="q", filter={"eq": ["team", "hr"]}), index("a"))
    assert plan.condition == Eq("team", "hr")


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        planned(SearchRequest(query="q", filter={"near": ["team", "hr"]}), index("a"))
    assert refused.value.code == "filter.unknown_operator"


def test_arms_are_deep_enough_for_the_results_asked_for() -> None:
    assert planned(SearchRequest(query="q", k=100), index("a")).depth >= 200
    few = planned(SearchRequest(query="q", k=1), index("a"))
    assert few.depth >= 100
    assert few.page < 10
    assert planned(SearchRequest(query="q", k=100), index("a")).page > 100
