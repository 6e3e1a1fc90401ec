"""Originals by their SHA-256: small ones in the store, so that they commit with what refers to them; big ones in a folder.

A file is written under a temporary name, synced and renamed before any transaction names it, so a row never lacks its file.
"""

import asyncio
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, delete, select

from core.errors import Corrupt, Unavailable
from core.ids import TenantId
from core.limits import KIB, MIB
from storage.database import Database, Transaction, disk_full
from storage.statements import upsert
from storage.tables import contents, documents, items, versions

INLINE_BYTES_MAX = 64 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An original that is safe: written to the folder, or carried in `inline` until its row is."""

    sha256: bytes
    size: int
    inline: bytes | None


class Blobs:
    """The originals of one store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, tenant: TenantId, content: bytes) -> Blob:
        """Makes bytes safe; they are part of the store once `note` has run in a transaction that commits."""
        digest = hashlib.sha256(content).digest()
        if len(content) <= INLINE_BYTES_MAX:
            return Blob(sha256=digest, size=len(content), inline=content)
        await asyncio.to_thread(self._write, self._path(tenant, digest), [content])
        return Blob(sha256=digest, size=len(content), inline=None)

    async def keep_file(self, tenant: TenantId, path: Path) -> Blob:
        """The same for a file, which is left where it is."""
        size = (await asyncio.to_thread(path.stat)).st_size
        if size <= INLINE_BYTES_MAX:
            return await self.keep(tenant, await asyncio.to_thread(path.read_bytes))
        digest = await asyncio.to_thread(digest_of, path)
        await asyncio.to_thread(self._write, self._path(tenant, digest), _blocks(path))
        return Blob(sha256=digest, size=size, inline=None)

    async def note(self, tx: Transaction, blobs: Sequence[Blob], at: datetime) -> None:
        """Writes the rows of blobs; those that are there are marked as used now, which keeps housekeeping away."""
        if not blobs:
            return
        statement = upsert(tx, contents).on_conflict_do_update(index_elements=["tenant", "sha256"], set_={"used_at": at})
        unique = {blob.sha256: blob for blob in blobs}
        await tx.execute(
            statement,
            [
                {"tenant": tx.tenant, "sha256": blob.sha256, "size": blob.size, "body": blob.inline, "used_at": at}
                for blob in unique.values()
            ],
        )

    async def open(self, db: Database, tenant: TenantId, digest: bytes) -> bytes | Path:
        """The original: its bytes when it is small, else where it lies. Corrupt when it is gone."""
        async with db.read(tenant) as tx:
            statement = select(contents.c.body).where(contents.c.tenant == tenant, contents.c.sha256 == digest)
            row = (await tx.execute(statement)).first()
        if row is not None and row.body is not None:
            return bytes(row.body)
        path = self._path(tenant, digest)
        if row is None or not path.exists():
            raise Corrupt(
                "storage.content_missing",
                f"the original {digest.hex()[:16]}… is not in the store; send the document again",
            )
        return path

    async def unused(self, tx: Transaction, before: datetime, *, after: bytes, limit: int) -> tuple[list[bytes], bytes | None]:
        """A step of a walk over all originals, in the order of their digests: those of the `limit` behind `after` that were not
        used since `before` and which nothing refers to; and where the next step begins, None at the end."""
        behind = (contents.c.tenant == tx.tenant, contents.c.sha256 > after)
        page = select(contents.c.sha256).where(*behind).order_by(contents.c.sha256).limit(limit)
        seen = list((await tx.execute(page)).scalars())
        if not seen:
            return [], None
        here = _unused(before).where(*behind, contents.c.sha256 <= seen[-1])
        return list((await tx.execute(here)).scalars()), seen[-1] if len(seen) == limit else None

    async def collect(self, tx: Transaction, before: datetime, digests: Sequence[bytes]) -> list[Path]:
        """Removes the rows of those of these originals that are unused still; their files, for `discard` once that has
        committed."""
        some = (contents.c.tenant == tx.tenant, contents.c.sha256.in_(digests))
        gone = list((await tx.execute(_unused(before).where(*some))).scalars())
        await tx.execute(delete(contents).where(contents.c.tenant == tx.tenant, contents.c.sha256.in_(gone)))
        return [self._path(tx.tenant, digest) for digest in gone]

    async def discard(self, files: Sequence[Path], before: datetime) -> None:
        """Deletes files that were not sent again since `before`: a later upload of the same content keeps its file."""
        await asyncio.to_thread(_unlink, files, before.timestamp())

    def _path(self, tenant: TenantId, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / tenant / name[:2] / name

    def _write(self, path: Path, blocks: Iterable[bytes]) -> None:
        """Under a temporary name, synced, then renamed; the folder is synced too, since the rename lives there."""
        try:
            if path.exists():
                os.utime(path)  # `discard` leaves alone what was used lately
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, spare = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.writelines(blocks)
                    file.flush()
                    os.fsync(file.fileno())
                Path(spare).rename(path)
            finally:
                Path(spare).unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as failed:
            raise disk_fault(failed) from failed


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def disk_fault(failed: OSError) -> Unavailable:
    """What a full, failing or read-only disk means to a caller."""
    if failed.errno in {errno.ENOSPC, errno.EDQUOT, errno.EIO}:
        return disk_full()
    return Unavailable("storage.read_only", f"the data folder cannot be written ({failed.strerror}); check its permissions")


def _unlink(files: Sequence[Path], before_s: float) -> None:
    for path in files:
        if path.exists() and path.stat().st_mtime < before_s:
            path.unlink()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(MIB):
            yield block


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unused(before: datetime) -> Select[tuple[bytes]]:
    live = (
        select(versions.c.id)
        .join(documents, documents.c.live_version_id == versions.c.id)
        .where(versions.c.tenant == contents.c.tenant, versions.c.content_sha256 == contents.c.sha256)
    )
    awaited = select(items.c.id).where(
        items.c.tenant == contents.c.tenant,
        items.c.content_sha256 == contents.c.sha256,
        items.c.state.in_(["held", "queued", "running", "failed"]),
    )
    return select(contents.c.sha256).where(contents.c.used_at < before, ~live.exists(), ~awaited.exists())
