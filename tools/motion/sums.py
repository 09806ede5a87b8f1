"""Values of frames put together per track, behavior and bin, for many sessions at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from ethochat.index.frames import FrameTable, Statistic, reduce_frames
from ethochat.tools.motion.tracks import TrackRef
from ethochat.tools.motion.windows import Part, Windows


class Values(NamedTuple):
    """Values of one track, frame by frame, not read yet."""

    track: TrackRef
    labels: Mapping[str, str]
    """What tells them from other values of the track, such as a keypoint."""
    rows: pl.LazyFrame
    """``frame`` and ``value``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSums:
    """Values of one track in one part."""

    track: TrackRef
    labels: Mapping[str, str]
    part: Part
    n_frames: int = 0
    n: int = 0
    """Frames with a value."""
    sum: float | None = None
    max: float | None = None


def part_sums(
    windows: Windows, values: Iterable[Values], *, statistics: Collection[Statistic] = ()
) -> Iterator[PartSums]:
    """Put the values of tracks together in every part that the windows cut them to, track by track.

    Parameters
    ----------
    values
        At least one track; each is asked for when it is about to be read, since values may be in memory.
    statistics
        What to give besides the sum; ``max`` or nothing.
    """
    asked: list[tuple[TrackRef, Mapping[str, str]]] = []

    def tables() -> Iterator[FrameTable]:
        for track, labels, rows in values:
            place = str(len(asked))
            asked.append((track, labels))
            yield FrameTable(rows=rows, clock=track.clock, spans=windows.spans(track), keys={"place": place})

    table = reduce_frames(tables(), "value", statistics=statistics)
    columns = ["n_frames", "n", "sum", *statistics]
    found = {
        (place, label, index): dict(zip(columns, numbers, strict=True))
        for place, label, index, *numbers in table.select("place", "label", "bin", *columns).iter_rows()
    }
    for place, (track, labels) in enumerate(asked):
        for part in windows.parts(track):
            numbers = found.get((str(place), part.behavior, part.index), {})
            yield PartSums(track=track, labels=labels, part=part, **numbers)
