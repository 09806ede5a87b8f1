"""Distances between two points, over frames in which neither is missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ethochat.index.kinematics import bridge_pair, resolve_roles
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.motion.paths import center_path, named_keypoints
from ethochat.tools.motion.results import frame_row, make_row, measured_rows
from ethochat.tools.motion.tracks import (
    Frames,
    LengthUnit,
    TrackPlan,
    TrackRef,
    keypoints_of,
    plan_tracks,
    read_point,
)
from ethochat.tools.motion.windows import Part, Windows
from ethochat.tools.rows import Call, Measured, Row, Vector
from ethochat.tools.selection import match_name


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDistance:
    """Distance of two animals, frame by frame; NaN where one is missing."""

    first: TrackRef
    second: TrackRef
    frames: Frames
    distance: Vector

    @property
    def name(self) -> str:
        """Both individuals, in the order of the file."""
        return f"{self.first.individual}-{self.second.individual}"


def pair_distances(call: Call, plan: TrackPlan) -> Iterator[PairDistance]:
    """Distances of every pair of animals that one tracker follows in one session.

    Raises
    ------
    ToolFailedError
        When no session has two tracked animals.
    """
    found = False
    for (_session_id, _source), members in itertools.groupby(
        plan.tracks, key=lambda t: (t.session_id, t.source)
    ):
        animals = list(members)
        for first, second in itertools.combinations(animals, 2):
            found = True
            a, b = _pair_points(call, plan, first, second)
            yield PairDistance(
                first=first, second=second, frames=a[0], distance=np.hypot(a[1] - b[1], a[2] - b[2])
            )
    if not found:
        raise ToolFailedError(
            "A distance between animals needs two tracked animals in one session; there is none."
        )


_Points = tuple[Frames, Vector, Vector]


def _pair_points(call: Call, plan: TrackPlan, first: TrackRef, second: TrackRef) -> tuple[_Points, _Points]:
    """Positions of both animals over the same frames."""
    if len(call.arguments.keypoints) > 2:
        raise ToolRetryError(
            f"Expected one keypoint, or one for each animal, got {call.arguments.keypoints!r}."
        )
    points = []
    for place, track in enumerate((first, second)):
        keypoint = None
        if call.arguments.keypoints:
            known = keypoints_of(call.context, track)
            keypoint = match_name(call.arguments.keypoints[-1 if place else 0], known, "keypoint")
        points.append(_bridged(call, body_center(call, track, plan.unit, keypoint)))
    return _aligned(*points)


def body_center(call: Call, track: TrackRef, unit: LengthUnit, keypoint: str | None = None) -> _Points:
    """Frames and positions of a keypoint or the body center, not bridged where a keypoint stands for it."""
    if keypoint is None:
        keypoint = resolve_roles(keypoints_of(call.context, track), call.context.experiment.keypoints).center
    if keypoint is not None:
        return read_point(call, track, keypoint, unit)
    path = center_path(call.context, track, unit)
    return path.frames, path.x, path.y


def _bridged(call: Call, point: _Points) -> _Points:
    """Missing points bridged only where the call says so: a distance needs both animals to be seen."""
    if not call.arguments.interpolate:
        return point
    x, y = bridge_pair(point[1], point[2], None)
    return point[0], x, y


def _aligned(a: _Points, b: _Points) -> tuple[_Points, _Points]:
    """Cut two points to the frames that both have rows for."""
    frames, in_a, in_b = np.intersect1d(a[0], b[0], assume_unique=True, return_indices=True)
    return (frames, a[1][in_a], a[2][in_a]), (frames, b[1][in_b], b[2][in_b])


def pair_distance(call: Call) -> Measured:
    """Distance between two animals, over frames in which both are seen."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for pair in pair_distances(call, plan):
        for part in windows.parts(pair.first, (pair.first.individual, pair.second.individual)):
            numbers = pair.distance[part.mask(pair.frames)]
            rows.append(
                _pair_row(call, pair, part, observations=numbers[np.isfinite(numbers)], n_rows=len(numbers))
            )
    return measured_rows(
        "pair_distance",
        plan.unit,
        "pooled",
        rows,
        plan=plan,
        windows=windows,
        statistics=("mean", "median", "min"),
    )


def time_near(call: Call) -> Measured:
    """Time in which two animals are closer than ``max_distance``."""
    limit = call.arguments.max_distance
    if limit is None:
        raise ToolRetryError("time_near needs max_distance (cm where there is a scale, else px).")
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for pair in pair_distances(call, plan):
        for part in windows.parts(pair.first, (pair.first.individual, pair.second.individual)):
            numbers = pair.distance[part.mask(pair.frames)]
            # A NaN is not below any limit, so a frame with a missing animal never counts.
            n_near = int(np.count_nonzero(numbers < limit))
            near = n_near / pair.first.clock.frames_per_unit
            rows.append(_pair_row(call, pair, part, value=near, n_rows=len(numbers)))
    measured = measured_rows("time_near", plan.time_unit, "additive", rows, plan=plan, windows=windows)
    said = f"Near means closer than {limit:g} {plan.unit}; frames with a missing animal do not count."
    return Measured(
        name=measured.name, unit=measured.unit, kind=measured.kind, rows=rows, flags=(*measured.flags, said)
    )


def _pair_row(call: Call, pair: PairDistance, part: Part, **found: object) -> Row:
    observations = found.get("observations")
    if isinstance(observations, np.ndarray) and len(observations):
        found["value"] = float(observations.mean())
    row = make_row(call, pair.first, part, {"pair": pair.name}, **found)
    # A pair belongs to no single animal.
    return Row(
        session_id=row.session_id,
        labels=row.labels,
        bin_index=row.bin_index,
        bin_start=row.bin_start,
        value=row.value,
        observations=row.observations,
        n_rows=row.n_rows,
    )


def keypoint_distance(call: Call) -> Measured:
    """Distance between two keypoints of one animal, over frames in which both are seen."""
    if len(call.arguments.keypoints) != 2:
        raise ToolRetryError(f"keypoint_distance needs two keypoints, got {call.arguments.keypoints!r}.")
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        names = named_keypoints(call, track)
        a, b = _aligned(*(_bridged(call, read_point(call, track, name, plan.unit)) for name in names))
        lengths = np.hypot(a[1] - b[1], a[2] - b[2])
        for part in windows.parts(track):
            labels = {"keypoint": f"{names[0]}-{names[1]}"}
            rows.append(frame_row(call, track, part, labels, lengths[part.mask(a[0])]))
    return measured_rows(
        "keypoint_distance",
        plan.unit,
        "pooled",
        rows,
        plan=plan,
        windows=windows,
        statistics=("median", "mean"),
    )
