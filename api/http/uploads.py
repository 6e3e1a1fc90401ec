"""What an upload form says: a job request from its fields, uploads from its files. Its bytes: api/http/multipart.py."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from api.http.multipart import Form
from api.wire.documents import AclField, acl_of, document_id, metadata_of
from api.wire.jobs import refuse_sync
from api.wire.schema import METADATA_SCHEMA, Shape, Wire
from core.errors import FieldError, Invalid
from core.ids import below
from core.limits import Limits
from indexing.types import KEPT, JobRequest, SourceKind, Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class _AclOnly(Wire):
    acl: AclField = field(default_factory=lambda: KEPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _MetadataOnly(Wire):
    metadata: Annotated[dict[str, object], METADATA_SCHEMA] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain(Wire):
    prefix: Annotated[str, Field(max_length=512)] = ""
    mode: Literal["upsert", "sync"] = "upsert"


_ACL, _METADATA, _PLAIN = Shape(_AclOnly), Shape(_MetadataOnly), Shape(_Plain)

FORM_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "additionalProperties": False,
    "properties": {
        "files": {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "one part for each file; its filename, under `prefix`, is the document id",
        },
        "prefix": {"type": "string"},
        "mode": {"type": "string", "enum": ["upsert"]},
        "acl": {"type": "string", "description": 'JSON: ["group:hr"], or null'},
        "metadata": {"type": "string", "description": 'JSON: {"team": "hr"}'},
    },
}


def form_request(form: Form, limits: Limits) -> JobRequest:
    """The job that the fields ask for, or Invalid."""
    if not form.files:
        raise Invalid("request.no_files", "the form has no file: send each as a part named 'files' with a filename.")
    plain = _PLAIN.read_strings({name: text for name, text in form.fields.items() if name not in {"acl", "metadata"}})
    refuse_sync(plain.mode)
    return JobRequest(
        kind=SourceKind.UPLOAD,
        prefix=plain.prefix,
        acl=acl_of(_ACL.read(_as_json(form, "acl")).acl, limits),
        metadata=metadata_of(_METADATA.read(_as_json(form, "metadata")).metadata, limits),
    )


def form_uploads(form: Form, request: JobRequest) -> tuple[Upload, ...]:
    """The files under the ids that their names give, each name once."""
    uploads = tuple(
        Upload(
            id=document_id(below(request.prefix, part.name), f"/files/{at}"),
            path=part.file.path,
            size=part.file.size,
            media_type=part.media_type,
        )
        for at, part in enumerate(form.files)
    )
    seen: set[str] = set()
    for at, upload in enumerate(uploads):
        if upload.id in seen:
            errors = (FieldError(pointer=f"/files/{at}", detail=f"{upload.id!r} is the name of an earlier file, too"),)
            raise Invalid("documents.duplicate_ids", f"two files are named {upload.id!r}; send each once.", errors=errors)
        seen.add(upload.id)
    return uploads


def _as_json(form: Form, name: str) -> bytes:
    text = form.fields.get(name)
    return b"{}" if text is None else f'{{"{name}":{text}}}'.encode()
