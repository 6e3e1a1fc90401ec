"""What other systems write, in their own shapes, becomes lines of a bundle: the same ones every time, and nothing made up."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.foreign.formats import READERS, read
from api.foreign.shapes import Found, Reading, flat, message_name, moment, parsed, pieces, session_name
from api.wire.bundle import FactLine, MessageLine, SessionLine
from core.errors import Invalid

HERE = Path(__file__).parent
ANN = Reading(user="ann")


def found(format_: str, name: str, reading: Reading = ANN) -> list[Found]:
    return list(read(format_, (HERE / name).read_bytes(), reading))


def facts(of: list[Found]) -> list[FactLine]:
    return [one.line for one in of if isinstance(one.line, FactLine)]


def messages(of: list[Found]) -> list[MessageLine]:
    return [one.line for one in of if isinstance(one.line, MessageLine)]


def log(*said: object, reading: Reading = ANN) -> list[Found]:
    return list(read("chat", json.dumps(said).encode(), reading))


def test_memories_of_mem0_are_facts_since_they_were_last_put_so() -> None:
    of = found("mem0", "mem0.json")
    home, seat = facts(of)
    assert (home.text, home.entity, home.agent_id) == ("Lives in Leeds", None, None)
    assert home.sources[0].at == datetime(2026, 1, 5, 10, 30, 36, 275141, UTC)
    assert home.metadata == {"category": "home", "nested": '{"a": 1}'}
    assert seat.sources[0].at == datetime(2026, 2, 1, 8, tzinfo=UTC)
    assert (seat.agent_id, seat.expires_at) == ("travel", datetime(2027, 2, 1, tzinfo=UTC))
    assert seat.metadata == {"categories": ["travel", "preferences"], "run_id": "trip-7"}
    assert seat.sources[0].id == "mem0:0b0f8d0e-7d37-4b2f-8c5c-2f6e4a1f9a02"
    (wrong,) = [one for one in of if one.flaw]
    assert wrong.at == "/results/2"
    assert "no mem0 export: /results/2/memory: Input should be a valid string" in wrong.flaw


def test_a_long_memory_becomes_several_notes_that_lose_nothing() -> None:
    text = "Ann keeps a diary. " * 100
    of = list(read("mem0", json.dumps([{"id": "1", "memory": text}]).encode(), ANN))
    assert len(facts(of)) > 1
    assert " ".join(one.text for one in facts(of)).split() == text.split()
    assert len({one.id for one in facts(of)}) == len(facts(of))


def test_threads_of_zep_keep_their_messages_in_the_order_of_their_times() -> None:
    of = found("zep", "zep.json")
    assert [one.line.id for one in of if isinstance(one.line, SessionLine)] == ["onboarding"]
    first, second = messages(of)
    assert (first.id, first.session_id, first.role, first.speaker) == ("m-1", "onboarding", "user", "Alice")
    assert (second.id, second.session_id, second.role) == ("m-2", "onboarding", "assistant")
    assert first.metadata == {"channel": "web"}


def test_an_edge_of_zep_holds_from_when_it_was_valid_until_it_was_not() -> None:
    works, over, likes = facts(found("zep", "zep.json"))
    assert (works.entity, works.attribute, works.value) == ("Alice", "works at", "Acme")
    assert (works.polarity, works.sources[0].at) == (True, datetime(2025, 6, 1, tzinfo=UTC))
    assert (over.value, over.polarity, over.sources[0].at) == ("Acme", False, datetime(2026, 3, 1, tzinfo=UTC))
    assert (likes.entity, likes.attribute, likes.text) == ("ann", "note", "Alice likes tea."), "its node is not in the file"


def test_dumps_of_graphiti_have_episodes_nodes_and_edges() -> None:
    of = found("zep", "graphiti.json")
    said, json_ = messages(of)
    assert (said.speaker, said.role, said.content) == ("Alice", "user", "I moved to York.\nAnd I like it.")
    assert said.session_id.startswith("alice-chat-")
    assert (json_.role, json_.speaker) == ("tool", None)
    (lives,) = facts(of)
    assert (lives.entity, lives.attribute, lives.value) == ("Alice", "lives in", "York")


def test_before_version_3_the_role_of_zep_was_a_name() -> None:
    raw = {"messages": [{"session_id": "s", "role": "Ann", "role_type": "user", "content": "Hi", "created_at": "2026-01-01"}]}
    (said,) = messages(list(read("zep", json.dumps(raw).encode(), ANN)))
    assert (said.role, said.speaker, said.session_id) == ("user", "Ann", "s")


def test_an_agent_file_of_letta_holds_what_was_said_and_nothing_that_nobody_said() -> None:
    of = found("letta", "agent.af")
    assert [(one.role, one.speaker, one.content) for one in messages(of)] == [
        ("user", "Ann", "I live in Leeds."),
        ("assistant", "Sam", "Leeds is lovely."),
        ("tool", None, "It rains in Leeds."),
    ]
    human, persona = facts(of)
    assert (human.text, human.agent_id, human.sources[0].at) == ("Her name is Ann. She drinks tea.", None, None)
    assert (persona.text, persona.agent_id) == ("I am Sam, brief and kind.", "Sam")


def test_an_agent_of_an_older_letta_has_its_core_memory_in_it() -> None:
    raw = {
        "name": "Sam",
        "version": "0.6.0",
        "core_memory": [{"label": "human", "value": "Ann likes tea.", "limit": 5000}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}], "created_at": "2026-01-01T00:00:00+00:00"}
        ],
    }
    of = list(read("letta", json.dumps(raw).encode(), ANN))
    assert [one.content for one in messages(of)] == ["Hello"]
    assert [one.text for one in facts(of)] == ["Ann likes tea."]


def test_archival_passages_of_letta_are_notes_of_their_time() -> None:
    raw = b'{"id": "passage-1", "text": "Ann met Bo in Bath.", "created_at": "2026-02-01T00:00:00Z", "tags": ["trip"]}\n' * 2
    first, second = facts(list(read("letta", raw, ANN)))
    assert (first.value, first.sources[0].at) == ("Ann met Bo in Bath.", datetime(2026, 2, 1, tzinfo=UTC))
    assert first == second


def test_a_chat_log_keeps_its_times_and_what_has_none_has_none() -> None:
    of = messages(
        log(
            {"role": "user", "content": "One", "timestamp": 1767225600},
            {"role": "human", "content": "Two", "timestamp": 1767225600000},
            {"role": "ai", "content": [{"type": "text", "text": "Three"}, {"type": "image_url"}], "timestamp": "2026-01-01"},
            {"role": "assistant", "content": "Four"},
        )
    )
    new_year = datetime(2026, 1, 1, tzinfo=UTC)
    assert [one.occurred_at for one in of] == [new_year, new_year, new_year, None]
    assert [one.role for one in of] == ["user", "user", "assistant", "assistant"]


def test_equal_messages_of_a_log_are_two_and_the_same_two_every_time() -> None:
    said = {"role": "user", "content": "Yes."}
    first, second = messages(log(said, said))
    assert first.id != second.id
    assert [one.id for one in messages(log(said, said, said))][:2] == [first.id, second.id]


def test_a_log_may_hold_several_conversations() -> None:
    of = log({"role": "user", "content": "A", "conversation_id": 7}, {"role": "user", "content": "B", "thread_id": "x y"})
    assert len({one.line.id for one in of if isinstance(one.line, SessionLine)}) == 2
    (named,) = messages(log({"role": "user", "content": "A"}, reading=Reading(user="ann", session="mine")))
    assert named.session_id == "mine"


@pytest.mark.parametrize(
    "message, told",
    [
        ({"content": "A"}, "/0/role: Field required"),
        ({"role": "king", "content": "A"}, "expected one of user"),
        ({"role": "user", "content": None}, "content has no text"),
        ({"role": "user", "content": "A", "timestamp": "yesterday"}, "'yesterday' is no time; expected ISO 8601"),
        ({"role": "user", "content": "A", "timestamp": True}, "is no time"),
        ({"role": "user", "content": "A", "timestamp": 1e300}, "is no time"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_message_is_told_with_its_place(message: object, told: str) -> None:
    wrong, fine = log(message, {"role": "user", "content": "B"})[0], messages(log(message, {"role": "user", "content": "B"}))
    assert (wrong.at, told in wrong.flaw) == ("/0", True), wrong.flaw
    assert [one.content for one in fine] == ["B"]


def test_lines_that_are_no_json_are_told_and_the_others_read() -> None:
    raw = b'{"role": "user", "content": "A"}\n\nnot json\n\xff\n{"role": "user", "content": "B"}\n'
    of = list(read("chat", raw, ANN))
    assert [one.at for one in of if one.flaw] == ["line 3", "line 4"]
    assert [one.content for one in messages(of)] == ["A", "B"]


@pytest.mark.parametrize("format_", sorted(READERS))
@pytest.mark.parametrize("raw", [b"", b"7", b'"text"', b"{", b'{"a": 1}', b"\xff\xfe", b"[" * 5000])
def test_what_is_no_such_file_is_said_to_be_none(format_: str, raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        list(read(format_, raw, ANN))
    assert refused.value.code in {"memory.foreign_shape", "request.invalid_json"}


@pytest.mark.parametrize("format_", sorted(READERS))
@pytest.mark.parametrize("raw", [b"[7, null, [], {}]", b'[{"role": 1, "memory": 2, "text": 3, "fact": [], "content": {}}]'])
def test_items_of_any_shape_are_told_and_none_is_made_of_them(format_: str, raw: bytes) -> None:
    assert {one.line for one in read(format_, raw, ANN) if isinstance(one.line, FactLine | MessageLine)} == set()


@pytest.mark.parametrize(
    "value, at",
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1767225600.5, datetime(2026, 1, 1, 0, 0, 0, 500000, UTC)),
        ("1767225600", datetime(2026, 1, 1, tzinfo=UTC)),
        (1767225600000000, datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T02:00:00+02:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01 00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_moments_are_read_as_they_are_written(value: object, at: datetime | None) -> None:
    assert moment(value) == at


def test_names_are_kept_where_they_may_be_and_else_made_the_same_way_every_time() -> None:
    assert session_name("chat-7") == "chat-7"
    assert session_name("chat 7") == session_name("chat 7") != session_name("chat/7")
    assert message_name("m 1") == "m 1"
    assert message_name("msg_0000000000001").startswith("id-")
    assert flat({"a b": 1, "1": "x", "doc.id": True, "n": None}) == {"a_b": 1, "_1": "x", "x.doc.id": True}
    assert pieces("short") == ["short"]
    assert pieces("  ") == []


def test_a_file_may_begin_with_the_mark_that_windows_writes() -> None:
    assert parsed(b'\xef\xbb\xbf[{"role": "user"}]').value == [{"role": "user"}]
