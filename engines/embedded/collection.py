"""One open collection: its rows, its two arms, and who may touch them when.

`_changing` lets one batch or swap through at a time; the write lock is held only while memory changes, so that a search waits
for milliseconds, not for analysis, commits or training; and a flush holds up changes only while it takes the state. Both arms
of a search lie under one read lock: a row is never half changed.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from core.caller import Visibility
from core.errors import Conflict, Invalid
from engines.embedded.dense import DenseIndex
from engines.embedded.faiss_border import Slots, bitmap_of, slots_of
from engines.embedded.faults import backend
from engines.embedded.filters import FilterIndex, Postings, postings
from engines.embedded.ivf import IvfVectors, build
from engines.embedded.keyword import KeywordIndex, KeywordView, Restriction
from engines.embedded.locks import ReadWriteLock
from engines.embedded.ranking import Scored, settle
from engines.embedded.rows import Change, RowTable
from engines.embedded.snapshot import (
    TEXT_FOLDER,
    Manifest,
    RowsOnDisk,
    begun,
    digest_segments,
    finish_file,
    size_of,
    write_manifest,
    write_rows,
)
from engines.embedded.tuning import Tuning
from engines.port import Arms, Collection, CollectionStats, Held, Hit, Query, Row, Vector, Watermark

_NORM_ERROR_MAX = 0.01
_ROW_BYTES = 250  # key, slot, and the row's place in each of about ten postings
_TOKEN_BYTES = 180  # its text and its posting


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A state on its way to disk: `manifest` with the digests of the snapshot before; `rows` where they changed since."""

    manifest: Manifest
    rows: RowsOnDisk | None
    segments: frozenset[str]


class OpenCollection:
    """Thread-safe. Made by recovery.py, closed by the shelf."""

    def __init__(
        self,
        collection: Collection,
        folder: Path,
        *,
        tuning: Tuning,
        rows: RowTable,
        dense: DenseIndex,
        filters: FilterIndex,
        keyword: KeywordIndex,
        manifest: Manifest | None,
    ) -> None:
        self._collection = collection
        self._folder = folder
        self._tuning = tuning
        self._rows = rows
        self._dense = dense
        self._filters = filters
        self._keyword = keyword
        self._view: KeywordView = keyword.view()
        self._manifest = manifest
        self._applied = manifest.watermark if manifest else None
        self._trained_rows = manifest.trained_rows if manifest else 0
        self._unsaved = False
        self._closed = False
        self._touched: BitMap | None = None  # slots changed since a training began, while one runs
        self._flushing = threading.Lock()  # taken before `_changing`
        self._changing = threading.Lock()
        self._lock = ReadWriteLock()

    # --- searching

    def search(self, visibility: Visibility, query: Query) -> Arms:
        if query.vector is not None:
            _check_vectors([query.vector], self._collection.dimension)
        with self._lock.reading(), backend("searching"):
            admitted = self._filters.admitted(visibility, query.condition, self._rows.live)
            return Arms(
                dense=None if query.vector is None else self._search_dense(query.vector, query.limit, admitted),
                keyword=None if query.text is None else self._search_keyword(visibility, query, admitted),
            )

    def _search_dense(self, vector: Vector, limit: int, admitted: BitMap | None) -> tuple[Hit, ...]:
        question = np.ascontiguousarray(vector, dtype=np.float32)

        def fetch(wanted: int) -> Scored:
            scores, slots = self._dense.search(question, wanted, admitted=admitted, live=self._rows.live)
            return list(zip(scores.tolist(), self._rows.keys_at(slots).tolist(), strict=True))

        return () if admitted is not None and not admitted else _hits(settle(fetch, limit))

    def _search_keyword(self, visibility: Visibility, query: Query, admitted: BitMap | None) -> tuple[Hit, ...]:
        assert query.text is not None
        if not self._rows or (admitted is not None and not admitted):
            return ()
        clause = partial(self._keyword.clauses.restricting, visibility, query.condition, self._filters.tokens.starting)
        restriction = None
        if admitted is not None:
            share = len(admitted) / len(self._rows)
            restriction = Restriction(admitted, share, self._rows.slot_of, clause)
        return _hits(self._view.search(query.text, limit=query.limit, restriction=restriction))

    def held(self, keys: Sequence[int]) -> Held:
        with self._lock.reading(), backend("looking for rows"):
            return Held(
                dense=frozenset(key for key in keys if key in self._rows.slot_of), keyword=frozenset(self._view.holding(keys))
            )

    # --- changing

    def apply(self, upserts: Sequence[Row], deletes: Sequence[int], watermark: Watermark) -> None:
        _check_vectors([row.vector for row in upserts], self._collection.dimension)
        with self._changing, backend("applying changes"):
            self._check_open()
            if upserts or deletes:
                self._change(self._rows.plan(upserts, deletes, self._collection.dimension), deletes)
            self._applied = watermark

    def _change(self, change: Change, deletes: Sequence[int]) -> None:
        # Every key that comes, not only those known here: after a crash Tantivy may hold rows that the snapshot lacks.
        view = self._keyword.stage(change.rows, dict.fromkeys([*deletes, *(row.key for row in change.rows)]))
        lists = self._dense.assign(change.vectors)
        removed: list[int] = change.removed.tolist()
        lost = postings((slot, self._rows.tokens[slot]) for slot in removed)
        gained = postings(zip(change.added.tolist(), change.tokens, strict=True))
        numbers = {field: _entries(field, change) for field in self._filters.numbers}
        with self._lock.writing():
            self._dense.remove(change.removed)
            self._dense.put(change.added, change.vectors, lists)
            self._change_filters(change, lost, gained, numbers)
            self._rows.change(change)
            self._view = view
            self._unsaved = True
            if self._touched is not None:
                self._touched |= bitmap_of(change.removed) | bitmap_of(change.added)

    def _change_filters(
        self, change: Change, lost: Postings, gained: Postings, numbers: dict[str, tuple[Slots, NDArray[np.float64]]]
    ) -> None:
        self._filters.tokens.remove(lost)
        self._filters.tokens.add(gained)
        for field, (slots, values) in numbers.items():
            self._filters.numbers[field].remove(change.removed)
            self._filters.numbers[field].add(slots, values)

    # --- training

    @property
    def wants_training(self) -> bool:
        rows = len(self._rows)
        if self._touched is not None or self._closed or rows < self._tuning.ivf_rows_min:
            return False
        return self._dense.structure == "flat" or rows >= self._tuning.ivf_growth_max * self._trained_rows

    def train(self, stopping: Callable[[], bool]) -> None:
        """Builds lists beside what serves, brings them up to date, and swaps them in. For a background thread."""
        with self._changing:
            if not self.wants_training:
                return
            slots = slots_of(self._rows.live)
            self._touched = BitMap()
        try:
            with backend("training"):
                built = build(slots, self._vectors_at, self._tuning, stopping=stopping)
                with self._changing:
                    if built is not None and not self._closed:
                        self._swap(built, bitmap_of(slots))
        finally:
            with self._changing:
                self._touched = None

    def _swap(self, built: IvfVectors, known: BitMap) -> None:
        assert self._touched is not None
        built.remove(slots_of(self._touched & known))
        current = slots_of(self._touched & self._rows.live)
        vectors = self._dense.vectors_at(current)
        built.put(current, vectors, built.assign(vectors))
        with self._lock.writing():
            self._dense = built
            self._trained_rows = len(self._rows)
            self._unsaved = True

    def _vectors_at(self, slots: Slots) -> Vector:
        """Zeros where a row was deleted meanwhile: such a slot is touched, and put right before the swap."""
        with self._lock.reading():
            live = self._rows.keys_at(slots) > 0
            vectors = np.zeros((len(slots), self._collection.dimension), dtype=np.float32)
            vectors[live] = self._dense.vectors_at(slots[live])
            return vectors

    # --- keeping

    @property
    def durable(self) -> Watermark | None:
        return self._manifest.watermark if self._manifest else None

    @property
    def memory_bytes(self) -> int:
        known = len(self._rows) * _ROW_BYTES + len(self._filters.tokens) * _TOKEN_BYTES
        return known + self._dense.memory_bytes + self._keyword.writer_bytes

    def stats(self) -> CollectionStats:
        with self._lock.reading():
            return CollectionStats(
                rows=len(self._rows),
                structure=self._dense.structure,
                memory_bytes=self.memory_bytes,
                disk_bytes=size_of(self._folder),
                durable=self.durable,
            )

    def flush(self) -> None:
        """Searches go on meanwhile, and so do changes, but for the moment in which the vectors are written."""
        with self._flushing, backend("writing a snapshot"):
            with self._changing:
                self._check_open()
                state = self._take()
            self._keep(state)

    def rest(self, idle_s: float) -> bool:
        """Closes an idle writer; whether one is left open. Skipped while changes run: it is not idle then."""
        if not self._changing.acquire(blocking=False):
            return True
        try:
            with backend("merging"):
                self._keyword.rest(idle_s=idle_s)
            return self._keyword.writer_bytes > 0
        finally:
            self._changing.release()

    def close(self) -> None:
        with self._flushing, self._changing, backend("closing"):
            self._keyword.rest()
            self._keep(self._take())
            self._closed = True

    def discard(self, remove: Callable[[], None]) -> None:
        """Closes without a flush and removes what is on disk; searches that run end on what they hold."""
        with self._flushing, self._changing, backend("dropping a collection"):
            self._closed = True
            self._keyword.rest()
            remove()

    def _take(self) -> _Taken | None:
        """The state as it is now, for `_keep`; None where it is on disk already. No change may run meanwhile."""
        before = self._manifest
        if self._applied is None or (self._applied == self.durable and not self._unsaved):
            return None
        committed = self._keyword.committed
        number = before.number if before else 0
        rows: RowsOnDisk | None = None
        if self._unsaved or before is None:
            number += 1
            self._dense.write(begun(self._folder / f"vectors-{number}.faiss"))
            numbers = {field: (slots.copy(), values.copy()) for field, (slots, values) in self._columns()}
            rows = RowsOnDisk(keys=self._rows.keys.copy(), tokens=list(self._rows.tokens), numbers=numbers)
        described = Manifest(
            number=number,
            watermark=self._applied,
            structure=self._dense.structure,
            probes=self._dense.probes.by_share if isinstance(self._dense, IvfVectors) else (),
            trained_rows=self._trained_rows,
            rows=len(self._rows),
            stamp=committed.stamp,
            digests=before.digests if before else {},
            text_digests=before.text_digests if before else {},
        )
        self._unsaved = False
        return _Taken(manifest=described, rows=rows, segments=committed.segments)

    def _keep(self, state: _Taken | None) -> None:
        """Makes it the snapshot. Where that fails, the next flush takes all of it again."""
        if state is None:
            return
        try:
            manifest = self._written(state)
            write_manifest(self._folder, self._collection, manifest)
        except BaseException:
            self._unsaved = True
            raise
        self._manifest = manifest

    def _written(self, state: _Taken) -> Manifest:
        manifest, digests = state.manifest, state.manifest.digests
        if state.rows is not None:
            rows_file, vectors_file = self._folder / manifest.rows_file, self._folder / manifest.vectors_file
            write_rows(begun(rows_file), state.rows)
            digests = {path.name: finish_file(path) for path in (rows_file, vectors_file)}
        texts = digest_segments(self._folder / TEXT_FOLDER, state.segments, manifest.text_digests)
        return replace(manifest, digests=digests, text_digests=texts)

    def _columns(self) -> Iterable[tuple[str, tuple[Slots, NDArray[np.float64]]]]:
        return ((field, column.entries()) for field, column in self._filters.numbers.items())

    def _check_open(self) -> None:
        if self._closed:
            raise Conflict("engine.dropped", f"collection {self._collection.path} was dropped while this waited; try again")


def _check_vectors(vectors: Sequence[Vector], dimension: int) -> None:
    for vector in vectors:
        if vector.shape != (dimension,):
            raise Invalid("engine.wrong_dimension", f"a vector of shape {vector.shape}; the collection's is ({dimension},)")
        norm = float(np.linalg.norm(vector))
        if not abs(norm - 1) <= _NORM_ERROR_MAX:  # also when it is not finite
            raise Invalid("engine.not_normalised", f"a vector has the norm {norm}; it must be 1 ± {_NORM_ERROR_MAX}")


def _entries(field: str, change: Change) -> tuple[Slots, NDArray[np.float64]]:
    pairs = [
        (slot, number)
        for slot, row in zip(change.added.tolist(), change.rows, strict=True)
        for number in row.numbers.get(field, ())
    ]
    slots = np.array([slot for slot, _ in pairs], dtype=np.int64)
    return slots, np.array([number for _, number in pairs], dtype=np.float64)


def _hits(scored: Scored) -> tuple[Hit, ...]:
    return tuple(Hit(key, score) for score, key in scored)
