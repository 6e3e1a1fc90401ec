"""openapi.json, made from the tables of operations: complete, or tests/api says what is missing. Nothing is run here."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from api.faults import PROBLEM, PROBLEM_TYPE, status_of
from api.http.operation import AnyOperation, OpenPage, Trouble
from api.http.routes.troubles import ALWAYS
from api.http.streaming import StreamKind
from api.wire.schema import Shape
from core.limits import TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX

Json = dict[str, Any]
_REF = "#/components/schemas/{model}"
_INTRODUCTION = (
    "Retrieval and memory for LLM agents. Every request carries `Authorization: Bearer mn_<key id>_<secret>`. Requests are "
    "strict: unknown fields and wrong types are 422. Errors are application/problem+json with a stable `code`. Every answer "
    "carries `X-Request-Id`, `Server-Timing` and, for a known tenant, `X-Mnemic-Offset`: how far its index is."
)
_HEADERS: Json = {
    "X-Request-Id": {"schema": {"type": "string"}, "description": "also in the service's log"},
    "Server-Timing": {"schema": {"type": "string"}, "description": "milliseconds, in total and by stage"},
    "X-Mnemic-Offset": {"schema": {"type": "integer"}, "description": "the tenant's changes up to here are searchable"},
}
_STREAMS = {
    StreamKind.EVENTS: "server-sent events; the data of each is JSON of x-item-schema, an event `error` carries a problem",
    StreamKind.LINES: "lines of JSON, each of x-item-schema; a last line with `error` alone carries a problem",
}
_LATER: Json = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
_ASKING: list[Json] = [
    {
        "name": "X-Mnemic-Timeout-Ms",
        "in": "header",
        "description": "deadline",
        "schema": {"type": "integer", "minimum": 1, "maximum": TIMEOUT_MS_MAX, "default": TIMEOUT_MS_DEFAULT},
    },
    {
        "name": "X-Mnemic-Tenant",
        "in": "header",
        "description": "the tenant that an operator acts on",
        "schema": {"type": "string", "default": "default"},
    },
    {
        "name": "X-Mnemic-Principals",
        "in": "header",
        "description": "whose eyes a key with `delegate` looks through, separated by commas",
        "schema": {"type": "string"},
        "example": "user:ann,group:hr",
    },
]
_ONCE: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key and body give the first answer again, for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class _Schemas:
    """The component schemas of all wire types, requests as they are read and answers as they are written."""

    def __init__(self, operations: Iterable[AnyOperation]) -> None:
        self._reading: dict[str, Shape[Any]] = {}
        self._writing: dict[str, Shape[Any]] = {PROBLEM.name: PROBLEM}
        self.queries: dict[str, Json] = {}
        for operation in operations:
            operation.body.content(self._collect)
            self._writing[operation.answer.name] = operation.answer
            if operation.stream is not None:
                self._writing[operation.stream.item.name] = operation.stream.item
            self.queries.setdefault(operation.query.name, operation.query.adapter.json_schema())
        inputs: list[tuple[str, JsonSchemaMode, TypeAdapter[Any]]] = [
            *((name, "validation", shape.adapter) for name, shape in self._reading.items()),
            *((name, "serialization", shape.adapter) for name, shape in self._writing.items()),
        ]
        found, document = TypeAdapter.json_schemas(inputs, ref_template=_REF)
        self._found = found
        self.components = cast("Json", document["$defs"])

    def reading(self, shape: Shape[Any]) -> Mapping[str, object]:
        return self._found[(shape.name, "validation")]

    def writing(self, shape: Shape[Any]) -> Mapping[str, object]:
        return self._found[(shape.name, "serialization")]

    def _collect(self, shape: Shape[Any]) -> Mapping[str, object]:
        self._reading[shape.name] = shape
        return {}


def make_openapi(operations: tuple[AnyOperation, ...], pages: tuple[OpenPage, ...], version: str) -> Json:
    """The whole document."""
    schemas = _Schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        path = operation.path.replace(":path}", "}")
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, schemas)
    for page in pages:
        paths[page.path] = {"get": _page(page)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mnemic", "version": version, "description": _INTRODUCTION, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in sorted({*(operation.tag for operation in operations), "Operations"})],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "mn_<key id>_<secret>"}},
        },
    }


def _operation(operation: AnyOperation, schemas: _Schemas) -> Json:
    needs = f"Needs the grant `{operation.needs.value}`."
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description} {needs}".strip(),
        "tags": [operation.tag],
        "parameters": _parameters(operation, schemas),
        "responses": _responses(operation, schemas),
    }
    content = operation.body.content(schemas.reading)
    if content is not None:
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: AnyOperation, schemas: _Schemas) -> list[Json]:
    names = [part.split("}")[0].removesuffix(":path") for part in operation.path.split("{")[1:]]
    in_path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    query = schemas.queries[operation.query.name]
    required = query.get("required", [])
    in_query = [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in query.get("properties", {}).items()
    ]
    return [*in_path, *in_query, *map(dict, operation.headers), *_ASKING, *([_ONCE] if operation.once else [])]


def _responses(operation: AnyOperation, schemas: _Schemas) -> Json:
    success: Json = {
        "description": operation.summary,
        "headers": _HEADERS,
        "content": _content(operation, schemas),
    }
    responses: Json = {str(operation.status): success}
    for status, description in operation.statuses.items():
        responses[str(status)] = {**success, "description": description}
    troubles: dict[int, list[Trouble]] = {}
    for trouble in (*operation.troubles, *ALWAYS):
        troubles.setdefault(status_of(trouble.kind)[0], []).append(trouble)
    for status in sorted(troubles):
        responses[str(status)] = _problem(troubles[status], schemas)
    return responses


def _content(operation: AnyOperation, schemas: _Schemas) -> Json:
    stream = operation.stream
    whole: Json = {"application/json": {"schema": schemas.writing(operation.answer), "example": operation.answer_example}}
    if stream is None:
        return whole
    # OpenAPI 3.1 has no word for the items of a stream; 3.2 will have itemSchema.
    told: Json = {
        "schema": {"type": "string", "description": _STREAMS[stream.kind]},
        "x-item-schema": schemas.writing(stream.item),
        "example": stream.example,
    }
    return {**({} if stream.alone else whole), stream.kind.value: told}


def _problem(troubles: list[Trouble], schemas: _Schemas) -> Json:
    status, title = status_of(troubles[0].kind)
    examples = {trouble.code: {"value": _example(trouble)} for trouble in troubles}
    return {
        "description": title,
        "headers": {**_HEADERS, **(_LATER if status in {429, 503} else {})},
        "content": {PROBLEM_TYPE: {"schema": schemas.writing(PROBLEM), "examples": examples}},
    }


def _example(trouble: Trouble) -> Json:
    status, title = status_of(trouble.kind)
    return {
        "type": f"urn:mnemic:problem:{trouble.code}",
        "title": title,
        "status": status,
        "detail": trouble.detail,
        "code": trouble.code,
        "request_id": "req_01",
        "errors": [],
    }


def _page(page: OpenPage) -> Json:
    answers: Json = {
        str(status): {"description": description, "content": {page.media_type: {"schema": {}, "example": page.example}}}
        for status, description in page.statuses.items()
    }
    return {"operationId": page.name, "summary": page.summary, "tags": ["Operations"], "security": [], "responses": answers}
