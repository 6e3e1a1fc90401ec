"""CSV and TSV: rows become one table. The delimiter is found by counting, because csv.Sniffer guesses letters."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_ROWS = 50
_FIELD_CHARACTERS_MAX = 100 * 1024 * 1024


def parse(text: str, source: Source, media_type: str) -> ParsedDocument:
    builder = TextBuilder(source.limits)
    delimiter = sniff(text[: 64 * 1024]) or (
        "\t" if media_type == "text/tab-separated-values" else _most_frequent(text[: 64 * 1024])
    )
    rows = list(_rows(text, delimiter))
    builder.table(rows, header_rows=1 if _has_header(rows) else 0)
    return builder.build(media_type)


def sniff(sample: str, *, width_min: int = 2) -> str | None:
    """The delimiter that splits at least three rows into the same number of cells, `width_min` or more; else None."""
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in list(_rows(sample, delimiter))[:_SAMPLE_ROWS] if row]
        if len(sample) >= 16 * 1024 and len(widths) > 2:
            widths = widths[:-1]  # the sample may have cut it
        if len(widths) < 3 or "\n" not in sample:
            continue
        width, times = Counter(widths).most_common(1)[0]
        agreement = times / len(widths)
        if width >= width_min and agreement >= 0.9 and (best is None or (agreement, width, delimiter) > best):
            best = (agreement, width, delimiter)
    return best[2] if best else None


def _most_frequent(sample: str) -> str:
    """For files that say they are delimited and are too short or too ragged to show how."""
    lines = [line for line in sample.split("\n")[:_SAMPLE_ROWS] if line.strip()]
    return max(_DELIMITERS, key=lambda delimiter: (sum(delimiter in line for line in lines), sample.count(delimiter)))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _has_header(rows: list[list[str]]) -> bool:
    """The first row names columns unless a cell of it is a number."""
    return bool(rows) and not any(_is_number(cell) for cell in rows[0])


def _is_number(cell: str) -> bool:
    digits = cell.strip().replace(",", "").replace(".", "").removeprefix("-").removesuffix("%")
    return digits.isdigit()
