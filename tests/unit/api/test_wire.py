"""The wire: what is read strictly, how places are pointed at, what is made of the services' values."""

import contextlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.wire.documents import DocumentsIn, PatchIn, parse_line, patch, submissions
from api.wire.jobs import eta_s
from api.wire.schema import Shape, Wire, pointer
from api.wire.search import SearchIn, search_request
from core.errors import Fault, Invalid, TooLarge
from core.ids import IndexName, JobId, Principal, TenantId
from core.limits import Limits
from indexing.types import KEPT
from storage.records import JobCounts, JobKind, JobRecord, JobState

NOW = datetime(2026, 5, 1, tzinfo=UTC)
DOCUMENTS, PATCH, SEARCH = Shape(DocumentsIn), Shape(PatchIn), Shape(SearchIn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers(Wire):
    """A shape for these tests."""

    limit: int = 50
    flag: bool = False


def submitted(document: bytes) -> object:
    (one,) = submissions(DOCUMENTS.read(b'{"documents":[' + document + b"]}"), Limits())
    return one


def job(found: int, pending: int, state: JobState = JobState.RUNNING) -> JobRecord:
    return JobRecord(
        id=JobId("job_1"),
        tenant=TenantId("default"),
        index=IndexName("i"),
        index_id=1,
        owner=Principal("user:ann"),
        kind=JobKind.UPLOAD,
        state=state,
        counts=JobCounts(found=found),
        pending=pending,
        offset=None,
        error=None,
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
    )


def test_an_acl_that_is_absent_null_or_empty_are_three_things() -> None:
    absent, null, empty = (PATCH.read(body) for body in (b"{}", b'{"acl":null}', b'{"acl":[]}'))
    assert [patch(body, Limits()).acl for body in (absent, null, empty)] == [KEPT, None, ()]


def test_an_absent_title_is_kept_and_a_null_one_is_taken_away() -> None:
    assert patch(PATCH.read(b"{}"), Limits()).title is KEPT
    assert patch(PATCH.read(b'{"title":null}'), Limits()).title is None
    assert patch(PATCH.read(b'{"metadata":{}}'), Limits()).metadata == {}


def test_the_word_kept_is_no_value() -> None:
    with pytest.raises(Invalid):
        PATCH.read(b'{"acl":"kept"}')
    with pytest.raises(Invalid):
        PATCH.read(b'{"metadata":"kept"}')


def test_times_become_utc() -> None:
    document = submitted(b'{"id":"a","text":"b","occurred_at":"2026-05-01T02:00:00+02:00"}')
    assert getattr(document, "occurred_at") == NOW  # noqa: B009  # the shape of a submission is not this test's matter


def test_a_limit_is_named_with_the_place() -> None:
    with pytest.raises(TooLarge) as refused:
        submissions(DOCUMENTS.read(b'{"documents":[{"id":"a","text":"12345"}]}'), Limits(text_bytes_max=4))
    assert refused.value.errors[0].pointer == "/documents/0/text"
    assert "5 bytes; the limit is 4" in refused.value.message


def test_a_line_of_a_source_is_a_document_as_the_api_takes_it() -> None:
    assert parse_line(b'{"id":"a","text":"b"}', Limits()).content == b"b"
    with pytest.raises(Invalid, match="nope"):
        parse_line(b'{"id":"a","text":"b","nope":1}', Limits())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_as_a_fault(body: bytes) -> None:
    for shape in (DOCUMENTS, PATCH, SEARCH):
        with contextlib.suppress(Fault):
            shape.read(body)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json_as_metadata_is_taken_or_refused_as_a_fault(value: object) -> None:
    body = json.dumps({"documents": [{"id": "a", "text": "b", "metadata": {"k": value}}]}).encode()
    with contextlib.suppress(Fault):
        submissions(DOCUMENTS.read(body), Limits())


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert pointer(("documents", 3, "a/b~c")) == "/documents/3/a~1b~0c"
    assert pointer(()) == ""


def test_query_parameters_are_strict_about_names_and_lenient_about_being_text() -> None:
    assert Shape(Numbers).read_strings({"limit": "7", "flag": "true"}) == Numbers(limit=7, flag=True)
    for wrong in ({"limt": "7"}, {"limit": "x"}, {"flag": "maybe"}):
        with pytest.raises(Invalid):
            Shape(Numbers).read_strings(wrong)


def test_a_search_keeps_each_index_once_in_order() -> None:
    request = search_request(SEARCH.read(b'{"query":"a","indexes":["b","a","b"]}'))
    assert request.indexes == ("b", "a")


def test_a_job_guesses_its_end_from_its_own_pace() -> None:
    later = NOW + timedelta(seconds=10)
    assert eta_s(job(found=30, pending=20), later) == 20
    assert eta_s(job(found=30, pending=30), later) is None
    assert eta_s(job(found=30, pending=0, state=JobState.COMPLETED), later) is None
