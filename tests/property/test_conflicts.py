"""The gate under any history: one value at a time, the same end whatever the order of arrival, and nothing new on a replay."""

from dataclasses import replace
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from memory.facts.statements import Statement, Status
from memory.facts.timeline import UNDATED
from tests.support.notebook import Notebook, home

PLACES = ["Oslo", "Bergen", "Rome", "oslo."]


@st.composite
def histories(draw: st.DrawFn, *, trusts: tuple[int, ...] = (3,), dated: bool = True) -> list[Statement]:
    """Statements about one slot, each on a day of its own."""
    days = draw(st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=8, unique=dated))
    return [
        home(
            draw(st.sampled_from(PLACES)),
            number,
            trust=draw(st.sampled_from(trusts)),
            polarity=draw(st.integers(min_value=0, max_value=4)) > 0,
        )
        for number in days
    ]


def stretches(book: Notebook) -> list[tuple[datetime, datetime | None]]:
    holding = [one for one in book.facts.values() if one.status is Status.ACTIVE and one.polarity]
    return [(one.valid_from or UNDATED, one.valid_to) for one in holding]


@given(histories(trusts=(1, 2, 3, 4), dated=False))
def test_an_attribute_with_one_value_has_at_most_one_that_is_active(history: list[Statement]) -> None:
    book = Notebook()
    for statement in history:
        book.write(statement)
        assert len(stretches(book)) <= 1


@given(st.data(), histories())
def test_the_order_of_arrival_does_not_change_what_is_current_or_what_was(
    data: st.DataObject, history: list[Statement]
) -> None:
    given_order, other = Notebook(), Notebook()
    given_order.write(*history)
    other.write(*data.draw(st.permutations(history)))
    assert [one.strip(".").casefold() for one in given_order.current()] == [
        one.strip(".").casefold() for one in other.current()
    ]


@given(st.data(), histories(), histories())
def test_what_a_weightier_voice_says_is_current_whatever_a_lesser_one_says_in_between(
    data: st.DataObject, history: list[Statement], beside: list[Statement]
) -> None:
    alone, other = Notebook(), Notebook()
    alone.write(*history)
    other.write(*data.draw(st.permutations([*history, *(replace(one, trust=2) for one in beside)])))
    if alone.current():
        assert [one.strip(".").casefold() for one in other.current()] == [one.strip(".").casefold() for one in alone.current()]


@given(histories(), st.sampled_from([2, 3, 4]))
def test_a_replay_of_one_voice_changes_nothing(history: list[Statement], trust: int) -> None:
    history = [replace(one, trust=trust) for one in history]
    book = Notebook()
    book.write(*history)
    before = dict(book.facts)
    book.write(*history)
    assert {key: (one.value, one.status, one.valid_to) for key, one in book.facts.items()} == {
        key: (one.value, one.status, one.valid_to) for key, one in before.items()
    }


@given(histories())
def test_every_superseded_fact_names_what_ended_it_at_the_moment_it_ended(history: list[Statement]) -> None:
    book = Notebook()
    book.write(*history)
    for one in book.facts.values():
        if one.status is Status.SUPERSEDED:
            assert one.superseded_by is not None
            ender = book.facts[one.superseded_by]
            assert one.valid_to in {ender.valid_from, ender.seen_at}
