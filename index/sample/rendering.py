"""Frames of a simulated mouse: its coat is bent along the spine and laid, with tail and shadow, on the floor.

Frames are drawn in the planes that the video encoder takes (brightness, and color at half resolution), and
only where the animal is: thousands of frames have to be made while somebody waits.
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

_GRID_PX = 8
"""The bend of the coat is computed on every eighth pixel and interpolated between."""
_SPINE_STEP = 2
"""Every second place of the spine is enough to find the nearest one: its curvature does the rest."""
_FIXED_BITS = 4
"""Fractional bits of the coordinates given to cv2's drawing functions."""
_TO_YUV = np.array(
    [[0.257, 0.504, 0.098], [-0.148, -0.291, 0.439], [0.439, -0.368, -0.071]], dtype=np.float32
)
_YUV_ZERO = np.array([16.0, 128.0, 128.0], dtype=np.float32)
"""RGB to video-range YUV (BT.601)."""
_SKIN, _SKIN_EDGE = (
    np.rint(_TO_YUV @ np.array(color, dtype=np.float32) + _YUV_ZERO).astype(int).tolist()
    for color in ((130.0, 106.0, 98.0), (115.0, 92.0, 85.0))
)


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
    def half(self) -> tuple[slice, slice]:
        """Where it lies in the color planes."""
        return slice(self.top // 2, self.bottom // 2), slice(self.left // 2, self.right // 2)

    def inside(self, outer: _Window) -> _Window:
        """Count the same window from the corner of another that holds it."""
        x, y = outer.left, outer.top
        return _Window(self.left - x, self.top - y, self.right - x, self.bottom - y)


@dataclass(frozen=True, slots=True)
class Planes:
    """Brightness and the two colors of a frame to draw into, uint8; the colors have half the resolution."""

    y: Bytes
    u: Bytes
    v: Bytes


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
        self._noise_at = np.random.default_rng(seed).integers(
            0, noise.shape[0] - FRAME_PX + 1, (self.n_frames, 2)
        )
        self._empty = np.asarray(cv2.cvtColor(arena, cv2.COLOR_RGB2YUV_I420))
        self._coat, self._coat_color = _coat_planes(coat)
        self._bend = _Bend(posture)
        self._lift = posture.lift
        self._tail = _fixed(_tail_outlines(posture))
        self._tail_ridge = _fixed(_tail_outlines(posture, girth=0.5, length=0.5))
        self._paws = _fixed(_paw_outlines(posture))
        self._windows, self._trunks = _windows(posture)

    def frame(self, index: int) -> Bytes:
        """Draw one frame.

        Returns
        -------
        NDArray
            RGB, shape ``(FRAME_PX, FRAME_PX, 3)``.
        """
        import cv2

        half = FRAME_PX // 2
        picture = np.empty_like(self._empty)
        colors = picture[FRAME_PX:].reshape(2, half, half)
        self.draw(index, Planes(picture[:FRAME_PX], colors[0], colors[1]))
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420))

    def draw(self, index: int, planes: Planes) -> None:
        """Draw one frame as video encoders take it: planar YUV 4:2:0, video range."""
        import cv2

        half = FRAME_PX // 2
        colors = self._empty[FRAME_PX:].reshape(2, half, half)
        planes.y[:], planes.u[:], planes.v[:] = self._empty[:FRAME_PX], colors[0], colors[1]
        window = _Window(*self._windows[index].tolist())
        self._draw_animal(
            index, window, Planes(planes.y[window.full], planes.u[window.half], planes.v[window.half])
        )
        top, left = self._noise_at[index].tolist()
        cv2.add(planes.y, self._noise[top : top + FRAME_PX, left : left + FRAME_PX], planes.y)

    def _draw_animal(self, index: int, window: _Window, planes: Planes) -> None:
        """Shadow, tail and paws, body: one over the other."""
        import cv2

        lift = float(self._lift[index])
        trunk = _Window(*self._trunks[index].tolist())
        along, aside = self._bend.coat_places(index, trunk)
        body = _bent(self._coat, along, aside, (trunk.width, trunk.height), COAT_PX_PER_CM)
        color = _bent(
            self._coat_color, along, aside, (trunk.width // 2, trunk.height // 2), COAT_PX_PER_CM / 2
        )
        trunk = trunk.inside(window)
        mask = np.zeros_like(planes.u)
        self._draw_skin(index, window, (mask, planes.u, planes.v), (255, *_SKIN[1:]), halved=True)
        mask[trunk.half] = cv2.max(mask[trunk.half], np.ascontiguousarray(color[..., 2]))
        light, shade = _light(mask, lift)
        cv2.multiply(planes.y, cv2.resize(light, (window.width, window.height)), planes.y, 1 / 255)
        self._draw_skin(index, window, (planes.y,), (_SKIN_EDGE[0],), halved=False)
        shade = cv2.resize(shade[trunk.half], (trunk.right - trunk.left, trunk.bottom - trunk.top))
        _cover(planes.y[trunk.full], body[..., 0] * shade, body[..., 1])
        _cover(planes.u[trunk.half], color[..., 0], color[..., 2])
        _cover(planes.v[trunk.half], color[..., 1], color[..., 2])

    def _draw_skin(
        self, index: int, window: _Window, planes: tuple[Bytes, ...], values: tuple[int, ...], *, halved: bool
    ) -> None:
        """Tail, and the paws of an animal that stands on them."""
        import cv2

        corner = np.array([window.left, window.top], dtype=np.int32) * (1 << _FIXED_BITS)
        if halved:  # a pixel of the color planes is centered between four of the others
            corner += 1 << (_FIXED_BITS - 1)
        bits = _FIXED_BITS + halved
        shapes = [self._tail[index] - corner]
        if self._lift[index] < 0.4:
            shapes.extend(self._paws[index] - corner)
        for plane, value in zip(planes, values, strict=True):
            cv2.fillPoly(plane, shapes, value, cv2.LINE_AA, bits)
        if not halved:
            cv2.fillPoly(planes[0], [self._tail_ridge[index] - corner], _SKIN[0], cv2.LINE_AA, bits)


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
        """Find the places on the coat, in centimetres along and across, of a window's grid cells."""
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


def _bent(coat: Bytes, along: Floats, aside: Floats, size: tuple[int, int], px_per_cm: float) -> Bytes:
    """Sample a picture of the straight coat at the places given on a coarse grid."""
    import cv2

    columns = cv2.resize(
        (along - np.float32(COAT_FROM_CM[0])) * np.float32(px_per_cm) - np.float32(0.5), size
    )
    rows = cv2.resize((aside - np.float32(COAT_FROM_CM[1])) * np.float32(px_per_cm) - np.float32(0.5), size)
    return np.asarray(cv2.remap(coat, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))


def _coat_planes(coat: Bytes) -> tuple[Bytes, Bytes]:
    """Split the coat: brightness and opacity; colors and opacity at half resolution; all premultiplied."""
    import cv2

    opacity = coat[..., 3:].astype(np.float32) / 255
    planes = coat[..., :3].astype(np.float32) @ _TO_YUV.T + _YUV_ZERO * opacity
    bright = np.dstack([planes[..., 0], coat[..., 3]])
    color = cv2.resize(
        np.dstack([planes[..., 1:], coat[..., 3]]), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    )
    return np.rint(bright).astype(np.uint8), np.rint(color).astype(np.uint8)


def _cover(plane: Bytes, layer: Floats | Bytes, opacity: Bytes) -> None:
    """Lay something over a plane; its values are multiplied by the opacity already."""
    kept = plane * ((255 - opacity) * np.float32(1 / 255))
    plane[:] = kept + layer + np.float32(0.5)


def _light(mask: Bytes, lift: float) -> tuple[Bytes, Floats]:
    """Light that reaches the floor around a silhouette, 0 to 255, and that falls on the body, about 1."""
    import cv2

    near = cv2.blur(cv2.blur(mask, (5, 5)), (5, 5))
    moved = np.zeros_like(mask)
    moved[2:, 2:] = mask[:-2, :-2]
    far = cv2.blur(cv2.blur(moved, (7, 7)), (7, 7))
    light = cv2.addWeighted(near, -0.40, far, -0.20 - 0.10 * lift, 255.0)
    # The lamp hangs to the upper left: the side of the body towards it is brighter than the other.
    shade = np.full(mask.shape, 1.0 + 0.10 * lift, dtype=np.float32)
    shade[1:-1, 1:-1] += (near[2:, 2:].astype(np.float32) - near[:-2, :-2]) * np.float32(0.6 / 255)
    return np.asarray(light), shade


def _windows(posture: Posture) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Bound animal and shadow, then the trunk: left, top, right, bottom, shape ``(n_frames, 4)`` each."""
    spine, tail = to_px(posture.spine_cm), to_px(posture.tail_cm)
    flank = HALF_WIDTH_CM * posture.scale * PX_PER_CM + 4
    low, high = spine.min(axis=1) - flank, spine.max(axis=1) + flank
    shadow = 18 + 5 * posture.lift[:, None]
    all_low, all_high = np.minimum(low, tail.min(axis=1)) - 12, np.maximum(high, tail.max(axis=1)) + shadow
    return _on_grid(all_low, all_high), _on_grid(low, high)


def _on_grid(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int64]:
    edges = np.concatenate([np.floor(low / _GRID_PX), np.ceil(high / _GRID_PX)], axis=1) * _GRID_PX
    return np.asarray(np.clip(edges, 0, FRAME_PX), dtype=np.int64)


def _paw_outlines(posture: Posture) -> NDArray[np.float64]:
    """Outlines of the paws that show beside the body, shape ``(n_frames, n_paws, n_points, 2)``, pixels."""
    round_about = np.linspace(0, 2 * math.pi, 12, endpoint=False)
    paws = []
    for along, side, phase, length in (
        (-2.1, -1, 0.0, 0.62), (-2.1, 1, math.pi, 0.62), (1.9, -1, math.pi, 0.34), (1.9, 1, 0.0, 0.34),
    ):  # fmt: skip
        reach = HALF_WIDTH_CM * (0.96 if along < 0 else 0.72)
        before = on_body(posture, along - 0.75, side * reach)
        after = on_body(posture, along + 0.75, side * reach)
        share = (0.5 + 0.5 * np.sin(posture.stride_rad + phase))[:, None]
        angle = np.arctan2(after[:, 1] - before[:, 1], after[:, 0] - before[:, 0])[:, None] + side * 0.25
        long, wide = (
            length * posture.scale * np.cos(round_about),
            0.4 * length * posture.scale * np.sin(round_about),
        )
        x = np.cos(angle) * long - np.sin(angle) * wide
        y = np.sin(angle) * long + np.cos(angle) * wide
        paws.append(((1 - share) * before + share * after)[:, None] + np.stack([x, y], axis=-1))
    return to_px(np.stack(paws, axis=1))


def _tail_outlines(posture: Posture, *, girth: float = 1.0, length: float = 1.0) -> NDArray[np.float64]:
    """Outline the tail, or these shares of it from its root, shape ``(n_frames, n_points, 2)``, pixels."""
    course = to_px(posture.tail_cm)
    # Chaikin's corner cutting
    near, far = 0.75 * course[:, :-1] + 0.25 * course[:, 1:], 0.25 * course[:, :-1] + 0.75 * course[:, 1:]
    inner = np.stack([near, far], axis=2).reshape(len(course), -1, 2)
    course = np.concatenate([course[:, :1], inner, course[:, -1:]], axis=1)
    step = np.gradient(course, axis=1)
    size = np.maximum(np.hypot(step[..., 0], step[..., 1]), 1e-3)
    normal = np.stack([-step[..., 1], step[..., 0]], axis=-1) / size[..., None]
    width = girth * PX_PER_CM * posture.scale * np.linspace(0.22, 0.075, course.shape[1])[:, None]
    kept = slice(0, round(length * course.shape[1]))
    left, right = (course - width * normal)[:, kept], (course + width * normal)[:, kept]
    return np.concatenate([right, left[:, ::-1]], axis=1)


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(points * (1 << _FIXED_BITS)).astype(np.int32)
