"""How well an animal was tracked."""

from __future__ import annotations

import numpy as np
import polars as pl

from ethochat.tools.context import ToolContext
from ethochat.tools.motion.results import make_row, measured_rows
from ethochat.tools.motion.tracks import (
    Frames,
    LengthUnit,
    TrackRef,
    keypoints_of,
    plan_tracks,
    read_point,
    scan_session,
    without_scale,
)
from ethochat.tools.motion.windows import Part, Windows
from ethochat.tools.rows import Call, Measured, Row
from ethochat.tools.selection import match_name


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
    measured = measured_rows(name, "%", "ratio", rows, plan=plan, windows=windows)
    said = f"A point counts from confidence {limit:g} on."
    return Measured(
        name=name, unit="%", kind="ratio", rows=rows, flags=(*without_scale(measured.flags), said)
    )


def _stored_unit(context: ToolContext, track: TrackRef) -> LengthUnit:
    """Find the unit in which a track has coordinates at all."""
    has_px = (
        scan_session(context, "tracks", track.session_id)
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
        if differ and windows.everything and not _is_windowed(call):
            rows.append(_missing_row(call, track, _whole(session), session, seen=seen, of="of the session"))
    measured = measured_rows("missing_frames", "frames", "additive", rows, plan=plan, windows=windows)
    return Measured(
        name=measured.name, unit="frames", kind="additive", rows=rows, flags=without_scale(measured.flags)
    )


def _is_windowed(call: Call) -> bool:
    return call.scope.is_cut or call.arguments.bin_s is not None


def _whole(frames: Frames) -> Part:
    return Part(index=0, start=0.0, behavior="", is_empty=False, starts=frames[:1], stops=frames[-1:] + 1)


def _frames_with_a_point(call: Call, track: TrackRef) -> Frames:
    """Frames in which at least one keypoint (of those named) is seen; confidence counts only where the call names a limit."""
    seen = pl.col("x_px").is_not_null() | pl.col("x_cm").is_not_null()
    if call.arguments.min_confidence is not None:
        seen &= (pl.col("confidence") >= call.arguments.min_confidence).fill_null(True)
    if call.arguments.keypoints:
        known = keypoints_of(call.context, track)
        seen &= pl.col("keypoint").is_in([match_name(n, known, "keypoint") for n in call.arguments.keypoints])
    table = (
        scan_session(call.context, "tracks", track.session_id)
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
) -> Row:
    inside = frames[part.mask(frames)]
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
    flags = (*without_scale(plan.flags), *differ[:3])
    return Measured(name="n_frames", unit="frames", kind="additive", rows=rows, flags=flags)
