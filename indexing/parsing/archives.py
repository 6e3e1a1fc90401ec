"""Looks into zip and OLE2 containers before any parser does: what they hold, how far they unpack, whether they are locked."""

import io
import re
import struct
import zipfile
import zlib
from pyexpat import ExpatError
from xml.parsers import expat

from indexing.parsing import faults
from indexing.parsing.types import ParseLimits, Source

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = _OFFICE + "wordprocessingml.document"
PPTX = _OFFICE + "presentationml.presentation"
XLSX = _OFFICE + "spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
XLS = "application/vnd.ms-excel"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ZIP = "application/zip"

# A ratio is only suspicious where it makes something big: a sheet of empty cells may well shrink a thousandfold.
_RATIO_MATTERS_FROM_BYTES = 64 * 1024 * 1024
_PROLOG_BYTES = 1024 * 1024
# In a workbook of the old kind the record FILEPASS (0x2F) follows the first one (BOF, 0x809, 16 bytes long).
_XLS_LOCKED = re.compile(rb"\x09\x08\x10\x00.{16}(?:.{4})?\x2f\x00", re.DOTALL)
_BAD_ZIP = (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OSError, EOFError, zlib.error, RuntimeError)
# Stream names of OLE2 directories are UTF-16; those that matter are long enough not to occur by chance.
_OLE2_STREAMS = (
    ("EncryptedPackage", "encrypted"),
    ("EncryptedSummary", "encrypted"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__substg1.0_", "application/vnd.ms-outlook"),
    ("Workbook", XLS),
    ("Book", XLS),
    ("VisioDocument", "application/vnd.visio"),
)


def zip_type(source: Source) -> str:
    """The media type of a zip container, after its directory was checked against the limits; or a fault."""
    try:
        with zipfile.ZipFile(io.BytesIO(source.content)) as archive:
            members = archive.infolist()
            _check_sizes(members, source.limits)
            names = {member.filename for member in members}
            mimetype = archive.read("mimetype")[:200].decode("ascii", "replace").strip() if "mimetype" in names else ""
            locked = _is_locked(archive, members, names)
    except _BAD_ZIP as flaw:
        raise faults.corrupt("a zip container", f"it is damaged ({type(flaw).__name__})") from flaw
    if locked:
        raise faults.encrypted(mimetype or "a zip container")
    return mimetype or _office_type(names)


def refuse_entities(content: bytes) -> None:
    """Raises when an XML member of an Office file declares a document type: none does honestly, and entities grow from it."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if member.filename.endswith((".xml", ".rels", ".vml")) and _declares_doctype(archive, member):
                    raise faults.corrupt(
                        f"the member {member.filename[:100]!r}", "it declares a document type, which Office never does"
                    )
    except _BAD_ZIP as flaw:
        raise faults.corrupt("a zip container", f"it is damaged ({type(flaw).__name__})") from flaw


def ole2_type(content: bytes) -> str:
    """The media type of an OLE2 container, or a fault when it is a locked Office file."""
    if _XLS_LOCKED.search(content):
        raise faults.encrypted("the workbook")
    for name, media_type in _OLE2_STREAMS:
        if name.encode("utf-16-le") in content:
            if media_type == "encrypted":
                raise faults.encrypted("an Office document")
            return media_type
    return "application/x-ole-storage"


def _check_sizes(members: list[zipfile.ZipInfo], limits: ParseLimits) -> None:
    if len(members) > limits.zip_members_max:
        raise faults.too_large("members of the archive", value=len(members), limit=limits.zip_members_max)
    largest = max((member.file_size for member in members), default=0)
    if largest > limits.zip_member_bytes_max:
        raise faults.too_large("bytes of one unpacked member", value=largest, limit=limits.zip_member_bytes_max)
    total = sum(member.file_size for member in members)
    if total > limits.zip_total_bytes_max:
        raise faults.too_large("bytes of the unpacked archive", value=total, limit=limits.zip_total_bytes_max)
    packed = sum(member.compress_size for member in members)
    if total > _RATIO_MATTERS_FROM_BYTES and total > limits.zip_ratio_max * max(1, packed):
        raise faults.too_large("times that the archive unpacks", value=total // max(1, packed), limit=limits.zip_ratio_max)


def _is_locked(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], names: set[str]) -> bool:
    if any(member.flag_bits & 1 for member in members):
        return True
    if any(name.startswith((".iwpv", ".iwph")) for name in names):  # Apple's iWork keeps its password hint there
        return True
    manifest = "META-INF/manifest.xml"
    return manifest in names and b"encryption-data" in archive.read(manifest)


def _office_type(names: set[str]) -> str:
    if "[Content_Types].xml" in names:
        for folder, media_type in (("word/", DOCX), ("ppt/", PPTX)):
            if any(name.startswith(folder) for name in names):
                return media_type
        if "xl/workbook.bin" in names:
            return XLSB
        if any(name.startswith("xl/") for name in names):
            return XLSX
    return ZIP


def _declares_doctype(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Reads the prolog only: a document type cannot stand behind the first element."""
    seen: list[str] = []
    parser = expat.ParserCreate()

    def doctype(*_: object) -> None:
        seen.append("doctype")

    def element(*_: object) -> None:
        seen.append("element")

    parser.StartDoctypeDeclHandler, parser.StartElementHandler = doctype, element
    read = 0
    with archive.open(member) as stream:
        while not seen and read < _PROLOG_BYTES and (piece := stream.read(4096)):
            read += len(piece)
            try:
                parser.Parse(piece, False)
            except ExpatError:
                break  # malformed: its own parser will say so, and entities are off there too
    return seen[:1] == ["doctype"]
