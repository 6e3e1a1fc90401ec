"""The evaluation documents: every one is read or fails with a code, and agrees with what others read in it."""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.errors import Fault
from indexing.parsing.pool import ParserPool
from indexing.parsing.process import PoolLimits
from indexing.parsing.wire import ParsedFile, ParseRequest
from inference.onnx.tokenizer import TokenizerFile

ROOT = Path(__file__).parents[3]
DOCUMENTS = ROOT / os.environ.get("MNEMIC_EVAL_DATA", "../shared/data") / "documents"

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="the evaluation documents are not here (MNEMIC_EVAL_DATA)"),
    pytest.mark.asyncio(loop_scope="module"),
]

LEGACY = {"doc", "msg", "rtf", "odf", "epub"}  # later formats and legacy: each an unsupported_type
SCANS = {"pdf/MEDRPT-2024-PAT-3847_medical_report_scan.pdf": "indexing.no_text"}
# Of the words that others read, at least this share is found; the exceptions say what is left out on purpose.
RECALL_MIN = 0.93
RECALL_OF = {
    "docx/docx_checkboxes.docx": 0.85,  # expected spells the boxes out
    "docx/drawingml.docx": 0.2,  # charts and pictures are described there
    "docx/test.docx": 0.65,  # expected is another document's beginning
    "docx/unit_test_headers_numbered.docx": 0.7,  # the numbers that Word counts are not in the file's text
    "html/html_rich_table_cells.html": 0.75,  # addresses of pictures
    "html/kvp_data_example.html": 0.75,  # notes of the reader about what is missing
    "pptx/powerpoint_comments.pptx": 0.55,  # comments
    "pptx/powerpoint_sample.pptx": 0.8,  # merged cells are repeated there
    "pptx/powerpoint_with_image.pptx": 0.85,  # the picture's placeholder
    "pptx/pptx_chart.pptx": 0.7,  # the kinds of the charts are named there
    "xlsx/xlsx_01.xlsx": 0.6,  # merged cells are repeated, charts described
    "xlsx/xlsx_04_inflated.xlsx": 0.6,
    "xlsx/xlsx_comments.xlsx": 0.4,  # comments
}
UNRELATED = {"json/test.json"}  # expected is the document that the JSON encodes

ENCRYPTED = {"indexing.encrypted", "indexing.unsupported_type"}  # an archive is refused before anybody asks for its password
EXPECTED_CODES = {
    "empty": {"indexing.empty_document"},
    "error": {"indexing.corrupt_document", "indexing.unsupported_type", "indexing.document_too_large"},
    "reject": {"indexing.corrupt_document", "indexing.unsupported_type", "indexing.document_too_large"},
    "password_required": ENCRYPTED,
}
ANY_CODE = {
    "indexing.corrupt_document", "indexing.unsupported_type", "indexing.document_too_large", "indexing.encrypted",
    "indexing.no_text", "indexing.empty_document", "indexing.parse_timeout", "indexing.parse_memory", "indexing.parser_crashed",
}  # fmt: skip


def manifest() -> list[tuple[str, str]]:
    path = DOCUMENTS / "MANIFEST.tsv"
    if not path.is_file():
        return []
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(row[0], row[8]) for row in rows]


FRIENDLY = [name for name, _ in manifest() if name.split("/")[0] not in {"nasty", "financebench_pdfs", *LEGACY}]
NASTY = [(name, expect) for name, expect in manifest() if name.startswith("nasty/")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pool() -> AsyncIterator[ParserPool]:
    async with ParserPool.open(limits=PoolLimits(wall_s=60, cpu_s=30)) as opened:
        yield opened


async def outcome(pool: ParserPool, name: str) -> ParsedFile | str:
    """The parsed file, or the code of its fault."""
    request = ParseRequest(filename=name, tokenizer=TokenizerFile())
    try:
        return await pool.parse(DOCUMENTS / name, request)
    except Fault as fault:
        return fault.code


def recall(text: str, expected: str) -> float:
    """The share of the expected words, with their number, that the text has."""
    found, wanted = (Counter(re.findall(r"\w+", one.lower())) for one in (text, expected))
    return (found & wanted).total() / max(1, wanted.total())


@pytest.mark.parametrize("name", FRIENDLY)
async def test_every_document_is_read_and_agrees_with_what_others_read(pool: ParserPool, name: str) -> None:
    parsed = await outcome(pool, name)
    if name in SCANS:
        assert parsed == SCANS[name]
        return
    assert isinstance(parsed, ParsedFile), parsed
    assert parsed.chunks
    expected = DOCUMENTS / "expected" / f"{name}.txt"
    if expected.is_file() and name not in UNRELATED:
        share = recall(parsed.text, expected.read_text(encoding="utf-8"))
        assert share >= RECALL_OF.get(name, RECALL_MIN), share


@pytest.mark.parametrize("name", [name for name, _ in manifest() if name.split("/")[0] in LEGACY])
async def test_legacy_and_later_formats_fail_by_name(pool: ParserPool, name: str) -> None:
    assert await outcome(pool, name) == "indexing.unsupported_type"


@pytest.mark.parametrize("name, expect", NASTY)
async def test_nasty_files_end_as_they_should(pool: ParserPool, name: str, expect: str) -> None:
    parsed = await outcome(pool, name)
    if expect in EXPECTED_CODES:
        assert parsed in EXPECTED_CODES[expect]
    elif expect == "error_or_partial":
        assert isinstance(parsed, ParsedFile) or parsed in ANY_CODE
    else:
        assert expect in {"ok", "detect_by_content"}
        assert isinstance(parsed, ParsedFile), parsed
        assert parsed.text.strip()


async def test_no_entity_or_local_file_leaks_into_a_text(pool: ParserPool) -> None:
    for name, _ in NASTY:
        if "bomb" in name or "xxe" in name:
            parsed = await outcome(pool, name)
            if isinstance(parsed, ParsedFile):
                assert "root:" not in parsed.text
                assert len(parsed.text) < 1_000_000
