"""Faults as HTTP answers: every kind has its status, and what nobody foresaw says nothing of itself."""

import json

import pytest

from api.faults import AddressTooLong, TooSlow, WrongMediaType, WrongMethod, internal_answer, problem_answer, status_of
from core.errors import (
    Conflict,
    Corrupt,
    Fault,
    FieldError,
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

STATUSES = {
    Invalid: 422,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Gone: 410,
    Conflict: 409,
    TooLarge: 413,
    Limited: 429,
    Unavailable: 503,
    TimedOut: 504,
    Corrupt: 500,
    WrongMethod: 405,
    WrongMediaType: 415,
    AddressTooLong: 414,
    TooSlow: 408,
}


def leaves(kind: type[Fault]) -> set[type[Fault]]:
    """The kinds below a kind that the service may raise; those with an underscore only gather others."""
    found: set[type[Fault]] = set()
    for child in kind.__subclasses__():
        if child.__module__.startswith(("core.", "api.")) and not child.__module__.startswith("api.cli."):
            found |= leaves(child) | (set[type[Fault]]() if child.__name__.startswith("_") else {child})
    return found


def test_every_kind_of_fault_has_a_status() -> None:
    assert leaves(Fault) == set(STATUSES)
    assert {kind: status_of(kind)[0] for kind in STATUSES} == STATUSES


@pytest.mark.parametrize("fault", [Limited("a.b", "m", retry_after_s=7), Unavailable("a.b", "m", retry_after_s=7)])
def test_what_passes_says_when_to_come_back(fault: Fault) -> None:
    assert dict(problem_answer(fault, "req_1").headers) == {b"retry-after": b"7"}


def test_a_problem_tells_code_place_and_request() -> None:
    fault = Invalid("a.b", "k is 0", errors=(FieldError(pointer="/k", detail="is 0"),))
    told = json.loads(problem_answer(fault, "req_1").body)
    assert told == {
        "type": "urn:mnemic:problem:a.b",
        "title": "Invalid request",
        "status": 422,
        "detail": "k is 0",
        "code": "a.b",
        "request_id": "req_1",
        "errors": [{"pointer": "/k", "detail": "is 0"}],
    }


def test_a_wrong_method_lists_the_right_ones() -> None:
    assert dict(problem_answer(WrongMethod("PUT", ("GET", "POST")), "r").headers) == {b"allow": b"GET, POST"}


def test_an_unforeseen_failure_names_its_request_and_nothing_else() -> None:
    told = json.loads(internal_answer("req_1").body)
    assert (told["status"], told["code"], told["request_id"]) == (500, "internal", "req_1")
