"""What a model wrote is shown only where it says what it cites, in order, within the budget, and with nothing lost."""

from memory.compression.faithfulness import Written
from memory.compression.rewriting import NOTHING_STANDS, OVER_BUDGET, held
from tests.support.talk import cited, language, talk

SOURCES = cited(
    talk(
        ("Ida", "I moved to Skagen in March with two dogs."),
        ("Bo", "I did not sell the boat."),
        ("Ida", "I pay 900 euros for the flat."),
    )
)
BUDGET = 80


def shown(*written: Written, tokens_max: int = BUDGET) -> list[tuple[str, bool]]:
    return [(one.text, one.rewritten) for one in held(written, SOURCES, tokens_max, language()).sentences]


def test_a_faithful_sentence_stands_with_its_sources() -> None:
    text = "Ida moved to Skagen in March with two dogs and pays 900 euros for the flat."
    rewriting = held([Written(text=text, cites=(0, 2))], SOURCES, BUDGET, language())
    assert rewriting.fallback is None
    assert [one.text for one in rewriting.sentences] == [text, SOURCES[1].text]
    assert rewriting.sentences[0].sources == (SOURCES[0], SOURCES[2])


def test_a_sentence_with_an_invented_number_is_said_in_its_sources_words() -> None:
    written = (Written(text="Ida moved to Skagen with two dogs.", cites=(0,)), Written(text="Ida pays 950 euros.", cites=(2,)))
    assert shown(*written) == [
        ("Ida moved to Skagen with two dogs.", True),
        (SOURCES[1].text, False),
        (SOURCES[2].text, False),
    ]


def test_a_lost_not_is_put_back() -> None:
    written = (Written(text="Bo sold the boat.", cites=(1,)), Written(text="Ida moved to Skagen in March.", cites=(0,)))
    assert (SOURCES[1].text, False) in shown(*written)


def test_when_nothing_stands_there_is_no_rewriting() -> None:
    written = [Written(text="Everybody met in Paris on 4 July 1999.", cites=(0,)), Written(text="Hello.", cites=())]
    assert held(written, SOURCES, BUDGET, language()).fallback == NOTHING_STANDS
    assert held([], SOURCES, BUDGET, language()).fallback == NOTHING_STANDS


def test_what_would_pass_the_budget_is_no_rewriting() -> None:
    text = "Ida moved, with two dogs, to Skagen, in March."
    assert held([Written(text=text, cites=(0,))], SOURCES, 20, language()).fallback == OVER_BUDGET
