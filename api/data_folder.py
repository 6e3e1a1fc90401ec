"""The data folder as one process's own: made, proved writable, locked, and the operator key in it. What else lies there is the
business of those who put it there."""

import json
import os
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from api.credentials import credential
from core.errors import Conflict, Fault, Invalid, Unavailable

_LOCK = "service.lock"
_HOLDER = "service.json"
_OPERATOR = "operator.key"
_SPOOL = "spool"
_IDENTITY = "folder.id"
_NO_SPACE = frozenset({28, 122})  # ENOSPC, EDQUOT
_READ_ONLY = frozenset({1, 13, 30})  # EPERM, EACCES, EROFS


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorKey:
    """The operator key. `made` when this start made it, so that it is shown, once."""

    text: str
    made: bool


class DataFolder:
    """A data folder held by this process. Made by `held`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.path / 'mnemic.db'}"

    @property
    def engine(self) -> Path:
        return self.path / "engine"

    @property
    def models(self) -> Path:
        return self.path / "models"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    def identity(self) -> str:
        """A name for what lives in this folder, the same at every start: whose leases, whose index."""
        path = self.path / _IDENTITY
        with _translated(self.path):
            if not path.exists():
                path.write_text(f"folder_{secrets.token_hex(8)}\n", encoding="utf-8")
            return path.read_text(encoding="utf-8").strip()

    def introduce(self, address: str) -> None:
        """Leaves word for whoever else comes here."""
        about = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "address": address,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with _translated(self.path):
            (self.path / _HOLDER).write_text(json.dumps(about), encoding="utf-8")

    def spool(self) -> Path:
        """Where uploads wait, emptied: what a dead process left there belongs to nobody."""
        folder = self.path / _SPOOL
        folder.mkdir(exist_ok=True)
        for left in sorted(folder.rglob("*"), reverse=True):
            left.rmdir() if left.is_dir() else left.unlink()
        return folder

    def operator_key(self, given: str | None) -> OperatorKey:
        """The given one, else the kept one, else a new one, kept with mode 0600."""
        if given is not None:
            return OperatorKey(text=given, made=False)
        kept = read_operator_key(self.path)
        if kept is not None:
            return OperatorKey(text=kept, made=False)
        text = credential("operator", secrets.token_hex(32))
        with _translated(self.path):
            _write_private(self.path / _OPERATOR, text + "\n")
        return OperatorKey(text=text, made=True)


def read_operator_key(folder: Path) -> str | None:
    """The key kept in a data folder, None when there is none or it cannot be read."""
    try:
        return (folder / _OPERATOR).read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def holder_of(folder: Path) -> str | None:
    """Who holds the folder now, in words; None when nobody does or it cannot be asked."""
    if not os.access(folder / _LOCK, os.W_OK):
        return None
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return _described(folder)
    lock.release()
    return None


@contextmanager
def held(path: Path) -> Generator[DataFolder]:
    """The folder, made if it is not there, for this process alone. Faults name the folder, the holder and the way out."""
    folder = path.expanduser().absolute()
    with _translated(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _prove_writable(folder)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise _taken(folder) from None
    try:
        yield DataFolder(folder)
    finally:
        lock.release()


def _prove_writable(folder: Path) -> None:
    # A file of one page: a full disk still makes empty ones.
    probe = folder / f".probe-{os.getpid()}"
    try:
        with probe.open("wb") as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    finally:
        probe.unlink(missing_ok=True)


def _taken(folder: Path) -> Conflict:
    return Conflict(
        "service.data_folder_in_use",
        f"the data folder {folder} is in use by {_described(folder)}. "
        "Stop that service, or start this one with another --data.",
    )


def _described(folder: Path) -> str:
    try:
        about = json.loads((folder / _HOLDER).read_text(encoding="utf-8"))
        return f"process {about['pid']} on {about['host']}, serving {about['address']} since {about['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextmanager
def _translated(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as broken:
        raise _fault(folder, broken) from broken


def _fault(folder: Path, broken: OSError) -> Fault:
    if broken.errno in _NO_SPACE:
        return Unavailable("service.disk_full", f"the disk of {folder} is full; free some space and start again.")
    if broken.errno in _READ_ONLY:
        return Unavailable(
            "service.data_folder_read_only",
            f"the data folder {folder} cannot be written by this user; change its permissions, or choose another with --data.",
        )
    return Invalid("service.data_folder_unusable", f"the data folder {folder} cannot be used: {broken.strerror}.")


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
