"""Indexes on the wire: how one is defined, and how it is shown."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AwareDatetime, Field

from api.wire.documents import Acl, acl_of
from api.wire.schema import NO_NUL, Wire
from core.filters import RangeKind
from core.limits import Limits
from core.paging import Page
from core.profile import CHUNK_OVERLAP_DEFAULT, CHUNK_TOKENS_DEFAULT, DENSE_WEIGHT_DEFAULT, Fusion, FusionKind, IndexProfile
from indexing.types import IndexDefinition, Kept
from storage.records import IndexRecord

Name = Annotated[str, Field(min_length=1, max_length=128)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionIn(Wire):
    """How the two arms become one list. `dense_weight` counts for `convex` only."""

    kind: FusionKind = "convex"
    dense_weight: Annotated[float, Field(ge=0, le=1)] = DENSE_WEIGHT_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileIn(Wire):
    """What an index is made for. Fixed once it holds documents, except `fusion`."""

    embedder: Annotated[str, Field(max_length=255)] | None = None
    chunk_tokens: Annotated[int, Field(ge=16, le=4096)] = CHUNK_TOKENS_DEFAULT
    chunk_overlap: Annotated[int, Field(ge=0, le=2048)] = CHUNK_OVERLAP_DEFAULT
    language: Annotated[str, Field(min_length=1, max_length=32)] = "english"
    range_fields: Annotated[dict[str, RangeKind], Field(max_length=64)] = field(default_factory=dict[str, RangeKind])
    fusion: FusionIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexIn(Wire):
    """The definition of an index. `default_acl` null is all of the tenant; `profile` absent keeps, or takes the default."""

    description: Annotated[str, Field(max_length=2_000), NO_NUL] = ""
    default_acl: Acl = None
    profile: ProfileIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Wire):
    """An index's profile as it is."""

    embedder: str | None
    chunk_tokens: int
    chunk_overlap: int
    language: str
    range_fields: dict[str, RangeKind]
    fusion: FusionIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Index(Wire):
    """An index. `model` names the vector space that its chunks live in."""

    name: str
    description: str
    default_acl: Acl
    profile: Profile
    model: str
    dimension: int
    documents: int
    chunks: int
    created_at: AwareDatetime
    updated_at: AwareDatetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexList(Wire):
    """A page of indexes."""

    items: tuple[Index, ...]
    next_cursor: str | None


def definition(body: IndexIn, limits: Limits, fusion: Fusion) -> IndexDefinition:
    """What the catalog takes; `fusion` is the service's default for profiles that name none."""
    acl = acl_of(body.default_acl, limits, "/default_acl")
    assert not isinstance(acl, Kept)
    return IndexDefinition(description=body.description, default_acl=acl, profile=_profile(body.profile, fusion))


def fusion_of(given: FusionIn) -> Fusion:
    return Fusion(kind=given.kind, dense_weight=given.dense_weight)


def index_out(record: IndexRecord) -> Index:
    profile = record.profile
    return Index(
        name=record.name,
        description=record.description,
        default_acl=record.default_acl,
        profile=Profile(
            embedder=profile.embedder,
            chunk_tokens=profile.chunk_tokens,
            chunk_overlap=profile.chunk_overlap,
            language=profile.language,
            range_fields=dict(profile.range_fields),
            fusion=FusionIn(kind=profile.fusion.kind, dense_weight=profile.fusion.dense_weight),
        ),
        model=record.model,
        dimension=record.dimension,
        documents=record.documents,
        chunks=record.chunks,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def index_list(page: Page[IndexRecord]) -> IndexList:
    return IndexList(items=tuple(index_out(one) for one in page.items), next_cursor=page.next_cursor)


def _profile(given: ProfileIn | None, fusion: Fusion) -> IndexProfile | None:
    if given is None:
        return None
    return IndexProfile(
        embedder=given.embedder,
        chunk_tokens=given.chunk_tokens,
        chunk_overlap=given.chunk_overlap,
        language=given.language,
        range_fields=given.range_fields,
        fusion=fusion if given.fusion is None else fusion_of(given.fusion),
    )
