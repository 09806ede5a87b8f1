from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ethochat.agent.run import open_context
from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import InputFile, Session
from ethochat.index.experiment import Experiment
from ethochat.index.ingest import ingest
from ethochat.index.sample import write_sample
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform, empty
from ethochat.index.vlm.access import VlmAccess
from ethochat.index.vlm.scripted import ScriptedVlm
from ethochat.tools.context import ToolContext

Rows = list[dict[str, Any]]


@pytest.fixture
def write_lab(tmp_path: Path) -> Callable[..., tuple[Experiment, Catalog]]:
    """Write tables of sessions of 10 s at 10 frames per second, one animal each unless told otherwise.

    Coverage and bouts are given as (source, behaviors) and (source, behavior, start, stop); rules cut each session into
    segments of 2 s.
    """

    def write(sessions: dict[str, dict[str, Any]], **settings: Any) -> tuple[Experiment, Catalog]:
        catalog = Catalog(tmp_path / "lab" / ".ethochat")
        for session_id, given in sessions.items():
            individuals = given.get("individuals", [""])
            tables = {
                "sessions": [
                    {
                        "time_unit": "s",
                        "fps": 10.0,
                        "duration": 10.0,
                        "excluded": given.get("excluded", False),
                    }
                ],
                "individuals": [{"individual": name} for name in individuals],
                "coverage": [_looked(*item) for item in given.get("coverage", [])],
                "bouts": [_bout(*item) for item in given.get("bouts", [])],
                "segments": [
                    _segment(session_id, name, start) for name in individuals for start in range(0, 10, 2)
                ],
            }
            catalog.write_session(
                session_id, {name: _table(name, session_id, rows) for name, rows in tables.items()}
            )
        catalog.write_state({"sessions": dict.fromkeys(sessions, "x"), "catalog_version": CATALOG_VERSION})
        known = tuple(_session(name, given.get("video", True)) for name, given in sessions.items())
        return Experiment(root=tmp_path / "lab", name="Lab", sessions=known, **settings), catalog

    return write


def _session(session_id: str, video: bool) -> Session:
    inputs = (InputFile(kind="video", path=Path(f"{session_id}.mp4")),) if video else ()
    return Session(session_id=session_id, fps=Fraction(10), inputs=inputs)


def _looked(
    source: str, behaviors: list[str], start: float = 0.0, stop: float = 10.0, individual: str = ""
) -> Any:
    return {
        "individual": individual,
        "kind": "annotations",
        "source": source,
        "source_kind": "manual",
        "start_time": start,
        "stop_time": stop,
        "n_frames": round((stop - start) * 10),
        "behaviors": behaviors,
    }


def _bout(source: str, behavior: str, start: float, stop: float, individual: str = "") -> dict[str, Any]:
    return {
        "individual": individual,
        "behavior": behavior,
        "source": source,
        "source_kind": "manual",
        "start_time": start,
        "stop_time": stop,
        "start_frame": round(start * 10),
        "stop_frame": round(stop * 10),
    }


def _segment(session_id: str, individual: str, start: int) -> dict[str, Any]:
    return {
        "segment_id": f"{session_id}/{individual or '-'}/{start}",
        "individual": individual,
        "source": "rules",
        "start_time": float(start),
        "stop_time": float(start + 2),
        "behaviors": [],
        "zones": [],
    }


def _table(name: str, session_id: str, rows: Rows) -> pl.DataFrame:
    if not rows:
        return empty(name)
    return conform(
        pl.DataFrame([{"session_id": session_id, **row} for row in rows], infer_schema_length=None), name
    )


@pytest.fixture
def rears() -> tuple[BehaviorSettings, ...]:
    """Two kinds of rearing under one word."""
    return (
        BehaviorSettings(name="wall rear", category="rearing", definition="paws on the wall"),
        BehaviorSettings(name="free rear", category="rearing"),
    )


# ------------------------------------------------------------------ a simulated mouse, filmed
@pytest.fixture(scope="session")
def mouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated mouse for 60 s, ingested; its labels name all seven behaviors of the simulator."""
    root = tmp_path_factory.mktemp("quality") / "mouse"
    write_sample(root, n_mice=1, duration_s=60.0)
    manifest = root / "experiment.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + "\n[vlm]\nsize_px = 64\nask_above = 1\n", encoding="utf-8"
    )
    assert not ingest(root).failed
    return root


@pytest.fixture
def lab(mouse: Path, tmp_path: Path) -> Path:
    """A copy of the mouse, shown to no model yet."""
    root = tmp_path / "mouse"
    shutil.copytree(mouse, root)
    return root


@pytest.fixture
def watched(lab: Path) -> Callable[..., tuple[ToolContext, ScriptedVlm]]:
    """The experiment with a model that answers by rule."""

    def make(answer: Any = None, **options: Any) -> tuple[ToolContext, ScriptedVlm]:
        vlm = ScriptedVlm(answer=answer, **options)
        context = open_context(lab)
        return replace(context, vlm=VlmAccess(spec=vlm, settings=context.experiment.vlm)), vlm

    return make
