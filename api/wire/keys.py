"""Keys on the wire. The credential itself is in one answer only: that of its making."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.wire.schema import NO_NUL, Moment, Wire
from core.paging import Page
from storage.records import KeyRecord

GrantName = Literal["read", "write", "delegate", "admin", "operator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIn(Wire):
    """A key to make. `subject` is a principal such as `user:ann`; `principals` are those it reads with, besides."""

    subject: str
    grants: Annotated[tuple[GrantName, ...], Field(min_length=1, max_length=5)]
    name: Annotated[str, Field(max_length=200), NO_NUL] = ""
    principals: Annotated[tuple[str, ...], Field(max_length=64)] = field(default=())
    expires_at: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Wire):
    """A key. `key` is the credential: shown once, when it is made; null ever after."""

    id: str
    key: str | None
    name: str
    subject: str
    principals: tuple[str, ...]
    grants: tuple[GrantName, ...]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList(Wire):
    """A page of keys, revoked ones too."""

    items: tuple[Key, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Wire):
    """The key does not work any more."""

    id: str
    revoked_at: AwareDatetime


def key_out(record: KeyRecord, credential: str | None = None) -> Key:
    return Key(
        id=record.id,
        key=credential,
        name=record.name,
        subject=record.subject,
        principals=record.principals,
        grants=tuple(grant.value for grant in record.grants),
        created_at=record.created_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
    )


def key_list(page: Page[KeyRecord]) -> KeyList:
    return KeyList(items=tuple(key_out(one) for one in page.items), next_cursor=page.next_cursor)


def revoked(key_id: str, at: datetime) -> Revoked:
    return Revoked(id=key_id, revoked_at=at)
