"""What the keyword arm is given of a chunk."""

from dataclasses import replace
from datetime import UTC, datetime

from core.ids import DocumentId
from indexing.rows import keyword_text
from storage.records import ChunkRecord, DocumentRecord, DocumentStatus, Envelope

AT = datetime(2026, 5, 1, tzinfo=UTC)
CHUNK = ChunkRecord(
    key=1, ordinal=0, start=0, end=4, page=None, heading_path=("Carry over",), text="Five days.", context="Leave\nCarry over"
)


def document(title: str | None, parsed: str | None = None) -> DocumentRecord:
    return DocumentRecord(
        row_id=1,
        index_id=1,
        id=DocumentId("a"),
        status=DocumentStatus.LIVE,
        number=1,
        live_number=1,
        live_version_id=1,
        version=1,
        revision=1,
        envelope=Envelope(title=title),
        parsed_title=parsed,
        media_type="text/plain",
        labels=(),
        content_digest="",
        chunks=1,
        created_at=AT,
        updated_at=AT,
    )


def test_it_is_what_was_embedded_context_and_text() -> None:
    assert keyword_text(document("Leave"), CHUNK) == "Leave\nCarry over\nFive days."


def test_a_title_that_came_later_is_put_before_it() -> None:
    assert keyword_text(document("Holidays"), CHUNK) == "Holidays\nLeave\nCarry over\nFive days."


def test_the_title_found_in_the_content_serves_where_none_is_given() -> None:
    assert keyword_text(document(None, "Annual rules"), CHUNK).startswith("Annual rules\n")


def test_without_title_and_context_the_text_stands_alone() -> None:
    assert keyword_text(document(None), replace(CHUNK, context="")) == "Five days."
