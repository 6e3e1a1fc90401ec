"""Names of things: typed ids, how mnemic makes them, and what a client may choose."""

import re
import secrets
import unicodedata
from datetime import datetime
from typing import NewType

from core.errors import Invalid
from core.limits import DOCUMENT_ID_BYTES_MAX

TenantId = NewType("TenantId", str)
IndexName = NewType("IndexName", str)
DocumentId = NewType("DocumentId", str)
JobId = NewType("JobId", str)
KeyId = NewType("KeyId", str)
ChunkId = NewType("ChunkId", str)
Principal = NewType("Principal", str)
SessionId = NewType("SessionId", str)
MessageId = NewType("MessageId", str)
FactId = NewType("FactId", str)
SummaryId = NewType("SummaryId", str)

DEFAULT_TENANT = TenantId("default")

_NAME = re.compile(r"[A-Za-z0-9._@-]{1,128}")
_PRINCIPAL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}:[^\s,\x00-\x1f\x7f]{1,220}")
_ROW_MAX = (1 << 63) - 1  # thirteen digits hold two bits more than a row's number has
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: sorts like the number, no look-alikes
_TIME_DIGITS = 10
_RANDOM_DIGITS = 12


def make_id(prefix: str, now: datetime) -> str:
    """`<prefix>_<10 digits of milliseconds><12 random digits>`: sorts by time, 60 random bits."""
    time_ms = int(now.timestamp() * 1000)
    return f"{prefix}_{_base32(time_ms, _TIME_DIGITS)}{_base32(secrets.randbits(60), _RANDOM_DIGITS)}"


def chunk_id(key: int) -> ChunkId:
    """The public id of a chunk row: its key in base 32, so that ids of one document version sort by position."""
    return ChunkId(row_name("chk", key))


def chunk_key(chunk: str) -> int | None:
    """The row key behind a chunk id, or None when the text is no chunk id."""
    return row_number("chk", chunk)


def row_name(prefix: str, row: int) -> str:
    """The public id of a numbered row: `<prefix>_` and the number in 13 base 32 digits, so that ids sort as rows do."""
    return f"{prefix}_{_base32(row, 13)}"


def row_number(prefix: str, name: str) -> int | None:
    """The number behind such an id, or None when the text is none."""
    digits = name.removeprefix(f"{prefix}_")
    if len(digits) != 13 or digits == name or any(digit not in _ALPHABET for digit in digits):
        return None
    key = 0
    for digit in digits:
        key = key * 32 + _ALPHABET.index(digit)
    return key if key <= _ROW_MAX else None


def check_name(value: str, *, what: str) -> str:
    """A name that stands in a path (index, tenant, session…), or Invalid."""
    if not _NAME.fullmatch(value) or value in {".", ".."}:
        raise Invalid(
            "ids.invalid_name",
            f"{what} {value[:140]!r} is not a valid name: use 1 to 128 of the characters A-Z a-z 0-9 . _ @ -",
        )
    return value


def check_document_id(value: str) -> DocumentId:
    """A document id as API.md defines it, or Invalid naming the rule that it breaks."""
    reason = _document_id_flaw(value)
    if reason:
        raise Invalid("ids.invalid_document_id", f"document id {value[:80]!r} {reason}")
    return DocumentId(value)


def below(prefix: str, name: str) -> str:
    """A document's id under a prefix, which is a folder whether or not it ends with `/`."""
    folder = prefix.rstrip("/")
    return f"{folder}/{name}" if folder else name


def check_principal(value: str) -> Principal:
    """`kind:name`, such as `user:ann` or `group:hr`, or Invalid."""
    if not _PRINCIPAL.fullmatch(value):
        raise Invalid(
            "ids.invalid_principal",
            f"principal {value[:80]!r} is not of the form kind:name (such as user:ann), at most 253 characters "
            "without spaces or commas",
        )
    return Principal(value)


def _document_id_flaw(value: str) -> str | None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which is no Unicode text"
    if not 1 <= size <= DOCUMENT_ID_BYTES_MAX:
        return f"is {size} bytes long; the limit is 1 to {DOCUMENT_ID_BYTES_MAX}"
    if any(unicodedata.category(character) == "Cc" for character in value):
        return "holds a control character"
    if any(segment in {"", ".", ".."} for segment in value.split("/")):
        return "holds an empty, '.' or '..' segment, or starts or ends with '/'"
    return None


def _base32(number: int, digits: int) -> str:
    text = ""
    for _ in range(digits):
        number, digit = divmod(number, 32)
        text = _ALPHABET[digit] + text
    assert number == 0, "number does not fit"
    return text
