"""experiment.toml and sessions.csv become an :class:`Experiment`, checked row by row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from ethochat.index.arena import Arena, Zone
from ethochat.index.domain import Session
from ethochat.index.settings import BehaviorSettings, KeypointRoles, SegmentSettings, TrackingSettings

MANIFEST = "experiment.toml"
SESSIONS = "sessions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Everything the two files of an experiment folder say."""

    root: Path
    name: str
    description: str = ""
    sessions: tuple[Session, ...] = ()
    metadata: pl.DataFrame = field(default_factory=lambda: pl.DataFrame({"session_id": []}))
    """One row per session: ``session_id`` and every column of sessions.csv that is not reserved, typed."""
    arena: Arena | None = None
    zones: tuple[Zone, ...] = ()
    keypoints: KeypointRoles = KeypointRoles()
    tracking: TrackingSettings = TrackingSettings()
    segments: SegmentSettings = SegmentSettings()
    behaviors: tuple[BehaviorSettings, ...] = ()
    metric_units: tuple[tuple[str, str], ...] = ()
    """Pairs (metric name, unit) of ``[metric_units]``."""

    @property
    def data_dir(self) -> Path:
        """Folder of everything derived; may be deleted and rebuilt."""
        return self.root / ".ethochat"

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """Names of the columns that can be asked about."""
        return tuple(name for name in self.metadata.columns if name != "session_id")

    def session(self, session_id: str) -> Session:
        """Find a session by id.

        Raises
        ------
        KeyError
            When there is none.
        """
        for session in self.sessions:
            if session.session_id == session_id:
                return session
        raise KeyError(session_id)


def load_experiment(root: Path) -> Experiment:
    """Read and check an experiment folder.

    Parameters
    ----------
    root
        Folder with ``experiment.toml`` and ``sessions.csv``.

    Raises
    ------
    ExperimentError
        Naming file, row and column, what was expected and what was found.
    """
    raise NotImplementedError
