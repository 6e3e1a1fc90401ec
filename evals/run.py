"""`make evals`: search quality on the development sets; with `memory` first, recall on the development conversations; with
`cache` first, what the cache serves and how much of it is wrong; with `context` first, how complete a context is; with
`scanners` first, what the scanners find; with `answerable` first, how calibrated a context's `answerable` is. A shim: works
from any folder, uninstalled."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    if sys.argv[1:2] == ["memory"]:
        from evals.memory import main as of_memory

        sys.exit(of_memory(sys.argv[2:]))
    if sys.argv[1:2] == ["cache"]:
        from evals.cache_streams import main as of_cache

        sys.exit(of_cache(sys.argv[2:]))
    if sys.argv[1:2] == ["context"]:
        from evals.context import main as of_context

        sys.exit(of_context(sys.argv[2:]))
    if sys.argv[1:2] == ["scanners"]:
        from evals.scanners import main as of_scanners

        sys.exit(of_scanners(sys.argv[2:]))
    if sys.argv[1:2] == ["answerable"]:
        from evals.answerable import main as of_answerable

        sys.exit(of_answerable(sys.argv[2:]))
    from evals.quality import main

    sys.exit(main())
