"""Make the experiments, put all queries to all searches, and write the page.

``python -m benchmarks.search_quality [--sets NAME …] [--build FOLDER] [--output PAGE] [--details JSON]``
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# More threads than processes would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.search_quality.evaluation import SHUFFLES
from benchmarks.search_quality.folders import CONDITIONS
from benchmarks.search_quality.measuring import measure
from benchmarks.search_quality.report import page


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; 2 when there is no data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=list(CONDITIONS), choices=list(CONDITIONS))
    parser.add_argument("--build", type=Path, default=Path("build/search_quality"))
    parser.add_argument("--shuffles", type=int, default=SHUFFLES)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, help="also write the page here")
    parser.add_argument("--details", type=Path, help="what came of each query, as JSON")
    given = parser.parse_args(arguments)
    data = Path(os.environ.get("ETHOCHAT_TEST_DATA", "../shared/data")).resolve()
    if not data.is_dir():
        print(f"No data at {data}; set ETHOCHAT_TEST_DATA.", file=sys.stderr)
        return 2
    results = measure(given.build, data, given.sets, shuffles=given.shuffles, processes=given.processes)
    text = page(results, shuffles=given.shuffles)
    print(text)
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    if given.details:
        given.details.write_text(
            json.dumps([row.as_json() for row in results], indent=1, ensure_ascii=False), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
