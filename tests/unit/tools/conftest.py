"""Two tiny experiments with hand-known answers, written straight into a catalog.

``context`` is an open field of four mice, 10 s at 10 frames per second:

=========  =======  =====  ====  ====================  =====================  =================
session    subject  group  dose  Rearing by anna       Rearing by ben         Grooming by anna
=========  =======  =====  ====  ====================  =====================  =================
oft_1      m1       drug   0.5   [1, 2) [3, 5)         [1, 2.5)               [5, 6)
oft_2      m2       drug   1.0   [2, 3)                none                   none
oft_4      m3       vehi.  0.0   none                  none                   [0, 4)
oft_5      m4       vehi.  0.0   [0, 1) [0.5, 2)       not looked             none
=========  =======  =====  ====  ====================  =====================  =================

``bad`` is a fifth session, flagged as empty. The classifier ``auto`` marks Rearing in oft_1 to oft_5, [0, 1)
each; ``rules`` mark ``resting``. The tracker ``cam`` sees the body center of oft_1 move by 2 px per frame
along x from 0 (frame 5 missing); there is no scale. The metric ``path.total`` is 10, 20, 30, 50 cm. Zone
``center`` holds frames 20 to 39 and 60 to 69 of oft_1, frame 30 unknown.

``social`` is one session without a frame rate, two individuals ``a`` (resting at (0, 0)) and ``b`` (at x =
frame, y = 0), 20 frames; b is missing in frame 4; channel ``S1`` marks ``chase`` in frames 2 to 5, else
``base``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform, empty
from ethochat.tools.context import ToolContext
from ethochat.tools.evidence import Evidence, Value

Rows = list[dict[str, Any]]


def table(name: str, rows: Rows) -> pl.DataFrame:
    """Rows in a table's schema."""
    if not rows:
        return empty(name)
    return conform(pl.DataFrame(rows, infer_schema_length=None), name)


def context_of(root: Path, sessions: dict[str, dict[str, Rows]], experiment: dict[str, Any]) -> ToolContext:
    """Write tables of sessions into a catalog and make a context of it."""
    catalog = Catalog(root / ".ethochat")
    for session_id, tables in sessions.items():
        catalog.write_session(session_id, {name: table(name, rows) for name, rows in tables.items()})
    catalog.write_state({"sessions": dict.fromkeys(sessions, "x"), "catalog_version": CATALOG_VERSION})
    known = Experiment(
        root=root, name="Test", sessions=tuple(Session(session_id=name) for name in sessions), **experiment
    )

    def no_search() -> Any:
        raise AssertionError("no search here")

    return ToolContext(
        experiment=known, catalog=catalog, open_search=no_search, figures_dir=root / ".ethochat" / "figures"
    )


def bout(
    behavior: str, source: str, start: float, stop: float, *, kind: str = "manual", individual: str = ""
) -> dict[str, Any]:
    return {
        "individual": individual,
        "behavior": behavior,
        "source": source,
        "source_kind": kind,
        "start_time": start,
        "stop_time": stop,
    }


def looked(
    source: str,
    behaviors: list[str],
    *,
    kind: str = "annotations",
    source_kind: str = "manual",
    stop: float = 10.0,
    n_frames: int = 100,
    individual: str = "",
) -> dict[str, Any]:
    return {
        "individual": individual,
        "kind": kind,
        "source": source,
        "source_kind": source_kind,
        "start_time": 0.0,
        "stop_time": stop,
        "n_frames": n_frames,
        "behaviors": behaviors,
    }


def session_row(session_id: str, **more: Any) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "time_unit": "s",
        "fps": 10.0,
        "duration": 10.0,
        "n_frames": 100,
        "excluded": False,
        **more,
    }


def _named(session_id: str, tables: dict[str, Rows]) -> dict[str, Rows]:
    return {name: [{"session_id": session_id, **row} for row in rows] for name, rows in tables.items()}


_ANNA = {
    "oft_1": [("Rearing", 1, 2), ("Rearing", 3, 5), ("Grooming", 5, 6)],
    "oft_2": [("Rearing", 2, 3)],
    "oft_4": [("Grooming", 0, 4)],
    "oft_5": [("Rearing", 0, 1), ("Rearing", 0.5, 2)],
}
_BEN = {"oft_1": [("Rearing", 1, 2.5)], "oft_2": [], "oft_4": []}
_SUBJECTS = {
    "oft_1": ("m1", "drug", 0.5, 10.0),
    "oft_2": ("m2", "drug", 1.0, 20.0),
    "oft_4": ("m3", "vehicle", 0.0, 30.0),
    "oft_5": ("m4", "vehicle", 0.0, 50.0),
}


def _open_field(session_id: str) -> dict[str, Rows]:
    subject, group, dose, metric = _SUBJECTS[session_id]
    bouts = [bout(name, "anna", start, stop) for name, start, stop in _ANNA[session_id]]
    coverage = [looked("anna", ["Grooming", "Rearing"])]
    if session_id in _BEN:
        bouts += [bout(name, "ben", start, stop) for name, start, stop in _BEN[session_id]]
        coverage.append(looked("ben", ["Rearing"]))
    bouts += [bout("Rearing", "auto", 0, 1, kind="automated"), bout("resting", "rules", 8, 9, kind="rule")]
    coverage += [
        looked("auto", ["Rearing"], source_kind="automated"),
        looked("rules", ["resting"], kind="rules", source_kind="rule"),
        looked("table", [], kind="metrics", source_kind="automated"),
    ]
    tables: dict[str, Rows] = {
        "sessions": [session_row(session_id, subject_id=subject, group=group, dose=dose)],
        "individuals": [{"individual": "", "subject_id": subject}],
        "bouts": bouts,
        "metrics": [
            {"individual": "", "metric": "path.total", "value": metric, "unit": "cm", "source": "table"}
        ],
    }
    if session_id == "oft_1":
        coverage.append(looked("cam", [], kind="track", source_kind="automated"))
        tables |= _track_of_oft_1()
    return _named(session_id, tables | {"coverage": coverage})


def _track_of_oft_1() -> dict[str, Rows]:
    points = [(frame, None if frame == 5 else 2.0 * frame) for frame in range(100)]
    tracks = [
        {
            "source": "cam",
            "individual": "",
            "keypoint": "centroid",
            "frame": frame,
            "x_px": x,
            "y_px": None if x is None else 0.0,
        }
        for frame, x in points
    ]
    kinematics = [
        {
            "source": "cam",
            "individual": "",
            "frame": frame,
            "x_px": 2.0 * frame,
            "y_px": 0.0,
            "step_px": None if frame == 0 else 2.0,
            "speed_px_per_s": 20.0 + (frame == 50),
        }
        for frame in range(100)
    ]
    zones = [
        {
            "source": "cam",
            "individual": "",
            "zone": "center",
            "frame": frame,
            "inside": None if frame == 30 else 20 <= frame < 40 or 60 <= frame < 70,
        }
        for frame in range(100)
    ]
    return {"tracks": tracks, "kinematics": kinematics, "zones": zones}


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    """Four mice in an open field."""
    sessions = {name: _open_field(name) for name in _SUBJECTS}
    sessions["bad"] = _named(
        "bad",
        {
            "sessions": [session_row("bad", subject_id="m5", group="drug", dose=2.0, excluded=True)],
            "individuals": [{"individual": "", "subject_id": "m5"}],
            "coverage": [looked("anna", ["Grooming", "Rearing"])],
            "bouts": [bout("Rearing", "anna", 0, 10)],
            "flags": [
                {
                    "code": "mostly_missing",
                    "excludes": True,
                    "message": "No animal was found in 97 % of the frames.",
                }
            ],
        },
    )
    behaviors = (
        BehaviorSettings(
            name="Rearing", synonyms=("rear up",), category="vertical activity", definition="forepaws up"
        ),
        BehaviorSettings(name="Grooming", category="care"),
    )
    return context_of(tmp_path, sessions, {"behaviors": behaviors, "description": "an open field"})


def _social() -> dict[str, Rows]:
    def track(name: str, keypoint: str) -> Rows:
        return [
            {
                "source": "pose",
                "individual": name,
                "keypoint": keypoint,
                "frame": frame,
                "x_px": None if name == "b" and frame == 4 else float(frame if name == "b" else 0),
                "y_px": None if name == "b" and frame == 4 else 0.0 if keypoint == "body" else 3.0,
                "confidence": 0.9,
            }
            for frame in range(20)
        ]

    tracks = [row for name in ("a", "b") for keypoint in ("body", "nose") for row in track(name, keypoint)]
    return {
        "sessions": [session_row("pair_1", time_unit="frames", fps=None, duration=22.0, n_frames=22)],
        "individuals": [{"individual": "a", "subject_id": "s1"}, {"individual": "b", "subject_id": "s2"}],
        "coverage": [
            looked("pose", [], kind="track", source_kind="automated", stop=20.0, n_frames=20, individual="a"),
            looked("pose", [], kind="track", source_kind="automated", stop=20.0, n_frames=20, individual="b"),
            looked("S1", ["base", "chase"], stop=20.0, n_frames=20),
        ],
        "bouts": [bout("base", "S1", 0, 2), bout("chase", "S1", 2, 6), bout("base", "S1", 6, 20)],
        "tracks": tracks,
    }


@pytest.fixture
def social(tmp_path: Path) -> ToolContext:
    """Two animals without a frame rate."""
    return context_of(tmp_path / "social", {"pair_1": _named("pair_1", _social())}, {})


@pytest.fixture
def made(tmp_path: Path) -> Callable[[dict[str, Rows]], ToolContext]:
    """Make an experiment of one session ``s1`` of 10 s at 10 frames per second from rows of its tables."""

    def make(tables: dict[str, Rows]) -> ToolContext:
        rows = {"sessions": [session_row("s1")], **tables}
        return context_of(tmp_path / "made", {"s1": _named("s1", rows)}, {})

    return make


@pytest.fixture
def labeled(tmp_path: Path) -> Callable[..., ToolContext]:
    """Make an experiment of labels alone.

    ``sessions`` maps a session to its bouts ``(source, behavior, start, stop)``, with the individual as a fifth entry where there
    are several. Every source that has a bout anywhere looks at every animal of every session from 0 to ``duration``, for all
    behaviors that it marks anywhere; ``looked_for`` says so explicitly, as ``(session, source, individual, start, stop,
    behaviors)``. Subjects are named after sessions and individuals unless ``columns`` name them.
    """

    def make(
        sessions: dict[str, list[tuple[Any, ...]]],
        *,
        looked_for: list[tuple[Any, ...]] | None = None,
        duration: float = 10.0,
        fps: float | None = 10.0,
        kinds: dict[str, str] | None = None,
        columns: dict[str, dict[str, Any]] | None = None,
        extra: dict[str, dict[str, Rows]] | None = None,
    ) -> ToolContext:
        known: dict[str, set[str]] = {}
        for bouts in sessions.values():
            for source, behavior, *_ in bouts:
                known.setdefault(source, set()).add(behavior)
        animals = sorted({bout[4] for bouts in sessions.values() for bout in bouts if len(bout) > 4}) or [""]
        everywhere = [
            (session_id, source, animal, 0.0, duration, sorted(behaviors))
            for session_id in sessions
            for source, behaviors in known.items()
            for animal in animals
        ]
        tables: dict[str, dict[str, Rows]] = {}
        for session_id, bouts in sessions.items():
            row = session_row(
                session_id, **{"duration": duration, "fps": fps, **(columns or {}).get(session_id, {})}
            )
            row["time_unit"] = "frames" if fps is None else "s"
            own = [entry for entry in looked_for or everywhere if entry[0] == session_id]
            made: dict[str, Rows] = {
                "sessions": [row],
                "individuals": [
                    {
                        "individual": name,
                        "subject_id": f"{session_id}:{name}" if name else row.get("subject_id", session_id),
                    }
                    for name in animals
                ],
                "bouts": [
                    bout(
                        behavior,
                        source,
                        start,
                        stop,
                        kind=(kinds or {}).get(source, "manual"),
                        individual=who[0] if who else "",
                    )
                    for source, behavior, start, stop, *who in bouts
                ],
                "coverage": [
                    looked(
                        source,
                        behaviors,
                        source_kind=(kinds or {}).get(source, "manual"),
                        kind="rules" if (kinds or {}).get(source) == "rule" else "annotations",
                        stop=stop,
                        individual=animal,
                    )
                    | {"start_time": start}
                    for _, source, animal, start, stop, behaviors in own
                ],
            }
            for name, rows in (extra or {}).get(session_id, {}).items():
                made[name] = [*made.get(name, []), *rows]
            tables[session_id] = _named(session_id, made)
        return context_of(tmp_path / "labeled", tables, {})

    return make


Run = Callable[..., Evidence]


@pytest.fixture
def call() -> Run:
    """Call a tool by name."""
    from ethochat.tools import tool_named

    def run(context: ToolContext, tool: str, /, **arguments: Any) -> Evidence:
        return tool_named(tool).run(context, arguments)

    return run


@pytest.fixture
def numbers() -> Callable[..., dict[Any, Any]]:
    """Values of an evidence by session, group label or statistic."""

    def pick(evidence: Evidence, key: str, *, statistic: str | None = None) -> dict[Any, Any]:
        def of(value: Value) -> Any:
            return value.group[key] if key in value.group else getattr(value, key, None)

        return {of(v): v.value for v in evidence.values if statistic is None or v.statistic == statistic}

    return pick


@pytest.fixture
def study(tmp_path: Path) -> Callable[[Rows], ToolContext]:
    """Make an experiment of imported metrics: one row per session with its subject, metadata and ``metrics``."""

    def make(rows: Rows) -> ToolContext:
        sessions = {}
        for number, row in enumerate(rows):
            session_id = str(row.get("session_id", f"s{number:02d}"))
            subject = row.get("subject_id", session_id)
            metadata = {
                key: text for key, text in row.items() if key not in ("session_id", "subject_id", "metrics")
            }
            metrics = [
                {"individual": "", "metric": name, "value": float(value), "unit": "cm", "source": "table"}
                for name, value in row["metrics"].items()
            ]
            tables: dict[str, Rows] = {
                "sessions": [session_row(session_id, subject_id=subject, **metadata)],
                "individuals": [{"individual": "", "subject_id": subject}],
                "metrics": metrics,
                "coverage": [looked("table", [], kind="metrics", source_kind="automated")],
            }
            sessions[session_id] = _named(session_id, tables)
        return context_of(tmp_path / "study", sessions, {})

    return make
