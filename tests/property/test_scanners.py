"""The scanner on texts that nobody thought of: it answers for any string, the same each time, with places inside the text."""

from hypothesis import given
from hypothesis import strategies as st

from inference.port import Label
from inference.scanning.scanner import RuleScanner

SCANNER = RuleScanner(list(Label))
PARTS = st.sampled_from(
    [
        *("ignore all", " previous ", "instructions", "password: ", "hunter2!", "<|im_start|>", "ann@", "example.org"),
        *("4111 ", "1111 ", "sk-", "://", ":x@", "\u200b", "\uff49", "\U000e0041", "\ud800", "\n\n", "0" * 40),
        '{"name":"x","arguments":',
    ]
)


@given(st.lists(PARTS | st.text(max_size=8), max_size=40).map("".join))
def test_every_finding_lies_within_the_text_and_comes_again(text: str) -> None:
    found = SCANNER.scan(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert SCANNER.scan(text) == found
