"""How a collection comes to be: made empty, or read from its snapshot. What cannot be read is removed, to be made again."""

import shutil
from pathlib import Path

from core.errors import Corrupt
from core.telemetry import log
from engines.embedded.collection import OpenCollection
from engines.embedded.dense import DenseIndex, FlatVectors
from engines.embedded.filters import FilterIndex, NumberColumn, TokenSets
from engines.embedded.ivf import IvfVectors, Probes
from engines.embedded.keyword import Committed, KeywordIndex
from engines.embedded.rows import RowTable
from engines.embedded.snapshot import TEXT_FOLDER, Manifest, read_manifest, read_rows, segment_of
from engines.embedded.tuning import Tuning
from engines.port import Collection


def make(collection: Collection, folder: Path, tuning: Tuning) -> OpenCollection:
    """An empty one. Its folder holds no snapshot until the first flush."""
    folder.mkdir(parents=True, exist_ok=True)
    keyword = KeywordIndex(folder / TEXT_FOLDER, language=collection.language, ranged=collection.ranged, tuning=tuning)
    return OpenCollection(
        collection,
        folder,
        tuning=tuning,
        rows=RowTable(),
        dense=FlatVectors(collection.dimension),
        filters=FilterIndex(tokens=TokenSets(), numbers={field: NumberColumn() for field in collection.ranged}),
        keyword=keyword,
        manifest=None,
    )


def recover(collection: Collection, folder: Path, tuning: Tuning) -> OpenCollection | None:
    """As of its snapshot; None when there is none, or one that cannot be read, which is then removed."""
    if not folder.exists():
        return None
    try:
        return _read(collection, folder, tuning)
    except Corrupt as fault:
        # Derived data: the store has everything, and half a collection is worse than none.
        log.warning("engine.rebuild", collection=collection.path, reason=fault.message)
        shutil.rmtree(folder)
        return None


def _read(collection: Collection, folder: Path, tuning: Tuning) -> OpenCollection:
    manifest = read_manifest(folder, collection)
    kept = read_rows(folder / manifest.rows_file)
    numbers = {field: NumberColumn(*kept.numbers[field]) for field in collection.ranged}
    return OpenCollection(
        collection,
        folder,
        tuning=tuning,
        rows=RowTable(keys=kept.keys, tokens=kept.tokens),
        dense=_dense(collection, folder / manifest.vectors_file, manifest, tuning),
        filters=FilterIndex(tokens=TokenSets(kept.tokens), numbers=numbers),
        keyword=_keyword(collection, folder / TEXT_FOLDER, manifest, tuning),
        manifest=manifest,
    )


def _dense(collection: Collection, path: Path, manifest: Manifest, tuning: Tuning) -> DenseIndex:
    if manifest.structure == "flat":
        return FlatVectors.read(path, collection.dimension)
    return IvfVectors.read(path, Probes(manifest.probes), tuning)


def _keyword(collection: Collection, folder: Path, manifest: Manifest, tuning: Tuning) -> KeywordIndex:
    """Tantivy's commits are durable by themselves, so it may be ahead of the snapshot; behind it, it is damaged."""
    try:
        keyword = KeywordIndex(folder, language=collection.language, ranged=collection.ranged, tuning=tuning)
        committed, rows = keyword.committed, keyword.view().rows
    except ValueError as error:
        raise Corrupt("engine.unreadable_snapshot", f"the keyword index in {folder} cannot be read: {error}") from error
    if committed.stamp < manifest.stamp or (committed.stamp == manifest.stamp and not _same(folder, committed, manifest, rows)):
        raise Corrupt("engine.unreadable_snapshot", f"the keyword index in {folder} is not the one of the snapshot beside it")
    return keyword


def _same(folder: Path, committed: Committed, manifest: Manifest, rows: int) -> bool:
    """Whether a commit is the manifest's, merged or not since."""
    files = (name for name in manifest.text_digests if segment_of(name) in committed.segments)
    return rows == manifest.rows and all((folder / name).is_file() for name in files)
