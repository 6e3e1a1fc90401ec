"""The tree of a session: time-ordered nodes of eight, sentences of the source at every level, any budget answered."""

from itertools import pairwise

import pytest

from core.errors import Invalid
from memory.compression import tree
from memory.compression.citing import Sentence
from tests.support.talk import cited, language, long_talk, talk

TALK = long_talk(20)
LEVELS = tree.levels(TALK, language())


def none() -> list[Sentence]:
    raise AssertionError("the source is not needed")


def test_every_message_is_covered_once_by_each_level_in_order() -> None:
    for level in LEVELS:
        assert (level[0].seq_from, level[-1].seq_to) == (1, len(TALK))
        assert [one.seq_from for one in level[1:]] == [one.seq_to + 1 for one in level[:-1]]


def test_eight_children_have_one_parent_until_one_is_left() -> None:
    assert [len(level) for level in LEVELS] == [20, 3, 1]


def test_every_sentence_of_every_level_cites_its_messages_own_words() -> None:
    texts = {one.message: one.text for one in TALK}
    names = {one.message: one.speaker for one in TALK}
    for level in LEVELS:
        for node in level:
            for one in node.sentences:
                source = texts[one.message][one.start : one.end]
                assert one.text in {source, source.replace("I ", f"{names[one.message]} ", 1)}


def test_a_parent_says_only_what_its_children_cite() -> None:
    for below, above in pairwise(LEVELS):
        said = {(one.message, one.start, one.end) for node in below for one in node.sentences}
        assert {(one.message, one.start, one.end) for node in above for one in node.sentences} <= said


def test_only_nodes_that_more_messages_may_change_are_open() -> None:
    assert [[one.closed for one in level].count(False) for level in LEVELS] == [1, 1, 1]


def test_appending_leaves_closed_leaves_as_they_are() -> None:
    before = [one for one in tree.leaves(TALK[:130], language()) if one.closed]
    assert list(tree.leaves(TALK, language()))[: len(before)] == before


def test_another_word_in_one_message_is_another_cover_of_its_leaf_alone() -> None:
    changed = [*TALK]
    changed[30] = talk(("Bo", "Something else."))[0]
    other = [one.cover for one in tree.leaves(changed, language())]
    same = [a == b for a, b in zip((one.cover for one in LEVELS[0]), other, strict=False)]
    assert same[:2] == [True, True]
    assert same.count(False) >= 1


@pytest.mark.parametrize("tokens_max", [15, 40, 100, 500, 1_500, 5_000, 10**6])
def test_any_budget_is_answered_within_it(tokens_max: int) -> None:
    chosen = tree.answer(LEVELS, tokens_max, lambda: cited(TALK))
    assert 0 < sum(one.tokens for one in chosen) <= tokens_max


def test_a_large_budget_has_every_sentence() -> None:
    assert tree.answer(LEVELS, 10**6, lambda: cited(TALK)) == cited(TALK)


def test_a_small_budget_never_reads_the_source() -> None:
    assert tree.answer(LEVELS, 40, none)


def test_a_budget_too_small_for_any_sentence_names_the_least_that_works() -> None:
    with pytest.raises(Invalid) as refused:
        tree.answer(LEVELS, 3, lambda: cited(TALK))
    least = min(one.tokens for one in cited(TALK))
    assert refused.value.code == "memory.summary_budget"
    assert f"the shortest has {least} tokens" in refused.value.message
    assert tree.answer(LEVELS, least, lambda: cited(TALK))


def test_a_session_without_words_has_an_empty_summary() -> None:
    assert tree.answer(tree.levels([], language()), 3, list) == ()


def test_the_same_messages_give_the_same_bytes() -> None:
    assert repr(tree.levels(TALK, language())) == repr(LEVELS)
