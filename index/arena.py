"""Where the animal is: the arena and its zones, as declared; :mod:`ethochat.index.zones` turns them into pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """The floor the animal can reach.

    A rectangle is given by its four corners (pixels, or names of tracked keypoints), a circle by center and radius.
    The size in centimetres gives the scale where ``px_per_cm`` is not declared.
    """

    shape: Literal["rectangle", "circle"]
    width_cm: float | None = None
    height_cm: float | None = None
    diameter_cm: float | None = None
    corners_px: tuple[Point, ...] = ()
    """Four corners in order around the rectangle."""
    corner_keypoints: tuple[str, ...] = ()
    """Four tracked keypoints in order around the rectangle; their median position over the session is used."""
    center_px: Point | None = None
    radius_px: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A named part of the arena."""

    name: str
    kind: Literal["scaled", "outside_scaled", "polygon", "circle"]
    """``scaled``: the arena shrunk about its center; ``outside_scaled``: the arena without that part."""
    scale: float | None = None
    points_px: tuple[Point, ...] = ()
    points_cm: tuple[Point, ...] = ()
    """In centimetres from the first corner, x along the first side, y along the last."""
    keypoints: tuple[str, ...] = ()
    center_px: Point | None = None
    radius_px: float | None = None
    synonyms: tuple[str, ...] = ()
