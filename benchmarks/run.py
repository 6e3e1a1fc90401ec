"""`make bench`: speed and memory of the real service. A shim: works from any folder, uninstalled."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from benchmarks.suite import main

    sys.exit(main())
