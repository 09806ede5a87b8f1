"""A folder that one process rewrites while others read it.

::

    edge/
      current.json      which generation is published, and what it was made with
      .lock             held by the writer
      000007/           the published generation: readers open it, nobody changes it
      000006/           the one before, for a reader that is just opening it
      000008.tmp/       the writer's copy, or what a killed writer left

A writer changes a copy and publishes it in one step; a reader sees one generation or the next, never a
mixture, and never waits. What a killed writer left is thrown away by the next one.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from filelock import FileLock, Timeout

from ethochat.index.catalog import replace_file
from ethochat.index.errors import CatalogLockedError, EthochatError, NotIngestedError, StaleIndexError
from ethochat.index.store.base import PayloadValue
from ethochat.index.store.encoding import check_description

HandleT = TypeVar("HandleT")

_POINTER = "current.json"
_OPENING_ATTEMPTS = 20
_BLOCK = 1 << 16
_ZEROS = bytes(_BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published generation."""

    number: int
    token: str
    """Told apart from an equally numbered generation of a folder that was deleted and made again."""
    folder: Path
    description: Mapping[str, PayloadValue]


class Generations:
    """The generations of one folder."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is read or made yet."""
        self.root = root
        self._lock: FileLock | None = None

    def published(self) -> Published | None:
        """Return what readers open now; ``None`` where nothing was published.

        Raises
        ------
        StaleIndexError
            When the pointer cannot be read.
        """
        try:
            content = json.loads((self.root / _POINTER).read_text(encoding="utf-8"))
            number = int(content["generation"])
            return Published(
                number=number,
                token=content["token"],
                folder=self._folder(number),
                description=content["description"],
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as exc:
            raise StaleIndexError(
                f"{self.root / _POINTER}: expected the number of a generation, found {exc!r}; "
                "run `ethochat ingest --rebuild-index` on the experiment."
            ) from exc

    def lock(self) -> None:
        """Become the only writer.

        Raises
        ------
        CatalogLockedError
            When another process is writing.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as exc:
            raise CatalogLockedError(
                f"{self.root}: expected no other writer, found another process writing the vector index; "
                "wait until its `ethochat ingest` is done, then run yours again."
            ) from exc
        self._lock = lock
        self._clear_leftovers()

    def _clear_leftovers(self) -> None:
        current = self.published()
        for path in self.root.iterdir():
            unpublished = path.name.isdigit() and int(path.name) > (current.number if current else 0)
            if path.is_dir() and (unpublished or path.suffix == ".tmp"):
                shutil.rmtree(path, ignore_errors=True)
            elif path.suffix == ".tmp":
                path.unlink(missing_ok=True)

    def begin(self, *, empty: bool = False) -> Path:
        """Make the writer's copy of what is published, or an empty folder."""
        current = self.published()
        working = self._folder(current.number + 1 if current else 1).with_suffix(".tmp")
        if current is None or empty:
            working.mkdir(parents=True)
        else:
            copy_folder(current.folder, working)
        return working

    def publish(self, working: Path, description: Mapping[str, PayloadValue]) -> None:
        """Show the writer's copy to readers, and drop what was before the last one.

        The copy must be flushed and closed.
        """
        number = int(working.stem)
        os.replace(working, self._folder(number))
        self._point_at(number, uuid.uuid4().hex, description)
        for folder in self.root.iterdir():
            if folder.is_dir() and folder.name.isdigit() and int(folder.name) < number - 1:
                shutil.rmtree(folder, ignore_errors=True)  # where a reader keeps it open it goes next time

    def describe_anew(self, description: Mapping[str, PayloadValue]) -> None:
        """Replace what is said of the published generation, which itself stays as it is."""
        current = self.published()
        assert current is not None
        self._point_at(current.number, current.token, description)

    def _point_at(self, number: int, token: str, description: Mapping[str, PayloadValue]) -> None:
        pointer = {"generation": number, "token": token, "description": dict(description)}
        replace_file(self.root / _POINTER, json.dumps(pointer, indent=1, sort_keys=True).encode())

    def release(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _folder(self, number: int) -> Path:
        return self.root / f"{number:06d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderEngine(Generic[HandleT]):
    """What an engine can do with a folder."""

    create: Callable[[Path], HandleT]
    """Make an empty collection in an empty folder."""
    load: Callable[[Path], HandleT]
    finish: Callable[[HandleT], None]
    """Bring everything to disk before the handle is closed for publishing."""
    close: Callable[[HandleT], None]
    settle: Callable[[Path], None]
    """Do in a closed folder what its first opening would do, so that a reader changes nothing that a writer copies."""
    shares_folder: bool
    """Several processes may have one folder open for reading."""


class GenerationSession(Generic[HandleT]):
    """An engine's handle on the published generation, or on the writer's copy from the first change on."""

    def __init__(
        self,
        root: Path,
        engine: FolderEngine[HandleT],
        *,
        description: Mapping[str, PayloadValue],
        read_only: bool,
        rebuild: bool,
    ) -> None:
        """Check what is there; a writer takes the lock and starts a first generation where there is none.

        Parameters
        ----------
        root
            Folder of the generations.
        engine
            Opens their folders.
        description
            What the caller will ask of the collection; written with a new one, compared with an old one.
        read_only
            Never write; see what others publish.
        rebuild
            Start from an empty collection instead of what is there.

        Raises
        ------
        NotIngestedError
            When there is nothing to read.
        StaleIndexError
            When the collection was made with another embedder, dimension or schema.
        CatalogLockedError
            When another process is writing.
        """
        self._generations = Generations(root)
        self._engine = engine
        self._description = description
        self._read_only = read_only
        self._guard = threading.RLock()
        self._handle: HandleT | None = None
        self._token: str | None = None
        self._working: Path | None = None
        self._facts: dict[str, PayloadValue] = {}
        self._closed = False
        self._private: tempfile.TemporaryDirectory[str] | None = None
        if read_only:
            self._current()
            return
        self._generations.lock()
        try:
            if rebuild or self._generations.published() is None:
                self._begin(empty=True)
            else:
                self._current()
        except BaseException:
            self._generations.release()
            raise

    @property
    def description(self) -> Mapping[str, PayloadValue]:
        """What is recorded with the collection."""
        if self._working is not None:
            return {**self._description, **self._facts}
        return {**self._current().description, **self._facts}

    def record(self, facts: Mapping[str, PayloadValue]) -> None:
        """Add to the description; others see it once the session is closed.

        What was recorded of an earlier generation is not true of one that was written to since, and is forgotten
        with it.
        """
        with self._guard:
            self._refuse_change()
            self._facts |= facts

    @contextmanager
    def reading(self) -> Iterator[HandleT]:
        """Lend the handle for a query; other threads wait, and a new generation is opened first."""
        with self._guard:
            self._refuse_closed()
            if self._working is None:
                self._follow()
            assert self._handle is not None
            yield self._handle

    @contextmanager
    def writing(self) -> Iterator[HandleT]:
        """Lend the handle for a change."""
        with self._guard:
            self._refuse_change()
            if self._working is None:
                self._begin()
            assert self._handle is not None
            yield self._handle

    def close(self) -> None:
        """Publish what was written, and release."""
        with self._guard:
            if self._working is not None and self._handle is not None:
                self._engine.finish(self._handle)
                self._drop()
                self._engine.settle(self._working)
                self._generations.publish(self._working, {**self._description, **self._facts})
                self._working = None
            elif self._facts and not self._closed:
                self._generations.describe_anew(self.description)
            self._facts = {}
            self._drop()
            self._generations.release()
            self._closed = True

    def abandon(self) -> None:
        """Throw away what was written, and release."""
        with self._guard:
            working, self._working, self._facts = self._working, None, {}
            self._drop()
            if working is not None:
                shutil.rmtree(working, ignore_errors=True)
            self._generations.release()
            self._closed = True

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError(f"{self._generations.root}: expected an open index, got one that was closed.")

    def _refuse_change(self) -> None:
        self._refuse_closed()
        if self._read_only:
            root = self._generations.root
            raise RuntimeError(f"{root}: expected an index opened for writing, got one opened for reading.")

    def _current(self) -> Published:
        current = self._generations.published()
        root = self._generations.root
        if current is None:
            raise NotIngestedError(
                f"{root}: expected a vector index, found none; run `ethochat ingest` on the experiment first."
            )
        check_description(current.description, self._description, where=str(root))
        return current

    def _begin(self, *, empty: bool = False) -> None:
        self._drop()
        self._working = self._generations.begin(empty=empty)
        new = not any(self._working.iterdir())
        self._handle = self._engine.create(self._working) if new else self._engine.load(self._working)

    def _follow(self) -> None:
        """Open the published generation unless it is open already."""
        for _ in range(_OPENING_ATTEMPTS):
            current = self._current()
            if self._handle is not None and self._token == current.token:
                return
            self._drop()
            try:
                self._handle = self._engine.load(self._readable(current.folder))
            except (EthochatError, FileNotFoundError, shutil.Error):
                if self._current().token == current.token:
                    raise
                continue  # a writer published twice meanwhile and cleared the folder away
            self._token = current.token
        raise CatalogLockedError(
            f"{self._generations.root}: the index changed at each of {_OPENING_ATTEMPTS} attempts "
            "to open it; try again later."
        )

    def _readable(self, folder: Path) -> Path:
        """Return the folder itself, or a copy where the engine cannot share it or may not touch it."""
        if self._engine.shares_folder and os.access(folder, os.W_OK):
            return folder
        if not self._read_only:
            return folder
        self._private = tempfile.TemporaryDirectory(prefix="ethochat-index-")
        return Path(copy_folder(folder, Path(self._private.name) / "index"))

    def _drop(self) -> None:
        if self._handle is not None:
            self._engine.close(self._handle)
        if self._private is not None:
            self._private.cleanup()
        self._handle, self._token, self._private = None, None, None


def copy_folder(source: Path, target: Path) -> Path:
    """Copy a folder of index files, keeping the holes: nine tenths are zeros that take no space on disk."""
    # Hidden files are the engines' locks and the short-lived halves of their atomic writes.
    return shutil.copytree(source, target, copy_function=_copy_sparse, ignore=shutil.ignore_patterns(".*"))


def _copy_sparse(source: str, target: str) -> None:
    with open(source, "rb") as reader, open(target, "wb") as writer:
        while block := reader.read(_BLOCK):
            if block == _ZEROS[: len(block)]:
                writer.seek(len(block), os.SEEK_CUR)
            else:
                writer.write(block)
        writer.truncate()
