"""From the files of an experiment to its tables and its vector index: the steps in order, resumable.

Each session is read by itself and written whole; a fingerprint of its inputs, its row and the configuration is recorded
after its tables are on disk. An interrupted run leaves finished sessions finished and the rest to do, and the tables
come out the same as from one run, because a session's tables depend on nothing but its fingerprint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl
from ethochat import __version__
from ethochat.index.catalog import CATALOG_VERSION, Catalog, replace_file, unwritable
from ethochat.index.derivation import derive_session, read_session, unreadable_session
from ethochat.index.domain import Session
from ethochat.index.errors import CatalogLockedError, InputError
from ethochat.index.experiment import Experiment, load_experiment
from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from ethochat.index.formats.base import Track

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

HASHES_FILE: Final = "cache/hashes.json"
SILHOUETTES_DIR: Final = "cache/silhouettes"
_FAILED: Final = "failed"
"""In place of a fingerprint: tried again by every run, since what is wrong may lie outside the session's files."""
_PENDING: Final = "pending"
"""In place of a fingerprint: its tables are being replaced."""
_RECORD_EVERY_S: Final = 1.0
"""How much finished work a killed run may have to do again."""
_JUST_NOW_NS: Final = 2_000_000_000
_NOT_DERIVING: Final = frozenset(
    {"candidates.py", "catalog.py", "drafting.py", "embedders", "ingest.py", "pairing.py", "sample", "search.py", "store"}
)  # fmt: skip


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
    CatalogError
        When the derived data cannot be written; what was finished before is kept.
    """
    experiment = load_experiment(root)
    report = progress or _no_progress
    with _exclusive(experiment.data_dir):
        catalog = Catalog(experiment.data_dir)
        result = ingest_sessions(experiment, catalog, report)
        n_segments, n_indexed = _bring_index_up_to_date(
            experiment, catalog, store=store, rebuild=rebuild_index, progress=report
        )
    return dataclasses.replace(result, n_segments=n_segments, n_indexed=n_indexed)


def _no_progress(step: str, done: int, total: int) -> None:
    """Report to nobody."""


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the experiment's ingest lock; the system releases it when the process dies."""
    lock = FileLock(data_dir / "ingest.lock")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise CatalogLockedError(
            f"Another process is ingesting {data_dir.parent}; wait until it is done, or stop it, and run the "
            "command again."
        ) from exc
    except OSError as exc:
        raise unwritable(data_dir, exc) from exc
    try:
        yield
    finally:
        lock.release()


# ------------------------------------------------------------------ which sessions have changed
def ingest_sessions(experiment: Experiment, catalog: Catalog, progress: Progress) -> IngestReport:
    """Bring the tables up to date; the caller holds the lock."""
    if catalog.read_state().get("catalog_version", CATALOG_VERSION) != CATALOG_VERSION:
        catalog.clear()
    known = _fingerprints(catalog.read_state())
    hashes = FileHashes(catalog.data_dir / HASHES_FILE)
    wanted = {
        session.session_id: _fingerprint_or_none(experiment, session, hashes)
        for session in experiment.sessions
    }
    todo = [
        session
        for session in experiment.sessions
        if known.get(session.session_id, _FAILED) != wanted[session.session_id]
        or not catalog.has_session(session.session_id)
    ]
    catalog.keep_only(wanted)
    redone = {session.session_id for session in todo}
    record = {name: _PENDING if name in redone else value for name, value in known.items() if name in wanted}
    _write_fingerprints(catalog, record)
    failed = _ingest_changed(experiment, catalog, todo, wanted, record, hashes, progress)
    hashes.save(item.path for session in experiment.sessions for item in session.inputs)
    return IngestReport(
        ingested=tuple(session.session_id for session in todo if session.session_id not in failed),
        unchanged=tuple(sorted(set(wanted) - redone)),
        removed=tuple(sorted(set(known) - set(wanted))),
        failed=tuple(failed.items()),
    )


def _ingest_changed(
    experiment: Experiment,
    catalog: Catalog,
    todo: Collection[Session],
    wanted: Mapping[str, str | None],
    record: dict[str, str],
    hashes: FileHashes,
    progress: Progress,
) -> dict[str, str]:
    """Write the tables of each session and record it; returns what is wrong by session."""
    failed: dict[str, str] = {}
    recorded = time.monotonic()
    for done, session in enumerate(todo):
        name = session.session_id
        progress(f"session {name}", done, len(todo))
        follow = SilhouetteCache(catalog.data_dir / SILHOUETTES_DIR, hashes, _named(progress, name))
        try:
            tables = derive_session(experiment, read_session(session, follow=follow))
        except InputError as exc:
            tables, failed[name] = unreadable_session(experiment, session, exc)
        catalog.write_session(name, tables)
        record[name] = (wanted[name] if name not in failed else None) or _FAILED
        if time.monotonic() - recorded > _RECORD_EVERY_S:
            _write_fingerprints(catalog, record)
            recorded = time.monotonic()
    _write_fingerprints(catalog, record)
    progress("sessions", len(todo), len(todo))
    return failed


def _named(progress: Progress, session_id: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(f"tracking {session_id}", done, total)


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
    """SHA-256 of input files, remembered by path, size and times of change so that an unchanged file is read once."""

    def __init__(self, cache: Path) -> None:
        """Name the file in which hashes are remembered; one that cannot be read is made anew."""
        self._cache = cache
        try:
            loaded = json.loads(cache.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            loaded = None
        self._known: dict[str, list[str | int]] = loaded if isinstance(loaded, dict) else {}
        self._before = dict(self._known)

    def of(self, path: Path) -> str:
        """Hash of a file's content.

        Raises
        ------
        OSError
            When it cannot be read.
        """
        stat = path.stat()
        # The time of change tells of a replaced file whose own time was set back, as copying tools do.
        stamp: list[str | int] = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
        known = self._known.get(str(path))
        if isinstance(known, list) and len(known) == 4 and known[:3] == stamp:
            return str(known[3])
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        self._known[str(path)] = [*stamp, digest]
        return digest

    def save(self, paths: Iterable[Path]) -> None:
        """Write what is remembered of these files.

        A file that changed a moment ago is left out: it may change again within one tick of the file system's clock.
        """
        recent = time.time_ns() - _JUST_NOW_NS
        kept = {
            str(path): entry
            for path in paths
            if (entry := self._known.get(str(path))) is not None and int(entry[2]) < recent
        }
        if kept != self._before:
            try:
                replace_file(self._cache, json.dumps(kept, indent=0, sort_keys=True).encode())
            except OSError as exc:
                raise unwritable(self._cache.parent.parent, exc) from exc


def fingerprint(experiment: Experiment, session: Session, hashes: FileHashes) -> str:
    """Hash of all that a session's tables depend on: its files, its row, the configuration and the code.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    row = experiment.metadata.filter(pl.col("session_id") == session.session_id)
    settings = [
        getattr(experiment, field.name)
        for field in dataclasses.fields(experiment)
        if field.name not in ("root", "sessions", "metadata")
    ]
    parts = [
        code_digest(),
        str(CATALOG_VERSION),
        repr(dataclasses.replace(session, inputs=())),
        *(
            f"{item.kind}|{item.format}|{item.name}|{item.session_key}|{sorted(item.options.items())}"
            f"|{item.source_kind}|{item.path}|{hashes.of(item.path)}"
            for item in session.inputs
        ),
        repr((row.schema, row.rows())),
        repr(settings),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _fingerprint_or_none(experiment: Experiment, session: Session, hashes: FileHashes) -> str | None:
    try:
        return fingerprint(experiment, session, hashes)
    except OSError:
        return None  # reading the session says what is wrong with the file


@cache
def code_digest() -> str:
    """Hash of the modules that shape the tables: tables made by other code are made again."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(__version__.encode())
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] not in _NOT_DERIVING:
            digest.update(f"{name.as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


class SilhouetteCache:
    """Follows an animal through a video once, however often tables are derived anew; to follow it takes minutes."""

    def __init__(self, folder: Path, hashes: FileHashes, progress: Callable[[int, int], None]) -> None:
        """Name the folder of kept tracks.

        Parameters
        ----------
        folder
            Made when the first track is kept.
        hashes
            Tell whether a video is still the same.
        progress
            Called with frames done and frames in all.
        """
        self._folder = folder
        self._hashes = hashes
        self._progress = progress

    def __call__(self, video: Path) -> Track:
        """Return the kept track of a video, or make it.

        Raises
        ------
        VideoError
            When the video cannot be read.
        """
        from ethochat.index.tracking import track_silhouette

        raise NotImplementedError
