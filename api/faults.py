"""Faults as HTTP answers: RFC 9457 problem+json. The only place that maps kinds to statuses; what went wrong inside, and is no
Fault, is told to the log alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from api.wire.schema import Shape, Wire
from core.errors import (
    Conflict,
    Corrupt,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    Limited,
    NotFound,
    TimedOut,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

PROBLEM_TYPE = "application/problem+json"


class WrongMethod(Invalid):
    """The path exists, under other methods: those in `allowed`."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__("http.method_not_allowed", f"{method} is not possible here; use {', '.join(allowed)}.")
        self.allowed = allowed


class WrongMediaType(Invalid):
    """The body is of a type that this operation does not read."""


class AddressTooLong(TooLarge):
    """The path and query are longer than the service reads."""


class TooSlow(TimedOut):
    """The client stopped sending its body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemError(Wire):
    """One wrong place: a JSON pointer (RFC 6901) into the body, and what is wrong there."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Wire):
    """What every error answers (RFC 9457). `code` is stable; `errors` is filled for 422 and for fields over a limit."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[ProblemError, ...] = ()


PROBLEM = Shape(Problem)

# The first kind that a fault is an instance of counts, so the narrower ones stand first.
_KINDS: Mapping[type[Fault], tuple[int, str]] = {
    WrongMethod: (405, "Method not allowed"),
    WrongMediaType: (415, "Unsupported media type"),
    AddressTooLong: (414, "Address too long"),
    TooSlow: (408, "Request timed out"),
    Invalid: (422, "Invalid request"),
    Unauthenticated: (401, "Not authenticated"),
    Forbidden: (403, "Forbidden"),
    Gone: (410, "Gone"),
    NotFound: (404, "Not found"),
    Conflict: (409, "Conflict"),
    TooLarge: (413, "Too large"),
    Limited: (429, "Too many requests"),
    Unavailable: (503, "Unavailable"),
    TimedOut: (504, "Timed out"),
    Corrupt: (500, "Corrupt data"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP answer, made before any byte of it goes out."""

    status: int
    body: bytes
    media_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


def status_of(kind: type[Fault]) -> tuple[int, str]:
    """(status, title) of a kind of fault."""
    return next(named for known, named in _KINDS.items() if issubclass(kind, known))


def problem_answer(fault: Fault, request_id: str) -> Answer:
    """The answer that tells a fault."""
    status, title = status_of(type(fault))
    problem = Problem(
        type=f"urn:mnemic:problem:{fault.code}",
        title=title,
        status=status,
        detail=fault.message,
        code=fault.code,
        request_id=request_id,
        errors=tuple(ProblemError(pointer=error.pointer, detail=error.detail) for error in fault.errors),
    )
    return Answer(status=status, body=PROBLEM.write(problem), media_type=PROBLEM_TYPE.encode(), headers=_headers(fault))


def internal_answer(request_id: str) -> Answer:
    """The answer to a failure that nobody foresaw. It says nothing of what failed: the log does, under the same request id."""
    problem = Problem(
        type="urn:mnemic:problem:internal",
        title="Internal error",
        status=500,
        detail=f"something failed inside; the service's log has it under request id {request_id}.",
        code="internal",
        request_id=request_id,
    )
    return Answer(status=500, body=PROBLEM.write(problem), media_type=PROBLEM_TYPE.encode())


def _headers(fault: Fault) -> tuple[tuple[bytes, bytes], ...]:
    if isinstance(fault, WrongMethod):
        return ((b"allow", ", ".join(fault.allowed).encode()),)
    if isinstance(fault, Unauthenticated):
        return ((b"www-authenticate", b'Bearer realm="mnemic"'),)
    if fault.retry_after_s is not None:
        return ((b"retry-after", str(fault.retry_after_s).encode()),)
    return ()
