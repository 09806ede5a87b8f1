"""One simulated mouse: what it did, where it was, how it looked; and the pose a tracker would report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethochat.index.sample.motion import TREATMENTS, Treatment, simulate_motion
from ethochat.index.sample.posture import KEYPOINTS, Posture, keypoints_cm, pose_body

MEAN_WEIGHT_G = 24.0
PX_PER_CM = 11.0
FRAME_PX = 480
ORIGIN_PX = 19.5
"""Place of the arena's upper left corner in the frame, in x and in y; pixel centers lie at whole numbers."""
POSE_JITTER_PX = 0.6
"""Standard deviation of a seen keypoint about its true place, in x and in y."""
MIN_SEEN_LIKELIHOOD = 0.9
"""Seen keypoints have a likelihood of at least this; lost ones stay below :data:`MAX_LOST_LIKELIHOOD`."""
MAX_LOST_LIKELIHOOD = 0.5
_LOST_BOUTS_PER_KEYPOINT_FRAME = 0.008


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMouse:
    """The truth about one session. Angles are radians from +x towards +y (down, as in an image)."""

    treatment: Treatment
    fps: int
    position_cm: NDArray[np.float64]
    """Shape ``(n_frames, 2)``: body center, from the arena's upper left corner."""
    heading_rad: NDArray[np.float64]
    """Shape ``(n_frames,)``, unwrapped: direction in which the trunk moves."""
    state: NDArray[np.int8]
    """Shape ``(n_frames,)``: position in ``motion.STATES``."""
    keypoints_cm: NDArray[np.float64]
    """Shape ``(n_frames, n_keypoints, 2)`` in the order of ``posture.KEYPOINTS``."""
    posture: Posture


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedPose:
    """What a pose tracker reports."""

    position_px: NDArray[np.float64]
    """Shape ``(n_frames, n_keypoints, 2)``."""
    likelihood: NDArray[np.float64]
    """Shape ``(n_frames, n_keypoints)``."""


def simulate(
    seed: int | np.random.SeedSequence,
    *,
    group: str = "saline",
    weight_g: float = MEAN_WEIGHT_G,
    duration_s: float = 60.0,
    fps: int = 25,
) -> SimulatedMouse:
    """Simulate one mouse in the 40 x 40 cm open field.

    Parameters
    ----------
    seed
        Same seed, same mouse, to the last bit.
    group
        Name of a treatment in ``motion.TREATMENTS``.
    fps
        Frames per second, at least 10: below, the steps are too coarse for the turns.

    Raises
    ------
    ValueError
        For an unknown group, a frame rate below 10 or a duration under one frame.
    """
    treatments = {treatment.name: treatment for treatment in TREATMENTS}
    n_frames = round(duration_s * fps)
    if group not in treatments:
        raise ValueError(f"Expected a group of {sorted(treatments)}, got {group!r}.")
    if fps < 10 or n_frames < 1:
        raise ValueError(f"Expected fps >= 10 and at least one frame, got fps {fps} and {duration_s} s.")
    rng = np.random.default_rng(seed)
    scale = (weight_g / MEAN_WEIGHT_G) ** (1 / 3)
    motion = simulate_motion(rng, treatments[group], n_frames=n_frames, fps=fps, scale=scale)
    posture = pose_body(rng, motion, fps=fps, scale=scale)
    return SimulatedMouse(
        treatment=treatments[group],
        fps=fps,
        position_cm=posture.center_cm,
        heading_rad=motion.heading_rad,
        state=motion.state,
        keypoints_cm=keypoints_cm(posture),
        posture=posture,
    )


def to_px(position_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn arena centimetres into pixels of the rendered frame."""
    return np.asarray(ORIGIN_PX + PX_PER_CM * position_cm)


def track(rng: np.random.Generator, mouse: SimulatedMouse) -> SimulatedPose:
    """Report keypoints as a pose network does: jittered, now and then wrong at a low likelihood."""
    truth = to_px(mouse.keypoints_cm)
    position = truth + rng.normal(0.0, POSE_JITTER_PX, truth.shape)
    likelihood = MIN_SEEN_LIKELIHOOD + (1 - MIN_SEEN_LIKELIHOOD) * rng.beta(6.0, 0.7, truth.shape[:2])
    lost = _lost(rng, truth.shape[:2])
    position[lost] = (truth + rng.normal(0.0, 35.0, truth.shape))[lost]
    likelihood[lost] = rng.uniform(0.005, MAX_LOST_LIKELIHOOD, truth.shape[:2])[lost]
    return SimulatedPose(position_px=position, likelihood=likelihood)


def _lost(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Draw where the tracker loses sight of a keypoint: for one to five frames, of thin ends most often."""
    often = np.array([2.0 if name in ("nose", "tail_mid", "tail_tip") else 1.0 for name in KEYPOINTS])
    starts = rng.random(shape) < _LOST_BOUTS_PER_KEYPOINT_FRAME * often
    length = rng.integers(1, 6, shape)
    lost = np.zeros(shape, dtype=np.bool_)
    for shift in range(5):
        lost[shift:] |= (starts & (length > shift))[: shape[0] - shift or None]
    return lost
