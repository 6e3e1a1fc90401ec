"""What never goes through the cache, with the reason."""

import pytest

from cache.admission import answer_text, bypass_reason, refusal_reason


@pytest.mark.parametrize(
    "query", ["What is the weather in Bern?", "Who is on call tonight?", "the latest release", "Is it up right now?"]
)
def test_a_question_about_the_moment_is_bypassed(query: str) -> None:
    assert bypass_reason(query) == "time_sensitive"


@pytest.mark.parametrize(
    "query",
    [
        "What is my balance?",
        "Where is my order?",
        "Remind me what I said",
        "How many days do I have left?",
        "Did I pay the rent?",
    ],
)
def test_a_question_about_the_asker_is_bypassed(query: str) -> None:
    assert bypass_reason(query) == "personal"


@pytest.mark.parametrize(
    "query", ["How do I reset my password?", "Can I change my address?", "My card does not work", "When was Rome founded?"]
)
def test_a_question_that_anyone_may_ask_is_not(query: str) -> None:
    assert bypass_reason(query) is None


def chat(content: str | None, finish: str = "stop", **message: object) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    "response, reason",
    [
        ("Use the reset link.", None),
        ({"content": "Use the reset link."}, None),
        (chat("Use the reset link."), None),
        ("", "empty"),
        ("   ", "empty"),
        (None, "not_an_answer"),
        (7, "not_an_answer"),
        ({"error": {"message": "overloaded"}}, "error"),
        (chat(None, "tool_calls", tool_calls=[{"id": "1"}]), "tool_call"),
        (chat("Half of an ans", "length"), "truncated"),
        ({"content": "Half of", "stop_reason": "max_tokens"}, "truncated"),
        (chat("x", "content_filter"), "refusal"),
        (chat("", refusal="no"), "refusal"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I cannot assist with this request.", "refusal"),
        ("Unfortunately I am unable to find this.", "refusal"),
        ("As an AI language model, I have no opinion.", "refusal"),
        ("You cannot travel without a visa.", None),
        ("Sorry seems to be the hardest word is a song.", None),
    ],
    ids=str,
)
def test_only_a_whole_answer_is_stored(response: object, reason: str | None) -> None:
    assert refusal_reason(response) == reason


def test_the_words_of_an_answer_are_found_in_every_usual_shape() -> None:
    assert {answer_text(one) for one in ("a", {"content": "a"}, chat("a"), {"content": [{"type": "text", "text": "a"}]})} == {
        "a"
    }
