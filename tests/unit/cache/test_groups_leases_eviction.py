"""Whose answers are equal, who generates, and who goes."""

from datetime import UTC, datetime, timedelta

import pytest

from cache.eviction import Kept, surplus, worth
from cache.groups import Verdict, joined, judge
from cache.leases import claim, refusal

AT = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "one, other, cosine, verdict",
    [
        ("Five days.", "  five   DAYS", None, Verdict.EQUAL),
        ("Up to 5 days carry over.", "Up to 10 days carry over.", 0.99, Verdict.DIFFERENT),
        ("Use the reset link.", "Click on the link to reset it.", 0.95, Verdict.EQUAL),
        ("Use the reset link.", "Bananas are yellow.", 0.1, Verdict.DIFFERENT),
        ("Use the reset link.", "Ask your admin.", 0.8, Verdict.UNSURE),
        ("It is allowed.", "It is not allowed.", 0.97, Verdict.UNSURE),
        ("a " * 1_000, "b " * 1_000, 0.99, Verdict.UNSURE),
        ("Use the reset link.", "Click on the link.", None, Verdict.UNSURE),
    ],
)
def test_answers_are_equal_only_where_nothing_speaks_against_it(
    one: str, other: str, cosine: float | None, verdict: Verdict
) -> None:
    assert judge(one, other, cosine) is verdict
    assert judge(other, one, cosine) is verdict


def test_groups_go_by_the_oldest() -> None:
    assert joined([7, 3, 9, 3]) == {7: 3, 9: 3}
    assert joined([]) == joined([4]) == {}


def test_a_lease_is_held_by_one_until_it_ends_and_tokens_only_grow() -> None:
    first = claim(None, AT)
    assert first.granted
    waiting = claim(first.lease, AT + timedelta(seconds=29))
    assert (waiting.granted, waiting.lease) == (False, first.lease)
    second = claim(first.lease, AT + timedelta(seconds=30))
    assert second.granted
    assert second.lease.token > first.lease.token


def test_a_store_under_a_lost_or_expired_lease_is_refused() -> None:
    first = claim(None, AT).lease
    second = claim(first, AT + timedelta(seconds=60)).lease
    later = AT + timedelta(seconds=61)
    assert refusal(first.token, second, later) == "lease_lost"
    assert refusal(first.token, None, later) == "lease_lost"
    assert refusal(first.token, first, later) == "lease_expired"
    assert refusal(second.token, second, later) is None


def kept(key: int, *, partition: str = "p", hits: int = 0, usd: float | None = 0.01, size: int = 1_000, days: int = 0) -> Kept:
    used = AT - timedelta(days=days)
    return Kept(key=key, partition=partition, hits=hits, bytes=size, usd=usd, tokens=0, latency_ms=0, used_at=used)


def test_what_saves_more_for_its_size_is_worth_more() -> None:
    assert worth(kept(1, usd=0.1), AT) > worth(kept(1, usd=0.01), AT)
    assert worth(kept(1, hits=5), AT) > worth(kept(1), AT)
    assert worth(kept(1, size=10_000), AT) < worth(kept(1), AT)
    assert worth(kept(1, days=6), AT) == pytest.approx(worth(kept(1), AT) / 4)


def test_the_least_worth_goes_first() -> None:
    entries = [kept(1, usd=0.5), kept(2, usd=0.001), kept(3, usd=0.2)]
    assert surplus(entries, 2, AT) == (2,)
    assert surplus(entries, 3, AT) == ()


def test_one_busy_partition_does_not_push_out_the_others() -> None:
    busy = [kept(key, partition="busy", hits=100) for key in range(20)]
    quiet = [kept(100 + key, partition="quiet") for key in range(5)]
    gone = surplus([*busy, *quiet], 10, AT)
    assert {key for key in gone if key < 100} == set(range(15))
    assert len(gone) == 15
