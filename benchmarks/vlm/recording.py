"""A simulated recording as laboratories make them: 640 x 480 px, 30 frames per second, one tracked mouse."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import polars as pl

from ethochat.index.sample.motion import ARENA_CM
from ethochat.index.sample.mouse import FRAME_PX, ORIGIN_PX, PX_PER_CM, SimulatedMouse, simulate, track
from ethochat.index.sample.posture import KEYPOINTS
from ethochat.index.sample.rendering import Planes, render

WIDTH, HEIGHT, FPS = 640, 480, 30
SIDE_PX = (WIDTH - FRAME_PX) // 2
"""Floor to the left and right of the simulated square image."""
SESSION = "recording"
TOML = """[experiment]
name = "A simulated recording"
description = "One mouse in the open field"

[defaults]
fps = {fps}
px_per_cm = {px_per_cm}

[[inputs]]
kind = "video"
column = "video"

[[inputs]]
kind = "pose"
column = "pose"
format = "deeplabcut"

[arena]
shape = "rectangle"
width_cm = {arena_cm}
height_cm = {arena_cm}
corners_px = [[{left}, {top}], [{right}, {top}], [{right}, {bottom}], [{left}, {bottom}]]

[[zones]]
name = "center"
kind = "scaled"
scale = 0.5

[keypoints]
center = "body_center"
"""


def write_recording(root: Path, duration_s: float, seed: int = 1) -> None:
    """Write video, pose and manifest of one session, ready to be ingested."""
    root.mkdir(parents=True, exist_ok=True)
    mouse = simulate(seed, duration_s=duration_s, fps=FPS)
    _write_pose(root / "pose.csv", mouse, seed)
    _write_video(root / "video.mp4", mouse, seed)
    sheet = f"session_id,video,pose\n{SESSION},video.mp4,pose.csv\n"
    (root / "sessions.csv").write_text(sheet, encoding="utf-8")
    low, high = float(ORIGIN_PX), float(ORIGIN_PX + ARENA_CM * PX_PER_CM)
    toml = TOML.format(
        fps=FPS,
        px_per_cm=float(PX_PER_CM),
        arena_cm=float(ARENA_CM),
        left=low + SIDE_PX,
        right=high + SIDE_PX,
        top=low,
        bottom=high,
    )
    (root / "experiment.toml").write_text(toml, encoding="utf-8")


def _write_pose(path: Path, mouse: SimulatedMouse, seed: int) -> None:
    pose = track(np.random.default_rng(seed), mouse)
    position = pose.position_px + np.array([SIDE_PX, 0.0])
    values = np.concatenate([position, pose.likelihood[..., None]], axis=-1)
    header = [
        ["scorer", *["DLC_simulated"] * (3 * len(KEYPOINTS))],
        ["bodyparts", *(name for name in KEYPOINTS for _ in range(3))],
        ["coords", *["x", "y", "likelihood"] * len(KEYPOINTS)],
    ]
    body = pl.DataFrame(values.reshape(len(values), -1)).with_row_index().write_csv(include_header=False)
    path.write_text("".join(",".join(line) + "\n" for line in header) + body, encoding="utf-8")


def _write_video(path: Path, mouse: SimulatedMouse, seed: int) -> None:
    """Encode H.264 as encoders do unless told otherwise: keyframes up to 250 frames apart, B-frames between."""
    renderer = render(mouse, seed)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        square = [np.empty((size, size), np.uint8) for size in (FRAME_PX, FRAME_PX // 2, FRAME_PX // 2)]
        for number in range(renderer.n_frames):
            renderer.draw(number, Planes(*square))
            y, u, v = (
                np.pad(plane, ((0, 0), (side, side)), mode="edge")
                for plane, side in zip(square, (SIDE_PX, SIDE_PX // 2, SIDE_PX // 2), strict=True)
            )
            image = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(HEIGHT * 3 // 2, WIDTH)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="yuv420p")))
        container.mux(stream.encode(None))
