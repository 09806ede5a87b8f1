"""Files written on the fly, a request to read them with, and the folder of real recordings."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from ethochat.index.formats.base import ReadRequest
from ethochat.index.timebase import TimeBase

PROJECT = Path(__file__).parents[4]


@pytest.fixture
def ask() -> Callable[..., ReadRequest]:
    """Build a request: fps 25 unless said otherwise, every further keyword an option."""

    def build(
        *,
        fps: int | None = 25,
        source: str | None = None,
        source_kind: str = "manual",
        session_key: str | None = None,
        **options: object,
    ) -> ReadRequest:
        return ReadRequest(
            timebase=TimeBase(fps=None if fps is None else Fraction(fps)),
            source=source,
            source_kind=source_kind,
            session_key=session_key,
            options=options,
        )

    return build


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a text file and give its path."""

    def save(text: str | bytes, name: str = "file.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return save


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Folder of real recordings; skips where it is absent."""
    path = Path(os.environ.get("ETHOCHAT_TEST_DATA", PROJECT / "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip("no real recordings here: set ETHOCHAT_TEST_DATA")
    return path
