"""The words of an experiment: who was recorded, when, and which files say what about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ethochat.index.timebase import TimeBase

InputKind = Literal["video", "pose", "annotations", "metrics"]
SourceKind = Literal["manual", "automated", "rule"]
"""Who says so: a human rater, a classifier or tracker outside ethochat, a rule of ethochat's ethogram."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file that belongs to a session, and how to read it."""

    kind: InputKind
    path: Path
    format: str | None = None
    """Name of a reader in ``index.formats.READERS``; ``None`` lets the readers recognise the file."""
    name: str | None = None
    """Source name shown to the user (tracker, rater, classifier) where the file does not carry one."""
    source_kind: SourceKind = "manual"
    session_key: str | None = None
    """Value that picks this session's rows from a file shared by many sessions."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Reader options, as declared in ``experiment.toml``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One experimental session."""

    session_id: str
    subject_id: str | None = None
    """The animal, where one animal was recorded."""
    individuals: tuple[tuple[str, str], ...] = ()
    """Pairs (individual as the files name it, subject_id) where several animals were recorded."""
    fps: Fraction | None = None
    px_per_cm: float | None = None
    inputs: tuple[InputFile, ...] = ()
    exclude_reason: str | None = None
    """Why the user wants the session left out of statistics."""

    @property
    def timebase(self) -> TimeBase:
        """The session's clock."""
        return TimeBase(fps=self.fps)

    def inputs_of(self, kind: InputKind) -> tuple[InputFile, ...]:
        """Files of one kind, in the order declared."""
        return tuple(item for item in self.inputs if item.kind == kind)

    def subject_of(self, individual: str | None) -> str | None:
        """The subject behind a tracked individual; the session's only subject where there is one."""
        named = dict(self.individuals)
        if individual in named:
            return named[individual]
        return self.subject_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """An indexed interval of one session, for one individual, as one source cut it."""

    segment_id: str
    session_id: str
    individual: str | None
    source: str
    start_time: float
    stop_time: float
