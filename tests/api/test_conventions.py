"""What holds for every request: strictness, headers on every answer, problems for everything that goes wrong."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.service import Service, made, problem, submit

SEARCH = "/v1/search"


def test_every_answer_carries_its_request_id_timing_and_offset(operator: httpx.Client, index: str) -> None:
    for answer in (operator.get("/v1/indexes"), operator.get("/v1/indexes/none"), operator.post(SEARCH, json={"k": "7"})):
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.headers["server-timing"].startswith("total;dur=")
        assert int(answer.headers["x-mnemic-offset"]) >= 0
    assert made(operator.get(f"/v1/indexes/{index}"))["name"] == index


def test_a_request_id_of_the_client_is_kept_and_a_strange_one_is_not(operator: httpx.Client) -> None:
    assert operator.get("/healthz", headers={"X-Request-Id": "trace-7"}).headers["x-request-id"] == "trace-7"
    assert operator.get("/healthz", headers={"X-Request-Id": "a b"}).headers["x-request-id"].startswith("req_")


def test_a_search_says_how_long_its_stages_took(operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": "leave carries over"})
    answer = operator.post(SEARCH, json={"query": "leave", "indexes": [index]})
    assert "embed;dur=" in answer.headers["server-timing"]
    assert made(answer)["timings_ms"]["total"] > 0


def test_an_unknown_path_is_a_problem(operator: httpx.Client) -> None:
    problem(operator.get("/v1/nothing"), 404, "http.no_such_path")
    problem(operator.post("/v1/search:explain", json={}), 404, "http.no_such_path")
    problem(operator.post("/v1/feedback", json={}), 404, "http.no_such_path")


def test_a_wrong_method_names_all_right_ones(operator: httpx.Client) -> None:
    answer = operator.put("/v1/indexes/i/documents/a/b", json={})
    problem(answer, 405, "http.method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize(
    "body, code",
    [
        pytest.param(b'{"query":', "request.invalid_json", id="cut off"),
        pytest.param(b"", "request.invalid_json", id="empty"),
        pytest.param(b"\xff\xfe", "request.invalid_json", id="no UTF-8"),
        pytest.param(b'{"query":"\\ud800"}', "request.invalid_json", id="a lone surrogate"),
        pytest.param(b"[" * 5000, "request.invalid_json", id="too deep"),
        pytest.param(b"[]", "request.invalid_body", id="no object"),
        pytest.param(b'{"query":"a","nope":1}', "request.invalid_body", id="unknown field"),
        pytest.param(b'{"query":"a","k":"7"}', "request.invalid_body", id="a number as text"),
        pytest.param(b'{"query":"a","k":7.0}', "request.invalid_body", id="a fraction for a whole number"),
        pytest.param(b'{"query":"a","k":true}', "request.invalid_body", id="a boolean for a number"),
        pytest.param(b'{"query":7}', "request.invalid_body", id="a number for text"),
        pytest.param(b'{"query":"a","min":{"dense":NaN}}', "request.invalid_body", id="NaN"),
        pytest.param(b'{"query":"a","min":{"dense":Infinity}}', "request.invalid_body", id="infinity"),
        pytest.param(b'{"query":"a","mode":"magic"}', "request.invalid_body", id="unknown word"),
        pytest.param(b"{}", "request.invalid_body", id="missing field"),
    ],
)
def test_a_wrong_body_is_422_with_a_pointer(operator: httpx.Client, body: bytes, code: str) -> None:
    answer = operator.post(SEARCH, content=body, headers={"Content-Type": "application/json"})
    told = problem(answer, 422, code)
    assert told["errors"]
    assert all(error["pointer"] == "" or error["pointer"].startswith("/") for error in told["errors"])


def test_every_wrong_field_of_a_body_is_named(operator: httpx.Client) -> None:
    told = problem(operator.post(SEARCH, json={"query": 1, "k": "7", "a/b": 1}), 422, "request.invalid_body")
    assert {error["pointer"] for error in told["errors"]} == {"/query", "/k", "/a~1b"}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_of_another_type_is_415(operator: httpx.Client, content_type: str) -> None:
    answer = operator.post(SEARCH, content=b'{"query":"a"}', headers={"Content-Type": content_type})
    problem(answer, 415, "http.unsupported_media_type")


@pytest.mark.parametrize("path", ["/v1/indexes?limt=3", "/v1/indexes?limit=3&limit=4", "/v1/indexes?limit=x", "/v1/jobs/j?a=1"])
def test_a_wrong_query_parameter_is_422(operator: httpx.Client, path: str) -> None:
    problem(operator.get(path), 422, "request.invalid_query")


@pytest.mark.parametrize("limit", [0, 201, -1])
def test_a_page_has_between_1_and_200_items(operator: httpx.Client, limit: int) -> None:
    problem(operator.get("/v1/indexes", params={"limit": limit}), 422, "paging.invalid_limit")


def test_a_cursor_that_the_service_never_gave_is_422(operator: httpx.Client) -> None:
    problem(operator.get("/v1/indexes", params={"cursor": "%%%"}), 422, "paging.invalid_cursor")


def test_an_address_that_is_too_long_is_414(operator: httpx.Client) -> None:
    problem(operator.get("/v1/indexes", params={"cursor": "a" * 17_000}), 414, "http.address_too_long")


@pytest.mark.parametrize("path", ["/v1/indexes/%FF", "/v1/indexes/a%00b", "/v1/indexes/a%0Ab"])
def test_a_path_that_is_no_clean_text_is_422(operator: httpx.Client, path: str) -> None:
    problem(operator.get(path), 422, "http.invalid_path")


@pytest.mark.parametrize("timeout", ["0", "60001", "-5", "1e3", "soon", "", "9" * 30])
def test_a_timeout_out_of_range_is_422(operator: httpx.Client, timeout: str) -> None:
    problem(operator.get("/v1/indexes", headers={"X-Mnemic-Timeout-Ms": timeout}), 422, "request.invalid_timeout")


def test_a_body_of_33_mib_is_413_before_it_is_read(operator: httpx.Client, index: str) -> None:
    body = json.dumps({"documents": [{"id": "a", "text": "x" * (33 * 1024 * 1024)}]}).encode()
    headers = {"Content-Type": "application/json"}
    told = problem(
        operator.post(f"/v1/indexes/{index}/documents", content=body, headers=headers), 413, "request.body_too_large"
    )
    assert str(len(body)) in told["detail"]
    assert str(32 * 1024 * 1024) in told["detail"]


def test_a_chunked_body_is_cut_off_at_the_limit(operator: httpx.Client, index: str) -> None:
    def blocks() -> Iterator[bytes]:
        yield b'{"documents": [{"id": "a", "text": "'
        for _ in range(33):
            yield b"x" * (1024 * 1024)

    headers = {"Content-Type": "application/json"}
    answer = operator.post(f"/v1/indexes/{index}/documents", content=blocks(), headers=headers)
    problem(answer, 413, "request.body_too_large")


def test_an_operation_without_a_body_refuses_one(operator: httpx.Client) -> None:
    problem(operator.request("DELETE", "/v1/admin/keys/key_0", json={"a": 1}), 422, "request.unexpected_body")


def test_waiting_for_an_offset_that_does_not_come_ends_at_the_deadline(operator: httpx.Client, index: str) -> None:
    brief = {"X-Mnemic-Timeout-Ms": "150"}
    ahead = int(operator.get("/v1/indexes").headers["x-mnemic-offset"]) + 1_000_000
    body = {"query": "a", "indexes": [index], "min_offset": ahead}
    told = problem(operator.post(SEARCH, json=body, headers=brief), 504, "deadline.exceeded")
    assert "150 ms" in told["detail"]
    path = f"/v1/indexes/{index}/documents"
    problem(operator.get(path, params={"min_offset": ahead}, headers=brief), 504, "deadline.exceeded")


def test_metrics_count_requests_by_route_and_hold_no_id(operator: httpx.Client, index: str) -> None:
    # A request is counted after its answer has left: the second one finds the first.
    for _ in range(2):
        operator.get(f"/v1/indexes/{index}")
    text = operator.get("/metrics").text
    assert 'mnemic_http_requests_total{method="GET",route="/v1/indexes/{index}",status="200"}' in text
    assert index not in text


def test_the_log_tells_requests_but_no_text_and_no_secret(service: Service, operator: httpx.Client, index: str) -> None:
    submit(operator, index, {"id": "a", "text": "the zanzibar clause"})
    answer = operator.post(SEARCH, json={"query": "zanzibar", "indexes": [index]})
    log = service.log_with(answer.headers["x-request-id"])
    assert "zanzibar" not in log
    assert service.key not in log


def test_health_and_readiness_need_no_key(service: Service) -> None:
    assert made(httpx.get(f"{service.url}/healthz")) == {"status": "alive"}
    assert made(httpx.get(f"{service.url}/readyz")) == {"status": "ready", "reasons": {}}


START_OF_TIME, END_OF_TIME = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"


@pytest.mark.parametrize(
    "path, body",
    [
        ("/v1/sessions/chat/messages", {"messages": [{"role": "user", "content": "Hi", "occurred_at": END_OF_TIME}]}),
        (
            "/v1/sessions/chat/messages",
            {"messages": [{"role": "user", "content": "Hi", "occurred_at": START_OF_TIME}]},
        ),
        ("/v1/indexes/nowhere/documents", {"documents": [{"id": "a", "text": "b", "occurred_at": END_OF_TIME}]}),
        ("/v1/memories:search", {"query": "a", "time": {"as_of": END_OF_TIME}}),
        ("/v1/memories:search", {"query": "a", "time": {"from": END_OF_TIME}}),
        ("/v1/context", {"query": "a", "tokens_max": 100, "as_known_at": END_OF_TIME}),
        ("/v1/admin/keys", {"subject": "user:ann", "grants": ["read"], "expires_at": END_OF_TIME}),
    ],
)
def test_a_time_that_no_calendar_has_in_utc_is_refused(operator: httpx.Client, path: str, body: dict[str, object]) -> None:
    told = problem(operator.post(path, json=body), 422, "request.invalid_body")
    assert "should be" in told["detail"]
