"""Who may ask, and through whose eyes: credentials, grants, other principals, and what none of them may do."""

import httpx
import pytest

from tests.support.service import Service, made, problem, submit


def found(client: httpx.Client, index: str, **headers: str) -> set[str]:
    """The documents that a search finds."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = made(client.post("/v1/search", json={"query": "holiday plans", "indexes": [index]}, headers=named))
    return {result["document_id"] for result in answer["results"]}


@pytest.fixture
def secrets(operator: httpx.Client, index: str) -> str:
    """An index with a document for everybody, for ann, for group hr, and for admins."""
    for name, acl in (("all", None), ("ann", ["user:ann"]), ("hr", ["group:hr"]), ("admins", [])):
        submit(operator, index, {"id": name, "text": f"holiday plans of {name}", "acl": acl})
    return index


@pytest.mark.parametrize(
    "authorization, code",
    [
        pytest.param(None, "auth.missing", id="none"),
        pytest.param("Basic YTpi", "auth.malformed", id="basic"),
        pytest.param("Bearer", "auth.malformed", id="empty"),
        pytest.param("Bearer nonsense", "auth.unknown_key", id="nonsense"),
        pytest.param("Bearer mn_operator_0000", "auth.unknown_key", id="wrong operator key"),
        pytest.param("Bearer mn_key_01jabc_" + "0" * 64, "auth.unknown_key", id="unknown id"),
    ],
)
def test_a_wrong_credential_is_401(service: Service, authorization: str | None, code: str) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = httpx.get(f"{service.url}/v1/indexes", headers=headers)
    problem(answer, 401, code)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "x-mnemic-offset" not in answer.headers


def test_a_known_id_with_a_wrong_secret_is_401(service: Service) -> None:
    key = service.make_key("user:ann", "read")
    with service.client(key[:-4] + "0000") as client:
        problem(client.get("/v1/indexes"), 401, "auth.unknown_key")


def test_a_key_stops_working_in_the_moment_it_is_revoked(service: Service, operator: httpx.Client) -> None:
    key = service.make_key("user:ann", "read")
    with service.client(key) as client:
        made(client.get("/v1/indexes"))
        key_id = key.removeprefix("mn_").rpartition("_")[0]
        made(operator.delete(f"/v1/admin/keys/{key_id}"))
        problem(client.get("/v1/indexes"), 401, "auth.revoked_key")
    problem(operator.delete(f"/v1/admin/keys/{key_id}"), 404, "keys.no_such_key")


def test_a_key_is_listed_without_its_secret(service: Service, operator: httpx.Client) -> None:
    key = service.make_key("user:listed", "read", "write", principals=("group:hr",))
    pages = [made(operator.get("/v1/admin/keys", params={"limit": 200}))]
    listed = [one for page in pages for one in page["items"] if one["subject"] == "user:listed"]
    assert listed[-1]["key"] is None
    assert listed[-1]["grants"] == ["read", "write"]
    assert listed[-1]["principals"] == ["group:hr"]
    assert key.rpartition("_")[2] not in str(pages)


def test_an_expired_key_is_refused_at_its_making(operator: httpx.Client) -> None:
    body = {"subject": "user:ann", "grants": ["read"], "expires_at": "2020-01-01T00:00:00Z"}
    problem(operator.post("/v1/admin/keys", json=body), 422, "keys.already_expired")


@pytest.mark.parametrize(
    "grants, method, path",
    [
        (("write",), "POST", "/v1/search"),
        (("read",), "POST", "/v1/indexes/i/documents"),
        (("read",), "POST", "/v1/indexes/i/jobs"),
        (("read", "write"), "PUT", "/v1/admin/indexes/i"),
        (("read", "write", "delegate"), "GET", "/v1/admin/keys"),
        (("read", "write"), "POST", "/v1/admin/keys"),
    ],
)
def test_without_the_grant_it_is_403_before_the_body_is_looked_at(
    service: Service, grants: tuple[str, ...], method: str, path: str
) -> None:
    with service.client(service.make_key("user:ann", *grants)) as client:
        told = problem(client.request(method, path, content=b"not even JSON"), 403, "auth.missing_grant")
    assert "POST /v1/admin/keys" in told["detail"]


def test_an_admin_cannot_make_an_operator(service: Service) -> None:
    with service.client(service.make_key("user:boss", "admin")) as admin:
        body = {"subject": "user:ann", "grants": ["read", "operator"]}
        problem(admin.post("/v1/admin/keys", json=body), 403, "keys.beyond_own_grants")
        made(admin.post("/v1/admin/keys", json={"subject": "user:ann", "grants": ["admin", "delegate"]}), 201)


def test_a_reader_finds_what_its_principals_may_read(service: Service, secrets: str) -> None:
    with service.client(service.make_key("user:ann", "read")) as ann:
        assert found(ann, secrets) == {"all", "ann"}
    with service.client(service.make_key("user:bob", "read", principals=("group:hr",))) as bob:
        assert found(bob, secrets) == {"all", "hr"}


def test_an_admin_finds_everything(service: Service, operator: httpx.Client, secrets: str) -> None:
    with service.client(service.make_key("user:boss", "admin")) as admin:
        assert found(admin, secrets) == found(operator, secrets) == {"all", "ann", "hr", "admins"}


def test_a_document_that_one_may_not_read_is_not_there(service: Service, secrets: str) -> None:
    with service.client(service.make_key("user:bob", "read")) as bob:
        hidden = problem(bob.get(f"/v1/indexes/{secrets}/documents/ann"), 404, "indexing.no_such_document")
        absent = problem(bob.get(f"/v1/indexes/{secrets}/documents/nil"), 404, "indexing.no_such_document")
        assert hidden["detail"].replace("ann", "nil") == absent["detail"]
        for noun in ("chunks", "versions", "text"):
            answer = bob.get(f"/v1/indexes/{secrets}/{noun}", params={"document_id": "ann"})
            problem(answer, 404, "indexing.no_such_document")
        listed = made(bob.get(f"/v1/indexes/{secrets}/documents"))
        assert [document["id"] for document in listed["items"]] == ["all"]


def test_a_delegate_looks_through_the_eyes_it_names(service: Service, secrets: str) -> None:
    with service.client(service.make_key("user:agent", "read", "delegate")) as agent:
        assert found(agent, secrets) == {"all"}
        assert found(agent, secrets, X_Mnemic_Principals="user:ann") == {"all", "ann"}
        assert found(agent, secrets, X_Mnemic_Principals="user:ann, group:hr") == {"all", "ann", "hr"}


def test_even_an_admin_sees_no_more_than_the_eyes_it_names(operator: httpx.Client, secrets: str) -> None:
    assert found(operator, secrets, X_Mnemic_Principals="user:bob") == {"all"}
    answer = operator.get(f"/v1/indexes/{secrets}/documents/ann", headers={"X-Mnemic-Principals": "user:bob"})
    problem(answer, 404, "indexing.no_such_document")


def test_without_delegate_nobody_names_eyes(service: Service) -> None:
    with service.client(service.make_key("user:ann", "read")) as ann:
        answer = ann.get("/v1/indexes", headers={"X-Mnemic-Principals": "user:bob"})
        problem(answer, 403, "auth.missing_grant")


@pytest.mark.parametrize("principals", ["", ",", "nobody", ",".join(f"user:{n}" for n in range(65))])
def test_strange_eyes_are_422(operator: httpx.Client, principals: str) -> None:
    answer = operator.get("/v1/indexes", headers={"X-Mnemic-Principals": principals})
    assert answer.status_code == 422, answer.text


def test_an_operator_acts_on_the_default_tenant_and_on_no_unknown_one(operator: httpx.Client) -> None:
    made(operator.get("/v1/indexes", headers={"X-Mnemic-Tenant": "default"}))
    problem(operator.get("/v1/indexes", headers={"X-Mnemic-Tenant": "acme"}), 404, "tenants.no_such_tenant")


def test_who_is_no_operator_has_one_tenant(service: Service) -> None:
    with service.client(service.make_key("user:ann", "admin")) as admin:
        made(admin.get("/v1/indexes", headers={"X-Mnemic-Tenant": "default"}))
        problem(admin.get("/v1/indexes", headers={"X-Mnemic-Tenant": "acme"}), 404, "tenants.no_such_tenant")


@pytest.mark.parametrize("subject", ["ann", "user:", "user:a b", "user:a,b", ""])
def test_a_subject_that_is_no_principal_is_422(operator: httpx.Client, subject: str) -> None:
    answer = operator.post("/v1/admin/keys", json={"subject": subject, "grants": ["read"]})
    problem(answer, 422, "ids.invalid_principal")
