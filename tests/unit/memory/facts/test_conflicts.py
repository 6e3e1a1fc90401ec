"""The gate's verdicts, one scenario each, in the words of MEMORY.md."""

from dataclasses import replace

import pytest

from memory.facts.conflicts import Outcome, judge, rearranged
from memory.facts.statements import Status, comparable, fold
from tests.support.notebook import Notebook, day, home


def statuses(book: Notebook) -> list[Status]:
    return [fact.status for fact in book.facts.values()]


def test_the_first_word_about_something_is_added() -> None:
    book = Notebook()
    assert book.write(home("Oslo")) is Outcome.ADDED
    assert book.current() == ["Oslo"]


def test_the_same_again_is_one_more_proof_and_no_second_fact() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0), home("the OSLO.", 5)) is Outcome.NOOP
    assert len(book.facts) == 1
    assert book.facts[1].seen_at == day(5)


def test_a_later_value_takes_over_and_the_earlier_is_kept_with_its_end() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0), home("Bergen", 10)) is Outcome.SUPERSEDED
    assert (book.current(), book.at(9), book.at(10)) == (["Bergen"], "Oslo", "Bergen")
    assert book.facts[1].superseded_by == 2


def test_late_history_gets_a_closed_stretch_and_leaves_the_current_value_alone() -> None:
    book = Notebook()
    assert book.write(home("Bergen", 10), home("Oslo", 0)) is Outcome.ADDED
    assert (book.current(), book.at(5)) == (["Bergen"], "Oslo")
    assert book.facts[2].valid_to == day(10)


def test_history_between_two_values_ends_the_first_where_it_begins() -> None:
    book = Notebook()
    book.write(home("Oslo", 0), home("Rome", 20), home("Bergen", 10))
    assert [book.at(number) for number in (9, 10, 19, 20)] == ["Oslo", "Bergen", "Bergen", "Rome"]


def test_going_back_to_a_former_value_is_a_new_stretch() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0), home("Rome", 10), home("Oslo", 20)) is Outcome.SUPERSEDED
    assert (len(book.facts), book.at(15), book.at(25)) == (3, "Rome", "Oslo")


def test_many_values_stand_beside_each_other() -> None:
    book = Notebook()
    assert book.write(home("tea", many=True), home("coffee", many=True)) is Outcome.ADDED
    assert book.current() == ["tea", "coffee"]


def test_no_longer_closes_the_stretch() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0), home("Oslo", 7, polarity=False)) is Outcome.SUPERSEDED
    assert (book.current(), book.at(6), book.at(7)) == ([], "Oslo", None)


def test_no_longer_one_of_many_leaves_the_others() -> None:
    book = Notebook()
    book.write(home("tea", many=True), home("coffee", many=True), home("tea", 3, polarity=False, many=True))
    assert book.current() == ["coffee"]


def test_no_longer_in_oslo_says_nothing_about_bergen() -> None:
    book = Notebook()
    assert book.write(home("Bergen", 0), home("Oslo", 7, polarity=False)) is Outcome.ADDED
    assert book.current() == ["Bergen"]


def test_a_slip_of_the_tongue_never_held() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0), home("Bergen", 1, withdraws=True)) is Outcome.SUPERSEDED
    assert book.facts[1].withdrawn
    assert (book.at(0), book.at(1)) == (None, "Bergen")


def test_a_lesser_voice_only_challenges() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0, trust=3), home("Bergen", 5, trust=2)) is Outcome.CHALLENGED
    assert (book.current(), statuses(book)) == (["Oslo"], [Status.ACTIVE, Status.CHALLENGED])


def test_a_greater_voice_that_speaks_of_before_challenges_what_a_lesser_one_said() -> None:
    book = Notebook()
    book.write(home("Bergen", 5, trust=2), home("Oslo", 0, trust=3))
    assert (book.current(), statuses(book)) == (["Oslo"], [Status.CHALLENGED, Status.ACTIVE])


def test_a_lesser_voice_that_repeats_a_fact_does_not_weaken_it() -> None:
    book = Notebook()
    assert book.write(home("Oslo", 0, trust=4), home("Oslo", 5, trust=2)) is Outcome.NOOP
    assert book.facts[1].trust == 4
    assert book.write(home("Bergen", 9, trust=2)) is Outcome.CHALLENGED


def test_a_greater_voice_that_agrees_makes_the_fact_its_own() -> None:
    book = Notebook()
    book.write(home("Oslo", 0, trust=2), home("Oslo", 5, trust=3))
    assert book.facts[1].trust == 3
    assert book.write(home("Bergen", 9, trust=2)) is Outcome.CHALLENGED


def test_an_undated_word_never_ends_a_dated_one() -> None:
    book = Notebook()
    assert book.write(home("Bergen", 3), home("Oslo", None)) is Outcome.ADDED
    assert book.current() == ["Bergen"]


def test_of_two_undated_words_the_later_recorded_holds() -> None:
    book = Notebook()
    assert book.write(home("Bergen", None), home("Oslo", None)) is Outcome.SUPERSEDED
    assert book.current() == ["Oslo"]


def test_what_was_buried_is_refused() -> None:
    assert judge(home("Oslo"), [], buried=True).outcome is Outcome.REFUSED


def test_nearly_the_same_is_merged_when_numbers_and_names_agree() -> None:
    book = Notebook()
    book.write(home("strong black tea", many=True))
    assert book.write(home("black tea, strong", 2, many=True), similarity={1: 0.97}) is Outcome.MERGED
    assert len(book.facts) == 1


def test_nearly_the_same_with_another_number_or_name_is_not() -> None:
    book = Notebook()
    book.write(home("rooms on floor 3", many=True), home("walks with Bo", many=True))
    assert book.write(home("rooms on floor 4", many=True), similarity={1: 0.99}) is Outcome.ADDED
    assert book.write(home("walks with Cy", many=True), similarity={2: 0.99}) is Outcome.ADDED


def test_another_value_in_the_same_words_around_it_is_never_merged() -> None:
    book = Notebook()
    book.write(home("open", 0))
    assert book.write(home("closed", 2), similarity={1: 0.99}) is Outcome.SUPERSEDED
    assert book.current() == ["closed"]


def test_words_put_the_other_way_round_or_in_each_others_place_are_not_merged() -> None:
    book = Notebook()
    book.write(home("dogs more than cats", many=True), home("one tablet in the morning", many=True))
    assert book.write(home("cats more than dogs", many=True), similarity={1: 0.99}) is Outcome.ADDED
    assert book.write(home("one tablet in the evening", many=True), similarity={2: 0.99}) is Outcome.ADDED


@pytest.mark.parametrize(
    "less, more",
    [
        ("run a marathon", "run a half marathon"),
        ("call the owner", "call the former owner"),
        ("hockey", "ice hockey"),
        ("book a table", "book a table for two"),
    ],
)
def test_a_word_more_that_makes_it_another_thing_is_never_merged(less: str, more: str) -> None:
    for first, second in ((less, more), (more, less)):
        book = Notebook()
        book.write(home(first, many=True))
        assert book.write(home(second, 2, many=True), similarity={1: 0.97}) is Outcome.ADDED


def test_all_of_them_is_more_than_some() -> None:
    for first, second in (("contracts", "all contracts"), ("all contracts", "contracts")):
        book = Notebook()
        book.write(home(f"signing {first} herself", many=True))
        assert book.write(home(f"signing {second} herself", 2, many=True), similarity={1: 0.97}) is Outcome.ADDED


@pytest.mark.parametrize("said", ["long walks", "taking long walks", "really long walks", "just a long walk"])
def test_a_word_more_that_names_no_thing_is_merged(said: str) -> None:
    book = Notebook()
    book.write(home("long walks", many=True), home("swimming", many=True))
    expected = Outcome.NOOP if said == "long walks" else Outcome.MERGED
    assert book.write(home(said, 2, many=True), similarity={1: 0.97}) is expected
    assert book.write(home("to swim", 3, many=True), similarity={2: 0.97}) is Outcome.MERGED


def test_below_the_threshold_nothing_is_merged() -> None:
    book = Notebook()
    book.write(home("green tea", many=True))
    assert book.write(home("herbal tea", many=True), similarity={1: 0.92}) is Outcome.ADDED


def test_when_what_ended_a_fact_is_rejected_the_fact_holds_again() -> None:
    book = Notebook()
    book.write(home("Oslo", 0), home("Bergen", 10))
    (revision,) = rearranged([book.facts[1]])
    assert (revision.id, revision.status, revision.valid_to) == (1, Status.ACTIVE, None)


def test_what_was_ended_from_outside_its_slot_stays_ended_until_then_and_later_words_begin_anew() -> None:
    book = Notebook()
    book.write(home("tea", 0, many=True))
    book.facts[1] = replace(book.facts[1], status=Status.SUPERSEDED, valid_to=day(5), superseded_by=99)
    assert book.write(home("tea", 3, many=True)) is Outcome.NOOP
    assert book.write(home("tea", 9, many=True)) is Outcome.ADDED
    assert (book.facts[1].valid_to, book.facts[2].valid_to) == (day(5), None)
    assert rearranged(list(book.facts.values()), outside=True) == ()


def test_spelling_and_articles_make_no_other_value() -> None:
    assert fold("The  Old-Town\u2019s Caf\u00e9.") == fold("old-town's cafe\u0301")
    assert fold("C++") != fold("C")


def test_yes_and_no_are_never_comparable() -> None:
    assert not comparable("Ann eats meat.", "Ann does not eat meat.")
    assert comparable("Ann eats meat.", "Meat is eaten by Ann.") is comparable("Meat is eaten by Ann.", "Ann eats meat.")
