"""`python evals/judge_conflicts.py`: the conflict gate on written cases. A shim: works from any folder, uninstalled."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from evals.conflicts import main

    sys.exit(main())
