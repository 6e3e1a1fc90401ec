"""What a message states and, more important, what it does not."""

from datetime import UTC, datetime

import pytest

from memory.facts.extraction import FACTS_PER_MESSAGE_MAX, Role, Said, extract
from memory.facts.statements import Cardinality, Kind, Statement

WEDNESDAY = datetime(2023, 6, 14, 10, tzinfo=UTC)


def stated(content: str, *, role: Role = "user", trust: int = 3, at: datetime | None = WEDNESDAY) -> tuple[Statement, ...]:
    return extract(Said(content=content, speaker="Ann", role=role, occurred_at=at, trust=trust))


def triples(content: str) -> list[tuple[str, str, str]]:
    return [(one.entity, one.attribute, one.value) for one in stated(content)]


@pytest.mark.parametrize(
    "content, triple",
    [
        ("My name is Ann Berg.", ("Ann", "name", "Ann Berg")),
        ("By the way, I live in New York now.", ("Ann", "home", "New York")),
        ("I've just moved from Oslo to Bergen.", ("Ann", "home", "Bergen")),
        ("I work as a ward nurse at the moment.", ("Ann", "job", "ward nurse")),
        ("I'm a senior software engineer.", ("Ann", "job", "senior software engineer")),
        ("I work at Globex Corp.", ("Ann", "employer", "Globex Corp")),
        ("I am 34 years old.", ("Ann", "age", "34")),
        ("My birthday is on 7 May.", ("Ann", "birthday", "05-07")),
        ("I was born on 7 May 1990.", ("Ann", "date of birth", "1990-05-07")),
        ("My sister Lena lives abroad.", ("Ann", "sister", "Lena")),
        ("Our dog's name is Rex.", ("Ann", "dog", "Rex")),
        ("I have a cat named Miso.", ("Ann", "cat", "Miso")),
        ("I'm lactose intolerant, sadly.", ("Ann", "diet", "lactose intolerant")),
        ("I'm allergic to peanuts.", ("Ann", "allergy", "peanuts")),
        ("My email is ann@corp.com now.", ("Ann", "email", "ann@corp.com")),
        ("My favourite colour is teal.", ("Ann", "favorite colour", "teal")),
        ("I really enjoy long walks in the rain.", ("Ann", "likes", "long walks in the rain")),
        ("I prefer window seats over aisle seats.", ("Ann", "prefers", "window seats")),
        ("We decided on Postgres for the database.", ("Ann", "decision on database", "Postgres")),
        ("I've decided to quit smoking.", ("Ann", "decision", "to quit smoking")),
        ("I'll send the report by Friday.", ("Ann", "commitment", "send the report (2023-06-16)")),
        ("The deadline for the grant proposal is 30 June.", ("grant proposal", "deadline", "2023-06-30")),
        ("The API response time is 250 ms.", ("API", "response time", "250 ms")),
        ("My budget is $500.", ("Ann", "budget", "$500")),
        ("My budget is $750 now.", ("Ann", "budget", "$750")),
        ("As I said, I live in Rome.", ("Ann", "home", "Rome")),
        ("Maria works at Initech.", ("Maria", "employer", "Initech")),
        ("Bob is my manager.", ("Ann", "manager", "Bob")),
        ("Ida is Bo's sister.", ("Bo", "sister", "Ida")),
    ],
)
def test_plain_statements_are_facts(content: str, triple: tuple[str, str, str]) -> None:
    assert triple in triples(content)


@pytest.mark.parametrize(
    "content",
    [
        "Do I live in Oslo?",
        "If I lived in Rome I would love pasta.",
        "Maybe I work at Globex next year.",
        "I wish I had a cat named Miso.",
        "She said I live in Rome.",
        "My boss said I live in Rome.",
        "<<<data 123456789012345\nI live in Rome.\n123456789012345 data>>>",
        '"I live in Rome" is the title of the song.',
        "Pretend you know me: I live on Mars. I work at Olympus Labs.",
        "Write a story. I live in Atlantis.",
        "```\nI live in Oslo\n```",
        "> I live in Oslo",
        "I love it. I like that you came. I love your hat.",
        "I'd like a table for two.",
        "I loved that film.",
        "Doing something I love is awesome.",
        "He lives in Paris.",
        "The plan is 5 times better, I think the budget is $500.",
        "I'm working at home.",
        "My budget is tight.",
        "In the book my name is Ishmael.",
        "",
    ],
)
def test_questions_wishes_quotations_and_play_state_nothing(content: str) -> None:
    assert triples(content) == []


@pytest.mark.parametrize(
    "content, triple",
    [
        ("I no longer live in Oslo.", ("Ann", "home", "Oslo")),
        ("I don't work at Acme anymore.", ("Ann", "employer", "Acme")),
        ("I don't like coffee any more.", ("Ann", "likes", "coffee")),
        ("I'm not vegan anymore.", ("Ann", "diet", "vegan")),
        ("Maria left Globex.", ("Maria", "employer", "Globex")),
        ("I can't stand instant coffee.", ("Ann", "likes", "instant coffee")),
    ],
)
def test_what_is_no_longer_so_is_a_statement_that_denies(content: str, triple: tuple[str, str, str]) -> None:
    assert [(one.entity, one.attribute, one.value) for one in stated(content) if not one.polarity] == [triple]


@pytest.mark.parametrize(
    "content", ["I misspoke, I live in Bergen.", "I misspoke. I live in Bergen.", "Correction: I live in Bergen."]
)
def test_a_slip_withdraws_what_was_said(content: str) -> None:
    (one,) = stated(content)
    assert (one.value, one.withdraws) == ("Bergen", True)


def test_a_slip_reaches_no_further_than_the_next_sentence() -> None:
    assert [one.withdraws for one in stated("I misspoke. I live in Bergen. I work at Acme.")] == [True, False]


def test_a_change_of_mind_withdraws_nothing() -> None:
    (one,) = stated("Actually, my favorite color is green.")
    assert not one.withdraws


def test_a_fact_holds_since_the_day_that_its_sentence_names() -> None:
    (one,) = stated("I moved to Bergen in May 2023.")
    assert one.valid_from == datetime(2023, 5, 1, tzinfo=UTC)


def test_a_fact_without_a_day_holds_since_it_was_said_and_without_that_since_nobody_knows() -> None:
    assert stated("I live in Oslo.")[0].valid_from == WEDNESDAY
    assert stated("I live in Oslo.", at=None)[0].valid_from is None


def test_the_span_is_where_the_message_says_it() -> None:
    content = "Morning! \u201cWell\u201d \u2013 I live in Oslo, as you know."
    (one,) = stated(content)
    assert content[one.start : one.end] == "I live in Oslo"


def test_sorts_of_facts_have_one_value_or_many() -> None:
    home, likes = stated("I live in Oslo and I love jazz.")
    assert (home.cardinality, home.kind) == (Cardinality.ONE, Kind.ATTRIBUTE)
    assert (likes.cardinality, likes.kind) == (Cardinality.MANY, Kind.PREFERENCE)


def test_an_assistant_states_only_what_it_has_done_and_weighs_less() -> None:
    assert stated("I live in Oslo. I love jazz. Your budget is $500.", role="assistant") == ()
    (one,) = stated("I've booked the flight to Rome for you.", role="assistant")
    assert (one.attribute, one.trust) == ("done", 2)


def test_tools_systems_and_quarantined_messages_state_nothing() -> None:
    assert (
        stated("I live in Oslo.", role="tool")
        == stated("I live in Oslo.", role="system")
        == stated("I live in Oslo.", trust=0)
        == ()
    )


def test_a_pasted_document_states_nothing_of_its_sender() -> None:
    assert stated("I live in Oslo. " * 2_000) == ()


def test_a_message_states_only_so_much() -> None:
    content = " ".join(f"The Pump{number} pressure is {number} bar." for number in range(60))
    assert len(stated(content)) == FACTS_PER_MESSAGE_MAX


def test_what_is_said_twice_in_a_message_is_stated_once() -> None:
    assert len(stated("I live in Oslo. Yes, I live in Oslo.")) == 1


@pytest.mark.parametrize(
    "content, value, day",
    [
        ("I was born on 7 May 1990.", "1990-05-07", None),
        ("I moved to Oslo on 3 March 2024.", "Oslo", "2024-03-03"),
        ("I've worked at Globex since 2019.", "Globex", "2019-01-01"),
        ("The deadline for the grant proposal is 30 June 2023.", "2023-06-30", None),
        ("I moved to Oslo last week.", "Oslo", None),
        ("I live in Oslo.", "Oslo", None),
    ],
)
def test_a_date_that_hangs_on_nothing_counts_although_nobody_knows_when_it_was_said(
    content: str, value: str, day: str | None
) -> None:
    (fact,) = stated(content, at=None)
    assert fact.value == value
    assert (None if fact.valid_from is None else f"{fact.valid_from:%Y-%m-%d}") == day


def test_a_date_that_hangs_on_the_moment_counts_for_nothing_where_nobody_knows_it() -> None:
    assert stated("I'll send the report by Friday.", at=None) == ()
    assert stated("My birthday is on 7 May.", at=None) == ()
