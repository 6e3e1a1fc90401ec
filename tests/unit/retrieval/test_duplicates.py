"""Near duplicates: what is told once, and what only looks like it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

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


# Few words, so that texts share many; of one of which some are copies, changed a little.
TEXTS = st.lists(st.lists(st.sampled_from(["ann", "bob", "met", "in", "oslo", "7", "not"]), max_size=14), max_size=6)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 14), st.sampled_from(["", "new", "8"])), max_size=6))
def test_what_covers_what_is_as_its_definition_says(texts: list[list[str]], changes: list[tuple[int, int, str]]) -> None:
    copies = [[*texts[of][:at], word, *texts[of][at:]] for of, at, word in changes if of < len(texts)]
    all_words = [[word for word in words if word] for words in [*texts, *copies]]
    expected = [
        frozenset(
            other
            for other, theirs in enumerate(all_words)
            if other != place
            and len(shingles(words) & shingles(theirs)) >= 0.9 * len(shingles(words))
            and set(words) & {"7", "8", "not"} <= set(theirs)
        )
        for place, words in enumerate(all_words)
    ]
    assert covers([" ".join(words) for words in all_words]) == expected


def shingles(words: list[str]) -> set[tuple[str, ...]]:
    if len(words) < 6:
        return {("whole", *words)}
    return {*zip(words, words[1:], words[2:], strict=False), *pairwise(words[-2:])}
