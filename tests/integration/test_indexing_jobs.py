"""Jobs: directories, JSONL files, uploads; cancelled, resumed, tried again, waited for."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from core.errors import Conflict, Forbidden, Invalid, NotFound, TimedOut, TooLarge
from core.ids import JobId
from core.limits import Limits
from core.paging import PageRequest
from indexing.parsing.pool import ParserPool
from indexing.types import IndexDefinition, JobRequest, SourceKind, Wait
from inference.onnx.embedder import OnnxEmbedder
from storage import items, pending
from storage.records import ItemState, JobRecord, JobState, Outcome
from tests.support.indexing import ANN, HANDBOOK, HR, LEGAL, Stack, embedded_passages, opened, parsed_files

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TEXT = "The canteen opens at eleven."


def folder(stack: Stack, **files: str) -> Path:
    """`roots/docs` with `a__b_txt="…"` as a/b.txt."""
    docs = stack.roots / "docs"
    for name, text in files.items():
        path = docs / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return docs


def lines(stack: Stack, *rows: object) -> Path:
    path = stack.roots / "docs.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


async def run(stack: Stack, path: Path, kind: SourceKind = SourceKind.DIRECTORY, **more: object) -> JobRecord:
    request = JobRequest(kind=kind, uri=str(path), **more)  # type: ignore[arg-type]  # keyword arguments of a request
    return await stack.finished((await stack.indexing.open_job(stack.admin(), HANDBOOK, request)).id)


# --- directories


async def test_a_directory_is_read_with_its_folders_under_the_jobs_metadata_and_access_list(stack: Stack) -> None:
    docs = folder(stack, one_md=TEXT + " one", deep__two_md=TEXT + " two", deep__three_log=TEXT)
    job = await run(stack, docs, include=("**/*.md",), prefix="hb", metadata={"team": "hr"}, acl=[HR])
    assert (job.state, job.counts.found, job.counts.created) == (JobState.COMPLETED, 2, 2)
    assert job.offset == await stack.head()
    assert await stack.ids() == {"hb/one.md", "hb/deep/two.md"}
    assert await stack.found("canteen", caller=stack.caller(ANN)) == set()
    (passage, _) = await stack.search("canteen", condition={"eq": ["team", "hr"]}, caller=stack.caller(HR))
    assert passage.metadata == {"team": "hr"}


async def test_the_same_directory_again_is_unchanged_without_parse_or_embedding_or_change(stack: Stack) -> None:
    docs = folder(stack, one_md=TEXT + " one", two_md=TEXT + " two")
    await run(stack, docs)
    before = (await stack.head(), embedded_passages(), parsed_files())
    job = await run(stack, docs)
    assert (job.counts.found, job.counts.unchanged) == (2, 2)
    assert (await stack.head(), embedded_passages(), parsed_files()) == before


async def test_one_bad_file_fails_alone(stack: Stack) -> None:
    docs = folder(stack, good_md=TEXT, empty_md="", broken_pdf="%PDF-1.7 nothing")
    job = await run(stack, docs)
    assert (job.state, job.counts.created, job.counts.failed) == (JobState.COMPLETED_WITH_ERRORS, 1, 2)
    codes = {name: item.code for name, item in (await stack.items(job.id)).items()}
    assert codes == {"good.md": None, "empty.md": "indexing.empty_document", "broken.pdf": "indexing.corrupt_document"}


async def test_a_file_over_the_limit_fails_by_name_size_and_limit(
    tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool
) -> None:
    async with opened(tmp_path, embedder, parsers, limits=Limits(file_bytes_max=20)) as stack, stack.at_work():
        await stack.add_index(HANDBOOK)
        job = await run(stack, folder(stack, big_txt=TEXT, small_txt="tiny words"))
        item = (await stack.items(job.id))["big.txt"]
        assert item.code == "indexing.file_too_large"
        assert item.detail == "'big.txt' is 28 bytes; the limit is 20"
        assert await stack.ids() >= {"small.txt"}


async def test_more_documents_than_a_job_may_have_fail_it_and_not_in_silence(
    tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool
) -> None:
    async with opened(tmp_path, embedder, parsers, limits=Limits(job_files_max=2)) as stack, stack.at_work():
        await stack.add_index(HANDBOOK)
        job = await run(stack, folder(stack, a_txt=TEXT, b_txt=TEXT, c_txt=TEXT))
        assert job.state is JobState.FAILED
        assert job.error is not None
        assert job.error[0] == "indexing.job_too_large"


async def test_a_directory_outside_of_the_roots_is_refused_and_one_that_is_not_there_too(stack: Stack) -> None:
    for uri, fault, code in (
        (str(stack.folder), Forbidden, "indexing.outside_roots"),
        (str(stack.roots / ".." / "blobs"), Forbidden, "indexing.outside_roots"),
        (str(stack.roots / "nowhere"), Invalid, "indexing.no_such_source"),
        (None, Invalid, "indexing.no_source_uri"),
    ):
        with pytest.raises(fault) as refused:
            await stack.indexing.open_job(stack.admin(), HANDBOOK, JobRequest(kind=SourceKind.DIRECTORY, uri=uri))
        assert refused.value.code == code
    assert await stack.job_count() == 0


async def test_a_source_that_went_away_before_the_job_began_fails_the_job_and_can_be_retried(still: Stack) -> None:
    docs = folder(still, a_txt=TEXT)
    request = JobRequest(kind=SourceKind.DIRECTORY, uri=str(docs))
    job = await still.indexing.open_job(still.admin(), HANDBOOK, request)
    docs.rename(still.roots / "away")
    await still.work()
    failed = await still.indexing.job(still.admin(), job.id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error[0] == "indexing.source_missing"
    (still.roots / "away").rename(docs)
    await still.indexing.retry(still.admin(), job.id)
    await still.work()
    again = await still.indexing.job(still.admin(), job.id)
    assert (again.state, again.error, again.counts.created) == (JobState.COMPLETED, None, 1)


async def test_a_listing_that_was_interrupted_goes_on_behind_where_it_was(still: Stack) -> None:
    docs = folder(still, **{f"f{number:03}_txt": f"{TEXT} {number % 3}" for number in range(250)})
    job = await still.indexing.open_job(still.admin(), HANDBOOK, JobRequest(kind=SourceKind.DIRECTORY, uri=str(docs)))
    async with still.db.write(still.admin().tenant) as tx:  # as it stands after the first batch, when the worker died
        (claim,) = await items.claim(tx, "dead", now=still.clock.now(), lease_until=still.clock.now(), limit=1)
        await items.set_payload(tx, claim.id, {**await pending.payload(tx, claim.id), "position": "f199.txt"})
    (docs / "f000.txt").unlink()
    (docs / "f199.txt").unlink()
    (listing,) = await still.claim()
    await still.pipeline.handle(listing)
    found = await still.indexing.items(still.admin(), job.id, PageRequest(limit=200), state=None)
    assert [item.document_id for item in found.items] == [f"f{number:03}.txt" for number in range(200, 250)]


# --- JSONL


async def test_a_jsonl_file_yields_its_documents_and_bad_lines_fail_by_number(stack: Stack) -> None:
    path = lines(
        stack,
        {"id": "a", "text": TEXT + " a", "title": "A", "metadata": {"year": 2026}, "acl": ["group:hr"]},
        "not json",
        "",
        {"id": "b"},
        {"id": "../c", "text": TEXT},
        {"id": "d", "text": TEXT + " d"},
    )
    job = await run(stack, path, SourceKind.JSONL, metadata={"source": "feed"})
    assert (job.state, job.counts.found, job.counts.created, job.counts.failed) == (JobState.COMPLETED_WITH_ERRORS, 5, 2, 3)
    failed = await stack.indexing.items(stack.admin(), job.id, PageRequest(), state=ItemState.FAILED)
    assert [item.document_id for item in failed.items] == ["line-2", "line-4", "line-5"]
    assert all(item.code and item.detail for item in failed.items)
    assert await stack.ids() == {"a", "d"}
    first = await stack.document("a")
    assert (first.title, first.envelope.acl, first.envelope.metadata) == ("A", (HR,), {"year": 2026, "source": "feed"})


async def test_lines_that_were_no_document_are_not_tried_again(stack: Stack) -> None:
    job = await run(stack, lines(stack, "not json"), SourceKind.JSONL)
    with pytest.raises(Conflict) as nothing:
        await stack.indexing.retry(stack.admin(), job.id)
    assert nothing.value.code == "indexing.nothing_to_retry"
    assert await stack.ids() == set()


async def test_of_lines_with_one_id_the_last_wins(still: Stack) -> None:
    path = lines(still, *({"id": "a", "text": f"{TEXT} Take {number}."} for number in range(3)))
    await still.indexing.open_job(still.admin(), HANDBOOK, JobRequest(kind=SourceKind.JSONL, uri=str(path)))
    (listing,) = await still.claim()
    await still.pipeline.handle(listing)
    for claim in reversed(await still.claim()):
        await still.pipeline.handle(claim)
    assert await still.text("a") == f"{TEXT} Take 2."


async def test_a_jsonl_job_goes_on_behind_the_line_where_it_was(still: Stack) -> None:
    path = lines(still, *({"id": f"d{number}", "text": TEXT} for number in range(450)))
    job = await still.indexing.open_job(still.admin(), HANDBOOK, JobRequest(kind=SourceKind.JSONL, uri=str(path)))
    (listing,) = await still.claim()
    source = still.sources.read({**listing.payload, "position": 400})
    assert [found.id for found in source] == [f"d{number}" for number in range(400, 450)]
    await still.pipeline.handle(listing)
    assert (await still.indexing.job(still.admin(), job.id)).counts.found == 450


# --- uploads


async def upload_job(stack: Stack, **more: object) -> JobId:
    request = JobRequest(kind=SourceKind.UPLOAD, **more)  # type: ignore[arg-type]  # keyword arguments of a request
    job = await stack.indexing.open_job(stack.admin(), HANDBOOK, request)
    assert job.state is JobState.OPEN
    return job.id


async def test_an_upload_job_is_opened_fed_and_started(stack: Stack) -> None:
    job_id = await upload_job(stack, metadata={"team": "hr"}, acl=[LEGAL])
    item = await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", TEXT + " a"))
    await stack.indexing.add_file(stack.admin(), job_id, stack.spool("b/c.txt", TEXT * 4000))
    assert item.state is ItemState.HELD
    assert await stack.ids() == set()
    await stack.indexing.start(stack.admin(), job_id)
    job = await stack.finished(job_id)
    assert (job.state, job.counts.created) == (JobState.COMPLETED, 2)
    assert (await stack.document("b/c.txt")).envelope.acl == (LEGAL,)
    assert await stack.text("b/c.txt") == TEXT * 4000


async def test_a_file_sent_again_replaces_the_one_before(stack: Stack) -> None:
    job_id = await upload_job(stack)
    await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", "First words."))
    await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", "Second words."))
    await stack.indexing.start(stack.admin(), job_id)
    job = await stack.finished(job_id)
    assert (job.counts.found, job.counts.created) == (1, 1)
    assert await stack.text("a.txt") == "Second words."


async def test_a_file_that_is_live_already_is_done_when_it_arrives(stack: Stack) -> None:
    await stack.put("a.txt", TEXT)
    job_id = await upload_job(stack)
    before = embedded_passages()
    item = await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", TEXT))
    assert (item.state, item.outcome, item.version) == (ItemState.DONE, Outcome.UNCHANGED, 1)
    await stack.indexing.start(stack.admin(), job_id)
    assert (await stack.finished(job_id)).counts.unchanged == 1
    assert embedded_passages() == before


async def test_a_started_job_takes_no_more_files_and_an_unknown_one_is_not_found(stack: Stack) -> None:
    job_id = await upload_job(stack)
    await stack.indexing.start(stack.admin(), job_id)
    assert (await stack.finished(job_id)).state is JobState.COMPLETED
    for attempt in (
        stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", TEXT)),
        stack.indexing.start(stack.admin(), job_id),
    ):
        with pytest.raises(Conflict) as closed:
            await attempt
        assert closed.value.code == "indexing.job_not_open"
    with pytest.raises(NotFound) as unknown:
        await stack.indexing.job(stack.admin(), JobId("job_unknown"))
    assert unknown.value.code == "indexing.no_such_job"


async def test_another_tenants_job_is_as_if_it_were_not(stack: Stack) -> None:
    job_id = await upload_job(stack)
    await stack.add_tenant("other")
    for attempt in (
        stack.indexing.job(stack.admin("other"), job_id),
        stack.indexing.items(stack.admin("other"), job_id, PageRequest(), state=None),
        stack.indexing.start(stack.admin("other"), job_id),
        stack.indexing.cancel(stack.admin("other"), job_id),
        stack.indexing.add_file(stack.admin("other"), job_id, stack.spool("a.txt", TEXT)),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await stack.indexing.jobs(stack.admin("other"), PageRequest())).items == ()


async def test_uploads_over_the_limits_are_refused_and_the_job_stays_as_it_was(
    tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool
) -> None:
    limits = Limits(file_bytes_max=100, job_bytes_max=120, job_files_max=3)
    async with opened(tmp_path, embedder, parsers, limits=limits) as stack, stack.at_work():
        await stack.add_index(HANDBOOK)
        job_id = await upload_job(stack)
        await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", "a" * 100))
        for document, size, code, said in (
            ("b.txt", 101, "indexing.file_too_large", "101 bytes; the limit is 100"),
            ("c.txt", 21, "indexing.job_too_large", "121 bytes; the limit is 120"),
        ):
            with pytest.raises(TooLarge, match=said) as refused:
                await stack.indexing.add_file(stack.admin(), job_id, stack.spool(document, "x" * size))
            assert refused.value.code == code
        await stack.indexing.add_file(stack.admin(), job_id, stack.spool("a.txt", "word " * 20))
        for document in ("d.txt", "e.txt"):
            await stack.indexing.add_file(stack.admin(), job_id, stack.spool(document, "word"))
        with pytest.raises(TooLarge, match="3 files, the limit"):
            await stack.indexing.add_file(stack.admin(), job_id, stack.spool("f.txt", "word"))
        await stack.indexing.start(stack.admin(), job_id)
        assert (await stack.finished(job_id)).counts.created == 3


async def test_a_request_of_files_that_is_refused_leaves_no_open_job_behind(
    tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool
) -> None:
    async with opened(tmp_path, embedder, parsers, limits=Limits(job_files_max=1)) as stack:
        await stack.add_index(HANDBOOK)
        uploads = [stack.spool("a.txt", TEXT), stack.spool("b.txt", TEXT)]
        with pytest.raises(TooLarge):
            await stack.indexing.submit_files(stack.admin(), HANDBOOK, uploads, JobRequest(kind=SourceKind.UPLOAD))
        (job,) = (await stack.indexing.jobs(stack.admin(), PageRequest())).items
        assert job.state is JobState.CANCELLED


# --- cancel, retry, wait


async def test_a_cancelled_job_publishes_nothing_more_not_even_what_is_being_read(still: Stack) -> None:
    await still.put("kept.txt", "Old words.", wait=Wait.STORED)
    await still.work()
    docs = folder(still, kept_txt="New words.", new_txt=TEXT)
    job = await still.indexing.open_job(still.admin(), HANDBOOK, JobRequest(kind=SourceKind.DIRECTORY, uri=str(docs)))
    (listing,) = await still.claim()
    await still.pipeline.handle(listing)
    claims = await still.claim()
    cancelled = await still.indexing.cancel(still.admin(), job.id)
    assert (cancelled.state, cancelled.counts.skipped) == (JobState.CANCELLED, 2)
    for claim in claims:
        await still.pipeline.handle(claim)
    assert await still.text("kept.txt") == "Old words."
    assert await still.ids() == {"kept.txt"}, "what never came to be is not there"
    assert (await still.indexing.job(still.admin(), job.id)).state is JobState.CANCELLED
    with pytest.raises(Conflict) as ended:
        await still.indexing.cancel(still.admin(), job.id)
    assert ended.value.code == "indexing.job_ended"


async def test_an_index_whose_only_job_was_cancelled_can_still_be_made_anew(still: Stack) -> None:
    accepted = await still.put("a", TEXT, wait=Wait.STORED)
    assert accepted.job_id is not None
    await still.indexing.cancel(still.admin(), accepted.job_id)
    profile = (await still.catalog.index(still.admin(), HANDBOOK)).profile
    moved = IndexDefinition(profile=type(profile)(language="german"))
    assert (await still.catalog.put_index(still.admin(), HANDBOOK, moved))[0].profile.language == "german"


async def test_only_an_ended_job_with_failed_items_is_tried_again(stack: Stack) -> None:
    made = await stack.put("a", TEXT, wait=Wait.STORED)
    job = await stack.finished(made.job_id)
    with pytest.raises(Conflict) as nothing:
        await stack.indexing.retry(stack.admin(), job.id)
    assert nothing.value.code == "indexing.nothing_to_retry"


async def test_a_retry_after_the_index_was_made_anew_does_not_reach_into_the_new_one(stack: Stack) -> None:
    failed = await stack.put("a.pdf", b"%PDF-1.7 broken", wait=Wait.STORED)
    job = await stack.finished(failed.job_id)
    await stack.finished((await stack.catalog.delete_index(stack.admin(), HANDBOOK)).id)
    await stack.add_index(HANDBOOK)
    with pytest.raises(NotFound):
        await stack.indexing.retry(stack.admin(), job.id)
    assert await stack.ids() == set()


async def test_a_wait_that_is_too_short_times_out_and_the_job_goes_on(still: Stack) -> None:
    with pytest.raises(TimedOut, match="which goes on") as late:
        await still.put("a", TEXT, caller=still.admin(seconds=0.2))
    assert late.value.code == "deadline.exceeded"
    async with still.at_work():
        (job,) = (await still.indexing.jobs(still.admin(), PageRequest())).items
        assert (await still.finished(job.id)).counts.created == 1
        assert await still.found("canteen") == {"a"}


async def test_a_worker_that_stops_gives_back_what_it_holds_and_the_next_one_ends_it(still: Stack) -> None:
    docs = folder(still, **{f"f{number}_txt": f"{TEXT} {number}" for number in range(30)})
    job = await still.indexing.open_job(still.admin(), HANDBOOK, JobRequest(kind=SourceKind.DIRECTORY, uri=str(docs)))
    async with still.at_work():
        while (await still.indexing.job(still.admin(), job.id)).counts.created < 3:  # noqa: ASYNC110 -- what is waited for is in the store
            await asyncio.sleep(0.01)
    stopped = await still.indexing.job(still.admin(), job.id)
    states = {item.state for item in (await still.items(job.id)).values()}
    assert stopped.state is JobState.RUNNING
    assert states == {ItemState.DONE, ItemState.QUEUED}
    async with still.at_work():
        ended = await still.finished(job.id)
    assert (ended.state, ended.counts.found, ended.counts.created) == (JobState.COMPLETED, 30, 30)
    assert {item.attempts for item in (await still.items(job.id)).values()} == {1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_that_may_not_be_read_fails_with_its_code(stack: Stack) -> None:
    docs = folder(stack, a_txt=TEXT)
    (docs / "a.txt").chmod(0)
    job = await run(stack, docs)
    assert (await stack.items(job.id))["a.txt"].code == "indexing.source_unreadable"


async def test_a_job_is_seen_by_who_asked_for_it_and_by_admins_alone(stack: Stack) -> None:
    request = JobRequest(kind=SourceKind.UPLOAD)
    job = await stack.indexing.open_job(stack.caller(ANN), HANDBOOK, request)
    for may in (stack.caller(ANN), stack.admin()):
        assert (await stack.indexing.job(may, job.id)).id == job.id
        assert job.id in {one.id for one in (await stack.indexing.jobs(may, PageRequest())).items}
    stranger = stack.caller(HR)
    assert (await stack.indexing.jobs(stranger, PageRequest())).items == ()
    for attempt in (
        stack.indexing.job(stranger, job.id),
        stack.indexing.items(stranger, job.id, PageRequest(), state=None),
        stack.indexing.cancel(stranger, job.id),
        stack.indexing.start(stranger, job.id),
    ):
        with pytest.raises(NotFound):
            await attempt
