"""Simulate, print the tables and write them as a page.

``python -m benchmarks.coverage [--repeats N] [--quick] [--output PAGE]``
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# More threads than processes would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.coverage import cells, populations
from benchmarks.coverage.report import page

REPEATS = 1_400
FEWEST = 20
EQUAL = (4, 5, 6, 8, 10, 15, 20, 30)
TWO_GROUP_SIZES = (*((n, n) for n in EQUAL), (5, 15), (15, 5), (8, 24), (24, 8))
THREE_GROUP_SIZES = (*((n, n, n) for n in EQUAL), (5, 5, 15), (15, 15, 5), (8, 8, 24), (24, 24, 8))
SINGLE_SIZES = tuple((n,) for n in EQUAL)
FEW_SIZES = ((4, 4), (5, 5), (8, 8), (15, 15), (5, 15), (15, 5), (24, 8))
SLOW_SHARE = 0.25
"""Share of the experiments that are made of what takes long."""


def is_slow(design: str, population: str, sizes: tuple[int, ...]) -> bool:
    """Whether one experiment takes some ten milliseconds: what goes through thousands of orders, or iterates."""
    tied = population.startswith("counts")
    return (
        design in ("two groups, permutation", "four days, modeled")
        or (design == "pairs, by ranks" and tied and 8 <= sizes[0] <= 15)
        or (design == "correlation, by ranks" and 6 <= sizes[0] <= 8)
    )


def tasks(repeats: int, *, quick: bool = False) -> list[cells.Task]:
    """Give everything that is simulated, the slowest first."""
    made = [
        cells.Task(
            design=design,
            population=name,
            sizes=size,
            repeats=max(FEWEST, round(repeats * (SLOW_SHARE if is_slow(design, name, size) else 1.0))),
        )
        for design, names, sizes in _plan()
        for name in names
        for size in (sizes[:1] if quick else sizes)
    ]
    return sorted(
        made, key=lambda task: (not is_slow(task.design, task.population, task.sizes), -sum(task.sizes))
    )


def _plan() -> Iterator[tuple[str, Sequence[str], Sequence[tuple[int, ...]]]]:
    pairs = populations.two_groups()
    null = [name for name, pair in pairs.items() if pair.null]
    yield "one group", [name for name in null if name != "normal, SD 1 and 2"], SINGLE_SIZES
    yield "two groups", list(pairs), TWO_GROUP_SIZES
    yield "two groups, permutation", null, FEW_SIZES
    yield "equivalence", [name for name in pairs if name not in null], TWO_GROUP_SIZES
    yield "three groups", list(pairs), THREE_GROUP_SIZES
    yield "pairs", list(populations.PAIRS), SINGLE_SIZES
    yield "pairs, by ranks", populations.NULL_PAIRS, SINGLE_SIZES
    yield "four days", list(populations.DAYS), SINGLE_SIZES
    yield "four days, modeled", list(populations.DAYS), SINGLE_SIZES[::2]
    yield "correlation", list(populations.CORRELATED), SINGLE_SIZES
    yield "correlation, by ranks", list(populations.CORRELATED), SINGLE_SIZES
    yield "sessions", list(cells.SESSION_KINDS), SINGLE_SIZES
    yield "warnings", list(pairs), FEW_SIZES


def simulate(todo: Sequence[cells.Task], processes: int) -> list[cells.Cell]:
    """Run tasks side by side; the cells come in the order of the page, whatever ended first."""
    order = {(design, name): place for place, (design, name) in enumerate(_order())}
    if processes == 1:
        found = [cell for task in todo for cell in cells.run(task)]
    else:
        with ProcessPoolExecutor(processes) as pool:
            found = [cell for some in pool.map(cells.run, todo) for cell in some]
    return sorted(found, key=lambda cell: (order[cell.design, cell.population], _size_order(cell.sizes)))


def _order() -> Iterator[tuple[str, str]]:
    for design, names, _ in _plan():
        for name in names:
            yield design, name


def _size_order(sizes: tuple[int, ...]) -> tuple[bool, int, tuple[int, ...]]:
    return len(set(sizes)) > 1, sum(sizes), sizes


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the page; 1 when a cell lies outside of its band and nothing says why."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="experiments per cell")
    parser.add_argument(
        "--quick", action="store_true", help="few experiments of one size, to see that all runs"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, help="also write the page here")
    given = parser.parse_args(arguments)
    repeats = FEWEST if given.quick else given.repeats
    start = time.perf_counter()
    found = simulate(tasks(repeats, quick=given.quick), given.processes)
    text, unexplained = page(found, repeats=repeats)
    print(text)
    print(f"{len(found)} cells in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    for cell in unexplained:
        print(f"not explained: {cell}", file=sys.stderr)
    return 1 if unexplained and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
