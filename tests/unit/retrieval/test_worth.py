"""Which of two memories that are as near to the question is told first."""

from dataclasses import replace

from retrieval.worth import by_worth
from tests.support.pieces import message


def test_of_equals_the_longer_and_what_is_no_question_come_first() -> None:
    short, asking = message(1, "We moved."), message(2, "Did we move to the new flat in Leeds in May?")
    saying = message(3, "We did move to the new flat in Leeds in May.")
    assert [one.id for one in by_worth([short, asking, saying])] == ["msg_3", "msg_2", "msg_1"]


def test_what_is_much_nearer_stays_first_and_scores_stay() -> None:
    near, far = message(1, "We moved."), replace(message(2, "word " * 100), score=0.5)
    assert by_worth([far, near]) == (near, far)
