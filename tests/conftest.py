"""A small experiment on disk whose truth is known; tests break it in one place each."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# How long a case takes says how busy the machine is.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

N_FRAMES = 250
FPS = 25
PX_PER_CM = 10

LAB_TOML = """[experiment]
name = "Test arena"
description = "One mouse each"

[defaults]
fps = 25
px_per_cm = 10

[[inputs]]
kind = "pose"
column = "pose"

[[inputs]]
kind = "annotations"
column = "labels"
format = "bout_table"
name = "anna"

[arena]
shape = "rectangle"
width_cm = 40
height_cm = 40
corners_px = [[0, 0], [400, 0], [400, 400], [0, 400]]

[[zones]]
name = "center"
kind = "scaled"
scale = 0.5
"""


def pose_rows(session: int, n_frames: int = N_FRAMES) -> np.ndarray:
    """Body center, nose and tail base of one mouse, shape ``(n_frames, 6)``, in pixels.

    The mouse waits for its first 50 frames at (100, 100 + 10 * session), then walks to the right by 1 px per
    frame, looking ahead: nose and tail base are 20 px before and behind its center. So it walks
    ``n_frames - 50`` px.
    """
    x = 100.0 + np.maximum(np.arange(n_frames) - 49, 0)
    y = np.full(n_frames, 100.0 + 10 * session)
    return np.column_stack([x, y, x + 20, y, x - 20, y])


def write_pose(path: Path, rows: np.ndarray) -> Path:
    """Write a DeepLabCut csv of body center, nose and tail base."""
    points = ("bodycentre", "nose", "tailbase")
    cells = [f"{point},{point},{point}" for point in points]
    lines = [
        "scorer," + ",".join(["DLC_test"] * 9),
        "bodyparts," + ",".join(cells),
        "coords," + ",".join(["x,y,likelihood"] * 3),
    ]
    for number, row in enumerate(rows):
        values = (f"{row[2 * k]:.3f},{row[2 * k + 1]:.3f},1.0" for k in range(3))
        lines.append(f"{number}," + ",".join(values))
    path.write_text("\n".join(lines).replace("nan,nan,1.0", ",,") + "\n", encoding="utf-8")
    return path


def write_labels(path: Path, session: int) -> Path:
    """Write what Anna saw: rearing for 1 + session / 10 s from 2 s on, grooming in [5, 6)."""
    path.write_text(
        f"start,stop,behavior\n2.0,{3 + session / 10:.1f},Rearing\n5.0,6.0,Grooming\n", encoding="utf-8"
    )
    return path


@pytest.fixture(autouse=True)
def own_index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the shell says of a vector index away from tests; only the contract of the stores asks for a server."""
    if "contract" not in request.path.parts:
        monkeypatch.delenv("ETHOCHAT_STORE", raising=False)
        monkeypatch.delenv("QDRANT_URL", raising=False)


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[..., Path]:
    """Write an experiment of sessions ``s1``, ``s2`` … of 10 s, alternately of group drug and control."""

    def make(n: int = 3, *, name: str = "lab", n_frames: int = N_FRAMES) -> Path:
        root = tmp_path / name
        root.mkdir()
        (root / "experiment.toml").write_text(LAB_TOML, encoding="utf-8")
        rows = ["session_id,subject_id,group,weight_g,pose,labels"]
        for k in range(1, n + 1):
            write_pose(root / f"s{k}.csv", pose_rows(k, n_frames))
            write_labels(root / f"s{k}_labels.csv", k)
            rows.append(f"s{k},m{k},{'drug' if k % 2 else 'control'},{20 + k},s{k}.csv,s{k}_labels.csv")
        (root / "sessions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return root

    return make


@pytest.fixture
def draw_video() -> Callable[..., Path]:
    """Write a video of a dark disc that circles on a bright floor, 320 x 240 px, 25 frames per second."""

    def draw(path: Path, n_frames: int = 100) -> Path:
        import av

        yy, xx = np.mgrid[0:240, 0:320]
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for number in range(n_frames):
                angle = 2 * math.pi * number / 100
                x, y = 160 + 80 * math.cos(angle), 120 + 60 * math.sin(angle)
                image = np.where((xx - x) ** 2 + (yy - y) ** 2 < 15**2, 40, 190).astype(np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return draw


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; skips where it is absent."""
    project = Path(__file__).parents[1]
    path = Path(os.environ.get("ETHOCHAT_TEST_DATA", project / "../shared/data")).resolve()
    if not path.is_dir():
        pytest.skip("no real recordings here: set ETHOCHAT_TEST_DATA")
    return path
