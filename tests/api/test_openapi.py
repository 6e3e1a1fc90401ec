"""openapi.json: valid, complete, and true of the service that serves it."""

from typing import Any, cast

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from api.http.app import OPERATIONS
from tests.support.service import Service, made

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document(service: Service) -> Json:
    return made(httpx.get(f"{service.url}/openapi.json"))


def operations(document: Json) -> list[Json]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def flaws(document: Json, schema: Json, value: object) -> list[str]:
    """Where a value does not fit a schema of the document."""
    validator = cast("Any", Draft202012Validator({**schema, "components": document["components"]}))
    return [str(flaw.message) for flaw in validator.iter_errors(value)]


def test_it_is_a_valid_openapi_document(document: Json) -> None:
    validate(document)


def test_it_has_every_operation_and_no_other(document: Json) -> None:
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods if path.startswith("/v1")
    }
    assert described == {(one.method, one.path.replace(":path}", "}")) for one in OPERATIONS}
    names = [operation["operationId"] for operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_operation_has_a_summary_examples_and_its_problems(document: Json) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            successes = [response for status, response in operation["responses"].items() if status.startswith("2")]
            assert successes, path
            assert all("example" in content for one in successes for content in one["content"].values()), path
            if path.startswith("/v1"):
                assert {"401", "403", "422", "503", "504"} <= set(operation["responses"]), path
                problems = [one for status, one in operation["responses"].items() if status >= "400"]
                assert all(one["content"]["application/problem+json"]["examples"] for one in problems), path


def test_every_path_parameter_is_described(document: Json) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert named == {part.split("}")[0] for part in path.split("{")[1:]}, path


def test_every_example_fits_its_schema(document: Json) -> None:
    for operation in operations(document):
        bodies = operation.get("requestBody", {}).get("content", {})
        for content in (*bodies.values(), *(c for one in operation["responses"].values() for c in one["content"].values())):
            examples = (
                [content["example"]] if "example" in content else [one["value"] for one in content.get("examples", {}).values()]
            )
            for example in examples:
                assert flaws(document, content["schema"], example) == [], operation["operationId"]


def test_requests_are_strict_in_the_schema_too(document: Json) -> None:
    schemas = document["components"]["schemas"]
    objects = {name: schema for name, schema in schemas.items() if schema["type"] == "object"}
    # Chat completions are the upstream's to read: what we do not know goes there as it is.
    passed_on = {"ChatIn", "ChatOut", "ChunkOut"}
    assert {name for name, schema in objects.items() if schema["additionalProperties"] is not False} == passed_on
    assert "acl" not in schemas["DocumentIn"].get("required", [])
    assert {"type": "null"} in schemas["DocumentIn"]["properties"]["acl"]["anyOf"]


def test_what_the_service_answers_fits_the_schema(document: Json, operator: httpx.Client, index: str) -> None:
    body = {"documents": [{"id": "a", "text": "Five days carry over.", "metadata": {"n": 1}}], "wait": "indexed"}
    answers = {
        ("post", "/v1/indexes/{index}/documents"): operator.post(f"/v1/indexes/{index}/documents", json=body),
        ("post", "/v1/search"): operator.post("/v1/search", json={"query": "days", "indexes": [index], "neighbors": 1}),
        ("get", "/v1/indexes/{index}/documents/{id}"): operator.get(f"/v1/indexes/{index}/documents/a"),
        ("get", "/v1/indexes/{index}/chunks"): operator.get(f"/v1/indexes/{index}/chunks?document_id=a"),
        ("get", "/v1/indexes/{index}/versions"): operator.get(f"/v1/indexes/{index}/versions?document_id=a"),
        ("get", "/v1/indexes/{index}/text"): operator.get(f"/v1/indexes/{index}/text?document_id=a"),
        ("get", "/v1/indexes"): operator.get("/v1/indexes"),
        ("get", "/v1/jobs"): operator.get("/v1/jobs"),
        ("get", "/v1/admin/keys"): operator.get("/v1/admin/keys"),
    }
    for (method, path), answer in answers.items():
        response = document["paths"][path][method]["responses"][str(answer.status_code)]
        assert flaws(document, response["content"]["application/json"]["schema"], made(answer)) == [], path


def test_docs_is_a_page_that_needs_no_network(service: Service) -> None:
    answer = httpx.get(f"{service.url}/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "src=" not in answer.text
    assert "https://" not in answer.text.replace("https://example.com", "")
    for operation in OPERATIONS:
        assert operation.summary.replace("'", "&#x27;") in answer.text
