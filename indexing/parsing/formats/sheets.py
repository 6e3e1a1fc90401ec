"""Spreadsheets (XLSX, XLS, ODS, XLSB) through calamine: a heading a sheet, a table for every stretch between empty rows."""

import datetime as dt
import io
from collections.abc import Iterator

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, SheetTypeEnum

from indexing.parsing import archives, faults
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import ParsedDocument, Source

Cell = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta

_CELLS_MAX = 20_000_000


def parse(source: Source, media_type: str) -> ParsedDocument:
    if source.content.startswith(archives.ZIP_MAGIC):
        archives.refuse_entities(source.content)
    builder = TextBuilder(source.limits)
    for name, sheet in _sheets(source.content):
        cells = sheet.total_height * sheet.total_width
        if cells > _CELLS_MAX:
            raise faults.too_large("cells of one sheet", value=cells, limit=_CELLS_MAX)
        _write(name, sheet, builder)
    return builder.build(media_type)


def _sheets(content: bytes) -> Iterator[tuple[str, CalamineSheet]]:
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for sheet in workbook.sheets_metadata:
            if sheet.typ is SheetTypeEnum.WorkSheet:
                yield sheet.name, workbook.get_sheet_by_name(sheet.name)
    except PasswordError as locked:
        raise faults.encrypted("the workbook") from locked
    except (CalamineError, OSError, ValueError) as flaw:
        raise faults.corrupt("the workbook", type(flaw).__name__) from flaw


def _write(name: str, sheet: CalamineSheet, builder: TextBuilder) -> None:
    headed = False
    stretch: list[list[str]] = []
    for raw in sheet.iter_rows():
        row = [_text(cell) for cell in raw]
        if any(row) and not headed:
            builder.heading(name, 1)
            headed = True
        if any(row):
            stretch.append(row)
        elif stretch:
            _write_stretch(stretch, builder)
            stretch = []
    if stretch:
        _write_stretch(stretch, builder)


def _write_stretch(rows: list[list[str]], builder: TextBuilder) -> None:
    """Lines of one cell above a table are what the table is called."""
    widths = [sum(1 for cell in row if cell) for row in rows]
    first = next((number for number, width in enumerate(widths) if width > 1), 0)
    for row in rows[:first]:
        builder.paragraph("".join(row))
    builder.table(rows[first:], header_rows=1 if _has_header(rows[first]) else 0)


def _has_header(row: list[str]) -> bool:
    return not any(cell.replace(".", "", 1).replace("-", "").isdigit() for cell in row)


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat() if cell.time() == dt.time() else cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)
