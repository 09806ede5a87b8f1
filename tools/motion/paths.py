"""Measures of one point's path: distance, speed, body length.

The body center comes from the KINEMATICS table (confident, bridged over short gaps); a named keypoint, or a
call that says how to treat missing points, is computed from TRACKS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from ethochat.index.kinematics import bridge_pair, half_window, resolve_roles, setting_frames, steps, velocity
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.motion.results import frame_row, make_row, measured_rows
from ethochat.tools.motion.tracks import (
    Frames,
    LengthUnit,
    TrackPlan,
    TrackRef,
    keypoints_of,
    plan_tracks,
    read_point,
    scan_session,
)
from ethochat.tools.motion.windows import Windows
from ethochat.tools.rows import Call, Measured, Vector
from ethochat.tools.selection import listing, match_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One point of one animal, frame by frame."""

    frames: Frames
    x: Vector
    y: Vector
    step: Vector
    """Distance from the frame before."""
    speed: Vector
    """Smoothed, per second (per frame without a frame rate)."""


def paths_of(call: Call, plan: TrackPlan, track: TrackRef) -> Iterator[tuple[str, Path]]:
    """Keypoint name (empty for the body center) and path, for every point the call names."""
    arguments = call.arguments
    plainly = arguments.min_confidence is None and arguments.interpolate is None
    if not arguments.keypoints and plainly:
        yield "", center_path(call.context, track, plan.unit)
        return
    for keypoint in named_keypoints(call, track):
        frames, x, y = read_point(call, track, keypoint, plan.unit)
        settings = call.context.experiment.tracking
        short = setting_frames(track.clock, settings.max_gap_s)
        gap = short if arguments.interpolate is None else None if arguments.interpolate else 0
        x, y = bridge_pair(x, y, gap)
        vx, vy = velocity(
            x, y, half=half_window(track.clock, settings), frames_per_unit=track.clock.frames_per_unit
        )
        yield keypoint, Path(frames=frames, x=x, y=y, step=steps(x, y), speed=np.hypot(vx, vy))


def center_path(context: ToolContext, track: TrackRef, unit: LengthUnit) -> Path:
    """Positions, steps and speed of the body center, as the KINEMATICS table has them."""
    columns = [f"x_{unit}", f"y_{unit}", f"step_{unit}", f"speed_{unit}_per_s"]
    table = (
        scan_session(context, "kinematics", track.session_id)
        .filter(pl.col("source") == track.source, pl.col("individual") == track.individual)
        .select("frame", *(pl.col(name).cast(pl.Float64) for name in columns))
        .collect()
        .sort("frame")
    )
    x, y, step, speed = (table[name].to_numpy() for name in columns)
    return Path(frames=table["frame"].cast(pl.Int64).to_numpy(), x=x, y=y, step=step, speed=speed)


def named_keypoints(call: Call, track: TrackRef) -> list[str]:
    """Keypoints that a call names, or the one that stands for the body center.

    Raises
    ------
    ToolRetryError
        When a name is unknown, or none is named and no keypoint is the body center.
    """
    known = keypoints_of(call.context, track)
    if call.arguments.keypoints:
        return [match_name(name, known, "keypoint") for name in call.arguments.keypoints]
    center = resolve_roles(known, call.context.experiment.keypoints).center
    if center is None:
        raise ToolRetryError(
            f"No keypoint of {track.source} is the body center; name one of {listing(known, 20)}.",
            near=tuple(known),
        )
    return [center]


def distance(call: Call) -> Measured:
    """Path length: the sum of the steps; a step counts where it starts."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in paths_of(call, plan, track):
            for part in windows.parts(track):
                moved = path.step[part.mask(path.frames - 1)]
                seen = bool(np.isfinite(moved).any()) or part.is_empty
                value = float(np.nansum(moved)) if seen else None
                labels = _point_label(keypoint)
                rows.append(make_row(call, track, part, labels, value=value, n_rows=len(moved)))
    return measured_rows("distance", plan.unit, "additive", rows, plan=plan, windows=windows)


def mean_speed(call: Call) -> Measured:
    """Path length over the time in which the animal was seen to move or rest."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in paths_of(call, plan, track):
            for part in windows.parts(track):
                moved = path.step[part.mask(path.frames - 1)]
                seen = moved[np.isfinite(moved)]
                time = len(seen) / track.clock.frames_per_unit
                parts = (float(seen.sum()), time) if len(seen) else None
                rows.append(
                    make_row(
                        call,
                        track,
                        part,
                        _point_label(keypoint),
                        value=parts[0] / parts[1] if parts else None,
                        parts=parts,
                        n_rows=len(moved),
                    )
                )
    return measured_rows("mean_speed", _speed_unit(plan), "ratio", rows, plan=plan, windows=windows)


def max_speed(call: Call) -> Measured:
    """Highest smoothed speed."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in paths_of(call, plan, track):
            for part in windows.parts(track):
                speed = path.speed[part.mask(path.frames)]
                seen = speed[np.isfinite(speed)]
                value = float(seen.max()) if len(seen) else None
                rows.append(
                    make_row(call, track, part, _point_label(keypoint), value=value, n_rows=len(speed))
                )
    return measured_rows("max_speed", _speed_unit(plan), "plain", rows, plan=plan, windows=windows)


def body_length(call: Call) -> Measured:
    """Distance from nose to tail base, frame by frame."""
    plan, windows = plan_tracks(call), Windows(call)
    column = f"body_length_{plan.unit}"
    rows = []
    for track in plan.tracks:
        table = (
            scan_session(call.context, "kinematics", track.session_id)
            .filter(pl.col("source") == track.source, pl.col("individual") == track.individual)
            .select("frame", pl.col(column).cast(pl.Float64))
            .collect()
            .sort("frame")
        )
        frames, length = table["frame"].cast(pl.Int64).to_numpy(), table[column].to_numpy()
        for part in windows.parts(track):
            rows.append(frame_row(call, track, part, {}, length[part.mask(frames)]))
    return measured_rows(
        "body_length", plan.unit, "pooled", rows, plan=plan, windows=windows, statistics=("median", "mean")
    )


def _point_label(keypoint: str) -> dict[str, str]:
    return {"keypoint": keypoint} if keypoint else {}


def _speed_unit(plan: TrackPlan) -> str:
    """Name the unit of speeds: per frame where no frame rate is documented."""
    return f"{plan.unit}/{'frame' if plan.time_unit == 'frames' else 's'}"
