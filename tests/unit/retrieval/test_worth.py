"""Which of two memories that are as near to the question is told first."""

from dataclasses import replace

from retrieval.worth import by_title, by_worth
from tests.support.pieces import document, message


def test_of_equals_the_longer_and_what_is_no_question_come_first() -> None:
    short, asking = message(1, "We moved."), message(2, "Did we move to the new flat in Leeds in May?")
    saying = message(3, "We did move to the new flat in Leeds in May.")
    assert [one.id for one in by_worth([short, asking, saying])] == ["msg_3", "msg_2", "msg_1"]


def test_what_is_much_nearer_stays_first_and_scores_stay() -> None:
    near, far = message(1, "We moved."), replace(message(2, "word " * 100), score=0.5)
    assert by_worth([far, near]) == (near, far)


def test_what_answers_a_question_that_was_found_comes_before_its_equals() -> None:
    asking, answering, other = message(1, "Where are you?"), message(2, "In Leeds today."), message(7, "In Paris today.")
    assert next(one.id for one in by_worth([other, asking, answering])) == "msg_2"
    elsewhere = replace(answering, owner="s2")
    assert next(one.id for one in by_worth([other, asking, elsewhere])) == "msg_7"


def test_of_equals_that_of_the_session_with_the_best_hits_comes_first() -> None:
    hits = [message(number, f"Hit {number} of the talk.") for number in (10, 20, 30)]
    here, there = replace(message(40, "One of two."), score=0.5), replace(message(50, "Two of two."), score=0.5, owner="s2")
    assert [one.id for one in by_worth([*hits, there, here])][-2:] == ["msg_40", "msg_50"]


def test_a_passage_of_a_document_that_the_question_names_comes_before_its_equals() -> None:
    other, named = document(1, "Capital spending.", title="Netflix 2017 10K"), document(2, "It fell.", title="BOEING 2017 10K")
    assert [one.title for one in by_title([other, named], "What did Boeing spend in 2017?")] == [named.title, other.title]
    far = replace(named, score=0.5)
    assert by_title([other, far], "What did Boeing spend in 2017?") == (other, far)


def test_words_that_all_titles_have_or_that_name_nothing_name_no_document() -> None:
    one, other = document(1, "Five days.", title="The leave policy"), document(2, "A policy.", title="What of a policy")
    assert by_title([one, other], "what is the policy of the house?") == (one, other)
