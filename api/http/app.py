"""The HTTP application: every operation under its path, every failure a problem. The Runtime may still be starting."""

import json
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from api.faults import WrongMethod, problem_answer
from api.http.docs_page import make_docs
from api.http.endpoint import Concurrent, endpoint
from api.http.exchange import Observed, exchange_of
from api.http.openapi import make_openapi
from api.http.operation import AnyOperation, OpenPage
from api.http.routes import (
    cache,
    changes,
    context,
    documents,
    forgetting,
    indexes,
    jobs,
    keys,
    memories,
    moving,
    proxy,
    recall,
    retention,
    search,
    sessions,
    summaries,
)
from api.http.routes.pages import PAGES
from api.services import Runtime
from core.clock import Clock
from core.errors import Fault, Invalid, NotFound

# The busiest first: routes are tried in order.
OPERATIONS: tuple[AnyOperation, ...] = (
    *search.OPERATIONS,
    *summaries.OPERATIONS,
    *context.OPERATIONS,
    *cache.OPERATIONS,
    *moving.OPERATIONS,  # before sessions, whose ids would take the verb for a part of theirs
    *sessions.OPERATIONS,
    *recall.OPERATIONS,
    *memories.OPERATIONS,
    *documents.OPERATIONS,
    *jobs.OPERATIONS,
    *indexes.OPERATIONS,
    *changes.OPERATIONS,
    *forgetting.OPERATIONS,
    *retention.OPERATIONS,
    *keys.OPERATIONS,
    *proxy.OPERATIONS,
)


def create_app(runtime: Runtime, clock: Clock) -> FastAPI:
    """The application. FastAPI's own schema and pages stay off: openapi.json is made from the operations."""
    app = FastAPI(title="mnemic", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    concurrent = Concurrent()
    for operation in OPERATIONS:
        _route(app, operation.path, operation.method, endpoint(operation, runtime, concurrent))
    for page in PAGES:
        _route(app, page.path, "GET", _open_page(page, runtime))
    document = make_openapi(OPERATIONS, PAGES, service_version())
    _route(app, "/openapi.json", "GET", _constant(json.dumps(document).encode(), "application/json"))
    _route(app, "/docs", "GET", _constant(make_docs(document), "text/html"))
    app.add_exception_handler(HTTPException, _routing_problem)
    app.add_exception_handler(Fault, _fault_problem)
    app.add_middleware(Observed, offset=runtime.offset, clock=clock)
    return app


def service_version() -> str:
    try:
        return version("mnemic")
    except PackageNotFoundError:
        return "0.0.0+source"


def _route(app: FastAPI, path: str, method: str, answer: Callable[[Request], Awaitable[Response]]) -> None:
    app.add_api_route(path, answer, methods=[method], response_model=None, include_in_schema=False)


def _open_page(page: OpenPage, runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        exchange_of(request.scope).route = page.path
        status, body = page.answer(runtime)
        return Response(body, status_code=status, media_type=page.media_type)

    return answer


def _constant(body: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        exchange_of(request.scope).route = request.scope["path"]
        return Response(body, media_type=media_type)

    return answer


async def _fault_problem(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Fault)
    answer = problem_answer(fault, exchange_of(request.scope).request_id)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, media_type=answer.media_type.decode(), headers=headers)


async def _routing_problem(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)
    return await _fault_problem(request, _routing_fault(request, refused.status_code))


def _routing_fault(request: Request, status: int) -> Fault:
    path: str = request.scope["path"]
    if status == 405:
        return WrongMethod(request.method, _allowed(request))
    if status == 404:
        return NotFound("http.no_such_path", f"there is nothing at {path[:200]!r}; GET /docs lists what there is.")
    return Invalid("http.bad_request", f"the request cannot be read (HTTP {status}).")


def _allowed(request: Request) -> tuple[str, ...]:
    """Every method that some route at this path takes; the router itself looks at the first such route alone."""
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return tuple(sorted(methods))
