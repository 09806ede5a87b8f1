"""Values of frames reduced to a few numbers per label and span of time: the engine behind measures of many sessions.

A table of frames has one row per frame (and animal, and zone …). Its labels come in long runs, whether they are columns of the
table (an animal, a behavior) or spans of frames (time bins, bouts cut to time bins). The engine first reduces each run of equal
labels, which needs no hash table, and only then puts the few runs of a group together. That is what makes it fast on tables
in order of time (``benchmarks/aggregation.py`` has the figures); any other order gives the same result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, unite
from ethochat.index.timebase import TimeBase

Statistic = Literal["mean", "std", "min", "max"]
Frames = NDArray[np.int64]


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
        One row per frame; only the columns that are needed are read, a few chunks at a time.
    value
        Column to reduce: numbers, or true and false as 1 and 0.
    by
        Label columns. A frame of which one is null belongs to no group.
    statistics
        What to give besides the sum. ``std`` is that of a sample (n - 1), from the variances of runs and the squares of their
        means; its error is below 1e-7 of the mean, as is that of the Float32 in which tables hold values.

    Returns
    -------
    DataFrame
        One row per group that has a frame, sorted by ``by`` (text by alphabet, enumerations by their own order). Columns: ``by``;
        ``n_frames``, frames of the group; ``n``, those with a value (neither null nor NaN nor infinite); ``sum`` and the
        statistics of these values, null where there is none (``std``: where there are fewer than two).
    """
    runs = _runs(frames, value, by, statistics)
    n, total = pl.col("n"), pl.col("sum")
    mean = total / n
    # A run without a value has no mean, one with a single value no variance.
    squares = (pl.col("variance") * (n - 1)).fill_null(0.0) + pl.when(n > 0).then(total * mean)
    parts: dict[str, pl.Expr] = {
        "std": squares.sum().alias("squares"),
        "min": pl.col("min").min(),
        "max": pl.col("max").max(),
    }
    numbers: dict[str, pl.Expr] = {
        "mean": mean,
        "std": ((pl.col("squares") - total * mean).clip(0.0) / (n - 1)).sqrt(),
        "min": pl.col("min"),
        "max": pl.col("max"),
    }
    wanted = [name for name in numbers if name in statistics]
    return (
        runs.group_by(by)
        .agg(pl.col("n_frames", "n", "sum").sum(), *(parts[name] for name in wanted if name in parts))
        .select(
            *by,
            "n_frames",
            "n",
            pl.when(n > 0).then(total).alias("sum"),
            *(pl.when(n > (name == "std")).then(numbers[name]).alias(name) for name in wanted),
        )
        .sort(by)
        .collect()
    )


def _runs(
    frames: pl.LazyFrame, value: str, by: Sequence[str], statistics: Collection[Statistic]
) -> pl.LazyFrame:
    """One row per run of frames with equal labels, those with a null label left out."""
    number, found = pl.col(value).cast(pl.Float64), pl.col("_value")
    parts = {
        "std": found.var().alias("variance"),
        "min": found.min().alias("min"),
        "max": found.max().alias("max"),
    }
    return (
        frames.select(*by, pl.when(number.is_finite()).then(number).alias("_value"))
        # Ascending by construction, which lets Polars group without a hash table.
        .with_columns(pl.struct(by).rle_id().set_sorted().alias("_run"))
        .group_by("_run")
        .agg(
            *(pl.col(name).first() for name in by),
            pl.len().cast(pl.Int64).alias("n_frames"),
            found.count().cast(pl.Int64).alias("n"),
            found.sum().alias("sum"),
            *(part for name, part in parts.items() if name in statistics),
        )
        .filter(pl.all_horizontal(pl.col(by).is_not_null()))
        .drop("_run")
    )
