"""What models replied, kept for good: a reply is paid for once.

One SQLite file per experiment. A reply is committed before the next one is waited for, so that a killed run loses
nothing and the next one asks nothing twice. The tables are made from the journal and can be made again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from ethochat.index.describers.in_use import JOURNAL_FILE
from ethochat.index.errors import CatalogError, StaleIndexError
from ethochat.index.vlm.base import VlmReply

_VERSION: Final = 1
_WAIT_S: Final = 30.0
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT NOT NULL, model TEXT NOT NULL, prompt_version TEXT NOT NULL, text TEXT NOT NULL, probabilities TEXT,
    finish TEXT NOT NULL, decoding TEXT NOT NULL, prompt_tokens INTEGER, new_tokens INTEGER, elapsed_s REAL NOT NULL,
    created_at TEXT NOT NULL, PRIMARY KEY (key, model)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS described (
    model TEXT NOT NULL, prompt_version TEXT NOT NULL, session_id TEXT NOT NULL, individual TEXT NOT NULL,
    start_frame INTEGER NOT NULL, stop_frame INTEGER NOT NULL, video_hash TEXT NOT NULL,
    key TEXT NOT NULL, frames TEXT NOT NULL, shared_with TEXT,
    PRIMARY KEY (model, prompt_version, session_id, individual, start_frame, stop_frame, video_hash)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which stretch of which recording was described; independent of how segments are named."""

    session_id: str
    individual: str
    start_frame: int
    stop_frame: int
    video_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """That a model was shown a stretch, and the key of what it replied."""

    place: Place
    model: str
    prompt_version: str
    key: str
    frames: tuple[int, ...]
    shared_with: str | None = None
    """What the stretch looks like, where it was not shown itself: ``frames 120 to 200``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReply:
    """A reply as it was kept."""

    reply: VlmReply
    model: str
    prompt_version: str
    created_at: str


class Journal:
    """The replies of one experiment; several processes and threads may use it at once."""

    def __init__(self, data_dir: Path) -> None:
        """Open the journal, making it where there is none.

        Raises
        ------
        CatalogError
            When it cannot be opened or written.
        StaleIndexError
            When it is damaged or of another version; it is never overwritten, since replies cost much.
        """
        self.path = data_dir / JOURNAL_FILE
        self._guard = threading.Lock()
        with self._explained():
            data_dir.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _VERSION):
                raise StaleIndexError(
                    f"{self.path}: expected a journal of version {_VERSION}, found {version}; it was written by another "
                    "version of ethochat, which can read it. Move it away to begin a new one."
                )
            with self._connection:
                self._connection.executescript(_TABLES)
                self._connection.execute(f"PRAGMA user_version = {_VERSION}")

    @classmethod
    def there(cls, data_dir: Path) -> bool:
        """Whether any model was ever asked."""
        return (data_dir / JOURNAL_FILE).is_file()

    # ------------------------------------------------------------------ replies
    def reply(self, key: str, model: str) -> KeptReply | None:
        """What this model replied to this request, if it did."""
        rows = self._all("SELECT * FROM replies WHERE key = ? AND model = ?", (key, model))
        return _kept(rows[0]) if rows else None

    def replies(self, model: str) -> dict[str, KeptReply]:
        """Every reply of a model by key."""
        return {
            row["key"]: _kept(row) for row in self._all("SELECT * FROM replies WHERE model = ?", (model,))
        }

    def seconds_per_reply(self, model: str) -> float | None:
        """Mean time of a model's replies so far; ``None`` where it gave none."""
        rows = self._all("SELECT AVG(elapsed_s) AS mean FROM replies WHERE model = ?", (model,))
        mean = rows[0]["mean"]
        return float(mean) if mean is not None else None

    def keep(self, reply: VlmReply, *, model: str, prompt_version: str) -> None:
        """Keep a reply; one that failed is not kept, so that it is asked again.

        Raises
        ------
        ValueError
            For a reply with an error.
        """
        if reply.error is not None:
            raise ValueError(f"Expected a reply, got the error {reply.error!r}.")
        probabilities = None if reply.probabilities is None else json.dumps(dict(reply.probabilities))
        self._write(
            "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    reply.key,
                    model,
                    prompt_version,
                    reply.text,
                    probabilities,
                    reply.finish,
                    json.dumps(dict(reply.decoding), sort_keys=True),
                    reply.prompt_tokens,
                    reply.new_tokens,
                    reply.elapsed_s,
                    datetime.now(UTC).isoformat(timespec="seconds"),
                )
            ],
        )

    # ------------------------------------------------------------------ descriptions
    def note(self, entries: Iterable[Described]) -> None:
        """Note which stretches a request was about; replaces what was noted of them."""
        self._write(
            "INSERT OR REPLACE INTO described VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    item.model,
                    item.prompt_version,
                    item.place.session_id,
                    item.place.individual,
                    item.place.start_frame,
                    item.place.stop_frame,
                    item.place.video_hash,
                    item.key,
                    json.dumps(list(item.frames)),
                    item.shared_with,
                )
                for item in entries
            ],
        )

    def described(self) -> Iterator[Described]:
        """Every stretch that was noted, whether its reply came or not."""
        for row in self._all(
            "SELECT * FROM described ORDER BY session_id, individual, start_frame, stop_frame, model"
        ):
            place = Place(
                session_id=row["session_id"],
                individual=row["individual"],
                start_frame=row["start_frame"],
                stop_frame=row["stop_frame"],
                video_hash=row["video_hash"],
            )
            yield Described(
                place=place,
                model=row["model"],
                prompt_version=row["prompt_version"],
                key=row["key"],
                frames=tuple(json.loads(row["frames"])),
                shared_with=row["shared_with"],
            )

    def models(self) -> tuple[str, ...]:
        """Models that described something."""
        return tuple(row["model"] for row in self._all("SELECT DISTINCT model FROM described ORDER BY model"))

    # ------------------------------------------------------------------ the file
    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _all(self, query: str, arguments: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        with self._explained(), self._guard:
            cursor = self._connection.execute(query, arguments)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> None:
        with self._explained(), self._guard, self._connection:
            self._connection.executemany(statement, rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.NotSupportedError, sqlite3.OperationalError, OSError) as exc:
            raise CatalogError(
                f"{self.path}: expected a journal that can be read and written, found: {exc}; free space or allow writing."
            ) from exc
        except sqlite3.DatabaseError as exc:
            raise StaleIndexError(
                f"{self.path}: expected the journal of what models replied, found a damaged file ({exc}); move it away to "
                "begin a new one."
            ) from exc


def _kept(row: dict[str, Any]) -> KeptReply:
    reply = VlmReply(
        key=row["key"],
        text=row["text"],
        probabilities=None if row["probabilities"] is None else json.loads(row["probabilities"]),
        finish=row["finish"],
        prompt_tokens=row["prompt_tokens"],
        new_tokens=row["new_tokens"],
        elapsed_s=row["elapsed_s"],
        decoding=json.loads(row["decoding"]),
    )
    return KeptReply(
        reply=reply, model=row["model"], prompt_version=row["prompt_version"], created_at=row["created_at"]
    )
