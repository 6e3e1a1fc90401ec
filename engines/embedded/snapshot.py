"""A collection on disk: what survives a crash, and how it is known to be whole.

    <collection>/
      manifest.json          what is here, as of which watermark; replaced by a rename, so it is the old one or the new one
      rows-<n>.npz           keys by slot, tokens and numbers in compressed sparse rows
      vectors-<n>.faiss      the dense index
      text/                  Tantivy's own files: as of the manifest or later, never earlier

Files are written under a temporary name, synced, renamed. A manifest names them with their digests; anything that does not
agree is no snapshot at all, and the collection is made again from the store.
"""

import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from sys import intern
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.errors import Corrupt
from engines.analysis import ANALYSIS_VERSION
from engines.embedded.faiss_border import Slots
from engines.port import Collection, Watermark

FORMAT = 1
MANIFEST = "manifest.json"
TEXT_FOLDER = "text"
_SEGMENT_FILE = re.compile(r"[0-9a-f]{32}\..+")
_SLICE = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsOnDisk:
    """Keys by slot, 0 where free; the tokens of each slot; (slot, value) of each number of each field."""

    keys: Slots
    tokens: Sequence[tuple[str, ...]]
    numbers: Mapping[str, tuple[Slots, NDArray[np.float64]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`number` grows with each snapshot. `probes` is empty for a flat index. `stamp` is Tantivy's last commit then.

    `digests` are of the files beside the manifest, which must be there; `text_digests` of Tantivy's segments, which never
    change, but which a merge may have replaced, then or since."""

    number: int
    watermark: Watermark
    structure: str
    probes: tuple[tuple[float, int], ...]
    trained_rows: int
    rows: int
    stamp: int
    digests: Mapping[str, str]
    text_digests: Mapping[str, str]

    @property
    def rows_file(self) -> str:
        return f"rows-{self.number}.npz"

    @property
    def vectors_file(self) -> str:
        return f"vectors-{self.number}.faiss"


def begun(path: Path) -> Path:
    """Where a file lies until it is whole."""
    return path.with_name(f"{path.name}.tmp")


def finish_file(path: Path) -> str:
    """What was begun is synced and takes its name; its digest."""
    temporary = begun(path)
    digest = _digest_of_file(temporary)
    _sync(temporary)
    temporary.rename(path)
    return digest


def digest_segments(folder: Path, segments: AbstractSet[str], known: Mapping[str, str]) -> dict[str, str]:
    """Of the files of Tantivy's `segments`: it writes checksums into them, and never looks at them again. They never change, so
    what is `known` is not read again; what a merge takes away meanwhile is left out."""
    digests: dict[str, str] = {}
    for path in folder.iterdir():
        if _SEGMENT_FILE.fullmatch(path.name) and segment_of(path.name) in segments:
            with contextlib.suppress(FileNotFoundError):
                digests[path.name] = known.get(path.name) or _digest_of_file(path)
    return digests


def segment_of(name: str) -> str:
    """The segment that a file belongs to."""
    return name.partition(".")[0]


def write_manifest(folder: Path, collection: Collection, manifest: Manifest) -> None:
    """From here on this is the snapshot; files of earlier ones go."""
    body = {"format": FORMAT, "analysis": ANALYSIS_VERSION, "of": _description(collection), **asdict(manifest)}
    raw = json.dumps({"body": body, "digest": _digest_of_body(body)}, indent=1).encode()
    begun(folder / MANIFEST).write_bytes(raw)
    finish_file(folder / MANIFEST)
    _sync(folder)
    if manifest.number == 1:  # the folders above may be as new as this one
        for above in folder.parents[: collection.path.count("/") + 1]:
            _sync(above)
    kept = {MANIFEST, TEXT_FOLDER, *manifest.digests}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def read_manifest(folder: Path, collection: Collection) -> Manifest:
    """Raises Corrupt when it is missing, damaged, of another format, or its files are not what it says."""
    try:
        raw = json.loads((folder / MANIFEST).read_bytes())
        body: dict[str, Any] = raw["body"]
        whole = raw["digest"] == _digest_of_body(body)
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        raise _corrupt(folder, f"its manifest cannot be read: {error}") from error
    if not whole:
        raise _corrupt(folder, "its manifest is damaged")
    made_for = (body.pop("format"), body.pop("analysis"), body.pop("of"))
    if made_for != (FORMAT, ANALYSIS_VERSION, _description(collection)):
        raise _corrupt(folder, "it was made by another version, or for another profile")
    body["watermark"] = Watermark(**body["watermark"])
    body["probes"] = tuple((share, probes) for share, probes in body["probes"])
    manifest = Manifest(**body)
    for name, digest in manifest.digests.items():
        if not (folder / name).is_file() or _digest_of_file(folder / name) != digest:
            raise _corrupt(folder, f"{name} is missing or damaged")
    for name, digest in manifest.text_digests.items():
        path = folder / TEXT_FOLDER / name
        if path.is_file() and _digest_of_file(path) != digest:
            raise _corrupt(folder, f"{name} is damaged")
    return manifest


def write_rows(path: Path, rows: RowsOnDisk) -> None:
    names: dict[str, int] = {}
    places: list[NDArray[np.int32]] = []
    # In slices: a loop inside the interpreter's own code lets no other thread run until it ends.
    for start in range(0, len(rows.tokens), _SLICE):
        part = rows.tokens[start : start + _SLICE]
        for token in dict.fromkeys(chain.from_iterable(part)):
            names.setdefault(token, len(names))
        places.append(np.fromiter(map(names.__getitem__, chain.from_iterable(part)), dtype=np.int32))
    arrays: dict[str, NDArray[Any]] = {
        "keys": rows.keys,
        "token_counts": np.fromiter((len(tokens) for tokens in rows.tokens), dtype=np.int32),
        "token_places": np.concatenate(places) if places else np.empty(0, dtype=np.int32),
        "token_names": _bytes_array(json.dumps(list(names)).encode()),
        "fields": _bytes_array(json.dumps(list(rows.numbers)).encode()),
    }
    for place, (slots, values) in enumerate(rows.numbers.values()):
        arrays |= {f"number_slots_{place}": slots, f"number_values_{place}": values}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_rows(path: Path) -> RowsOnDisk:
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        names = np.array([intern(name) for name in json.loads(arrays["token_names"].tobytes())], dtype=object)
        fields: list[str] = json.loads(arrays["fields"].tobytes())
        tokens = iter(cast("list[str]", names[arrays["token_places"]].tolist()) if len(names) else [])
        counts: list[int] = arrays["token_counts"].tolist()
        return RowsOnDisk(
            keys=arrays["keys"],
            tokens=[tuple(next(tokens) for _ in range(count)) for count in counts],
            numbers={
                field: (arrays[f"number_slots_{place}"], arrays[f"number_values_{place}"]) for place, field in enumerate(fields)
            },
        )


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_body(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _description(collection: Collection) -> dict[str, Any]:
    return {
        "path": collection.path,
        "dimension": collection.dimension,
        "language": collection.language,
        "ranged": [[field, kind] for field, kind in sorted(collection.ranged.items())],
    }


def _bytes_array(raw: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(raw, dtype=np.uint8)


def _corrupt(folder: Path, why: str) -> Corrupt:
    return Corrupt("engine.unreadable_snapshot", f"the snapshot in {folder} cannot be used: {why}")
