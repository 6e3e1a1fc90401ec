"""Documents: one flip publishes, numbers decide who wins, and counts go on after a delete."""

from core.ids import DocumentId, TenantId
from core.paging import PageRequest
from storage import documents, indexes, passages
from storage.changes import after
from storage.passages import key_of
from storage.records import DocumentStatus, Envelope
from tests.support.stores import AT, TENANT, Store, issue, make_index, publish


async def test_a_published_version_is_hydrated_whole_and_its_predecessor_no_more(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        first = await publish(tx, index, "a", "one two")
        second = await publish(tx, index, "a", "three four five")
    assert first is not None
    assert second is not None
    assert (second.version, second.revision, second.status) == (2, 2, DocumentStatus.LIVE)
    keys = [key_of(version or 0, place) for version in (first.live_version_id, second.live_version_id) for place in range(3)]
    async with store.db.read(TENANT) as tx:
        found = (await passages.hydrate(tx, keys)).passages
        assert [passage.chunk.text for _, passage in sorted(found.items())] == ["three", "four", "five"]
        assert [change.op for change in await after(tx, 0, limit=10)] == ["publish", "retract", "publish"]


async def test_an_older_number_can_neither_overwrite_nor_resurrect(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        document, slow = await issue(tx, index, "a")
        fast = await publish(tx, index, "a", "fast")
        assert fast is not None
        assert await publish(tx, index, "a", "slow", number=slow) is None
        _, gone = await issue(tx, index, "a")
        assert await documents.retract(tx, document, number=gone, at=AT) is not None
        assert await publish(tx, index, "a", "slow", number=slow) is None
        kept = await documents.find(tx, index.id, DocumentId("a"))
    assert kept is not None
    assert kept.status is DocumentStatus.DELETED


async def test_version_and_revision_go_on_after_a_delete(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        first = await publish(tx, index, "a", "one")
        assert first is not None
        _, number = await issue(tx, index, "a")
        await documents.retract(tx, first, number=number, at=AT)
        again = await publish(tx, index, "a", "one")
    assert again is not None
    assert (again.version, again.revision) == (2, 3)


async def test_a_new_envelope_keeps_the_version_and_is_published_again(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        first = await publish(tx, index, "a", "one")
        assert first is not None
        _, number = await issue(tx, index, "a")
        envelope = Envelope(title="Other", metadata={"tags": ("x", "y"), "year": 2026})
        changed = await documents.change_envelope(tx, first, number=number, envelope=envelope, at=AT)
    assert changed is not None
    assert (changed.version, changed.revision, changed.envelope) == (1, 2, envelope)
    async with store.db.read(TENANT) as tx:
        assert [change.block for change in await after(tx, 0, limit=10)] == [first.live_version_id] * 2


async def test_another_tenant_sees_none_of_it(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        made = await publish(tx, index, "a", "one")
    assert made is not None
    async with store.db.read(TenantId("blue")) as tx:
        assert (await passages.hydrate(tx, [key_of(made.live_version_id or 0, 0)])).passages == {}
        assert await documents.find(tx, index.id, DocumentId("a")) is None
        assert await indexes.find(tx, index.name) is None
        assert await documents.text_slice(tx, made.live_version_id or 0, 0, None) is None


async def test_lists_go_page_by_page_in_code_point_order_and_take_prefixes_literally(store: Store) -> None:
    names = ["B", "a", "a_b", "aXb", "hr/é", "hr/z"]
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        for name in names:
            await publish(tx, index, name, "word")
    seen: list[str] = []
    after_id: str | None = None
    while True:
        async with store.db.read(TENANT) as tx:
            page = await documents.page(tx, index.id, PageRequest(after=after_id, limit=2), prefix=None, status=None)
        seen += [document.id for document in page.items]
        after_id = page.after
        if after_id is None:
            break
    assert seen == sorted(names)
    async with store.db.read(TENANT) as tx:
        literal = await documents.page(tx, index.id, PageRequest(), prefix="a_", status=None)
    assert [document.id for document in literal.items] == ["a_b"]


async def test_neighbours_stay_inside_their_version(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        index = await make_index(tx)
        await publish(tx, index, "a", "x y z")
        made = await publish(tx, index, "b", "one two three four")
    assert made is not None
    middle, last = key_of(made.live_version_id or 0, 1), key_of(made.live_version_id or 0, 3)
    async with store.db.read(TENANT) as tx:
        near = await passages.around(tx, [middle, last], 2)
    assert [chunk.text for chunk in near[middle]] == ["one", "three", "four"]
    assert [chunk.text for chunk in near[last]] == ["two", "three"]


async def test_text_is_cut_by_code_points(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        made = await publish(tx, await make_index(tx), "a", "né 🙂 ok")
    assert made is not None
    async with store.db.read(TENANT) as tx:
        assert await documents.text_slice(tx, made.live_version_id or 0, 1, 4) == ("é 🙂", 7)


async def test_a_deleted_index_frees_its_name_at_once(store: Store) -> None:
    async with store.db.write(TENANT) as tx:
        old = await make_index(tx)
        made = await publish(tx, old, "a", "one")
        assert made is not None
        await indexes.mark_deleting(tx, old.id, AT)
        new = await make_index(tx)
        assert new.id != old.id
        assert (await passages.hydrate(tx, [key_of(made.live_version_id or 0, 0)])).passages == {}
        assert (await indexes.counted(tx, new.name)).documents == 0
