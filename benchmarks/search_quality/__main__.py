"""Make the experiments, put all queries to all searches, and write the page.

``python -m benchmarks.search_quality [--sets NAME …] [--build FOLDER] [--output PAGE] [--details JSON]``
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# Two cores: more threads would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "2")

from benchmarks.search_quality.evaluation import SHUFFLES, Result, evaluate
from benchmarks.search_quality.folders import CONDITIONS, build
from benchmarks.search_quality.queries import read_topics
from benchmarks.search_quality.recordings import READERS
from benchmarks.search_quality.report import page


def measure(root: Path, data: Path, names: Sequence[str], *, shuffles: int) -> list[Result]:
    """Build and evaluate data sets, one after the other."""
    topics = read_topics()
    results: list[Result] = []
    for name in names:
        recordings = READERS[name](data)
        mine = [topic for topic in topics if topic.data_set == name]
        for searched in build(root, data, name, recordings):
            started = time.perf_counter()
            found = list(evaluate(searched, mine, recordings, shuffles=shuffles))
            results += found
            median = statistics.median(row.seconds for row in found)
            print(
                f"{name}, {searched.condition}: {len(found)} queries in {time.perf_counter() - started:.1f} s, the tool takes "
                f"{median * 1000:.0f} ms (median)",
                file=sys.stderr,
            )
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; 2 when there is no data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="*", default=list(CONDITIONS), choices=list(CONDITIONS))
    parser.add_argument("--build", type=Path, default=Path("build/search_quality"))
    parser.add_argument("--shuffles", type=int, default=SHUFFLES)
    parser.add_argument("--output", type=Path, help="also write the page here")
    parser.add_argument("--details", type=Path, help="what came of each query, as JSON")
    given = parser.parse_args(arguments)
    data = Path(os.environ.get("ETHOCHAT_TEST_DATA", "../shared/data")).resolve()
    if not data.is_dir():
        print(f"No data at {data}; set ETHOCHAT_TEST_DATA.", file=sys.stderr)
        return 2
    results = measure(given.build, data, given.sets, shuffles=given.shuffles)
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
