"""Which requests are the same: what counts, what does not, and that nothing that shapes an answer is left out."""

import pytest

from cache.fingerprint import canonical, fingerprint, normalized
from core.errors import Invalid

REQUEST: dict[str, object] = {"model": "m", "system": "You are kind.", "tools": [], "temperature": 0}


def prints(query: str, **more: object) -> tuple[str, str, str]:
    made = fingerprint(query, {**REQUEST, **more}, embedder="space")
    return made.exact, made.normalized, made.compatibility


def test_the_order_of_keys_null_and_the_spelling_of_numbers_do_not_count() -> None:
    assert prints("a") == prints("a", temperature=0.0, stop=None)
    assert canonical({"b": 1.0, "a": None, "c": [1, {"z": 0, "y": 2}]}) == '{"b":1,"c":[1,{"y":2,"z":0}]}'


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"system": "You are kind. "},
        {"tools": [{"name": "search"}]},
        {"temperature": 0.1},
        {"history": [{"role": "user", "content": "hi"}]},
        {"response_format": {"type": "json"}},
        {"locale": "de"},
        {"seed": 1},
    ],
    ids=str,
)
def test_whatever_shapes_an_answer_makes_all_three_digests_others(change: dict[str, object]) -> None:
    assert not set(prints("a")) & set(prints("a", **change))


def test_only_the_question_leaves_compatibility_alone() -> None:
    one, other = prints("Reset my password"), prints("Close the account")
    assert one[2] == other[2]
    assert one[:2] != other[:2]


def test_another_embedder_is_another_partition_and_the_same_exact_question() -> None:
    one = fingerprint("a", REQUEST, embedder="space")
    other = fingerprint("a", REQUEST, embedder="other")
    assert (one.exact, one.normalized) == (other.exact, other.normalized)
    assert one.compatibility != other.compatibility


@pytest.mark.parametrize(
    "same", ["  How do I  reset\tit ?", "how do i reset it", "HOW DO I RESET IT!!", "\uff28ow do I reset it\u2026"]
)
def test_case_space_width_and_final_punctuation_are_one_normalised_question(same: str) -> None:
    assert normalized(same) == normalized("How do I reset it?")
    assert prints(same)[1] == prints("How do I reset it?")[1]
    assert prints(same)[0] != prints("How do I reset it?")[0]


@pytest.mark.parametrize("one, other", [("3.5", "35"), ("C++", "C"), ("?", "!"), ("a-b", "a b")])
def test_punctuation_that_means_something_stays(one: str, other: str) -> None:
    assert normalized(one) != normalized(other)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused(number: float) -> None:
    with pytest.raises(Invalid) as fault:
        fingerprint("a", {"temperature": number}, embedder="space")
    assert fault.value.code == "cache.invalid_request"


def test_a_request_without_a_bottom_is_refused() -> None:
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(Invalid):
        fingerprint("a", {"history": deep}, embedder="space")
