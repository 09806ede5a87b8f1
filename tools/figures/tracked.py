"""Figures of one animal's track: its path, and where it spent its time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from ethochat.tools.arguments import PlotArguments
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Value
from ethochat.tools.figures.drawing import Drawing, every_row
from ethochat.tools.figures.places import Outline, Vector, occupancy_figure, trajectory_figure
from ethochat.tools.grouping import to_values
from ethochat.tools.measures import compute
from ethochat.tools.motion import TrackRef, center_path, plan_tracks
from ethochat.tools.rows import Call
from ethochat.tools.selection import require_sessions, select_sessions

_FIELDS: Final = 40


def trajectory(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw the path of one animal."""
    call, track, unit, flags = _one_track(context, arguments)
    times, x, y = _window_path(call, track, unit)
    plain = every_row(arguments)
    outcome = compute(context, plain.model_copy(update={"measure": "distance"}))
    moved = to_values(plain, [], outcome.measured, outcome.scope)
    figure = trajectory_figure(
        f"Path of {track.session_id} {track.individual}".strip(),
        times,
        x,
        y,
        unit=unit,
        time_unit=track.clock.unit,
        outlines=_outlines(context, track, unit),
    )
    return Drawing(figure=figure, values=[*moved.values, _seen(x, track)], flags=flags, n_rows=len(times))


def occupancy(context: ToolContext, arguments: PlotArguments) -> Drawing:
    """Draw how long one animal was in each field of the floor."""
    call, track, unit, flags = _one_track(context, arguments)
    _times, x, y = _window_path(call, track, unit)
    known = np.isfinite(x) & np.isfinite(y)
    counts, x_edges, y_edges = np.histogram2d(x[known], y[known], bins=_FIELDS)
    spent = counts / track.clock.frames_per_unit
    longest = Value(
        name="occupancy",
        value=float(spent.max()),
        unit=track.clock.unit,
        statistic="max",
        session_id=track.session_id,
        note=f"Longest time in one of {_FIELDS} x {_FIELDS} fields.",
    )
    figure = occupancy_figure(
        f"Where {track.session_id} {track.individual} spent its time".replace("  ", " "),
        spent,
        x_edges,
        y_edges,
        unit=unit,
        time_unit=track.clock.unit,
        outlines=_outlines(context, track, unit),
    )
    return Drawing(figure=figure, values=[_seen(x, track), longest], flags=flags, n_rows=int(known.sum()))


def _one_track(context: ToolContext, arguments: PlotArguments) -> tuple[Call, TrackRef, str, list[str]]:
    """Find the only track of the call.

    Raises
    ------
    ToolRetryError
        When the call is about several sessions or animals.
    """
    scope = select_sessions(context, arguments)
    require_sessions(scope, arguments)
    call = Call(context=context, scope=scope, arguments=every_row(arguments), split=frozenset())
    plan = plan_tracks(call)
    if len(plan.tracks) > 1:
        names = tuple(dict.fromkeys(f"{t.session_id} {t.individual}".strip() for t in plan.tracks))
        raise ToolRetryError(
            f"A {arguments.kind} figure shows one animal of one session; name one in `sessions` (and "
            "`individuals`).",
            near=names[:20],
        )
    return call, plan.tracks[0], plan.unit, [*scope.flags, *plan.flags]


def _window_path(call: Call, track: TrackRef, unit: str) -> tuple[Vector, Vector, Vector]:
    """Give times and positions within the window of a call, missing ones left as NaN."""
    session = _session(call, track)
    start, stop = call.scope.window(session)
    path = center_path(call.context, track, "cm" if unit == "cm" else "px")
    times = path.frames / track.clock.frames_per_unit
    inside = (times >= start - 1e-9) & (times < stop - 1e-9)
    if not np.isfinite(path.x[inside]).any():
        raise ToolFailedError(f"There is no position of {track.session_id} in that window.")
    return times[inside], path.x[inside], path.y[inside]


def _session(call: Call, track: TrackRef) -> dict[str, Any]:
    return next(
        row for row in call.scope.sessions.iter_rows(named=True) if row["session_id"] == track.session_id
    )


def _seen(x: Vector, track: TrackRef) -> Value:
    return Value(
        name="n_positions",
        value=float(np.isfinite(x).sum()),
        unit="count",
        n=None,
        session_id=track.session_id,
        note=f"Frames with a position, of {len(x)}.",
    )


# ----------------------------------------------------------------- the arena
def _outlines(context: ToolContext, track: TrackRef, unit: str) -> list[Outline]:
    """Outline of the arena and of zones that are the arena shrunk about its middle, in the unit of the axes."""
    corners = _arena(context, track, unit)
    if corners is None:
        return []
    closed = np.vstack([corners, corners[:1]])
    middle = corners.mean(axis=0)
    found: list[Outline] = [("arena", [(float(x), float(y)) for x, y in closed])]
    for zone in context.experiment.zones:
        if zone.kind == "scaled" and zone.scale is not None:
            inner = middle + zone.scale * (closed - middle)
            found.append((zone.name, [(float(x), float(y)) for x, y in inner]))
    return found


def _arena(context: ToolContext, track: TrackRef, unit: str) -> Vector | None:
    """Corners of the arena, shape ``(n, 2)``; ``None`` where it is not declared or not seen."""
    arena = context.experiment.arena
    if arena is None:
        return None
    scale = _scale(context, track.session_id) if unit == "cm" else 1.0
    if arena.corner_keypoints:
        return _tracked_corners(context, track, unit, arena.corner_keypoints)
    if scale is None:
        return None
    if arena.corners_px:
        return np.asarray(arena.corners_px, dtype=np.float64) / scale
    if arena.center_px is None or arena.radius_px is None:
        return None
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    ring = np.column_stack([np.cos(turn), np.sin(turn)]) * arena.radius_px
    return np.asarray((ring + np.asarray(arena.center_px)) / scale, dtype=np.float64)


def _scale(context: ToolContext, session_id: str) -> float | None:
    rows = context.catalog.load("sessions").filter(pl.col("session_id") == session_id)["px_per_cm"].to_list()
    return rows[0] if rows and rows[0] else None


def _tracked_corners(
    context: ToolContext, track: TrackRef, unit: str, names: tuple[str, ...]
) -> Vector | None:
    """Median position of the keypoints that stand in the corners."""
    x, y = ("x_cm", "y_cm") if unit == "cm" else ("x_px", "y_px")
    table = (
        context.catalog.load("tracks")
        .filter(
            pl.col("session_id") == track.session_id,
            pl.col("source") == track.source,
            pl.col("keypoint").is_in(names),
        )
        .group_by("keypoint")
        .agg(pl.col(x).fill_nan(None).median(), pl.col(y).fill_nan(None).median())
    )
    places = {name: (a, b) for name, a, b in table.select("keypoint", x, y).iter_rows()}
    found = [places.get(name, (None, None)) for name in names]
    if any(a is None or b is None for a, b in found):
        return None
    return np.asarray(found, dtype=np.float64)
