"""Values of frames reduced to a few numbers per label and span of time: the engine behind measures of many sessions.

A table of frames has one row per frame (and animal, and zone …). Its labels come in long runs, whether they are columns of the
table (an animal, a behavior) or spans of frames (time bins, bouts cut to time bins). The engine first reduces each run of equal
labels, which needs no hash table, and only then puts the few runs of a group together. That is what makes it fast on tables
in order of time (``benchmarks/aggregation.py`` has the figures); any other order gives the same result. Polars reads, in all
its threads, and hands over one batch of rows after the other, which NumPy reduces meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, unite
from ethochat.index.timebase import TimeBase

Statistic = Literal["mean", "std", "min", "max"]
Frames = NDArray[np.int64]
_Columns = dict[str, NDArray[Any]]
"""Arrays of one length by name."""

_BATCH: Final = 200_000
"""Rows that are read at once."""
_CHUNK: Final = 65_536
"""Rows that are reduced at once: what is computed of them stays in the processor's cache."""
_MERGE_AT: Final = 2_000_000
"""Runs that are kept before they are put together, which bounds the memory where labels change with every frame."""


# ----------------------------------------------------------------- spans of frames
@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Half-open runs of frames like ``range``: ascending, disjoint, none empty."""

    starts: Frames
    stops: Frames
    numbers: Frames
    """What each span is called, from 0; several may share a number and are then reduced together."""


def time_bins(clock: TimeBase, edges: Sequence[float]) -> Spans:
    """Bins of time as spans, numbered from 0: a frame belongs to the bin in which it starts.

    Parameters
    ----------
    edges
        Starts of the bins and the end of the last one, ascending, in the clock's unit.
    """
    return cut_intervals([(edges[0], max(edges))], clock, edges)


def cut_intervals(intervals: Iterable[Interval], clock: TimeBase, edges: Sequence[float]) -> Spans:
    """Intervals of time as spans, cut to bins and numbered by them: a frame counts where it starts in one.

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
        return Spans(starts=limits[:0], stops=limits[:0], numbers=limits[:0])
    # Between neighboring points nothing starts, nothing stops and no bin changes.
    points = np.unique(np.concatenate((starts, stops, limits)))
    span = np.searchsorted(starts[filled], points[:-1], side="right") - 1
    inside = (span >= 0) & (points[:-1] < stops[filled][span])
    starts, stops = points[:-1][inside], points[1:][inside]
    return Spans(starts=starts, stops=stops, numbers=np.searchsorted(limits, starts, side="right") - 1)


def in_spans(frames: pl.LazyFrame, layers: Iterable[Spans], name: str) -> pl.LazyFrame:
    """Number frames by the span they lie in; null outside of all.

    Parameters
    ----------
    frames
        With an integer column ``frame``, from 0 on (-1 is in no span).
    layers
        Spans of different layers may overlap: frames come once for each set of layers that do not.
    name
        Column of the spans' numbers to add, UInt32.
    """
    numbers = [_number_of_frame(lane) for lane in _lanes(layers)]
    if not numbers:
        frames, numbers = frames.clear(), [pl.Series(dtype=pl.UInt32)]
    marked = [
        frames.with_columns(pl.lit(each).gather("frame", null_on_oob=True).alias(name)) for each in numbers
    ]
    return marked[0] if len(marked) == 1 else pl.concat(marked)


def _lanes(layers: Iterable[Spans]) -> list[Spans]:
    """Put layers that never overlap into one, so that the frames are read once for all of them."""
    lanes: list[Spans] = []
    for layer in layers:
        if not len(layer.starts):
            continue
        for place, lane in enumerate(lanes):
            joined = _joined(lane, layer)
            if (joined.stops[:-1] <= joined.starts[1:]).all():
                lanes[place] = joined
                break
        else:
            lanes.append(layer)
    return lanes


def _joined(a: Spans, b: Spans) -> Spans:
    starts = np.concatenate((a.starts, b.starts))
    order = np.argsort(starts)
    return Spans(
        starts=starts[order],
        stops=np.concatenate((a.stops, b.stops))[order],
        numbers=np.concatenate((a.numbers, b.numbers))[order],
    )


_OUTSIDE: Final = np.iinfo(np.uint32).max


def _number_of_frame(spans: Spans) -> pl.Series:
    """Number of every frame from 0 to one after the last span, where frame -1 is looked up too; null outside."""
    edges = np.column_stack((spans.starts, spans.stops)).ravel()
    numbers = np.full(len(edges) + 1, _OUTSIDE, dtype=np.uint32)
    numbers[1::2] = spans.numbers
    found = pl.Series(np.repeat(numbers, np.diff(edges, prepend=0, append=edges[-1] + 1)))
    return found.set(found == _OUTSIDE, None)


# ----------------------------------------------------------------- reducing
def reduce_frames(
    frames: pl.LazyFrame, value: str, *, by: Sequence[str], statistics: Collection[Statistic] = ()
) -> pl.DataFrame:
    """Reduce the values of frames to sums per combination of labels.

    Parameters
    ----------
    frames
        One row per frame; only the columns that are needed are read, a few batches at a time.
    value
        Column to reduce: numbers, or true and false as 1 and 0.
    by
        Label columns, at least one: text, categories, integers below the greatest of their type, or true and false. A frame of
        which one is null belongs to no group. Text is read twice, since it is numbered first.
    statistics
        What to give besides the sum. ``std`` is that of a sample (n - 1), from sums of squares about a value of the table (the
        shifted data algorithm of Chan, Golub & LeVeque 1983, The American Statistician 37, 242-247).

    Returns
    -------
    DataFrame
        One row per group that has a frame, sorted by ``by`` (text by alphabet, enumerations by their own order). Columns: ``by``;
        ``n_frames``, frames of the group; ``n``, those with a value (neither null nor NaN nor infinite); ``sum`` and the
        statistics of these values, null where there is none (``std``: where there are fewer than two).

    Raises
    ------
    ValueError
        When a label column holds anything else.
    """
    schema = frames.select(by).collect_schema()
    frames = _enumerated(frames, schema)
    codes = frames.select(by).collect_schema()
    runs: list[_Columns] = []
    center: float | None = None
    for batch in _coded(frames, value, codes).collect_batches(chunk_size=_BATCH, maintain_order=True):
        center = _first(batch) if center is None else center
        runs.extend(_runs(batch, by, statistics, 0.0 if center is None else center))
        if sum(len(part["n"]) for part in runs) > _MERGE_AT:
            runs = [_grouped(runs, by)]
    if not runs:
        runs = list(_runs(_coded(frames.clear(), value, codes).collect(), by, statistics, 0.0))
    groups = _named(_grouped(runs, by), codes, statistics, 0.0 if center is None else center)
    return groups.with_columns(pl.col(name).cast(dtype) for name, dtype in schema.items())


# ----------------------------------------------------------------- labels as numbers
def _enumerated(frames: pl.LazyFrame, labels: pl.Schema) -> pl.LazyFrame:
    """Text as enumerations, in alphabetical order: like integers, and unlike categories, they have numbers that stay."""
    found = {}
    for name, dtype in labels.items():
        if dtype in (pl.String, pl.Categorical):
            text = pl.col(name).cast(pl.String)
            kinds = frames.select(text.unique().drop_nulls().sort()).collect().to_series()
            found[name] = text.cast(pl.Enum(kinds))
        elif not (dtype.is_integer() or dtype in (pl.Enum, pl.Boolean)):
            raise ValueError(f"Expected text, categories or integers in label column {name!r}, got {dtype}.")
    return frames.with_columns(**found)


def _coded(frames: pl.LazyFrame, value: str, labels: pl.Schema) -> pl.LazyFrame:
    """Labels as integers, null as the greatest of their type; values as floats, NaN where missing."""
    codes = {name: _code(name, dtype) for name, dtype in labels.items()}
    types = frames.select(**codes).collect_schema()
    number = pl.col(value)
    if frames.select(value).collect_schema()[value] != pl.Float32:
        number = number.cast(pl.Float64)
    return frames.select(
        *(code.fill_null(_greatest(types[name])).alias(name) for name, code in codes.items()),
        number.fill_null(float("nan")).alias("_value"),
    )


def _code(name: str, dtype: pl.DataType) -> pl.Expr:
    label = pl.col(name)
    return label.cast(pl.UInt8) if dtype == pl.Boolean else label.to_physical()


def _decoded(codes: NDArray[Any], dtype: pl.DataType) -> pl.Series:
    """Labels behind numbers; the inverse of :func:`_code`."""
    numbers = pl.Series(codes)
    return numbers.cat.to(dtype) if dtype == pl.Enum else numbers.cast(dtype)


def _greatest(dtype: pl.DataType) -> int:
    return int(np.iinfo(pl.Series(dtype=dtype).to_numpy().dtype).max)


# ----------------------------------------------------------------- runs of equal labels
def _runs(
    batch: pl.DataFrame, by: Sequence[str], statistics: Collection[Statistic], center: float
) -> Iterator[_Columns]:
    """Numbers per run of frames with equal labels, which are all known; long runs come in several."""
    columns = {name: batch[name].to_numpy() for name in batch.columns}
    for first in range(0, max(len(batch), 1), _CHUNK):
        chunk = {name: column[first : first + _CHUNK] for name, column in columns.items()}
        runs = _reduced(chunk.pop("_value"), chunk, statistics, center)
        known = np.logical_and.reduce([runs[name] != np.iinfo(runs[name].dtype).max for name in by])
        yield runs if known.all() else {name: column[known] for name, column in runs.items()}


def _reduced(
    values: NDArray[Any], labels: _Columns, statistics: Collection[Statistic], center: float
) -> _Columns:
    changes = np.logical_or.reduce([column[1:] != column[:-1] for column in labels.values()])
    first = np.flatnonzero(np.concatenate(([True], changes))[: len(values)])
    seen = np.isfinite(values)
    numbers = np.where(seen, values, values.dtype.type(0)).astype(np.float64)
    runs: _Columns = {name: column[first] for name, column in labels.items()}
    runs["n_frames"] = np.diff(first, append=len(values))
    runs["n"] = np.add.reduceat(seen, first, dtype=np.int64)
    runs["sum"] = np.add.reduceat(numbers, first)
    if "std" in statistics:
        apart = np.where(seen, numbers, center) - center
        runs["squares"] = np.add.reduceat(apart * apart, first)
    if "min" in statistics:
        runs["min"] = np.minimum.reduceat(np.where(seen, numbers, np.inf), first)
    if "max" in statistics:
        runs["max"] = np.maximum.reduceat(np.where(seen, numbers, -np.inf), first)
    return runs


def _first(batch: pl.DataFrame) -> float | None:
    """First value of a batch, if it has any."""
    values = batch["_value"].to_numpy()
    seen = np.isfinite(values)
    return float(values[seen.argmax()]) if seen.any() else None


# ----------------------------------------------------------------- groups
def _grouped(runs: Sequence[_Columns], by: Sequence[str]) -> _Columns:
    """Put runs of equal labels together, sorted by the labels; what comes out is of the same form."""
    table = {name: np.concatenate([part[name] for part in runs]) for name in runs[0]}
    if not len(table["n"]):
        return table
    labels = [_distinct(table.pop(name)) for name in by]
    shape = [len(distinct) for distinct, _ in labels]
    cells, group = _distinct(np.ravel_multi_index([place for _, place in labels], shape))
    places = np.unravel_index(cells, shape)
    found = {name: distinct[place] for name, (distinct, _), place in zip(by, labels, places, strict=True)}
    return found | {name: _combined(name, column, group, len(cells)) for name, column in table.items()}


def _combined(name: str, column: NDArray[Any], group: Frames, n_groups: int) -> NDArray[Any]:
    if name in ("min", "max"):
        combine, start = (np.minimum, np.inf) if name == "min" else (np.maximum, -np.inf)
        found = np.full(n_groups, start)
        combine.at(found, group, column)
        return found
    return np.bincount(group, column, n_groups).astype(column.dtype)


def _distinct(numbers: NDArray[Any]) -> tuple[NDArray[Any], Frames]:
    """Distinct numbers, ascending, and which of them each number is."""
    low, high = int(numbers.min()), int(numbers.max())
    if high - low > 4 * len(numbers) + 1_000_000:
        return np.unique(numbers, return_inverse=True)
    # A table of all numbers between is much faster than sorting, as long as there are not too many.
    offsets = numbers.astype(np.int64) - low
    there = np.bincount(offsets) > 0
    return (np.flatnonzero(there) + low).astype(numbers.dtype), (np.cumsum(there) - 1)[offsets]


def _named(
    groups: _Columns, labels: pl.Schema, statistics: Collection[Statistic], center: float
) -> pl.DataFrame:
    """Groups with their labels as they were, the numbers that were asked for, and null where there are none."""
    n, total = pl.col("n"), pl.col("sum")
    squares = pl.col("squares") - (total - n * center) ** 2 / n
    numbers: dict[str, pl.Expr] = {
        "mean": total / n,
        "std": (squares.clip(0.0) / (n - 1)).sqrt(),
        "min": pl.col("min"),
        "max": pl.col("max"),
    }
    wanted = [name for name in numbers if name in statistics]
    table = pl.DataFrame({name: groups[name] for name in groups if name not in labels})
    return pl.DataFrame({name: _decoded(groups[name], dtype) for name, dtype in labels.items()}).hstack(
        table.select(
            "n_frames",
            "n",
            pl.when(n > 0).then(total).alias("sum"),
            *(pl.when(n > (name == "std")).then(numbers[name]).alias(name) for name in wanted),
        )
    )
