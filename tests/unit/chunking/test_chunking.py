"""How documents are cut: structure first, the window always."""

import pytest

from core.errors import Fault
from indexing.chunking import Chunk, ChunkingParameters, chunk_document, indexed_text
from indexing.parsing.registry import parse
from indexing.parsing.types import ParsedDocument, Source
from tests.unit.chunking.counting import TalliedCounter, WordCounter

SMALL = ChunkingParameters(chunk_tokens=20, overlap_tokens=0, tokens_max=40)


def read(text: str, filename: str = "a.md") -> ParsedDocument:
    return parse(Source(content=text.encode(), filename=filename))


def cut(text: str, filename: str = "a.md", parameters: ChunkingParameters = SMALL) -> list[str]:
    document = read(text, filename)
    return [document.text[chunk.start : chunk.end] for chunk in chunk_document(document, WordCounter(), parameters)]


def chunks(text: str, filename: str = "a.md", parameters: ChunkingParameters = SMALL) -> tuple[Chunk, ...]:
    return chunk_document(read(text, filename), WordCounter(), parameters)


def words(count: int, word: str = "word") -> str:
    return " ".join(f"{word}{number}" for number in range(count))


def test_a_short_document_is_one_chunk() -> None:
    assert cut("# Leave\n\nThirty days.\n") == ["# Leave\n\nThirty days."]


def test_the_heading_path_is_indexed_and_not_returned() -> None:
    text = f"# Handbook\n\n## Leave\n\n{words(18)}\n\n{words(18)}\n"
    _, second = chunks(text)
    assert second.heading_path == ("Handbook", "Leave")
    assert second.context == "Handbook > Leave"
    assert indexed_text(second, text) == f"Handbook > Leave\n\n{words(18)}"


def test_headings_that_stand_in_the_text_are_not_said_twice() -> None:
    first, second = chunks(f"# Handbook\n\n## Leave\n\n{words(18)}\n\n{words(18)}\n")
    assert first.context == ""
    assert first.heading_path == second.heading_path


def test_the_title_is_indexed_where_no_heading_says_it() -> None:
    (chunk,) = chunks("---\ntitle: Duck lore\n---\n# Food\n\nThey eat leaves.\n")
    assert chunk.context == "Duck lore"


def test_sections_are_not_mixed_when_they_are_large_enough() -> None:
    assert cut(f"# A\n\n{words(15, 'a')}\n\n# B\n\n{words(15, 'b')}\n") == [
        f"# A\n\n{words(15, 'a')}",
        f"# B\n\n{words(15, 'b')}",
    ]


def test_small_sections_join_under_their_common_heading() -> None:
    (chunk,) = chunks("# Food\n\n## Ducks\n\nLeaves.\n\n## Geese\n\nGrass.\n")
    assert chunk.heading_path == ("Food",)


def test_small_sections_of_different_parents_stay_apart() -> None:
    texts = cut(f"# A\n\n## One\n\n{words(15)}\n\n## Two\n\nsmall\n\n# B\n\n## Three\n\nsmall\n\n## Four\n\n{words(15)}\n")
    assert not any("Two" in text and "Three" in text for text in texts)


def test_a_heading_never_stands_alone() -> None:
    texts = cut(f"# A\n\n## B\n\n### C\n\n{words(60)}\n")
    assert all("word" in text for text in texts)


def test_paragraphs_stay_whole_where_they_fit() -> None:
    assert cut(f"{words(12, 'a')}\n\n{words(12, 'b')}\n\n{words(12, 'c')}\n") == [
        words(12, "a"),
        words(12, "b"),
        words(12, "c"),
    ]


def test_a_long_paragraph_is_cut_between_sentences_into_like_sizes() -> None:
    sentences = [f"{words(8, f's{number}w')}." for number in range(6)]
    assert cut(" ".join(sentences)) == [" ".join(sentences[:2]), " ".join(sentences[2:4]), " ".join(sentences[4:])]


def test_no_sentence_ends_at_an_abbreviation() -> None:
    text = f"{words(9)} of Dr. Duck, {words(9)}. {words(14, 'x')}."
    assert cut(text)[0].endswith("word8.")


def test_overlap_repeats_the_last_sentence_inside_a_section_only() -> None:
    first, second, third, fourth = (f"{words(9, letter)}." for letter in "abcd")
    parameters = ChunkingParameters(chunk_tokens=23, overlap_tokens=10, tokens_max=60)
    assert cut(f"# A\n\n{first} {second} {third} {fourth}\n\n# B\n\n{words(20)}\n", parameters=parameters) == [
        f"# A\n\n{first} {second}",
        f"{second} {third}",
        f"{third} {fourth}",
        f"# B\n\n{words(20)}",
    ]


def test_a_list_stays_whole_with_the_line_that_announces_it() -> None:
    items = "- one two\n- three four\n- five six"
    assert cut(f"{words(15)}\n\nThese are the ducks:\n\n{items}\n") == [words(15), f"These are the ducks:\n\n{items}"]


def test_code_stays_whole_where_it_fits() -> None:
    code = "```\na = 1\n\nb = 2\n```"
    assert cut(f"{words(15)}\n\n{code}\n") == [words(15), code]


def test_a_table_is_cut_by_rows_and_its_header_is_indexed_with_each_part() -> None:
    rows = "\n".join(f"name{number},city{number},{number}" for number in range(12))
    document = read(f"name,city,age\n{rows}\n", "people.csv")
    parts = chunk_document(document, WordCounter(), SMALL)
    assert len(parts) > 2
    assert [part.context for part in parts] == ["", *["name | city | age"] * (len(parts) - 1)]
    assert all(document.text[part.start : part.end].endswith(tuple("0123456789")) for part in parts)
    assert document.text[parts[1].start - 1] == "\n"


def test_a_passage_lies_on_one_page() -> None:
    from tests.support import files

    document = parse(Source(content=files.pdf([["One. " * 3], ["Two. " * 3]])))
    assert [chunk.page for chunk in chunk_document(document, WordCounter(), SMALL)] == [1, 2]


@pytest.mark.parametrize(
    "text, filename",
    [
        ("x" * 50_000, "a.txt"),
        (",".join(str(number) for number in range(30_000)), "a.csv"),
        ("\u4e2d" * 20_000, "a.txt"),
        ("a" + " " * 100_000 + "b", "a.txt"),
        ("\u200b" * 50_000, "a.txt"),
        ("# " + words(500) + "\n\n" + words(500), "a.md"),
        ("| " + " | ".join(words(200).split()) + " |\n|" + " --- |" * 200 + "\n" + ("| x |\n" * 50), "a.md"),
    ],
)
def test_no_text_outgrows_the_window(text: str, filename: str) -> None:
    document = read(text, filename)
    parameters = ChunkingParameters()
    counter = WordCounter()
    for chunk in chunk_document(document, counter, parameters):
        assert counter.count(indexed_text(chunk, document.text)) + counter.specials <= parameters.tokens_max
        assert chunk.end - chunk.start <= 32 * parameters.tokens_max


def test_more_chunks_than_allowed_are_a_fault() -> None:
    with pytest.raises(Fault) as raised:
        chunks(words(500), parameters=ChunkingParameters(chunk_tokens=20, overlap_tokens=0, tokens_max=40, chunks_max=5))
    assert raised.value.code == "indexing.document_too_large"


def test_the_tokens_counted_grow_with_the_text_and_not_with_its_square() -> None:
    def counted(count: int) -> int:
        counter = TalliedCounter()
        chunk_document(read("\n\n".join([". ".join([words(8)] * 4)] * count), "a.txt"), counter, ChunkingParameters())
        return counter.characters

    assert counted(4_000) <= 8.5 * counted(500)
