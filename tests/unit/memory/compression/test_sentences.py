"""Where sentences end: exact spans, and what stays whole."""

import pytest

from memory.compression.sentences import CHARACTERS_MAX, Kind, spans


def texts(text: str) -> list[str]:
    return [text[one.start : one.end] for one in spans(text)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("We met Dr. Ames. She left at 5 p.m. yesterday.", ["We met Dr. Ames.", "She left at 5 p.m. yesterday."]),
        ("Bring tools, e.g. a saw. Really?! Yes…", ["Bring tools, e.g. a saw.", "Really?!", "Yes…"]),
        ("Paid 3.50 for v2.3.1 on 3.5.2024. Fine.", ["Paid 3.50 for v2.3.1 on 3.5.2024.", "Fine."]),
        ("See https://a.example/x.y?z=1. Then go.", ["See https://a.example/x.y?z=1.", "Then go."]),
        ("She lives in the U.S. Her son does not.", ["She lives in the U.S.", "Her son does not."]),
        ('He said "stop." Then he ran.', ['He said "stop."', "Then he ran."]),
        ("今日は晴れ。明日は雨！ ok", ["今日は晴れ。", "明日は雨！", "ok"]),  # noqa: RUF001  # full-width marks
        ("first thought\nSecond thought", ["first thought", "Second thought"]),
        ("a line that is\nwrapped by its client.", ["a line that is\nwrapped by its client."]),
        ("  \n\t ", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_a_code_block_is_one_atom_even_with_full_stops_and_blank_lines() -> None:
    block = "```py\nx = 1. \n\ny = f(x). z\n```"
    found = list(spans(f"Try this. Now:\n{block}\nIt works."))
    assert [one.kind for one in found] == [Kind.PROSE, Kind.PROSE, Kind.CODE, Kind.PROSE]
    assert texts(f"Try this. Now:\n{block}\nIt works.")[2] == block


def test_a_code_block_that_is_never_closed_goes_to_the_end() -> None:
    assert texts("Look:\n~~~\na. b\nc. d") == ["Look:", "~~~\na. b\nc. d"]


def test_each_item_of_a_list_is_an_atom() -> None:
    assert texts("Buy:\n- milk. And eggs\n- 2) no\n1. nails\n| a. b | c |") == [
        "Buy:",
        "- milk. And eggs",
        "- 2) no",
        "1. nails",
        "| a. b | c |",
    ]


def test_a_run_without_any_end_is_cut_at_blanks_and_one_without_blanks_is_not() -> None:
    rambling = "word " * 1_000
    assert all(len(one) <= CHARACTERS_MAX and one.split()[0] == "word" for one in texts(rambling))
    assert texts("x" * 5_000) == ["x" * 5_000]
