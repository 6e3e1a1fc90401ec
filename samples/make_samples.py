"""Writes the office files of the sample corpus (PDF, DOCX, XLSX, PPTX) from the texts in samples/sources.

Run after changing one of those, from the repository root: .venv/bin/python samples/make_samples.py. Its results are
committed. It is no part of the service, and reads only the Markdown that the sources use.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from docx import Document
from openpyxl import Workbook
from openpyxl.styles import Font
from pptx import Presentation
from pptx.shapes.placeholder import SlidePlaceholder
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

SAMPLES = Path(__file__).parent
COMPANY = "Tarnfield Instruments"
# Fixed, so that writing the same text again changes as few bytes as the formats allow.
WRITTEN_AT = datetime.fromisoformat("2026-03-01T09:00:00")


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a source: `kind` is title, heading, text, table or page (a page break)."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def main() -> None:
    folder = SAMPLES / "tarnfield/handbook"
    write_pdf("travel-policy", folder / "finance")
    write_pdf("security-policy", folder / "security")
    write_docx("parental-leave", folder / "people")
    write_docx("procurement", folder / "finance")
    write_xlsx(folder / "people/pay-bands.xlsx", {"Pay bands 2026": "pay-bands.csv", "Allowances": "allowances.csv"})
    write_pptx("company-overview", folder / "office")


def write_pdf(name: str, folder: Path) -> None:
    styles = getSampleStyleSheet()
    story: list[Flowable] = []
    blocks = list(read_blocks(name))
    for block in blocks:
        match block.kind:
            case "page":
                story.append(PageBreak())
            case "table":
                story.append(Table([list(row) for row in block.rows], hAlign="LEFT"))
            case kind:
                style = {"title": "Title", "heading": "Heading2", "text": "BodyText"}[kind]
                story += [Paragraph(block.text, styles[style]), Spacer(1, 6)]
    SimpleDocTemplate(str(folder / f"{name}.pdf"), pagesize=A4, title=blocks[0].text, author=COMPANY, invariant=1).build(story)


def write_docx(name: str, folder: Path) -> None:
    document = Document()
    blocks = list(read_blocks(name))
    document.core_properties.title = blocks[0].text
    document.core_properties.author = COMPANY
    document.core_properties.created = WRITTEN_AT
    for block in blocks:
        match block.kind:
            case "title":
                document.add_heading(block.text, level=0)
            case "heading":
                document.add_heading(block.text, level=1)
            case "table":
                table = document.add_table(rows=0, cols=len(block.rows[0]))
                for row in block.rows:
                    for cell, text in zip(table.add_row().cells, row, strict=True):
                        cell.text = text
            case _:
                document.add_paragraph(block.text)
    document.save(str(folder / f"{name}.docx"))


def write_xlsx(path: Path, sheets: dict[str, str]) -> None:
    book = Workbook()
    book.properties.created = WRITTEN_AT
    book.properties.title = "Pay bands and allowances, from 1 July 2026"
    book.remove(book.worksheets[0])
    for title, source in sheets.items():
        sheet = book.create_sheet(title)
        with (SAMPLES / "sources" / source).open(newline="") as lines:
            for row in csv.reader(lines):
                sheet.append([int(cell) if cell.isdecimal() else cell for cell in row])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
    book.save(path)


def write_pptx(name: str, folder: Path) -> None:
    slides = Presentation()
    slides.core_properties.title = "Company overview"
    slides.core_properties.author = COMPANY
    slides.core_properties.created = WRITTEN_AT
    body: SlidePlaceholder | None = None
    for block in read_blocks(name):
        if block.kind == "heading":
            slide = slides.slides.add_slide(slides.slide_layouts[1])
            heading, body = (cast("SlidePlaceholder", shape) for shape in slide.placeholders)
            heading.text = block.text
        else:
            assert body is not None, "a slide begins with a heading"
            body.text = block.text
    slides.save(str(folder / f"{name}.pptx"))


def read_blocks(name: str) -> Iterator[Block]:
    """The blocks of a source: they are separated by blank lines. Lines of a text are joined, except in slides."""
    joint = "\n" if name == "company-overview" else " "
    for piece in (SAMPLES / "sources" / f"{name}.md").read_text(encoding="utf-8").split("\n\n"):
        lines = piece.strip().splitlines()
        if lines[0].startswith("#"):
            yield Block("title" if lines[0].startswith("# ") else "heading", lines[0].lstrip("# "))
        elif lines[0].startswith("|"):
            yield Block("table", rows=read_rows(lines))
        else:
            yield Block("page") if lines == ["---"] else Block("text", joint.join(lines))


def read_rows(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The cells of a pipe table, without the line of dashes under the header."""
    rows = (tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines)
    return tuple(row for row in rows if set(row) != {"---"})


if __name__ == "__main__":
    main()
