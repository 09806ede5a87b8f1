"""What a reader of an outside format promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.domain import InputKind, SourceKind
from ethochat.index.timebase import TimeBase


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Positions of one or more animals, as one tracker gave them.

    Dimensions are those of ``movement``: ``(time, space, keypoint, individual)``.
    """

    source: str
    individuals: tuple[str, ...]
    """``("",)`` where the file tracks one unnamed animal."""
    keypoints: tuple[str, ...]
    """``("centroid",)`` for centroid trackers."""
    position: NDArray[np.float32]
    """Shape ``(n_frames, 2, n_keypoints, n_individuals)``; NaN where the file has no value."""
    confidence: NDArray[np.float32] | None
    """Shape ``(n_frames, n_keypoints, n_individuals)``; ``None`` where the file gives none."""
    unit: Literal["px", "cm"] = "px"
    first_frame: int = 0
    """Session frame of the first row."""
    explicit_frames: bool = False
    """The file numbers its frames, so that the absence of rows does not shift those that follow."""
    fps: Fraction | None = None
    """Frame rate, where the file itself states one."""
    area_px2: NDArray[np.float32] | None = None
    """Shape ``(n_frames, n_individuals)``: silhouette area, where the tracker gives it."""
    orientation_deg: NDArray[np.float32] | None = None
    """Shape ``(n_frames, n_individuals)``: heading of the body axis, where the tracker gives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Bouts that one file gives for one session, and what it looked at."""

    bouts: pl.DataFrame
    """Columns of ``tables.BOUTS`` without ``session_id``; times on the session clock."""
    coverage: pl.DataFrame
    """Columns of ``tables.COVERAGE`` without ``session_id``: one row per source and individual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Values that came with the data for one session."""

    metrics: pl.DataFrame
    """Columns of ``tables.METRICS`` without ``session_id``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What a reader needs to know besides the path."""

    timebase: TimeBase
    source: str | None = None
    """Source name declared by the user; used where the file names none."""
    source_kind: SourceKind = "manual"
    session_key: str | None = None
    """Value that picks this session's rows from a shared file."""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What a file seems to be."""

    format: str
    kind: InputKind
    certainty: float
    """From 0 to 1; the highest wins, a tie is reported to the user."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Options to draft into ``experiment.toml``."""
    note: str = ""
    """One line for the user: what was recognised, and what is a guess."""


@runtime_checkable
class Reader(Protocol):
    """One outside format. Each module in this folder holds one and is named in ``formats.READERS``."""

    name: str
    kind: InputKind

    def sniff(self, path: Path) -> Recognition | None:
        """Say what the file is by its content, or ``None`` when it is not of this format. Never raises for a foreign file."""
        ...

    def read(self, path: Path, request: ReadRequest) -> Track | Labels | Metrics:
        """Read one session's data.

        Raises
        ------
        FormatError
            Naming file and row, what was expected and what was found.
        """
        ...
