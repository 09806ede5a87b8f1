"""Which part of the image a clip shows: one window for all of it, around the animal and who comes near."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Window = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

NEAR_BODY_LENGTHS: Final = 1.5
"""Another animal that comes so near, center to center, is taken into the window."""
LEAST_PX: Final = 64
"""A window is no smaller: a few pixels enlarged show nothing."""
MOST_ENLARGED: Final = 4.0
_MOST_ELONGATED: Final = 4 / 3
_LEAST_KNOWN: Final = 0.25
"""Share of the frames in which the animal must be seen for the window to follow it."""
_JUMP_QUANTILE: Final = 0.01
"""Positions beyond are jumps of the tracker more often than the animal."""


def clip_window(
    path: tuple[Floats, Floats],
    others: Sequence[tuple[Floats, Floats]],
    *,
    body_px: float,
    margin: float,
    image: tuple[int, int],
) -> Window:
    """Find the window of a clip.

    Parameters
    ----------
    path
        x and y of the animal's center in pixels, each of shape ``(n_frames,)``, NaN where missing.
    others
        The same of the other animals.
    body_px
        Body length in pixels.
    margin
        Context around the animal, in body lengths.
    image
        Width and height.

    Returns
    -------
    tuple of int
        Left, top, width, height, inside the image. The whole image where the animal is seen in too few frames.
    """
    known = ~np.isnan(path[0])
    if not len(known) or known.mean() < _LEAST_KNOWN or not known.any():
        return (0, 0, *image)
    # A body reaches half its length to each side of its center.
    reach = (0.5 + margin) * body_px
    boxes = [_box(path[0][known], path[1][known], reach)]
    for x, y in others:
        near = np.hypot(x - path[0], y - path[1]) <= NEAR_BODY_LENGTHS * body_px  # False where NaN
        if near.any():
            boxes.append(_box(x[near], y[near], reach))
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return _inside(((left + right) / 2, (top + bottom) / 2), _square(right - left, bottom - top), image)


def shown_size(window: Window, size_px: int) -> tuple[int, int]:
    """Width and height of the picture shown: ``size_px`` on the longer side, enlarged four times at most."""
    scale = min(size_px / max(window[2:]), MOST_ENLARGED)
    return max(1, round(window[2] * scale)), max(1, round(window[3] * scale))


def place_in_words(x: float, y: float, size: tuple[int, int]) -> str:
    """Say where in a picture a point lies, by thirds: ``upper left``, ``middle``, ``right``."""
    across = ("left", "", "right")[int(np.clip(3 * x // size[0], 0, 2))]
    down = ("upper", "", "lower")[int(np.clip(3 * y // size[1], 0, 2))]
    if not across:
        return {"upper": "top", "lower": "bottom"}.get(down, "middle")
    return f"{down} {across}".strip()


def _box(x: Floats, y: Floats, reach: float) -> tuple[float, float, float, float]:
    quantiles = (_JUMP_QUANTILE, 1 - _JUMP_QUANTILE)
    (left, right), (top, bottom) = np.quantile(x, quantiles), np.quantile(y, quantiles)
    return float(left) - reach, float(top) - reach, float(right) + reach, float(bottom) + reach


def _square(width: float, height: float) -> tuple[float, float]:
    """Widen the shorter side, so that the picture is not much longer than high or the other way round."""
    least = max(width, height, LEAST_PX) / _MOST_ELONGATED
    return max(width, least, LEAST_PX), max(height, least, LEAST_PX)


def _inside(middle: tuple[float, float], size: tuple[float, float], image: tuple[int, int]) -> Window:
    """Put a window of whole pixels inside the image, shifted where it would stick out."""
    sides, starts = [0, 0], [0, 0]
    for axis in (0, 1):
        sides[axis] = min(math.ceil(size[axis]), image[axis])
        wanted = round(middle[axis] - sides[axis] / 2)
        starts[axis] = min(max(wanted, 0), image[axis] - sides[axis])
    return starts[0], starts[1], sides[0], sides[1]
