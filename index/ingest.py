"""From the files of an experiment to its tables and its vector index: the steps in order, resumable.

Each session is read by itself and written whole; a fingerprint of its inputs, its row and the configuration is recorded
after its tables are on disk. An interrupted run leaves finished sessions finished and the rest to do, and the tables
come out the same as from one run, because a session's tables depend on nothing but its fingerprint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock, Timeout

from ethochat import __version__
from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.errors import CatalogLockedError, InputError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.formats.base import Labels, Metrics, Track
from ethochat.index.tables import conform, empty

if TYPE_CHECKING:
    from ethochat.index.video import VideoInfo

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one run did."""

    ingested: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    """Pairs (session_id, what is wrong); such a session is kept, flagged and left out of statistics."""
    n_segments: int = 0
    n_indexed: int = 0
    """Segments written to the vector index in this run."""


@dataclass(slots=True, kw_only=True)
class SessionData:
    """What a session's files hold, before anything is derived."""

    session: Session
    video: VideoInfo | None = None
    tracks: list[Track] = field(default_factory=list)
    labels: list[Labels] = field(default_factory=list)
    metrics: list[Metrics] = field(default_factory=list)


def ingest(
    root: Path, *, store: str = "edge", rebuild_index: bool = False, progress: Progress | None = None
) -> IngestReport:
    """Bring the derived data of an experiment up to date.

    Parameters
    ----------
    root
        Experiment folder.
    store
        Vector index: ``edge``, ``local`` or the URL of a Qdrant server.
    rebuild_index
        Make the vector index anew, e.g. after another embedding model was installed.
    progress
        Called as work proceeds.

    Raises
    ------
    ExperimentError
        When the two files of the experiment are wrong.
    CatalogLockedError
        When another process ingests the same experiment.
    """
    experiment = load_experiment(root)
    report = progress or _no_progress
    with _exclusive(experiment.data_dir):
        catalog = Catalog(experiment.data_dir)
        result = _ingest_sessions(experiment, catalog, report)
        n_segments, n_indexed = _bring_index_up_to_date(
            experiment, catalog, store=store, rebuild=rebuild_index, progress=report
        )
    return dataclasses.replace(result, n_segments=n_segments, n_indexed=n_indexed)


def _no_progress(step: str, done: int, total: int) -> None:
    """Report to nobody."""


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the experiment's ingest lock; the system releases it when the process dies."""
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir / "ingest.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise CatalogLockedError(
            f"Another process is ingesting {data_dir.parent}; wait until it is done, or stop it, and run the command again."
        ) from exc
    try:
        yield
    finally:
        lock.release()


# ------------------------------------------------------------------ which sessions have changed
def _ingest_sessions(experiment: Experiment, catalog: Catalog, progress: Progress) -> IngestReport:
    state = catalog.read_state()
    known = _fingerprints(state) if state.get("catalog_version") == CATALOG_VERSION else {}
    hashes = FileHashes(catalog.data_dir / "cache" / "hashes.json")
    wanted = {session.session_id: fingerprint(experiment, session, hashes) for session in experiment.sessions}
    hashes.save()
    removed = tuple(sorted(set(known) - set(wanted)))
    for session_id in removed:
        catalog.remove_session(session_id)
        del known[session_id]
    todo = [session for session in experiment.sessions if known.get(session.session_id) != wanted[session.session_id]]
    failed: list[tuple[str, str]] = []
    for done, session in enumerate(todo):
        progress(f"session {session.session_id}", done, len(todo))
        tables, problem = _session_tables(experiment, session)
        if problem is not None:
            failed.append((session.session_id, problem))
        catalog.write_session(session.session_id, tables)
        # A failed session is tried again by the next run: what is wrong may lie outside its files.
        known[session.session_id] = wanted[session.session_id] if problem is None else "failed"
        _write_fingerprints(catalog, known)
    progress("sessions", len(todo), len(todo))
    if removed or not todo:
        _write_fingerprints(catalog, known)
    bad = {session_id for session_id, _ in failed}
    return IngestReport(
        ingested=tuple(session.session_id for session in todo if session.session_id not in bad),
        unchanged=tuple(sorted(set(wanted) - {session.session_id for session in todo})),
        removed=removed,
        failed=tuple(failed),
    )


def _fingerprints(state: Mapping[str, object]) -> dict[str, str]:
    sessions = state.get("sessions")
    return {str(key): str(value) for key, value in sessions.items()} if isinstance(sessions, dict) else {}


def _write_fingerprints(catalog: Catalog, fingerprints: Mapping[str, str]) -> None:
    state = catalog.read_state()
    merged = {
        **state,
        "catalog_version": CATALOG_VERSION,
        "ethochat_version": __version__,
        "sessions": dict(sorted(fingerprints.items())),
    }
    if merged != state:
        catalog.write_state(merged)


class FileHashes:
    """SHA-256 of input files, remembered by path, size and time of change so that an unchanged file is read once."""

    def __init__(self, cache: Path) -> None:
        """Name the file in which hashes are remembered."""
        self._cache = cache
        try:
            self._known: dict[str, list[str | int]] = json.loads(cache.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            self._known = {}
        self._before = dict(self._known)

    def of(self, path: Path) -> str:
        """Hash of a file's content."""
        stat = path.stat()
        stamp: list[str | int] = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path))
        if known is None or known[:2] != stamp:
            with path.open("rb") as handle:
                known = [*stamp, hashlib.file_digest(handle, "sha256").hexdigest()]
            self._known[str(path)] = known
        return str(known[2])

    def save(self) -> None:
        """Write what is remembered."""
        if self._known != self._before:
            from ethochat.index.catalog import replace_file

            replace_file(self._cache, json.dumps(self._known, indent=0, sort_keys=True).encode())


def fingerprint(experiment: Experiment, session: Session, hashes: FileHashes) -> str:
    """Hash of all that a session's tables depend on: its files, its row, the configuration and this version."""
    row = experiment.metadata.filter(pl.col("session_id") == session.session_id)
    parts = [
        __version__,
        str(CATALOG_VERSION),
        repr(dataclasses.replace(session, inputs=())),
        *(f"{item.kind}|{item.format}|{item.name}|{item.session_key}|{sorted(item.options.items())}|{item.source_kind}"
          f"|{hashes.of(item.path)}" for item in session.inputs),
        repr((row.columns, row.rows())),
        repr((experiment.arena, experiment.zones, experiment.keypoints, experiment.tracking, experiment.segments)),
        repr((experiment.behaviors, experiment.metric_units)),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


# ------------------------------------------------------------------ one session
def _session_tables(experiment: Experiment, session: Session) -> tuple[dict[str, pl.DataFrame], str | None]:
    try:
        return derive_session(experiment, read_session(experiment, session)), None
    except InputError as exc:
        message = str(exc)
        flags = _flag(session, "unreadable", message)
        data = SessionData(session=session)
        tables = {name: empty(name) for name in ("coverage", "tracks", "kinematics", "zones", "bouts", "metrics")}
        tables |= {"segments": empty("segments"), "descriptions": empty("descriptions"), "flags": flags}
        tables |= {"individuals": _individuals(data, empty("bouts"))}
        tables |= {"sessions": _session_row(experiment, data, tables)}
        return tables, message


def read_session(experiment: Experiment, session: Session) -> SessionData:
    """Read every file of a session; a video without a track is tracked by its silhouette.

    Raises
    ------
    InputError
        Naming file and row, what was expected and what was found.
    """
    from ethochat.index.formats import read_input
    from ethochat.index.tracking import track_silhouette
    from ethochat.index.video import probe_video

    data = SessionData(session=session)
    videos = session.inputs_of("video")
    if videos:
        data.video = probe_video(videos[0].path)
        if session.fps is None:
            session = dataclasses.replace(session, fps=data.video.fps)
    for item in session.inputs_of("pose"):
        track = read_input(item, session)
        if not isinstance(track, Track):
            raise InputError(f"Expected a track, found {type(track).__name__.lower()}.", path=item.path)
        if session.fps is None and track.fps is not None:
            session = dataclasses.replace(session, fps=track.fps)
        data.tracks.append(track)
    if videos and not data.tracks:
        data.tracks.append(track_silhouette(videos[0].path))
    for item in (*session.inputs_of("annotations"), *session.inputs_of("metrics")):
        content = read_input(item, session)
        if isinstance(content, Labels):
            data.labels.append(content)
        elif isinstance(content, Metrics):
            data.metrics.append(content)
        else:
            raise InputError("Expected annotations or metrics, found a track; declare it as pose.", path=item.path)
    data.session = session
    return data


def derive_session(experiment: Experiment, data: SessionData) -> dict[str, pl.DataFrame]:
    """Compute all tables of a session; a pure function of its arguments.

    Returns
    -------
    dict
        Table name (a key of ``tables.TABLES``) to rows.
    """
    from ethochat.index.behaviors.rules import rule_bouts
    from ethochat.index.describers.kinematic import KinematicDescriber
    from ethochat.index.kinematics import kinematics_frame, quality_flags, scale_of, tracks_frame
    from ethochat.index.segmentation import segment_session
    from ethochat.index.zones import resolve_geometry, zones_frame

    session = data.session
    geometry = resolve_geometry(experiment, session, data.tracks)
    scale = scale_of(session, experiment, geometry)
    if session.px_per_cm is None and scale is not None:
        session = data.session = dataclasses.replace(session, px_per_cm=scale)
    per_track = [kinematics_frame(session, track, experiment, geometry, scale) for track in data.tracks]
    kinematics = _stack(per_track, "kinematics")
    tables = {
        "tracks": _stack([tracks_frame(session, track, experiment, scale) for track in data.tracks], "tracks"),
        "kinematics": kinematics,
        "zones": zones_frame(geometry, kinematics) if geometry is not None else empty("zones"),
        "metrics": _stack([item.metrics for item in data.metrics], "metrics", session),
    }
    n_video = data.video.n_frames if data.video is not None else None
    flags = [
        quality_flags(session, track, n_video, rows, experiment=experiment) for track, rows in zip(data.tracks, per_track, strict=True)
    ]
    if session.exclude_reason:
        flags.append(_flag(session, "excluded_by_user", session.exclude_reason))
    tables["flags"] = _stack(flags, "flags")
    ruled, rule_coverage = rule_bouts(session, kinematics, tables["zones"], data.tracks, experiment, geometry)
    tables["bouts"] = _stack([*(item.bouts for item in data.labels), ruled], "bouts", session)
    tables["coverage"] = _stack(
        [
            *(item.coverage for item in data.labels),
            rule_coverage,
            *(_track_coverage(session, track) for track in data.tracks),
            _metric_coverage(tables["metrics"]),
        ],
        "coverage",
        session,
    )
    tables["individuals"] = _individuals(data, tables["bouts"])
    tables["sessions"] = _session_row(experiment, data, tables)
    duration = tables["sessions"]["duration"].item()
    segments = segment_session(
        session, duration or 0.0, tables["bouts"], tables["coverage"], kinematics, tables["zones"], experiment.segments
    )
    tables["segments"] = conform(segments, "segments").sort("segment_id")
    describer = KinematicDescriber(experiment)
    tables["descriptions"] = conform(
        describer.describe(
            tables["segments"], session=session, bouts=tables["bouts"], kinematics=kinematics, zones=tables["zones"]
        ),
        "descriptions",
    ).sort("segment_id")
    return tables


def _stack(frames: Sequence[pl.DataFrame], table: str, session: Session | None = None) -> pl.DataFrame:
    """Put rows of several files below each other in the table's schema."""
    if session is not None:
        frames = [frame.with_columns(session_id=pl.lit(session.session_id)) for frame in frames]
    return pl.concat([empty(table), *(conform(frame, table) for frame in frames)])


def _flag(session: Session, code: str, message: str) -> pl.DataFrame:
    row = {"session_id": session.session_id, "individual": "", "code": code, "excludes": True, "message": message}
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
            kind=pl.lit("metrics"), source_kind=pl.lit("automated"), behaviors=pl.lit([], dtype=pl.List(pl.String))
        ),
        "coverage",
    )


def _individuals(data: SessionData, bouts: pl.DataFrame) -> pl.DataFrame:
    session = data.session
    names = {name for track in data.tracks for name in track.individuals}
    names |= {name for name in bouts["individual"].drop_nulls().to_list()}
    names |= {name for name, _ in session.individuals}
    for labels in data.labels:
        names |= set(labels.coverage["individual"].drop_nulls().to_list())
    if len(names) > 1:
        names.discard("")
    rows = [
        {"session_id": session.session_id, "individual": name, "subject_id": session.subject_of(name)}
        for name in sorted(names or {""})
    ]
    return conform(pl.DataFrame(rows, schema_overrides={"subject_id": pl.String}), "individuals")


def _session_row(experiment: Experiment, data: SessionData, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    session, clock = data.session, data.session.timebase
    tracked = [track.first_frame + track.position.shape[0] for track in data.tracks]
    n_frames = max([*tracked, *([data.video.n_frames] if data.video is not None else [])], default=None)
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


# ------------------------------------------------------------------ the vector index
def _bring_index_up_to_date(
    experiment: Experiment, catalog: Catalog, *, store: str, rebuild: bool, progress: Progress
) -> tuple[int, int]:
    """Index the segments unless the index was already made of exactly these sessions."""
    state = catalog.read_state()
    wanted = {
        "store": store,
        "sessions": hashlib.sha256(json.dumps(state.get("sessions"), sort_keys=True).encode()).hexdigest(),
    }
    indexed = state.get("index")
    if isinstance(indexed, dict) and not rebuild and {key: indexed.get(key) for key in wanted} == wanted:
        return int(indexed.get("n_segments", 0)), 0
    from ethochat.index.search import VECTORS_DIR, cached_embedder, index_segments
    from ethochat.index.store import open_store

    segments = catalog.scan("segments").collect()
    embedder = cached_embedder(experiment.data_dir)
    opened = open_store(
        store,
        path=experiment.data_dir / VECTORS_DIR,
        dimension=embedder.dimension,
        embedder_name=embedder.name,
        rebuild=rebuild,
    )
    try:
        n_indexed = index_segments(
            opened,
            embedder,
            segments,
            catalog.scan("descriptions").collect(),
            catalog.load("sessions"),
            individuals=catalog.load("individuals"),
            progress=lambda done, total: progress("segments indexed", done, total),
        )
    finally:
        opened.close()
    catalog.write_state({**catalog.read_state(), "index": {**wanted, "n_segments": segments.height}})
    return segments.height, n_indexed
