"""Locks of an experiment that the system releases with the process that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from ethochat.index.catalog import unwritable
from ethochat.index.errors import CatalogLockedError

_WAIT_S: Final = 1.0
_POLL_S: Final = 0.02


@contextmanager
def held(data_dir: Path, name: str, *, busy: str) -> Iterator[None]:
    """Hold a lock for as long as the block runs.

    Parameters
    ----------
    data_dir
        The experiment's ``.ethochat`` folder; made where it is not there.
    name
        File of the lock.
    busy
        What to say where another process holds it.

    Raises
    ------
    CatalogLockedError
        When another process holds it.
    CatalogError
        When the folder cannot be written.
    """
    lock = FileLock(data_dir / name)
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        # A search looks whether the lock is held by holding it for an instant.
        lock.acquire(timeout=_WAIT_S, poll_interval=_POLL_S)
    except Timeout as exc:
        raise CatalogLockedError(busy) from exc
    except OSError as exc:
        raise unwritable(data_dir, exc) from exc
    try:
        yield
    finally:
        lock.release()
