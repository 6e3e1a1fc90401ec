"""What of a chat request is the question, and a streamed answer put together again."""

import json
from collections.abc import Mapping

import pytest

from cache.admission import refusal_reason
from cache.chat import Gathering, completion, pieces, read_chat

MESSAGES: list[object] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
ASKED: dict[str, object] = {"model": "m", "temperature": 0, "messages": MESSAGES}


def gathered(*parts: bytes) -> Gathering:
    gathering = Gathering()
    for part in parts:
        gathering.take(part)
    return gathering


def data(*deltas: Mapping[str, object], finish: str | None = "stop") -> bytes:
    def chunk(delta: Mapping[str, object], reason: str | None = None) -> bytes:
        told = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        return b"data: " + json.dumps(told).encode() + b"\n\n"

    return b"".join([*(chunk(one) for one in deltas), chunk({}, finish)])


def test_the_last_words_of_the_user_are_the_question_and_the_rest_shapes_the_answer() -> None:
    chat = read_chat(ASKED)
    assert chat is not None
    assert chat.query == "Why?"
    assert chat.request == {"model": "m", "temperature": 0, "history": MESSAGES[:1], "asked": {}}


def test_how_it_is_sent_is_no_part_of_it() -> None:
    plain, streamed = read_chat(ASKED), read_chat({**ASKED, "stream": True, "user": "u-1", "stream_options": {}})
    assert plain == streamed
    assert plain != read_chat({**ASKED, "temperature": 1})


@pytest.mark.parametrize(
    "body",
    [
        {**ASKED, "n": 2},
        {**ASKED, "logprobs": True},
        {**ASKED, "messages": []},
        {**ASKED, "messages": [{"role": "tool", "content": "42", "tool_call_id": "t"}]},
        {**ASKED, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
        {**ASKED, "messages": ["Why?"]},
        {**ASKED, "messages": [{"role": "user", "content": "  "}]},
    ],
)
def test_what_no_cache_answers_is_none(body: dict[str, object]) -> None:
    assert read_chat(body) is None


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_a_stream_cut_anywhere_is_put_together_again(cut: int) -> None:
    whole = data({"role": "assistant", "content": ""}, {"content": "Be"}, {"content": "cause ü"}) + b"data: [DONE]\n\n"
    answer = gathered(*(whole[start : start + cut] for start in range(0, len(whole), cut))).whole()
    assert answer is not None
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "Because ü"}, "finish_reason": "stop"}
    ]
    assert refusal_reason(answer) is None


def test_a_stream_that_ends_early_is_no_answer() -> None:
    assert gathered(data({"content": "Half"})).whole() is None
    assert gathered(data({"content": "Half"}, finish=None), b"data: [DONE]\n\n").whole() is None


@pytest.mark.parametrize(
    "said",
    [
        data({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, finish="tool_calls"),
        data({"refusal": "No."}),
        b'data: {"error": {"message": "overloaded"}}\n\n' + data({"content": "x"}),
        b"data: {broken\n\n" + data({"content": "x"}),
        b'data: {"choices": [{"index": 1, "delta": {"content": "y"}}]}\n\n' + data({"content": "x"}),
    ],
)
def test_what_is_more_or_other_than_text_is_no_answer_to_keep(said: bytes) -> None:
    assert gathered(said, b"data: [DONE]\n\n").whole() is None


def test_a_stream_that_was_cut_short_by_its_length_is_refused_by_admission() -> None:
    answer = gathered(data({"content": "Half"}, finish="length"), b"data: [DONE]\n\n").whole()
    assert answer is not None
    assert refusal_reason(answer) == "truncated"


def test_a_kept_answer_streams_to_the_same_answer() -> None:
    kept = completion("Because.", model="m", made_s=1_700_000_000, number="7")
    again = gathered(*pieces({**kept, "usage": {"total_tokens": 9}}, usage=True)).whole()
    assert again == {**kept, "usage": {"total_tokens": 9}}
    assert completion(again, model="other", made_s=0, number="8") == again
