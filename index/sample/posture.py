"""From a path to a body: spine, head, tail and keypoints of the simulated mouse, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethochat.index.sample.motion import (
    ARENA_CM,
    FRONT_CM,
    GROOMING,
    REAR_CM,
    RUNNING,
    SUPPORTED_REAR,
    UNSUPPORTED_REAR,
    Motion,
)

Floats = NDArray[np.float64]

BODY_CM = np.concatenate([np.linspace(-REAR_CM, 0.0, 13), np.linspace(0.0, FRONT_CM, 14)[1:]])
"""Places along the spine at which its course is computed, from tail base to nose, zero at the body center."""
KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "body_center", "tail_base", "tail_mid", "tail_tip")
EAR_CM = (2.55, 1.08)
"""Ears along the spine and to either side of it."""
_ON_BODY = {
    "nose": (FRONT_CM - 0.05, 0.0),
    "left_ear": (EAR_CM[0], -EAR_CM[1]),
    "right_ear": (EAR_CM[0], EAR_CM[1]),
    "neck": (1.7, 0.0),
    "body_center": (0.0, 0.0),
    "tail_base": (-REAR_CM, 0.0),
}
_TAIL_LINKS, _TAIL_CM = 12, 7.8
_OVER_WALL_CM = 1.0
_MAX_NECK_RAD = 0.9
_MAX_TAIL_JOINT_RAD = 0.26


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Shape of one animal over time. ``n_spine`` places along the spine are those of :data:`BODY_CM`."""

    spine_cm: Floats
    """Shape ``(n_frames, n_spine, 2)``."""
    spine_rad: Floats
    """Shape ``(n_frames, n_spine)``: direction of the spine towards the nose."""
    foreshortening: Floats
    """Shape ``(n_frames, n_spine)``: seen length of a piece of spine relative to its own; small in a rear."""
    girth: Floats
    """Shape ``(n_frames,)``: width relative to the resting animal."""
    lift: Floats
    """Shape ``(n_frames,)``: 0 on four feet, 1 upright."""
    stride_rad: Floats
    """Shape ``(n_frames,)``: phase of the gait."""
    tail_cm: Floats
    """Shape ``(n_frames, n_tail, 2)`` from tail base to tip."""
    scale: float

    @property
    def center_cm(self) -> Floats:
        """Body center, shape ``(n_frames, 2)``."""
        return self.spine_cm[:, int(np.searchsorted(BODY_CM, 0.0))]


def pose_body(rng: np.random.Generator, motion: Motion, *, fps: int, scale: float) -> Posture:
    """Give a path a body."""
    lift = _envelope(motion.state, (SUPPORTED_REAR, UNSUPPORTED_REAR), rise=0.35 * fps)
    curl = _envelope(motion.state, (GROOMING,), rise=0.3 * fps)
    stride = _stride(motion, fps=fps)
    angle = _spine_angle(rng, motion, curl, stride, fps=fps)
    shortening = _foreshortening(lift, curl)
    center = motion.position_cm + _lean(motion, lift, shortening, scale)
    spine = _integrate(center, angle, shortening * scale)
    time = np.arange(len(lift)) / fps
    breath = 0.012 * np.sin(2 * math.pi * 2.6 * time + rng.uniform(0, 6))
    return Posture(
        spine_cm=spine,
        spine_rad=angle,
        foreshortening=shortening,
        girth=1.0 + 0.04 * lift + 0.10 * curl + breath,
        lift=lift,
        stride_rad=stride,
        tail_cm=_tail(spine[:, 0], angle[:, 0] + math.pi, motion.speed_cm_per_s, fps=fps, scale=scale),
        scale=scale,
    )


def keypoints_cm(posture: Posture) -> Floats:
    """Where the keypoints are, shape ``(n_frames, n_keypoints, 2)`` in the order of :data:`KEYPOINTS`."""
    points = [on_body(posture, along, across) for along, across in _ON_BODY.values()]
    tail = posture.tail_cm
    return np.stack([*points, tail[:, tail.shape[1] // 2], tail[:, -1]], axis=1)


def on_body(posture: Posture, along_cm: float, across_cm: float) -> Floats:
    """Follow a place on the body through time.

    Parameters
    ----------
    along_cm
        Place along the spine as in :data:`BODY_CM`.
    across_cm
        Distance to the animal's right of it.

    Returns
    -------
    NDArray
        Shape ``(n_frames, 2)``, centimetres in the arena.
    """
    after = int(np.clip(np.searchsorted(BODY_CM, along_cm), 1, len(BODY_CM) - 1))
    share = (along_cm - BODY_CM[after - 1]) / (BODY_CM[after] - BODY_CM[after - 1])
    point = (1 - share) * posture.spine_cm[:, after - 1] + share * posture.spine_cm[:, after]
    angle = (1 - share) * posture.spine_rad[:, after - 1] + share * posture.spine_rad[:, after]
    reach = across_cm * posture.girth * posture.scale
    return np.asarray(point + reach[:, None] * np.stack([-np.sin(angle), np.cos(angle)], axis=-1))


def _envelope(state: NDArray[np.int8], wanted: tuple[int, ...], *, rise: float) -> Floats:
    """Smooth rise and fall between 0 and 1 inside each run of the wanted states."""
    inside = np.isin(state, wanted)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]])))
    level = np.zeros(len(state))
    for start, stop in edges.reshape(-1, 2):
        steps = np.arange(start, stop)
        level[start:stop] = np.minimum((steps - start + 0.5) / rise, (stop - steps - 0.5) / rise)
    level = np.clip(level, 0.0, 1.0)
    return level * level * (3 - 2 * level)


def _stride(motion: Motion, *, fps: int) -> Floats:
    length_cm = np.where(motion.state == RUNNING, 8.5, 5.5)
    return 2 * math.pi * np.cumsum(motion.speed_cm_per_s / fps / length_cm)


def _spine_angle(
    rng: np.random.Generator, motion: Motion, curl: Floats, stride: Floats, *, fps: int
) -> Floats:
    """Direct each piece of spine: the head leads a turn, the rump follows, grooming bends to a flank."""
    frames = np.arange(len(curl))
    heading = motion.heading_rad
    speed = motion.speed_cm_per_s
    lag = fps * np.clip(2.8 / np.maximum(speed, 1.0), 0.06, 0.28)
    rump = np.interp(frames - lag, frames, heading) - heading
    lead = np.interp(frames + 0.13 * fps, frames, heading) - heading
    shoulder = np.interp(frames + 0.07 * fps, frames, heading) - heading
    scan = 0.22 * _slow_noise(rng, len(frames), fps=fps, tau_s=0.35) * (1 - 0.75 * np.clip(speed / 25, 0, 1))
    flank = np.clip(1.6 * _slow_noise(rng, len(frames), fps=fps, tau_s=1.2), -1, 1) * curl
    strokes = 0.17 * curl * np.sin(2 * math.pi * 4.3 * frames / fps) * (1 - 0.6 * np.abs(flank))
    sway = 0.05 * np.clip(speed / 8, 0, 1) * np.sin(stride)
    front = np.clip(shoulder, -0.45, 0.45) + 0.30 * flank - sway
    head = np.clip(0.9 * lead, -0.6, 0.6) + scan * (1 - 0.6 * curl) + 0.55 * flank + strokes
    head = _MAX_NECK_RAD * np.tanh((front + head) / _MAX_NECK_RAD) - front
    back = np.clip(rump, -0.7, 0.7) - 0.25 * flank + sway
    to_rump = np.clip(-BODY_CM / REAR_CM, 0, 1) ** 1.3
    to_shoulder = _smooth_step(BODY_CM, 0.0, 2.0)
    to_head = _smooth_step(BODY_CM, 0.4, 2.5)
    bend = back[:, None] * to_rump + front[:, None] * to_shoulder + head[:, None] * to_head
    return np.asarray(heading[:, None] + bend)


def _foreshortening(lift: Floats, curl: Floats) -> Floats:
    on_head = _smooth_step(BODY_CM, 1.0, 3.0)
    torso = 1 - 0.42 * lift - 0.12 * curl
    head = 1 - 0.20 * lift - 0.24 * curl
    return np.asarray(torso[:, None] * (1 - on_head) + head[:, None] * on_head)


def _lean(motion: Motion, lift: Floats, shortening: Floats, scale: float) -> Floats:
    """Shift the body center in a rear: until the head is over the wall, or back over the hind feet."""
    lost = scale * np.trapezoid(1 - shortening, BODY_CM, axis=1)
    half = int(np.searchsorted(BODY_CM, 0.0))
    lost_front = scale * np.trapezoid(1 - shortening[:, half:], BODY_CM[half:], axis=1)
    supported = motion.state == SUPPORTED_REAR
    free = motion.state == UNSUPPORTED_REAR
    shift = np.where(supported, lost_front + _OVER_WALL_CM * lift, np.where(free, lost_front - lost, 0.0))
    direction = np.stack([np.cos(motion.heading_rad), np.sin(motion.heading_rad)], axis=-1)
    return np.asarray(shift[:, None] * direction)


def _integrate(center: Floats, angle: Floats, stretch: Floats) -> Floats:
    """Spine places from the center outwards, given direction and stretch along it."""
    steps = np.diff(BODY_CM)
    direction = stretch[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    pieces = 0.5 * (direction[:, :-1] + direction[:, 1:]) * steps[None, :, None]
    path = np.concatenate([np.zeros((len(center), 1, 2)), np.cumsum(pieces, axis=1)], axis=1)
    half = int(np.searchsorted(BODY_CM, 0.0))
    return np.asarray(path - path[:, half : half + 1] + center[:, None])


def _tail(base: Floats, backwards: Floats, speed: Floats, *, fps: int, scale: float) -> Floats:
    """Tail as a chain that is dragged along, stiff at its root, and stays inside the walls."""
    link = scale * _TAIL_CM / _TAIL_LINKS
    stiffness = np.linspace(0.9, 0.2, _TAIL_LINKS)
    swing = 0.10 * np.clip(speed / 12, 0.15, 1) * np.sin(2 * math.pi * 1.7 * np.arange(len(speed)) / fps)
    chain = [(base[0, 0] + k * link * math.cos(backwards[0]), base[0, 1] + k * link * math.sin(backwards[0]))
             for k in range(_TAIL_LINKS + 1)]  # fmt: skip
    tail = np.empty((len(base), _TAIL_LINKS + 1, 2))
    for frame, (start, root, bend) in enumerate(
        zip(base.tolist(), backwards.tolist(), swing.tolist(), strict=True)
    ):
        chain = _drag(chain, (start[0], start[1]), root + bend, link, stiffness)
        tail[frame] = chain
    return tail


def _drag(
    chain: list[tuple[float, float]], start: tuple[float, float], root: float, link: float, stiffness: Floats
) -> list[tuple[float, float]]:
    (x, y), angle = start, root
    moved = [start]
    for (old_x, old_y), stiff in zip(chain[1:], stiffness.tolist(), strict=True):
        pull = math.atan2(old_y - y, old_x - x)
        bend = (pull - angle + math.pi) % (2 * math.pi) - math.pi
        # Without a limit the tail would curl into a ring whenever the animal steps back on it.
        angle += max(-_MAX_TAIL_JOINT_RAD, min(_MAX_TAIL_JOINT_RAD, bend / (1 + stiff)))
        x = min(ARENA_CM - 0.25, max(0.25, x + link * math.cos(angle)))
        y = min(ARENA_CM - 0.25, max(0.25, y + link * math.sin(angle)))
        moved.append((x, y))
    return moved


def _slow_noise(rng: np.random.Generator, n: int, *, fps: int, tau_s: float) -> Floats:
    """Smooth noise of unit variance that forgets itself after ``tau_s``."""
    width = max(2, round(tau_s * fps))
    kernel = np.hanning(2 * width + 3)
    noise = np.convolve(rng.normal(size=n + len(kernel) - 1), kernel, mode="valid")
    return np.asarray(noise / np.sqrt(np.sum(kernel**2)))


def _smooth_step(value: Floats, start: float, stop: float) -> Floats:
    share = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return np.asarray(share * share * (3 - 2 * share))
