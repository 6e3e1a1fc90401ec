"""What a summary keeps: the telling sentences, said so that they can stand alone, within the budget, each citing its span."""

import pytest

from memory.compression.citing import named
from memory.compression.salience import Mark, marks
from memory.compression.selection import select
from tests.support.talk import cited, language, long_talk, talk


def kept(*said: tuple[str, str], tokens_max: int) -> list[str]:
    return [one.text for one in select(cited(talk(*said)), tokens_max)]


@pytest.mark.parametrize(
    "sentence, mark",
    [
        ("Actually, I meant the blue one.", Mark.CORRECTION),
        ("We no longer use that supplier.", Mark.CORRECTION),
        ("She doesn't eat nuts.", Mark.NEGATION),
        ("We decided to rent.", Mark.DECISION),
        ("I'll call them tomorrow.", Mark.COMMITMENT),
        ("My favorite colour is green.", Mark.PREFERENCE),
        ("Please always answer in French.", Mark.INSTRUCTION),
        ("There were forty boats.", Mark.NUMBER),
        ("It was on 2024-05-03.", Mark.DATE),
        ("We meet in May.", Mark.DATE),
        ("I spoke with Ingrid about it.", Mark.NAME),
        ("The ticket is ERR-4711.", Mark.IDENTIFIER),
        ("Where is it?", Mark.QUESTION),
    ],
)
def test_what_speaks_for_a_sentence_is_told_by_its_words(sentence: str, mark: Mark) -> None:
    assert mark in marks(sentence)


def test_a_sentence_that_says_nothing_in_particular_has_no_mark() -> None:
    assert marks("That sounds great!") == frozenset()


@pytest.mark.parametrize(
    "sentence, said",
    [
        ("I moved to Skagen.", "Ida moved to Skagen."),
        ("I'm tired.", "Ida is tired."),
        ("I’ve seen it.", "Ida has seen it."),  # noqa: RUF001  # as phones type it
        ("I don't know.", "Ida doesn't know."),
        ("I prefer window seats.", "Ida prefers window seats."),
        ("I usually go by train.", "Ida usually goes by train."),
        ("I read it twice.", "Ida read it twice."),
        ("I think.", "Ida thinks."),
        ("My sister paints.", "Ida's sister paints."),
        ('"I will," she said.', '"I will," she said.'),
        ("In May I moved.", "In May I moved."),
        ("I", "I"),
    ],
)
def test_a_leading_i_becomes_the_speakers_name(sentence: str, said: str) -> None:
    if sentence.startswith('"'):
        assert named(sentence, "Ida") == '"Ida will," she said.'
    else:
        assert named(sentence, "Ida") == said


def test_the_span_is_exact_although_the_name_is_said() -> None:
    utterance = talk(("Ida", "Hm. I sold the boat in 2019."))[0]
    sentence = cited([utterance])[1]
    assert sentence.text == "Ida sold the boat in 2019."
    assert utterance.text[sentence.start : sentence.end] == "I sold the boat in 2019."
    assert sentence.tokens == language().count(sentence.text)


def test_a_question_with_an_answer_is_not_open_and_its_answer_is_marked() -> None:
    asked, answer, open_one = cited(talk(("Bo", "Where do you live?"), ("Ida", "In Skagen."), ("Bo", "And since when?")))
    assert Mark.OPEN not in asked.marks
    assert Mark.ANSWER in answer.marks
    assert Mark.OPEN in open_one.marks


def test_facts_are_kept_before_pleasantries() -> None:
    said = (("Bo", "That sounds so great!"), ("Ida", "I sold the boat to Henrik in 2019."), ("Bo", "Wow, how nice is that!"))
    assert kept(*said, tokens_max=12) == ["Ida sold the boat to Henrik in 2019."]


def test_a_correction_is_kept_before_what_it_corrects() -> None:
    said = (("Ida", "The train leaves from platform nine."), ("Ida", "Actually, the train leaves from platform four."))
    assert kept(*said, tokens_max=11) == ["Actually, the train leaves from platform four."]


def test_what_is_said_again_word_for_word_is_kept_once_unless_there_is_room_for_all() -> None:
    said = [("Ida", "Never call before 9:30."), ("Bo", "The tiles arrive on 12 June.")] * 3
    for tokens_max in (12, 24, 40):
        found = kept(*said, tokens_max=tokens_max)
        assert len(found) == len(set(found))
    assert len(kept(*said, tokens_max=400)) == 6


def test_the_same_is_not_kept_twice_while_there_is_something_else() -> None:
    same = "The ferry to Laesoe leaves at noon on Mondays."
    other = "The kiosk sells maps of the island."
    chosen = kept(("Bo", same), ("Bo", same), ("Bo", same), ("Bo", other), tokens_max=24)
    assert sorted(chosen) == sorted([same, other])


@pytest.mark.parametrize("tokens_max", [0, 1, 3, 10, 50, 200, 10_000])
def test_the_budget_holds_and_the_order_is_the_conversations(tokens_max: int) -> None:
    chosen = select(cited(long_talk(3)), tokens_max)
    assert sum(one.tokens for one in chosen) <= tokens_max
    assert [(one.seq, one.start) for one in chosen] == sorted((one.seq, one.start) for one in chosen)


def test_the_same_sentences_give_the_same_choice() -> None:
    assert repr(select(cited(long_talk(3)), 300)) == repr(select(cited(long_talk(3)), 300))
