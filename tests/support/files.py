"""Small files of every format, made by other libraries than those that read them, where there are others."""

import io
import zipfile
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any, cast

from docx import Document
from docx.document import Document as WordDocument
from openpyxl import Workbook
from pptx import Presentation
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

Pages = Sequence[Sequence[str]]


def pdf(pages: Pages, *, title: str = "", password: str | None = None) -> bytes:
    """A line that starts with `# ` is set in large bold type."""
    target = io.BytesIO()
    canvas = Canvas(target, encrypt=StandardEncryption(password) if password else None)
    canvas.setTitle(title)
    for lines in pages:
        height = 800
        for line in lines:
            large = line.startswith("# ")
            canvas.setFont("Helvetica-Bold" if large else "Helvetica", 18 if large else 10)
            canvas.drawString(50, height, line.removeprefix("# "))
            height -= 30 if large else 14
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def docx(document: WordDocument) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def handbook() -> WordDocument:
    """Two levels of headings, a list, and a table between two paragraphs."""
    document = Document()
    document.add_heading("Handbook", level=1)
    document.add_heading("Leave", level=2)
    document.add_paragraph("Everyone has thirty days.")
    document.add_paragraph("ask your lead", style="List Bullet")
    table = document.add_table(rows=0, cols=2)
    for cells in (("Years", "Days"), ("1", "30"), ("5", "32")):
        for cell, text in zip(table.add_row().cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Unused days lapse in March.")
    return document


def pptx(slides: Sequence[tuple[str, Sequence[str], str]]) -> bytes:
    """Each slide is its title, its bullets, its notes."""
    deck = Presentation()
    for title, bullets, notes in slides:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        assert slide.shapes.title is not None
        slide.shapes.title.text = title
        cast("Any", slide.placeholders[1]).text_frame.text = "\n".join(bullets)
        frame = slide.notes_slide.notes_text_frame
        assert frame is not None
        frame.text = notes
    target = io.BytesIO()
    deck.save(target)
    return target.getvalue()


def xlsx(sheets: dict[str, Sequence[Sequence[object]]]) -> bytes:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def eml(*, subject: str, body: str, attachments: dict[str, bytes] | None = None, html: str | None = None) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ann <ann@example.org>", "bob@example.org", subject
    message["Date"] = "Mon, 05 Jan 2026 10:00:00 +0000"
    message.set_content(body)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content in (attachments or {}).items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def archive(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return target.getvalue()


def with_member(packed: bytes, name: str, content: bytes) -> bytes:
    """The same archive with one member replaced or added."""
    with zipfile.ZipFile(io.BytesIO(packed)) as old:
        members = {member: old.read(member) for member in old.namelist()}
    return archive({**members, name: content})
