"""What a fact rests on, in both directions: from what a writer cites to stored sources, and from those to what clients name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.caller import Caller
from core.errors import NotFound
from core.ids import SessionId
from memory import errors
from memory.facts.quotes import quoted
from memory.facts.types import DocumentSource, MessageSource, NamedSource
from storage import documents, facts, indexes, messages, sessions
from storage.database import Transaction
from storage.fact_records import FactRecord, SourceRecord

SOURCES_MAX = 64
DOCUMENT_TRUST = 2  # kept on purpose, but nobody's own word


async def cited(
    tx: Transaction, caller: Caller, wanted: Sequence[MessageSource | DocumentSource], *, eyes: Caller
) -> tuple[SourceRecord, ...]:
    """The sources as they are now, each with its own trust and time. NotFound for a message that is not the caller's, or a
    document that `eyes` may not see."""
    if len(wanted) > SOURCES_MAX:
        raise errors.invalid_fact("/sources", f"has {len(wanted)} items; the limit is {SOURCES_MAX}")
    return tuple(
        [await (_message(tx, caller, one) if isinstance(one, MessageSource) else _document(tx, eyes, one)) for one in wanted]
    )


async def named(
    tx: Transaction, found: Sequence[FactRecord]
) -> tuple[Mapping[int, tuple[NamedSource, ...]], Mapping[int, SessionId]]:
    """The sources of each fact by its row, and the ids of the sessions that facts and sources belong to."""
    sources = await facts.sources_of(tx, [one.row_id for one in found])
    cited_rows = {int(one.id) for its in sources.values() for one in its if one.type == "message"}
    said = await messages.by_rows(tx, sorted(cited_rows))
    rows = {one.session_id for one in said.values()} | {one.scope.session_id for one in found}
    spoken = await sessions.by_rows(tx, tuple(row for row in rows if row is not None))
    ids = {row: one.id for row, one in spoken.items()}

    def name(one: SourceRecord) -> NamedSource:
        message = said.get(int(one.id)) if one.type == "message" else None
        if message is None:
            return NamedSource(record=one)
        return NamedSource(record=one, session=ids.get(message.session_id), message=message.id)

    return {row: tuple(name(one) for one in its) for row, its in sources.items()}, ids


async def _message(tx: Transaction, caller: Caller, wanted: MessageSource) -> SourceRecord:
    session = await sessions.find(tx, caller.subject, wanted.session)
    if session is None:
        raise errors.no_such_session(wanted.session)
    message = await messages.find(tx, session.row_id, wanted.message)
    if message is None:
        raise errors.no_such_message(wanted.message, wanted.session)
    start, end = wanted.span or (0, len(message.content))
    if not 0 <= start < end <= len(message.content):
        raise errors.invalid_fact(
            "/sources", f"hold the span [{start}, {end}), which is not within the {len(message.content)} code points"
        )
    row = str(message.row_id)
    return SourceRecord(type="message", id=row, start=start, end=end, trust=message.trust, at=message.occurred_at)


async def document_seen(tx: Transaction, eyes: Caller, wanted: DocumentSource) -> SourceRecord | None:
    """The document as it is now, as a source; None where `eyes` may see none. Invalid for a span that has no word of it."""
    index = await indexes.find(tx, wanted.index)
    found = None if index is None else await documents.find(tx, index.id, wanted.document)
    if found is None or found.live_version_id is None or not eyes.sees().admits(found.envelope.acl):
        return None
    name = f"{wanted.index}/{found.id}@{found.version}"
    source = SourceRecord(type="document", id=name, start=0, end=0, trust=DOCUMENT_TRUST, at=found.envelope.occurred_at)
    if wanted.span is None:
        return source
    start, end = wanted.span
    text, length = await documents.text_slice(tx, found.live_version_id, 0, None) or ("", 0)
    quote = quoted(text, start, end)
    if quote is None:
        raise errors.invalid_fact(
            "/sources", f"hold the span [{start}, {end}), which has no word of the document's {length} code points"
        )
    return replace(source, start=start, end=end, quote=quote)


async def _document(tx: Transaction, eyes: Caller, wanted: DocumentSource) -> SourceRecord:
    found = await document_seen(tx, eyes, wanted)
    if found is None:
        raise NotFound("memory.no_such_source", f"there is no document {wanted.document[:200]!r} in index {wanted.index!r}")
    return found
