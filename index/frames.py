"""Values of frames reduced to a few numbers per label and time bin: the engine behind measures of many sessions.

A table has one row per frame (and animal, and zone …). Which rows belong together is said by label columns of the table, by
:class:`Spans` of frames (bouts, cut to time bins), or both. Labels come in long runs, so the engine first reduces each run of
equal labels, which needs no hash table, and only then puts runs of equal labels together; that is what makes it fast on
sorted tables (``benchmarks/aggregation.py`` has the figures), and rows in any other order give the same result. Tables are read one
by one, a few at a time, only the columns that are needed: what is in memory is a few chunks of frames and the runs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, unite
from ethochat.index.timebase import TimeBase

Statistic = Literal["mean", "std", "min", "max"]
Frames = NDArray[np.int64]

_CHUNK: Final = 65_536
"""Frames that are worked on at once: what is computed of them stays in the processor's cache."""

_OUTSIDE: Final = -1


# ----------------------------------------------------------------- which frames
@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Frames that count, as half-open runs like ``range``: sorted, disjoint, none empty."""

    starts: Frames
    stops: Frames
    bins: Frames
    """Index of the time bin of each span, ascending."""
    label: str = ""
    """What all of them have in common, such as a behavior."""


def time_bins(clock: TimeBase, edges: Sequence[float]) -> Spans:
    """Bins of time as spans of frames: a frame belongs to the bin in which it starts.

    Parameters
    ----------
    edges
        Starts of the bins and the end of the last one, ascending, in the clock's unit.
    """
    return cut_intervals([(edges[0], max(edges))], clock, edges)


def cut_intervals(
    intervals: Iterable[Interval], clock: TimeBase, edges: Sequence[float], label: str = ""
) -> Spans:
    """Intervals of time, united and cut to bins, as spans of frames: a frame counts where it starts in one.

    Parameters
    ----------
    intervals
        Half-open, in the clock's unit, in any order; what overlaps counts once.
    edges
        As of :func:`time_bins`; what lies outside of them is dropped.
    """
    limits = clock.first_frames(edges)
    # An interval may be open towards infinity.
    within = np.clip(np.reshape(unite(intervals), (-1, 2)), edges[0], max(edges))
    starts, stops = clock.first_frames(within).T
    filled = starts < stops
    if not filled.any():
        return Spans(starts=limits[:0], stops=limits[:0], bins=limits[:0], label=label)
    # Between neighboring points nothing starts, nothing stops and no bin changes.
    points = np.unique(np.concatenate((starts, stops, limits)))
    span = np.searchsorted(starts[filled], points[:-1], side="right") - 1
    inside = (span >= 0) & (points[:-1] < stops[filled][span])
    starts, stops = points[:-1][inside], points[1:][inside]
    bins = np.searchsorted(limits, starts, side="right") - 1
    return Spans(starts=starts, stops=stops, bins=bins, label=label)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTable:
    """Frames that were not read yet."""

    rows: pl.LazyFrame
    """``frame`` (integer, from 0), values, and label columns; fastest where sorted by labels or frames."""
    spans: Sequence[Spans]
    """What counts. Spans of different labels may overlap: each label has its own rows in the result."""
    clock: TimeBase
    keys: Mapping[str, str] = field(default_factory=dict)
    """What identifies the table in the result, such as ``session_id``."""


# ----------------------------------------------------------------- reducing
def reduce_frames(
    tables: Iterable[FrameTable],
    value: str,
    *,
    by: Sequence[str] = (),
    statistics: Collection[Statistic] = (),
) -> pl.DataFrame:
    """Reduce the values of frames per table, label and time bin.

    Parameters
    ----------
    tables
        All with the same columns and the same names in ``keys``; each is asked for when it is about to be read.
    value
        Column to reduce: numbers, or true and false as 1 and 0.
    by
        Label columns of the tables. A frame whose label is null belongs to no group.
    statistics
        What to give besides the sum. ``std`` is that of a sample (n - 1), put together from runs by the update of Chan,
        Golub & LeVeque (1983), The American Statistician 37, 242-247, which does not cancel like a difference of large sums.

    Returns
    -------
    DataFrame
        One row per group that has a frame, by table (in the order given), ``by``, ``label`` and ``bin``. Columns: the keys;
        ``by``; ``label`` and ``bin`` of the spans; ``n_frames``, frames of the group; ``time``, how long they last, in the
        clock's unit; ``n``, frames with a value (neither null nor NaN nor infinite); ``sum`` and the statistics of these
        values, null where there is none (``std``: where there are fewer than two).
    """
    wanted: list[Statistic] = [name for name in get_args(Statistic) if name in statistics]
    keys: list[dict[str, object]] = []
    parts: list[pl.DataFrame] = []
    for table, groups in _ahead(partial(_reduce_table, value=value, by=by, statistics=wanted), tables):
        keys.append({**table.keys, "_frames_per_unit": table.clock.frames_per_unit})
        parts.append(groups)
    if not parts:
        raise ValueError("Expected at least one table to reduce, got none.")
    known = pl.DataFrame(keys)[np.repeat(np.arange(len(parts)), [len(groups) for groups in parts])]
    n, n_frames = pl.col("n"), pl.col("n_frames")
    return known.hstack(pl.concat(parts)).select(
        *(name for name in known.columns if name != "_frames_per_unit"),
        *by,
        "label",
        "bin",
        n_frames,
        (n_frames / pl.col("_frames_per_unit")).alias("time"),
        n,
        *(pl.when(n > (name == "std")).then(name).alias(name) for name in ("sum", *wanted)),
    )


_Reduce = Callable[[FrameTable], pl.DataFrame]


def _ahead(reduce: _Reduce, tables: Iterable[FrameTable]) -> Iterator[tuple[FrameTable, pl.DataFrame]]:
    """Reduce tables in threads, a few ahead of the one that is asked for, and give the results in order."""
    n_threads = pl.thread_pool_size()
    waiting: deque[tuple[FrameTable, Future[pl.DataFrame]]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        for table in tables:
            waiting.append((table, pool.submit(reduce, table)))
            if len(waiting) > 2 * n_threads:
                first, found = waiting.popleft()
                yield first, found.result()
        for first, found in waiting:
            yield first, found.result()


def _reduce_table(
    table: FrameTable, *, value: str, by: Sequence[str], statistics: Sequence[Statistic]
) -> pl.DataFrame:
    spans = [layer for layer in table.spans if len(layer.starts)]
    rows = _read(table.rows if spans else table.rows.head(0), value, by)
    # A cell is a label and a bin in one number, so that cells sort by label, then bin.
    labels = sorted(layer.label for layer in spans)
    n_bins = 1 + max((int(layer.bins.max()) for layer in spans), default=0)
    lanes = [_cells(lane, labels, n_bins) for lane in _lanes(spans)] or [_NO_CELLS]
    chunks = range(0, max(rows.height, 1), _CHUNK)
    pieces = [
        _runs(rows[first : first + _CHUNK], first, lane, statistics) for lane in lanes for first in chunks
    ]
    runs = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    groups = _groups(rows.select(by), runs, statistics)
    names, cell = pl.lit(pl.Series(labels, dtype=pl.String)), pl.col("cell")
    return groups.with_columns(
        names.gather(cell // n_bins).alias("label"), (cell % n_bins).cast(pl.Int64).alias("bin")
    )


def _read(rows: pl.LazyFrame, value: str, by: Sequence[str]) -> pl.DataFrame:
    """Read what is needed: frames, values as NaN where missing, labels, and a number that changes where a label does."""
    return rows.select(
        "frame",
        pl.col(value).cast(pl.Float64).fill_null(float("nan")).alias("_value"),
        (pl.struct(by).rle_id() if by else pl.lit(0, dtype=pl.UInt32)).alias("_labels"),
        *by,
    ).collect()


# ----------------------------------------------------------------- cells of frames
@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Cell of each frame from ``start`` on; the first and the last are outside, like all frames before and after."""

    start: int
    of: NDArray[np.int32]

    def find(self, frames: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        # A 64-bit scalar, so that frames of an unsigned type do not wrap.
        return np.take(self.of, frames - np.int64(self.start), mode="clip")


_NO_CELLS: Final = _Cells(start=0, of=np.array([_OUTSIDE], dtype=np.int32))


def _lanes(spans: Iterable[Spans]) -> list[list[Spans]]:
    """Put labels whose spans never overlap together, so that one pass over the frames serves them all."""
    lanes: list[list[Spans]] = []
    for layer in spans:
        for lane in lanes:
            if _disjoint([*lane, layer]):
                lane.append(layer)
                break
        else:
            lanes.append([layer])
    return lanes


def _disjoint(layers: Sequence[Spans]) -> bool:
    starts = np.concatenate([layer.starts for layer in layers])
    stops = np.concatenate([layer.stops for layer in layers])
    order = np.argsort(starts)
    return bool((stops[order][:-1] <= starts[order][1:]).all())


def _cells(lane: Sequence[Spans], labels: Sequence[str], n_bins: int) -> _Cells:
    starts = np.concatenate([layer.starts for layer in lane])
    stops = np.concatenate([layer.stops for layer in lane])
    cells = np.concatenate([labels.index(layer.label) * n_bins + layer.bins for layer in lane])
    order = np.argsort(starts)
    edges = np.column_stack((starts[order], stops[order])).ravel()
    values = np.full(len(edges) + 1, _OUTSIDE, dtype=np.int32)
    values[1:-1:2] = cells[order]
    start = int(edges[0]) - 1
    return _Cells(start=start, of=np.repeat(values, np.diff(edges, prepend=start, append=edges[-1] + 1)))


# ----------------------------------------------------------------- runs of equal labels
_Columns = dict[str, NDArray[Any]]
"""Arrays of one length by name."""


def _runs(rows: pl.DataFrame, first_row: int, cells: _Cells, statistics: Sequence[Statistic]) -> _Columns:
    """Reduce rows that follow each other and share labels and cell: one number per run."""
    labels, values = rows["_labels"].to_numpy(), rows["_value"].to_numpy()
    cell = cells.find(rows["frame"].to_numpy())
    starts = np.ones(len(cell), dtype=np.bool_)
    starts[1:] = (cell[1:] != cell[:-1]) | (labels[1:] != labels[:-1])
    first = np.flatnonzero(starts)
    n_frames = np.diff(first, append=len(cell))
    seen = np.isfinite(values)
    numbers = np.where(seen, values, 0.0)
    n, total = np.add.reduceat(seen, first, dtype=np.int64), np.add.reduceat(numbers, first)
    runs: _Columns = {
        "row": first_row + first,
        "cell": cell[first],
        "n_frames": n_frames,
        "n": n,
        "sum": total,
    }
    if "std" in statistics:
        apart = (numbers - np.repeat(total / np.maximum(n, 1), n_frames)) * seen
        runs["squares"] = np.add.reduceat(apart * apart, first)
    if "min" in statistics:
        runs["min"] = np.minimum.reduceat(np.where(seen, values, np.inf), first)
    if "max" in statistics:
        runs["max"] = np.maximum.reduceat(np.where(seen, values, -np.inf), first)
    return runs


# ----------------------------------------------------------------- groups
def _groups(labels: pl.DataFrame, runs: _Columns, statistics: Sequence[Statistic]) -> pl.DataFrame:
    """Put runs of equal labels and cell together, sorted by them; numbers of a group without a value mean nothing."""
    # A table without labels has no height to pick rows from.
    named = labels[runs["row"]].get_columns() if labels.width else []
    known = pl.DataFrame([*named, pl.Series("cell", runs["cell"])])
    order = (
        known.lazy()
        .with_row_index("_run")
        .filter(pl.all_horizontal(pl.col(known.columns).is_not_null()), pl.col("cell") != _OUTSIDE)
        .sort(known.columns)
        .select("_run", pl.struct(known.columns).rle_id().alias("_group"))
        .collect(engine="in-memory")
    )
    run, group = order["_run"].to_numpy(), order["_group"].to_numpy()
    runs = {name: column[run] for name, column in runs.items()}
    first = np.flatnonzero(np.diff(group, prepend=-1))
    found = {name: np.add.reduceat(runs[name], first) for name in ("n_frames", "n", "sum")}
    found["mean"] = found["sum"] / np.maximum(found["n"], 1)
    if "std" in statistics:
        apart = runs["sum"] / np.maximum(runs["n"], 1) - found["mean"][group]
        squares = np.add.reduceat(runs["squares"] + runs["n"] * apart**2, first)
        found["std"] = np.sqrt(squares / np.maximum(found["n"] - 1, 1))
    if "min" in statistics:
        found["min"] = np.minimum.reduceat(runs["min"], first)
    if "max" in statistics:
        found["max"] = np.maximum.reduceat(runs["max"], first)
    return known[run[first]].hstack(pl.DataFrame(found))
