"""Frames of a simulated mouse: the coat is bent along the spine and laid, with tail, paws and shadow, on the floor.

Frames are drawn in the planes that the video encoder takes (brightness, and color at half the resolution), and only
where the animal is: thousands of frames a minute have to be made while somebody waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ethochat.index.sample.motion import HALF_WIDTH_CM
from ethochat.index.sample.mouse import FRAME_PX, PX_PER_CM, SimulatedMouse, to_px
from ethochat.index.sample.posture import BODY_CM, Posture, on_body
from ethochat.index.sample.scene import (
    COAT_FROM_CM,
    COAT_PX_PER_CM,
    paint_arena,
    paint_coat,
    sensor_noise,
)

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_GRID_PX = 4
"""The bend of the coat is computed on every fourth pixel and interpolated between."""
_SPINE_STEP = 2
"""Every second place of the spine is enough to find the nearest one: its curvature does the rest."""
_FIXED_BITS = 4
"""Fractional bits of the coordinates given to cv2's drawing functions."""
_BLACK, _NEUTRAL = 16.0, 128.0
_TO_YUV = np.array([[0.257, 0.504, 0.098], [-0.148, -0.291, 0.439], [0.439, -0.368, -0.071]], dtype=np.float32)
"""RGB to video-range YUV (BT.601), without the offsets 16, 128 and 128."""
_SKIN = _TO_YUV @ np.array([124.0, 101.0, 94.0], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Window:
    """The part of the frame that the animal changes, on the grid that the color planes share."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def full(self) -> tuple[slice, slice]:
        """Where it lies in the frame."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def half(self) -> tuple[slice, slice, slice]:
        """Where it lies in the color planes."""
        return slice(None), slice(self.top // 2, self.bottom // 2), slice(self.left // 2, self.right // 2)

    def inside(self, outer: _Window) -> _Window:
        """The same window, counted from the corner of another that holds it."""
        x, y = outer.left, outer.top
        return _Window(self.left - x, self.top - y, self.right - x, self.bottom - y)


class Renderer:
    """Draws the frames of one session.

    Parameters
    ----------
    mouse
        What there is to see.
    arena
        Picture of the empty arena, as :func:`scene.paint_arena` paints it.
    noise
        Sensor noise, as :func:`scene.sensor_noise` makes it.
    coat
        The animal's looks, as :func:`scene.paint_coat` paints them.
    seed
        Of the places at which the noise is sampled; any frame can be drawn alone.
    """

    def __init__(self, mouse: SimulatedMouse, *, arena: Bytes, noise: Bytes, coat: Bytes, seed: int) -> None:
        import cv2

        posture = mouse.posture
        self.n_frames = len(mouse.state)
        self._noise = noise
        self._noise_at = np.random.default_rng(seed).integers(0, noise.shape[0] - FRAME_PX + 1, (self.n_frames, 2))
        self._empty = np.asarray(cv2.cvtColor(arena, cv2.COLOR_RGB2YUV_I420))
        self._floor = self._empty[:FRAME_PX].astype(np.float32) - _BLACK
        half = FRAME_PX // 2
        self._floor_color = self._empty[FRAME_PX:].reshape(2, half, half).astype(np.float32) - _NEUTRAL
        self._coat, self._coat_color = _coat_planes(coat)
        self._bend = _Bend(posture)
        self._lift = posture.lift
        self._tail = _tail_outlines(posture)
        self._paws = _paws(posture)
        self._windows, self._trunks = _windows(posture)

    def frame(self, index: int) -> Bytes:
        """Draw one frame.

        Returns
        -------
        NDArray
            RGB, shape ``(FRAME_PX, FRAME_PX, 3)``.
        """
        import cv2

        return np.asarray(cv2.cvtColor(self.frame_i420(index), cv2.COLOR_YUV2RGB_I420))

    def frame_i420(self, index: int) -> Bytes:
        """Draw one frame as the video encoder takes it: planar YUV 4:2:0, shape ``(FRAME_PX * 3 // 2, FRAME_PX)``."""
        import cv2

        window = _Window(*self._windows[index].tolist())
        trunk = _Window(*self._trunks[index].tolist())
        along, aside = self._bend.coat_places(index, trunk)
        skin = self._skin_mask(index, window)
        body = _bent(self._coat, along, aside, (trunk.width, trunk.height), COAT_PX_PER_CM, (0, 0))
        planes = self._empty.copy()
        planes[window.full] = self._brightness(index, window, trunk.inside(window), body, skin)
        half = FRAME_PX // 2
        colors = planes[FRAME_PX:].reshape(2, half, half)
        colors[window.half] = self._color(window, trunk.inside(window), along, aside, skin)
        top, left = self._noise_at[index].tolist()
        noise = self._noise[top : top + FRAME_PX, left : left + FRAME_PX]
        cv2.add(planes[:FRAME_PX], noise, planes[:FRAME_PX])
        return planes

    def _brightness(self, index: int, window: _Window, trunk: _Window, body: Bytes, skin: Bytes) -> Floats:
        """Floor, shadow, tail and paws, body: one over the other."""
        import cv2

        lift = float(self._lift[index])
        cover = body[..., 1]
        mask = skin.copy()
        mask[trunk.full] = cv2.max(mask[trunk.full], cover)
        light, slope = _light(mask, lift)
        picture = self._floor[window.full] * light
        # Round things are darker at their edges.
        tint = cv2.blur(skin, (3, 3)) * np.float32(0.45 / 255 * _SKIN[0]) + np.float32(0.68 * _SKIN[0])
        picture += (tint - picture) * (skin * np.float32(1 / 255))
        covered = picture[trunk.full]
        covered *= (255 - cover) * np.float32(1 / 255)
        covered += body[..., 0] * (slope[trunk.full] + np.float32(1 + 0.10 * lift))
        picture += np.float32(_BLACK + 0.5)
        return picture

    def _color(self, window: _Window, trunk: _Window, along: Floats, aside: Floats, skin: Bytes) -> Floats:
        """Both color planes of the window."""
        import cv2

        neutral = (int(_NEUTRAL), int(_NEUTRAL), 0)
        body = _bent(self._coat_color, along, aside, (trunk.width // 2, trunk.height // 2), COAT_PX_PER_CM / 2, neutral)
        size = (window.width // 2, window.height // 2)
        skin = cv2.resize(skin, size, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
        floor = self._floor_color[window.half]
        colors = floor + (_SKIN[1:, None, None] - floor) * skin
        covered = colors[trunk.half]
        covered *= (255 - body[..., 2]) * np.float32(1 / 255)
        covered += np.moveaxis(body[..., :2], 2, 0) - np.float32(_NEUTRAL)
        colors += np.float32(_NEUTRAL + 0.5)
        return np.asarray(colors)

    def _skin_mask(self, index: int, window: _Window) -> Bytes:
        """Tail, and paws of an animal that stands on them."""
        import cv2

        mask = np.zeros((window.height, window.width), dtype=np.uint8)
        if self._lift[index] < 0.4:
            for x, y, angle, length in self._paws[index].tolist():
                center = (round((x - window.left) * 16), round((y - window.top) * 16))
                axes = (round(length * 16), round(0.42 * length * 16))
                cv2.ellipse(mask, center, axes, angle, 0, 360, 255, -1, cv2.LINE_AA, _FIXED_BITS)
        cv2.fillPoly(mask, [_moved(self._tail[index], window)], 255, cv2.LINE_AA, _FIXED_BITS)
        return mask


def render(mouse: SimulatedMouse, seed: int) -> Renderer:
    """Make a renderer with arena, coat and noise of its own, painted from a seed."""
    rng = np.random.default_rng(seed)
    return Renderer(mouse, arena=paint_arena(rng), noise=sensor_noise(rng), coat=paint_coat(rng), seed=seed)


class _Bend:
    """Finds for a place in the frame its place on the straight coat."""

    def __init__(self, posture: Posture) -> None:
        stretch = PX_PER_CM * posture.scale * posture.foreshortening
        curvature = np.gradient(posture.spine_rad, BODY_CM, axis=1) / stretch
        pick = slice(None, None, _SPINE_STEP)
        self._along = BODY_CM[pick].astype(np.float32)
        self._place = to_px(posture.spine_cm)[:, pick].astype(np.float32)
        self._cosine = np.cos(posture.spine_rad)[:, pick].astype(np.float32)
        self._sine = np.sin(posture.spine_rad)[:, pick].astype(np.float32)
        self._per_px = (1 / stretch)[:, pick].astype(np.float32)
        self._curvature = curvature[:, pick].astype(np.float32)
        self._girth = (PX_PER_CM * posture.scale * posture.girth).astype(np.float32)

    def coat_places(self, index: int, window: _Window) -> tuple[Floats, Floats]:
        """Places along and across the body, in centimetres of the coat, at the centers of the window's grid cells."""
        place = self._place[index]
        x = (np.arange(window.left, window.right, _GRID_PX) + (_GRID_PX - 1) / 2).astype(np.float32)
        y = (np.arange(window.top, window.bottom, _GRID_PX) + (_GRID_PX - 1) / 2).astype(np.float32)
        squares_x = (x[:, None] - place[:, 0]) ** 2
        squares_y = (y[:, None] - place[:, 1]) ** 2
        nearest = np.argmin(squares_y[:, None] + squares_x, axis=-1)
        right = x - place[:, 0][nearest]
        down = y[:, None] - place[:, 1][nearest]
        cosine, sine = self._cosine[index][nearest], self._sine[index][nearest]
        aside = down * cosine - right * sine
        # On the outside of a bend a step in the frame is a shorter step along the spine.
        lever = np.clip(1.0 - aside * self._curvature[index][nearest], 0.35, 3.0)
        forward = (right * cosine + down * sine) / lever
        along = self._along[nearest] + forward * self._per_px[index][nearest]
        return along, aside / self._girth[index]


def _bent(
    coat: Bytes, along: Floats, aside: Floats, size: tuple[int, int], px_per_cm: float, outside: tuple[int, ...]
) -> Bytes:
    """Sample a picture of the straight coat at the places given on a coarse grid."""
    import cv2

    columns = cv2.resize((along - np.float32(COAT_FROM_CM[0])) * np.float32(px_per_cm) - np.float32(0.5), size)
    rows = cv2.resize((aside - np.float32(COAT_FROM_CM[1])) * np.float32(px_per_cm) - np.float32(0.5), size)
    return np.asarray(
        cv2.remap(coat, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=outside)
    )


def _coat_planes(coat: Bytes) -> tuple[Bytes, Bytes]:
    """Brightness and opacity of the coat; its two colors and opacity at half the resolution."""
    import cv2

    planes = coat[..., :3].astype(np.float32) @ _TO_YUV.T
    bright = np.dstack([planes[..., 0], coat[..., 3]])
    half = cv2.resize(np.dstack([planes[..., 1:] + _NEUTRAL, coat[..., 3]]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return np.rint(bright).astype(np.uint8), np.clip(np.rint(half), 0, 255).astype(np.uint8)


def _light(mask: Bytes, lift: float) -> tuple[Floats, Floats]:
    """Light that reaches the floor, and how much more of it the side of the body towards the lamp gets.

    Contact shadow and cast shadow are soft: half the resolution is enough.
    """
    import cv2

    height, width = mask.shape
    size = (width // 2, height // 2)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    near = cv2.blur(cv2.blur(small, (5, 5)), (5, 5))
    offset = 2.0 + 2.5 * lift
    shift = np.array([[1, 0, offset], [0, 1, offset]], dtype=np.float32)
    far = cv2.blur(cv2.blur(cv2.warpAffine(small, shift, size), (7, 7)), (7, 7))
    light = 1 - near * np.float32(0.42 / 255) - far * np.float32(0.22 / 255)
    slope = np.zeros_like(light)
    slope[1:-1, 1:-1] = (near[2:, 2:].astype(np.float32) - near[:-2, :-2]) * np.float32(0.6 / 255)
    return np.asarray(cv2.resize(light, (width, height))), np.asarray(cv2.resize(slope, (width, height)))


def _windows(posture: Posture) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Left, top, right and bottom of all that the animal and its shadow change, and of its trunk, ``(n_frames, 4)`` each."""
    spine, tail = to_px(posture.spine_cm), to_px(posture.tail_cm)
    flank = HALF_WIDTH_CM * posture.scale * PX_PER_CM + 4
    low, high = spine.min(axis=1) - flank, spine.max(axis=1) + flank
    shadow = 18 + 5 * posture.lift[:, None]
    all_low, all_high = np.minimum(low, tail.min(axis=1)) - 12, np.maximum(high, tail.max(axis=1)) + shadow
    return _on_grid(all_low, all_high), _on_grid(low, high)


def _on_grid(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.concatenate([np.floor(low / _GRID_PX), np.ceil(high / _GRID_PX)], axis=1) * _GRID_PX
    return np.clip(edges, 0, FRAME_PX).astype(np.int64)


def _paws(posture: Posture) -> Floats:
    """Paws that show beside the body: x, y, direction in degrees, half length, shape ``(n_frames, n_paws, 4)``, pixels."""
    paws = []
    for along, side, phase, length in (
        (-2.1, -1, 0.0, 0.60), (-2.1, 1, math.pi, 0.60), (1.9, -1, math.pi, 0.34), (1.9, 1, 0.0, 0.34),
    ):  # fmt: skip
        reach = HALF_WIDTH_CM * (0.93 if along < 0 else 0.70)
        before = on_body(posture, along - 0.75, side * reach)
        after = on_body(posture, along + 0.75, side * reach)
        share = (0.5 + 0.5 * np.sin(posture.stride_rad + phase))[:, None]
        angle = np.arctan2(after[:, 1] - before[:, 1], after[:, 0] - before[:, 0]) + side * 0.25
        size = np.full(len(angle), length * posture.scale * PX_PER_CM)
        paws.append(np.column_stack([to_px((1 - share) * before + share * after), np.degrees(angle), size]))
    return np.stack(paws, axis=1).astype(np.float32)


def _tail_outlines(posture: Posture) -> NDArray[np.int32]:
    """Outline of the tail, shape ``(n_frames, n_points, 2)``, fixed-point pixels."""
    course = to_px(posture.tail_cm)
    for _ in range(2):  # Chaikin's corner cutting
        near, far = 0.75 * course[:, :-1] + 0.25 * course[:, 1:], 0.25 * course[:, :-1] + 0.75 * course[:, 1:]
        inner = np.stack([near, far], axis=2).reshape(len(course), -1, 2)
        course = np.concatenate([course[:, :1], inner, course[:, -1:]], axis=1)
    step = np.gradient(course, axis=1)
    normal = np.stack([-step[..., 1], step[..., 0]], axis=-1) / np.maximum(np.hypot(*np.moveaxis(step, 2, 0)), 1e-3)[..., None]
    width = PX_PER_CM * posture.scale * np.linspace(0.23, 0.07, course.shape[1])[:, None]
    outline = np.concatenate([course + width * normal, (course - width * normal)[:, ::-1]], axis=1)
    return np.rint(outline * (1 << _FIXED_BITS)).astype(np.int32)


def _moved(outline: NDArray[np.int32], window: _Window) -> NDArray[np.int32]:
    return outline - np.array([window.left, window.top], dtype=np.int32) * (1 << _FIXED_BITS)
