"""Originals: safe before they are named, shared by content, and collected only when nothing needs them."""

from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import Corrupt, Unavailable
from core.ids import DocumentId, JobId, Principal, TenantId
from storage import items, jobs
from storage.blobs import INLINE_BYTES_MAX, Blobs
from storage.items import LANE_BULK, NewItem
from storage.records import ItemState, JobKind, JobState
from tests.support.stores import AT, TENANT, Store, make_index

BIG = b"x" * (INLINE_BYTES_MAX + 1)
DAY = timedelta(days=1)


async def test_small_ones_lie_in_the_store_and_big_ones_in_the_folder(sqlite_store: Store, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    small, big = await blobs.keep(TENANT, b"small"), await blobs.keep(TENANT, BIG)
    async with sqlite_store.db.write(TENANT) as tx:
        await blobs.note(tx, [small, big, small], AT)
    assert await blobs.open(sqlite_store.db, TENANT, small.sha256) == b"small"
    path = await blobs.open(sqlite_store.db, TENANT, big.sha256)
    assert isinstance(path, Path)
    assert path.read_bytes() == BIG


async def test_one_that_is_gone_or_anothers_is_a_fault(sqlite_store: Store, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    kept = await blobs.keep(TENANT, b"mine")
    async with sqlite_store.db.write(TENANT) as tx:
        await blobs.note(tx, [kept], AT)
    with pytest.raises(Corrupt):
        await blobs.open(sqlite_store.db, TenantId("blue"), kept.sha256)


async def test_a_folder_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        await Blobs(tmp_path / "blobs").keep(TENANT, BIG)


async def test_what_a_failed_item_needs_stays_and_the_rest_goes(store: Store, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    needed, idle = await blobs.keep(TENANT, BIG), await blobs.keep(TENANT, BIG + b"y")
    async with store.db.write(TENANT) as tx:
        await blobs.note(tx, [needed, idle], AT)
        index = await make_index(tx)
        await jobs.add(
            tx,
            JobId("job_1"),
            index=index,
            owner=Principal("user:ann"),
            kind=JobKind.DOCUMENTS,
            state=JobState.FAILED,
            spec={},
            at=AT,
        )
        row = NewItem(document_id=DocumentId("a"), content_sha256=needed.sha256, payload={}, state=ItemState.FAILED)
        await items.add(tx, JobId("job_1"), [row], index_id=index.id, lane=LANE_BULK, at=AT)
    async with store.db.write(TENANT) as tx:
        unused, behind = await blobs.unused(tx, AT + DAY, after=b"", limit=10)
        files = await blobs.collect(tx, AT + DAY, unused)
    await blobs.discard(files, AT + 1000 * DAY)
    assert (unused, behind, [path.name for path in files]) == ([idle.sha256], None, [idle.sha256.hex()])
    assert not files[0].exists()
    assert isinstance(await blobs.open(store.db, TENANT, needed.sha256), Path)


async def test_a_file_that_was_sent_again_is_not_discarded(sqlite_store: Store, tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    kept = await blobs.keep(TENANT, BIG)
    async with sqlite_store.db.write(TENANT) as tx:
        await blobs.note(tx, [kept], AT)
    async with sqlite_store.db.write(TENANT) as tx:
        files = await blobs.collect(tx, AT + DAY, [kept.sha256])
    await blobs.keep(TENANT, BIG)
    await blobs.discard(files, AT)
    assert files[0].exists()
