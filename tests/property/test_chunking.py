"""What holds for every document: nothing is lost, spans are exact, the window holds, and the same gives the same."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexing.chunking import Chunk, ChunkingParameters, chunk_document, indexed_text
from indexing.parsing.charset import canonical
from indexing.parsing.formats import delimited, html, markdown, plain
from indexing.parsing.types import BlockKind, ParsedDocument, Source
from inference.onnx.tokenizer import TokenizerFile

COUNTER = TokenizerFile().load()
SOURCE = Source(content=b"")

WORDS = st.text(alphabet="abcdefghij ÄÖß中文한글.,;:!?'\"()-_/|#*`<>&\n\t0123456789\u0301\u200b\x07😀", max_size=80)


def repeated(piece: str, times: int) -> str:
    return piece * times


def line(mark: str, text: str) -> str:
    return f"{mark}{text}\n"


def parameters_of(target: int, overlap: int, room: int) -> ChunkingParameters:
    overlap = min(overlap, target // 2)
    return ChunkingParameters(chunk_tokens=target, overlap_tokens=overlap, tokens_max=max(32, target + room))


MARKS = ["", "# ", "## ", "### ", "- ", "  - ", "1. ", "> ", "```\n", "| a | b |\n| - | - |\n| ", "\n\n", "    "]
LINES = st.builds(line, st.sampled_from(MARKS), st.one_of(WORDS, st.builds(repeated, WORDS, st.integers(1, 60))))
TEXTS = st.lists(LINES, max_size=12).map("".join)
PARAMETERS = st.builds(parameters_of, st.integers(8, 200), st.integers(0, 30), st.integers(0, 60))


def documents(text: str) -> list[ParsedDocument]:
    text = canonical(text)
    return [
        markdown.parse(text, SOURCE),
        plain.parse(text, SOURCE),
        plain.parse_code(text, SOURCE),
        delimited.parse(text, SOURCE, "text/csv"),
        html.parse(text, SOURCE),
    ]


@pytest.mark.timeout(120)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, parameters=PARAMETERS)
def test_every_document_is_cut_without_loss_and_within_the_window(text: str, parameters: ChunkingParameters) -> None:
    for document in documents(text):
        chunks = chunk_document(document, COUNTER, parameters)
        assert chunks == chunk_document(document, COUNTER, parameters)
        assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
        check_coverage(document, chunks)
        check_window(document, chunks, parameters)
        check_overlap(document, chunks)


def check_coverage(document: ParsedDocument, chunks: tuple[Chunk, ...]) -> None:
    position = 0
    for chunk in chunks:
        assert chunk.start < chunk.end <= len(document.text)
        assert chunk.end > position
        assert not document.text[position : chunk.start].strip(), "visible text between two chunks"
        assert not document.text[chunk.start].isspace()
        assert not document.text[chunk.end - 1].isspace()
        position = chunk.end
    assert not document.text[position:].strip()


def check_window(document: ParsedDocument, chunks: tuple[Chunk, ...], parameters: ChunkingParameters) -> None:
    for chunk in chunks:
        total = COUNTER.count(indexed_text(chunk, document.text)) + COUNTER.specials
        assert total <= parameters.tokens_max or chunk.end - chunk.start == 1, (total, parameters)


def check_overlap(document: ParsedDocument, chunks: tuple[Chunk, ...]) -> None:
    """What is repeated stands under the same headings: no heading begins within it."""
    starts = [block.start for block in document.blocks if block.kind is BlockKind.HEADING]
    for before, after in pairwise(chunks):
        if after.start < before.end:
            assert after.start > before.start
            assert not any(after.start < start < before.end for start in starts)
