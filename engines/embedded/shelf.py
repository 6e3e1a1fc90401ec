"""The open collections of a folder, opened when first needed, least recently used ones closed when memory is over its bound."""

import shutil
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import Fault, Unavailable
from core.telemetry import log
from engines.embedded.collection import OpenCollection
from engines.embedded.faults import backend
from engines.embedded.recovery import make, recover
from engines.embedded.tuning import Tuning
from engines.port import Collection


@dataclass(slots=True)
class _Place:
    """`pins` count who uses it, under the shelf's lock. `gate` is held while it opens or closes."""

    pins: int = 0
    gate: threading.Lock = field(default_factory=threading.Lock)
    opened: OpenCollection | None = None


class Shelf:
    """Thread-safe and blocking: for executor threads."""

    def __init__(self, folder: Path, *, memory_bytes_max: int, tuning: Tuning) -> None:
        self._folder = folder
        self._memory_bytes_max = memory_bytes_max
        self._tuning = tuning
        self._lock = threading.Lock()
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._closed = False

    @contextmanager
    def lease(self, collection: Collection, *, create: bool) -> Generator[OpenCollection | None]:
        """The collection, which stays open inside. None when there is none and `create` is false."""
        place = self._pin(collection)
        try:
            yield self._opened(place, collection, create=create)
        finally:
            self._unpin(collection, place)
        self._shrink()

    def drop(self, collection: Collection) -> None:
        place = self._pin(collection)
        try:
            with place.gate, backend("dropping a collection"):
                if place.opened:
                    place.opened.discard(lambda: self._remove(collection))
                    place.opened = None
                else:
                    self._remove(collection)
        finally:
            self._unpin(collection, place)

    def rest(self, idle_s: float) -> bool:
        """Closes writers idle for so long; whether any is left open."""
        with self._lock:
            opened = [place.opened for place in self._places.values() if place.opened]
        left = [collection.rest(idle_s) for collection in opened]
        return any(left)

    def close(self) -> None:
        """Flushes and closes everything. Nobody may hold a lease."""
        with self._lock:
            self._closed = True
            places = list(self._places.values())
        failed: list[Fault] = []
        for place in places:
            with place.gate:
                try:
                    if place.opened:
                        place.opened.close()
                except Fault as fault:
                    failed.append(fault)
                place.opened = None
        if failed:
            raise failed[0]

    def _pin(self, collection: Collection) -> _Place:
        with self._lock:
            if self._closed:
                raise Unavailable("engine.closed", "the embedded engine is shutting down")
            place = self._places.setdefault(collection.path, _Place())
            self._places.move_to_end(collection.path)
            place.pins += 1
            return place

    def _unpin(self, collection: Collection, place: _Place) -> None:
        with self._lock:
            place.pins -= 1
            if not place.pins and not place.opened:
                self._places.pop(collection.path, None)

    def _opened(self, place: _Place, collection: Collection, *, create: bool) -> OpenCollection | None:
        with place.gate:
            if not place.opened:
                folder = self._folder / collection.path
                with backend("opening a collection"):
                    place.opened = recover(collection, folder, self._tuning)
                    if not place.opened and create:
                        place.opened = make(collection, folder, self._tuning)
            return place.opened

    def _shrink(self) -> None:
        """Closes what was used longest ago until the rest fits. The one used last stays, whatever its size."""
        with self._lock:
            held = [(path, place, place.opened.memory_bytes) for path, place in self._places.items() if place.opened]
        over = sum(size for _, _, size in held) - self._memory_bytes_max
        for path, place, size in held[:-1]:
            if over <= 0:
                return
            if self._close_unused(path, place):
                over -= size

    def _close_unused(self, path: str, place: _Place) -> bool:
        if not place.gate.acquire(blocking=False):
            return False
        try:
            with self._lock:
                if place.pins:
                    return False
            # Whoever comes now waits at the gate, and opens it again.
            if place.opened:
                place.opened.close()
                place.opened = None
        except Fault as fault:
            # It stays open, over the bound: the search that happened to notice has nothing to do with it.
            log.warning("engine.eviction_failed", collection=path, code=fault.code, reason=fault.message)
            return False
        else:
            with self._lock:
                if not place.pins and self._places.get(path) is place:
                    del self._places[path]
            return True
        finally:
            place.gate.release()

    def _remove(self, collection: Collection) -> None:
        folder = self._folder / collection.path
        if not folder.exists():
            return
        gone = folder.with_name(f"{folder.name}.dropped")
        shutil.rmtree(gone, ignore_errors=True)
        folder.rename(gone)  # at once, so that a crash cannot leave half a collection under its name
        shutil.rmtree(gone)
