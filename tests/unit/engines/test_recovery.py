"""What is on disk: whole, or not used at all. Every file damaged in every way, and a crash at every step of a flush."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import Unavailable
from engines.embedded import Tuning
from engines.embedded.collection import OpenCollection
from engines.embedded.recovery import make, recover
from engines.port import Collection, Query
from tests.support.engines import FLAT, SMALL, collection, everyone, keys, row, toward, watermark

HERE = collection()


def filled(folder: Path, tuning: Tuning = FLAT, *, rows: int = 30) -> OpenCollection:
    opened = make(HERE, folder, tuning)
    opened.apply([row(key, f"wing n{key}", {"year": 2000 + key}) for key in range(1, rows + 1)], (), watermark(1))
    opened.flush()
    return opened


def found(opened: OpenCollection) -> list[int]:
    return keys(opened.search(everyone(), Query(collection=HERE, vector=None, text="wing")).keyword)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def flip_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


def kinds_of_files(folder: Path) -> Iterator[str]:
    yield from ("manifest.json", "rows-*.npz", "vectors-*.faiss", "text/meta.json")
    yield from (
        f"text/*{suffix}" for suffix in sorted({path.suffix for path in folder.glob("text/*.*") if len(path.stem) == 32})
    )


@pytest.mark.parametrize("damage", [cut_short, flip_a_bit, Path.unlink], ids=["cut", "flipped", "gone"])
def test_whatever_is_damaged_the_collection_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    whole = tmp_path / "whole"
    filled(whole).close()
    for number, pattern in enumerate(kinds_of_files(whole)):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        (victim,) = folder.glob(pattern)
        if pattern == "text/meta.json" and damage is flip_a_bit:
            continue  # may flip what means nothing; its whole is checked by the next test
        damage(victim)
        assert recover(HERE, folder, FLAT) is None, pattern
        assert not folder.exists(), pattern


def test_a_keyword_index_older_than_its_snapshot_is_not_used(tmp_path: Path) -> None:
    opened = filled(tmp_path / "now")
    shutil.copytree(tmp_path / "now" / "text", tmp_path / "older")
    opened.apply([row(99, "wing")], (), watermark(2))
    opened.close()
    shutil.rmtree(tmp_path / "now" / "text")
    (tmp_path / "older").rename(tmp_path / "now" / "text")
    assert recover(HERE, tmp_path / "now", FLAT) is None


def test_a_collection_that_was_never_flushed_is_made_again(tmp_path: Path) -> None:
    make(HERE, tmp_path / "here", FLAT).apply([row(1, "wing")], (), watermark(1))
    assert recover(HERE, tmp_path / "here", FLAT) is None
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    "other",
    [collection(language="german"), collection(dimension=8), collection(index_id=2), collection("other")],
    ids=["language", "dimension", "index", "tenant"],
)
def test_a_snapshot_of_another_collection_or_profile_is_not_used(tmp_path: Path, other: Collection) -> None:
    filled(tmp_path / "here").close()
    assert recover(other, tmp_path / "here", FLAT) is None


@pytest.mark.parametrize("field", ["format", "analysis"])
def test_a_snapshot_of_another_version_is_not_used(tmp_path: Path, field: str) -> None:
    filled(tmp_path / "here").close()
    path = tmp_path / "here" / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["body"][field] += 1
    path.write_text(json.dumps(manifest))
    assert recover(HERE, tmp_path / "here", FLAT) is None


def test_a_crash_between_the_files_and_the_manifest_leaves_the_snapshot_before(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    before = (tmp_path / "here" / "manifest.json").read_bytes()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir() if path.is_file()}
    opened.apply([row(77, "wing")], [1], watermark(2))
    opened.close()
    for name, raw in kept.items():
        (tmp_path / "here" / name).write_bytes(raw)
    (tmp_path / "here" / "rows-3.npz.tmp").write_bytes(b"half")
    (tmp_path / "here" / "manifest.json").write_bytes(before)
    again = recover(HERE, tmp_path / "here", FLAT)
    assert again is not None
    assert again.durable == watermark(1)
    again.apply([row(77, "wing")], [1], watermark(2))
    again.flush()
    assert sorted(found(again)) == [*range(2, 31), 77]
    assert not list((tmp_path / "here").glob("*.tmp"))


def test_a_flush_replaces_the_files_of_the_one_before(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    for offset in (2, 3):
        opened.apply([row(1, f"wing {offset}")], (), watermark(offset))
        opened.flush()
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == ["manifest.json", "rows-3.npz", "text", "vectors-3.faiss"]


def test_a_flush_without_changes_writes_nothing(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    written = (tmp_path / "here" / "manifest.json").stat().st_mtime_ns
    opened.flush()
    assert (tmp_path / "here" / "manifest.json").stat().st_mtime_ns == written


def test_segments_that_are_merged_after_a_flush_leave_the_snapshot_whole(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    for offset in range(2, 12):
        opened.apply([row(100 + offset, "wing")], (), watermark(offset))
    opened.flush()
    segments = len(list((tmp_path / "here" / "text").glob("*.term")))
    opened.rest(0.0)
    assert len(list((tmp_path / "here" / "text").glob("*.term"))) <= segments
    again = recover(HERE, tmp_path / "here", FLAT)
    assert again is not None
    assert again.durable == watermark(11)
    assert sorted(found(again)) == [*range(1, 31), *range(102, 112)]


@pytest.mark.timeout(30)
def test_changes_go_on_while_a_snapshot_is_written_and_are_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = filled(tmp_path / "here")
    writing, changed = threading.Event(), threading.Event()
    savez = np.savez

    def save_late(*args: object, **arrays: object) -> None:
        writing.set()
        assert changed.wait(20)
        savez(*args, **arrays)  # type: ignore[arg-type]  # as numpy is called, whatever it is

    # The one call between a state that is taken and a state that is kept; numpy's, since of ours nothing is patched.
    monkeypatch.setattr(np, "savez", save_late)
    opened.apply([row(50, "wing")], (), watermark(2))
    flush = threading.Thread(target=opened.flush)
    flush.start()
    assert writing.wait(20)
    opened.apply([row(1, "flow"), row(60, "wing", {"year": 1960})], [2, 50], watermark(3))
    assert sorted(found(opened)) == [*range(3, 31), 60]
    changed.set()
    flush.join()
    assert opened.durable == watermark(2)
    shutil.copytree(tmp_path / "here", tmp_path / "crashed")
    again = recover(HERE, tmp_path / "crashed", FLAT)
    assert again is not None
    assert again.durable == watermark(2)
    dense = again.search(everyone(), Query(collection=HERE, vector=toward(0), text=None, limit=200)).dense
    assert sorted(keys(dense)) == [*range(1, 31), 50]
    again.apply([row(1, "flow"), row(60, "wing", {"year": 1960})], [2, 50], watermark(3))
    assert sorted(found(again)) == [*range(3, 31), 60]
    opened.flush()
    assert opened.durable == watermark(3)


def test_a_disk_that_fails_is_a_fault_and_what_was_durable_stays(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    opened.apply([row(99, "wing")], (), watermark(2))
    (tmp_path / "here" / "rows-2.npz.tmp").mkdir()  # whoever writes there fails, root too
    with pytest.raises(Unavailable, match="writing a snapshot"):
        opened.flush()
    assert opened.durable == watermark(1)
    assert 99 in found(opened)
    (tmp_path / "here" / "rows-2.npz.tmp").rmdir()
    opened.flush()
    assert opened.durable == watermark(2)


def test_a_keyword_index_that_cannot_be_written_is_a_fault_and_changes_nothing(tmp_path: Path) -> None:
    opened = filled(tmp_path / "here")
    (tmp_path / "here" / "text").rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="applying changes"):
        opened.apply([row(99, "wing")], [1], watermark(2))
    arms = opened.search(everyone(), Query(collection=HERE, vector=toward(0), text="wing", limit=200))
    assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == list(range(1, 31))
    (tmp_path / "away").rename(tmp_path / "here" / "text")
    opened.apply([row(99, "wing")], [1], watermark(2))
    assert sorted(found(opened)) == [*range(2, 31), 99]


@pytest.mark.parametrize("tuning", [FLAT, SMALL], ids=["flat", "lists"])
def test_freed_slots_are_used_again_after_a_restart(tmp_path: Path, tuning: Tuning) -> None:
    opened = filled(tmp_path / "here", tuning, rows=150)
    opened.train(lambda: False)
    opened.apply((), list(range(1, 51)), watermark(2))
    opened.close()
    again = recover(HERE, tmp_path / "here", tuning)
    assert again is not None
    size = again.stats().memory_bytes
    again.apply([row(key, "wing") for key in range(1_001, 1_041)], (), watermark(3))
    arms = again.search(everyone(), Query(collection=HERE, vector=toward(0), text="wing", limit=500))
    assert sorted(keys(arms.dense)) == sorted(keys(arms.keyword)) == [*range(51, 151), *range(1_001, 1_041)]
    assert again.stats().rows == 140
    assert size > 0
