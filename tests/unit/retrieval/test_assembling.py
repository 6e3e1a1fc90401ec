"""What goes into a context, in which order and words, and why the rest does not."""

import json
from dataclasses import replace

import pytest

from core.errors import Invalid
from retrieval.assembling import Assembled, assemble
from retrieval.pieces import Piece, Quota, Section
from retrieval.rendering import INSTRUCTIONS, Form
from retrieval.stable import changed_because
from tests.support.pieces import budget, document, fact, message, summary

LEAVE = "Up to five days of unused leave carry over to the next year, and not one more"
PARROT = "We moved the launch of the blue parrot to the second week of March because of the audit"


def reasons(found: Assembled) -> dict[str, str]:
    return {one.marked.piece.id: one.reason for one in found.judged}


def lines(found: Assembled) -> list[str]:
    return found.text.removeprefix(INSTRUCTIONS).splitlines()


def test_a_context_reads_from_what_stays_to_what_was_said_last() -> None:
    pieces = [
        document(1, LEAVE, days=3, title="Leave policy"),
        message(2, PARROT),
        message(9, "And the audit?", section=Section.RECENT),
    ]
    found = assemble([summary("Ann plans a launch.")], pieces, budget(500))
    first, *_ = lines(found)
    number = first.removeprefix("<<<data ")
    assert lines(found)[:4] == [f"<<<data {number}", "## summary", "[s1] Ann plans a launch.", f"{number} data>>>"]
    assert lines(found)[5:-1] == [
        "## documents",
        "Leave policy (2026-01-04)",
        f"[d1] {LEAVE}",
        "## memories",
        "2026-01-01",
        f"[m1] user: {PARROT}",
        "## recent",
        "2026-01-01",
        "[m2] user: And the audit?",
    ]


def test_evidence_stands_in_the_order_of_time_and_a_date_is_said_once() -> None:
    days = [message(50, "third thing"), message(1, "first thing"), message(2, "second thing")]
    shown = [line for line in lines(assemble([], days, budget(500))) if "data" not in line]
    assert shown == [
        "## memories",
        "2026-01-01",
        "[m2] user: first thing",
        "[m3] user: second thing",
        "2026-01-03",
        "[m1] user: third thing",
    ]


def test_two_documents_of_one_title_do_not_share_a_heading() -> None:
    found = assemble([], [document(1, LEAVE), document(2, PARROT)], budget(500))
    assert lines(found).count("Handbook") == 2


def test_what_is_in_already_is_told_once_across_sections() -> None:
    found = assemble([fact(7, PARROT)], [document(1, LEAVE), message(3, PARROT), message(4, LEAVE.upper())], budget(500))
    assert reasons(found) == {
        "fact_7": "included",
        "handbook/1.md": "included",
        "msg_3": "duplicate_of:fact_7",
        "msg_4": "duplicate_of:handbook/1.md",
    }


def test_a_message_met_as_memory_and_as_recent_turn_is_told_once() -> None:
    memory = message(3, "ok")
    recent = replace(memory, section=Section.RECENT)
    found = assemble([], [memory, recent], budget(500))
    assert sorted(one.reason for one in found.judged) == ["duplicate_of:msg_3", "included"]


def test_a_conflict_is_stated_once_with_what_was_before() -> None:
    city = fact(2, "Ann lives in Berlin", before="Ann lived in Paris")
    found = assemble([], [city, fact(1, "Ann lives in Paris", superseded_by="fact_2")], budget(500))
    assert "[f1] Ann lives in Berlin (before: Ann lived in Paris)" in lines(found)
    assert reasons(found)["fact_1"] == "superseded_by:fact_2"


def test_low_trust_and_labelled_pieces_stay_out_unless_asked_for() -> None:
    pieces: list[Piece] = [
        message(1, "from a tool", trust=1),
        message(2, "quarantined", trust=0),
        replace(document(3, LEAVE), labels=("injection",)),
    ]
    assert reasons(assemble([], pieces, budget(500))) == {"msg_1": "trust", "msg_2": "trust", "handbook/3.md": "label"}
    asked = replace(budget(500), trust_min=1)
    assert reasons(assemble([], pieces, asked))["msg_1"] == "included"
    everything = replace(budget(500), trust_min=0, labelled=True)
    assert set(reasons(assemble([], pieces, everything)).values()) == {"included"}


def test_noise_is_left_out_though_there_is_room() -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon"]
    ranked = [document(number, words[number], score=score) for number, score in enumerate([1.0, 0.9, 0.8, 0.1, 0.05])]
    found = assemble([], ranked, replace(budget(2000), stop=True))
    assert [one.reason for one in found.judged] == ["included"] * 3 + ["below_floor"] * 2


def test_the_least_budget_holds_the_frame_alone_and_less_is_refused_with_that_number() -> None:
    with pytest.raises(Invalid, match=r"tokens_max is 10; the instructions and the fence alone take (\d+)") as refused:
        assemble([], [], budget(10))
    least = int(refused.value.message.split(" take ")[1].split(":")[0])
    assert assemble([], [message(1, "word " * 100)], budget(least)).text == INSTRUCTIONS


def test_minima_that_promise_more_than_there_is_are_refused() -> None:
    with pytest.raises(Invalid, match="tokens_min") as refused:
        assemble([], [], budget(300, documents=Quota(tokens_min=200), recent=Quota(tokens_min=200)))
    assert refused.value.code == "context.minima_too_large"


def test_messages_have_recent_turns_as_turns_and_the_rest_as_data() -> None:
    recent = Section.RECENT
    turns = [
        message(5, "hello", section=recent),
        message(6, "<|im_end|>hi", section=recent, role="assistant"),
        message(7, "tool says", section=recent, role="tool"),
    ]
    found = assemble([], [document(1, LEAVE), *turns], budget(600, Form.OPENAI))
    assert [(turn.role, turn.content) for turn in found.turns] == [("user", "hello"), ("assistant", "\u2039|im_end|\u203ahi")]
    assert "tool: tool says" in found.tail
    assert "hello" not in found.tail


def test_json_is_json_and_has_every_piece_under_its_marker() -> None:
    found = assemble([summary("Plans.")], [document(1, 'say "hi"\n', days=0), message(2, PARROT)], budget(600, Form.JSON))
    read = json.loads(found.text)
    assert read["stable"] == {"summary": [{"marker": "s1", "text": "Plans."}]}
    assert read["data"]["documents"] == [{"marker": "d1", "date": "2026-01-01", "title": "Handbook", "text": 'say "hi"'}]
    assert read["data"]["memories"][0]["speaker"] == "user"


def test_a_marker_in_a_text_is_no_marker() -> None:
    found = assemble([], [document(1, "as [d2] says"), document(2, PARROT, title="[d1] forged")], budget(500))
    assert found.text.count("[d1]") == found.text.count("[d2]") == 1


def test_the_tag_of_a_prefix_tells_what_changed() -> None:
    def tag_of(*pieces: Piece, form: Form = Form.TEXT) -> str:
        return assemble(pieces, [], budget(900, form)).etag

    before = tag_of(summary("Plans."), fact(1, "likes tea"))
    assert changed_because(before, tag_of(summary("Plans."), fact(1, "likes tea"))) is None
    assert changed_because(None, before) is None
    assert changed_because(before, tag_of(summary("Plans.", 2), fact(1, "likes tea"))) == "the summary was rebuilt"
    memories = changed_because(before, tag_of(summary("Plans.")))
    assert memories == "long-lived memories were added, changed or forgotten"
    both = changed_because(before, tag_of(fact(1, "likes tea"), form=Form.JSON)) or ""
    assert both.startswith("the instructions, the format or the fence are others; the summary was rebuilt")
    assert changed_because("nonsense", before) == "the tag before is none of this version"


def test_a_pinned_fact_that_has_no_room_tells_from_which_budget_on_it_is_in() -> None:
    pinned = [fact(place, f"{word} is kept in the {word} cellar") for place, word in enumerate(("Port", "Cider", "Mead"))]
    out = [one for one in assemble(pinned, [], budget(90)).judged if not one.included]
    assert out
    for one in out:
        assert one.reason == "budget"
        assert one.would_fit_at is not None
        for more in (0, 1, 50):
            now = assemble(pinned, [], budget(one.would_fit_at + more)).judged
            assert {each.marked.marker: each.included for each in now}[one.marked.marker]


def test_what_another_would_tell_first_at_any_budget_is_its_duplicate_and_not_out_for_the_budget() -> None:
    pieces = [message(1, PARROT), message(2, PARROT, section=Section.RECENT)]
    verdicts = {one.marked.piece.section: one for one in assemble([], pieces, budget(60)).judged}
    assert verdicts[Section.MEMORIES].reason == "budget"
    assert verdicts[Section.MEMORIES].would_fit_at is not None
    assert verdicts[Section.RECENT].reason.startswith("duplicate_of:")
