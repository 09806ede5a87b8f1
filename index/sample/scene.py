"""Pictures that are painted once: the empty arena, the coat of a mouse, the noise of the sensor."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ethochat.index.sample.motion import ARENA_CM
from ethochat.index.sample.mouse import FRAME_PX, ORIGIN_PX, PX_PER_CM
from ethochat.index.sample.posture import EAR_CM

Picture = NDArray[np.float32]

COAT_PX_PER_CM = 22.0
COAT_FROM_CM = (-5.0, -2.2)
"""Place along and across the body of the coat picture's first pixel."""
_COAT_SIZE_CM = (10.4, 4.4)
_PAINT = 2
"""The coat is painted this much finer and then averaged down."""

_PROFILE_CM = np.array([
    (-4.36, 0.00), (-4.30, 0.22), (-4.12, 0.46), (-3.82, 0.84), (-3.38, 1.19), (-2.78, 1.46), (-2.08, 1.60),
    (-1.25, 1.61), (-0.45, 1.52), (0.35, 1.37), (1.00, 1.22), (1.55, 1.12), (2.05, 1.08), (2.55, 1.06),
    (3.00, 0.98), (3.45, 0.79), (3.85, 0.58), (4.20, 0.40), (4.48, 0.27), (4.66, 0.15), (4.74, 0.00),
])  # fmt: skip
"""Outline from tail base to nose: place along the body, half width."""


def paint_arena(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint the empty arena as the camera sees it from above, RGB of shape ``(FRAME_PX, FRAME_PX, 3)``."""
    import cv2

    down, right = np.mgrid[:FRAME_PX, :FRAME_PX].astype(np.float32)
    floor = 184.0 + 2.6 * _clouds(rng, 90) + 1.3 * _clouds(rng, 12) + 1.5 * _clouds(rng, 2)
    floor += _scuffs(rng)
    floor += _bedding(rng)
    gap = np.minimum(np.minimum(right, down), FRAME_PX - 1 - np.maximum(right, down)) - ORIGIN_PX
    # Light hardly reaches the foot of the walls.
    floor -= 26.0 * np.exp(-np.maximum(gap, 0) / 5.0) + 12.0 * np.exp(-np.maximum(gap, 0) / 26.0)
    wall = _walls(right, down)
    covered = np.clip(0.5 - gap, 0, 1)
    picture = floor * (1 - covered) + wall * covered
    glow = np.hypot(right - 0.44 * FRAME_PX, down - 0.40 * FRAME_PX) / FRAME_PX
    picture *= 1.07 - 0.36 * glow**2
    tinted = picture[..., None] * np.array([1.0, 0.985, 0.955], dtype=np.float32)
    return np.asarray(np.clip(cv2.GaussianBlur(tinted, (0, 0), 0.7), 0, 250), dtype=np.uint8)


def paint_coat(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Paint a mouse laid out straight, seen from above.

    Returns
    -------
    NDArray
        RGB and opacity, shape ``(across, along, 4)``, colors multiplied by the opacity; the nose
        points to the right. The scale is :data:`COAT_PX_PER_CM`, the first pixel is at :data:`COAT_FROM_CM`.
    """
    import cv2

    fine = COAT_PX_PER_CM * _PAINT
    size = (round(_COAT_SIZE_CM[1] * fine), round(_COAT_SIZE_CM[0] * fine))
    across, along = np.mgrid[: size[0], : size[1]].astype(np.float32)
    along = along / fine + COAT_FROM_CM[0]
    across = across / fine + COAT_FROM_CM[1]
    color, opacity = _trunk(rng, along, across)
    for side in (-1.0, 1.0):
        color, opacity = _ear(color, opacity, along, across, side)
        color = _eye(color, along, across, side)
    nose = np.exp(-(((along - 4.66) / 0.13) ** 2) - (across / 0.12) ** 2)[..., None]
    color = color * (1 - 0.75 * nose) + np.array([150.0, 108.0, 100.0]) * 0.75 * nose
    layered = np.concatenate([color * opacity[..., None], 255 * opacity[..., None]], axis=-1).astype(
        np.float32
    )
    small = cv2.resize(layered, None, fx=1 / _PAINT, fy=1 / _PAINT, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(cv2.GaussianBlur(small, (0, 0), 0.8) + 0.5, 0, 255), dtype=np.uint8)


def sensor_noise(rng: np.random.Generator, *, size: int = FRAME_PX + 160) -> NDArray[np.uint8]:
    """Make noise to add to brightness, of mean 4; frames take a window at a random place of it."""
    import cv2

    grain = rng.normal(0.0, 1.0, (size, size)).astype(np.float32)
    grain = 0.75 * grain + 1.1 * cv2.GaussianBlur(grain, (0, 0), 0.8)
    return np.asarray(np.clip(np.rint(4.0 + 1.5 * grain), 0, 8), dtype=np.uint8)


# -- the arena -----------------------------------------------------------------------------------------------


def _clouds(rng: np.random.Generator, size_px: float) -> Picture:
    """Smooth random brightness of unit variance, with structures of about this size."""
    import cv2

    small = max(4, round(2 * FRAME_PX / size_px))
    grain = cv2.resize(
        rng.normal(size=(small, small)).astype(np.float32),
        (FRAME_PX, FRAME_PX),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.asarray(grain / grain.std(), dtype=np.float32)


def _scuffs(rng: np.random.Generator) -> Picture:
    """Faint scratches and wiping marks."""
    import cv2

    marks = np.zeros((FRAME_PX, FRAME_PX), dtype=np.float32)
    for _ in range(70):
        start = rng.uniform(0, FRAME_PX, 2)
        angle, length = rng.uniform(0, math.pi), rng.uniform(10, 110)
        bend = rng.normal(0, 0.06 * length, 2)
        ends = start + length * np.array([math.cos(angle), math.sin(angle)])
        share = np.linspace(0, 1, 14)[:, None]
        path = (1 - share) * start + share * ends + 4 * share * (1 - share) * bend
        layer = np.zeros((FRAME_PX, FRAME_PX), dtype=np.uint8)
        cv2.polylines(layer, [np.rint(path * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
        marks += layer.astype(np.float32) * (rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 5.0) / 255)
    return np.asarray(cv2.GaussianBlur(marks, (0, 0), 0.6))


def _bedding(rng: np.random.Generator) -> Picture:
    """Specks of bedding and a few droppings, more of them along the walls."""
    import cv2

    marks = np.zeros((FRAME_PX, FRAME_PX), dtype=np.float32)
    for _ in range(110):
        place = ORIGIN_PX + ARENA_CM * PX_PER_CM * rng.beta(0.6, 0.6, 2)
        layer = np.zeros((FRAME_PX, FRAME_PX), dtype=np.uint8)
        dropping = rng.random() < 0.08
        axes = (34, 15) if dropping else (int(rng.uniform(9, 30)), int(rng.uniform(6, 12)))
        center = (round(place[0] * 16), round(place[1] * 16))
        cv2.ellipse(layer, center, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA, 4)
        marks += layer.astype(np.float32) * ((-70.0 if dropping else rng.choice((-20.0, -12.0, 14.0))) / 255)
    return marks


def _walls(right: Picture, down: Picture) -> Picture:
    """Brightness of the four wall tops: a bevel that is light outside and dark towards the floor."""
    gaps = np.stack([down, FRAME_PX - 1 - down, right, FRAME_PX - 1 - right])
    side = np.argmin(gaps, axis=0)
    depth = np.clip(np.min(gaps, axis=0) / ORIGIN_PX, 0, 1)
    # Lit from the upper left, so that the far walls show their bright faces.
    level = np.array([138.0, 176.0, 144.0, 170.0], dtype=np.float32)[side]
    rim = np.clip(1 - np.abs(depth - 0.30) / 0.07, 0, 1)
    return np.asarray(
        level * (1.0 - 0.26 * depth) + np.where(depth < 0.30, 22.0, 0.0) + 26.0 * rim, dtype=np.float32
    )


# -- the mouse -----------------------------------------------------------------------------------------------


def _trunk(rng: np.random.Generator, along: Picture, across: Picture) -> tuple[Picture, Picture]:
    """Head and body: agouti flanks, a darker back, hairs along the body, a furry outline."""
    import cv2

    half = np.interp(along[0], _PROFILE_CM[:, 0], _PROFILE_CM[:, 1], left=0, right=0).astype(np.float32)[
        None, :
    ]
    half = np.maximum(cv2.GaussianBlur(half, (0, 0), 0.06 * COAT_PX_PER_CM * _PAINT), 1e-3)
    shape = along.shape
    hairs = _hairs(rng, shape, (7.5, 1.5))
    ragged = 0.014 * _hairs(rng, shape, (2.7, 2.0))
    opacity = np.clip(
        (half + ragged * np.clip(half / 0.5, 0, 1) - np.abs(across)) * COAT_PX_PER_CM * 1.3 + 0.5, 0, 1
    )
    opacity[:, half[0] < 0.05] = 0
    rim = np.clip(np.abs(across) / half, 0, 1)
    height = np.sqrt(1 - rim**2)
    back = np.exp(-((across / (0.34 * np.maximum(half, 0.4))) ** 2))
    sheen = np.exp(-(((rim - 0.45) / 0.22) ** 2)) * _bump(along, -1.6, 1.5)
    sheen += 0.7 * np.exp(-((across / 0.35) ** 2)) * _bump(along, 2.9, 0.7)
    haunch = np.exp(-(((np.abs(across) - 0.85) / 0.5) ** 2)) * _bump(along, -2.4, 1.0)
    neck = _bump(along, 1.55, 0.42) * height
    light = 0.52 + 0.50 * height - 0.24 * back + 0.30 * sheen + 0.10 * haunch - 0.12 * neck
    light *= 1 + 0.09 * hairs + 0.05 * _hairs(rng, shape, (20.0, 7.0))
    base = np.array([61.0, 55.0, 51.0]) + rim[..., None] ** 2 * np.array([15.0, 11.0, 6.0])
    snout = _bump(along, 4.5, 0.5)[..., None]
    base = base * (1 - 0.35 * snout) + 0.35 * snout * np.array([96.0, 82.0, 75.0])
    return np.asarray(np.clip(light, 0.2, 1.5)[..., None] * base), np.asarray(opacity)


def _ear(
    color: Picture, opacity: Picture, along: Picture, across: Picture, side: float
) -> tuple[Picture, Picture]:
    """One ear: a thin round shell, pinkish inside, with a darker rim and its shadow on the neck."""
    tilt = side * math.radians(62)
    x, y = along - EAR_CM[0], across - side * EAR_CM[1]
    length = x * math.cos(tilt) + y * math.sin(tilt)
    width = -x * math.sin(tilt) + y * math.cos(tilt)
    radius = np.hypot(length / 0.59, width / 0.49)
    shell = np.clip((1 - radius) * 0.55 * COAT_PX_PER_CM + 0.5, 0, 1)
    shade = np.exp(-(np.hypot((x + 0.22) / 0.62, (y + side * 0.02) / 0.62) ** 4))
    color = color * (1 - 0.35 * shade[..., None])
    inner = np.clip(1.25 - np.hypot((length - 0.06) / 0.50, (width - 0.03 * side) / 0.37) ** 2, 0, 1)[
        ..., None
    ]
    skin = np.array([72.0, 62.0, 57.0]) * (1 - inner) + np.array([124.0, 99.0, 92.0]) * inner
    fold = np.clip(1 - np.abs(width + 0.12) / 0.10, 0, 1)[..., None] * 0.16 * inner
    # The root of the ear is covered by the fur of the head.
    root = np.clip((np.abs(across) - 0.52) / 0.22, 0, 1)
    cover = (shell * root)[..., None]
    return np.asarray(color * (1 - cover) + skin * (1 - fold) * cover), np.asarray(
        np.maximum(opacity, shell * (root > 0))
    )


def _eye(color: Picture, along: Picture, across: Picture, side: float) -> Picture:
    """One eye: a black bead at the side of the head with a glint."""
    x, y = along - 3.52, across - side * 0.60
    bead = np.clip((1 - np.hypot(x / 0.20, y / 0.15)) * 5, 0, 1)[..., None]
    glint = np.exp(-(((x - 0.05) / 0.06) ** 2) - (((y + side * 0.03) / 0.05) ** 2))[..., None]
    return np.asarray(color * (1 - bead) + np.array([14.0, 13.0, 13.0]) * bead + 120.0 * glint)


def _hairs(rng: np.random.Generator, shape: tuple[int, ...], size_px: tuple[float, float]) -> Picture:
    """Streaks along the body, unit variance."""
    import cv2

    grain = cv2.GaussianBlur(
        rng.normal(size=shape).astype(np.float32), (0, 0), sigmaX=size_px[0], sigmaY=size_px[1]
    )
    return np.asarray(grain / grain.std(), dtype=np.float32)


def _bump(value: Picture, center: float, width: float) -> Picture:
    return np.asarray(np.exp(-(((value - center) / width) ** 2)))
