"""Tracks become positions, speed, heading and turning per frame.

A point is *trusted* when the file has a value for it, its confidence reaches ``tracking.min_confidence`` and
it is not the (0, 0) with which some trackers code a missing point. Gaps between trusted positions are bridged
linearly up to ``tracking.max_gap_s`` and never beyond the first or last trusted one. ``movement`` has the
same on xarray (``interpolate_over_time``); numpy is used here because importing movement takes longer than a
session's kinematics.

Definitions
-----------
Position
    The keypoint in the role ``center``, or else the mean of the body points of the frame (tails beyond the
    base, arena corners and ignored points left out).
Step
    Distance between the bridged, unsmoothed positions of a frame and the frame before; distances moved are
    sums of steps.
Speed
    Positions are smoothed by a centered median, then a centered mean over ``tracking.speed_window_s``; speed
    is the length of their central difference times the frame rate. Near the ends of a stretch the window
    shrinks on both sides alike.
Heading
    Direction from tail base to nose (or to the middle of the ears), else from center to them, else from tail
    base to center, else the tracker's orientation, else the direction of movement while the animal moves;
    unwrapped and smoothed like positions.
Turning
    Central difference of the heading times the frame rate; positive is clockwise in the image, which is to
    the animal's right when it is filmed from above.

Settings in seconds are put on frames by the session's clock; a session without a frame rate takes them at 25
frames per second, while everything reported counts per frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.domain import Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import MANIFEST, Experiment
from ethochat.index.formats.base import Track
from ethochat.index.settings import KeypointRoles, TrackingSettings
from ethochat.index.tables import conform, empty
from ethochat.index.timebase import TimeBase

if TYPE_CHECKING:
    from ethochat.index.zones import Geometry

Floats = NDArray[np.float64]

SETTINGS_CLOCK = TimeBase(fps=Fraction(25))
"""Puts settings given in seconds on frames where a session's frame rate is not known."""

MIN_TRAVEL_PX = 1.0
MIN_TRAVEL_CM = 0.1
"""Movement over two frames, smoothed, from which a direction of movement is read."""

IMPLAUSIBLE_SPEED_CM_PER_S = 150.0
"""Mice are not seen to run faster in an arena; faster steps are jumps of the tracker."""

_NAMES: dict[str, tuple[str, ...]] = {
    "center": (
        *(
            "bodycenter",
            "center",
            "mousecenter",
            "centerofmass",
            "com",
            "centroid",
            "centerback",
            "backcenter",
        ),
        *(
            "midback",
            "backmid",
            "body",
            "bodymid",
            "midbody",
            "spinemid",
            "midspine",
            "spine",
            "spine2",
            "torso",
            "thorax",
        ),
        *("trunk", "back"),
    ),
    "nose": ("nose", "snout", "nosetip", "snouttip", "tipofnose"),
    "left_ear": ("leftear", "earleft", "earl", "lear"),
    "right_ear": ("rightear", "earright", "earr", "rear"),
    "tail_base": (
        *("tailbase", "basetail", "baseoftail", "tailroot", "tailstart", "proximaltail", "tailproximal"),
        *("buttproximaltail", "butt", "rump", "tail1", "tail"),
    ),
}
"""Spellings of each role, normalized, in order of preference."""

_TAIL = re.compile(r"tail")


# ------------------------------------------------------------------ gaps, paths and smoothing
def bridge(x: Floats, max_gap: int | None) -> Floats:
    """Fill gaps by linear interpolation, never before the first or after the last value.

    Parameters
    ----------
    x
        Shape ``(n_frames,)``; NaN where missing.
    max_gap
        Longest gap filled, in frames; ``None`` fills all. A longer gap stays whole.
    """
    values = np.asarray(x, dtype=np.float64)
    seen = np.flatnonzero(~np.isnan(values))
    if len(seen) < 2:
        return values.copy()
    filled = np.interp(np.arange(len(values)), seen, values[seen], left=np.nan, right=np.nan)
    if max_gap is not None:
        for index in np.flatnonzero(np.diff(seen) - 1 > max_gap):
            filled[seen[index] + 1 : seen[index + 1]] = np.nan
    return filled


def bridge_pair(x: Floats, y: Floats, max_gap: int | None) -> tuple[Floats, Floats]:
    """Bridge two coordinates of one point; where one is missing, both are."""
    missing = np.isnan(x) | np.isnan(y)
    return bridge(np.where(missing, np.nan, x), max_gap), bridge(np.where(missing, np.nan, y), max_gap)


def steps(x: Floats, y: Floats) -> Floats:
    """Distance from the frame before, NaN for the first frame and where either position is missing."""
    lengths = np.full(len(x), np.nan)
    if len(x) > 1:
        lengths[1:] = np.hypot(np.diff(x), np.diff(y))
    return lengths


def path_length(
    x: Floats, y: Floats, *, bridge: Literal["none", "short", "all"] = "short", max_gap: int | None = None
) -> float:
    """Length of a path: the sum of its steps.

    Parameters
    ----------
    x, y
        Positions, shape ``(n_frames,)``, NaN where missing.
    bridge
        Which gaps are crossed in a straight line: none, those up to ``max_gap`` frames, or all between the
        first and the last position.
    max_gap
        Needed for ``"short"``.

    Raises
    ------
    ValueError
        When ``"short"`` comes without ``max_gap``.
    """
    if bridge == "short" and max_gap is None:
        raise ValueError("Expected max_gap in frames with bridge='short', got None.")
    limit = {"none": 0, "short": max_gap, "all": None}[bridge]
    return float(np.nansum(steps(*bridge_pair(x, y, limit))))


def setting_frames(timebase: TimeBase, seconds: float) -> int:
    """Frames of a setting given in seconds; at 25 frames per second where the frame rate is not known."""
    return (SETTINGS_CLOCK if timebase.fps is None else timebase).nearest_boundary(seconds)


def half_window(timebase: TimeBase, settings: TrackingSettings) -> int:
    """Frames on each side of a frame that the smoothing window covers."""
    return setting_frames(timebase, settings.speed_window_s) // 2


def smooth(x: Floats, half: int) -> Floats:
    """Centered median, then centered mean.

    Near a missing value or an end the window shrinks on both sides alike, so that a straight line stays as it
    is.

    Parameters
    ----------
    x
        Shape ``(n_frames,)``; NaN where missing, and NaN there in the result.
    half
        Frames on each side.
    """
    return _rolling(_rolling(x, half, np.median), half, np.mean)


def _rolling(x: Floats, half: int, reduce: Callable[..., Floats]) -> Floats:
    widths = np.minimum(_room(x), half)
    result = np.array(x, dtype=np.float64)
    for width in range(1, half + 1):
        frames = np.flatnonzero(widths == width)
        if len(frames):
            windows = np.lib.stride_tricks.sliding_window_view(x, 2 * width + 1)
            result[frames] = reduce(windows[frames - width], axis=1)
    return result


def _room(x: Floats) -> NDArray[np.int64]:
    """Frames with a value on the shorter side of each frame; -1 where it has none itself."""
    n = len(x)
    barred = np.concatenate(([-1], np.flatnonzero(np.isnan(x)), [n]))
    frames = np.arange(n)
    after = np.searchsorted(barred, frames, side="left")
    before = np.searchsorted(barred, frames, side="right") - 1
    return np.minimum(frames - barred[before], barred[after] - frames) - 1


def central_difference(x: Floats) -> Floats:
    """Change per frame: half that over two frames, or that to the only neighbor with a value."""
    change = np.full(len(x) + 1, np.nan)
    change[1:-1] = np.diff(x)
    left, right = change[:-1], change[1:]
    both = (left + right) / 2
    return np.where(np.isnan(both), np.where(np.isnan(left), right, left), both)


def velocity(x: Floats, y: Floats, *, half: int, frames_per_unit: float) -> tuple[Floats, Floats]:
    """Velocity of smoothed positions; its length is the speed of the table KINEMATICS.

    Returns
    -------
    vx, vy
        Shape ``(n_frames,)``, length per unit of time.
    """
    vx = central_difference(smooth(x, half)) * frames_per_unit
    vy = central_difference(smooth(y, half)) * frames_per_unit
    return vx, vy


# ------------------------------------------------------------------ trusted points and their roles
def resolve_roles(keypoints: Sequence[str], roles: KeypointRoles) -> KeypointRoles:
    """Find which keypoint plays which part: as declared, else by the usual names.

    Parameters
    ----------
    keypoints
        Names as the tracker gives them. A tracker's only keypoint is the center, whatever its name.
    roles
        As declared.

    Returns
    -------
    KeypointRoles
        A role that stays ``None`` is not tracked. Without ``center`` the mean of the body points takes its
        place.

    Raises
    ------
    ExperimentError
        When a declared keypoint is not tracked.
    """
    if len(keypoints) == 1:
        return KeypointRoles(center=keypoints[0], ignored=roles.ignored)
    known = {_normalized(name): name for name in reversed(keypoints) if name not in roles.ignored}
    if "lear" not in known:
        known.pop(
            "rear", None
        )  # "r_ear" only where there is an "l_ear"; else it may be the rear of the animal
    found: dict[str, str | None] = {}
    for role, spellings in _NAMES.items():
        declared: str | None = getattr(roles, role)
        if declared is not None and declared not in keypoints:
            raise ExperimentError(
                f"Expected a tracked keypoint for [keypoints] {role}, found {declared!r}; "
                f"tracked are {list(keypoints)}.",
                path=MANIFEST,
            )
        found[role] = declared or next((known[name] for name in spellings if name in known), None)
    return KeypointRoles(**found, ignored=roles.ignored)


def _normalized(name: str) -> str:
    letters = re.sub(r"[^a-z0-9]", "", name.lower()).replace("centre", "center")
    return letters.removesuffix("point") or letters


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPoints:
    """A track's trusted points by role, one animal at a time."""

    track: Track
    settings: TrackingSettings
    roles: KeypointRoles
    body: tuple[str, ...]
    """Keypoints whose mean stands for a center that is not tracked."""
    zero_is_missing: bool

    @classmethod
    def of(cls, track: Track, experiment: Experiment | None) -> TrackPoints:
        """Apply an experiment's settings (the defaults without one) to a track."""
        settings = experiment.tracking if experiment is not None else TrackingSettings()
        roles = resolve_roles(
            track.keypoints, experiment.keypoints if experiment is not None else KeypointRoles()
        )
        fixed = set(roles.ignored)
        if experiment is not None:
            fixed |= set(experiment.arena.corner_keypoints if experiment.arena is not None else ())
            fixed |= {name for zone in experiment.zones for name in zone.keypoints}
        tails = {name for name in track.keypoints if _TAIL.search(name.lower()) and name != roles.tail_base}
        body = tuple(name for name in track.keypoints if name not in fixed | tails)
        return cls(
            track=track,
            settings=settings,
            roles=roles,
            body=body,
            zero_is_missing=codes_zero(track, settings),
        )

    def point(self, keypoint: str, individual: int) -> tuple[Floats, Floats]:
        """Trusted positions of one keypoint, NaN where there is none."""
        column = self.track.keypoints.index(keypoint)
        xy = self.track.position[:, :, column, individual].astype(np.float64)
        missing = np.isnan(xy).any(axis=1)
        if self.zero_is_missing:
            missing |= (xy == 0).all(axis=1)
        if self.track.confidence is not None:
            # NaN confidence is no confidence: the comparison is written so that it fails.
            missing |= ~(
                self.track.confidence[:, column, individual] >= np.float32(self.settings.min_confidence)
            )
        xy[missing] = np.nan
        return xy[:, 0], xy[:, 1]

    def center(self, individual: int, max_gap: int = 0) -> tuple[Floats, Floats]:
        """Positions of the body center; gaps of up to ``max_gap`` frames are bridged.

        A mean jumps where one of its points comes or goes, so the points are bridged before they are
        averaged.
        """
        if self.roles.center is not None:
            return bridge_pair(*self.point(self.roles.center, individual), max_gap)
        if not self.body:
            blank = np.full(self.track.position.shape[0], np.nan)
            return blank, blank.copy()
        points = np.array([bridge_pair(*self.point(name, individual), max_gap) for name in self.body])
        seen = (~np.isnan(points[:, 0])).sum(axis=0)
        sums = np.where(seen > 0, np.nansum(points, axis=0), np.nan)
        return bridge_pair(sums[0] / np.maximum(seen, 1), sums[1] / np.maximum(seen, 1), max_gap)


def codes_zero(track: Track, settings: TrackingSettings) -> bool:
    """Whether (0, 0) stands for a missing point in this file."""
    if settings.zero_is_missing is not None:
        return settings.zero_is_missing
    if track.confidence is not None or track.unit != "px":
        return False
    return bool((track.position == 0).all(axis=1).any())


def scale_of(session: Session, experiment: Experiment, geometry: Geometry | None) -> float | None:
    """Pixels per centimetre: as declared for the session, else from the arena's size, else ``None``."""
    if session.px_per_cm is not None:
        return session.px_per_cm
    return geometry.px_per_cm if geometry is not None else None


# ------------------------------------------------------------------ tables
def tracks_frame(
    session: Session, track: Track, experiment: Experiment, px_per_cm: float | None
) -> pl.DataFrame:
    """List every point of a track as the tracker gave it.

    Returns
    -------
    polars.DataFrame
        Table TRACKS, sorted by individual, keypoint and frame in the track's order; missing points are null.
    """
    n, _, n_keypoints, n_individuals = track.position.shape
    if n == 0:
        return empty("tracks")
    xy = track.position.transpose(1, 3, 2, 0).reshape(2, -1)
    missing = np.isnan(xy).any(axis=0)
    if codes_zero(track, experiment.tracking):
        missing |= (xy == 0).all(axis=0)
    xy = np.where(missing, np.float32(np.nan), xy)
    columns = _lengths("x", xy[0], track, px_per_cm) | _lengths("y", xy[1], track, px_per_cm)
    if track.confidence is not None:
        columns["confidence"] = track.confidence.transpose(2, 1, 0).reshape(-1)
    individuals = np.repeat(np.arange(n_individuals), n_keypoints * n)
    keypoints = np.tile(np.repeat(np.arange(n_keypoints), n), n_individuals)
    frame = pl.DataFrame(columns, nan_to_null=True).with_columns(
        pl.Series("individual", track.individuals, dtype=pl.String).gather(individuals),
        pl.Series("keypoint", track.keypoints, dtype=pl.String).gather(keypoints),
        pl.Series("frame", np.tile(_frames(track), n_individuals * n_keypoints)),
        session_id=pl.lit(session.session_id),
        source=pl.lit(track.source),
    )
    return conform(frame, "tracks")


def kinematics_frame(
    session: Session, track: Track, experiment: Experiment, geometry: Geometry | None, px_per_cm: float | None
) -> pl.DataFrame:
    """Compute position, speed, heading, turning, body length and wall distance of every animal of a track.

    Parameters
    ----------
    geometry
        The arena, for wall distances; ``None`` leaves them null.
    px_per_cm
        Scale; ``None`` leaves the columns in centimetres null. A track in centimetres has no columns in
        pixels.

    Returns
    -------
    polars.DataFrame
        Table KINEMATICS, one row per individual and frame, in the track's order.
    """
    points = TrackPoints.of(track, experiment)
    parts = [
        _individual_kinematics(session, points, index, geometry, px_per_cm)
        for index in range(len(track.individuals))
    ]
    return pl.concat([empty("kinematics"), *(conform(part, "kinematics") for part in parts)])


def _individual_kinematics(
    session: Session, points: TrackPoints, individual: int, geometry: Geometry | None, px_per_cm: float | None
) -> pl.DataFrame:
    track, clock = points.track, session.timebase
    max_gap = setting_frames(clock, points.settings.max_gap_s)
    half = half_window(clock, points.settings)
    x, y = points.center(individual, max_gap)
    vx, vy = velocity(x, y, half=half, frames_per_unit=clock.frames_per_unit)
    axis = _body_axis(points, individual, (x, y), max_gap)
    heading = _unwrapped(_heading(points, individual, axis, (vx, vy), clock))
    heading = smooth(heading, half)
    length = np.hypot(*axis.nose_to_tail) if axis.nose_to_tail is not None else np.full(len(x), np.nan)
    columns = (
        _lengths("x", x, track, px_per_cm)
        | _lengths("y", y, track, px_per_cm)
        | _lengths("step", steps(x, y), track, px_per_cm)
        | _lengths("speed", np.hypot(vx, vy), track, px_per_cm, suffix="_per_s")
        | _lengths("body_length", length, track, px_per_cm)
    )
    if geometry is not None and track.unit == "px":
        columns |= _lengths("wall_distance", geometry.wall_distance(x, y), track, px_per_cm)
    if track.area_px2 is not None:
        columns["area_px2"] = np.asarray(track.area_px2[:, individual], dtype=np.float64)
    columns["heading_deg"] = _wrapped(heading)
    columns["turning_deg_per_s"] = central_difference(heading) * clock.frames_per_unit
    return pl.DataFrame(columns, nan_to_null=True).with_columns(
        pl.Series("frame", _frames(track)),
        session_id=pl.lit(session.session_id),
        source=pl.lit(track.source),
        individual=pl.lit(track.individuals[individual]),
    )


def _frames(track: Track) -> NDArray[np.int32]:
    return np.arange(track.first_frame, track.first_frame + track.position.shape[0], dtype=np.int32)


def _lengths(
    name: str, values: NDArray[np.floating], track: Track, px_per_cm: float | None, suffix: str = ""
) -> dict[str, NDArray[np.floating]]:
    """Name a length by its unit, and convert it where the scale is known."""
    if track.unit == "cm":
        return {f"{name}_cm{suffix}": values}
    columns = {f"{name}_px{suffix}": values}
    if px_per_cm is not None:
        columns[f"{name}_cm{suffix}"] = values / px_per_cm
    return columns


# ------------------------------------------------------------------ heading
@dataclass(frozen=True, slots=True, kw_only=True)
class _BodyAxis:
    direction: tuple[Floats, Floats]
    """Vector along the body, tail to head; NaN where not known."""
    nose_to_tail: tuple[Floats, Floats] | None


def _body_axis(
    points: TrackPoints, individual: int, center: tuple[Floats, Floats], max_gap: int
) -> _BodyAxis:
    def bridged(name: str | None) -> tuple[Floats, Floats] | None:
        return None if name is None else bridge_pair(*points.point(name, individual), max_gap)

    roles = points.roles
    nose, tail = bridged(roles.nose), bridged(roles.tail_base)
    left, right = bridged(roles.left_ear), bridged(roles.right_ear)
    ears = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2) if left and right else None
    # A center that is the mean of these same points lies between them, and serves as well.
    candidates = [(tail, nose), (tail, ears), (center, nose), (center, ears), (tail, center), (ears, nose)]
    dx, dy = np.full(len(center[0]), np.nan), np.full(len(center[0]), np.nan)
    for start, stop in candidates:
        if start is not None and stop is not None:
            dx, dy = _where_missing((dx, dy), (stop[0] - start[0], stop[1] - start[1]))
    spine = (nose[0] - tail[0], nose[1] - tail[1]) if nose and tail else None
    return _BodyAxis(direction=(dx, dy), nose_to_tail=spine)


def _heading(
    points: TrackPoints, individual: int, axis: _BodyAxis, moving: tuple[Floats, Floats], clock: TimeBase
) -> Floats:
    """Raw heading in degrees, NaN where nothing shows it."""
    dx, dy = axis.direction
    heading = np.where((dx == 0) & (dy == 0), np.nan, np.degrees(np.arctan2(dy, dx)))
    if points.track.orientation_deg is not None:
        given = points.track.orientation_deg[:, individual].astype(np.float64)
        heading = np.where(np.isnan(heading), given, heading)
    per_frame = np.hypot(*moving) / clock.frames_per_unit
    least = MIN_TRAVEL_PX if points.track.unit == "px" else MIN_TRAVEL_CM
    direction = np.degrees(np.arctan2(moving[1], moving[0]))
    return np.where(np.isnan(heading) & (2 * per_frame >= least), direction, heading)


def _where_missing(first: tuple[Floats, Floats], second: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    missing = np.isnan(first[0]) | np.isnan(first[1])
    return np.where(missing, second[0], first[0]), np.where(missing, second[1], first[1])


def _unwrapped(degrees: Floats) -> Floats:
    seen = ~np.isnan(degrees)
    result = degrees.copy()
    result[seen] = np.unwrap(degrees[seen], period=360.0)
    return result


def _wrapped(degrees: Floats) -> Floats:
    return (degrees + 180.0) % 360.0 - 180.0


# ------------------------------------------------------------------ reading TRACKS back
def masked_positions(
    tracks: pl.DataFrame, *, min_confidence: float, unit: Literal["px", "cm"] = "px"
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Trusted positions of one keypoint out of the table TRACKS.

    Parameters
    ----------
    tracks
        Rows of one session, source, individual and keypoint, in any order.
    min_confidence
        Points below are missing; rows without a confidence are judged by their position alone.
    unit
        Which coordinates to take.

    Returns
    -------
    frames
        Every frame from the first to the last row, shape ``(n,)``.
    x, y
        Shape ``(n,)``, NaN where missing.

    Raises
    ------
    ValueError
        When a frame occurs twice, so that the rows are not of one point.
    """
    if tracks.is_empty():
        return np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)
    if tracks["frame"].is_duplicated().any():
        raise ValueError(
            "Expected rows of one session, source, individual and keypoint, got several per frame."
        )
    doubtful = (pl.col("confidence") < pl.lit(min_confidence, dtype=pl.Float32)).fill_null(False)
    kept = tracks.filter(~doubtful & pl.col(f"x_{unit}").is_not_null() & pl.col(f"y_{unit}").is_not_null())
    first, last = int(tracks["frame"].min()), int(tracks["frame"].max())  # type: ignore[arg-type]
    x, y = np.full(last - first + 1, np.nan), np.full(last - first + 1, np.nan)
    rows = kept["frame"].to_numpy() - first
    x[rows], y[rows] = kept[f"x_{unit}"].to_numpy(), kept[f"y_{unit}"].to_numpy()
    return np.arange(first, last + 1), x, y


# ------------------------------------------------------------------ what is doubtful about a track
def quality_flags(
    session: Session,
    track: Track,
    video_info_n_frames: int | None,
    kinematics: pl.DataFrame,
    *,
    experiment: Experiment | None = None,
) -> pl.DataFrame:
    """Say what is doubtful about a track.

    ``no_animal`` (excludes)
        No frame has a trusted point of the body.
    ``mostly_missing`` (excludes)
        More than ``tracking.max_missing_fraction`` of the frames have no trusted point of the body, before
        bridging.
    ``center_mostly_missing``
        As many have no trusted body center, though other points of the animal are seen.
    ``frame_count_differs``
        Track and video differ in frames. It excludes where they differ by more than 25 frames and by more
        than 1 % of the video, because then the times of the track cannot be right. A track that numbers its
        frames may end early; beyond the video's end there is nothing that it can have seen.
    ``implausible_speed``
        More than 1 % of the steps are faster than 150 cm/s, where scale and frame rate are known.

    Parameters
    ----------
    video_info_n_frames
        Frames of the session's video, ``None`` where there is none.
    kinematics
        The track's rows of KINEMATICS.
    experiment
        Gives the settings; the defaults without it.

    Returns
    -------
    polars.DataFrame
        Table FLAGS.
    """
    points = TrackPoints.of(track, experiment)
    flags = [_missing_flag(points, index) for index in range(len(track.individuals))]
    flags.append(_frame_count_flag(track, video_info_n_frames))
    if session.fps is not None:
        flags.extend(_speed_flag(kinematics, name, session.timebase) for name in track.individuals)
    rows = [{"session_id": session.session_id, **flag} for flag in flags if flag is not None]
    return conform(pl.DataFrame(rows), "flags") if rows else empty("flags")


Flag = dict[str, str | bool]


def _missing_flag(points: TrackPoints, individual: int) -> Flag | None:
    track, limit = points.track, points.settings.max_missing_fraction
    name, n = track.individuals[individual], track.position.shape[0]
    unseen = np.ones(n, dtype=np.bool_)
    for keypoint in points.body:
        unseen &= np.isnan(points.point(keypoint, individual)[0])
    no_center = np.isnan(points.center(individual)[0])
    who = f"{name!r} of tracker {track.source!r}" if name else f"tracker {track.source!r}"
    beyond = f"of {n} frames of {who}"
    if unseen.all():
        message = f"No position in any of {n} frames of {who}: no animal was found."
        return {"individual": name, "code": "no_animal", "excludes": True, "message": message}
    if unseen.mean() > limit:
        message = f"No position in {100 * unseen.mean():.1f} % {beyond}."
        return {"individual": name, "code": "mostly_missing", "excludes": True, "message": message}
    if no_center.mean() > limit:
        message = f"The body center has no trusted position in {100 * no_center.mean():.1f} % {beyond}."
        return {"individual": name, "code": "center_mostly_missing", "excludes": False, "message": message}
    return None


def _frame_count_flag(track: Track, n_video: int | None) -> Flag | None:
    n_track = track.first_frame + track.position.shape[0]
    if n_video is None or n_video == n_track or (track.explicit_frames and n_track < n_video):
        return None
    excludes = abs(n_video - n_track) > max(25, 0.01 * n_video)
    message = f"The track {track.source!r} covers {n_track} frames, the video has {n_video}."
    if excludes:
        message += " They differ so much that frames cannot be matched; check that both belong together."
    return {"individual": "", "code": "frame_count_differs", "excludes": excludes, "message": message}


def _speed_flag(kinematics: pl.DataFrame, individual: str, clock: TimeBase) -> Flag | None:
    step = kinematics.filter(pl.col("individual") == individual)["step_cm"].drop_nulls()
    if step.is_empty():
        return None
    share = float((step * clock.frames_per_unit > IMPLAUSIBLE_SPEED_CM_PER_S).mean() or 0.0)  # type: ignore[arg-type]
    if share <= 0.01:
        return None
    limit = f"{IMPLAUSIBLE_SPEED_CM_PER_S:g} cm/s"
    message = (
        f"{100 * share:.1f} % of the steps are faster than {limit}: the track jumps or the scale is wrong."
    )
    return {"individual": individual, "code": "implausible_speed", "excludes": False, "message": message}
