"""Sentences and summaries for texts that nobody thought of."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from memory.compression import tree
from memory.compression.faithfulness import flaw_of
from memory.compression.sentences import spans
from tests.support.talk import cited, language, talk

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("aAbI'.!? \n\t`-*123|:。"), st.characters()), max_size=300)


@given(TEXTS)
def test_spans_ascend_without_overlap_and_hold_everything_but_white_space(text: str) -> None:
    found = list(spans(text))
    assert all(one.start < one.end for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert "".join("".join(text[one.start : one.end].split()) for one in found) == "".join(text.split())
    assert all(text[one.start : one.end].strip() == text[one.start : one.end] for one in found)


@given(st.lists(TEXTS, max_size=6), st.integers(0, 400))
def test_a_summary_keeps_its_budget_and_cites_what_is_there(texts: list[str], tokens_max: int) -> None:
    said = talk(*[(f"s{place % 2}", text) for place, text in enumerate(texts)])
    everything = cited(said)
    least = min((one.tokens for one in everything), default=0)
    if tokens_max < least:
        return
    chosen = tree.answer(tree.levels(said, language()), tokens_max, lambda: everything)
    assert sum(one.tokens for one in chosen) <= tokens_max
    assert set(chosen) <= set(everything)


@given(TEXTS)
def test_a_sentence_that_says_what_it_cites_always_passes_the_gate(text: str) -> None:
    for one in cited(talk(("Ida", text))):
        assert flaw_of(one.text, [one], language().terms) is None
