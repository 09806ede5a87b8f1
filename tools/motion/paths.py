"""Measures of one point's path: distance, speed, body length.

The body center comes from the KINEMATICS table (confident, bridged over short gaps); a named keypoint, or a
call that says how to treat missing points, is computed from TRACKS.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from ethochat.index.kinematics import bridge_pair, half_window, resolve_roles, setting_frames, steps, velocity
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolRetryError
from ethochat.tools.motion.results import frame_row, make_row, measured_rows
from ethochat.tools.motion.sums import Values, part_sums
from ethochat.tools.motion.tracks import (
    Frames,
    LengthUnit,
    TrackPlan,
    TrackRef,
    keypoints_of,
    plan_tracks,
    read_point,
    track_rows,
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


def _keypoint_paths(call: Call, plan: TrackPlan, track: TrackRef) -> Iterator[tuple[str, Path]]:
    """Keypoint and path, for every keypoint the call names, or the one that stands for the body center."""
    interpolate, settings = call.arguments.interpolate, call.context.experiment.tracking
    for keypoint in named_keypoints(call, track):
        frames, x, y = read_point(call, track, keypoint, plan.unit)
        short = setting_frames(track.clock, settings.max_gap_s)
        x, y = bridge_pair(x, y, short if interpolate is None else None if interpolate else 0)
        vx, vy = velocity(
            x, y, half=half_window(track.clock, settings), frames_per_unit=track.clock.frames_per_unit
        )
        yield keypoint, Path(frames=frames, x=x, y=y, step=steps(x, y), speed=np.hypot(vx, vy))


def center_path(context: ToolContext, track: TrackRef, unit: LengthUnit) -> Path:
    """Positions, steps and speed of the body center, as the KINEMATICS table has them."""
    columns = [f"x_{unit}", f"y_{unit}", f"step_{unit}", f"speed_{unit}_per_s"]
    table = (
        track_rows(context, "kinematics", track)
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
    for found in part_sums(windows, _values(call, plan, "step")):
        # In no time there is no path; where the animal was never seen nobody knows.
        value = 0.0 if found.part.is_empty else found.sum
        rows.append(make_row(call, found.track, found.part, found.labels, value=value, n_rows=found.n_frames))
    return measured_rows("distance", plan.unit, "additive", rows, plan=plan, windows=windows)


def mean_speed(call: Call) -> Measured:
    """Path length over the time in which the animal was seen to move or rest."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for found in part_sums(windows, _values(call, plan, "step")):
        parts = None if found.sum is None else (found.sum, found.n / found.track.clock.frames_per_unit)
        rows.append(
            make_row(
                call,
                found.track,
                found.part,
                found.labels,
                value=parts[0] / parts[1] if parts else None,
                parts=parts,
                n_rows=found.n_frames,
            )
        )
    return measured_rows("mean_speed", _speed_unit(plan), "ratio", rows, plan=plan, windows=windows)


def max_speed(call: Call) -> Measured:
    """Highest smoothed speed."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = [
        make_row(call, found.track, found.part, found.labels, value=found.max, n_rows=found.n_frames)
        for found in part_sums(windows, _values(call, plan, "speed"))
    ]
    return measured_rows("max_speed", _speed_unit(plan), "plain", rows, plan=plan, windows=windows)


def _values(call: Call, plan: TrackPlan, name: Literal["step", "speed"]) -> Iterator[Values]:
    """Steps or speeds of every point that the call names; a step is at the frame in which it starts."""
    arguments, lag = call.arguments, 1 if name == "step" else 0
    column = f"step_{plan.unit}" if name == "step" else f"speed_{plan.unit}_per_s"
    plainly = not arguments.keypoints and arguments.min_confidence is None and arguments.interpolate is None
    for track in plan.tracks:
        if plainly:
            rows = track_rows(call.context, "kinematics", track)
            yield Values(track, {}, rows.select(pl.col("frame") - lag, value=column))
            continue
        for keypoint, path in _keypoint_paths(call, plan, track):
            table = {"frame": path.frames - lag, "value": path.step if name == "step" else path.speed}
            yield Values(track, {"keypoint": keypoint}, pl.LazyFrame(table))


def body_length(call: Call) -> Measured:
    """Distance from nose to tail base, frame by frame."""
    plan, windows = plan_tracks(call), Windows(call)
    column = f"body_length_{plan.unit}"
    rows = []
    for track in plan.tracks:
        table = (
            track_rows(call.context, "kinematics", track)
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


def _speed_unit(plan: TrackPlan) -> str:
    """Name the unit of speeds: per frame where no frame rate is documented."""
    return f"{plan.unit}/{'frame' if plan.time_unit == 'frames' else 's'}"
