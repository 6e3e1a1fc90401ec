"""Many readers or one writer."""

import contextlib
import threading
from collections.abc import Callable

from engines.embedded.locks import ReadWriteLock


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_readers_share_and_a_writer_is_alone() -> None:
    lock = ReadWriteLock()
    both_in = threading.Barrier(2, timeout=5)
    events: list[str] = []

    def read() -> None:
        with lock.reading():
            both_in.wait()

    def write() -> None:
        with lock.writing():
            events.append("in")
            events.append("out")

    readers = [in_thread(read), in_thread(read)]
    for reader in readers:
        reader.join()
    for writer in [in_thread(write) for _ in range(10)]:
        writer.join()
    assert events == ["in", "out"] * 10


def test_a_waiting_writer_comes_before_new_readers() -> None:
    lock = ReadWriteLock()
    reading, release = threading.Event(), threading.Event()
    order: list[str] = []

    def first_reader() -> None:
        with lock.reading():
            reading.set()
            release.wait(5)

    def writer() -> None:
        with lock.writing():
            order.append("writer")

    def late_reader() -> None:
        with lock.reading():
            order.append("reader")

    threads = [in_thread(first_reader)]
    reading.wait(5)
    threads.append(in_thread(writer))
    while not lock.contended:
        pass
    threads.append(in_thread(late_reader))
    assert order == []
    release.set()
    for thread in threads:
        thread.join()
    assert order == ["writer", "reader"]


def test_a_failure_inside_lets_the_lock_go() -> None:
    lock = ReadWriteLock()
    for take in (lock.reading, lock.writing):
        with contextlib.suppress(KeyError), take():
            raise KeyError
    with lock.writing():
        pass
