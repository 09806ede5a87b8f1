"""Rows of a tracker's file put on the frames of the session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.formats.delimited import Table

MOST_FRAMES = 50_000_000
"""A frame range beyond this (19 days at 30 per second) is a column that holds no frame numbers."""


def check_frames(
    table: Table, frames: pl.Series, *, column: str, individuals: pl.Series | None = None
) -> None:
    """Check that no frame is given twice for one animal and that the numbers are frames at all.

    Raises
    ------
    FormatError
        Naming the line of the second row of a frame.
    """
    animals = individuals if individuals is not None else pl.repeat("", len(frames), eager=True)
    keys = pl.DataFrame({"frame": frames, "individual": animals}).to_struct()
    repeated = (~keys.is_first_distinct()).arg_true()
    if len(repeated):
        row = int(repeated[0])
        same = (frames == frames[row]) & (animals == animals[row])
        first = int(same.arg_max() or 0)
        raise table.error(
            f"Expected each frame once, found frame {frames[row]} again (first in line {table.line(first)}).",
            row=row,
            column=column,
        )
    negative = (frames < 0).arg_true()
    if len(negative):
        row = int(negative[0])
        raise table.error(
            f"Expected frames from 0 on, found {frames[row]} after the declared shift; check `first_frame`.",
            row=row,
            column=column,
        )
    last = int(frames.max() or 0)  # type: ignore[arg-type]
    if last - int(frames.min() or 0) > MOST_FRAMES:  # type: ignore[arg-type]
        row = int(frames.arg_max() or 0)
        raise table.error(f"Expected frame numbers, found {last}; is this a time?", row=row, column=column)


def spread(values: NDArray[np.float32], frames: NDArray[np.int64]) -> NDArray[np.float32]:
    """Put rows on the frames from the first to the last, NaN where the file has no row.

    Parameters
    ----------
    values
        Shape ``(n_rows, …)``.
    frames
        Shape ``(n_rows,)``, all different.

    Returns
    -------
    NDArray
        Shape ``(last - first + 1, …)``.
    """
    first = int(frames.min())
    placed = np.full((int(frames.max()) - first + 1, *values.shape[1:]), np.nan, dtype=np.float32)
    placed[frames - first] = values
    return placed
