"""How fast files become chunks: pages a second through the pool, CPU seconds of the workers, their peak memory. No model runs.

    .venv/bin/python benchmarks/parsing.py [FOLDER] [--workers 1]

FOLDER is data/documents/financebench_pdfs by default. CPU seconds are the workers' own, of reading and cutting together.
"""

import argparse
import asyncio
import os
import platform
import sys
import time
from pathlib import Path

from core.errors import Fault
from indexing.parsing.pool import ParserPool
from indexing.parsing.wire import ParsedFile, ParseRequest
from inference.onnx.tokenizer import TokenizerFile

FOLDER_DEFAULT = Path(os.environ.get("MNEMIC_EVAL_DATA", "../shared/data")) / "documents" / "financebench_pdfs"


async def main() -> None:
    arguments = _arguments()
    files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    started_s = time.perf_counter()
    async with ParserPool.open(workers=arguments.workers) as pool:
        parsed = await asyncio.gather(*(_parse(pool, path) for path in files))
        peak_mib = max((_peak_mib(pid) for pid in pool.pids), default=0)
    wall_s = time.perf_counter() - started_s
    done = [one for one in parsed if one is not None]
    cpu_s = sum(one.cpu_s for one in done)
    pages = sum(one.pages or 0 for one in done)
    chunks = sum(len(one.chunks) for one in done)
    characters = sum(len(one.text) for one in done)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {' '.join(sys.argv)}")
    print(f"files {len(done)} of {len(files)}, pages {pages}, characters {characters}, chunks {chunks}")
    print(
        f"wall {wall_s:.1f} s, worker CPU {cpu_s:.1f} s, {pages / cpu_s:.0f} pages and {chunks / cpu_s:.0f} chunks a CPU second"
    )
    print(f"peak of the largest worker {peak_mib} MiB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER_DEFAULT)
    parser.add_argument("--workers", type=int, default=1)
    return parser.parse_args()


async def _parse(pool: ParserPool, path: Path) -> ParsedFile | None:
    try:
        return await pool.parse(path, ParseRequest(filename=path.name, tokenizer=TokenizerFile()))
    except Fault as fault:
        print(f"{path.name}: {fault.code}")
        return None


def _peak_mib(pid: int) -> int:
    """0 where the system has no /proc."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    asyncio.run(main())
