"""One small experiment with hostile names, written straight into a catalog.

``context`` is an open field of three mice, 10 s at 10 frames per second, group ``drug`` (m1, m2) and a group whose name is
an HTML tag (m3). Rearing by anna: oft_1 [1, 2) and [3, 5), oft_2 [2, 3), oft_3 none. ``oft_1`` has a video of 100 frames of
64 x 48 pixels, ``oft_2`` has none, the video of ``oft_3`` is gone. ``ri_1`` has no frame rate: its times are frames, and its
``chase`` by S1 is frames 20 to 45; it has the same video.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest

from ethochat.index.catalog import CATALOG_VERSION, Catalog
from ethochat.index.domain import Session
from ethochat.index.experiment import Experiment
from ethochat.index.settings import BehaviorSettings
from ethochat.index.tables import conform
from ethochat.tools.context import ToolContext

HOSTILE = '<img src=x onerror="window.hacked=1">'


def write_video(path: Path, n_frames: int = 100, fps: int = 10) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(n_frames):
            image = np.full((48, 64, 3), number * 2, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def session_tables(
    session_id: str, behavior: str, source: str, bouts: Sequence[tuple[float, float]], **columns: Any
) -> dict[str, pl.DataFrame]:
    row = {
        "session_id": session_id, "time_unit": "s", "fps": 10.0, "duration": 10.0, "n_frames": 100, "video": None, "excluded": False,
    }  # fmt: skip
    marked = {"individual": "", "source": source, "source_kind": "manual"}
    tables: dict[str, list[dict[str, Any]]] = {
        "sessions": [row | columns],
        "individuals": [{"individual": "", "subject_id": columns.get("subject_id")}],
        "coverage": [
            marked | {"kind": "annotations", "start_time": 0.0, "stop_time": row["duration"], "n_frames": 100, "behaviors": [behavior]}
        ],
        "bouts": [marked | {"behavior": behavior, "start_time": start, "stop_time": stop} for start, stop in bouts],
    }  # fmt: skip
    frames = {}
    for name, rows in tables.items():
        if rows:
            frame = pl.DataFrame(
                [{"session_id": session_id, **item} for item in rows], infer_schema_length=None
            )
            frames[name] = conform(frame, name)
    return frames


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    video = str(write_video(tmp_path / "top.mp4"))
    catalog = Catalog(tmp_path / ".ethochat")
    metadata = []
    for session_id, subject, group, bouts, file in (
        ("oft_1", "m1", "drug", [(1.0, 2.0), (3.0, 5.0)], video),
        ("oft_2", "m2", "drug", [(2.0, 3.0)], None),
        ("oft_3", "m3", HOSTILE, [], str(tmp_path / "gone.mp4")),
    ):
        tables = session_tables(
            session_id, "Rearing", "anna", bouts, subject_id=subject, group=group, video=file
        )
        catalog.write_session(session_id, tables)
        metadata.append({"session_id": session_id, "group": group})
    catalog.write_session(
        "ri_1",
        session_tables(
            "ri_1",
            "chase",
            "S1",
            [(20.0, 45.0)],
            time_unit="frames",
            fps=None,
            duration=100.0,
            video=video,
            group=None,
        ),
    )
    metadata.append({"session_id": "ri_1", "group": None})
    names = [str(row["session_id"]) for row in metadata]
    catalog.write_state({"sessions": dict.fromkeys(names, "x"), "catalog_version": CATALOG_VERSION})
    experiment = Experiment(
        root=tmp_path,
        name=f"Test {HOSTILE}",
        description="four sessions & a tag <b>",
        sessions=tuple(Session(session_id=name) for name in names),
        metadata=pl.DataFrame(metadata),
        behaviors=(BehaviorSettings(name="Rearing", definition="stands up"),),
    )

    def no_search() -> Any:
        raise AssertionError("no search here")

    return ToolContext(
        experiment=experiment,
        catalog=catalog,
        open_search=no_search,
        figures_dir=tmp_path / ".ethochat" / "figures",
    )
