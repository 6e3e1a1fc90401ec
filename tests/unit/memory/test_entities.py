"""Who and what a text names, and what they are called."""

import pytest

from memory.entities import Alias, EntityKind, canonical, find_aliases, find_entities


def names(text: str, *speakers: str) -> list[str]:
    return [one.name for one in find_entities(text, speakers=speakers)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("We met Maria Lopez at Acme Corp in New York.", ["Maria Lopez", "Acme Corp", "New York"]),
        ("She joined the University of Oslo.", ["University of Oslo"]),
        ("ERR-4711 is fixed, mail ann@corp.com.", ["ERR-4711", "ann@corp.com"]),
        ('Read "The Long Way Home" tonight.', ["The Long Way Home"]),
        ("Yesterday Anna's dog Bello barked.", ["Anna", "Bello"]),
    ],
)
def test_names_are_found(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Swimming is fun. Great! I'm here on Monday in May.",
        'He said "I will go home now."',
        "hello there",
        "OK. Wow! Thanks, really.",
    ],
)
def test_a_capital_alone_makes_no_name(text: str) -> None:
    assert names(text) == []


def test_a_speaker_is_known_wherever_the_name_stands() -> None:
    (one,) = find_entities("Caroline went home.", speakers=["Caroline"])
    assert (one.kind, one.start, one.end) == (EntityKind.SPEAKER, 0, 8)


def test_a_name_at_the_beginning_counts_when_it_stands_inside_elsewhere() -> None:
    assert names("Bello barked. I like Bello.") == ["Bello", "Bello"]


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


def test_a_first_name_is_its_only_bearer() -> None:
    aliases = {"maria lopez": "Maria Lopez", "bob": "Robert", "robert": "Robert"}
    assert [canonical(name, aliases) for name in ("Maria", "Bob", "Cy")] == ["Maria Lopez", "Robert", "Cy"]


def test_a_first_name_of_two_is_neither() -> None:
    assert canonical("Maria", {"maria lopez": "Maria Lopez", "maria berg": "Maria Berg"}) == "Maria"
