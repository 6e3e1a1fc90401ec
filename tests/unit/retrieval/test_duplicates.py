"""Near duplicates: what is told once, and what only looks like it."""

from retrieval.duplicates import covers

TURN = "we moved the launch of the blue parrot project to the second week of March because of the audit"


def test_a_turn_inside_a_window_is_told_by_the_window_and_not_the_other_way() -> None:
    window = f"Ann: hello there Bob, how are you today\nBob: fine. {TURN}\nAnn: good to know, thanks a lot"
    assert covers([TURN, window]) == [frozenset({1}), frozenset()]


def test_equal_texts_tell_each_other_whatever_their_case_and_punctuation() -> None:
    assert covers([TURN, TURN.upper() + "!"]) == [frozenset({1}), frozenset({0})]
    assert covers(["Yes, thanks!", "yes thanks"]) == [frozenset({1}), frozenset({0})]


def test_another_number_or_a_negation_makes_another_text() -> None:
    year = "revenue of the company grew by 12.5 percent in the fiscal year 2022 against the year before that one"
    other = year.replace("2022", "2023")
    assert covers([year, other]) == [frozenset(), frozenset()]
    assert covers([f"{TURN} and I did agree to all of that", f"{TURN} and I did not agree to all of that"])[1] == frozenset()


def test_short_texts_are_duplicates_only_when_equal() -> None:
    assert covers(["see you soon", "see you soon then", TURN]) == [frozenset()] * 3


def test_nothing_and_blanks_are_no_trouble() -> None:
    assert covers([]) == []
    assert covers(["", " "]) == [frozenset({1}), frozenset({0})]
