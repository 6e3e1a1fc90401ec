"""Who is called what, as texts introduce it."""

import pytest

from memory.facts.aliases import Alias, find_aliases


@pytest.mark.parametrize(
    "text, alias",
    [
        ("Robert (Bob) is here.", Alias(alias="Bob", name="Robert")),
        ("Melanie, also known as Mel, wrote.", Alias(alias="Mel", name="Melanie")),
        ("Mel is short for Melanie.", Alias(alias="Mel", name="Melanie")),
        ("Please call me Liz.", Alias(alias="Liz", name="Elizabeth")),
    ],
)
def test_aliases_are_those_that_the_text_introduces(text: str, alias: Alias) -> None:
    assert find_aliases(text, speaker="Elizabeth") == (alias,)


def test_nobody_is_renamed_without_an_introduction() -> None:
    assert find_aliases("Mel and Melanie met. Call me when Bob is back.", speaker="Ann") == ()
