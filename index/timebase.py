"""Seconds and frames of a session; the only module that multiplies or divides by a frame rate.

Time zero is the start of the session (the first video frame where there is a video). Frame ``k`` covers
``[k / fps, (k + 1) / fps)``; an interval of frames is half-open like ``range``. A session whose frame rate is
not known counts in frames: its times *are* frame numbers, and :attr:`TimeBase.unit` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

TimeUnit = Literal["s", "frames"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBase:
    """The clock of one session."""

    fps: Fraction | None
    """Frames per second; ``None`` where it is not known, and then one unit of time is one frame."""

    def __post_init__(self) -> None:
        if self.fps is not None and self.fps <= 0:
            raise ValueError(f"Expected a positive frame rate, got {self.fps!r}.")

    @property
    def unit(self) -> TimeUnit:
        """Unit of every time of this session."""
        return "frames" if self.fps is None else "s"

    @property
    def frames_per_unit(self) -> float:
        """Frames in one unit of time."""
        return 1.0 if self.fps is None else float(self.fps)

    def time_of(self, frame: int) -> float:
        """Start of a frame, in :attr:`unit` from session start."""
        return float(frame) if self.fps is None else float(frame / self.fps)

    def frame_at(self, time: float) -> int:
        """Frame that covers a time; the inverse of :meth:`time_of` for every frame number."""
        # A frame's start time is rounded to the nearest float, which may lie just below the true boundary.
        return math.floor(time * self.frames_per_unit + 1e-6)

    def nearest_boundary(self, time: float) -> int:
        """Frame boundary closest to a time; used to put an interval given in seconds on frames."""
        return math.floor(time * self.frames_per_unit + 0.5)

    def first_frames(self, times: ArrayLike) -> NDArray[np.int64]:
        """First frames that start at some times or later, so that ``[start, stop)`` in time is ``range`` in frames.

        Parameters
        ----------
        times
            Shape ``(n,)``, in :attr:`unit` from session start, finite. A frame that starts up to 1e-9 before a time counts as
            starting at it: both are rounded to floats.

        Returns
        -------
        ndarray
            Shape ``(n,)``, int64.
        """
        wanted = np.asarray(times, dtype=np.float64)
        frames = np.floor(wanted * self.frames_per_unit + 1e-6)
        return (frames + (frames / self.frames_per_unit < wanted - 1e-9)).astype(np.int64)

    def n_frames(self, duration: float) -> int:
        """Frames needed to cover a duration, at least one."""
        return max(1, math.ceil(duration * self.frames_per_unit - 1e-6))


def parse_fps(text: str | float | Fraction) -> Fraction:
    """Read a frame rate exactly: ``"30000/1001"``, ``"29.97"`` or a number.

    Raises
    ------
    ValueError
        When the text is no positive number.
    """
    fps = Fraction(str(text)).limit_denominator(1_000_000)
    if fps <= 0:
        raise ValueError(f"Expected a positive frame rate, got {text!r}.")
    return fps
