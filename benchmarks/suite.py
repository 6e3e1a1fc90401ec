"""The benchmarks of the whole service: ingestion of real files, search under load at several sizes, memory, cache,
contexts. Single parts (engine, embedder, parser) have scripts of their own beside this."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.caching import measure_cache
from benchmarks.context import SIZES as CONTEXT_SIZES
from benchmarks.context import measure_context
from benchmarks.ingestion import measure_ingestion
from benchmarks.memory import SIZES as MEMORY_SIZES
from benchmarks.memory import measure_memory
from benchmarks.searching import SIZES, measure_search
from evals.datasets import data_root
from evals.provenance import provenance

PARTS = ("ingestion", "search", "memory", "cache", "context")
BASELINES = Path(__file__).resolve().parent / "baselines"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if "ingestion" in options.parts:
        files = sorted((options.files or data_root() / "documents" / "financebench_pdfs").iterdir())
        _finish("ingestion", measure_ingestion([path for path in files if path.is_file()][: options.files_max]), options)
    if "search" in options.parts:
        _finish("search", measure_search(options.sizes, seconds=options.seconds), options)
    if "memory" in options.parts:
        _finish("memory", measure_memory(options.messages), options)
    if "cache" in options.parts:
        _finish("cache", measure_cache(options.sizes, options.gptcache), options)
    if "context" in options.parts:
        _finish("context", measure_context(options.contexts), options)
    return 0


def _finish(name: str, figures: Mapping[str, object], options: argparse.Namespace) -> None:
    result = {**figures, **provenance()}
    print(json.dumps(result, indent=1))
    if options.write_baselines:
        BASELINES.mkdir(exist_ok=True)
        path = BASELINES / f"{name}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        print("wrote", path.name)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--files", type=Path, help="folder to ingest; default: the filings of MNEMIC_EVAL_DATA")
    parser.add_argument("--files-max", type=int, help="only the first so many files")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="chunks or cache entries")
    parser.add_argument(
        "--messages", nargs="+", type=int, default=list(MEMORY_SIZES), help="messages to remember, multiples of 200"
    )
    parser.add_argument(
        "--contexts", nargs="+", type=int, default=list(CONTEXT_SIZES), help="chunks, and as many messages, multiples of 200"
    )
    parser.add_argument("--gptcache", type=Path, help="a folder that holds GPTCache, to be measured beside the cache")
    parser.add_argument("--seconds", type=int, default=10, choices=range(1, 61), metavar="1..60", help="load per figure")
    parser.add_argument("--write-baselines", action="store_true", help="write benchmarks/baselines/")
    return parser.parse_args(arguments)
