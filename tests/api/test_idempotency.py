"""Idempotency-Key: the first answer again, and never a second write."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.service import Service, made, problem

LEAVE = {"documents": [{"id": "a", "text": "Five days carry over."}], "wait": "indexed"}


def post(client: httpx.Client, path: str, key: str, body: object) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def test_the_same_key_and_body_give_the_first_answer_again(operator: httpx.Client, index: str) -> None:
    path = f"/v1/indexes/{index}/documents"
    first = post(operator, path, "k1", LEAVE)
    again = post(operator, path, "k1", LEAVE)
    assert made(first)["results"][0]["status"] == "created"
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


def test_a_replay_has_the_status_of_the_first_answer(operator: httpx.Client) -> None:
    body = {"id": "status-of-a-replay"}
    assert [post(operator, "/v1/sessions", key, body).status_code for key in ("k1", "k2", "k1", "k2")] == [201, 200, 201, 200]


def test_another_body_under_the_same_key_is_409(operator: httpx.Client, index: str) -> None:
    path = f"/v1/indexes/{index}/documents"
    made(post(operator, path, "k1", LEAVE))
    other = {"documents": [{"id": "b", "text": "Other."}]}
    problem(post(operator, path, "k1", other), 409, "idempotency.key_reused")
    problem(operator.get(f"{path}/b"), 404, "indexing.no_such_document")


def test_a_key_counts_for_one_address_and_one_credential(service: Service, operator: httpx.Client, index: str) -> None:
    made(operator.put("/v1/admin/indexes/other", json={}), 201)
    made(post(operator, f"/v1/indexes/{index}/documents", "k1", LEAVE))
    elsewhere = post(operator, "/v1/indexes/other/documents", "k1", LEAVE)
    assert made(elsewhere)["results"][0]["status"] == "created"
    with service.client(service.make_key("user:ann", "read", "write")) as ann:
        answer = post(ann, f"/v1/indexes/{index}/documents", "k1", LEAVE)
        assert made(answer)["results"][0]["status"] == "unchanged"


def test_a_refused_request_can_be_sent_again_mended(operator: httpx.Client, index: str) -> None:
    path = f"/v1/indexes/{index}/documents"
    problem(post(operator, path, "k1", {"documents": [{"id": "../a", "text": "b"}]}), 422, "ids.invalid_document_id")
    made(post(operator, path, "k1", LEAVE))


def test_a_job_is_opened_once(operator: httpx.Client, index: str) -> None:
    path, body = f"/v1/indexes/{index}/jobs", {"source": {"kind": "upload"}}
    first, again = made(post(operator, path, "k1", body), 202), made(post(operator, path, "k1", body), 202)
    assert first["id"] == again["id"]
    started = operator.post(f"/v1/jobs/{first['id']}:start", headers={"Idempotency-Key": "s"})
    restarted = operator.post(f"/v1/jobs/{first['id']}:start", headers={"Idempotency-Key": "s"})
    assert made(started, 202)["id"] == made(restarted, 202)["id"]


def test_a_form_sent_again_is_one_job_though_its_boundary_differs(operator: httpx.Client, index: str) -> None:
    path, files = f"/v1/indexes/{index}/jobs", {"files": ("a.md", b"# A\n\nText.")}
    first = made(operator.post(path, files=files, headers={"Idempotency-Key": "f"}), 202)
    again = made(operator.post(path, files=files, headers={"Idempotency-Key": "f"}), 202)
    assert first["id"] == again["id"]
    changed = {"files": ("a.md", b"# A\n\nOther.")}
    answer = operator.post(path, files=changed, headers={"Idempotency-Key": "f"})
    problem(answer, 409, "idempotency.key_reused")


def test_a_deletion_is_done_once(operator: httpx.Client, index: str) -> None:
    made(post(operator, f"/v1/indexes/{index}/documents", "k1", LEAVE))
    path = f"/v1/indexes/{index}/documents:delete"
    first, again = made(post(operator, path, "d", {"ids": ["a"]})), made(post(operator, path, "d", {"ids": ["a"]}))
    assert first == again
    assert first["deleted"] == 1


def test_a_key_made_again_comes_without_its_secret(operator: httpx.Client) -> None:
    body = {"subject": "user:once", "grants": ["read"]}
    first = made(post(operator, "/v1/admin/keys", "make-once", body), 201)
    again = made(post(operator, "/v1/admin/keys", "make-once", body), 201)
    assert (again["id"], again["key"]) == (first["id"], None)
    assert first["key"].startswith("mn_")


def test_one_in_flight_is_409_and_the_write_happens_once(service: Service, operator: httpx.Client, index: str) -> None:
    path = f"/v1/indexes/{index}/documents"
    together = threading.Barrier(4)

    def send(_: int) -> httpx.Response:
        with service.client() as client:
            together.wait()
            return post(client, path, "together", LEAVE)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))
    fresh = [answer for answer in answers if answer.status_code == 200 and "idempotent-replayed" not in answer.headers]
    assert len(fresh) == 1
    for answer in answers:
        if answer.status_code != 200:
            problem(answer, 409, "idempotency.in_progress")
    assert post(operator, path, "together", LEAVE).content == fresh[0].content


@pytest.mark.parametrize("key", ["", "a" * 256, "a\u00e4"])
def test_a_wrong_key_is_422(operator: httpx.Client, index: str, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode()}
    answer = operator.post(f"/v1/indexes/{index}/documents", json=LEAVE, headers=headers)
    problem(answer, 422, "idempotency.invalid_key")
