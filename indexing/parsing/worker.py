"""The process that reads files: `python -m indexing.parsing.worker PARENT_PID MEMORY_BYTES`. One job at a time from standard
input, one answer each to standard output, until its input ends. It knows no service, store, engine or model."""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import Fault
from indexing.chunking import Chunk, chunk_document
from indexing.parsing import faults, registry
from indexing.parsing.types import ParsedDocument, Source
from indexing.parsing.wire import PREFIX, Job, TokenizerSource, decode_job, encode_answer, encode_fault

if TYPE_CHECKING:  # the port imports numpy, which this process has no use for
    from inference.port import TokenCounter

# Room above the watched limit: mapped libraries and freed arenas count here and are not in use.
_ADDRESS_SPACE_EXTRA_BYTES = 1024 * 1024 * 1024
_NICENESS = 10  # searches are answered first
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, memory_bytes = int(arguments[0]), int(arguments[1])
    requests, answers = _take_streams()
    _settle(parent, memory_bytes)
    tokenizers: dict[TokenizerSource, TokenCounter] = {}
    while prefix := requests.read(PREFIX.size):
        job_size, content_size = PREFIX.unpack(prefix)
        job = decode_job(requests.read(job_size))
        content = requests.read(content_size)
        _send(answers, _answer(job, content, tokenizers, memory_bytes))


def _take_streams() -> tuple[BufferedReader, BufferedWriter]:
    """Keeps the pipes for itself and gives the libraries nothing to read from or to write to."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(answers, "wb")


def _settle(parent: int, memory_bytes: int) -> None:
    """Low priority, bounded memory, no core dumps, and no life without the parent."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Elsewhere the address space is no measure of use; there the pool's watch and the end of input must do.
        _bound(resource.RLIMIT_AS, 2 * memory_bytes + _ADDRESS_SPACE_EXTRA_BYTES)
    _bound(resource.RLIMIT_CORE, 0)
    if os.getppid() != parent:
        sys.exit(0)  # it died before the line above asked to be told


def _bound(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, hard))


def _answer(job: Job, content: bytes, tokenizers: "dict[TokenizerSource, TokenCounter]", memory_bytes: int) -> Iterable[bytes]:
    started_s = time.process_time()
    # The kernel ends the process by SIGXCPU when the job has used its CPU time, whatever library it is in.
    _bound(resource.RLIMIT_CPU, int(started_s + job.cpu_s) + 1)
    try:
        document = _parse(job, content)
        chunks = _chunk(job, document, tokenizers)
        return list(encode_answer(document, chunks, cpu_s=time.process_time() - started_s))
    except Fault as fault:
        return list(encode_fault(fault))
    except MemoryError:
        return list(encode_fault(faults.out_of_memory(memory_bytes)))
    except RecursionError:
        return list(encode_fault(faults.corrupt("the document", "it is nested too deeply")))
    except Exception as flaw:  # noqa: BLE001 - the boundary: hostile bytes make the libraries raise whatever they like
        # The type alone: the message may quote the document.
        return list(encode_fault(faults.corrupt("the document", f"its parser stumbled ({type(flaw).__name__})")))


def _parse(job: Job, content: bytes) -> ParsedDocument:
    request = job.request
    data = content if job.path is None else Path(job.path).read_bytes()
    source = Source(content=data, filename=request.filename, media_type=request.media_type, limits=request.limits)
    document = registry.parse(source)
    return replace(document, title=request.title) if request.title else document


def _chunk(job: Job, document: ParsedDocument, tokenizers: "dict[TokenizerSource, TokenCounter]") -> tuple[Chunk, ...]:
    source = job.request.tokenizer
    if source is None:
        return ()
    if source not in tokenizers:
        tokenizers[source] = source.load()
    return chunk_document(document, tokenizers[source], job.request.chunking)


def _send(answers: BufferedWriter, parts: Iterable[bytes]) -> None:
    answers.writelines(parts)
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
