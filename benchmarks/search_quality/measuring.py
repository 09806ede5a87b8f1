"""Data sets built and evaluated, several at a time."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.search_quality.evaluation import Result, evaluate
from benchmarks.search_quality.folders import build
from benchmarks.search_quality.queries import read_topics
from benchmarks.search_quality.recordings import READERS


def measure(
    root: Path, data: Path, names: Sequence[str], *, shuffles: int, processes: int = 1
) -> list[Result]:
    """Build and evaluate data sets; the results come in the order of the names, whatever ended first."""
    one = partial(_measure_set, root, data, shuffles)
    if processes == 1:
        return [result for name in names for result in one(name)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [result for some in pool.map(one, names) for result in some]


def _measure_set(root: Path, data: Path, shuffles: int, name: str) -> list[Result]:
    topics = [topic for topic in read_topics() if topic.data_set == name]
    recordings = READERS[name](data)
    results: list[Result] = []
    for searched in build(root, data, name, recordings):
        started = time.perf_counter()
        found = list(evaluate(searched, topics, recordings, shuffles=shuffles))
        results += found
        median = statistics.median(row.seconds for row in found)
        print(
            f"{name}, {searched.condition}: {len(found)} queries in {time.perf_counter() - started:.1f} s, the tool takes "
            f"{median * 1000:.0f} ms (median)",
            file=sys.stderr,
        )
    return results
