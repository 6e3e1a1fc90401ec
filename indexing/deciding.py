"""What a submit comes to: the two digests, and the three ways on. Pure."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

from core.ids import Principal
from core.metadata import Metadata
from core.profile import IndexProfile
from indexing.types import KEPT, Kept
from storage.documents import thaw
from storage.records import Acl, DocumentRecord, Envelope, IndexRecord, timestamp


class Course(Enum):
    """Nothing to do; a new envelope around the same content; content to parse and embed."""

    UNCHANGED = "unchanged"
    ENVELOPE = "envelope"
    CONTENT = "content"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A document's envelope as submitted. `acl` KEPT takes what the document has, or the index's default for a new one."""

    title: str | None = None
    source_uri: str | None = None
    occurred_at: datetime | None = None
    metadata: Metadata = dataclasses.field(default_factory=dict[str, Any])
    acl: Sequence[Principal] | Kept | None = KEPT
    media_type: str | None = None

    def envelope(self, current: DocumentRecord | None, index: IndexRecord) -> Envelope:
        """What the document's envelope becomes."""
        return Envelope(
            title=self.title,
            source_uri=self.source_uri,
            occurred_at=self.occurred_at,
            acl=self._acl(current, index),
            metadata=self.metadata,
        )

    def _acl(self, current: DocumentRecord | None, index: IndexRecord) -> Acl:
        if not isinstance(self.acl, Kept):
            return None if self.acl is None else tuple(self.acl)
        if current is not None and current.live_version_id is not None:
            return current.envelope.acl
        return index.default_acl

    def payload(self) -> dict[str, Any]:
        """As JSON, for the job item that carries it."""
        return {
            "title": self.title,
            "source_uri": self.source_uri,
            "occurred_at": None if self.occurred_at is None else timestamp(self.occurred_at),
            "metadata": dict(self.metadata),
            "media_type": self.media_type,
            **({} if isinstance(self.acl, Kept) else {"acl": None if self.acl is None else list(self.acl)}),
        }

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> "Wanted":
        """The inverse of `payload`."""
        occurred_at: str | None = payload["occurred_at"]
        metadata: Mapping[str, Any] = payload["metadata"]
        return cls(
            title=payload["title"],
            source_uri=payload["source_uri"],
            occurred_at=None if occurred_at is None else datetime.fromisoformat(occurred_at),
            metadata=thaw(metadata),
            media_type=payload["media_type"],
            acl=payload.get("acl", KEPT),
        )


def content_digest(content_sha256: bytes, *, media_type: str | None, profile: IndexProfile, signature: str) -> str:
    """What decides whether a content must be parsed and embedded again: its bytes, the type it is said to be, how it is cut,
    and `signature`, which names the parser, the chunker and the vector space.
    """
    parts = (content_sha256.hex(), media_type or "", str(profile.chunk_tokens), str(profile.chunk_overlap), signature)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def decide(current: DocumentRecord | None, *, digest: str, envelope: Envelope) -> Course:
    """How to go on with a submit of this digest and envelope.

    A submit that still waits (`number` above `live_number`) would undo an answer of "unchanged", so then all must be done.
    """
    if current is None or current.live_version_id is None or current.number != current.live_number:
        return Course.CONTENT
    return course_of_content(current, digest=digest, envelope=envelope)


def course_of_content(current: DocumentRecord, *, digest: str, envelope: Envelope) -> Course:
    """The same for the submit whose turn it is, whatever waits behind it."""
    if current.live_version_id is None or current.content_digest != digest:
        return Course.CONTENT
    return Course.UNCHANGED if current.envelope == envelope else Course.ENVELOPE
