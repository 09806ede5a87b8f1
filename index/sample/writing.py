"""The sample experiment on disk: manifest, session sheet, videos, pose, ethogram."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import MANIFEST, SESSIONS
from ethochat.index.sample.motion import ARENA_CM, STATES, TREATMENTS
from ethochat.index.sample.mouse import (
    FRAME_PX,
    MEAN_WEIGHT_G,
    ORIGIN_PX,
    PX_PER_CM,
    SimulatedMouse,
    SimulatedPose,
    simulate,
    track,
)
from ethochat.index.sample.posture import KEYPOINTS
from ethochat.index.sample.rendering import Planes, Renderer
from ethochat.index.sample.scene import paint_arena, paint_coat, sensor_noise
from ethochat.index.timebase import TimeBase, parse_fps

if TYPE_CHECKING:
    from av.video.plane import VideoPlane

SCORER = "DLC_simulated"
RATER = "simulator"
_MARK = "# Written by ethochat: a simulated sample experiment."
_FOLDERS = ("videos", "pose", "labels")
_MAX_WORKERS = 2
"""Drawing holds the interpreter half of the time; a third worker would only wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSession:
    """One line of the sample's session sheet, with the seed of everything random in the session."""

    session_id: str
    subject_id: str
    group: str
    sex: str
    day: int
    weight_g: float
    seed: np.random.SeedSequence


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """What all sessions share: one camera above one arena."""

    arena: NDArray[np.uint8]
    noise: NDArray[np.uint8]


def write_sample(
    root: Path,
    *,
    seed: int = 7,
    n_mice: int = 12,
    duration_s: float = 60.0,
    fps: int = 25,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a simulated experiment, ready to be ingested.

    Parameters
    ----------
    root
        Folder to write to; made where there is none. A sample already there is replaced.
    seed
        Same seed, same tables and same frames.
    n_mice
        Sessions, one mouse each, alternately of either group.
    progress
        Called from the calling thread with sessions done and sessions in all, first with none done.

    Raises
    ------
    ExperimentError
        When the folder holds an experiment that is not a sample.
    ValueError
        For fewer than one mouse, less than one frame or under 10 frames per second.
    """
    if n_mice < 1:
        raise ValueError(f"Expected at least one mouse, got {n_mice!r}.")
    manifest = root / MANIFEST
    _refuse_foreign(manifest)
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    # Written last: where it is missing, the sample is not complete.
    manifest.unlink(missing_ok=True)
    sessions = plan_sessions(seed, n_mice)
    rng = np.random.default_rng(np.random.SeedSequence((seed, 0, 1)))
    scene = _Scene(arena=paint_arena(rng), noise=sensor_noise(rng))
    _write_sessions(
        root, sessions, scene, duration_s=duration_s, fps=fps, progress=progress or (lambda *_: None)
    )
    _session_sheet(sessions).write_csv(root / SESSIONS)
    (root / "README.txt").write_text(_readme(n_mice, duration_s, seed), encoding="utf-8")
    manifest.write_text(_manifest(n_mice, duration_s, fps), encoding="utf-8")


def plan_sessions(seed: int, n_mice: int) -> tuple[SampleSession, ...]:
    """Draw the animals: groups alternate, and sexes and days are spread evenly over them."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 0, 0)))
    sessions = []
    for index in range(n_mice):
        sex = "female" if index // 2 % 2 == 0 else "male"
        weight = (
            MEAN_WEIGHT_G + (-2.4 if sex == "female" else 2.4) + float(np.clip(rng.normal(0, 1.2), -3, 3))
        )
        sessions.append(
            SampleSession(
                session_id=f"S{index + 1:02d}",
                subject_id=f"M{index + 1:02d}",
                group=TREATMENTS[index % len(TREATMENTS)].name,
                sex=sex,
                day=1 + index // 4 % 3,
                weight_g=round(weight, 1),
                seed=np.random.SeedSequence((seed, index + 1)),
            )
        )
    return tuple(sessions)


def simulate_session(session: SampleSession, *, duration_s: float, fps: int) -> SimulatedMouse:
    """Work out the truth about one session of the sample."""
    path, _, _ = _seeds(session)
    return simulate(path, group=session.group, weight_g=session.weight_g, duration_s=duration_s, fps=fps)


def bouts(mouse: SimulatedMouse) -> pl.DataFrame:
    """Exact ethogram: columns start, stop (seconds, half-open), behavior, rater; without gap or overlap."""
    clock = TimeBase(fps=parse_fps(mouse.fps))
    edges = [0, *(np.flatnonzero(np.diff(mouse.state)) + 1).tolist(), len(mouse.state)]
    rows = [
        (clock.time_of(start), clock.time_of(stop), STATES[mouse.state[start]])
        for start, stop in pairwise(edges)
    ]
    table = pl.DataFrame(
        rows, schema={"start": pl.Float64, "stop": pl.Float64, "behavior": pl.String}, orient="row"
    )
    return table.with_columns(rater=pl.lit(RATER))


def _seeds(session: SampleSession) -> tuple[np.random.SeedSequence, ...]:
    """Seed path, pose and looks; not by ``spawn``, which gives other children on every call."""
    entropy = session.seed.entropy
    return tuple(np.random.SeedSequence(entropy, spawn_key=(part,)) for part in range(3))


def _refuse_foreign(manifest: Path) -> None:
    if manifest.exists() and not manifest.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        message = (
            "Expected no experiment or an earlier sample, found another experiment; name another folder."
        )
        raise ExperimentError(message, path=manifest)


def _write_sessions(
    root: Path,
    sessions: tuple[SampleSession, ...],
    scene: _Scene,
    *,
    duration_s: float,
    fps: int,
    progress: Callable[[int, int], None],
) -> None:
    progress(0, len(sessions))
    workers = min(_MAX_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    with _one_thread_per_picture(), ThreadPoolExecutor(workers, thread_name_prefix="sample") as pool:
        tasks = [
            pool.submit(_write_session, root, session, scene, duration_s=duration_s, fps=fps)
            for session in sessions
        ]
        try:
            for done, task in enumerate(as_completed(tasks), start=1):
                task.result()
                progress(done, len(sessions))
        finally:
            pool.shutdown(cancel_futures=True)


def _write_session(root: Path, session: SampleSession, scene: _Scene, *, duration_s: float, fps: int) -> None:
    _, pose_seed, look_seed = _seeds(session)
    mouse = simulate_session(session, duration_s=duration_s, fps=fps)
    bouts(mouse).write_csv(root / "labels" / f"{session.session_id}.csv", float_precision=6)
    _write_pose(root / _pose_path(session), track(np.random.default_rng(pose_seed), mouse))
    looks = np.random.default_rng(look_seed)
    renderer = Renderer(
        mouse, arena=scene.arena, noise=scene.noise, coat=paint_coat(looks), seed=int(looks.integers(1 << 32))
    )
    _encode(root / "videos" / f"{session.session_id}.mp4", renderer, fps=fps)


def _pose_path(session: SampleSession) -> str:
    return f"pose/{session.session_id}{SCORER}.csv"


def _write_pose(path: Path, pose: SimulatedPose) -> None:
    """Write DeepLabCut's csv for one animal: three header lines, then one row per frame."""
    parts = ("x", "y", "likelihood")
    header = [
        ["scorer"] + [SCORER] * (len(parts) * len(KEYPOINTS)),
        ["bodyparts"] + [name for name in KEYPOINTS for _ in parts],
        ["coords"] + list(parts) * len(KEYPOINTS),
    ]
    values = np.concatenate([pose.position_px, pose.likelihood[..., None]], axis=-1)
    table = pl.DataFrame(values.reshape(len(values), -1)).with_row_index()
    body = table.write_csv(include_header=False, float_precision=4)
    path.write_text("".join(",".join(line) + "\n" for line in header) + body, encoding="utf-8")


def _encode(path: Path, renderer: Renderer, *, fps: int) -> None:
    """Encode H.264 that browsers play, a keyframe each second so that clips can be cut quickly."""
    import av

    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width = stream.height = FRAME_PX
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "23", "preset": "ultrafast", "tune": "zerolatency"}
        stream.codec_context.gop_size = fps
        stream.codec_context.thread_count = 1
        for index in range(renderer.n_frames):
            frame = av.VideoFrame(FRAME_PX, FRAME_PX, "yuv420p")
            renderer.draw(index, Planes(*(_as_array(plane) for plane in frame.planes)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _as_array(plane: VideoPlane) -> NDArray[np.uint8]:
    """View the memory of a frame's plane without the padding of its lines."""
    lines = np.frombuffer(memoryview(plane), dtype=np.uint8)
    return lines.reshape(plane.height, plane.line_size)[:, : plane.width]


@contextmanager
def _one_thread_per_picture() -> Iterator[None]:
    """Keep OpenCV from splitting small pictures among threads, which costs more than it gains."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _session_sheet(sessions: tuple[SampleSession, ...]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "session_id": [item.session_id for item in sessions],
            "subject_id": [item.subject_id for item in sessions],
            "group": [item.group for item in sessions],
            "sex": [item.sex for item in sessions],
            "day": [item.day for item in sessions],
            "weight_g": [item.weight_g for item in sessions],
            "video": [f"videos/{item.session_id}.mp4" for item in sessions],
            "pose": [_pose_path(item) for item in sessions],
            "labels": [f"labels/{item.session_id}.csv" for item in sessions],
        }
    )


def _manifest(n_mice: int, duration_s: float, fps: int) -> str:
    low, high = ORIGIN_PX, ORIGIN_PX + ARENA_CM * PX_PER_CM
    behaviors = ", ".join(f'"{name}"' for name in STATES)
    return f"""{_MARK}

[experiment]
name = "Open field after caffeine (simulated)"
description = "{n_mice} simulated mice, {duration_s:g} s each; no animal was recorded"

[defaults]
fps = {fps}
px_per_cm = {PX_PER_CM:g}

[[inputs]]
kind = "video"
column = "video"
required = true

[[inputs]]
kind = "pose"
column = "pose"
format = "deeplabcut"
required = true

[[inputs]]
kind = "annotations"
column = "labels"
format = "bout_table"
source_kind = "automated"
required = true
[inputs.options]
time_unit = "s"
behaviors = [{behaviors}]

[arena]
shape = "rectangle"
width_cm = {ARENA_CM:g}
height_cm = {ARENA_CM:g}
corners_px = [[{low:g}, {low:g}], [{high:g}, {low:g}], [{high:g}, {high:g}], [{low:g}, {high:g}]]

[[zones]]
name = "center"
kind = "scaled"
scale = 0.5

[keypoints]
center = "body_center"

[behaviors.grooming]
definition = "sits in place and strokes head and flanks"

[behaviors.turning]
definition = "turns round on the spot"

[behaviors."supported rear"]
definition = "stands up with the forepaws on the wall, the head over it"
category = "rearing"
synonyms = ["wall rear"]

[behaviors."unsupported rear"]
definition = "stands up free, without touching the wall"
category = "rearing"
synonyms = ["free rear"]
"""


def _readme(n_mice: int, duration_s: float, seed: int) -> str:
    first, second = (treatment.name for treatment in TREATMENTS)
    return f"""A simulated experiment
======================

Nothing here was recorded: ethochat simulated {n_mice} mice for {duration_s:g} s each (seed {seed}), to have
something to show and a known truth to test against. The treatment is invented and says nothing about
the drug.

videos/   what a camera above a 40 x 40 cm open field would see ({PX_PER_CM:g} pixels per cm)
pose/     what a pose tracker would report, as DeepLabCut writes it: jittered, with points lost now and then
labels/   what each mouse did, exactly, by the rater "{RATER}"

Built in: {second} mice run more and cover more distance, rear more and groom less than {first} mice; the time
in the center of the arena has the same expectation in both groups.
"""
