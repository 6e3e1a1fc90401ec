"""What a submit comes to, decided from frozen values alone."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core.ids import DocumentId, IndexName, Principal, TenantId
from core.profile import Fusion, IndexProfile
from indexing.deciding import Course, Wanted, content_digest, course_of_content, decide
from storage.records import DocumentRecord, DocumentStatus, Envelope, IndexKind, IndexRecord

AT = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
HR, LEGAL = Principal("group:hr"), Principal("group:legal")
LIVE = DocumentRecord(
    row_id=1,
    index_id=1,
    id=DocumentId("a"),
    status=DocumentStatus.LIVE,
    number=3,
    live_number=3,
    live_version_id=7,
    version=2,
    revision=4,
    envelope=Envelope(title="T", acl=(HR,), metadata={"year": 2026}),
    parsed_title=None,
    media_type="text/plain",
    labels=(),
    content_digest="same",
    chunks=1,
    created_at=AT,
    updated_at=AT,
)
INDEX = IndexRecord(
    id=1,
    tenant=TenantId("default"),
    name=IndexName("handbook"),
    kind=IndexKind.DOCUMENTS,
    description="",
    default_acl=(LEGAL,),
    profile=IndexProfile(),
    model="m",
    dimension=4,
    generation=1,
    deleting=False,
    documents=0,
    chunks=0,
    created_at=AT,
    updated_at=AT,
)


def digest(
    *, sha256: bytes = b"c", media_type: str | None = "text/plain", profile: IndexProfile | None = None, signature: str = "p/1"
) -> str:
    return content_digest(sha256, media_type=media_type, profile=profile or IndexProfile(), signature=signature)


def test_the_same_content_and_envelope_is_unchanged() -> None:
    assert decide(LIVE, digest="same", envelope=LIVE.envelope) is Course.UNCHANGED


def test_another_envelope_around_the_same_content_needs_no_parsing() -> None:
    assert decide(LIVE, digest="same", envelope=replace(LIVE.envelope, title="New")) is Course.ENVELOPE


def test_another_digest_is_new_content_whatever_the_envelope() -> None:
    assert decide(LIVE, digest="other", envelope=LIVE.envelope) is Course.CONTENT


@pytest.mark.parametrize("current", [None, replace(LIVE, live_version_id=None, status=DocumentStatus.DELETED)])
def test_what_is_not_live_is_new_content(current: DocumentRecord | None) -> None:
    assert decide(current, digest="same", envelope=LIVE.envelope) is Course.CONTENT


def test_while_a_later_submit_waits_nothing_is_unchanged() -> None:
    waiting = replace(LIVE, number=4)
    assert decide(waiting, digest="same", envelope=LIVE.envelope) is Course.CONTENT
    assert course_of_content(waiting, digest="same", envelope=LIVE.envelope) is Course.UNCHANGED, "its turn has come"


@pytest.mark.parametrize(
    "other",
    [
        {"sha256": b"another"},
        {"media_type": "text/markdown"},
        {"media_type": None},
        {"profile": IndexProfile(chunk_tokens=100)},
        {"profile": IndexProfile(chunk_overlap=10)},
        {"signature": "parser/2"},
    ],
)
def test_whatever_changes_what_is_embedded_changes_the_digest(other: dict[str, Any]) -> None:
    assert digest(**other) != digest()


def test_what_only_searching_uses_does_not_change_the_digest() -> None:
    profile = IndexProfile(language="german", fusion=Fusion(kind="rrf"), range_fields={"year": "number"})
    assert digest(profile=profile) == digest()


def test_a_kept_access_list_is_that_of_the_live_document() -> None:
    assert Wanted().envelope(LIVE, INDEX).acl == (HR,)


@pytest.mark.parametrize("current", [None, replace(LIVE, live_version_id=None)])
def test_a_kept_access_list_of_what_is_not_live_is_the_indexs(current: DocumentRecord | None) -> None:
    assert Wanted().envelope(current, INDEX).acl == (LEGAL,)


@pytest.mark.parametrize("given", [None, (), (LEGAL,)])
def test_a_given_access_list_counts_null_and_empty_too(given: tuple[Principal, ...] | None) -> None:
    assert Wanted(acl=given).envelope(LIVE, INDEX).acl == given


def test_everything_but_the_access_list_is_replaced_not_merged() -> None:
    envelope = Wanted(metadata={"team": "hr"}).envelope(LIVE, INDEX)
    assert (envelope.title, envelope.metadata) == (None, {"team": "hr"})


@pytest.mark.parametrize("acl", [None, (), (HR, LEGAL)])
def test_what_is_wanted_survives_the_way_through_an_item(acl: tuple[Principal, ...] | None) -> None:
    wanted = Wanted(
        title="T",
        source_uri="https://example.org",
        occurred_at=AT,
        metadata={"tags": ("a", "b"), "year": 2026, "ok": True},
        acl=acl,
        media_type="text/plain",
    )
    back = Wanted.of_payload(wanted.payload())
    assert back.envelope(LIVE, INDEX) == wanted.envelope(LIVE, INDEX)
    assert back.media_type == wanted.media_type


def test_a_kept_access_list_is_still_kept_after_the_way_through_an_item() -> None:
    assert Wanted.of_payload(Wanted().payload()).envelope(LIVE, INDEX).acl == (HR,)
