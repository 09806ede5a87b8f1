"""A disc that circles on a bright floor stands for a mouse; its track is exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.domain import InputFile, Session
from ethochat.index.experiment import Experiment
from ethochat.index.settings import BehaviorSettings, VlmSettings
from ethochat.index.vlm.seeing import SessionView

N_FRAMES = 100


def disc(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle of the disc of ``draw_video`` in pixels; it goes round once in 100 frames of 1/25 s."""
    angle = 2 * math.pi * frame / 100
    return 160 + 80 * np.cos(angle), 120 + 60 * np.sin(angle)


def kinematics(
    positions: dict[str, tuple[np.ndarray, np.ndarray]], *, body_px: float | None, cm: float | None
):
    """Rows of KINEMATICS of animals that go these ways, heading along +x; NaN where missing."""
    parts = []
    for name, (x, y) in positions.items():
        step = np.concatenate([[np.nan], np.hypot(np.diff(x), np.diff(y))])
        speed = np.concatenate([step[1:2], step[1:]]) * 25
        columns = {
            "session_id": "s1",
            "source": "tracker",
            "individual": name,
            "frame": np.arange(len(x)),
            "x_px": x,
            "y_px": y,
            "step_px": step,
            "speed_px_per_s": speed,
            "turning_deg_per_s": np.where(np.isnan(x), np.nan, 9.0),
            "body_length_px": np.where(np.isnan(x), np.nan, body_px if body_px is not None else np.nan),
        }
        if cm is not None:
            columns |= {"step_cm": step / cm, "speed_cm_per_s": speed / cm, "wall_distance_cm": y / cm}
        parts.append(pl.DataFrame(columns, nan_to_null=True))
    return pl.concat(parts)


def tracks(positions: dict[str, tuple[np.ndarray, np.ndarray]]) -> pl.DataFrame:
    """Rows of TRACKS: nose 15 px right of the center, tail base 15 px left, an arena corner; the nose unsure in frame 3."""
    parts = []
    for name, (x, y) in positions.items():
        for keypoint, dx in (("nose", 15), ("center", 0), ("tailbase", -15), ("corner", 0)):
            confidence = np.ones(len(x))
            if keypoint == "nose":
                confidence[3] = 0.1
            columns = {
                "session_id": "s1", "source": "tracker", "individual": name, "keypoint": keypoint, "frame": np.arange(len(x)),
                "x_px": x + dx if keypoint != "corner" else np.full(len(x), 2.0), "y_px": y, "confidence": confidence,
            }  # fmt: skip
            parts.append(pl.DataFrame(columns, nan_to_null=True))
    return pl.concat(parts)


@pytest.fixture
def make_view(tmp_path: Path, draw_video: Callable[..., Path]) -> Callable[..., SessionView]:
    """Make the view of session ``s1``: 100 frames at 25 per second, 320 x 240 px, 10 px per cm unless told otherwise."""

    def make(
        settings: VlmSettings | None = None,
        *,
        positions: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
        body_px: float | None = 30.0,
        px_per_cm: float | None = 10.0,
        n_views: int = 1,
        fps: int | None = 25,
        video_hash: str | None = None,
        experiment_name: str = "One mouse in a box",
        behaviors: tuple[BehaviorSettings, ...] = (),
        looked_for: tuple[str, ...] = ("rearing", "walking"),
        zone: str = "center",
    ) -> SessionView:
        videos = [tmp_path / f"view{number}.mp4" for number in range(n_views)]
        for number, path in enumerate(videos):
            if not path.exists():
                draw_video(path, N_FRAMES if number == 0 else 50)
        session = Session(
            session_id="s1",
            fps=None if fps is None else Fraction(fps),
            px_per_cm=px_per_cm,
            inputs=tuple(InputFile(kind="video", path=path) for path in videos),
        )
        from ethochat.index.settings import KeypointRoles

        experiment = Experiment(
            root=tmp_path,
            name=experiment_name,
            sessions=(session,),
            behaviors=behaviors,
            keypoints=KeypointRoles(ignored=("corner",)),
        )
        catalog = Catalog(tmp_path / ".ethochat")
        catalog.clear()
        ways = {"": disc(np.arange(N_FRAMES))} if positions is None else positions
        right = np.concatenate([np.ones(50, dtype=bool), np.zeros(50, dtype=bool)])
        tables = {
            "sessions": pl.DataFrame(
                {"session_id": "s1", "time_unit": "s" if fps else "frames", "fps": float(fps) if fps else None,
                 "px_per_cm": px_per_cm, "n_frames": N_FRAMES},
                schema_overrides={"fps": pl.Float64, "px_per_cm": pl.Float64},
            ),
            "coverage": pl.DataFrame(
                {"session_id": "s1", "individual": "", "kind": "annotations", "source": "anna", "source_kind": "manual",
                 "start_time": 0.0, "stop_time": 4.0, "n_frames": N_FRAMES, "behaviors": [list(looked_for)]}
            ),
        }  # fmt: skip
        if ways:
            tables["kinematics"] = kinematics(ways, body_px=body_px, cm=px_per_cm)
            tables["tracks"] = tracks(ways)
            tables["zones"] = pl.concat(
                pl.DataFrame(
                    {"session_id": "s1", "source": "tracker", "individual": name, "zone": zone, "frame": np.arange(N_FRAMES),
                     "inside": right}
                )
                for name in ways
            )  # fmt: skip
        catalog.write_session("s1", tables)
        return SessionView(experiment, catalog, "s1", settings or VlmSettings(), video_hash=video_hash)

    return make
