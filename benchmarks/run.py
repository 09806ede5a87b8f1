"""Print every figure that the project states of its speed and memory; `make bench` runs it.

Medians over several runs, with the machine they were taken on. Parts that need the real recordings are left out, with the
reason, where those are absent.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PARTS = (
    ("Start-up and answers", "answers.py"),
    ("Ingest of a ten-minute recording", "ingest.py"),
    ("Beside AmadeusGPT's behavior API", "amadeus/compare.py"),
    # All 42 million take minutes: `make bench-scale`.
    ("A million frames by session, behavior and minute", "aggregation.py", "--rows=1000000", "--sessions=10"),
)


def main() -> int:
    """Run each part in a process of its own, so that none warms the next."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    failed = []
    for title, script, *options in PARTS:
        print(f"## {title}\n", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *options], check=False).returncode:
            failed.append(script)
        print(flush=True)
    if failed:
        print(f"Did not finish: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
