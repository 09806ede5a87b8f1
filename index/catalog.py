"""The derived tables on disk: Parquet, one file per table and session, written atomically and read lazily.

::

    .ethochat/
      catalog/<table>/<session>.parquet
      state.json        what was ingested from which inputs (see :mod:`ethochat.index.ingest`)
      ingest.lock       held by the process that writes
      vectors/          the embedded vector index
      cache/            hashes of input files, silhouettes, embeddings, clips
      figures/  conversations.sqlite
"""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, TypeVar
from urllib.parse import quote

import polars as pl

from ethochat.index.errors import CatalogError, NotIngestedError, StaleIndexError
from ethochat.index.tables import TABLES, conform, empty

CATALOG_VERSION = 3
"""Raised whenever a table changes; older data must be ingested again."""

PARTS: Final = ("", "vlm")
"""A table of a session may lie in several files: what was derived from its files, and what a model saw. Each is replaced
without the other."""

FAILED: Final = "failed"
"""In place of a session's fingerprint: every run tries again, for what is wrong may lie outside its files."""
PENDING: Final = "pending"
"""In place of a session's fingerprint: it changed and its tables are to be replaced."""

_ATTEMPTS: Final = 20
_CALLS: Final = 5

ReadT = TypeVar("ReadT")


class Catalog:
    """The derived tables of one experiment."""

    def __init__(self, data_dir: Path) -> None:
        """Name the folder; nothing is read or made yet.

        Parameters
        ----------
        data_dir
            The experiment's ``.ethochat`` folder.
        """
        self.data_dir = data_dir
        self._loaded: dict[str, tuple[tuple[tuple[str, int, int], ...], pl.DataFrame]] = {}

    @classmethod
    def open(cls, data_dir: Path) -> Catalog:
        """Open an ingested experiment for reading.

        Raises
        ------
        NotIngestedError
            When nothing was ingested, with the command that does it.
        StaleIndexError
            When another version of ethochat wrote it.
        """
        catalog = cls(data_dir)
        state = catalog.read_state()
        if not state.get("sessions"):
            raise NotIngestedError(
                f"Expected ingested data in {data_dir}, found none; run `ethochat ingest {data_dir.parent}` "
                "first."
            )
        if state.get("catalog_version") != CATALOG_VERSION:
            raise StaleIndexError(
                f"Expected catalog version {CATALOG_VERSION} in {data_dir}, found "
                f"{state.get('catalog_version')!r}; run `ethochat ingest {data_dir.parent}` to rebuild it."
            )
        return catalog

    # ------------------------------------------------------------------ state
    @property
    def state_path(self) -> Path:
        """What was ingested from which inputs."""
        return self.data_dir / "state.json"

    def read_state(self) -> dict[str, object]:
        """Return the ingest state, empty where nothing was ingested.

        Raises
        ------
        StaleIndexError
            When the file is damaged.
        """
        try:
            loaded = json.loads(self.state_path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except json.JSONDecodeError as exc:
            raise self._damaged(f"{exc.msg!r} at line {exc.lineno}") from exc
        except (OSError, UnicodeDecodeError) as exc:
            raise self._damaged(str(exc)) from exc
        if not isinstance(loaded, dict):
            raise self._damaged(f"a {type(loaded).__name__}")
        return loaded

    def _damaged(self, found: str) -> StaleIndexError:
        return StaleIndexError(
            f"{self.state_path}: expected a JSON object, found {found}; delete the folder {self.data_dir} "
            f"and run `ethochat ingest {self.data_dir.parent}` again."
        )

    def write_state(self, state: Mapping[str, object]) -> None:
        """Replace the ingest state atomically, once all tables written before are safe on disk.

        Raises
        ------
        CatalogError
            When it cannot be written.
        """
        with _explained(self.data_dir):
            os.sync()  # one wait instead of one per file
            replace_file(self.state_path, json.dumps(state, indent=1, sort_keys=True).encode())

    def pending(self) -> tuple[str, ...]:
        """Sessions with tables older than their files: a run replaces them, or was stopped before."""
        sessions = self.read_state().get("sessions")
        known = sessions if isinstance(sessions, dict) else {}
        return tuple(sorted(name for name, value in known.items() if value == PENDING))

    # ----------------------------------------------------------------- tables
    def path(self, table: str, session_id: str, part: str = "") -> Path:
        """File of one table, session and part; ids are percent-encoded so that no id can leave the folder."""
        return self._tables_dir / table / _file_name(session_id, part)

    @property
    def _tables_dir(self) -> Path:
        return self.data_dir / "catalog"

    def has_session(self, session_id: str) -> bool:
        """Whether the session's tables are there, whole."""
        return self.path("sessions", session_id).exists()

    def write_session(self, session_id: str, tables: Mapping[str, pl.DataFrame], *, part: str = "") -> None:
        """Write a session's rows of some tables, each file atomically.

        With ``sessions`` among them, the session is not there while the others change: who reads meanwhile,
        or after the run was killed, sees it whole or not at all.

        Parameters
        ----------
        session_id
            Every row belongs to it.
        tables
            Table name to rows; rows are put into the table's schema.
        part
            One of :data:`PARTS`; the others are left as they are.

        Raises
        ------
        CatalogError
            When a file cannot be written.
        """
        with _explained(self.data_dir):
            if "sessions" in tables:
                self.path("sessions", session_id).unlink(missing_ok=True)
            for table in sorted(tables, key=lambda name: name == "sessions"):
                rows = conform(tables[table], table)
                target = self.path(table, session_id, part)
                if rows.is_empty():
                    target.unlink(missing_ok=True)
                    continue
                # In memory first: writing to a full disk, Polars would blame the format.
                content = io.BytesIO()
                rows.write_parquet(content, compression="zstd")
                with _replacing(target) as handle:
                    handle.write(content.getbuffer())

    def has_part(self, table: str, part: str) -> bool:
        """Whether any session has such a part of a table."""
        return any((self._tables_dir / table).glob(f"*%{part}.parquet"))

    def remove_session(self, session_id: str) -> None:
        """Remove every row of a session."""
        for table in ("sessions", *TABLES):
            for part in PARTS:
                self.path(table, session_id, part).unlink(missing_ok=True)

    def keep_only(self, session_ids: Collection[str]) -> None:
        """Remove what belongs to no known table or to none of these sessions, and what killed runs left.

        Only for the process that holds the ingest lock.
        """
        names = {_file_name(session_id, part) for session_id in session_ids for part in PARTS}
        for folder in _entries(self._tables_dir):
            if folder.name not in TABLES or not folder.is_dir():
                _remove(folder)
                continue
            for file in _entries(folder):
                if file.name not in names:
                    _remove(file)
        for folder in (self.data_dir, self.data_dir / "cache"):
            for file in folder.glob("*.tmp"):
                _remove(file)

    def clear(self) -> None:
        """Remove every table; the state goes first, so that nothing seems to be ingested."""
        self.state_path.unlink(missing_ok=True)
        shutil.rmtree(self._tables_dir, ignore_errors=True)

    def scan(self, table: str) -> pl.LazyFrame:
        """Read a table lazily, all sessions; columns as in ``tables.TABLES``.

        ``sessions`` carries the metadata columns too, and is read at once.
        """
        if table == "sessions":
            return _steadily(lambda: self._read_sessions().lazy())
        files = self._files(table)
        return pl.scan_parquet(files) if files else empty(table).lazy()

    def _read_sessions(self) -> pl.DataFrame:
        files = self._files("sessions")
        if not files:
            return empty("sessions")
        # A metadata column that is null throughout a file may be typed differently there.
        return pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed")

    def load(self, table: str) -> pl.DataFrame:
        """Read a whole table, kept in memory until its files change; for the small tables."""
        return _steadily(lambda: self._load(table))

    def _load(self, table: str) -> pl.DataFrame:
        stamp = self._stamp(table)
        known = self._loaded.get(table)
        if known is None or known[0] != stamp:
            known = (stamp, self.scan(table).collect())
            self._loaded[table] = known
        return known[1]

    def whole(self, read: Callable[[], ReadT]) -> ReadT:
        """Call what reads several tables, again where an ingest replaced sessions meanwhile.

        ``sessions`` is what :meth:`write_session` removes first and writes last: whose files are the same before and
        after has seen each session in one version. Where sessions change faster than the call takes, the last of some
        attempts counts.
        """
        for _ in range(_CALLS - 1):
            before = _steadily(lambda: self._stamp("sessions"))
            try:
                result = read()
            except Exception:
                if _steadily(lambda: self._stamp("sessions")) == before:
                    raise
                continue
            if _steadily(lambda: self._stamp("sessions")) == before:
                return result
        return read()

    def _stamp(self, table: str) -> tuple[tuple[str, int, int], ...]:
        found = ((file, file.stat()) for file in self._files(table))
        return tuple((file.name, stat.st_mtime_ns, stat.st_size) for file, stat in found)

    def read_session(self, table: str, session_id: str) -> pl.DataFrame:
        """Read one session's rows of a table."""
        if table == "sessions":  # has columns of its own in every experiment, and one part
            return self.read_part(table, session_id, "")
        return pl.concat([self.read_part(table, session_id, part) for part in PARTS])

    def read_part(self, table: str, session_id: str, part: str) -> pl.DataFrame:
        """Read one session's rows of one part of a table."""
        try:
            return pl.read_parquet(self.path(table, session_id, part))
        except FileNotFoundError:
            return empty(table)

    def _files(self, table: str) -> list[Path]:
        return sorted((self._tables_dir / table).glob("*.parquet"))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part.

    Raises
    ------
    OSError
        When it cannot be written; nothing is left behind.
    """
    with _replacing(path) as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Lend a new file that takes the target's place when it is written whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not by tempfile, whose files nobody else may read; a lab shares its folders.
    temporary = target.parent / f"{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as handle:
            yield handle
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    """Say which folder cannot be written, and what to do."""
    try:
        yield
    except OSError as exc:
        raise unwritable(data_dir, exc) from exc


def unwritable(data_dir: Path, exc: OSError) -> CatalogError:
    """Build the error for a folder of derived data that the system does not let us write."""
    return CatalogError(
        f"{data_dir}: expected a folder that can be written, found: {exc.strerror or exc}; free space or "
        f"allow writing, then run `ethochat ingest {data_dir.parent}` again: finished sessions are kept."
    )


def _steadily(read: Callable[[], ReadT]) -> ReadT:
    """Read again where a file went away between listing and reading: another process is ingesting."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return read()
        except FileNotFoundError:
            continue
    return read()


def _file_name(session_id: str, part: str = "") -> str:
    # In an encoded id a percent sign is followed by two hexadecimal digits: no id is named like a part.
    return quote(session_id, safe="") + (f"%{part}" if part else "") + ".parquet"


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
