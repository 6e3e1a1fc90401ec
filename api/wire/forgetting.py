"""Forgetting and erasing on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from api.wire.indexes import Name
from api.wire.schema import Wire
from core.caller import user_name
from memory.forgetting.erasure import Verification
from memory.forgetting.service import Forgotten, Selector
from storage.erasures import ErasureRecord

ModeName = Literal["expire", "reject", "purge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorIn(Wire):
    """Exactly one of `ids`, `query` and `filter`. `limit` belongs to the last two: how many of the best that the query finds
    (10 where absent), or how many the filter may match (1,000; one more, and nothing is forgotten)."""

    ids: tuple[str, ...] | None = None
    query: str | None = None
    filter: dict[str, object] | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetIn(Wire):
    """What to forget of a user, and how far. `user_id` absent is the caller's own memory."""

    selector: SelectorIn
    mode: ModeName
    dry_run: bool = False
    user_id: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetOut(Wire):
    """What was forgotten, or would be; a search at `offset` finds none of it. `tombstones` counts what cannot be
    written again."""

    ids: tuple[str, ...]
    mode: ModeName
    dry_run: bool
    tombstones: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureStarted(Wire):
    """Nothing of the user can be read any more; `GET /v1/erasures/{erasure_id}` tells when all of it is gone."""

    erasure_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure(Wire):
    """The receipt: how many went, by the name of where they were; so far, while it is running. `tombstones` are kept: digests
    that keep what was erased from coming back."""

    id: str
    user_id: str
    state: Literal["running", "done"]
    receipt: Mapping[str, int]
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureVerified(Wire):
    """What a new look still finds of the erased, by the name of where. `clean`: it is done, and that is nothing."""

    erasure_id: str
    clean: bool
    state: Literal["running", "done"]
    found: Mapping[str, int]
    indexed_offset: int


def selector(body: SelectorIn) -> Selector:
    return Selector(ids=body.ids, query=body.query, filter=body.filter, limit=body.limit)


def forgotten_out(answer: Forgotten) -> ForgetOut:
    return ForgetOut(
        ids=answer.ids, mode=answer.mode.value, dry_run=answer.dry_run, tombstones=answer.tombstones, offset=answer.offset
    )


def started_out(erasure: ErasureRecord) -> ErasureStarted:
    return ErasureStarted(erasure_id=erasure.id)


def erasure_out(erasure: ErasureRecord) -> Erasure:
    return Erasure(
        id=erasure.id,
        user_id=user_name(erasure.owner),
        state=erasure.state.value,
        receipt=erasure.receipt,
        created_at=erasure.created_at,
        finished_at=erasure.finished_at,
    )


def verified_out(answer: Verification) -> ErasureVerified:
    return ErasureVerified(
        erasure_id=answer.erasure.id,
        clean=answer.clean,
        state=answer.erasure.state.value,
        found=answer.found,
        indexed_offset=answer.indexed_offset,
    )
