"""Workers that die, models that are down, documents that kill: what is tried again, and when that ends."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import Unavailable
from core.limits import ITEM_ATTEMPTS_MAX, ITEM_CLAIMS_MAX
from indexing.parsing.pool import ParserPool
from indexing.types import Wait
from inference.onnx.embedder import OnnxEmbedder
from inference.port import Purpose
from storage import items, jobs
from storage.records import DocumentStatus, JobState
from tests.support.indexing import HANDBOOK, OWNER, Stack, embedded_passages, opened

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

TEXT = "Bicycles stand behind the house."


class Down:
    """The real embedder, whose backend is down for so many calls."""

    def __init__(self, embedder: OnnxEmbedder, times: int) -> None:
        self._embedder = embedder
        self._times = times
        self.spec = embedder.spec
        self.tokenizer = embedder.tokenizer

    async def embed(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        if purpose is Purpose.PASSAGE and self._times > 0:
            self._times -= 1
            raise Unavailable("inference.unavailable", "the model is down")
        return await self._embedder.embed(texts, purpose)

    async def close(self) -> None: ...


async def die(stack: Stack, times: int, owner: str = "dead") -> None:
    """A worker takes what waits and is never heard of again, so many times."""
    now = stack.clock.now()
    for _ in range(times):
        async with stack.db.system_write("test: a worker") as tx:
            assert await items.claim(tx, owner, now=now, lease_until=now - timedelta(seconds=1), limit=1)


async def test_an_item_whose_worker_died_is_taken_by_another_when_its_lease_has_run_out(still: Stack) -> None:
    accepted = await still.put("a", TEXT, wait=Wait.STORED)
    await die(still, 1)
    assert accepted.job_id is not None
    async with still.at_work():
        job = await still.finished(accepted.job_id)
    assert job.counts.created == 1
    assert (await still.items(accepted.job_id))["a"].attempts == 1, "an attempt that got somewhere counts as the first"


async def test_a_job_whose_worker_died_says_that_it_is_interrupted(still: Stack) -> None:
    accepted = await still.put("a", TEXT, wait=Wait.STORED)
    assert accepted.job_id is not None
    now = still.clock.now()
    async with still.db.system_write("test: a worker that begins and dies") as tx:
        (claim,) = await items.claim(tx, "dead", now=now, lease_until=now - timedelta(seconds=1), limit=1)
        await jobs.run(tx, claim.tenant, claim.job_id, now)
    assert (await still.indexing.job(still.admin(), accepted.job_id)).state is JobState.INTERRUPTED


async def test_what_a_worker_held_when_it_died_is_its_own_again_at_once_when_it_comes_back(still: Stack) -> None:
    accepted = await still.put("a", TEXT, wait=Wait.STORED)
    await still.claim()
    async with still.at_work():
        assert (await still.finished(accepted.job_id)).counts.created == 1


async def test_an_item_that_kills_every_worker_is_buried_and_the_others_go_on(still: Stack) -> None:
    deadly = await still.put("deadly", TEXT, wait=Wait.STORED)
    await die(still, ITEM_CLAIMS_MAX)
    harmless = await still.put("harmless", TEXT, wait=Wait.STORED)
    assert deadly.job_id is not None
    async with still.at_work():
        assert (await still.finished(harmless.job_id)).counts.created == 1
        assert (await still.finished(deadly.job_id)).state is JobState.COMPLETED_WITH_ERRORS
    assert (await still.items(deadly.job_id))["deadly"].code == "indexing.attempts_exhausted"
    assert (await still.document("deadly")).status is DocumentStatus.FAILED


@pytest.mark.parametrize("times, state", [(ITEM_ATTEMPTS_MAX - 1, "completed"), (ITEM_ATTEMPTS_MAX, "completed_with_errors")])
async def test_a_model_that_is_down_is_asked_again_and_not_for_ever(
    tmp_path: Path, embedder: OnnxEmbedder, parsers: ParserPool, times: int, state: str
) -> None:
    async with opened(tmp_path, Down(embedder, times), parsers) as stack, stack.at_work():
        await stack.add_index(HANDBOOK)
        accepted = await stack.put("a", TEXT, wait=Wait.STORED)
        job = await stack.finished(accepted.job_id)
        assert job.state == state
        item = (await stack.items(job.id))["a"]
        assert (item.code, item.attempts) == (
            (None, 1) if state == "completed" else ("inference.unavailable", ITEM_ATTEMPTS_MAX)
        )


async def test_finished_work_is_not_done_again_after_a_death(still: Stack) -> None:
    """The vectors of an item are kept as they come; only the flip was lost."""
    await still.put("a", TEXT, wait=Wait.STORED)
    (claim,) = await still.claim()
    await still.put("b", TEXT, wait=Wait.STORED)
    async with still.db.system_write("test: the worker dies") as tx:
        await items.release(tx, OWNER, counted=True)
    await still.pipeline.handle(claim)  # dead already, and does not know it: what it publishes is refused
    assert (await still.document("a")).status is DocumentStatus.PENDING
    before = embedded_passages()
    await still.work()
    assert await still.ids() == {"a", "b"}
    assert embedded_passages() == before
