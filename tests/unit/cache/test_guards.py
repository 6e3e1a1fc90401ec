"""What forbids that one answer serves two questions, by class, and the paraphrases that it must let through."""

import pytest

from cache.guards import compare, read


def vetoes(one: str, other: str) -> tuple[str, ...]:
    found = compare(read(one), read(other)).vetoes
    assert compare(read(other), read(one)).vetoes == found
    return found


@pytest.mark.parametrize(
    "one, other, veto",
    [
        ("Can I bring 2 bags?", "Can I bring 5 bags?", "numbers"),
        ("a team of two", "a team of nine", "numbers"),
        ("pay 1,000 now", "pay 10,000 now", "numbers"),
        ("version 3.1 notes", "version 3.2 notes", "numbers"),
        ("open on Monday", "open on Sunday", "dates"),
        ("revenue in March", "revenue in May", "dates"),
        ("The train at 7 pm", "The train at 7 am", "dates"),
        ("30 miles away", "30 km away", "units"),
        ("a fee of 2 %", "a fee of 2 euros", "units"),
        ("a limit of 5MB", "a limit of 5GB", "units"),
        ('what does "open" mean', 'what does "shut" mean', "quoted"),
        ("the flag `-a`", "the flag `-b`", "quoted"),
        ("which cards are accepted", "which cards are not accepted", "negation"),
        ("travel with a passport", "travel without a passport", "negation"),
        ("from Rome to Cairo", "from Cairo to Rome", "order"),
        ("Did Sony sue Apple?", "Did Apple sue Sony?", "order"),
        ("is tea better than coffee", "is coffee better than tea", "order"),
        ("What is 8 minus 3?", "What is 3 minus 8?", "order"),
        ("Do cats chase young dogs?", "Do dogs chase young cats?", "order"),
        ("Did Ann and Bob meet Eva and Tim?", "Did Eva and Bob meet Ann and Tim?", "order"),
        ("How do I lock the screen?", "How can I unlock my screen?", "opposites"),
        ("Is the bill monthly?", "Is the bill yearly?", "opposites"),
        ("Who governs Ohio?", "Who governs Utah?", "names"),
        ("How do I call Ann Lee?", "How can I call Eva Lee?", "names"),
        ("Do all cats bite?", "Do some cats bite?", "quantifiers"),
        ("Is the shop always open?", "Is the shop rarely open?", "quantifiers"),
        ("Do I need at least two keys?", "Do I need at most two keys?", "quantifiers"),
        ("Must I wear a hat?", "May I wear a hat?", "quantifiers"),
        ("Is a hat required to enter?", "Is a hat allowed to enter?", "quantifiers"),
        (
            "The old king of the northern valley sent a heavy silver ring to his younger sister in the south",
            "The younger sister of the northern king sent a heavy silver ring to his old valley in the south",
            "order",
        ),
    ],
)
def test_a_near_certain_difference_is_a_veto(one: str, other: str, veto: str) -> None:
    assert veto in vetoes(one, other)


@pytest.mark.parametrize(
    "one, other",
    [
        ("Can I bring 2 bags?", "Are two bags allowed?"),
        ("a 15% tip", "a tip of 15 percent"),
        ("30 km/h", "30 kilometres per hour"),
        ("tickets for May 3rd", "tickets for 3 May"),
        ("the word 'brisk'", 'the word "brisk"'),
        ("Why isn't it working?", "Why does it not work?"),
        ("I can't log in", "I cannot log in"),
        ("Before running, should I stretch?", "Should I stretch before running?"),
        ("Are students graded by teachers?", "Do teachers grade students?"),
        ("My card has not come after 2 weeks", "My card has not come"),
        ("Do all cats bite?", "Does every cat bite?"),
        ("Must I wear a hat?", "Do I have to wear a hat?"),
        ("How can I change my name?", "How must I change my name?"),
        ("What are the most famous bridges?", "What are some famous bridges?"),
        (
            "After the long winter the farmers of the valley mended every fence and bought new horses",
            "The farmers of the valley mended every fence and bought new horses after the long winter",
        ),
        ("", "anything"),
        ("Are you for the two party system?", "Are you for the 2 party system?"),
        ("Is the Honda City or the Hyundai Verna better?", "Is the Hyundai Verna or the Honda City better?"),
        ("How do tea and coffee differ?", "How do coffee and tea differ?"),
        ("Which is the best editor in Rust for writing SQL?", "Which is the best editor for writing SQL in Rust?"),
        ("Who is on the board of Acme?", "Who is on Acme's board?"),
        ("What do I do to go from Rome to Cairo?", "How do I go from Rome to Cairo?"),
        ("180 °C is right", "180 Celsius is right"),
        ("How do I close the window and open the door?", "How do I open the door?"),
    ],
)
def test_a_paraphrase_is_none(one: str, other: str) -> None:
    assert vetoes(one, other) == ()


def test_what_is_only_likely_is_a_feature_and_no_veto() -> None:
    comparison = compare(read("How do I enable all alerts in Zurich?"), read("How do I disable some alerts in Geneva?"))
    assert comparison.vetoes == ()
    assert (comparison.opposites, comparison.quantifiers) == (1.0, 1.0)
    assert comparison.names == 1.0


def test_may_is_a_month_only_where_it_stands_as_one() -> None:
    assert vetoes("May I come in June?", "May I come in July?") == ("dates",)
    assert vetoes("Who may sign?", "Who signs in May?") == ()


def test_a_text_of_many_megabytes_is_read_to_a_bound() -> None:
    assert read("word " * 2_000_000).numbers == frozenset()
