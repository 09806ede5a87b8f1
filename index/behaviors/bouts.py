"""Frame labels and bouts, exact both ways; runs of frames; interval arithmetic.

Runs and bouts count frames and are half-open like ``range``; intervals are pairs of floats, half-open too.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Run = tuple[int, int]
Interval = tuple[float, float]


def labels_to_bouts(
    labels: Sequence[str | None] | pl.Series, *, ignore: Collection[str] = ()
) -> list[tuple[str, int, int]]:
    """Find the runs of equal labels.

    Parameters
    ----------
    labels
        One label per frame; ``None`` is a frame nobody labeled. Any text is a label, even ``"None"``.
    ignore
        Labels that are no behavior and are treated like ``None``.

    Returns
    -------
    list of (label, start_frame, stop_frame)
        In order of time; neighbors differ in label or do not touch.
    """
    series = labels if isinstance(labels, pl.Series) else pl.Series(list(labels), dtype=pl.String)
    runs = series.cast(pl.String).rle().struct.unnest()
    stops = runs["len"].cum_sum().to_list()
    named = zip(runs["value"].to_list(), runs["len"].to_list(), stops, strict=True)
    skipped = {None, *ignore}
    return [(label, stop - length, stop) for label, length, stop in named if label not in skipped]


def bouts_to_labels(bouts: Iterable[tuple[str, int, int]], n_frames: int) -> list[str | None]:
    """Spread bouts over frames; the inverse of :func:`labels_to_bouts`.

    Two touching bouts of one label become one run, so they come back as one bout.

    Parameters
    ----------
    bouts
        ``(label, start_frame, stop_frame)`` in any order.
    n_frames
        Length of the result.

    Raises
    ------
    ValueError
        When two bouts share a frame, one is empty, or one leaves ``range(n_frames)``.
    """
    labels: list[str | None] = [None] * n_frames
    previous: tuple[str, int, int] | None = None
    for bout in sorted(bouts, key=lambda item: (item[1], item[2])):
        label, start, stop = bout
        if not 0 <= start < stop <= n_frames:
            raise ValueError(f"Expected a bout of at least one frame within [0, {n_frames}), got {bout!r}.")
        if previous is not None and start < previous[2]:
            raise ValueError(f"Expected at most one label per frame, got {previous!r} and {bout!r}.")
        labels[start:stop] = [label] * (stop - start)
        previous = bout
    return labels


def mask_to_runs(mask: NDArray[np.bool_]) -> list[Run]:
    """Find the runs of ``True``.

    Parameters
    ----------
    mask
        Shape ``(n_frames,)``.

    Returns
    -------
    list of (start_frame, stop_frame)
        In order, none touching; empty where nothing is ``True``.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.asarray(mask, dtype=bool), [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def runs_to_mask(runs: Iterable[Run], n_frames: int) -> NDArray[np.bool_]:
    """Mark the frames of runs; overlaps are allowed.

    Raises
    ------
    ValueError
        When a run is empty or leaves ``range(n_frames)``.
    """
    mask = np.zeros(n_frames, dtype=np.bool_)
    for start, stop in runs:
        if not 0 <= start < stop <= n_frames:
            raise ValueError(
                f"Expected a run of at least one frame within [0, {n_frames}), got {(start, stop)!r}."
            )
        mask[start:stop] = True
    return mask


def bridge_runs(runs: Iterable[Run], max_gap: int) -> list[Run]:
    """Join runs that are at most ``max_gap`` frames apart; overlapping and touching runs always join."""
    joined: list[Run] = []
    for start, stop in sorted(runs):
        if joined and start - joined[-1][1] <= max(max_gap, 0):
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return joined


def drop_short(runs: Iterable[Run], min_length: int) -> list[Run]:
    """Keep the runs of at least ``min_length`` frames."""
    return [(start, stop) for start, stop in runs if stop - start >= min_length]


def unite(intervals: Iterable[Interval]) -> list[Interval]:
    """Union of intervals: sorted, disjoint, touching ones joined, empty ones dropped.

    Raises
    ------
    ValueError
        When an interval stops before it starts.
    """
    return _united(intervals, operator.le)


def stretches(intervals: Iterable[Interval]) -> list[Interval]:
    """Union of intervals that overlap: sorted, disjoint; those that only touch stay apart, as pieces of one recording do.

    Raises
    ------
    ValueError
        When an interval stops before it starts.
    """
    return _united(intervals, operator.lt)


def _united(intervals: Iterable[Interval], joins: Callable[[float, float], bool]) -> list[Interval]:
    """Union of intervals; ``joins`` says of a start and the stop before it whether both are one interval."""
    united: list[Interval] = []
    for start, stop in sorted(intervals):
        if not stop >= start:
            raise ValueError(f"Expected an interval with stop >= start, got {(start, stop)!r}.")
        if united and joins(start, united[-1][1]):
            united[-1] = (united[-1][0], max(united[-1][1], stop))
        elif stop > start:
            united.append((start, stop))
    return united


def clip_intervals(intervals: Iterable[Interval], start: float, stop: float) -> list[Interval]:
    """Cut each interval to ``[start, stop)`` and drop what lies outside; order and overlaps stay."""
    cut = [(max(first, start), min(last, stop)) for first, last in intervals]
    return [(first, last) for first, last in cut if first < last]


def intersect(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """Where both unions of intervals hold: sorted, disjoint."""
    left, right = unite(a), unite(b)
    shared: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, stop = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < stop:
            shared.append((start, stop))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return shared


def total(intervals: Iterable[Interval]) -> float:
    """Length of the union: a moment covered twice counts once."""
    return math.fsum(stop - start for start, stop in unite(intervals))
