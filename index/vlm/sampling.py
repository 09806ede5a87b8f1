"""Which frames of a clip are shown: some evenly, the others where the animal moves most."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def frames_wanted(seconds: float, fps: float, most: int, available: int) -> int:
    """How many frames of a clip are shown.

    Parameters
    ----------
    seconds
        Length of the clip.
    fps
        Frames per second to show.
    most
        Most frames of one request.
    available
        Frames that the clip has, at least one.

    Returns
    -------
    int
        ``ceil(seconds * fps)``, at least 2, at most ``most`` and ``available``.
    """
    wanted = math.ceil(seconds * fps - 1e-9)  # 2.0000000001 by rounding is 2
    return max(1, min(max(wanted, 2), most, available))


def pick_frames(start: int, stop: int, n: int, movement: Floats) -> tuple[int, ...]:
    """Pick frames at equal steps of a clock that runs half with time and half with movement.

    Parameters
    ----------
    start, stop
        Frames of the clip, half-open.
    n
        How many, from 1 to ``stop - start``.
    movement
        How far the animal moved since the frame before, in any unit, shape ``(stop - start,)``; NaN where it is
        not known.

    Returns
    -------
    tuple of int
        ``n`` distinct frame numbers, ascending; the first and the last frame of the clip are among them (the middle one
        alone for ``n`` = 1).
    """
    n_frames = stop - start
    if n == 1:
        return (start + n_frames // 2,)
    even = np.linspace(0.0, 1.0, n_frames)
    moved = np.cumsum(np.nan_to_num(movement[1:], nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0))
    clock = even
    if n_frames > 1 and moved[-1] > 0:
        clock = (even + np.concatenate(([0.0], moved / moved[-1]))) / 2
    chosen = np.rint(np.interp(np.linspace(0.0, 1.0, n), clock, np.arange(n_frames))).astype(np.int64)
    return tuple(int(frame) + start for frame in _apart(chosen, n_frames))


def _apart(frames: NDArray[np.int64], n_frames: int) -> NDArray[np.int64]:
    """Move frames that coincide to the nearest free ones, first and last staying where they are."""
    order = np.arange(len(frames))
    later = np.maximum.accumulate(frames - order) + order
    most = n_frames - len(frames) + order  # leaves room for those that follow
    return np.minimum(later, most)
