"""Formats that are text: what their canonical text is, and where its blocks stand."""

import pytest

from core.errors import Fault
from indexing.parsing.registry import parse
from indexing.parsing.types import Block, BlockKind, ParsedDocument, ParseLimits, Source


def read(text: str | bytes, filename: str, limits: ParseLimits | None = None) -> ParsedDocument:
    content = text if isinstance(text, bytes) else text.encode()
    return parse(Source(content=content, filename=filename, limits=limits or ParseLimits()))


def blocks(document: ParsedDocument, kind: BlockKind) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks if block.kind is kind]


def headings(document: ParsedDocument) -> list[tuple[int, str]]:
    return [(b.level, document.text[b.start : b.end]) for b in document.blocks if b.kind is BlockKind.HEADING]


MARKDOWN = """---
title: Leave policy
---
# Leave

Everyone has *thirty* days:

- ask your lead
  - in writing
- tell the team

| Years | Days |
| --- | --- |
| 1 | 30 |

```python
days = 30
```
"""


def test_markdown_is_its_own_canonical_text() -> None:
    document = read(MARKDOWN, "leave.md")
    assert document.text == MARKDOWN
    assert document.title == "Leave policy"
    assert headings(document) == [(1, "# Leave")]
    assert [item.strip() for item in blocks(document, BlockKind.LIST_ITEM)] == [
        "- ask your lead",
        "- in writing",
        "- tell the team",
    ]
    assert blocks(document, BlockKind.CODE) == ["```python\ndays = 30\n```"]


def test_a_markdown_table_knows_its_header() -> None:
    document = read(MARKDOWN, "leave.md")
    (table,) = [block for block in document.blocks if block.kind is BlockKind.TABLE]
    assert document.text[table.start : table.header_end] == "| Years | Days |\n| --- | --- |"


def test_plain_text_is_its_own_canonical_text_and_falls_into_paragraphs() -> None:
    document = read("One\nline more.\r\n\r\n\r\nTwo.\n", "a.txt")
    assert document.text == "One\nline more.\n\n\nTwo.\n"
    assert blocks(document, BlockKind.PARAGRAPH) == ["One\nline more.", "Two."]


def test_code_is_cut_at_definitions_with_the_comments_above_them() -> None:
    document = read("import os\n\n# Adds.\ndef add(a, b):\n    return a + b\n\n@cached\ndef other():\n    pass\n", "m.py")
    assert blocks(document, BlockKind.CODE) == [
        "import os",
        "# Adds.\ndef add(a, b):\n    return a + b",
        "@cached\ndef other():\n    pass",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimited_rows_become_one_table_with_a_header(delimiter: str) -> None:
    rows = [["name", "city", "age"], ["ann", "Ulm", "41"], ["bob", "Bonn", "42"]]
    document = read("\n".join(delimiter.join(row) for row in rows), "people.csv")
    assert document.text == "name | city | age\nann | Ulm | 41\nbob | Bonn | 42"
    (table,) = document.blocks
    assert document.text[table.start : table.header_end] == "name | city | age"


def test_a_first_row_with_numbers_is_no_header() -> None:
    (table,) = read("1,2,3\n4,5,6\n7,8,9\n", "numbers.csv").blocks
    assert table.header_end == table.start


def test_a_quoted_cell_may_hold_delimiters_and_line_ends() -> None:
    document = read('a,b\n"x, y","two\nlines"\n', "quoted.csv")
    assert document.text == "a | b\nx, y | two lines"


HTML = """<html><head><title>Policy</title><style>p {}</style></head><body>
<nav><a href=/>Home</a></nav><script>alert(1)</script>
<main><h1>Leave</h1><p>Everyone has<br>thirty days and enough words to be the main part of this page.</p>
<ol><li>ask<ul><li>in writing</li></ul></li><li>go</li></ol>
<table><thead><tr><th>Years</th><th>Days</th></tr></thead><tr><td>1</td><td>30</td></tr></table>
<pre>a = 1
b = 2</pre><div hidden>secret</div><p style="display: none">hidden</p></main><footer>Imprint</footer></body></html>"""


def test_html_gives_its_main_content_and_nothing_else() -> None:
    document = read(HTML, "policy.html")
    assert document.title == "Policy"
    assert document.text == (
        "Leave\n\nEveryone has thirty days and enough words to be the main part of this page.\n\n"
        "1. ask\n  - in writing\n2. go\n\nYears | Days\n1 | 30\n\na = 1\nb = 2"
    )
    assert headings(document) == [(1, "Leave")]
    assert blocks(document, BlockKind.CODE) == ["a = 1\nb = 2"]


def test_a_table_that_lays_out_a_page_is_no_table() -> None:
    document = read(
        "<table><tr><td><table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>text</td></tr></table>",
        "x.html",
    )
    assert blocks(document, BlockKind.TABLE) == ["a | b\nc | d"]
    assert "text" in blocks(document, BlockKind.PARAGRAPH)


def test_a_page_nested_a_hundred_thousand_deep_is_read() -> None:
    page = "<html><body>" + "<div>" * 100_000 + "deep" + "</div>" * 100_000 + "<p>after</p></body></html>"
    assert read(page, "deep.html").text == "deep\n\nafter"


def test_json_becomes_lines_one_paragraph_a_record() -> None:
    document = read('{"name": "Ann", "tags": ["a", "b"], "home": {"city": "Ulm"}, "none": null}', "a.json")
    assert document.text == "name: Ann\n\ntags:\n  - a\n  - b\n\nhome:\n  city: Ulm"
    assert len(document.blocks) == 3


def test_json_lines_keep_a_broken_record_as_it_is() -> None:
    lines = [f'{{"a": {number}}}' for number in range(30)]
    document = read("\n".join([*lines, '{"a": ', '{"a": 99}']), "a.jsonl")
    assert document.text.endswith('a: 29\n\n{"a":\n\na: 99')


def test_a_notebook_gives_prose_and_code() -> None:
    cells = '[{"cell_type": "markdown", "source": ["# Sums\\n", "\\n", "Adding."]}, {"cell_type": "code", "source": "1 + 1"}]'
    document = read(f'{{"nbformat": 4, "cells": {cells}}}', "a.ipynb")
    assert headings(document) == [(1, "Sums")]
    assert blocks(document, BlockKind.CODE) == ["1 + 1"]


def test_json_nested_without_end_is_refused_with_a_code() -> None:
    with pytest.raises(Fault) as raised:
        read("[" * 100_000 + "]" * 100_000, "deep.json")
    assert raised.value.code == "indexing.document_too_large"


def test_xml_gives_its_text_in_order_with_titles_as_headings() -> None:
    xml = "<article><title>Ducks</title><sec><title>Food</title><p>They eat <b>leaves</b>.</p></sec></article>"
    document = read(f"<?xml version='1.0'?>{xml}", "a.xml")
    assert headings(document) == [(1, "Ducks"), (2, "Food")]
    assert blocks(document, BlockKind.PARAGRAPH) == ["They eat leaves."]


@pytest.mark.parametrize(
    "doctype",
    ['<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]>', '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'],
)
def test_xml_that_declares_entities_is_refused(doctype: str) -> None:
    with pytest.raises(Fault) as raised:
        read(f"<?xml version='1.0'?>{doctype}<a>&b;</a>", "a.xml")
    assert raised.value.code == "indexing.corrupt_document"


def test_more_records_than_blocks_are_one_long_block_at_the_end() -> None:
    document = read("[" + ",".join(f'"record {number}"' for number in range(50)) + "]", "a.json", ParseLimits(blocks_max=10))
    assert len(document.blocks) == 10
    assert document.text[document.blocks[-1].start : document.blocks[-1].end].endswith("record 49")


def test_a_text_of_brackets_is_no_json() -> None:
    assert read("[" * 50_000, "a.md").media_type == "text/markdown"


def test_text_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(Fault) as raised:
        read("word " * 300, "a.txt", ParseLimits(text_characters_max=1_000))
    assert raised.value.code == "indexing.document_too_large"
    assert "1000" in raised.value.message


@pytest.mark.parametrize("filename", ["a.txt", "a.md", "a.csv", "a.html", "a.json", "a.py"])
def test_what_cannot_be_stored_is_replaced_one_for_one(filename: str) -> None:
    document = read("before\x00after, two\n\nthree, four\n", filename)
    assert "\x00" not in document.text
    assert "before\ufffdafter" in document.text


def test_blocks_ascend_and_lie_inside_the_text() -> None:
    for text, name in ((MARKDOWN, "a.md"), (HTML, "a.html"), ("a\n\nb", "a.txt")):
        document = read(text, name)
        position = 0
        for block in document.blocks:
            assert_within(block, position, len(document.text))
            position = block.end


def assert_within(block: Block, position: int, length: int) -> None:
    assert position <= block.start < block.end <= length
