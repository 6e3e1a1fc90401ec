"""Where a conversation is cut, and that a cut stays where it is."""

from engines.analysis import analyse
from memory.compression.segments import GAP_S, TOKENS_MAX, Segment, Turn, segments

GARDEN = "roses tulips soil compost seeds watering hedge"
COURT = "judge appeal verdict witness lawyer evidence jury"


def turn(seq: int, text: str, *, at_s: float | None = None, tokens: int = 100) -> Turn:
    return Turn(seq=seq, occurred_s=at_s, tokens=tokens, terms=analyse(text, "english"))


def bounds(turns: list[Turn]) -> list[tuple[int, int]]:
    return [(one.start, one.end) for one in segments(turns)]


def test_a_pause_of_more_than_half_an_hour_ends_a_segment() -> None:
    turns = [turn(1, GARDEN, at_s=0), turn(2, GARDEN, at_s=GAP_S), turn(3, GARDEN, at_s=2 * GAP_S + 1)]
    assert bounds(turns) == [(0, 2), (2, 3)]


def test_without_times_only_words_and_length_decide() -> None:
    assert bounds([turn(seq, GARDEN) for seq in range(1, 11)]) == [(0, 10)]


def test_a_segment_has_at_most_1500_tokens_and_a_longer_message_stands_alone() -> None:
    turns = [turn(1, GARDEN, tokens=1_000), turn(2, GARDEN, tokens=501), turn(3, GARDEN, tokens=9_000), turn(4, GARDEN)]
    assert bounds(turns) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert TOKENS_MAX == 1_500


def test_a_change_of_words_ends_a_segment_where_they_change() -> None:
    turns = [turn(seq, GARDEN if seq <= 5 else COURT) for seq in range(1, 11)]
    assert bounds(turns) == [(0, 5), (5, 10)]


def test_every_turn_is_in_one_segment_and_only_the_last_is_open() -> None:
    found = list(segments([turn(seq, GARDEN if seq % 9 < 5 else COURT, tokens=200) for seq in range(1, 40)]))
    assert [one.start for one in found[1:]] == [one.end for one in found[:-1]]
    assert (found[0].start, found[-1].end) == (0, 39)
    assert [one.closed for one in found] == [True] * (len(found) - 1) + [False]


def test_messages_that_come_later_move_no_earlier_boundary() -> None:
    turns = [turn(seq, GARDEN if seq % 11 < 6 else COURT, tokens=90 + seq, at_s=seq * 300.0) for seq in range(1, 60)]
    final = [one for one in segments(turns) if one.closed]
    for length in range(1, len(turns)):
        closed = [one for one in segments(turns[:length]) if one.closed]
        assert closed == final[: len(closed)]


def test_no_turns_have_no_segments() -> None:
    assert list[Segment](segments([])) == []
