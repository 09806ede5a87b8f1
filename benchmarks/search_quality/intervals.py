"""Half-open intervals of time as sorted arrays of shape ``(n, 2)``, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Intervals = NDArray[np.float64]
_SAME = 1e-6
"""Times closer than this are one: a microsecond, or a millionth of a frame."""


def as_intervals(pairs: Iterable[tuple[float, float]]) -> Intervals:
    """Sort pairs of start and stop; empty ones are left out."""
    kept = sorted((start, stop) for start, stop in pairs if stop > start)
    return np.asarray(kept, dtype=float).reshape(-1, 2)


def from_mask(mask: NDArray[np.bool_], dt: float) -> Intervals:
    """Runs of true frames; frame ``i`` lasts from ``i * dt`` to ``(i + 1) * dt``."""
    padded = np.concatenate([[False], mask, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return np.asarray(edges.reshape(-1, 2) * dt, dtype=float)


def union(intervals: Intervals, *, gap: float = 0.0) -> Intervals:
    """Join what overlaps, touches or lies at most ``gap`` apart."""
    joined: list[list[float]] = []
    for start, stop in sorted(intervals.tolist()):
        if joined and start <= joined[-1][1] + gap + _SAME:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    return np.asarray(joined, dtype=float).reshape(-1, 2)


def intersection(first: Intervals, second: Intervals) -> Intervals:
    """Time that is in both; pieces of different intervals of ``first`` stay apart."""
    pieces = (
        (max(start, other_start), min(stop, other_stop))
        for start, stop in first.tolist()
        for other_start, other_stop in second.tolist()
        if other_start < stop and start < other_stop
    )
    return as_intervals(piece for piece in pieces if piece[1] - piece[0] > _SAME)


def complement(intervals: Intervals, stop: float) -> Intervals:
    """Time from 0 to ``stop`` that is in none."""
    edges = [0.0, *union(intervals).ravel().tolist(), stop]
    return as_intervals(zip(edges[::2], edges[1::2], strict=True))


def lasting(intervals: Intervals, *, shortest: float = 0.0, longest: float = np.inf) -> Intervals:
    """Those of a length within limits (inclusive)."""
    length = intervals[:, 1] - intervals[:, 0]
    return intervals[(length >= shortest - _SAME) & (length <= longest + _SAME)]


def followed(first: Intervals, second: Intervals, within: float, *, once: bool = False) -> Intervals:
    """Spans from an interval of ``first`` to one of ``second`` that starts at most ``within`` after it ended.

    One span for each of ``second``: from the last of ``first`` that began before it, so that nothing is told twice. With
    ``once``, only the next of ``second`` after each of ``first``.
    """
    spans: dict[float, tuple[float, float]] = {}
    for start, stop in second.tolist():
        before = [
            item[0]
            for item in first.tolist()
            if item[0] < start - _SAME and item[1] < stop and start <= item[1] + within + _SAME
        ]
        if before and not (once and max(before) in spans):
            spans[max(before) if once else start] = (max(before), stop)
    return as_intervals(spans.values())
