"""The gate: what a model wrote stands only on what it cites."""

import pytest

from memory.compression.faithfulness import Flaw, Written, flaw_of, judge
from tests.support.talk import cited, language, talk

SOURCES = cited(
    talk(
        ("Ida", "I moved to Skagen on 3 May 2024 with two dogs."),
        ("Bo", "Henrik doesn't eat fish."),
        ("Ida", "The repair cost $1,200.50 and took the whole of June."),
        ("Ida", "Yesterday we sailed past the Grey Lighthouse."),
    )
)
TERMS = language().terms


@pytest.mark.parametrize(
    "text, cites",
    [
        ("Ida moved to Skagen with 2 dogs.", (0,)),
        ("On May 3rd, 2024, Ida moved to Skagen.", (0,)),
        ("Ida's dogs moved to Skagen in 2024.", (0,)),
        ("Henrik does not eat fish.", (1,)),
        ("The repair took June and cost 1200.5.", (2,)),
        ("Ida moved to Skagen, and the repair cost $1,200.50.", (0, 2)),
        ("Yesterday they sailed past the Grey Lighthouse.", (3,)),
    ],
)
def test_what_its_sources_say_may_stand(text: str, cites: tuple[int, ...]) -> None:
    assert flaw_of(text, [SOURCES[cite] for cite in cites], TERMS) is None


@pytest.mark.parametrize(
    "text, cites, flaw",
    [
        ("Ida moved to Skagen with three dogs.", (0,), Flaw.NUMBER),
        ("Ida moved to Skagen with 3 dogs.", (0,), Flaw.NUMBER),
        ("The repair cost 12,000.", (2,), Flaw.NUMBER),
        ("Ida moved to Skagen on 4 May 2024.", (0,), Flaw.DATE),
        ("Ida moved to Skagen in 2023.", (0,), Flaw.DATE),
        ("Ida moved to Skagen in June.", (0,), Flaw.DATE),
        ("Ida moved to Skagen last week.", (0,), Flaw.DATE),
        ("Tom moved to Skagen.", (0,), Flaw.NAME),
        ("Ida moved to Aarhus.", (0,), Flaw.NAME),
        ("Henrik eats fish.", (1,), Flaw.NEGATION),
        ("Ida never moved to Skagen.", (0,), Flaw.NEGATION),
        ("Ida enjoys opera, theatre and long walks.", (0,), Flaw.WORDS),
        ("Ida moved to Skagen.", (), Flaw.UNCITED),
        (" ", (0,), Flaw.EMPTY),
        ("A", (0,), Flaw.EMPTY),
        ("The answer is", (0,), Flaw.WORDS),
        ("Ida moved to Skagen with two houses.", (0,), Flaw.NUMBER),
        ("Ida moved to Skagen, the sunniest town of Denmark.", (0,), Flaw.NAME),
        ("Ida moved to Skagen, and it is a great place.", (0,), Flaw.WORDS),
        ("Ida moved to Skagen; Henrik eats fish. He doesn't.", (0, 1), Flaw.NEGATION),
        ("Henrik's dogs moved to Skagen.", (0, 1), Flaw.NAME),
        ("The repair cost $1,200.50 and took the whole of June, two dogs moved to Skagen in June.", (0, 2), Flaw.DATE),
        ("Ida moved to Skagen with two dogs on 3 May 2024, the repair cost 2 and took the whole of June.", (0, 2), Flaw.NUMBER),
        ("Bo moved to Skagen, and Henrik doesn't eat fish.", (0, 1), Flaw.SPEAKER),
        ("Bo: moved to Skagen. Henrik doesn't eat fish.", (0, 1), Flaw.SPEAKER),
        ("Ida moved with my two dogs to Skagen, Henrik doesn't eat fish.", (0, 1), Flaw.SPEAKER),
        ("Ida moved with two dogs to Skagen. Ida moved with two dogs to Skagen.", (0,), Flaw.LONGER),
    ],
)
def test_what_they_do_not_say_may_not(text: str, cites: tuple[int, ...], flaw: Flaw) -> None:
    assert flaw_of(text, [SOURCES[cite] for cite in cites], TERMS) is flaw


def test_a_sentence_that_may_not_stand_is_replaced_by_its_sources_word_for_word() -> None:
    judged = judge([Written(text="Ida moved to Skagen with 9 dogs.", cites=(0,))], SOURCES, TERMS)
    assert [(one.text, one.rewritten) for one in judged.sentences] == [(SOURCES[0].text, False)]
    assert judged.flaws == (Flaw.NUMBER,)


def test_a_source_is_given_only_once_however_often_it_is_cited() -> None:
    wrong = [Written(text="Ida has 9 dogs.", cites=(0,)), Written(text="Ida has 8 dogs.", cites=(0,))]
    assert len(judge(wrong, SOURCES, TERMS).sentences) == 1


def test_a_citation_of_nothing_there_is_none() -> None:
    judged = judge([Written(text="Ida moved.", cites=(99, -1))], SOURCES, TERMS)
    assert (judged.sentences, judged.flaws) == ((), (Flaw.UNCITED,))


@pytest.mark.parametrize(
    "written, shown",
    [
        ("1. Ida moved to Skagen with two dogs.", "Ida moved to Skagen with two dogs."),
        ("Ida: Ida moved to Skagen with two dogs.", "Ida moved to Skagen with two dogs."),
        ("Ida moved to Skagen with two dogs. },{", "Ida moved to Skagen with two dogs."),
        ("Ida moved to Skagen with two dogs.}, {", "Ida moved to Skagen with two dogs."),
        ("Ida moved to Skagen with two dogs. It is a famous example of a happy family.", "Ida moved to Skagen with two dogs."),
    ],
)
def test_what_is_around_a_sentence_and_not_of_its_sources_is_taken_off(written: str, shown: str) -> None:
    judged = judge([Written(text=written, cites=(0,))], SOURCES, TERMS)
    assert [(one.text, one.rewritten) for one in judged.sentences] == [(shown, True)]


def test_a_source_that_is_cited_and_not_carried_is_not_taken_for_said() -> None:
    judged = judge([Written(text="Ida moved to Skagen with two dogs.", cites=(0, 1, 2))], SOURCES, TERMS)
    assert [one.sources for one in judged.sentences] == [(SOURCES[0],)]


def test_what_only_says_a_source_again_is_that_source_and_no_rewriting() -> None:
    judged = judge([Written(text=f"Ida: {SOURCES[0].text}", cites=(0,))], SOURCES, TERMS)
    assert [(one.text, one.rewritten) for one in judged.sentences] == [(SOURCES[0].text, False)]
    assert judged.flaws == ()


def test_the_same_words_are_shown_once() -> None:
    twice = [Written(text="Ida moved to Skagen with two dogs.", cites=(0,))] * 2
    assert len(judge(twice, SOURCES, TERMS).sentences) == 1
