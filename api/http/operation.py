"""What an operation of the HTTP API is: a path, what it reads, what it does, what it answers, and what may go wrong. The tables
of them under api/http/routes/ are what both the server and openapi.json are made from. How one is run: api/http/endpoint.py."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field
from starlette.requests import Request

from api.http.exchange import Exchange
from api.http.streaming import StreamOf
from api.services import Runtime, Services
from api.wire.schema import Shape, Wire
from core.caller import Caller, Grant
from core.errors import Fault
from core.paging import PageRequest

Body = TypeVar("Body")
Body_co = TypeVar("Body_co", covariant=True)
Query = TypeVar("Query", bound="NoQuery")
Result = TypeVar("Result")
Out = TypeVar("Out")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoQuery(Wire):
    """No query parameter is known here; any is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuery(NoQuery):
    """A read of the catalog. `min_offset` waits until the index is that far, up to the deadline."""

    min_offset: Annotated[int, Field(ge=0)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery(ReadQuery):
    """A page of a list: `cursor` is the `next_cursor` of the page before."""

    cursor: str | None = None
    limit: int | None = None

    def page(self) -> PageRequest:
        return PageRequest.parse(self.cursor, self.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received(Generic[Body_co]):
    """A request's body, and SHA-256 of what it says."""

    value: Body_co
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Body, Query]):
    """One authenticated, validated request."""

    caller: Caller
    path: Mapping[str, str]
    query: Query
    body: Body
    headers: Mapping[str, str]
    exchange: Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """An answer that somebody else gave, passed on as it came."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str]


class Reader(Protocol[Body_co]):
    """Reads one kind of body. What it spools lives as long as the context."""

    def open(self, request: Request, services: Services) -> AbstractAsyncContextManager[Received[Body_co]]: ...

    def content(self, refer: Callable[[Shape[Any]], Mapping[str, object]]) -> Mapping[str, object] | None:
        """The `content` of OpenAPI's requestBody; None when there is no body."""
        ...


def alone(convert: Callable[[Result], Out]) -> Callable[[Result, Exchange], Out]:
    """A presenter that needs the result alone."""

    def present(result: Result, exchange: Exchange) -> Out:
        del exchange
        return convert(result)

    return present


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One way an operation fails, for openapi.json and for the test that provokes it."""

    kind: type[Fault]
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Body, Query, Result, Out]):
    """One operation. `run` asks the services, `present` turns their answer into the wire's; `status` may depend on it.

    A `Passed` goes out as it is. `budget_s` is what a caller has that names no X-Mnemic-Timeout-Ms, None what all have.

    `needs` is the grant without which not even the body is read. `once` takes part in Idempotency-Key. With `stream`, `run` may
    answer a `Streamed` (api/http/streaming.py) instead, and takes a place among the open streams. `headers` are those that
    it reads itself, as OpenAPI's parameters.
    """

    method: Method
    path: str
    name: str
    summary: str
    tag: str
    needs: Grant
    body: Reader[Body]
    query: Shape[Query]
    run: Callable[[Services, Ask[Body, Query]], Awaitable[Result]]
    present: Callable[[Result, Exchange], Out]
    answer: Shape[Out]
    answer_example: Mapping[str, object]
    status: int = 200
    status_of: Callable[[Result], int] | None = None
    statuses: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    once: bool = False
    budget_s: float | None = None
    description: str = ""
    stream: StreamOf | None = None
    headers: tuple[Mapping[str, object], ...] = ()
    troubles: tuple[Trouble, ...] = ()


AnyOperation = Operation[Any, Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPage:
    """A page without a credential: health, metrics, the contract itself."""

    path: str
    name: str
    summary: str
    media_type: str
    answer: Callable[[Runtime], tuple[int, bytes]]
    example: object
    statuses: Mapping[int, str]
