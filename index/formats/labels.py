"""Bouts and coverage put into the tables that every annotation reader gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from ethochat.index.domain import SourceKind
from ethochat.index.formats.base import Labels, Metrics
from ethochat.index.tables import BOUTS, COVERAGE, METRICS
from ethochat.index.timebase import TimeBase


def _without_session(schema: pl.Schema) -> pl.Schema:
    return pl.Schema({name: dtype for name, dtype in schema.items() if name != "session_id"})


BOUT_ROWS: Final = _without_session(BOUTS)
COVERAGE_ROWS: Final = _without_session(COVERAGE)
METRIC_ROWS: Final = _without_session(METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What one source says about one animal: runs of frames (or rows) with a behavior, and those it saw."""

    source: str
    source_kind: SourceKind
    runs: Sequence[tuple[str, int, int]]
    """(behavior, first, last + 1)."""
    seen: Sequence[tuple[int, int]]
    """Disjoint runs that were looked at, in order."""
    behaviors: tuple[str, ...]
    """What the source would have marked."""
    individual: str = ""
    breaks: tuple[int, ...] = ()
    """Frames (or rows) before which the recording was interrupted: what comes after is a stretch of its own."""

    def stretches(self) -> list[list[tuple[int, int]]]:
        """What was seen between two breaks: runs by stretch, none empty."""
        edges = [0, *self.breaks, self.seen[-1][1] if self.seen else 0]
        parts = [
            [(max(first, low), min(last, high)) for first, last in self.seen if first < high and low < last]
            for low, high in pairwise(sorted(set(edges)))
        ]
        return [part for part in parts if part]


def frame_clock(timebase: TimeBase) -> Callable[[int], tuple[float, int]]:
    """Clock of runs that count session frames: time and frame of a boundary."""
    return lambda frame: (timebase.time_of(frame), frame)


def place_runs(marked: Iterable[Marked], clock: Callable[[int], tuple[float, int]]) -> Labels:
    """Turn runs into bouts and coverage.

    Parameters
    ----------
    marked
        One per source and animal.
    clock
        Session time and session frame at which a frame (or row) of a run begins.
    """
    known: dict[int, tuple[float, int]] = {}

    def at(row: int) -> tuple[float, int]:
        if row not in known:
            known[row] = clock(row)
        return known[row]

    bouts, coverage = [], []
    for item in marked:
        bouts.append(_bouts(item, at))
        for seen in item.stretches():  # a source that looked at nothing covers nothing
            n_frames = sum(at(last)[1] - at(first)[1] for first, last in seen)
            times = at(seen[0][0])[0], at(seen[-1][1])[0]
            coverage.append(
                (
                    item.individual,
                    "annotations",
                    item.source,
                    item.source_kind,
                    *times,
                    n_frames,
                    list(item.behaviors),
                )
            )
    return build_labels(bouts, pl.DataFrame(coverage, schema=COVERAGE_ROWS, orient="row"))


def build_labels(bouts: Sequence[pl.DataFrame], coverage: pl.DataFrame) -> Labels:
    """Order bouts and coverage by source, individual and time, in the tables' columns."""
    every = pl.concat([pl.DataFrame(schema=BOUT_ROWS), *bouts])
    return Labels(
        bouts=every.sort("source", "individual", "start_time", "stop_time", "behavior", maintain_order=True),
        coverage=coverage.sort("source", "individual", maintain_order=True),
    )


def build_metrics(rows: Sequence[tuple[str, str, float, str | None, str]]) -> Metrics:
    """Put rows (individual, metric, value, unit, source) into the table's columns, in the order given."""
    return Metrics(metrics=pl.DataFrame(rows, schema=METRIC_ROWS, orient="row"))


def _bouts(item: Marked, at: Callable[[int], tuple[float, int]]) -> pl.DataFrame:
    starts = [at(first) for _, first, _ in item.runs]
    stops = [at(last) for _, _, last in item.runs]
    return pl.DataFrame(
        {
            "behavior": [behavior for behavior, _, _ in item.runs],
            "start_time": [time for time, _ in starts],
            "stop_time": [time for time, _ in stops],
            "start_frame": [frame for _, frame in starts],
            "stop_frame": [frame for _, frame in stops],
        },
        schema_overrides=BOUT_ROWS,
    ).select(
        pl.lit(item.individual).alias("individual"),
        pl.lit(None, pl.String).alias("partner"),
        "behavior",
        pl.lit(item.source).alias("source"),
        pl.lit(item.source_kind).alias("source_kind"),
        "start_time",
        "stop_time",
        "start_frame",
        "stop_frame",
        pl.lit(None, pl.Float64).alias("score"),
    )
