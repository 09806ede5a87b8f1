"""The derived tables on disk: Parquet, one file per table and session, written atomically and read lazily.

::

    .ethochat/
      catalog/<table>/<session>.parquet
      state.json        what was ingested from which inputs (see :mod:`ethochat.index.ingest`)
      vectors/          the embedded vector index
      cache/            embeddings, clips
      figures/  conversations.sqlite
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import polars as pl

from ethochat.index.errors import NotIngestedError, StaleIndexError
from ethochat.index.tables import TABLES, conform, empty

CATALOG_VERSION = 1
"""Raised whenever a table changes; older data must be ingested again."""


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
                f"Expected ingested data in {data_dir}, found none; run `ethochat ingest {data_dir.parent}` first."
            )
        if state.get("catalog_version") != CATALOG_VERSION:
            raise StaleIndexError(
                f"Expected catalog version {CATALOG_VERSION} in {data_dir}, found {state.get('catalog_version')!r}; "
                f"run `ethochat ingest {data_dir.parent}` to rebuild it."
            )
        return catalog

    # ------------------------------------------------------------------ state
    @property
    def state_path(self) -> Path:
        """What was ingested from which inputs."""
        return self.data_dir / "state.json"

    def read_state(self) -> dict[str, object]:
        """Return the ingest state, empty where nothing was ingested."""
        try:
            loaded: dict[str, object] = json.loads(self.state_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except json.JSONDecodeError as exc:
            raise StaleIndexError(
                f"{self.state_path}: expected JSON, found {exc.msg!r} at line {exc.lineno}; delete the folder and ingest again."
            ) from exc
        return loaded

    def write_state(self, state: Mapping[str, object]) -> None:
        """Replace the ingest state atomically."""
        replace_file(self.state_path, json.dumps(state, indent=1, sort_keys=True).encode())

    # ----------------------------------------------------------------- tables
    def path(self, table: str, session_id: str) -> Path:
        """File of one table and session; ids are percent-encoded so that no id can leave the folder."""
        name = quote(session_id, safe="").replace(".", "%2E")
        return self.data_dir / "catalog" / table / f"{name}.parquet"

    def write_session(self, session_id: str, tables: Mapping[str, pl.DataFrame]) -> None:
        """Write a session's rows of some tables, each file atomically.

        Parameters
        ----------
        session_id
            Every row belongs to it.
        tables
            Table name to rows; rows are put into the table's schema.
        """
        for table, frame in tables.items():
            rows = conform(frame, table)
            target = self.path(table, session_id)
            if rows.is_empty() and table != "sessions":
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".tmp", delete=False) as handle:
                rows.write_parquet(handle, compression="zstd")
                temporary = handle.name
            os.replace(temporary, target)

    def remove_session(self, session_id: str) -> None:
        """Remove every row of a session."""
        for table in TABLES:
            self.path(table, session_id).unlink(missing_ok=True)

    def scan(self, table: str) -> pl.LazyFrame:
        """Read a table lazily, all sessions; columns as in ``tables.TABLES``.

        ``sessions`` carries the metadata columns too.
        """
        files = self._files(table)
        if not files:
            return empty(table).lazy()
        if table == "sessions":  # metadata columns may be typed differently per file when a column is null throughout
            return pl.concat([pl.read_parquet(file) for file in files], how="diagonal_relaxed").lazy()
        return pl.scan_parquet(files)

    def load(self, table: str) -> pl.DataFrame:
        """Read a whole table, kept in memory until its files change; for the small tables."""
        stamp = tuple(
            (file.name, stat.st_mtime_ns, stat.st_size) for file in self._files(table) if (stat := file.stat())
        )
        known = self._loaded.get(table)
        if known is None or known[0] != stamp:
            known = (stamp, self.scan(table).collect())
            self._loaded[table] = known
        return known[1]

    def read_session(self, table: str, session_id: str) -> pl.DataFrame:
        """Read one session's rows of a table."""
        file = self.path(table, session_id)
        return pl.read_parquet(file) if file.exists() else empty(table)

    def _files(self, table: str) -> list[Path]:
        return sorted((self.data_dir / "catalog" / table).glob("*.parquet"))


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
        temporary = handle.name
    os.replace(temporary, path)
