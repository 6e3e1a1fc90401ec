"""Quoted passages: what is the same passage in another text, and what is none."""

import pytest

from memory.facts.quotes import locate, quoted

TEXT = "# Leave\n\nUp to *five* days of unused leave carry over. Sick days do not."


def quote(passage: str, text: str = TEXT) -> str:
    start = text.index(passage)
    made = quoted(text, start, start + len(passage))
    assert made is not None
    return made


@pytest.mark.parametrize(
    "now",
    [
        TEXT,
        "Intro.\n\n" + TEXT,
        "UP TO FIVE\ndays of unused\nleave carry over!",
        "Up up to five days of unused leave carry over",
    ],
)
def test_the_same_words_are_found_wherever_they_stand(now: str) -> None:
    place = locate(now, quote("Up to *five* days of unused leave carry over."))
    assert place is not None
    start, end = place
    words = [word.strip("*.!") for word in now[start:end].casefold().split()]
    assert words == ["up", "to", "five", "days", "of", "unused", "leave", "carry", "over"]


@pytest.mark.parametrize(
    "now", ["", "Up to ten days of unused leave carry over.", "Up to five days", "leave carry over, up to five"]
)
def test_other_words_are_not(now: str) -> None:
    assert locate(now, quote("Up to *five* days of unused leave carry over.")) is None


def test_a_word_that_is_cut_counts_whole() -> None:
    assert quote("ve* days of unu") == quote("*five* days of unused")
    assert "five" not in quote("*five*"), "a digest, and no words"


@pytest.mark.parametrize("start, end", [(7, 9), (0, 1), (5, 5), (-1, 4), (0, 1_000)])
def test_no_words_are_no_quote(start: int, end: int) -> None:
    assert quoted(TEXT, start, end) is None
