"""A context is never over its budget, whatever the texts, the form and the tokenizer, and says the truth about itself."""

import random

import pytest

from core.errors import Invalid
from retrieval.assembling import Assembled, assemble
from retrieval.budget import Budget, Scales
from retrieval.pieces import Piece, Quota, Section
from retrieval.rendering import EARLIER, INSTRUCTIONS, Form
from tests.support.pieces import budget, crowd

NAMES = ("o200k_base", "cl100k_base", "all-minilm-l6-v2", "an-unknown-model")
ROUNDS = 400  # for each of four tokenizers and, in turn, four forms


def recounted(found: Assembled, given: Budget) -> int:
    """The tokens of what is handed over, counted anew from the text alone."""
    count = given.vocabulary.count
    if not given.form.has_turns:
        return count(found.text)
    contents = [found.prefix, *([found.tail] if found.tail else []), *(turn.content for turn in found.turns)]
    if given.form is Form.ANTHROPIC and not found.tail and found.turns and found.turns[0].role == "assistant":
        contents.append(EARLIER)
    each, around = (4, 3) if given.form is Form.OPENAI and given.vocabulary.exact else (8, 0)
    around = 3 if given.form is Form.OPENAI else around
    return sum(count(content) + each for content in contents) + around


@pytest.mark.timeout(120)  # thousands of contexts
@pytest.mark.parametrize("name", NAMES)
def test_no_context_is_over_its_budget_and_its_total_is_what_it_has(name: str) -> None:
    chance = random.Random(name)
    for number in range(ROUNDS):
        form = list(Form)[number % 4]
        stable, candidates = crowd(chance)
        given = budget(chance.randrange(20, 1500), form, name, recent=Quota(tokens_max=chance.choice([None, 60])))
        if given.tokens_max < Scales(given).least:
            with pytest.raises(Invalid, match="tokens_max"):
                assemble(stable, candidates, given)
            continue
        found = assemble(stable, candidates, given)
        assert found.total == recounted(found, given) <= given.tokens_max
        assert len(found.judged) == len(stable) + len(candidates)
        assert all(one.included == (one.reason == "included") for one in found.judged)


@pytest.mark.timeout(120)  # hundreds of contexts, each packed several times
@pytest.mark.parametrize("form", list(Form))
def test_a_piece_left_out_for_its_size_is_in_at_the_budget_it_is_told(form: Form) -> None:
    chance = random.Random(form.value)
    seen = 0
    stable: list[Piece] = []
    for _ in range(40):
        candidates = crowd(chance)[1]
        given = budget(chance.randrange(200, 500), form)
        for one in assemble(stable, candidates, given).judged:
            if one.would_fit_at is None:
                continue
            seen += 1
            assert one.reason == "budget"
            larger = assemble(stable, candidates, budget(one.would_fit_at, form))
            assert one.marked.marker in {chosen.marked.marker for chosen in larger.chosen}
            less = assemble(stable, candidates, budget(one.would_fit_at - 1, form))
            assert one.marked.marker not in {chosen.marked.marker for chosen in less.chosen}
    assert seen > 50


@pytest.mark.parametrize("form", list(Form))
def test_the_prefix_does_not_depend_on_the_question(form: Form) -> None:
    chance = random.Random(form.value)
    for _ in range(60):
        stable, candidates = crowd(chance)
        first = assemble(stable, candidates, budget(900, form))
        second = assemble(stable, crowd(chance)[1], budget(900, form))
        assert (first.prefix, first.etag) == (second.prefix, second.etag)


@pytest.mark.timeout(60)  # hundreds of contexts
def test_whatever_is_retrieved_stands_inside_a_fence() -> None:
    chance = random.Random(7)
    for _ in range(200):
        stable, candidates = crowd(chance)
        found = assemble(stable, candidates, budget(2000))
        assert found.text.startswith(INSTRUCTIONS)
        assert outside(found.text.removeprefix(INSTRUCTIONS)) == ""
        for one in found.chosen:
            assert f"[{one.marked.marker}] " in found.text


def outside(text: str) -> str:
    """What no fence is around."""
    rest: list[str] = []
    closing: str | None = None
    for line in text.split("\n"):
        if closing is None and line.startswith("<<<data "):
            closing = f"{line.removeprefix('<<<data ')} data>>>"
        elif closing is None:
            rest.append(line)
        elif line == closing:
            closing = None
    assert closing is None
    return "".join(rest)


def test_sections_hold_their_maxima_and_get_their_minima() -> None:
    chance = random.Random(11)
    for _ in range(100):
        _, candidates = crowd(chance)
        given = budget(600, documents=Quota(tokens_min=100, tokens_max=200), recent=Quota(tokens_max=90))
        found = assemble([], candidates, given)
        assert found.by_section.get(Section.DOCUMENTS, 0) <= 200
        assert found.by_section.get(Section.RECENT, 0) <= 90
