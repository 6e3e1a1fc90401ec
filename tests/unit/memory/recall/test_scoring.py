"""Scores of memories: neighbours, speakers, periods, the newest; and what a question says besides its words."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.recall import answerability
from memory.recall.questions import parse
from memory.recall.scoring import Ranked, rank
from memory.recall.weights import Weights
from retrieval.fusion import Candidate
from retrieval.types import Signals
from storage.memory_rows import Subject, key_of
from storage.recollections import Place

ASKED_AT = datetime(2026, 6, 15, tzinfo=UTC)
PLAIN = Weights(dense=0.4, before=0.0, after=0.0, reach=2, speaker=0.0, period=0.0, recency=0.0)


def candidate(message: int, fused: float, part: int = 0) -> Candidate:
    signals = Signals(dense=fused, dense_rank=1, keyword=None, keyword_rank=None, fused=fused)
    return Candidate(key_of(Subject.MESSAGE, message, part), signals)


def place(message: int, part: int = 0, *, session: int = 1, speaker: str | None = None, day: int | None = None) -> Place:
    """A message whose number in its session is its row's."""
    return Place(
        key=key_of(Subject.MESSAGE, message, part),
        subject=Subject.MESSAGE,
        subject_id=message,
        session_id=session,
        seq=message,
        speaker=speaker,
        role="user",
        occurred=None if day is None else datetime(2026, 5, day, tzinfo=UTC).timestamp(),
        span=(0, 10),
    )


def order(
    candidates: list[Candidate], places: list[Place], weights: Weights = PLAIN, query: str = "where is the boat"
) -> list[Ranked]:
    return list(rank(candidates, {one.key: one for one in places}, parse(query, ASKED_AT), weights))


def ids(ranked: list[Ranked]) -> list[int]:
    return [one.place.subject_id for one in ranked]


def test_the_parts_of_a_message_count_once_as_the_best_of_them() -> None:
    found = order([candidate(7, 0.9, 2), candidate(8, 0.5), candidate(7, 0.4, 0)], [place(7, 2), place(8), place(7)])
    assert ids(found) == [7, 8]
    assert found[0].signals.score == 0.9
    assert found[0].place.key == key_of(Subject.MESSAGE, 7, 2)


def test_what_has_no_place_is_not_there() -> None:
    assert ids(order([candidate(7, 0.9), candidate(8, 0.5)], [place(8)])) == [8]


def test_neighbours_lend_of_their_score_the_second_half_as_much() -> None:
    weights = Weights(dense=0.4, before=0.4, after=0.2, reach=2, speaker=0.0, period=0.0, recency=0.0)
    found = order([candidate(3, 1.0), candidate(4, 0.1), candidate(5, 0.1)], [place(3), place(4), place(5)], weights)
    by_id = {one.place.subject_id: one.signals.neighbors for one in found}
    assert by_id[4] == pytest.approx(0.4 * 1.0 + 0.2 * 0.1)
    assert by_id[5] == pytest.approx(0.4 * 0.1 + 0.4 / 2 * 1.0)


def test_messages_of_another_session_are_no_neighbours() -> None:
    weights = Weights(dense=0.4, before=1.0, after=1.0, reach=2, speaker=0.0, period=0.0, recency=0.0)
    found = order([candidate(3, 1.0), candidate(4, 0.1)], [place(3), place(4, session=2)], weights)
    assert [one.signals.neighbors for one in found] == [0.0, 0.0]


@pytest.mark.parametrize(
    "speakers, told",
    [(("Ann", "Bo"), [0.2, 0.0]), (("Ann Lee", "bo"), [0.2, 0.0]), (("Ann", "Ann"), [0.0, 0.0]), (("Ann", None), [0.2, 0.0])],
)
def test_a_named_speaker_counts_where_it_tells_anything(speakers: tuple[str | None, str | None], told: list[float]) -> None:
    weights = Weights(dense=0.4, before=0.0, after=0.0, reach=0, speaker=0.2, period=0.0, recency=0.0)
    places = [place(1, speaker=speakers[0]), place(2, speaker=speakers[1])]
    found = order([candidate(1, 0.6), candidate(2, 0.5)], places, weights, query="What does Ann's boat cost?")
    assert [one.signals.speaker for one in found] == told


@pytest.mark.parametrize(
    "query, told",
    [
        ("When did I buy my boat?", [0.2, 0.0]),
        ("What did you tell me about my boat?", [0.0, 0.0]),
        ("What is a boat?", [0.0, 0.0]),
    ],
)
def test_the_one_who_asks_is_the_user(query: str, told: list[float]) -> None:
    weights = Weights(dense=0.4, before=0.0, after=0.0, reach=0, speaker=0.2, period=0.0, recency=0.0)
    places = [place(1), replace(place(2), role="assistant")]
    found = order([candidate(1, 0.6), candidate(2, 0.5)], places, weights, query=query)
    assert [one.signals.speaker for one in found] == told


def test_a_period_that_the_question_names_counts() -> None:
    weights = Weights(dense=0.4, before=0.0, after=0.0, reach=0, speaker=0.0, period=0.3, recency=0.0)
    places = [place(1, day=2), place(2, day=20), place(3)]
    found = order(
        [candidate(1, 0.5), candidate(2, 0.5), candidate(3, 0.5)], places, weights, query="What broke on 19 May 2026?"
    )
    assert ids(found) == [2, 1, 3]


def test_the_newest_counts_only_where_the_question_is_about_now() -> None:
    weights = Weights(dense=0.4, before=0.0, after=0.0, reach=0, speaker=0.0, period=0.0, recency=0.1)
    both = [candidate(1, 0.5), candidate(2, 0.5)]
    places = [place(1, day=1), place(2, day=30)]
    assert ids(order(both, places, weights, query="Where does Ann live now?")) == [2, 1]
    assert ids(order(both, places, weights, query="Where does Ann live?")) == [1, 2]
    assert ids(order(both, places, weights, query="Where did Ann live before she moved, and now?")) == [1, 2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_a_score_is_the_sum_of_its_parts_and_the_order_is_settled(scores: list[float], before: float, after: float) -> None:
    weights = Weights(dense=0.4, before=before, after=after, reach=2, speaker=0.1, period=0.1, recency=0.1)
    candidates = sorted((candidate(n, s) for n, s in enumerate(scores, 1)), key=lambda one: -one.signals.fused)
    found = order(candidates, [place(n) for n in range(1, len(scores) + 1)], weights)
    assert len(found) == len(scores)
    assert [(-one.signals.score, one.place.key) for one in found] == sorted(
        (-one.signals.score, one.place.key) for one in found
    )


def test_nothing_found_answers_nothing_and_a_better_hit_is_likelier() -> None:
    assert answerability.estimate([], words=3) == 0.0
    weak, strong = order([candidate(1, 0.9), candidate(2, 0.2)], [place(1), place(2)])[::-1]
    assert 0 < answerability.estimate([weak.signals], words=3) < answerability.estimate([strong.signals], words=3) < 1
