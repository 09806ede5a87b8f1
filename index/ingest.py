"""From the files of an experiment to its tables and its vector index: the steps in order, resumable.

Each session is read by itself and written whole; a fingerprint of its inputs, its row and the configuration
is recorded after its tables are on disk. An interrupted run leaves finished sessions finished and the rest to
do, and the tables come out the same as from one run, because a session's tables depend on nothing else.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import polars as pl

from ethochat import __version__
from ethochat.index.catalog import CATALOG_VERSION, FAILED, PENDING, Catalog, replace_file, unwritable
from ethochat.index.derivation import derive_session, read_session, unreadable_session
from ethochat.index.describers.in_use import JOURNAL_FILE, KINEMATIC
from ethochat.index.domain import Session
from ethochat.index.errors import InputError, NotIngestedError, StaleIndexError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.freshness import DIGEST_FACT, INGEST_LOCK, TableDigests
from ethochat.index.locks import held
from ethochat.index.silhouettes import SilhouetteCache
from ethochat.index.store.base import SegmentStore

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

HASHES_FILE: Final = "cache/hashes.json"
SILHOUETTES_DIR: Final = "cache/silhouettes"
logger = logging.getLogger(__name__)

_RECORD_EVERY_S: Final = 2.0
"""How much finished work a killed run may have to do again."""
_JUST_NOW_NS: Final = 2_000_000_000
_NOT_WRITABLE: Final = frozenset(
    {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM, errno.EROFS}
)
_NOT_DERIVING: Final = frozenset(
    {"candidates.py", "catalog.py", "describing", "drafting.py", "embedders", "freshness.py", "ingest.py"}
    | {"locks.py", "moving.py", "pairing.py", "progress_bars.py", "sample", "search.py", "silhouettes.py", "store", "torchvision_ops.py"}
    | {"vlm"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What one run did."""

    ingested: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    """Pairs (session_id, what is wrong); such a session is kept, flagged and left out of statistics."""
    flagged: tuple[tuple[str, str], ...] = ()
    """Pairs (session_id, what is doubtful) of sessions that this run could read."""
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
    with exclusive(experiment.data_dir):
        catalog = Catalog(experiment.data_dir)
        result = ingest_sessions(experiment, catalog, report)
        published = publish(experiment, catalog, store=store, rebuild_index=rebuild_index, progress=report)
    return dataclasses.replace(result, n_segments=published.n_segments, n_indexed=published.n_indexed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was brought into tables and index."""

    n_segments: int
    n_indexed: int
    """Segments written to the index now."""
    unmapped: tuple[str, ...] = ()
    """Keywords of models that are no behavior of the experiment."""


def publish(
    experiment: Experiment,
    catalog: Catalog,
    *,
    store: str,
    rebuild_index: bool = False,
    progress: Progress,
) -> Published:
    """Bring what models saw into the tables, and the index to what the tables say; the caller holds the lock.

    Raises
    ------
    CatalogError
        When the derived data cannot be written.
    """
    try:
        unmapped = _bring_in_what_was_seen(experiment, catalog)
        n_segments, n_indexed = _bring_index_up_to_date(
            experiment, catalog, store=store, rebuild=rebuild_index, progress=progress
        )
    except OSError as exc:
        if exc.errno not in _NOT_WRITABLE:
            raise
        raise unwritable(experiment.data_dir, exc) from exc
    return Published(n_segments=n_segments, n_indexed=n_indexed, unmapped=unmapped)


def _bring_in_what_was_seen(experiment: Experiment, catalog: Catalog) -> tuple[str, ...]:
    if not (experiment.data_dir / JOURNAL_FILE).exists() and not catalog.has_part("descriptions", "vlm"):
        return ()  # no model ever looked, and to know it costs a look at the folder
    from ethochat.index.describing.rows import forget_bouts, write_seen
    from ethochat.index.search import cached_embedder

    hashes = FileHashes(catalog.data_dir / HASHES_FILE)
    embedder = cached_embedder(experiment.data_dir)
    try:
        return write_seen(experiment, catalog, embedder=embedder, hash_of=hashes.of).unmapped
    except StaleIndexError as exc:
        # What was brought into the tables before stands; all that rests on files goes on.
        logger.warning("What models saw cannot be read: %s", exc)
        if experiment.descriptions.describer == KINEMATIC:
            forget_bouts(experiment, catalog)
        return ()


def _no_progress(step: str, done: int, total: int) -> None:
    """Report to nobody."""


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the experiment's ingest lock."""
    busy = f"Another process is ingesting {data_dir.parent}; wait until it is done, or stop it, and run the command again."
    with held(data_dir, INGEST_LOCK, busy=busy):
        yield


# ------------------------------------------------------------------ which sessions have changed
def ingest_sessions(experiment: Experiment, catalog: Catalog, progress: Progress) -> IngestReport:
    """Bring the tables up to date; the caller holds the lock."""
    if catalog.read_state().get("catalog_version", CATALOG_VERSION) != CATALOG_VERSION:
        catalog.clear()
    ledger = _Ledger(catalog)
    hashes = FileHashes(catalog.data_dir / HASHES_FILE)
    silhouettes = SilhouetteCache(folder=catalog.data_dir / SILHOUETTES_DIR, hash_of=hashes.of)
    wanted = {
        session.session_id: _fingerprint_or_none(experiment, session, hashes)
        for session in experiment.sessions
    }
    todo = [session for session in experiment.sessions if not ledger.holds(session, wanted)]
    catalog.keep_only(wanted)
    removed = ledger.begin(wanted, todo)
    failed: dict[str, str] = {}
    flagged: list[tuple[str, str]] = []
    for done, session in enumerate(todo):
        name = session.session_id
        progress(f"session {name}", done, len(todo))
        follow = partial(silhouettes.follow, progress=partial(progress, f"tracking {name}"))
        try:
            tables = derive_session(
                experiment, read_session(session, follow=follow, silhouette=experiment.tracking.silhouette)
            )
            flagged += [(name, message) for message in tables["flags"]["message"]]
        except InputError as exc:
            tables, failed[name] = unreadable_session(experiment, session, exc)
        catalog.write_session(name, tables)
        ledger.note(name, None if name in failed else wanted[name])
    ledger.write()
    progress("sessions", len(todo), len(todo))
    _tidy_caches(experiment, hashes, silhouettes)
    redone = {session.session_id for session in todo}
    return IngestReport(
        ingested=tuple(name for name in wanted if name in redone and name not in failed),
        unchanged=tuple(name for name in wanted if name not in redone),
        removed=removed,
        failed=tuple(failed.items()),
        flagged=tuple(flagged),
    )


class _Ledger:
    """Which sessions are ingested, by fingerprint; kept in the catalog's state."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        sessions = catalog.read_state().get("sessions")
        self._known: dict[str, object] = dict(sessions) if isinstance(sessions, dict) else {}
        self._written = time.monotonic()

    def holds(self, session: Session, wanted: Mapping[str, str | None]) -> bool:
        """Whether the session's tables are there and made of what they would be made of now."""
        name = session.session_id
        known = self._known.get(name)
        return known is not None and known == wanted[name] and self._catalog.has_session(name)

    def begin(self, session_ids: Collection[str], todo: Iterable[Session]) -> tuple[str, ...]:
        """Strike out what is about to change, and forget all but these sessions; returns those forgotten."""
        forgotten = tuple(sorted(set(self._known) - set(session_ids)))
        for name in forgotten:
            del self._known[name]
        self._known |= {session.session_id: PENDING for session in todo if session.session_id in self._known}
        self.write()
        return forgotten

    def note(self, session_id: str, fingerprint: str | None) -> None:
        """Enter a session whose tables are written; one without a fingerprint failed."""
        self._known[session_id] = fingerprint or FAILED
        if time.monotonic() - self._written > _RECORD_EVERY_S:
            self.write()

    def write(self) -> None:
        """Bring the state file up to date."""
        state = self._catalog.read_state()
        merged = state | {
            "catalog_version": CATALOG_VERSION,
            "ethochat_version": __version__,
            "sessions": self._known,
        }
        if merged != state:
            self._catalog.write_state(merged)
        self._written = time.monotonic()


def _tidy_caches(experiment: Experiment, hashes: FileHashes, silhouettes: SilhouetteCache) -> None:
    inputs = [item for session in experiment.sessions for item in session.inputs]
    hashes.save(item.path for item in inputs)
    silhouettes.keep_only(item.path for item in inputs if item.kind == "video")


class FileHashes:
    """SHA-256 of files, remembered by path, size and times of change: an unchanged file is read once."""

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

        A file that changed a moment ago is left out: it may change again within one tick of the file system's
        clock.
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
        if field.name not in ("root", "sessions", "metadata", "vlm", "descriptions")
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


# ------------------------------------------------------------------ the vector index
def _bring_index_up_to_date(
    experiment: Experiment, catalog: Catalog, *, store: str, rebuild: bool, progress: Progress
) -> tuple[int, int]:
    """Index the segments unless the index was already made of exactly these sessions."""
    from ethochat.index.search import VECTORS_DIR, cached_embedder
    from ethochat.index.store import advise_on_size, open_store
    from ethochat.index.store.encoding import SCHEMA_VERSION

    vectors = experiment.data_dir / VECTORS_DIR
    embedder = cached_embedder(experiment.data_dir)
    state = catalog.read_state()
    digest = TableDigests(catalog).combined()
    wanted = {
        "store": store,
        "embedder": embedder.name,
        "schema": SCHEMA_VERSION,
        "sessions": state.get("sessions"),
        "tables": digest,
        "describer": experiment.descriptions.describer,
    }
    indexed = state.get("index")
    open_here = partial(
        open_store, store, path=vectors, dimension=embedder.dimension, embedder_name=embedder.name
    )
    known = isinstance(indexed, dict) and wanted.items() <= indexed.items()
    if isinstance(indexed, dict) and known and not rebuild and _records(open_here, digest):
        return int(indexed.get("n_segments", 0)), 0
    from ethochat.index.search import index_catalog

    opened = open_here(rebuild=rebuild or _is_of_earlier_schema(indexed, store))
    try:
        n_segments, n_indexed = index_catalog(
            opened,
            embedder,
            catalog,
            describer=experiment.descriptions.describer,
            progress=lambda done, total: progress("segments indexed", done, total),
        )
    except BaseException:
        opened.abandon()  # readers keep the index that was published last, whole
        raise
    opened.close()
    catalog.write_state({**catalog.read_state(), "index": {**wanted, "n_segments": n_segments}})
    advice = advise_on_size(store, n_segments)
    if advice is not None:
        logger.warning(advice)
    return n_segments, n_indexed


def _is_of_earlier_schema(indexed: object, store: str) -> bool:
    """Whether the index is of an earlier version; like tables of one, it is made anew without being asked for."""
    from ethochat.index.store.encoding import SCHEMA_VERSION

    if not isinstance(indexed, dict) or indexed.get("store") != store:
        return False
    return bool(indexed.get("schema", 1) != SCHEMA_VERSION)


def _records(open_here: Callable[..., SegmentStore], digest: str) -> bool:
    """Whether the index is there and says that it was made of these tables: it may have been removed or replaced."""
    try:
        reader = open_here(read_only=True)
    except (NotIngestedError, StaleIndexError):
        return False
    try:
        return reader.describe().get(DIGEST_FACT) == digest
    finally:
        reader.close()
