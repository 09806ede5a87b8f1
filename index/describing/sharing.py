"""Segments that look the same share a description, where the user allows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.vlm.base import Frames

_SIDE: Final = 16
_SPEED_RATIO: Final = 0.1
_SPEED_SLACK: Final = 0.5  # cm/s or px/s: below it the animal does not get anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a segment looks like: three frames in little, and what the tables say."""

    thumbs: NDArray[np.float32]
    """Brightness 0 to 1 of the first, middle and last frame, shape ``(3, 16, 16)``."""
    said: tuple[object, ...]
    """Animal, behaviors and zones; never shared where they differ."""
    speed: float | None


def look_of(frames: Frames, segment: Mapping[str, object]) -> Look:
    """Look at a clip in little."""
    import cv2

    places = (0, len(frames.frames) // 2, len(frames.frames) - 1)
    grays = [cv2.cvtColor(frames.images[place], cv2.COLOR_RGB2GRAY) for place in places]
    small = [cv2.resize(gray, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for gray in grays]
    speed = segment["mean_speed"]
    names = tuple(
        tuple(value) if isinstance(value := segment[key], list) else () for key in ("behaviors", "zones")
    )
    return Look(
        thumbs=np.stack(small).astype(np.float32) / np.float32(255),
        said=(segment["individual"], *names),
        speed=speed if isinstance(speed, float) else None,
    )


@dataclass(kw_only=True)
class Shelf:
    """Segments of one session that are described for themselves, and how alike others are."""

    likeness: float
    """From which on a description is shared: 1 less the mean difference in brightness."""
    _shown: list[tuple[Look, str, str]] = field(default_factory=list)

    def like(self, look: Look) -> tuple[str, str] | None:
        """Key and name of the shown segment most like this one, if it is like enough."""
        best: tuple[float, str, str] | None = None
        for other, key, name in self._shown:
            if other.said != look.said or not _alike(other.speed, look.speed):
                continue
            likeness = 1 - float(np.abs(other.thumbs - look.thumbs).mean())
            if likeness >= self.likeness and (best is None or likeness > best[0]):
                best = (likeness, key, name)
        return None if best is None else best[1:]

    def add(self, look: Look, key: str, name: str) -> None:
        """Note a segment that a model is shown."""
        self._shown.append((look, key, name))


def _alike(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= max(_SPEED_SLACK, _SPEED_RATIO * max(a, b))
