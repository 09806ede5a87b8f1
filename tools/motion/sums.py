"""Values of frames put together per track, behavior and bin, for many sessions at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

import polars as pl

from ethochat.index.frames import in_spans, reduce_frames
from ethochat.tools.motion.tracks import TrackRef
from ethochat.tools.motion.windows import Part, Windows

_AT_ONCE: Final = 32
"""Tracks in one query: enough to keep the processors busy, few enough for the memory."""


class Values(NamedTuple):
    """Values of one track, frame by frame, not read yet."""

    track: TrackRef
    labels: Mapping[str, str]
    """What tells them from other values of the track, such as a keypoint."""
    rows: pl.LazyFrame
    """``frame`` and ``value``."""


class PartSums(NamedTuple):
    """Values of one track in one part."""

    track: TrackRef
    labels: Mapping[str, str]
    part: Part
    n_frames: int = 0
    n: int = 0
    """Frames with a value."""
    sum: float | None = None
    max: float | None = None


def part_sums(windows: Windows, values: Iterable[Values]) -> Iterator[PartSums]:
    """Put the values of tracks together in every part that the windows cut them to, track by track.

    Parameters
    ----------
    values
        Each is asked for when it is about to be read, since values may be in memory.
    """
    asked = iter(values)
    while batch := [(item, windows.cut(item.track)) for item in islice(asked, _AT_ONCE)]:
        frames = [
            in_spans(item.rows, cut.spans(), "part").select(
                pl.lit(place, dtype=pl.Int32).alias("place"), "part", pl.col("value").cast(pl.Float64)
            )
            for place, (item, cut) in enumerate(batch)
        ]
        table = reduce_frames(pl.concat(frames), "value", by=["place", "part"], statistics=["max"])
        found = {(place, part): row for place, part, *row in table.iter_rows()}
        for place, (item, cut) in enumerate(batch):
            for number, part in enumerate(cut.parts()):
                yield PartSums(item.track, item.labels, part, *found.get((place, number), ()))
