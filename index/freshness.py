"""Whether the vector index holds what the tables say.

The index records a digest of the tables it was made from. While the two agree everything is searched. Where they do
not, an ingest is running, and the sessions that it has changed since are left out until it publishes the index; or
no ingest is running, and the index is stale.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from ethochat.index.catalog import PENDING, Catalog
from ethochat.index.errors import NotIngestedError, StaleIndexError
from ethochat.index.store.base import PayloadValue, SegmentStore

DIGEST_FACT: Final = "tables"
COUNT_FACT: Final = "n_segments"
"""What an index records about itself: digest of the tables it was made from, segments it then held."""
INGEST_LOCK: Final = "ingest.lock"

_INDEXED_TABLES: Final = ("segments", "descriptions", "sessions", "individuals")
_PROBES: Final = 3
_PROBE_PAUSE_S: Final = 0.02


class TableDigests:
    """Digests of the files that the index is made from; a file is read again when it changed."""

    def __init__(self, catalog: Catalog) -> None:
        """Name the tables; nothing is read yet."""
        self._catalog = catalog
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}

    def combined(self) -> str:
        """Digest of all of them; not of their times, so that a copied experiment stays fresh."""
        total = hashlib.sha256()
        for table in _INDEXED_TABLES:
            for file in sorted(self._catalog.path(table, "any").parent.glob("*.parquet")):
                total.update(f"{table}/{file.name} {self._of(file)}\n".encode())
        return total.hexdigest()[:16]

    def _of(self, file: Path) -> str:
        try:
            stamp = _stamp(file)
            known = self._known.get(str(file))
            if known is None or known[0] != stamp:
                known = (stamp, hashlib.sha256(file.read_bytes()).hexdigest())
                self._known[str(file)] = known
        except FileNotFoundError:
            return ""  # an ingest is replacing it
        return known[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What may be searched."""

    made_of: PayloadValue
    """Digest of the tables that the index was made from."""
    changing: frozenset[str] = frozenset()
    """Sessions whose tables an ingest has changed, or is about to change, since the index was made."""
    notice: str | None = None
    """What a reader of the result must know."""


class IndexCheck:
    """Compares an index with the tables; cheap where neither changed since the last time."""

    def __init__(self, store: SegmentStore, catalog: Catalog) -> None:
        """Name the two; nothing is compared yet."""
        self._store = store
        self._catalog = catalog
        self._digests = TableDigests(catalog)
        self._guard = threading.Lock()
        self._seen: tuple[object, Freshness] | None = None

    def verify(self) -> Freshness:
        """Compare.

        Raises
        ------
        NotIngestedError
            When the experiment has no segments.
        StaleIndexError
            When the index does not hold what the tables hold and no ingest is running.
        """
        described = dict(self._store.describe())
        with self._guard:
            # An ingest writes the state before it changes a table and after it published the index.
            before = (_stamp(self._catalog.state_path), described)
            if self._seen is not None and self._seen[0] == before:
                return self._seen[1]
            freshness = self._compare()
            settled = freshness.made_of == described.get(DIGEST_FACT) and not freshness.notice
            self._seen = (before, freshness) if settled and not self._catalog.pending() else None
            return freshness

    def _compare(self) -> Freshness:
        root = self._catalog.data_dir.parent
        seen: tuple[object, ...] = ()
        while True:
            described, digest = dict(self._store.describe()), self._digests.combined()
            made_of, expected = described.get(DIGEST_FACT), described.get(COUNT_FACT)
            if made_of == digest and expected == 0:
                raise NotIngestedError(
                    f"Expected segments to search in {root}, found none: no session has annotations or a track; "
                    f"add them and run `ethochat ingest {root}`."
                )
            found = self._store.count() if made_of == digest else None
            if made_of == digest and found == expected:
                return Freshness(made_of=made_of)
            if ingest_runs(self._catalog.data_dir):
                return self._in_change(made_of)
            if seen == (described, digest, found):
                break
            seen = (described, digest, found)  # an ingest may have ended since: look again
        if found is not None:
            raise StaleIndexError(
                f"Expected {expected} segments in the index of {root} as in its tables, found {found}; "
                f"run `ethochat ingest --rebuild-index {root}`."
            )
        raise StaleIndexError(
            f"{root}: expected an index made from the tables as they are, found one made from others: an ingest was "
            f"interrupted or the files were changed; run `ethochat ingest {root}`."
        )

    def _in_change(self, made_of: PayloadValue) -> Freshness:
        state = self._catalog.read_state()
        now, indexed = _fingerprints(state), _fingerprints(state.get("index"))
        changing = frozenset(
            name
            for name in now.keys() | indexed.keys()
            if now.get(name) != indexed.get(name) or now[name] == PENDING
        )
        names = f"{len(changing)} session" + ("s are" if len(changing) != 1 else " is")
        return Freshness(
            made_of=made_of,
            changing=changing,
            notice=f"An ingest is running: {names} not searched until it is done."
            if changing
            else "An ingest is running: what it adds is found once it is done.",
        )


def indexed_facts(catalog: Catalog, n_segments: int) -> dict[str, PayloadValue]:
    """Say what an index made from the tables as they are records about itself."""
    return {DIGEST_FACT: TableDigests(catalog).combined(), COUNT_FACT: n_segments}


def ingest_runs(data_dir: Path) -> bool:
    """Whether a process holds the ingest lock now; unknown where the folder cannot be written, which is no."""
    for _ in range(_PROBES):
        try:
            with FileLock(data_dir / INGEST_LOCK, timeout=0):
                return False
        except Timeout:
            time.sleep(_PROBE_PAUSE_S)  # the holder may be another one that only looks
        except OSError:
            return False
    return True


def _fingerprints(state: object) -> dict[str, object]:
    sessions = state.get("sessions") if isinstance(state, dict) else None
    return dict(sessions) if isinstance(sessions, dict) else {}


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return (0, 0, 0)
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
