"""A session's tables of tracks as one array per animal and quantity, indexed by frame of the video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.scene import BODY_LENGTH_CM, BODY_LENGTH_PER_ROOT_AREA

Floats = NDArray[np.float64]

_COLUMNS: Final = (
    *("x_px", "y_px", "step_px", "step_cm", "speed_px_per_s", "speed_cm_per_s"),
    *("turning_deg_per_s", "body_length_px", "wall_distance_cm", "area_px2"),
)
_ARENA_BODY_LENGTHS: Final = 5.0
"""An open field is about five mice long; places the window where no body length is known."""
_LEAST_SHARE: Final = 1 / 12
"""Of the image's longer side: no body is taken to be shorter where its length is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnimalPath:
    """One tracked animal over a session."""

    individual: str
    columns: Mapping[str, Floats]
    """Columns of the table KINEMATICS by name, each of shape ``(n_frames,)``, NaN where missing."""
    body_px: float | None
    """Median body length; from the silhouette's area where it has no keypoints; ``None``: not known."""

    def position(self, start: int, stop: int) -> tuple[Floats, Floats]:
        """Center of the animal in pixels, NaN where missing."""
        return self.columns["x_px"][start:stop], self.columns["y_px"][start:stop]

    def movement(self, start: int, stop: int, frames_per_unit: float) -> Floats:
        """Path of the center since the frame before, and the arc that the nose makes about it, in body lengths.

        The nose is half a body length from the center: a turn by one radian moves it by half a body length. NaN where
        neither is known.
        """
        steps = self.columns["step_px"][start:stop] / (self.body_px or 1.0)
        arcs = np.abs(np.radians(self.columns["turning_deg_per_s"][start:stop])) / frames_per_unit / 2
        if self.body_px is None:  # the two cannot be added
            return steps
        both = np.nansum(np.stack([steps, arcs]), axis=0)
        return np.where(np.isnan(steps) & np.isnan(arcs), np.nan, both)


def animal_paths(kinematics: pl.DataFrame, n_frames: int) -> dict[str, AnimalPath]:
    """Read the table KINEMATICS of one session, of the first tracker that has positions in pixels.

    Parameters
    ----------
    kinematics
        Rows of one session.
    n_frames
        Frames of the video; rows beyond are left out.

    Returns
    -------
    dict
        By individual, in the tracker's order; empty where nothing is tracked in pixels.
    """
    inside = kinematics.filter(pl.col("frame").is_between(0, n_frames - 1))
    placed = inside.filter(pl.col("x_px").is_not_null())
    if placed.is_empty():
        return {}
    rows = inside.filter(pl.col("source") == placed["source"][0])
    found = {}
    for (individual,), own in rows.group_by("individual", maintain_order=True):
        columns = {name: _dense(own, name, n_frames) for name in _COLUMNS}
        found[str(individual)] = AnimalPath(
            individual=str(individual), columns=columns, body_px=_body_length(columns)
        )
    return found


def assumed_body_px(
    path: AnimalPath, paths: Mapping[str, AnimalPath], px_per_cm: float | None, image: tuple[int, int]
) -> float:
    """Body length in pixels for the window: the session's median, else by the scale, else by the ground covered.

    Parameters
    ----------
    path
        The animal.
    paths
        All animals of the session: one that sleeps in a heap seems shorter than it is.
    px_per_cm
        Scale; then an adult mouse is taken (see :mod:`ethochat.index.behaviors.rules`).
    image
        Width and height.
    """
    measured = [item.body_px for item in paths.values() if item.body_px is not None]
    if measured:
        return float(np.median(measured))
    if px_per_cm is not None:
        return BODY_LENGTH_CM * px_per_cm
    seen = [values[~np.isnan(values)] for values in path.position(0, len(path.columns["x_px"]))]
    spread = max((float(np.ptp(values)) for values in seen if len(values)), default=0.0)
    return max(spread / _ARENA_BODY_LENGTHS, max(image) * _LEAST_SHARE)


def _dense(rows: pl.DataFrame, column: str, n_frames: int) -> Floats:
    values = np.full(n_frames, np.nan)
    values[rows["frame"].to_numpy()] = rows[column].cast(pl.Float64).to_numpy()
    return values


def _body_length(columns: Mapping[str, Floats]) -> float | None:
    lengths = columns["body_length_px"]
    if (lengths > 0).any():
        return float(np.median(lengths[lengths > 0]))
    areas = columns["area_px2"]
    return (
        float(BODY_LENGTH_PER_ROOT_AREA * np.sqrt(np.median(areas[areas > 0]))) if (areas > 0).any() else None
    )
