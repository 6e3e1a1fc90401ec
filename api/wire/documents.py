"""Documents on the wire as they are submitted, patched and deleted. How they are read back is api/wire/catalog.py."""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, Literal

from pydantic import Field

from api.wire.schema import METADATA_SCHEMA, NO_NUL, Moment, Shape, Wire, absent_or, pointing
from core.errors import FieldError, Invalid, TooLarge
from core.filters import Filter
from core.ids import DocumentId, Principal, check_document_id
from core.limits import DOCUMENTS_PER_REQUEST_MAX, TITLE_CHARACTERS_MAX, URI_CHARACTERS_MAX, Limits
from core.metadata import Metadata, check_acl, check_metadata
from indexing.types import (
    KEPT,
    DeleteReceipt,
    DeleteSelector,
    DocumentPatch,
    Kept,
    Submission,
    SubmitAnswer,
    SubmitResult,
)

Acl = tuple[str, ...] | None
Title = Annotated[str, Field(max_length=TITLE_CHARACTERS_MAX), NO_NUL]
AclField = Annotated[Acl | Kept, absent_or(Acl)]
TitleField = Annotated[Title | Kept | None, absent_or(Title | None)]
MetadataField = Annotated[dict[str, object] | Kept, absent_or(Annotated[dict[str, object], METADATA_SCHEMA])]
Problem = dict[Literal["code", "detail"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentIn(Wire):
    """One document. Exactly one of `text` and `content_base64`."""

    id: str
    text: str | None = None
    content_base64: str | None = None
    title: Title | None = None
    media_type: Annotated[str, Field(max_length=255), NO_NUL] | None = None
    source_uri: Annotated[str, Field(max_length=URI_CHARACTERS_MAX), NO_NUL] | None = None
    metadata: Annotated[dict[str, object], METADATA_SCHEMA] = field(default_factory=dict[str, object])
    acl: AclField = field(default_factory=lambda: KEPT)
    occurred_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsIn(Wire):
    """A batch. `wait` says whether to answer once it is safe or once it can be found."""

    documents: Annotated[tuple[DocumentIn, ...], Field(min_length=1, max_length=DOCUMENTS_PER_REQUEST_MAX)]
    wait: Literal["stored", "indexed"] = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentResult(Wire):
    """What became of one document."""

    id: str
    status: Literal["accepted", "created", "updated", "unchanged", "failed"]
    version: int | None
    revision: int | None
    chunks: int | None
    labels: tuple[str, ...]
    job_id: str | None
    error: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsOut(Wire):
    """Results in the order of the request; `offset` null while something is only accepted."""

    results: tuple[DocumentResult, ...]
    offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchIn(Wire):
    """A change of what surrounds the content. An absent field stays; `acl: null` is all of the tenant."""

    acl: AclField = field(default_factory=lambda: KEPT)
    metadata: MetadataField = field(default_factory=lambda: KEPT)
    title: TitleField = field(default_factory=lambda: KEPT)
    if_revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteIn(Wire):
    """Exactly one of `ids` and `filter`."""

    ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=10_000)] | None = None
    filter: dict[str, object] | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Wire):
    """What was, or with `dry_run` would be, deleted. `missing` were not there (or not visible)."""

    deleted: int
    ids: tuple[str, ...]
    missing: tuple[str, ...]
    dry_run: bool
    job_id: str | None
    offset: int | None


_LINE = Shape(DocumentIn)


def submissions(body: DocumentsIn, limits: Limits) -> tuple[Submission, ...]:
    """What the indexing room takes, or Invalid / TooLarge pointing at the wrong document."""
    _refuse_twins([document.id for document in body.documents])
    return tuple(_submission(document, f"/documents/{at}", limits) for at, document in enumerate(body.documents))


def parse_line(line: bytes, limits: Limits) -> Submission:
    """One line of a JSONL source: a document as the HTTP API takes it."""
    return _submission(_LINE.read(line), "", limits)


def acl_of(raw: Acl | Kept, limits: Limits, at: str = "/acl") -> tuple[Principal, ...] | Kept | None:
    with pointing(at):
        return raw if isinstance(raw, Kept) else check_acl(raw, limits)


def metadata_of(raw: Mapping[str, object], limits: Limits, at: str = "/metadata") -> Metadata:
    with pointing(at):
        metadata = check_metadata(raw, limits)
        for key, value in metadata.items():
            if any(isinstance(one, str) and "\0" in one for one in (value if isinstance(value, tuple) else (value,))):
                raise Invalid("metadata.invalid_value", f"metadata {key!r} holds a NUL character, which no store can keep")
        return metadata


def document_id(raw: str, at: str) -> DocumentId:
    with pointing(at):
        return check_document_id(raw)


def patch(body: PatchIn, limits: Limits) -> DocumentPatch:
    return DocumentPatch(
        acl=acl_of(body.acl, limits),
        metadata=body.metadata if isinstance(body.metadata, Kept) else metadata_of(body.metadata, limits),
        title=body.title,
        if_revision=body.if_revision,
    )


def selector(body: DeleteIn, condition: Filter | None) -> DeleteSelector:
    if (body.ids is None) == (body.filter is None):
        raise one_of("ids", "filter", "")
    if body.ids is None:
        return DeleteSelector(condition=condition)
    return DeleteSelector(ids=tuple(document_id(one, f"/ids/{at}") for at, one in enumerate(dict.fromkeys(body.ids))))


def one_of(first: str, second: str, at: str) -> Invalid:
    detail = f"takes exactly one of `{first}` and `{second}`"
    return Invalid("request.invalid_body", f"body: {at or 'it'} {detail}", errors=(FieldError(pointer=at, detail=detail),))


def problem(error: tuple[str, str] | None) -> Problem | None:
    return None if error is None else {"code": error[0], "detail": error[1]}


def documents_out(answer: SubmitAnswer) -> DocumentsOut:
    return DocumentsOut(results=tuple(_result(one) for one in answer.results), offset=answer.offset)


def receipt(done: DeleteReceipt) -> Receipt:
    return Receipt(
        deleted=done.deleted,
        ids=done.ids,
        missing=done.missing,
        dry_run=done.dry_run,
        job_id=done.job_id,
        offset=done.offset,
    )


def _submission(document: DocumentIn, at: str, limits: Limits) -> Submission:
    return Submission(
        id=document_id(document.id, f"{at}/id"),
        content=_content(document, at, limits),
        media_type=document.media_type,
        title=document.title,
        source_uri=document.source_uri,
        occurred_at=document.occurred_at and document.occurred_at.astimezone(UTC),
        metadata=metadata_of(document.metadata, limits, f"{at}/metadata"),
        acl=acl_of(document.acl, limits, f"{at}/acl"),
    )


def _content(document: DocumentIn, at: str, limits: Limits) -> bytes:
    if document.text is not None and document.content_base64 is None:
        return _within(document.text.encode(), limits.text_bytes_max, f"{at}/text")
    if document.content_base64 is not None and document.text is None:
        return _within(_decoded(document.content_base64, f"{at}/content_base64"), limits.file_bytes_max, f"{at}/content_base64")
    raise one_of("text", "content_base64", at)


def _within(content: bytes, limit: int, at: str) -> bytes:
    if len(content) > limit:
        detail = f"is {len(content)} bytes; the limit is {limit}"
        raise TooLarge(
            "documents.too_large",
            f"{at} {detail}. Larger files go through POST /v1/indexes/{{index}}/jobs.",
            errors=(FieldError(pointer=at, detail=detail),),
        )
    return content


def _decoded(text: str, at: str) -> bytes:
    try:
        if len(text) % 4:
            raise ValueError("its length is no multiple of 4")  # noqa: TRY301  # the decoder passes excess padding
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as flaw:
        detail = f"is no base64 (RFC 4648, with padding, without line breaks): {flaw}"
        raise Invalid("documents.invalid_base64", f"{at} {detail}", errors=(FieldError(pointer=at, detail=detail),)) from None


def _refuse_twins(ids: list[str]) -> None:
    first: dict[str, int] = {}
    errors: list[FieldError] = []
    for at, one in enumerate(ids):
        if first.setdefault(one, at) != at:
            errors.append(FieldError(pointer=f"/documents/{at}/id", detail=f"is also the id of /documents/{first[one]}"))
    if errors:
        raise Invalid(
            "documents.duplicate_ids",
            f"{len(errors)} of {len(ids)} documents repeat an id of the same batch, the first is {ids[_at(errors[0])]!r}; "
            "send each id once.",
            errors=tuple(errors[:20]),
        )


def _at(error: FieldError) -> int:
    return int(error.pointer.split("/")[2])


def _result(one: SubmitResult) -> DocumentResult:
    return DocumentResult(
        id=one.id,
        status=one.status,  # pyright: ignore[reportArgumentType]  # the room answers these words alone
        version=one.version,
        revision=one.revision,
        chunks=one.chunks,
        labels=one.labels,
        job_id=one.job_id,
        error=problem(one.error),
    )
