"""Which animal of which tracker a call is about, in which unit of length, and its points as the tables have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.kinematics import masked_positions
from ethochat.index.timebase import TimeBase
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError
from ethochat.tools.rows import Call, Vector, clocks
from ethochat.tools.selection import Scope, listing, match_sources
from ethochat.tools.units import canonical_unit, dimension_of

Frames = NDArray[np.int64]
LengthUnit = Literal["px", "cm"]


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


def plan_tracks(call: Call, *, everyone: bool = False) -> TrackPlan:
    """Choose tracker, animals and the unit of lengths.

    Parameters
    ----------
    everyone
        Plan the other animals of the sessions too, where the call names some.

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
            f"{call.arguments.measure} needs positions, but there is no track in {name_sessions(scope)}."
        )
    wanted = [
        name for name in match_sources(call.context, call.arguments.sources) if name in set(table["source"])
    ]
    if call.arguments.sources and not wanted and not call.arguments.behaviors:
        raise ToolFailedError(
            f"{listing(call.arguments.sources)} gave no track in {name_sessions(scope)}; "
            f"trackers there: {listing(sorted(set(table['source'])))}."
        )
    chosen, flags = _choose_trackers(table, wanted, every="source" in call.split)
    tracks = list(_refs(chosen, scope))
    if not any(scope.includes(track.session_id, track.individual) for track in tracks):
        raise ToolFailedError(f"None of the animals asked for is tracked in {name_sessions(scope)}.")
    if not everyone:
        tracks = [track for track in tracks if scope.includes(track.session_id, track.individual)]
    flags += _untracked_flags(scope, table, chosen)
    tracks, unit = _length_unit(call, tracks, flags)
    return TrackPlan(tracks=tracks, flags=tuple(flags), unit=unit)


def _untracked_flags(scope: Scope, table: pl.DataFrame, chosen: pl.DataFrame) -> list[str]:
    """Name the sessions without a track, and those that only other trackers saw."""
    tracked, seen = set(table["session_id"].to_list()), set(chosen["session_id"].to_list())
    untracked = [name for name in scope.session_ids if name not in tracked]
    others = [name for name in scope.session_ids if name in tracked - seen]
    flags = []
    if untracked:
        flags.append(f"{len(untracked)} sessions have no track and are not counted: {listing(untracked, 5)}.")
    if others:
        sources = listing(sorted(set(chosen["source"].to_list())))
        flags.append(
            f"{len(others)} sessions were not tracked by {sources} and are not counted: {listing(others, 5)}."
        )
    return flags


def name_sessions(scope: Scope) -> str:
    """Name the selected sessions, or say how many they are."""
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
            columns = scan_session(context, "kinematics", session_id).select(
                pl.col("x_cm").is_not_null().any()
            )
            if bool(columns.collect().item()):
                found.add(session_id)
    return found


def scan_session(context: ToolContext, table: str, session_id: str) -> pl.LazyFrame:
    """One session's rows of a large table, read by column."""
    file = context.catalog.path(table, session_id)
    return pl.scan_parquet(file) if file.exists() else context.catalog.read_session(table, session_id).lazy()


def track_rows(context: ToolContext, table: str, track: TrackRef) -> pl.LazyFrame:
    """Rows of one track in a large table, read by column."""
    return scan_session(context, table, track.session_id).filter(
        pl.col("source") == track.source, pl.col("individual") == track.individual
    )


def keypoints_of(context: ToolContext, track: TrackRef) -> list[str]:
    """Keypoints of a tracker, in the order of its file."""
    names = (
        track_rows(context, "tracks", track).select(pl.col("keypoint").unique(maintain_order=True)).collect()
    )
    return names["keypoint"].to_list()


def read_point(call: Call, track: TrackRef, keypoint: str, unit: LengthUnit) -> tuple[Frames, Vector, Vector]:
    """Confident positions of a keypoint, one per frame from first to last row, NaN where missing."""
    limit = call.arguments.min_confidence
    table = (
        scan_session(call.context, "tracks", track.session_id)
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


def confidence_flags(call: Call, plan: TrackPlan) -> tuple[str, ...]:
    """Name the experiment's own confidence limit where nobody asked for one and it dropped points."""
    limit = call.context.experiment.tracking.min_confidence
    if call.arguments.min_confidence is not None or limit <= 0:
        return ()
    for session_id in dict.fromkeys(track.session_id for track in plan.tracks):
        sources = {track.source for track in plan.tracks if track.session_id == session_id}
        doubtful = (
            scan_session(call.context, "tracks", session_id)
            .filter(pl.col("source").is_in(sorted(sources)), pl.col("confidence") < limit)
            .head(1)
            .collect()
        )
        if not doubtful.is_empty():
            return (f"Points below the experiment's default confidence of {limit:g} were left out.",)
    return ()


def without_scale(flags: Sequence[str]) -> tuple[str, ...]:
    """Drop the flags about scale, for a measure that has nothing to do with lengths."""
    return tuple(flag for flag in flags if not flag.startswith("No scale"))
