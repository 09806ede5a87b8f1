"""Keypoints of a session as they are drawn: trusted ones only, and which of them are joined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.experiment import Experiment
from ethochat.index.kinematics import masked_positions, resolve_roles
from ethochat.index.vlm.drawing import Skeleton, Spot

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Keypoints of every animal of a session."""

    keypoints: tuple[str, ...] = ()
    """All that are drawn, in the tracker's order."""
    lines: tuple[tuple[str, str], ...] = ()
    """Pairs that are joined: nose, center and tail base; the ears."""
    points: Mapping[tuple[str, str], tuple[int, Floats, Floats]] | None = None
    """By individual and keypoint: first frame, x and y in pixels of the video, NaN where missing."""

    def skeleton(self, individual: str, frame: int) -> Skeleton:
        """One animal in one frame, in pixels of the video."""
        spots: dict[str, Spot] = {}
        for keypoint in self.keypoints:
            known = (self.points or {}).get((individual, keypoint))
            if known is None or not 0 <= frame - known[0] < len(known[1]):
                continue
            x, y = float(known[1][frame - known[0]]), float(known[2][frame - known[0]])
            if not np.isnan(x):
                spots[keypoint] = (x, y)
        return Skeleton(spots=spots, lines=self.lines)


def read_overlay(tracks: pl.DataFrame, experiment: Experiment) -> Overlay:
    """Read the table TRACKS of one session, of the first tracker that has positions in pixels.

    Arena corners, points that place zones and ignored keypoints are left out: they are no part of an animal.
    """
    placed = tracks.filter(pl.col("x_px").is_not_null())
    if placed.is_empty():
        return Overlay()
    rows = tracks.filter(pl.col("source") == placed["source"][0])
    names = rows["keypoint"].unique(maintain_order=True).to_list()
    roles = resolve_roles(names, experiment.keypoints)
    fixed = {*roles.ignored, *(name for zone in experiment.zones for name in zone.keypoints)}
    fixed |= set(experiment.arena.corner_keypoints if experiment.arena is not None else ())
    points = {}
    for (individual, keypoint), own in rows.group_by("individual", "keypoint", maintain_order=True):
        if keypoint not in fixed:
            frames, x, y = masked_positions(own, min_confidence=experiment.tracking.min_confidence)
            points[str(individual), str(keypoint)] = (int(frames[0]), x, y)
    spine = [name for name in (roles.nose, roles.center, roles.tail_base) if name is not None]
    lines = list(pairwise(spine))
    if roles.left_ear is not None and roles.right_ear is not None:
        lines.append((roles.left_ear, roles.right_ear))
    shown = tuple(name for name in names if name not in fixed)
    return Overlay(keypoints=shown, lines=tuple(lines), points=points)
