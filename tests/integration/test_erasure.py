"""Erasing a user while others write, on a real store with the real engine: what was under way does not come through."""

import asyncio
import contextlib
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from core.caller import Caller, Grant
from core.errors import Conflict, NotFound
from core.ids import SessionId
from core.limits import Limits
from core.paging import PageRequest
from engines.port import Collection
from indexing.projection import Projector
from inference.onnx.tokenizer import TokenizerFile
from inference.port import ModelSpec, Purpose
from memory.compression.compressor import Compressor
from memory.compression.service import Compression
from memory.compression.types import Triggers
from memory.forgetting.erasure import Erasing
from memory.moving.importing import Importing
from memory.moving.items import Bundle, FactItem, Item, MessageItem, Placed, SessionItem, SourceItem
from memory.sessions.service import Memory
from memory.types import Said, SessionRequest, Wait
from storage import facts, indexes, memory_rows, messages, summaries, tenants
from storage.erasures import ErasureRecord
from storage.facts import FactQuery
from storage.memory_records import Role
from tests.support.library import TENANT, Library
from tests.support.talk import language, long_talk

CHAT = SessionId("chat")


class Eraser:
    """An embedder that, once armed, erases its user before it answers, after as many answers as are spared."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.erasing = Erasing(db=library.db, engine=library.engine, progress=library.projector, clock=library.clock)
        self.armed = False
        self.spared = 0
        self.erasure: ErasureRecord | None = None

    @property
    def caller(self) -> Caller:
        return self._library.caller(grants=(Grant.READ, Grant.WRITE))

    @property
    def spec(self) -> ModelSpec:
        return self._library.embedder.spec

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        if self.armed and self.spared:
            self.spared -= 1
        elif self.armed:
            self.armed = False
            self.erasure = await self.erasing.begin(self.caller)
        return await self._library.embedder.embed(texts, purpose)

    async def close(self) -> None:
        pass

    async def end(self) -> None:
        """The erasure goes to its end, and a new look finds nothing."""
        projecting = asyncio.create_task(self._library.projector.run())
        await self.erasing.work()
        assert self.erasure is not None
        verified = await self.erasing.verify(self.caller, self.erasure.id)
        projecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await projecting
        assert verified.clean, verified


def memory_of(library: Library, eraser: Eraser) -> Memory:
    counter = TokenizerFile().load()
    return Memory(
        db=library.db, embedder=eraser, counter=counter, progress=library.projector, limits=Limits(), clock=library.clock
    )


def said(first: int, last: int) -> list[Said]:
    return [Said(role=Role.USER, id=f"m{one.seq}", content=one.text) for one in long_talk(10)[first - 1 : last]]


async def rows_left(library: Library) -> int:
    async with library.db.read(TENANT) as tx:
        return len(await memory_rows.page(tx, 0, limit=1_000))


async def test_a_message_that_was_on_its_way_is_refused(library: Library) -> None:
    eraser = Eraser(library)
    memory = memory_of(library, eraser)
    await memory.create(eraser.caller, SessionRequest(id=CHAT))
    await memory.append(eraser.caller, CHAT, said(1, 5), wait=Wait.STORED)
    eraser.armed = True
    with pytest.raises(NotFound):
        await memory.append(eraser.caller, CHAT, said(6, 9), wait=Wait.STORED)
    await eraser.end()
    assert await rows_left(library) == 0


async def test_a_compression_that_was_on_its_way_leaves_nothing(library: Library) -> None:
    eraser = Eraser(library)
    memory = memory_of(library, eraser)
    await memory.create(eraser.caller, SessionRequest(id=CHAT))
    await memory.append(eraser.caller, CHAT, said(1, 60), wait=Wait.STORED)
    session = await memory.get(eraser.caller, CHAT)
    compression = Compression(db=library.db, embedder=eraser, words=language(), progress=library.projector, clock=library.clock)
    compressor = Compressor(db=library.db, compression=compression, triggers=Triggers(session_tokens=100, soft=0.1, hard=0.2))
    await compressor.look()
    eraser.armed = True
    await compressor.work()
    assert eraser.erasure is not None, "the compression embedded nothing: the test proves nothing"
    async with library.db.read(TENANT) as tx:
        assert await summaries.of_session(tx, session.row_id) == ()
    await eraser.end()
    assert await rows_left(library) == 0


async def test_what_was_erased_is_not_in_an_index_that_is_built_again(library: Library) -> None:
    eraser = Eraser(library)
    memory = memory_of(library, eraser)
    await memory.create(eraser.caller, SessionRequest(id=CHAT))
    await memory.append(eraser.caller, CHAT, said(1, 9), wait=Wait.STORED)
    await library.project()
    eraser.erasure = await eraser.erasing.begin(eraser.caller)
    await eraser.end()
    async with library.db.write(TENANT) as tx:
        index, store_id = await indexes.of_memory(tx), await tenants.store_id(tx, library.clock.now())
    assert index is not None
    await library.engine.drop(Collection.of_index(index))
    library.projector = Projector(
        db=library.db, engine=library.engine, engine_id="embedded", store_id=store_id, clock=library.clock
    )
    await library.project()
    assert (await Eraser(library).erasing.verify(eraser.caller, eraser.erasure.id)).clean


async def test_a_verification_tells_what_an_engine_still_holds(library: Library) -> None:
    eraser = Eraser(library)
    memory = memory_of(library, eraser)
    await memory.create(eraser.caller, SessionRequest(id=CHAT))
    await memory.append(eraser.caller, CHAT, said(1, 3), wait=Wait.STORED)
    eraser.erasure = await eraser.erasing.begin(eraser.caller)
    found = await asyncio.gather(library.project(), eraser.erasing.verify(eraser.caller, eraser.erasure.id))
    assert not found[1].clean
    assert found[1].found["messages"] == 3


def bundle(number: int) -> Bundle:
    """A session with messages, and facts."""
    spoken: list[Item] = [
        MessageItem(session=CHAT, id=f"m{place}", role=Role.USER, content=f"Crate {place} is behind a pillar.")
        for place in range(number)
    ]
    known: list[Item] = [
        FactItem(
            id=f"f{place}",
            text=f"Ann owns crate {place}.",
            sources=(SourceItem(type="caller", id=f"w{place}", trust=4, at=None),),
        )
        for place in range(number)
    ]
    items = [SessionItem(id=CHAT), *spoken, *known]
    return Bundle(items=[Placed(at=f"line {place}", item=item) for place, item in enumerate(items, start=1)])


@pytest.mark.parametrize("embedded_before", [0, 1, 2])
async def test_an_import_under_way_writes_nothing_behind_an_erasure(library: Library, embedded_before: int) -> None:
    """While the first messages are embedded, while the last are, while facts are."""
    eraser = Eraser(library)
    eraser.spared = embedded_before
    eraser.armed = True
    importing = Importing(
        db=library.db,
        memory=memory_of(library, eraser),
        embedder=eraser,
        progress=library.projector,
        limits=Limits(messages_per_call_max=4),
        clock=library.clock,
    )
    with pytest.raises(Conflict, match="erased while the import ran"):
        await importing.run(eraser.caller, bundle(8), eyes=eraser.caller)
    await eraser.end()
    assert await rows_left(library) == 0
    async with library.db.read(TENANT) as tx:
        owner = eraser.caller.subject
        assert (await facts.page(tx, owner, PageRequest(), FactQuery())).items == ()
        assert await messages.of_owner(tx, owner, after=0, limit=1) == ()
