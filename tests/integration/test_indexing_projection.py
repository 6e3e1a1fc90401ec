"""The engine after a restart, a loss, a restore: it comes to what the records say, whatever it was before."""

import asyncio
import shutil
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs

from core.errors import Unavailable
from core.ids import IndexName, TenantId
from core.profile import IndexProfile
from engines.port import Collection, Watermark
from indexing.parsing.pool import ParserPool
from indexing.types import IndexDefinition, Wait
from inference.onnx.embedder import OnnxEmbedder
from storage import indexes, tenants
from storage.records import IndexRecord
from storage.tables import changes
from tests.support.indexing import HANDBOOK, Stack, embedded_passages, opened

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

PARKING = "Parking spaces are given out by lot."
CANTEEN = "The canteen opens at eleven."
VISITORS = "Visitors sign in at the desk."
TENANT = TenantId("default")


class Machine:
    """One data folder, started again and again."""

    def __init__(self, folder: Path, embedder: OnnxEmbedder, parsers: ParserPool) -> None:
        self.folder = folder
        self._embedder = embedder
        self._parsers = parsers

    @asynccontextmanager
    async def up(self) -> AsyncGenerator[Stack]:
        async with opened(self.folder / "data", self._embedder, self._parsers) as stack, stack.at_work():
            yield stack

    def keep(self, name: str, *, as_: str) -> None:
        """A copy of the engine folder or of the store, made while the service is down."""
        for path in (self.folder / "data").glob(f"{name}*"):
            target = self.folder / as_ / path.name
            target.parent.mkdir(exist_ok=True)
            shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)

    def restore(self, name: str, *, from_: str) -> None:
        for path in (self.folder / "data").glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in (self.folder / from_).glob(f"{name}*"):
            target = self.folder / "data" / path.name
            shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)


@pytest.fixture
def machine(tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool) -> Machine:
    return Machine(tmp_path, embedder, parsers)


async def rows(stack: Stack, index: str = HANDBOOK) -> int:
    return (await stack.engine.stats(Collection.of_index(await record(stack, index)))).rows


async def record(stack: Stack, index: str = HANDBOOK) -> IndexRecord:
    return await stack.catalog.index(stack.admin(), IndexName(index))


async def everything(stack: Stack) -> set[str]:
    return await stack.found(f"{PARKING} {CANTEEN} {VISITORS}")


async def first_two(machine: Machine) -> None:
    async with machine.up() as stack:
        await stack.add_index(HANDBOOK)
        await stack.put("parking", PARKING)
        await stack.put("canteen", CANTEEN)
        await stack.projector.flush()


async def test_a_restart_finds_everything_where_it_was(machine: Machine) -> None:
    await first_two(machine)
    async with machine.up() as stack:
        assert stack.projector.indexed(TENANT) == await stack.head() == 2
        assert await everything(stack) == {"parking", "canteen"}


async def emptied_and_changed(stack: Stack) -> Path:
    """Changes the language of the emptied handbook; the folder of its collection before that."""
    for document in ("parking", "canteen"):
        await stack.delete(document)
    await stack.search(PARKING)
    folder = stack.folder / "engine" / "collections" / Collection.of_index(await record(stack)).path
    assert folder.exists()
    german = IndexProfile(language="german", range_fields={"year": "number"})
    await stack.catalog.put_index(stack.admin(), HANDBOOK, IndexDefinition(profile=german))
    return folder


async def test_what_is_written_during_a_flush_is_found_before_it_ends(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, found = threading.Event(), threading.Event()
    savez = np.savez

    def save_late(*args: object, **arrays: object) -> None:
        writing.set()
        assert found.wait(40)
        savez(*args, **arrays)  # type: ignore[arg-type]  # as numpy is called, whatever it is

    async with machine.up() as stack:
        await stack.add_index(HANDBOOK)
        await stack.put("parking", PARKING)
        # The one call between a state that is taken and a state that is kept; numpy's, since of ours nothing is patched.
        monkeypatch.setattr(np, "savez", save_late)
        flush = asyncio.create_task(stack.projector.flush())
        assert await asyncio.to_thread(writing.wait, 40)
        await stack.put("canteen", CANTEEN)
        assert await everything(stack) == {"parking", "canteen"}
        found.set()
        await flush
        collection = Collection.of_index(await record(stack))
        durable = await stack.engine.durable(collection)
        assert (durable and durable.offset, stack.projector.indexed(TENANT)) == (1, 2)
        await stack.projector.flush()
        durable = await stack.engine.durable(collection)
        assert durable
        assert durable.offset == 2


async def test_a_flush_that_failed_is_made_up_for_by_the_next(still: Stack) -> None:
    await still.put("one", PARKING, wait=Wait.STORED)
    await still.work()
    await still.projector.catch_up()
    collection = Collection.of_index(await record(still))
    in_the_way = still.folder / "engine" / "collections" / collection.path / "rows-1.npz.tmp"
    in_the_way.mkdir()  # whoever writes there fails, root too
    with pytest.raises(Unavailable, match="writing a snapshot"):
        await still.projector.flush()
    in_the_way.rmdir()
    await still.projector.flush()
    durable = await still.engine.durable(collection)
    assert durable
    assert durable.offset == still.projector.indexed(TENANT) == 1


async def test_a_changed_profile_leaves_nothing_of_the_collection_before_it(machine: Machine) -> None:
    await first_two(machine)
    async with machine.up() as stack:
        folder = await emptied_and_changed(stack)
        assert not folder.exists()
        await stack.put("visitors", VISITORS)
        await stack.projector.flush()
    async with machine.up() as stack:
        assert await everything(stack) == {"visitors"}
        assert (await rows(stack), [path.name for path in folder.parent.iterdir()]) == (1, ["2"])


async def test_a_collection_that_a_killed_service_left_behind_goes_at_the_next_start(machine: Machine) -> None:
    await first_two(machine)
    machine.keep("engine", as_="before")
    async with machine.up() as stack:
        folder = await emptied_and_changed(stack)
    machine.restore("engine", from_="before")
    assert folder.exists()
    async with machine.up():
        assert not folder.exists()


async def test_what_was_committed_and_not_projected_is_caught_up_at_the_start(machine: Machine) -> None:
    await first_two(machine)
    machine.keep("engine", as_="then")
    async with machine.up() as stack:
        await stack.put("visitors", VISITORS)
        await stack.put("canteen", "The canteen is closed.")
        await stack.delete("parking")
    machine.restore("engine", from_="then")
    async with machine.up() as stack:
        assert stack.projector.indexed(TENANT) == await stack.head() == 6
        assert await everything(stack) == {"visitors", "canteen"}
        assert {passage.text for passage in await stack.search("canteen")} == {VISITORS, "The canteen is closed."}
        assert await rows(stack) == 2


async def test_a_deleted_engine_folder_is_filled_from_the_records_without_embedding(machine: Machine) -> None:
    await first_two(machine)
    shutil.rmtree(machine.folder / "data" / "engine")
    before = embedded_passages()
    async with machine.up() as stack:
        assert await everything(stack) == {"parking", "canteen"}
        assert await rows(stack) == 2
    assert embedded_passages() == before


async def test_a_restored_backup_of_the_store_shows_nothing_of_what_came_after_it(machine: Machine) -> None:
    await first_two(machine)
    machine.keep("mnemic.db", as_="backup")
    async with machine.up() as stack:
        await stack.put("visitors", VISITORS)
        await stack.delete("parking")
    machine.restore("mnemic.db", from_="backup")
    async with machine.up() as stack:
        assert await everything(stack) == await stack.ids() == {"parking", "canteen"}
        assert await rows(stack) == 2, "no row of the lost history is left to take the place of a good one"


async def test_a_restored_backup_that_went_on_differently_is_told_from_the_lost_history_by_its_tokens(machine: Machine) -> None:
    await first_two(machine)
    machine.keep("mnemic.db", as_="backup")
    machine.keep("engine", as_="backup")
    async with machine.up() as stack:
        await stack.put("lost", VISITORS)
        await stack.put("lost too", VISITORS)
    machine.keep("engine", as_="ahead")
    machine.restore("mnemic.db", from_="backup")
    machine.restore("engine", from_="backup")
    async with machine.up() as stack:
        await stack.put("other", "Bicycles stand behind the house.")
        await stack.put("other too", "Bicycles stand behind the house.")
        assert await stack.head() == 4
    machine.restore("engine", from_="ahead")
    async with machine.up() as stack:
        assert await stack.found("bicycles visitors parking canteen") == {"parking", "canteen", "other", "other too"}
        assert await rows(stack) == 4


async def test_an_index_that_was_empty_in_the_backup_is_empty_again(machine: Machine) -> None:
    async with machine.up() as stack:
        await stack.add_index(HANDBOOK)
    machine.keep("mnemic.db", as_="backup")
    async with machine.up() as stack:
        await stack.put("parking", PARKING)
    machine.restore("mnemic.db", from_="backup")
    async with machine.up() as stack:
        assert await rows(stack) == 0
        await stack.put("canteen", CANTEEN)
        assert await rows(stack) == 1


async def test_an_index_made_after_a_restore_does_not_find_the_rows_of_one_that_had_its_number(machine: Machine) -> None:
    async with machine.up() as stack:
        await stack.add_index(HANDBOOK)
    machine.keep("mnemic.db", as_="backup")
    async with machine.up() as stack:
        await stack.add_index("lost")
        for number in range(3):
            await stack.put(f"lost {number}", f"{PARKING} {number}", index="lost")
    machine.restore("mnemic.db", from_="backup")
    async with machine.up() as stack:
        await stack.add_index("new")
        await stack.put("canteen", CANTEEN, index="new")
        assert await rows(stack, "new") == 1
        assert await stack.found("parking", index="new") == {"canteen"}


async def test_a_rebuild_that_was_cut_off_is_begun_again(machine: Machine) -> None:
    await first_two(machine)
    async with machine.up() as stack:
        collection = Collection.of_index(await record(stack))
        await stack.engine.drop(collection)
        await stack.engine.apply(collection, upserts=(), deletes=(), watermark=Watermark(store_id="store", offset=0, token=""))
        await stack.engine.flush(collection)
    async with machine.up() as stack:
        assert await everything(stack) == {"parking", "canteen"}


async def test_changes_that_are_missing_in_between_are_refused_and_not_skipped(still: Stack) -> None:
    for document in ("one", "two", "three"):
        await still.put(document, PARKING, wait=Wait.STORED)
        await still.work()
    async with still.db.write(TENANT) as tx:
        await tx.execute(delete(changes).where(changes.c.tenant == TENANT, changes.c.offset == 2))
        index = await indexes.get(tx, HANDBOOK)
    with capture_logs() as logs:
        await still.projector.catch_up()
    assert [entry["code"] for entry in logs if entry["event"] == "projection_failed"] == ["indexing.offset_gap"]
    assert still.projector.indexed(TENANT) == 0
    assert (await still.engine.stats(Collection.of_index(index))).rows == 0


async def test_whoever_waits_before_the_projector_first_looks_at_a_tenant_is_told_too(still: Stack) -> None:
    await still.add_tenant("late")
    await still.add_index("first", tenant="late")
    late = still.admin("late", seconds=5.0)
    await still.put("canteen", CANTEEN, index="first", caller=late, wait=Wait.STORED)
    async with still.db.read(late.tenant) as tx:
        assert await tenants.head(tx) == 0
    await still.work()
    waiting = asyncio.create_task(still.projector.wait(late.tenant, 1, late.deadline))
    await asyncio.sleep(0)
    await still.projector.catch_up()
    await waiting
