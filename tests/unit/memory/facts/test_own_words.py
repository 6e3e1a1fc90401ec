"""What of a message is its sender's own words."""

import pytest

from memory.facts.own_words import own_words


@pytest.mark.parametrize(
    "other",
    ["> What is your city?\n", "    city = 1\n", "```\nI live in Hull.\n```\n", "<quote>I live in Hull.</quote>\n"],
    ids=["reply", "indented", "fenced", "tagged"],
)
def test_what_stands_below_somebody_elses_words_is_the_senders_own_again(other: str) -> None:
    text = f"Hello.\n{other}I live in Rome."
    own = own_words(text)
    assert len(own) == len(text)
    assert [line for line in own.splitlines() if line.strip()] == ["Hello.", "I live in Rome."]
