"""Vectors kept on disk, so that a text is embedded once ever."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.base import Embedder
from ethochat.index.errors import StaleIndexError

logger = logging.getLogger(__name__)

_TABLE = """
CREATE TABLE IF NOT EXISTS embeddings (model TEXT, text_hash BLOB, vector BLOB, PRIMARY KEY (model,
text_hash)) WITHOUT ROWID
"""
_LOOKUP = "SELECT vector FROM embeddings WHERE model = ? AND text_hash = ?"
_INSERT = "INSERT OR IGNORE INTO embeddings VALUES (?, ?, ?)"
_CHUNK = 1024  # texts embedded between two commits: what a killed run loses


class EmbeddingCache:
    """An embedder that remembers: one SQLite file, safe for several processes, keyed by model name and text.

    It has the interface of the embedder it wraps. Where the file cannot be written (a folder shared
    read-only) texts are embedded each time, and a warning is logged once.
    """

    def __init__(self, path: Path, embedder: Embedder) -> None:
        """Name the file; it is made when the first text is embedded.

        Parameters
        ----------
        path
            SQLite file, made with its folder where absent.
        embedder
            Asked for what is not in the file.
        """
        self.path = path
        self.embedder = embedder
        self.name = embedder.name
        self.dimension = embedder.dimension
        self._writable = True

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed sentences, each distinct unknown one once.

        Returns
        -------
        NDArray
            Shape ``(len(texts), dimension)``, row ``i`` for ``texts[i]``.

        Raises
        ------
        StaleIndexError
            When the file is no cache of this version.
        """
        distinct = {_hash(text): text for text in texts}
        vectors = self._read(distinct)
        missing = [key for key in distinct if key not in vectors]
        for start in range(0, len(missing), _CHUNK):
            keys = missing[start : start + _CHUNK]
            made = self.embedder.embed([distinct[key] for key in keys])
            fresh = {key: np.asarray(row, dtype=np.float32) for key, row in zip(keys, made, strict=True)}
            self._write(fresh)
            vectors.update(fresh)
        rows = [vectors[_hash(text)] for text in texts]
        return np.stack(rows) if rows else np.empty((0, self.dimension), dtype=np.float32)

    def _read(self, keys: Mapping[bytes, str]) -> dict[bytes, NDArray[np.float32]]:
        if not self.path.exists() or self.path.stat().st_size == 0:  # empty: a first write was killed
            return {}
        found: dict[bytes, NDArray[np.float32]] = {}
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as connection:
                for key in keys:
                    row = connection.execute(_LOOKUP, (self.name, key)).fetchone()
                    if row is not None:
                        found[key] = self._checked(row[0])
        except sqlite3.OperationalError as exc:
            logger.warning("%s cannot be read (%s); embedding again.", self.path, exc)
        except sqlite3.DatabaseError as exc:
            raise StaleIndexError(
                f"{self.path}: expected a cache of embeddings, found: {exc}; delete the file."
            ) from exc
        return found

    def _checked(self, blob: bytes) -> NDArray[np.float32]:
        vector = np.frombuffer(blob, dtype="<f4").astype(np.float32)
        if vector.shape != (self.dimension,):
            raise StaleIndexError(
                f"{self.path}: expected {self.dimension} numbers per vector of {self.name!r}, "
                f"found {vector.size}; delete the file."
            )
        return vector

    def _write(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        if not self._writable:
            return
        rows = [(self.name, key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
                connection.execute(_TABLE)
                connection.executemany(_INSERT, rows)
        except (OSError, sqlite3.OperationalError) as exc:
            self._writable = False
            logger.warning("%s cannot be written (%s); texts are embedded each time.", self.path, exc)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
