"""POST /v1/search over HTTP: what is found, what is refused. How well is for evals/."""

from typing import Any

import httpx
import pytest

from tests.support.service import made, problem, submit


def search(client: httpx.Client, index: str, query: str, **more: object) -> list[dict[str, Any]]:
    return made(client.post("/v1/search", json={"query": query, "indexes": [index], **more}))["results"]


@pytest.fixture
def handbook(operator: httpx.Client, index: str) -> str:
    """Three documents on three matters."""
    submit(
        operator,
        index,
        {
            "id": "leave",
            "title": "Leave policy",
            "media_type": "text/markdown",
            "text": "# Leave\n\n## Carry-over\n\nUp to five days of unused leave carry over to the next year.",
            "metadata": {"team": "hr", "year": 2026, "draft": False},
            "source_uri": "https://example.com/leave",
        },
        {"id": "laptop", "text": "Laptops are replaced every three years.", "metadata": {"team": "it", "year": 2024}},
        {"id": "canteen", "text": "Lunch is served in the canteen from noon.", "metadata": {"year": "2025"}},
    )
    return index


def test_the_right_passage_comes_first_with_all_that_cites_it(operator: httpx.Client, handbook: str) -> None:
    first = search(operator, handbook, "how many days of leave carry over?")[0]
    assert (first["document_id"], first["index"], first["title"]) == ("leave", handbook, "Leave policy")
    assert (first["rank"], first["version"], first["source_uri"]) == (1, 1, "https://example.com/leave")
    assert first["metadata"] == {"team": "hr", "year": 2026, "draft": False}
    assert first["heading_path"][0] == "Leave"
    assert first["signals"]["dense_rank"] == first["signals"]["keyword_rank"] == 1
    start, end = first["span"]
    params = {"document_id": "leave", "start": start, "end": end}
    assert made(operator.get(f"/v1/indexes/{handbook}/text", params=params))["text"] == first["text"]


def test_the_answer_has_every_field_of_the_contract(operator: httpx.Client, handbook: str) -> None:
    answer = made(operator.post("/v1/search", json={"query": "lunch", "indexes": [handbook]}))
    assert set(answer) >= {"results", "answerable", "degraded", "search_token", "indexed_offset", "timings_ms", "request_id"}
    assert (answer["answerable"], answer["search_token"], answer["degraded"]) == (None, None, [])
    assert set(answer["results"][0]) >= {
        "chunk_id", "document_id", "index", "title", "text", "score", "rank", "source_uri", "heading_path", "page", "span",
        "version", "metadata", "labels", "neighbors", "signals",
    }  # fmt: skip
    assert set(answer["results"][0]["signals"]) == {"dense", "dense_rank", "keyword", "keyword_rank", "fused", "rerank"}


@pytest.mark.parametrize(
    "condition, expected",
    [
        ({"eq": ["team", "hr"]}, {"leave"}),
        ({"ne": ["team", "hr"]}, {"laptop", "canteen"}),
        ({"in": ["team", ["hr", "it"]]}, {"leave", "laptop"}),
        ({"exists": "team"}, {"leave", "laptop"}),
        ({"range": ["year", {"gte": 2025}]}, {"leave"}),
        ({"prefix": ["doc.id", "la"]}, {"laptop"}),
        ({"not": {"exists": "team"}}, {"canteen"}),
        ({"any": [{"eq": ["doc.id", "leave"]}, {"eq": ["year", "2025"]}]}, {"leave", "canteen"}),
        ({"all": [{"eq": ["team", "hr"]}, {"eq": ["draft", False]}]}, {"leave"}),
        ({"eq": ["draft", 0]}, set[str]()),
    ],
)
def test_a_filter_admits_what_it_says(
    operator: httpx.Client, handbook: str, condition: dict[str, object], expected: set[str]
) -> None:
    found = search(operator, handbook, "leave laptop lunch", filter=condition)
    assert {one["document_id"] for one in found} == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"equals": ["team", "hr"]},
        {"eq": ["team"]},
        {"eq": ["team", {"a": 1}]},
        {"range": ["team", {"gte": 1}]},
        {"range": ["year", {"above": 1}]},
        {"eq": ["a", 1], "ne": ["a", 2]},
        {"eq": ["doc.secret", 1]},
        {},
    ],
)
def test_a_wrong_filter_is_422(operator: httpx.Client, handbook: str, condition: dict[str, object]) -> None:
    body = {"query": "a", "indexes": [handbook], "filter": condition}
    answer = operator.post("/v1/search", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"].startswith("filter.")


def test_an_unknown_operator_is_named(operator: httpx.Client, handbook: str) -> None:
    body = {"query": "a", "indexes": [handbook], "filter": {"all": [{"like": ["team", "h%"]}]}}
    told = operator.post("/v1/search", json=body).json()
    assert "like" in told["detail"]
    assert told["errors"][0]["pointer"].startswith("/filter/all")


@pytest.mark.parametrize("k", [0, -1, 101, 10_000])
def test_k_out_of_range_is_422_naming_value_and_limit(operator: httpx.Client, k: int) -> None:
    told = problem(operator.post("/v1/search", json={"query": "a", "k": k}), 422, "retrieval.invalid_k")
    assert str(k) in told["detail"]
    assert "100" in told["detail"]


def test_a_query_of_100_kb_is_413(operator: httpx.Client) -> None:
    told = problem(operator.post("/v1/search", json={"query": "a " * 50_000}), 413, "retrieval.query_too_large")
    assert "8192" in told["detail"]


@pytest.mark.parametrize("query", ["", "   "])
def test_an_empty_query_is_422(operator: httpx.Client, query: str) -> None:
    problem(operator.post("/v1/search", json={"query": query}), 422, "retrieval.empty_query")


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE chunks; --", "a AND (b OR", '"unclosed', "*", "\u0000", "🦉 日本語", "a" * 8192]
)
def test_a_strange_query_is_answered(operator: httpx.Client, handbook: str, query: str) -> None:
    search(operator, handbook, query)


@pytest.mark.parametrize(
    "field, code",
    [
        ({"rerank": "on"}, "search.no_reranker"),
        ({"diversity": 0.3}, "search.no_diversity"),
        ({"neighbors": 11}, "retrieval.invalid_neighbors"),
        ({"min": {"fused": 0.1}}, "request.invalid_body"),
        ({"fusion": {"kind": "magic"}}, "request.invalid_body"),
        ({"min_offset": -1}, "request.invalid_body"),
        ({"indexes": []}, "request.invalid_body"),
        ({"document_id": "a"}, "request.invalid_body"),
    ],
)
def test_what_a_search_cannot_do_is_refused(operator: httpx.Client, field: dict[str, object], code: str) -> None:
    told = problem(operator.post("/v1/search", json={"query": "a", **field}), 422, code)
    assert told["errors"]


@pytest.mark.parametrize("field", [{"rerank": "auto"}, {"rerank": "off"}, {"diversity": 0.0}, {"fusion": None}, {"min": None}])
def test_what_is_neutral_is_taken(operator: httpx.Client, handbook: str, field: dict[str, object]) -> None:
    assert search(operator, handbook, "leave", **field)


def test_an_unknown_index_is_404(operator: httpx.Client) -> None:
    problem(operator.post("/v1/search", json={"query": "a", "indexes": ["nowhere"]}), 404, "indexing.no_such_index")


def test_a_minimum_cuts_by_the_named_signal(operator: httpx.Client, handbook: str) -> None:
    assert len(search(operator, handbook, "leave")) == 3
    kept = search(operator, handbook, "leave", min={"keyword": 0.01})
    assert [one["document_id"] for one in kept] == ["leave"]


def test_a_search_by_one_arm_has_its_signal_alone(operator: httpx.Client, handbook: str) -> None:
    (only,) = search(operator, handbook, "leave", mode="keyword")
    assert only["signals"]["dense"] is None
    assert all(one["signals"]["keyword"] is None for one in search(operator, handbook, "leave", mode="dense"))


def test_a_write_is_found_at_its_offset(operator: httpx.Client, index: str) -> None:
    body = {"documents": [{"id": "a", "text": "Parrots may not be brought to work."}], "wait": "indexed"}
    offset = made(operator.post(f"/v1/indexes/{index}/documents", json=body))["offset"]
    answer = operator.post("/v1/search", json={"query": "parrots", "indexes": [index], "min_offset": offset})
    assert made(answer)["indexed_offset"] >= offset
    assert int(answer.headers["x-mnemic-offset"]) >= offset
    assert [one["document_id"] for one in answer.json()["results"]] == ["a"]
