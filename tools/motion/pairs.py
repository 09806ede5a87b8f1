"""Distances between two points, over frames in which neither is missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

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
from ethochat.tools.rows import Call, Kind, Measured, Row, Vector
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

    Of the animals that a call names both must be in a pair; where it names one, each pair holds it.

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
        named = [call.scope.includes(track.session_id, track.individual) for track in animals]
        least = min(2, sum(named))
        for i, j in itertools.combinations(range(len(animals)), 2):
            if not least or named[i] + named[j] < least:
                continue
            found = True
            first, second = animals[i], animals[j]
            a, b = _pair_points(call, plan, first, second)
            yield PairDistance(
                first=first, second=second, frames=a[0], distance=np.hypot(a[1] - b[1], a[2] - b[2])
            )
    if not found:
        raise ToolFailedError(
            "A distance between animals needs two tracked animals in one session; there is none."
        )


def _nearest(call: Call, pairs: Iterable[PairDistance]) -> Iterator[_Apart]:
    """Distance of each animal that was asked for to the nearest other one that is seen."""
    of_animal: dict[tuple[str, str, str], list[tuple[TrackRef, PairDistance]]] = {}
    for pair in pairs:
        for track in (pair.first, pair.second):
            if call.scope.includes(track.session_id, track.individual):
                key = (track.session_id, track.source, track.individual)
                of_animal.setdefault(key, []).append((track, pair))
    for members in of_animal.values():
        track = members[0][0]
        frames = np.unique(np.concatenate([pair.frames for _, pair in members]))
        nearest = np.full(len(frames), np.nan)
        for _, pair in members:
            place = np.searchsorted(frames, pair.frames)
            nearest[place] = np.fmin(nearest[place], pair.distance)
        yield _Apart(track=track, individuals=(track.individual,), pair=None, frames=frames, distance=nearest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Apart:
    """How far an animal is from another one: that of a pair, or the nearest."""

    track: TrackRef
    individuals: tuple[str, ...]
    pair: str | None
    frames: Frames
    distance: Vector


def _aparts(call: Call, plan: TrackPlan) -> Iterator[_Apart]:
    """Pair by pair, or animal by animal where the call is split by animals."""
    pairs = pair_distances(call, plan)
    if call.split & {"individual", "subject_id"}:
        yield from _nearest(call, pairs)
        return
    for pair in pairs:
        yield _Apart(
            track=pair.first,
            individuals=(pair.first.individual, pair.second.individual),
            pair=pair.name,
            frames=pair.frames,
            distance=pair.distance,
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
    plan, windows = plan_tracks(call, everyone=True), Windows(call)
    rows = []
    for apart in _aparts(call, plan):
        for part in windows.parts(apart.track, apart.individuals):
            numbers = apart.distance[part.mask(apart.frames)]
            seen = numbers[np.isfinite(numbers)]
            value = float(seen.mean()) if len(seen) else None
            rows.append(_row(call, apart, part, value=value, observations=seen, n_rows=len(numbers)))
    return measured_rows(
        "pair_distance",
        plan.unit,
        "pooled",
        rows,
        plan=plan,
        windows=windows,
        statistics=("mean", "median", "min"),
    )


def near_measure(call: Call, name: str) -> Measured:
    """Time in which two animals are closer than ``max_distance``, or its share (``time_near``, ``percent_near``)."""
    limit = call.arguments.max_distance
    if limit is None:
        raise ToolRetryError(f"{name} needs max_distance (cm where there is a scale, else px).")
    plan, windows = plan_tracks(call, everyone=True), Windows(call)
    rows = []
    for apart in _aparts(call, plan):
        for part in windows.parts(apart.track, apart.individuals):
            numbers = apart.distance[part.mask(apart.frames)]
            # A NaN is not below any limit, so a frame with a missing animal never counts.
            near, seen = int(np.count_nonzero(numbers < limit)), int(np.isfinite(numbers).sum())
            found = _near(name, near, seen, apart.track, part)
            rows.append(_row(call, apart, part, n_rows=len(numbers), **found))
    unit, kind = _NEAR[name]
    measured = measured_rows(name, unit or plan.time_unit, kind, rows, plan=plan, windows=windows)
    said = f"Near means closer than {limit:g} {plan.unit}; frames with a missing animal do not count."
    return replace(measured, flags=(*measured.flags, said))


_NEAR: Final[Mapping[str, tuple[str | None, Kind]]] = {
    "time_near": (None, "additive"),
    "percent_near": ("%", "ratio"),
}
"""Unit (``None``: that of times) and kind."""


def _near(name: str, near: int, seen: int, track: TrackRef, part: Part) -> dict[str, object]:
    """Value of a part with some near frames among those in which both animals are seen."""
    if not seen and not part.is_empty:
        return {}
    if name == "time_near":
        return {"value": near / track.clock.frames_per_unit}
    return {"value": 100.0 * near / seen, "parts": (100.0 * near, float(seen))} if seen else {}


def _row(call: Call, apart: _Apart, part: Part, *, n_rows: int, **found: object) -> Row:
    row = make_row(
        call, apart.track, part, {} if apart.pair is None else {"pair": apart.pair}, n_rows=n_rows, **found
    )
    # A pair belongs to no single animal.
    return row if apart.pair is None else replace(row, individual="", subject_id=None)


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
