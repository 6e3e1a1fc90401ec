"""E-mail: the headers people read, the best body, attachments as children. Mailboxes are their messages in order."""

import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import cast

from indexing.parsing import faults
from indexing.parsing.charset import canonical, decode_as
from indexing.parsing.formats import html, plain
from indexing.parsing.text_builder import TextBuilder
from indexing.parsing.types import BlockKind, Child, ParsedDocument, Source

_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_LOCKED = frozenset({"multipart/encrypted", "application/pgp-encrypted"})
_MBOX_START = re.compile(rb"^From \S+[^\n]*\d{4}[^\n]*\n", re.MULTILINE)
_FLAWS = (LookupError, ValueError, HeaderParseError, TypeError, AssertionError)
_PARTS_MAX = 1_000


def parse(source: Source) -> ParsedDocument:
    builder = TextBuilder(source.limits)
    message = _message(source.content)
    _refuse_locked(message)
    _write(message, builder, source)
    builder.title = _header(message, "Subject")
    return builder.build("message/rfc822")


def parse_mbox(source: Source) -> ParsedDocument:
    messages = list(_split(source.content))
    if len(messages) <= 1:
        return parse(replace(source, content=messages[0] if messages else source.content))
    builder = TextBuilder(source.limits)
    for content in messages:
        message = _message(content)
        builder.heading(_header(message, "Subject") or "(no subject)", 1)
        _write(message, builder, source)
    return builder.build("application/mbox")


def _message(content: bytes) -> Message:
    # compat32: the newer policies raise on malformed headers, this one hands them on as they are.
    return message_from_bytes(content.lstrip(b"\n\r"), policy=policy.compat32)


def _split(content: bytes) -> Iterator[bytes]:
    starts = list(_MBOX_START.finditer(content))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield content[start.end() : following.start() if following else None]


def _refuse_locked(message: Message) -> None:
    kind = message.get_content_type()
    enveloped = kind in {"application/pkcs7-mime", "application/x-pkcs7-mime"} and "signed" not in str(
        message.get("Content-Type")
    )
    if kind in _LOCKED or enveloped:
        raise faults.encrypted("an e-mail")


def _write(message: Message, builder: TextBuilder, source: Source) -> None:
    headers = [(name, _header(message, name)) for name in _SHOWN]
    builder.paragraph("\n".join(f"{name}: {value}" for name, value in headers if value))
    body = _body(message)
    if body is not None:
        _write_body(body, builder, source)
    for number, part in enumerate(_attachments(message, body)):
        if len(builder.children) >= source.limits.children_max:
            builder.warnings.append(f"more than {source.limits.children_max} attachments: the rest is left out")
            break
        builder.child(_child(part, number))


def _write_body(part: Message, builder: TextBuilder, source: Source) -> None:
    text = _text(part)
    parsed = html.parse(text, source) if part.get_content_type() == "text/html" else plain.parse(text, source)
    for block in parsed.blocks:
        stretch = parsed.text[block.start : block.end]
        if block.kind is BlockKind.HEADING:
            builder.heading(stretch, block.level + 1)
        elif block.kind is BlockKind.TABLE:
            builder.table([line.split(" | ") for line in stretch.split("\n")])
        elif block.kind is BlockKind.CODE:
            builder.code(stretch)
        else:
            builder.paragraph(stretch)


def _leaves(message: Message) -> Iterator[Message]:
    """Parts that hold something, in order; a forwarded message is one of them, not its parts."""
    stack = [message]
    seen = 0
    while stack and seen < _PARTS_MAX:
        part = stack.pop()
        seen += 1
        inner = _inner(part)
        if part.get_content_maintype() == "multipart" and inner:
            stack += reversed(inner)
        else:
            yield part


def _inner(part: Message) -> list[Message]:
    """The parts of a part, none when it holds bytes."""
    payload = cast("object", part.get_payload())
    return [item for item in cast("list[object]", payload) if isinstance(item, Message)] if isinstance(payload, list) else []


def _body(message: Message) -> Message | None:
    """The first plain text that is no attachment, else the first HTML."""
    parts = [
        part for part in _leaves(message) if part.get_content_disposition() != "attachment" and part.get_filename() is None
    ]
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and _text(part).strip():
                return part
    return None


def _attachments(message: Message, body: Message | None) -> Iterator[Message]:
    """Everything but the body, its other versions, and pictures without a name inside an HTML body."""
    for part in _leaves(message):
        kind = part.get_content_type()
        named = part.get_filename() is not None or part.get_content_disposition() == "attachment"
        if part is not body and (named or kind == "message/rfc822" or (kind.startswith("text/") and body is None)):
            yield part


def _child(part: Message, number: int) -> Child:
    kind = part.get_content_type()
    inner = _inner(part)
    if kind == "message/rfc822" and inner:
        content = inner[0].as_bytes(policy=policy.compat32)
        name = _decoded(part.get_filename()) or f"{_header(inner[0], 'Subject') or f'message-{number + 1}'}.eml"
        return Child(name=_safe(name), media_type=kind, content=content)
    name = _decoded(part.get_filename()) or f"attachment-{number + 1}"
    return Child(name=_safe(name), media_type=kind, content=_bytes(part))


def _text(part: Message) -> str:
    charset = part.get_content_charset()
    return decode_as(_bytes(part), charset)


def _bytes(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except _FLAWS:
        content = None
    return content if isinstance(content, bytes) else b""


def _header(message: Message, name: str) -> str | None:
    # `raw_items` hands on 8-bit bytes as surrogates; `get` would make question marks of them.
    raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), None)
    return _decoded(raw)


def _decoded(raw: object) -> str | None:
    """A header as people read it; as it stands where it is malformed."""
    if raw is None:
        return None
    text = str(raw)
    if not text.isascii():
        text = decode_as(text.encode("utf-8", "surrogateescape"), "utf-8")
    try:
        value = str(make_header(decode_header(text)))
    except _FLAWS:
        value = text
    return " ".join(canonical(value).split())[:2_000] or None


def _safe(name: str) -> str:
    """The last part of a path, so that no attachment names a place."""
    return re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/").rsplit("/", 1)[-1])[:200] or "attachment"
