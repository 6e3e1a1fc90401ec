"""Which rows a message is searchable by: one, or one for each part, that nothing said later changes."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from inference.onnx.tokenizer import TokenizerFile
from memory.sessions.windows import PART_TOKENS_MAX, PART_TOKENS_MIN, SPEAKER_CHARACTERS_MAX, Turn, parts, windows_of

COUNTER = TokenizerFile().load()
MAY = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)


def turn(content: str, *, speaker: str | None = "Ann", occurred_at: datetime | None = MAY, role: str = "user") -> Turn:
    return Turn(seq=7, role=role, speaker=speaker, content=content, occurred_at=occurred_at)


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in parts(text, COUNTER)]


def test_a_short_message_is_one_row_with_its_day_and_its_speaker() -> None:
    (row,) = windows_of(turn("The ferry leaves at nine."), COUNTER)
    assert row.body == "8 May 2023\nAnn: The ferry leaves at nine."
    assert (row.level, row.seq_from, row.seq_to, row.start, row.end) == ("turn", 7, 7, 0, 25)


def test_who_has_no_name_speaks_as_its_role_and_a_day_that_is_not_known_is_left_out() -> None:
    (row,) = windows_of(turn("Noted.", speaker=None, occurred_at=None, role="assistant"), COUNTER)
    assert row.body == "assistant: Noted."


def test_a_speaker_with_an_endless_name_leaves_room_for_what_was_said() -> None:
    (row,) = windows_of(turn("Noted.", speaker="x" * 500), COUNTER)
    assert row.body == f"8 May 2023\n{'x' * SPEAKER_CHARACTERS_MAX}: Noted."


def test_a_long_message_is_cut_between_paragraphs_where_it_has_them() -> None:
    paragraph = "A sentence of seven words is here. " * 15
    first, second = cut(f"{paragraph.strip()}\n\n{paragraph.strip()}")
    assert first == f"{paragraph.strip()}\n\n"
    assert second == paragraph.strip()


def test_sentences_are_kept_whole_and_numbers_too() -> None:
    text = "The beam is 3.14 metres long and 2.5 metres wide. " * 30
    assert all(part.strip().endswith("wide.") for part in cut(text))


def test_chinese_sentences_end_without_a_blank() -> None:
    text = "今天的天气非常好我们去公园散步吧。" * 30
    assert all(part.endswith("\u3002") for part in cut(text))


def test_a_chain_without_blanks_is_cut_where_it_must_be() -> None:
    lengths = [COUNTER.count(part) for part in cut("x7-" * 3000)]
    assert max(lengths) <= PART_TOKENS_MAX
    assert len(lengths) > 1


def test_every_part_has_the_head_and_its_own_span() -> None:
    text = "We met the harbour master again. " * 100
    rows = windows_of(turn(text), COUNTER)
    assert [row.body for row in rows] == [f"8 May 2023\nAnn: {text[row.start : row.end].strip()}" for row in rows]
    assert len(rows) > 2


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60).map(lambda piece: piece * 40))
def test_parts_cover_a_text_without_gap_and_none_is_too_long(text: str) -> None:
    found = list(parts(text, COUNTER))
    assert "".join(text[start:end] for start, end in found) == text
    assert all(COUNTER.count(text[start:end]) <= PART_TOKENS_MAX + 8 for start, end in found)  # words at a cut count anew


def test_no_part_but_the_last_is_nearly_empty() -> None:
    lengths = [COUNTER.count(part) for part in cut("One. Two, three. Four? " * 200)]
    assert min(lengths[:-1]) >= PART_TOKENS_MIN
