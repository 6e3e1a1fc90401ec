"""Bytes become text: byte order mark, declared charset, UTF-8, then a guess. Line ends are settled here."""

import codecs
import re

from charset_normalizer import from_bytes

# `storable` must keep every offset where it is, so each character that Postgres or UTF-8 refuses becomes exactly one other.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_DECLARED_WITHIN = 2048
_SAMPLE_BYTES = 64 * 1024
# The guess chooses among charsets that are met in practice: with all of them it finds Baltic letters in Polish text.
_MET_IN_PRACTICE = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "iso8859_2", "iso8859_5",
    "iso8859_7", "koi8_r", "koi8_u", "cp866", "cp437", "cp850", "cp500", "tis_620", "gb18030", "big5", "cp949", "euc_kr",
    "cp932", "shift_jis", "euc_jp", "iso2022_jp", "iso2022_kr", "hz",
]  # fmt: skip
# An unlabelled file with so few broken sequences is damaged UTF-8; a Latin one has a bad one at nearly every accent.
_UTF8_DAMAGE_MAX = 0.3
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def storable(text: str) -> str:
    """The same text, each NUL and lone surrogate replaced by U+FFFD; offsets stay."""
    return _NOT_STORABLE.sub("\ufffd", text)


def canonical(text: str) -> str:
    """Decoded text as it is kept: no byte order mark, bare line feeds for line ends, storable."""
    return storable(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))


def decode(content: bytes) -> str | None:
    """Canonical text, or None when the bytes are no text in any charset that is known here."""
    text = _decode(content)
    return None if text is None else canonical(text)


def decode_as(content: bytes, charset: str | None) -> str:
    """Canonical text of bytes that are known to be text, in the charset that their container claims if that holds."""
    text = _try(content, charset) if charset else None
    if text is None:
        text = _decode(content)
    return canonical(content.decode("utf-8", "replace") if text is None else text)


def _decode(content: bytes) -> str | None:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, "replace")
    if wide := _utf16_without_mark(content):
        return content.decode(wide, "replace")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_other(content)
    return text if _reads_as_text(text) else None


def _decode_other(content: bytes) -> str | None:
    if b"\x00" in content[:_SAMPLE_BYTES]:
        return None  # neither UTF-8 nor UTF-16, and no 8-bit charset uses NUL: binary
    declared = _DECLARED.search(content[:_DECLARED_WITHIN])
    if declared:
        text = _try(content, declared.group(1).decode("ascii"))
        if text is not None:
            return text
    repaired = content.decode("utf-8", "replace")
    if _is_damaged_utf8(content, repaired):
        return repaired
    return _guess(content)


def _try(content: bytes, charset: str) -> str | None:
    """The bytes in the named charset, None when it is unknown, no text charset, or does not fit."""
    try:
        text = content.decode(charset)
    except (LookupError, UnicodeError, ValueError):
        return None
    return text if _reads_as_text(text) else None


def _guess(content: bytes) -> str | None:
    # The guess costs about 1 ms a KiB, so a sample decides; what it got wrong further on shows as U+FFFD.
    sample = content[:_SAMPLE_BYTES]
    # 0.2 is the library's own threshold; at 0.3 Polish in ISO 8859-2 is found, and noise is still refused.
    best = from_bytes(sample, cp_isolation=_MET_IN_PRACTICE, threshold=0.3).best() or from_bytes(sample).best()
    if best is None:
        return None
    text = content.decode(best.encoding, "replace")
    return text if _reads_as_text(text) else None


def _utf16_without_mark(content: bytes) -> str | None:
    sample = content[:4096]
    if len(sample) < 4 or len(content) % 2:
        return None
    pairs = len(sample) // 2
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if odd > 0.6 * pairs and even < 0.1 * pairs:
        return "utf-16-le"
    if even > 0.6 * pairs and odd < 0.1 * pairs:
        return "utf-16-be"
    return None


def _is_damaged_utf8(content: bytes, repaired: str) -> bool:
    bad = repaired.count("\ufffd")
    good = sum(1 for character in repaired[:_SAMPLE_BYTES] if ord(character) > 0x7F and character != "\ufffd")
    return bad > 0 and good > 0 and bad <= _UTF8_DAMAGE_MAX * (good + bad) and len(content) > 8


def _reads_as_text(text: str) -> bool:
    sample = text[:_SAMPLE_BYTES]
    strange = sum(1 for character in sample if character < " " and character not in "\t\n\r\f\x1b")
    return strange <= max(8, len(sample) // 20)
