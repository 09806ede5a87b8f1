"""How far and how fast tracked animals move within stretches of a session."""

from __future__ import annotations

from typing import Literal

from ethochat.index.segmentation import Motion, motions_of, tracked_as
from ethochat.index.tables import empty
from ethochat.index.timebase import TimeBase
from ethochat.tools.context import ToolContext
from ethochat.tools.motion.tracks import scan_session

_COLUMNS = ("source", "individual", "frame", "step_cm", "step_px", "speed_cm_per_s", "speed_px_per_s")


class Tracked:
    """Animals of one session, each by the first tracker that has it."""

    def __init__(
        self, context: ToolContext, session_id: str, clock: TimeBase, unit: Literal["cm", "px"] | None = None
    ) -> None:
        """Read the session's frames.

        Parameters
        ----------
        clock
            The session's.
        unit
            Of lengths; centimeters where there is a scale by default.
        """
        rows = scan_session(context, "kinematics", session_id).select(_COLUMNS).collect()
        self._clock = clock
        self._motions = motions_of(rows, empty("zones"), unit)

    @property
    def is_known(self) -> bool:
        """Whether any animal has a length in the unit."""
        return bool(self._motions)

    def distance(self, individual: str, start: float, stop: float) -> float | None:
        """Path between two times of the session, ``None`` where it is not known."""
        motion = self._of(individual)
        return motion.distance(*self._frames(start, stop)) if motion is not None else None

    def mean_speed(self, individual: str, start: float, stop: float) -> tuple[float, str] | None:
        """Mean speed between two times of the session and its unit, ``None`` where it is not known."""
        motion = self._of(individual)
        speed = motion.mean_speed(*self._frames(start, stop)) if motion is not None else None
        if motion is None or speed is None:
            return None
        return speed, f"{motion.unit} per frame" if self._clock.fps is None else f"{motion.unit}/s"

    def _of(self, individual: str) -> Motion | None:
        name = tracked_as(individual, self._motions)
        return self._motions[name] if name is not None else None

    def _frames(self, start: float, stop: float) -> tuple[int, int]:
        return self._clock.nearest_boundary(start), self._clock.nearest_boundary(stop)
