"""Measures of tracks and zones: paths, speeds, distances between points, time in zones.

The body center comes from the KINEMATICS table (confident, bridged over short gaps); a named keypoint, or a
call that says how to treat missing points, is computed from TRACKS. Distances between points skip the frames
in which one is missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.behaviors.bouts import Interval, clip_intervals, intersect, mask_to_runs, unite
from ethochat.index.kinematics import (
    bridge_pair,
    half_window,
    masked_positions,
    resolve_roles,
    setting_frames,
    steps,
    velocity,
)
from ethochat.index.timebase import TimeBase
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.rows import Call, Kind, Measured, Row, Vector, bins_of, clocks
from ethochat.tools.selection import (
    Scope,
    find_name,
    listing,
    match_behaviors,
    match_name,
    match_sources,
    plan_sources,
)
from ethochat.tools.units import canonical_unit, dimension_of

Frames = NDArray[np.int64]
LengthUnit = Literal["px", "cm"]


# ----------------------------------------------------------------- which tracks
@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRef:
    """One animal of one tracker in one session."""

    session_id: str
    source: str
    individual: str
    start: float
    stop: float
    n_frames: int
    clock: TimeBase


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPlan:
    """The tracks a call works on."""

    tracks: Sequence[TrackRef]
    flags: tuple[str, ...]
    unit: LengthUnit

    @property
    def time_unit(self) -> str:
        """Unit of the times of all tracks."""
        units = {track.clock.unit for track in self.tracks}
        return "frames" if units == {"frames"} else "s"


def plan_tracks(call: Call) -> TrackPlan:
    """Choose tracker, animals and the unit of lengths.

    Raises
    ------
    ToolFailedError
        When no selected session has a track, or centimetres are asked for without a scale.
    """
    scope = call.scope
    table = call.context.catalog.load("coverage").filter(
        pl.col("kind") == "track", pl.col("session_id").is_in(scope.session_ids)
    )
    if table.is_empty():
        raise ToolFailedError(
            f"{call.arguments.measure} needs positions, but there is no track in {_sessions(scope)}."
        )
    wanted = [
        name for name in match_sources(call.context, call.arguments.sources) if name in set(table["source"])
    ]
    if call.arguments.sources and not wanted and not call.arguments.behaviors:
        raise ToolFailedError(
            f"{listing(call.arguments.sources)} gave no track in {_sessions(scope)}; "
            f"trackers there: {listing(sorted(set(table['source'])))}."
        )
    chosen, flags = _choose_trackers(table, wanted, every="source" in call.split)
    tracks = [track for track in _refs(chosen, scope) if scope.includes(track.session_id, track.individual)]
    if not tracks:
        raise ToolFailedError(f"None of the animals asked for is tracked in {_sessions(scope)}.")
    untracked = [name for name in scope.session_ids if name not in set(table["session_id"])]
    if untracked:
        flags.append(f"{len(untracked)} sessions have no track and are not counted: {listing(untracked, 5)}.")
    tracks, unit = _length_unit(call, tracks, flags)
    return TrackPlan(tracks=tracks, flags=tuple(flags), unit=unit)


def _sessions(scope: Scope) -> str:
    ids = scope.session_ids
    return listing(ids) if len(ids) <= 3 else f"the {len(ids)} selected sessions"


def _choose_trackers(
    table: pl.DataFrame, wanted: Sequence[str], *, every: bool
) -> tuple[pl.DataFrame, list[str]]:
    """Trackers named, all of them, or the first of each session."""
    if wanted:
        return table.filter(pl.col("source").is_in(list(wanted))), []
    if every:
        return table, []
    first = table.group_by("session_id", maintain_order=True).agg(pl.col("source").first())
    chosen = table.join(first, on=["session_id", "source"], how="semi", maintain_order="left")
    used = list(dict.fromkeys(chosen["source"].to_list()))
    others = [name for name in dict.fromkeys(table["source"].to_list()) if name not in used]
    return chosen, [f"Tracker: {listing(used)} (also there: {listing(others)})."] if others else []


def _refs(table: pl.DataFrame, scope: Scope) -> Iterator[TrackRef]:
    clock = clocks(scope)
    order = {session_id: place for place, session_id in enumerate(scope.session_ids)}
    rows = sorted(table.iter_rows(named=True), key=lambda row: order[row["session_id"]])
    for row in rows:
        time = clock[row["session_id"]]
        n_frames = row["n_frames"] or 0
        start = row["start_time"] or 0.0
        stop = row["stop_time"] if row["stop_time"] is not None else start + time.time_of(n_frames)
        yield TrackRef(
            session_id=row["session_id"],
            source=row["source"],
            individual=row["individual"] or "",
            start=start,
            stop=stop,
            n_frames=n_frames,
            clock=time,
        )


def _length_unit(call: Call, tracks: list[TrackRef], flags: list[str]) -> tuple[list[TrackRef], LengthUnit]:
    """Centimetres where every session has them or they are asked for, else pixels."""
    scale = dict(call.scope.sessions.select("session_id", "px_per_cm").iter_rows())
    scaled = {s for s, value in scale.items() if value is not None} | _without_pixels(
        call.context, tracks, scale
    )
    wanted = None if call.arguments.unit is None else canonical_unit(call.arguments.unit)
    ids = list(dict.fromkeys(track.session_id for track in tracks))
    without = [session_id for session_id in ids if session_id not in scaled]
    if dimension_of(wanted) in ("length", "speed"):
        if len(without) == len(ids):
            raise ToolFailedError(
                f"No scale (px per cm) is documented for {listing(ids, 5)}; distances can be given in px."
            )
        if without:
            flags.append(
                f"No scale (px per cm) is documented for {listing(without, 5)}; they are not counted."
            )
        return [track for track in tracks if track.session_id in scaled], "cm"
    if wanted is not None and "px" in wanted:
        return tracks, "px"
    if without:
        flags.append(
            f"No scale (px per cm) is documented for {listing(without, 5)}: lengths are in pixels (px)."
        )
    return tracks, "px" if without else "cm"


def _without_pixels(
    context: ToolContext, tracks: Sequence[TrackRef], scale: Mapping[str, float | None]
) -> set[str]:
    """Sessions without a scale whose tracker gives centimetres itself."""
    found = set()
    for session_id in dict.fromkeys(track.session_id for track in tracks):
        if scale.get(session_id) is None:
            columns = _scan(context, "kinematics", session_id).select(pl.col("x_cm").is_not_null().any())
            if bool(columns.collect().item()):
                found.add(session_id)
    return found


def _scan(context: ToolContext, table: str, session_id: str) -> pl.LazyFrame:
    """One session's rows of a large table, read by column."""
    file = context.catalog.path(table, session_id)
    return pl.scan_parquet(file) if file.exists() else context.catalog.read_session(table, session_id).lazy()


# ----------------------------------------------------------------- windows on frames
@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The frames of one track in one bin."""

    index: int
    start: float
    behavior: str
    mask_of: Sequence[Interval]
    clock: TimeBase

    def mask(self, frames: Frames) -> NDArray[np.bool_]:
        """Frames whose start lies in the bin (and in a bout, where bouts were named)."""
        mask = np.zeros(len(frames), dtype=np.bool_)
        for start, stop in self.mask_of:
            low, high = np.searchsorted(
                frames, [_first_frame(self.clock, start), _first_frame(self.clock, stop)]
            )
            mask[low:high] = True
        return mask


def _first_frame(clock: TimeBase, time: float) -> int:
    """First frame that starts at a time or later."""
    frame = clock.frame_at(time)
    return frame if clock.time_of(frame) >= time - 1e-9 else frame + 1


class Windows:
    """Bins of a call, cut to the bouts that it names; made once for all tracks."""

    def __init__(self, call: Call) -> None:
        """Find the bouts, where behaviors are named: then only what happens during them counts."""
        self.call = call
        self._sessions = {row["session_id"]: row for row in call.scope.sessions.iter_rows(named=True)}
        self.flags: list[str] = []
        self._bouts: dict[tuple[str, str], dict[str, list[Interval]]] | None = None
        if call.arguments.excluding:
            raise ToolRetryError(
                f"{call.arguments.measure} knows no `excluding`; name what counts in `behaviors`."
            )
        if call.arguments.behaviors or call.arguments.during:
            self._bouts = self._during()
        if call.arguments.zones and call.arguments.measure not in ZONE_MEASURES:
            self._bouts = self._in_zones()

    def _in_zones(self) -> dict[tuple[str, str], dict[str, list[Interval]]]:
        """When each animal is in the zones of the call, and does what it names."""
        call = self.call
        self.flags.append(f"Only while in {listing(call.arguments.zones)}.")
        inside = zone_intervals(call)
        if self._bouts is None:
            return {key: {"": intervals} for key, intervals in inside.items()}
        return {
            (session_id, individual): {
                name: intersect(
                    intervals, inside.get((session_id, individual), inside.get((session_id, ""), []))
                )
                for name, intervals in bouts.items()
            }
            for (session_id, individual), bouts in self._bouts.items()
        }

    def _during(self) -> dict[tuple[str, str], dict[str, list[Interval]]]:
        from ethochat.tools.labels import select_bouts

        call = self.call
        behaviors = match_behaviors(call.context, call.arguments.behaviors or call.arguments.during)
        coverage = call.context.catalog.load("coverage").filter(
            pl.col("kind").is_in(["annotations", "rules"])
        )
        labelers = set(coverage["source"].to_list())
        sources = [name for name in match_sources(call.context, call.arguments.sources) if name in labelers]
        plan = plan_sources(call.context, call.scope, behaviors, sources, split=False)
        self.flags += [*plan.flags, f"Only during {listing(behaviors)}."]
        found: dict[tuple[str, str], dict[str, list[Interval]]] = {}
        rows = select_bouts(call.context, plan, behaviors, call.arguments)
        for row in rows.select("session_id", "individual", "behavior", "start_time", "stop_time").iter_rows():
            name = row[2] if "behavior" in call.split else ""
            found.setdefault((row[0], row[1] or ""), {}).setdefault(name, []).append((row[3], row[4]))
        return found

    def parts(self, track: TrackRef, individuals: Sequence[str] | None = None) -> Iterator[Part]:
        """Bins of one track, by behavior where the result is split by it."""
        window = self.call.scope.window(self._sessions[track.session_id])
        window = (max(window[0], 0.0), window[1])
        for index, start, stop in bins_of(window, track.stop, self.call.arguments.bin_s):
            for behavior, intervals in self._allowed(track, individuals).items():
                inside = (
                    [(start, stop)] if intervals is None else clip_intervals(unite(intervals), start, stop)
                )
                yield Part(index=index, start=start, behavior=behavior, mask_of=inside, clock=track.clock)

    def _allowed(
        self, track: TrackRef, individuals: Sequence[str] | None
    ) -> Mapping[str, list[Interval] | None]:
        if self._bouts is None:
            return {"": None}
        names = ["", *(individuals if individuals is not None else [track.individual])]
        merged: dict[str, list[Interval] | None] = {}
        for name in dict.fromkeys(names):
            for behavior, intervals in self._bouts.get((track.session_id, name), {}).items():
                merged[behavior] = [*(merged.get(behavior) or []), *intervals]
        return merged


def make_row(
    call: Call, track: TrackRef, part: Part | None, labels: Mapping[str, str], **found: object
) -> Row:
    """Row of a track in a bin."""
    known = {"source": track.source, **labels}
    if part is not None and part.behavior:
        known["behavior"] = part.behavior
    return Row(
        session_id=track.session_id,
        individual=track.individual,
        subject_id=call.scope.subject_of(track.session_id, track.individual),
        labels=known,
        bin_index=part.index if part is not None else 0,
        bin_start=part.start if part is not None and call.arguments.bin_s is not None else None,
        **found,  # type: ignore[arg-type]
    )


# ----------------------------------------------------------------- paths and speeds
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


def _paths(call: Call, plan: TrackPlan, track: TrackRef) -> Iterator[tuple[str, Path]]:
    """Keypoint name (empty for the body center) and path, for every point the call names."""
    arguments = call.arguments
    plainly = arguments.min_confidence is None and arguments.interpolate is None
    if not arguments.keypoints and plainly:
        yield "", center_path(call.context, track, plan.unit)
        return
    for keypoint in _named_keypoints(call, track):
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
        _scan(context, "kinematics", track.session_id)
        .filter(pl.col("source") == track.source, pl.col("individual") == track.individual)
        .select("frame", *(pl.col(name).cast(pl.Float64) for name in columns))
        .collect()
        .sort("frame")
    )
    x, y, step, speed = (table[name].to_numpy() for name in columns)
    return Path(frames=table["frame"].cast(pl.Int64).to_numpy(), x=x, y=y, step=step, speed=speed)


def keypoints_of(context: ToolContext, track: TrackRef) -> list[str]:
    """Keypoints of a tracker, in the order of its file."""
    names = (
        _scan(context, "tracks", track.session_id)
        .filter(pl.col("source") == track.source, pl.col("individual") == track.individual)
        .select(pl.col("keypoint").unique(maintain_order=True))
        .collect()
    )
    return names["keypoint"].to_list()


def _named_keypoints(call: Call, track: TrackRef) -> list[str]:
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


def read_point(call: Call, track: TrackRef, keypoint: str, unit: LengthUnit) -> tuple[Frames, Vector, Vector]:
    """Confident positions of a keypoint, one per frame from first to last row, NaN where missing."""
    limit = call.arguments.min_confidence
    table = (
        _scan(call.context, "tracks", track.session_id)
        .filter(
            pl.col("source") == track.source,
            pl.col("individual") == track.individual,
            pl.col("keypoint") == keypoint,
        )
        .select("frame", f"x_{unit}", f"y_{unit}", "confidence")
        .collect()
    )
    return masked_positions(
        table,
        min_confidence=call.context.experiment.tracking.min_confidence if limit is None else limit,
        unit=unit,
    )


def distance(call: Call) -> Measured:
    """Path length: the sum of the steps; a step counts where it starts."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in _paths(call, plan, track):
            for part in windows.parts(track):
                moved = path.step[part.mask(path.frames - 1)]
                seen = bool(np.isfinite(moved).any())
                rows.append(
                    make_row(
                        call,
                        track,
                        part,
                        _point_label(keypoint),
                        value=float(np.nansum(moved)) if seen else None,
                        n_rows=len(moved),
                    )
                )
    return _measured("distance", plan.unit, "additive", rows, plan=plan, windows=windows)


def mean_speed(call: Call) -> Measured:
    """Path length over the time in which the animal was seen to move or rest."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in _paths(call, plan, track):
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
    return _measured("mean_speed", _speed_unit(plan), "ratio", rows, plan=plan, windows=windows)


def max_speed(call: Call) -> Measured:
    """Highest smoothed speed."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for track in plan.tracks:
        for keypoint, path in _paths(call, plan, track):
            for part in windows.parts(track):
                speed = path.speed[part.mask(path.frames)]
                seen = speed[np.isfinite(speed)]
                value = float(seen.max()) if len(seen) else None
                rows.append(
                    make_row(call, track, part, _point_label(keypoint), value=value, n_rows=len(speed))
                )
    return _measured("max_speed", _speed_unit(plan), "plain", rows, plan=plan, windows=windows)


def body_length(call: Call) -> Measured:
    """Distance from nose to tail base, frame by frame."""
    plan, windows = plan_tracks(call), Windows(call)
    column = f"body_length_{plan.unit}"
    rows = []
    for track in plan.tracks:
        table = (
            _scan(call.context, "kinematics", track.session_id)
            .filter(pl.col("source") == track.source, pl.col("individual") == track.individual)
            .select("frame", pl.col(column).cast(pl.Float64))
            .collect()
            .sort("frame")
        )
        frames, length = table["frame"].cast(pl.Int64).to_numpy(), table[column].to_numpy()
        for part in windows.parts(track):
            rows.append(_frame_row(call, track, part, {}, length[part.mask(frames)]))
    return _measured(
        "body_length", plan.unit, "pooled", rows, plan=plan, windows=windows, statistics=("median", "mean")
    )


def _point_label(keypoint: str) -> dict[str, str]:
    return {"keypoint": keypoint} if keypoint else {}


def _speed_unit(plan: TrackPlan) -> str:
    """Name the unit of speeds: per frame where no frame rate is documented."""
    return f"{plan.unit}/{'frame' if plan.time_unit == 'frames' else 's'}"


_OWN_CONFIDENCE: Final = ("percent_tracked", "percent_missing", "missing_frames")
"""Measures that say themselves which points count."""


def _measured(
    name: str,
    unit: str,
    kind: Kind,
    rows: Sequence[Row],
    *,
    plan: TrackPlan,
    windows: Windows,
    statistics: tuple[str, ...] = ("mean",),
) -> Measured:
    doubtful = () if name in _OWN_CONFIDENCE else confidence_flags(windows.call, plan)
    return Measured(
        name=name,
        unit=unit,
        kind=kind,
        rows=rows,
        default_statistics=statistics,
        observation="frames",
        flags=(*plan.flags, *windows.flags, *doubtful),
    )


def _frame_row(
    call: Call,
    track: TrackRef,
    part: Part,
    labels: Mapping[str, str],
    numbers: Vector,
) -> Row:
    """Row of a measure that pools frames; frames without a value are left out."""
    seen = numbers[np.isfinite(numbers)]
    value = float(np.median(seen)) if len(seen) else None
    return make_row(call, track, part, labels, value=value, observations=seen, n_rows=len(numbers))


# ----------------------------------------------------------------- distances between points
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
    return _measured(
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
    measured = _measured("time_near", plan.time_unit, "additive", rows, plan=plan, windows=windows)
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
        names = _named_keypoints(call, track)
        a, b = _aligned(*(_bridged(call, read_point(call, track, name, plan.unit)) for name in names))
        lengths = np.hypot(a[1] - b[1], a[2] - b[2])
        for part in windows.parts(track):
            labels = {"keypoint": f"{names[0]}-{names[1]}"}
            rows.append(_frame_row(call, track, part, labels, lengths[part.mask(a[0])]))
    return _measured(
        "keypoint_distance",
        plan.unit,
        "pooled",
        rows,
        plan=plan,
        windows=windows,
        statistics=("median", "mean"),
    )


# ----------------------------------------------------------------- how well was tracked
def percent_tracked(call: Call, *, missing: bool = False) -> Measured:
    """Share of the tracker's frames in which a keypoint is confident, or in which it is not."""
    plan, windows = plan_tracks(call), Windows(call)
    limit = call.arguments.min_confidence
    limit = call.context.experiment.tracking.min_confidence if limit is None else limit
    name = "percent_missing" if missing else "percent_tracked"
    rows = []
    for track in plan.tracks:
        known = keypoints_of(call.context, track)
        names = [match_name(point, known, "keypoint") for point in call.arguments.keypoints] or known
        for point in names:
            frames, x, _y = read_point(call, track, point, _stored_unit(call.context, track))
            for part in windows.parts(track):
                seen = np.isfinite(x[part.mask(frames)])
                if len(seen):
                    share = 100.0 * int((~seen if missing else seen).sum())
                    rows.append(
                        make_row(
                            call,
                            track,
                            part,
                            {"keypoint": point},
                            value=share / len(seen),
                            parts=(share, float(len(seen))),
                            n_rows=len(seen),
                        )
                    )
    measured = _measured(name, "%", "ratio", rows, plan=plan, windows=windows)
    said = f"A point counts from confidence {limit:g} on."
    return Measured(
        name=name, unit="%", kind="ratio", rows=rows, flags=(*_without_scale(measured.flags), said)
    )


def confidence_flags(call: Call, plan: TrackPlan) -> tuple[str, ...]:
    """Name the experiment's own confidence limit where nobody asked for one and it dropped points."""
    limit = call.context.experiment.tracking.min_confidence
    if call.arguments.min_confidence is not None or limit <= 0:
        return ()
    for session_id in dict.fromkeys(track.session_id for track in plan.tracks):
        sources = {track.source for track in plan.tracks if track.session_id == session_id}
        doubtful = (
            _scan(call.context, "tracks", session_id)
            .filter(pl.col("source").is_in(sorted(sources)), pl.col("confidence") < limit)
            .head(1)
            .collect()
        )
        if not doubtful.is_empty():
            return (f"Points below the experiment's default confidence of {limit:g} were left out.",)
    return ()


def _without_scale(flags: Sequence[str]) -> tuple[str, ...]:
    """Drop the flags about scale, for a measure that has nothing to do with lengths."""
    return tuple(flag for flag in flags if not flag.startswith("No scale"))


def _stored_unit(context: ToolContext, track: TrackRef) -> LengthUnit:
    """Find the unit in which a track has coordinates at all."""
    has_px = (
        _scan(context, "tracks", track.session_id)
        .filter(pl.col("source") == track.source)
        .select(pl.col("x_px").is_not_null().any())
        .collect()
        .item()
    )
    return "px" if has_px else "cm"


def missing_frames(call: Call) -> Measured:
    """Frames in which an animal has no keypoint at all."""
    plan, windows = plan_tracks(call), Windows(call)
    totals = dict(call.scope.sessions.select("session_id", "n_frames").iter_rows())
    rows = []
    for track in plan.tracks:
        seen = _frames_with_a_point(call, track)
        first = track.clock.nearest_boundary(track.start)
        tracked = np.arange(first, first + track.n_frames)
        session = np.arange(max(totals.get(track.session_id) or 0, first + track.n_frames))
        differ = len(session) > len(tracked)
        for part in windows.parts(track):
            rows.append(
                _missing_row(call, track, part, tracked, seen=seen, of="of the track" if differ else "")
            )
        if differ and call.scope.start is None and call.scope.stop is None and call.arguments.bin_s is None:
            whole = Part(index=0, start=0.0, behavior="", mask_of=[(0.0, float("inf"))], clock=track.clock)
            row = _missing_row(call, track, whole, session, seen=seen, of="of the session", everything=True)
            rows.append(row)
    measured = _measured("missing_frames", "frames", "additive", rows, plan=plan, windows=windows)
    return Measured(
        name=measured.name, unit="frames", kind="additive", rows=rows, flags=_without_scale(measured.flags)
    )


def _frames_with_a_point(call: Call, track: TrackRef) -> Frames:
    """Frames in which at least one keypoint (of those named) is seen; confidence counts only where the call names a limit."""
    seen = pl.col("x_px").is_not_null() | pl.col("x_cm").is_not_null()
    if call.arguments.min_confidence is not None:
        seen &= (pl.col("confidence") >= call.arguments.min_confidence).fill_null(True)
    if call.arguments.keypoints:
        known = keypoints_of(call.context, track)
        seen &= pl.col("keypoint").is_in([match_name(n, known, "keypoint") for n in call.arguments.keypoints])
    table = (
        _scan(call.context, "tracks", track.session_id)
        .filter(pl.col("source") == track.source, pl.col("individual") == track.individual, seen)
        .select(pl.col("frame").unique())
        .collect()
    )
    return np.sort(table["frame"].cast(pl.Int64).to_numpy())


def _missing_row(
    call: Call,
    track: TrackRef,
    part: Part,
    frames: Frames,
    *,
    seen: Frames,
    of: str,
    everything: bool = False,
) -> Row:
    inside = frames if everything else frames[part.mask(frames)]
    missing = len(inside) - int(np.isin(inside, seen).sum())
    return make_row(call, track, part, {"frames": of} if of else {}, value=float(missing), n_rows=len(inside))


def n_frames(call: Call) -> Measured:
    """Frames of the track, or of the session where nothing is tracked."""
    totals = dict(call.scope.sessions.select("session_id", "n_frames").iter_rows())
    tracked = call.context.catalog.load("coverage").filter(
        pl.col("kind") == "track", pl.col("session_id").is_in(call.scope.session_ids)
    )
    if tracked.is_empty():
        rows = [
            Row(session_id=s, subject_id=call.scope.alone.get(s), value=float(n), n_rows=1)
            for s, n in totals.items()
            if n is not None
        ]
        return Measured(name="n_frames", unit="frames", kind="additive", rows=rows)
    plan = plan_tracks(call)
    counts: dict[tuple[str, str], int] = {}
    for track in plan.tracks:
        counts[(track.session_id, track.source)] = track.n_frames
    rows = [
        Row(
            session_id=session_id,
            subject_id=call.scope.alone.get(session_id),
            labels={"source": source},
            value=float(n),
            n_rows=1,
        )
        for (session_id, source), n in counts.items()
    ]
    differ = [
        f"{session_id} has {totals[session_id]} frames, {source} tracked {n} of them."
        for (session_id, source), n in counts.items()
        if totals.get(session_id) not in (None, n)
    ]
    flags = (*_without_scale(plan.flags), *differ[:3])
    return Measured(name="n_frames", unit="frames", kind="additive", rows=rows, flags=flags)


# ----------------------------------------------------------------- zones
@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Whether one animal is in one zone, frame by frame."""

    track: TrackRef
    zone: str
    frames: Frames
    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]
    """Where the animal's position is known."""


def known_zones(context: ToolContext, session_ids: Sequence[str] = ()) -> list[str]:
    """Zones that were declared, and those of the tables of some sessions."""
    names = [zone.name for zone in context.experiment.zones]
    for session_id in session_ids:
        table = (
            _scan(context, "zones", session_id).select(pl.col("zone").unique(maintain_order=True)).collect()
        )
        names.extend(table["zone"].to_list())
    return list(dict.fromkeys(names))


def match_zones(context: ToolContext, names: Sequence[str], session_ids: Sequence[str]) -> list[str]:
    """Zones behind names and declared synonyms; all of them for no name."""
    known = known_zones(context, session_ids)
    synonyms = {word: zone.name for zone in context.experiment.zones for word in zone.synonyms}
    found = []
    for name in names:
        word = find_name(name, synonyms)
        exact = find_name(name, known)
        found.append(exact or (synonyms[word] if word is not None else match_name(name, known, "zone")))
    return list(dict.fromkeys(found)) or known


ZONE_MEASURES: Final = ("zone_time", "zone_percent", "zone_entries", "zone_latency")


def occupancies(call: Call, plan: TrackPlan) -> Iterator[Occupancy]:
    """Occupancy of the zones of a call by every track.

    Raises
    ------
    ToolFailedError
        When no zone is known in the selected sessions.
    """
    ids = list(dict.fromkeys(track.session_id for track in plan.tracks))
    wanted = match_zones(call.context, call.arguments.zones, ids)
    found = False
    for track in plan.tracks:
        table = (
            _scan(call.context, "zones", track.session_id)
            .filter(
                pl.col("source") == track.source,
                pl.col("individual") == track.individual,
                pl.col("zone").is_in(wanted),
            )
            .select("zone", pl.col("frame").cast(pl.Int64), "inside")
            .collect()
            .sort("zone", "frame")
        )
        for zone in wanted:
            rows = table.filter(pl.col("zone") == zone)
            if rows.is_empty():
                continue
            found = True
            yield Occupancy(
                track=track,
                zone=zone,
                frames=rows["frame"].to_numpy(),
                inside=_inside(rows["inside"], outside=call.arguments.outside),
                known=rows["inside"].is_not_null().to_numpy(),
            )
    if not found:
        raise ToolFailedError(f"No zones are known in {_sessions(call.scope)}; declare an arena and zones.")


def _inside(column: pl.Series, *, outside: bool) -> NDArray[np.bool_]:
    """Whether the animal is in a zone, or known to be outside of it."""
    return (~column if outside else column).fill_null(False).to_numpy()


def zone_measure(call: Call, name: str) -> Measured:
    """Time in zones, its share, entries and first visit, by the body center."""
    plan, windows = plan_tracks(call), Windows(call)
    rows = []
    for occupancy in occupancies(call, plan):
        for part in windows.parts(occupancy.track):
            mask = part.mask(occupancy.frames)
            found = _ZONE_FUNCTIONS[name](occupancy, mask)
            if found is not None:
                labels = {"zone": occupancy.zone}
                rows.append(make_row(call, occupancy.track, part, labels, n_rows=int(mask.sum()), **found))
    unit = {"zone_percent": "%", "zone_entries": "entries"}.get(name, plan.time_unit)
    kind = _ZONE_KINDS[name]
    flags = (*_without_scale(plan.flags), *windows.flags, *confidence_flags(call, plan))
    if call.arguments.outside:
        flags = (*flags, "Counted outside of the zone, where the position is known.")
    if unit == "frames":
        flags = (*flags, "The frame rate is not documented: times are in frames.")
    return Measured(name=name, unit=unit, kind=kind, rows=rows, flags=flags)


_ZONE_KINDS: Final[Mapping[str, Literal["additive", "plain", "ratio"]]] = {
    "zone_time": "additive",
    "zone_percent": "ratio",
    "zone_entries": "additive",
    "zone_latency": "plain",
}


def _zone_time(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    return {"value": int(occupancy.inside[mask].sum()) / occupancy.track.clock.frames_per_unit}


def _zone_percent(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object] | None:
    inside, known = int(occupancy.inside[mask].sum()), int(occupancy.known[mask].sum())
    return {"value": 100.0 * inside / known, "parts": (100.0 * inside, float(known))} if known else None


def _zone_entries(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    """Count changes from outside to inside between known positions; being inside at the start is no entry."""
    known = np.flatnonzero(occupancy.known)
    inside = occupancy.inside[known]
    entered = known[1:][inside[1:] & ~inside[:-1]]
    return {"value": float(np.count_nonzero(mask[entered]))}


def _zone_latency(occupancy: Occupancy, mask: NDArray[np.bool_]) -> dict[str, object]:
    frames = occupancy.frames[mask & occupancy.inside]
    return {"value": occupancy.track.clock.time_of(int(frames[0])) if len(frames) else None}


_ZONE_FUNCTIONS: Final = {
    "zone_time": _zone_time,
    "zone_percent": _zone_percent,
    "zone_entries": _zone_entries,
    "zone_latency": _zone_latency,
}


def zone_intervals(call: Call) -> dict[tuple[str, str], list[Interval]]:
    """When each animal was in one of the zones of a call: (session_id, individual) to intervals.

    A session with a single tracked animal is also listed under the individual ``""``.
    """
    plan = plan_tracks(call)
    found: dict[tuple[str, str], list[Interval]] = {}
    for occupancy in occupancies(call, plan):
        time = occupancy.track.clock.time_of
        # Rows are one per frame, so a run of rows is a run of frames as long as none is left out.
        runs = mask_to_runs(occupancy.inside)
        intervals = [
            (time(int(occupancy.frames[a])), time(int(occupancy.frames[b - 1]) + 1)) for a, b in runs
        ]
        key = (occupancy.track.session_id, occupancy.track.individual)
        found[key] = unite([*found.get(key, []), *intervals])
    animals: dict[str, list[str]] = {}
    for session_id, individual in found:
        animals.setdefault(session_id, []).append(individual)
    for session_id, names in animals.items():
        if len(names) == 1:
            found[(session_id, "")] = found[(session_id, names[0])]
    return found
