"""One session from its files to its tables.

Reading and deriving are apart: :func:`read_session` opens files and computes nothing, :func:`derive_session`
computes and opens nothing, so that a session's tables depend only on what its files hold and on the
experiment's two files.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ethochat.index.domain import Session
from ethochat.index.errors import InputError
from ethochat.index.experiment import Experiment
from ethochat.index.formats.base import Labels, Metrics, Track
from ethochat.index.tables import TABLES, conform, empty

if TYPE_CHECKING:
    from ethochat.index.video import VideoInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionData:
    """What a session's files hold, before anything is derived."""

    session: Session
    """With the frame rate that the files state, where sessions.csv states none."""
    video: VideoInfo | None = None
    tracks: Sequence[Track] = field(default_factory=list)
    """The first is the one that behaviors are read from; others are for comparison."""
    labels: Sequence[Labels] = field(default_factory=list)
    metrics: Sequence[Metrics] = field(default_factory=list)


def read_session(
    session: Session, *, follow: Callable[[Path], Track] | None = None, silhouette: bool = False
) -> SessionData:
    """Read every file of a session; a video without a track is tracked by its silhouette.

    Parameters
    ----------
    session
        As declared.
    follow
        Makes a track of a video; :func:`~ethochat.index.tracking.track_silhouette` by default.
    silhouette
        Follow the silhouette also where there are tracks; it comes first then.

    Raises
    ------
    InputError
        Naming file and row, what was expected and what was found.
    """
    from ethochat.index.formats import read_input

    video, session = _probed(session)
    tracks: list[Track] = []
    for item in session.inputs_of("pose"):
        track = read_input(item, session)
        if not isinstance(track, Track):
            raise InputError(f"Expected a track, found {type(track).__name__.lower()}.", path=item.path)
        if session.fps is None and track.fps is not None:
            session = dataclasses.replace(session, fps=track.fps)
        tracks.append(track)
    if video is not None and (silhouette or not tracks):
        tracks.insert(0, (follow or _silhouette)(video.path))
    labels: list[Labels] = []
    metrics: list[Metrics] = []
    for item in (*session.inputs_of("annotations"), *session.inputs_of("metrics")):
        content = read_input(item, session)
        if isinstance(content, Labels):
            labels.append(content)
        elif isinstance(content, Metrics):
            metrics.append(content)
        else:
            raise InputError(
                "Expected annotations or metrics, found a track; declare it as pose.", path=item.path
            )
    return SessionData(session=session, video=video, tracks=tracks, labels=labels, metrics=metrics)


def _probed(session: Session) -> tuple[VideoInfo | None, Session]:
    """Look at the session's first video, which gives the clock where nothing else does."""
    videos = session.inputs_of("video")
    if not videos:
        return None, session
    from ethochat.index.video import probe_video

    info = probe_video(videos[0].path)
    return info, session if session.fps is not None else dataclasses.replace(session, fps=info.fps)


def _silhouette(path: Path) -> Track:
    from ethochat.index.tracking import track_silhouette

    return track_silhouette(path)


def derive_session(experiment: Experiment, data: SessionData) -> dict[str, pl.DataFrame]:
    """Compute all tables of a session; a pure function of its arguments.

    Returns
    -------
    dict
        Table name (a key of ``tables.TABLES``) to rows.
    """
    from ethochat.index.behaviors.applying import rule_bouts
    from ethochat.index.kinematics import kinematics_frame, scale_of, tracks_frame
    from ethochat.index.zones import resolve_geometry, zones_frame

    session, tracks = data.session, list(data.tracks)
    geometry = resolve_geometry(experiment, session, tracks)
    scale = scale_of(session, experiment, geometry)
    session = dataclasses.replace(session, px_per_cm=scale)
    data = dataclasses.replace(data, session=session)
    motion = [kinematics_frame(session, track, experiment, geometry, scale) for track in tracks]
    tables = {
        "tracks": _stack([tracks_frame(session, track, experiment, scale) for track in tracks], "tracks"),
        "kinematics": _stack(motion, "kinematics"),
        "metrics": _stack([item.metrics for item in data.metrics], "metrics", session),
        "flags": _flags(experiment, data, motion),
    }
    tables["zones"] = zones_frame(geometry, tables["kinematics"]) if geometry is not None else empty("zones")
    ruled, rule_coverage = rule_bouts(
        session, tables["kinematics"], tables["zones"], tracks, experiment, geometry
    )
    tables["bouts"] = _stack([*(item.bouts for item in data.labels), ruled], "bouts", session)
    tables["coverage"] = _stack(
        [
            *(item.coverage for item in data.labels),
            rule_coverage,
            *(_track_coverage(session, track) for track in tracks),
            _metric_coverage(tables["metrics"]),
        ],
        "coverage",
        session,
    )
    tables["individuals"] = _individuals(data, tables["bouts"])
    tables["sessions"] = _session_row(experiment, data, tables)
    return tables | _described_segments(experiment, session, tables)


def _described_segments(
    experiment: Experiment, session: Session, tables: Mapping[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    from ethochat.index.describers.kinematic import KinematicDescriber
    from ethochat.index.segmentation import segment_session

    bouts, kinematics, zones = tables["bouts"], tables["kinematics"], tables["zones"]
    duration = tables["sessions"]["duration"].item() or 0.0
    segments = segment_session(
        session, duration, bouts, tables["coverage"], kinematics, zones, experiment.segments
    )
    segments = conform(segments, "segments").sort("segment_id")
    described = KinematicDescriber(experiment).describe(
        segments, session=session, bouts=bouts, kinematics=kinematics, zones=zones
    )
    return {"segments": segments, "descriptions": conform(described, "descriptions").sort("segment_id")}


def unreadable_session(
    experiment: Experiment, session: Session, error: InputError
) -> tuple[dict[str, pl.DataFrame], str]:
    """Tables of a session whose files cannot be used: it is there, flagged, and left out of statistics.

    Returns
    -------
    tables, message
        What is wrong, with paths as seen from the experiment folder.
    """
    message = _from_root(str(error), experiment.root, session)
    data = SessionData(session=session)
    tables = {name: empty(name) for name in TABLES}
    tables["flags"] = _flag(session, "unreadable", message)
    tables["individuals"] = _individuals(data, tables["bouts"])
    tables["sessions"] = _session_row(experiment, data, tables)
    return tables, message


def _from_root(message: str, root: Path, session: Session) -> str:
    """Name files as seen from the experiment folder: where that lies is nobody's business but its owner's."""
    for item in session.inputs:
        message = message.replace(str(item.path), os.path.relpath(item.path, root))
    return message.replace(f"{root}{os.sep}", "").replace(str(root), ".")


# ------------------------------------------------------------------ rows
def _stack(frames: Sequence[pl.DataFrame], table: str, session: Session | None = None) -> pl.DataFrame:
    """Put rows of several files below each other in the table's schema."""
    if session is not None:
        frames = [frame.with_columns(session_id=pl.lit(session.session_id)) for frame in frames]
    return pl.concat([empty(table), *(conform(frame, table) for frame in frames)])


def _flags(experiment: Experiment, data: SessionData, motion: Sequence[pl.DataFrame]) -> pl.DataFrame:
    from ethochat.index.kinematics import quality_flags

    session = data.session
    n_video = data.video.n_frames if data.video is not None else None
    found = [
        quality_flags(session, track, n_video, rows, experiment=experiment)
        for track, rows in zip(data.tracks, motion, strict=True)
    ]
    # A tracker that is there for comparison does not decide over the session.
    found[1:] = [flags.with_columns(excludes=pl.lit(value=False)) for flags in found[1:]]
    if session.exclude_reason:
        found.append(_flag(session, "excluded_by_user", session.exclude_reason))
    return _stack(found, "flags")


def _flag(session: Session, code: str, message: str) -> pl.DataFrame:
    row = {
        "session_id": session.session_id,
        "individual": "",
        "code": code,
        "excludes": True,
        "message": message,
    }
    return conform(pl.DataFrame([row]), "flags")


def _track_coverage(session: Session, track: Track) -> pl.DataFrame:
    n_frames = track.position.shape[0]
    clock = session.timebase
    rows = [
        {
            "individual": individual,
            "kind": "track",
            "source": track.source,
            "source_kind": "automated",
            "start_time": clock.time_of(track.first_frame),
            "stop_time": clock.time_of(track.first_frame + n_frames),
            "n_frames": n_frames,
            "behaviors": [],
        }
        for individual in track.individuals
    ]
    return conform(pl.DataFrame(rows, schema_overrides={"behaviors": pl.List(pl.String)}), "coverage")


def _metric_coverage(metrics: pl.DataFrame) -> pl.DataFrame:
    sources = metrics.select("source", "individual").unique().sort("source", "individual")
    return conform(
        sources.with_columns(
            kind=pl.lit("metrics"),
            source_kind=pl.lit("automated"),
            behaviors=pl.lit([], dtype=pl.List(pl.String)),
        ),
        "coverage",
    )


def _individuals(data: SessionData, bouts: pl.DataFrame) -> pl.DataFrame:
    session = data.session
    names = {name for track in data.tracks for name in track.individuals}
    names |= set(bouts["individual"].drop_nulls())
    names |= {name for name, _ in session.individuals}
    for labels in data.labels:
        names |= set(labels.coverage["individual"].drop_nulls())
    if len(names) > 1:
        names.discard("")
    rows = [
        {"session_id": session.session_id, "individual": name, "subject_id": session.subject_of(name)}
        for name in sorted(names or {""})
    ]
    return conform(pl.DataFrame(rows, schema_overrides={"subject_id": pl.String}), "individuals")


def _session_row(
    experiment: Experiment, data: SessionData, tables: Mapping[str, pl.DataFrame]
) -> pl.DataFrame:
    session, clock = data.session, data.session.timebase
    tracked = [track.first_frame + track.position.shape[0] for track in data.tracks]
    filmed = [data.video.n_frames] if data.video is not None else []
    n_frames = max([*tracked, *filmed], default=None)
    labeled = tables["coverage"]["stop_time"].max()
    ends = [clock.time_of(n_frames)] if n_frames is not None else []
    if isinstance(labeled, float):
        ends.append(labeled)
    videos = session.inputs_of("video")
    row = {
        "session_id": session.session_id,
        "subject_id": session.subject_id,
        "time_unit": clock.unit,
        "fps": None if session.fps is None else float(session.fps),
        "px_per_cm": session.px_per_cm,
        "duration": max(ends, default=None),
        "n_frames": n_frames,
        "width_px": data.video.width if data.video is not None else None,
        "height_px": data.video.height if data.video is not None else None,
        "video": str(videos[0].path) if videos else None,
        "excluded": bool(tables["flags"]["excludes"].any()),
    }
    fixed = conform(pl.DataFrame([row], infer_schema_length=None), "sessions")
    metadata = experiment.metadata.filter(pl.col("session_id") == session.session_id)
    return fixed.join(metadata, on="session_id", how="left")
