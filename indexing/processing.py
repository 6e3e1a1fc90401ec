"""One document item from its content to its flip: read, parse and chunk in a subprocess, embed what is new, publish."""

import asyncio
import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.clock import Clock
from core.errors import Conflict, Fault, Invalid, TooLarge
from core.ids import DocumentId, TenantId, check_document_id
from core.limits import Limits
from core.telemetry import STAGE_SECONDS
from indexing.chunking import ChunkingParameters, indexed_text
from indexing.deciding import Course, Wanted, content_digest, course_of_content
from indexing.parsing.pool import ParserPool
from indexing.parsing.wire import ParsedFile, ParseRequest, TokenizerSource
from indexing.publishing import Attachment, Publisher, Work, text_digest
from indexing.sources import read_file
from inference.port import Embedder, Purpose
from storage import documents, indexes, items, vectors
from storage.blobs import Blobs, digest_of
from storage.database import Database
from storage.items import Claim

# Vectors are kept after so many: what a killed worker loses of one document is at most this, some three seconds.
TEXTS_PER_STEP = 128
UNSUPPORTED = "indexing.unsupported_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What turns bytes into chunks: the pool, the tokenizer it cuts by, and the signature of it all (with the model's)."""

    pool: ParserPool
    tokenizer: TokenizerSource
    signature: str
    limits: Limits


class Processing:
    """Document items. Raises the Fault that an item ends with; returns when the item has ended or is no longer ours."""

    def __init__(
        self, *, db: Database, blobs: Blobs, embedder: Embedder, reader: Reader, publisher: Publisher, owner: str, clock: Clock
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._embedder = embedder
        self._reader = reader
        self._publisher = publisher
        self._owner = owner
        self._clock = clock
        # Texts that some item of this worker is embedding now: another item that has them too waits for their vectors.
        self._under_way: dict[tuple[TenantId, str, bytes], asyncio.Event] = {}

    async def run(self, claim: Claim) -> None:
        content, sha256 = await self._content(claim)
        work = await self._work(claim, sha256)
        if work is None:
            await self._publisher.drop(claim)
            return
        if claim.number is not None and work.document.live_number >= claim.number:
            await self._publisher.skip(work)
            return
        envelope = work.wanted.envelope(work.document, work.index)
        if course_of_content(work.document, digest=work.digest, envelope=envelope) is not Course.CONTENT:
            await self._publisher.settle(work)
            return
        try:
            parsed = await self._parse(work, content)
        except Invalid as fault:
            if fault.code != UNSUPPORTED or "parent" not in claim.payload:
                raise
            # A picture in an e-mail is no failure of the e-mail's job.
            await self._publisher.pass_over(work, fault)
            return
        await self._embed(work, parsed)
        attachments = await self._attachments(work, parsed)
        with STAGE_SECONDS.labels("publish").time():
            await self._publisher.publish(work, parsed, content_sha256=sha256, attachments=attachments)

    async def _content(self, claim: Claim) -> tuple[bytes | Path, bytes]:
        """The item's content and its digest. A listed file is kept first, so that what is published can be read again."""
        listed = claim.payload.get("path")
        if listed is None:
            assert claim.content_sha256 is not None, "an item has a content or a path to one"
            return await self._blobs.open(self._db, claim.tenant, claim.content_sha256), claim.content_sha256
        path = Path(listed)
        await asyncio.to_thread(read_file, path, self._reader.limits.file_bytes_max)
        known = await asyncio.to_thread(digest_of, path)
        if await self._is_live(claim, known):
            return path, known
        blob = await self._blobs.keep_file(claim.tenant, path)
        async with self._db.write(claim.tenant) as tx:
            await self._blobs.note(tx, [blob], self._clock.now())
            await items.set_content(tx, claim.id, blob.sha256, blob.size)
        return await self._blobs.open(self._db, claim.tenant, blob.sha256), blob.sha256

    async def _is_live(self, claim: Claim, sha256: bytes) -> bool:
        """Whether this content is what is live: then it need not be copied to find out that nothing changed."""
        work = await self._work(claim, sha256)
        return work is not None and work.document.content_digest == work.digest

    async def _work(self, claim: Claim, sha256: bytes) -> Work | None:
        """The item with its index and document; None when the index is being deleted."""
        async with self._db.read(claim.tenant) as tx:
            index = await indexes.by_id(tx, claim.index_id)
            document = await documents.find(tx, claim.index_id, claim.document_id)
        if index is None or index.deleting or document is None:
            return None
        if index.model != self._embedder.spec.digest:
            raise Conflict(
                "indexing.model_mismatch",
                f"index {index.name!r} holds vectors of model {index.model}, this service embeds with "
                f"{self._embedder.spec.digest}; start it with the model the index was made with, or make a new index",
            )
        wanted = Wanted.of_payload(claim.payload)
        digest = content_digest(
            sha256,
            media_type=wanted.media_type,
            profile=index.profile,
            signature=f"{self._reader.signature}/{index.model}",
        )
        return Work(claim=claim, index=index, document=document, wanted=wanted, digest=digest)

    async def _parse(self, work: Work, content: bytes | Path) -> ParsedFile:
        spec = self._embedder.spec
        profile = work.index.profile
        request = ParseRequest(
            filename=PurePosixPath(work.document.id).name,
            media_type=work.wanted.media_type,
            title=work.wanted.title,
            tokenizer=self._reader.tokenizer,
            chunking=ChunkingParameters(
                chunk_tokens=profile.chunk_tokens,
                overlap_tokens=profile.chunk_overlap,
                tokens_max=spec.tokens_max,
            ),
        )
        with STAGE_SECONDS.labels("parse").time():
            parsed = await self._reader.pool.parse(content, request)
        size = len(parsed.text.encode())
        if size > self._reader.limits.text_bytes_max:
            raise TooLarge(
                "indexing.document_too_large",
                f"the text of {work.document.id!r} is {size} bytes; the limit is {self._reader.limits.text_bytes_max}",
            )
        return parsed

    async def _embed(self, work: Work, parsed: ParsedFile) -> None:
        """Sees to it that every chunk's text has a vector in the store."""
        claim, model = work.claim, work.index.model
        texts = {text_digest(text): text for text in (indexed_text(chunk, parsed.text) for chunk in parsed.chunks)}
        wanted = list(texts)
        while wanted:
            elsewhere = {digest: event for digest in wanted if (event := self._under_way.get((claim.tenant, model, digest)))}
            mine = [digest for digest in wanted if digest not in elsewhere]
            with self._reserved(claim, model, mine) as give_up:
                # Looked for only now: what another item has embedded until here is in the store.
                missing = await self._without_vector(claim, model, mine)
                give_up(set(mine).difference(missing))
                for start in range(0, len(missing), TEXTS_PER_STEP):
                    step = missing[start : start + TEXTS_PER_STEP]
                    await self._embed_step(claim, model, {digest: texts[digest] for digest in step})
            for event in elsewhere.values():
                await event.wait()
            # Whoever had the others under way may have failed: then they are ours.
            wanted = list(elsewhere)

    async def _embed_step(self, claim: Claim, model: str, texts: Mapping[bytes, str]) -> None:
        with STAGE_SECONDS.labels("embed").time():
            embedded = await self._embedder.embed(list(texts.values()), Purpose.PASSAGE)
        async with self._db.write(claim.tenant) as tx:
            await vectors.put(tx, model, dict(zip(texts, embedded, strict=True)), self._clock.now())
            await items.progressed(tx, claim.id, self._owner)

    async def _without_vector(self, claim: Claim, model: str, digests: list[bytes]) -> list[bytes]:
        async with self._db.read(claim.tenant) as tx:
            known = await vectors.known(tx, model, digests)
        return [digest for digest in digests if digest not in known]

    @contextlib.contextmanager
    def _reserved(self, claim: Claim, model: str, digests: list[bytes]) -> Generator[Callable[[AbstractSet[bytes]], None]]:
        """Says that this item embeds these texts, until it has or has failed; or gives some of them up before."""
        event = asyncio.Event()
        held = {(claim.tenant, model, digest) for digest in digests}
        self._under_way |= dict.fromkeys(held, event)

        def give_up(some: AbstractSet[bytes]) -> None:
            for key in [(claim.tenant, model, digest) for digest in some]:
                held.remove(key)
                del self._under_way[key]

        try:
            yield give_up
        finally:
            for key in held:
                del self._under_way[key]
            event.set()

    async def _attachments(self, work: Work, parsed: ParsedFile) -> Sequence[Attachment]:
        """The children of a parsed file under ids of their own, their contents made safe."""
        found: dict[DocumentId, Attachment] = {}
        for place, child in enumerate(parsed.children, start=1):
            name = "".join(character for character in PurePosixPath(child.name).name if character.isprintable())[:100]
            with contextlib.suppress(Fault):  # an id too long even so: the attachment stays inside its parent's original
                child_id = check_document_id(f"{work.document.id}/{place}-{name or 'attachment'}")
                blob = await self._blobs.keep(work.claim.tenant, child.content)
                found[child_id] = Attachment(id=child_id, media_type=child.media_type, blob=blob)
        return list(found.values())
