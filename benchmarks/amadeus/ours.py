"""Measure the same work with ethochat's own modules; prints one JSON object.

Arguments: pose file, video file, masks as JSON.
"""

import json
import sys
import time
from fractions import Fraction
from itertools import permutations
from pathlib import Path

import numpy as np

NEAR = 40
POINT = "center back"


def now() -> np.ndarray:
    """Wall time and processor time, s."""
    return np.array([time.perf_counter(), time.process_time()])


started = now()
from ethochat.index.behaviors.bouts import mask_to_runs  # noqa: E402 (the import is measured)
from ethochat.index.domain import InputFile, Session  # noqa: E402
from ethochat.index.formats import read_input  # noqa: E402
from ethochat.index.formats.base import Track  # noqa: E402
from ethochat.index.kinematics import TrackPoints, half_window, velocity  # noqa: E402
from ethochat.index.timebase import TimeBase  # noqa: E402
from ethochat.index.video import probe_video  # noqa: E402

import_s = (now() - started).tolist()


def work(pose: str, video: str) -> dict:
    clock = [now()]
    session = Session(session_id="mabe", fps=probe_video(Path(video)).fps)
    track = read_input(InputFile(kind="pose", path=Path(pose)), session)
    points = TrackPoints.of(track, None)
    n = len(track.individuals)
    clock.append(now())
    half = half_window(session.timebase, points.settings)
    fps = session.timebase.frames_per_unit
    for individual in range(n):
        for keypoint in track.keypoints:
            np.hypot(*velocity(*points.point(keypoint, individual), half=half, frames_per_unit=fps))
    clock.append(now())
    centers = [points.point(POINT, individual) for individual in range(n)]
    distances = {
        (a, b): np.hypot(centers[a][0] - centers[b][0], centers[a][1] - centers[b][1])
        for a, b in permutations(range(n), 2)
    }
    runs = {pair: mask_to_runs(distance < NEAR) for pair, distance in distances.items()}
    clock.append(now())
    steps = dict(zip(("load", "speeds", "near"), np.diff(clock, axis=0).tolist(), strict=True))
    near = {f"{a}-{b}": sum(stop - start for start, stop in found) for (a, b), found in runs.items()}
    return {"steps": steps, "near_frames": near, "n_events": sum(len(found) for found in runs.values())}


def known_answers() -> dict:
    x, y = np.arange(5) * 4.0, np.zeros(5)  # 4 px per frame, 25 frames per second
    speed = np.hypot(*velocity(x, y, half=0, frames_per_unit=TimeBase(fps=Fraction(25)).frames_per_unit))
    position = np.zeros((10, 2, 1, 1), dtype=np.float32)
    position[4:7, :, 0, 0] = [[100, 50], [110, 50], [120, 50]]
    track = Track(source="t", individuals=("a",), keypoints=("p",), position=position, confidence=None)
    seen = TrackPoints.of(track, None).center(0, max_gap=5)[0]
    return {
        "speed": float(speed[3]),
        "bouts": [mask_to_runs(np.array(mask, dtype=bool)) for mask in json.loads(sys.argv[3])],
        "x": [None if np.isnan(value) else float(value) for value in seen],
    }


cold, warm = work(*sys.argv[1:3]), work(*sys.argv[1:3])
json.dump({"import_s": import_s, "cold": cold, "warm": warm, "known": known_answers()}, sys.stdout)
