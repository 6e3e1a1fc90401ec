"""Two locks: many readers or one writer on a collection, and one process on a data folder."""

import json
import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import Conflict, Unavailable


class ReadWriteLock:
    """FAISS crashes when it is searched while it is changed. A waiting writer holds back new readers; not reentrant."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._readers = 0
        self._writing = False
        self._writers_waiting = 0

    @property
    def contended(self) -> bool:
        """Whether a writer waits."""
        return self._writers_waiting > 0

    @contextmanager
    def reading(self) -> Generator[None]:
        with self._turn:
            self._turn.wait_for(lambda: not self._writing and not self._writers_waiting)
            self._readers += 1
        try:
            yield
        finally:
            with self._turn:
                self._readers -= 1
                self._turn.notify_all()

    @contextmanager
    def writing(self) -> Generator[None]:
        with self._turn:
            self._writers_waiting += 1
            self._turn.wait_for(lambda: not self._writing and not self._readers)
            self._writers_waiting -= 1
            self._writing = True
        try:
            yield
        finally:
            with self._turn:
                self._writing = False
                self._turn.notify_all()


class FolderLock:
    """Held for the life of the process that searches a folder. The system lets go of it when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock at once, or raises Conflict naming who has it."""
        self._holder = folder / "holder.json"
        # Another thread of this process may be the one to let go.
        self._lock = FileLock(folder / ".lock", timeout=0, thread_local=False)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._holder.write_text(json.dumps(_self_description()))
        except Timeout:
            raise Conflict(
                "engine.locked", f"{folder} is in use by {self._described()}; stop it, or use another folder"
            ) from None
        except OSError as error:
            self._lock.release()
            raise Unavailable("engine.folder_unusable", f"{folder} cannot be written: {error}") from error

    def release(self) -> None:
        self._holder.unlink(missing_ok=True)
        self._lock.release()

    def _described(self) -> str:
        try:
            return str(json.loads(self._holder.read_text())["who"])
        except (OSError, ValueError, KeyError):
            return "another process"


def _self_description() -> dict[str, str]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"who": f"process {os.getpid()} on {socket.gethostname()}, there since {started}"}
