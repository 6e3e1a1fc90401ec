"""Which times may answer: of what was said, and of what held."""

from datetime import UTC, datetime

import pytest

from memory.recall.moments import holds, timely
from memory.recall.types import Moments


def may(day: int) -> datetime:
    return datetime(2026, 5, day, tzinfo=UTC)


@pytest.mark.parametrize(
    "moments, said, fits",
    [
        (Moments(), None, True),
        (Moments(since=may(2)), may(2), True),
        (Moments(since=may(2)), may(1), False),
        (Moments(until=may(2)), may(2), False),
        (Moments(until=may(2)), None, False),
        (Moments(as_of=may(2)), may(2), True),
        (Moments(as_of=may(2)), may(3), False),
        (Moments(as_of=may(20)), None, True),
        (Moments(as_of=may(2)), None, False),
        (Moments(as_known_at=may(9)), may(1), False),
        (Moments(as_known_at=may(10)), may(1), True),
    ],
)
def test_what_was_said(moments: Moments, said: datetime | None, *, fits: bool) -> None:
    assert timely(moments, said, recorded_at=may(10)) is fits


@pytest.mark.parametrize(
    "moments, valid, fits",
    [
        (Moments(), (may(5), may(6)), True),
        (Moments(as_of=may(5)), (may(5), may(8)), True),
        (Moments(as_of=may(8)), (may(5), may(8)), False),
        (Moments(as_of=may(4)), (may(5), None), False),
        (Moments(as_of=may(4)), (None, None), True),
        (Moments(since=may(8)), (may(5), may(8)), False),
        (Moments(since=may(7)), (may(5), may(8)), True),
        (Moments(until=may(5)), (may(5), None), False),
        (Moments(until=may(6)), (may(5), None), True),
    ],
)
def test_what_held(moments: Moments, valid: tuple[datetime | None, datetime | None], *, fits: bool) -> None:
    assert holds(moments, *valid) is fits
