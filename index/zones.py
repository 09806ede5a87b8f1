"""The arena and its zones in pixels, and where an animal is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray
from shapely.affinity import scale as scaled
from shapely.geometry import Point as ShapelyPoint
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from ethochat.index.arena import Arena, Point, Zone
from ethochat.index.domain import Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import MANIFEST, Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import TrackPoints
from ethochat.index.tables import conform, empty

CIRCLE_SEGMENTS = 64
"""Straight pieces per quarter of a circle; its outline is off by less than 0.01 % of the radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The arena and zones of one session, in pixels of its video."""

    arena: Polygon | None
    shape: str | None = None
    """``"rectangle"`` or ``"circle"``."""
    px_per_cm: float | None = None
    """From the arena's size; ``None`` where it is not declared."""
    zones: tuple[tuple[str, BaseGeometry], ...] = ()
    """Pairs (name, area), in the order declared."""

    def wall_distance(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """Distance to the nearest wall in pixels: positive inside, negative outside, NaN where missing.

        Parameters
        ----------
        x, y
            Positions in pixels, shape ``(n,)``, NaN where missing. Without an arena the result is NaN
            throughout.
        """
        distance = np.full(len(x), np.nan)
        seen = ~(np.isnan(x) | np.isnan(y))
        if self.arena is None or not seen.any():
            return distance
        away = shapely.distance(self.arena.exterior, shapely.points(x[seen], y[seen]))
        distance[seen] = np.where(shapely.contains_xy(self.arena, x[seen], y[seen]), away, -away)
        return distance

    def corner_distance(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
        """Distance to the nearest corner of a rectangle in pixels; NaN where either is missing."""
        if self.arena is None or self.shape != "rectangle":
            return np.full(len(x), np.nan)
        corners = np.asarray(self.arena.exterior.coords)[:-1]
        away = np.hypot(x[:, None] - corners[:, 0], y[:, None] - corners[:, 1])
        nearest: NDArray[np.float64] = away.min(axis=1)
        return nearest


def wall_distance(
    geometry: Geometry, x: NDArray[np.floating], y: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Distance to the nearest wall in pixels; see :meth:`Geometry.wall_distance`."""
    return geometry.wall_distance(x, y)


def resolve_geometry(experiment: Experiment, session: Session, tracks: Sequence[Track]) -> Geometry | None:
    """Put the declared arena and zones on a session's pixels.

    Tracked corners and zone points lie at the median of their trusted positions.

    Parameters
    ----------
    tracks
        The session's tracks; the first one that has a keypoint places it.

    Returns
    -------
    Geometry or None
        ``None`` where nothing was declared or placed in the image, and for a session without tracks.

    Raises
    ------
    ExperimentError
        When a keypoint is not tracked or never seen, a shape crosses itself, or a zone lacks what it needs.
    """
    if not tracks or (experiment.arena is None and not experiment.zones):
        return None
    named = {name for zone in experiment.zones for name in zone.keypoints}
    named |= set(experiment.arena.corner_keypoints if experiment.arena is not None else ())
    places = _median_places(experiment, session, tracks, named)
    corners = _corners(experiment.arena, places)
    arena = _arena_polygon(experiment.arena, corners)
    to_px = _cm_to_px(experiment.arena, corners)
    zones = tuple((zone.name, _zone_area(zone, arena, places, to_px)) for zone in experiment.zones)
    if arena is None and not zones:
        return None
    return Geometry(
        arena=arena,
        shape=experiment.arena.shape if experiment.arena is not None else None,
        px_per_cm=_scale(experiment.arena, corners),
        zones=zones,
    )


def zones_frame(geometry: Geometry, kinematics: pl.DataFrame) -> pl.DataFrame:
    """Say for every frame and zone whether the body center is inside.

    Parameters
    ----------
    geometry
        As resolved for the session.
    kinematics
        Rows of the table KINEMATICS; tracks without pixels are left out, since the zones are in pixels.

    Returns
    -------
    polars.DataFrame
        Table ZONES: zone after zone, each in the order of ``kinematics``; ``inside`` is null where the
        position is.
    """
    tracked = (pl.col("x_px").is_not_null().any()).over("source", "individual")
    in_cm = (pl.col("x_cm").is_not_null().any()).over("source", "individual")
    rows = kinematics.filter(tracked | ~in_cm)
    x, y = rows["x_px"].to_numpy(), rows["y_px"].to_numpy()
    seen = ~(np.isnan(x) | np.isnan(y))
    parts = [empty("zones")]
    for name, area in geometry.zones:
        inside = np.zeros(len(x), dtype=np.bool_)
        shapely.prepare(area)
        inside[seen] = shapely.contains_xy(area, x[seen], y[seen])
        part = rows.select(
            "session_id",
            "source",
            "individual",
            pl.lit(name).alias("zone"),
            "frame",
            pl.when(pl.Series(seen)).then(pl.Series(inside)).alias("inside"),
        )
        parts.append(conform(part, "zones"))
    return pl.concat(parts)


# ------------------------------------------------------------------ the arena
def _median_places(
    experiment: Experiment, session: Session, tracks: Sequence[Track], names: set[str]
) -> Mapping[str, Point]:
    places: dict[str, Point] = {}
    for track in tracks:
        wanted = [name for name in track.keypoints if name in names and name not in places]
        if not wanted or track.unit != "px":
            continue
        points = TrackPoints.of(track, experiment)
        for name in wanted:
            xy = np.array([points.point(name, index) for index in range(len(track.individuals))])
            if not np.isnan(xy).all():
                places[name] = (float(np.nanmedian(xy[:, 0])), float(np.nanmedian(xy[:, 1])))
    missing = sorted(names - set(places))
    if missing:
        tracked = sorted({name for track in tracks for name in track.keypoints})
        raise ExperimentError(
            f"Expected the keypoints {missing} of arena or zones to be seen in session "
            f"{session.session_id!r}; tracked are {tracked}.",
            path=MANIFEST,
        )
    return places


def _corners(arena: Arena | None, places: Mapping[str, Point]) -> tuple[Point, ...]:
    if arena is None:
        return ()
    return arena.corners_px or tuple(places[name] for name in arena.corner_keypoints)


def _arena_polygon(arena: Arena | None, corners: tuple[Point, ...]) -> Polygon | None:
    if arena is None:
        return None
    if arena.shape == "circle":
        if arena.center_px is None or arena.radius_px is None:
            return None
        return _circle(arena.center_px, arena.radius_px)
    return _polygon(corners, "[arena] corners") if corners else None


def _scale(arena: Arena | None, corners: tuple[Point, ...]) -> float | None:
    """Mean ratio of the sides in pixels to their declared lengths."""
    if arena is None:
        return None
    if arena.shape == "circle":
        known = arena.radius_px is not None and arena.diameter_cm is not None
        return 2 * (arena.radius_px or 0.0) / (arena.diameter_cm or 1.0) if known else None
    if len(corners) != 4:
        return None
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - np.asarray(corners)).T)
    lengths = [arena.width_cm, arena.height_cm] * 2
    ratios = [side / length for side, length in zip(sides, lengths, strict=True) if length is not None]
    return float(np.mean(ratios)) if ratios else None


def _cm_to_px(arena: Arena | None, corners: tuple[Point, ...]) -> NDArray[np.float64] | None:
    """Affine map, shape ``(3, 2)``: ``[x_cm, y_cm, 1] @ map`` in pixels, closest to all four corners."""
    if arena is None or len(corners) != 4 or arena.width_cm is None or arena.height_cm is None:
        return None
    width, height = arena.width_cm, arena.height_cm
    known = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], dtype=np.float64)
    return np.asarray(np.linalg.lstsq(known, np.asarray(corners))[0], dtype=np.float64)


# ------------------------------------------------------------------ the zones
def _zone_area(
    zone: Zone, arena: Polygon | None, places: Mapping[str, Point], to_px: NDArray[np.float64] | None
) -> BaseGeometry:
    where = f"zone {zone.name!r}"
    if zone.kind in ("scaled", "outside_scaled"):
        if arena is None or zone.scale is None:
            raise _lacks(
                where, "a `scale`, and an [arena] placed in the image by corners, or center and radius"
            )
        inner = scaled(arena, zone.scale, zone.scale, origin="centroid")
        return inner if zone.kind == "scaled" else arena.difference(inner)
    if zone.kind == "circle":
        center = zone.center_px or next((places[name] for name in zone.keypoints), None)
        if center is None or zone.radius_px is None:
            raise _lacks(where, "`center_px` (or one of `keypoints`) and `radius_px`")
        return _circle(center, zone.radius_px)
    points = zone.points_px or tuple(places[name] for name in zone.keypoints)
    if not points and zone.points_cm:
        if to_px is None:
            raise _lacks(
                where, "an [arena] with four corners, `width_cm` and `height_cm` (it has `points_cm`)"
            )
        mapped = np.column_stack([zone.points_cm, np.ones(len(zone.points_cm))]) @ to_px
        points = tuple((float(x), float(y)) for x, y in mapped)
    return _polygon(points, where)


def _lacks(where: str, needed: str) -> ExperimentError:
    return ExperimentError(f"Expected for {where} {needed}; add it or remove the zone.", path=MANIFEST)


def _circle(center: Point, radius: float) -> Polygon:
    return ShapelyPoint(center).buffer(radius, quad_segs=CIRCLE_SEGMENTS)


def _polygon(points: Sequence[Point], where: str) -> Polygon:
    if len(points) < 3:
        raise ExperimentError(
            f"Expected at least three points for {where}, found {len(points)}.", path=MANIFEST
        )
    polygon = Polygon(points)
    if not polygon.is_valid or polygon.area == 0:
        listed = [(round(x, 1), round(y, 1)) for x, y in points]
        raise ExperimentError(
            f"Expected the points of {where} in order around it, found {listed}, an outline that crosses "
            "itself or has no area; change the order.",
            path=MANIFEST,
        )
    return polygon
