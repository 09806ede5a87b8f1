"""What is drawn over the pixels: keypoints, names, a bar of known length; and views side by side."""

from __future__ import annotations

import colorsys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Spot = tuple[float, float]

DRAWING_VERSION: Final = 1
"""Part of every clip's digest; raised when the same plan gives other pixels."""

BAR_LENGTHS_CM: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
_BAR_SHARE: Final = 0.3
"""Of the picture's width: the bar is the longest round length within."""
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
_LONGEST_MARK: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleBar:
    """A bar of known length."""

    length_cm: float
    length_px: float
    """In the picture shown."""

    @property
    def label(self) -> str:
        """Its length in words."""
        return f"{self.length_cm:g} cm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """One animal's keypoints in one frame, in pixels of the picture shown."""

    spots: Mapping[str, Spot]
    """Keypoint to place; missing ones are absent."""
    lines: tuple[tuple[str, str], ...] = ()
    """Pairs of keypoints to join where both are there."""


def scale_bar(px_per_cm: float, width: int) -> ScaleBar | None:
    """Choose a bar for a picture.

    Parameters
    ----------
    px_per_cm
        Pixels of the picture per centimetre.
    width
        Of the picture, in pixels.
    """
    fitting = [length for length in BAR_LENGTHS_CM if length * px_per_cm <= _BAR_SHARE * width]
    return ScaleBar(length_cm=fitting[-1], length_px=fitting[-1] * px_per_cm) if fitting else None


def marks_of(individuals: Sequence[str]) -> dict[str, str]:
    """Give each animal a short mark in plain letters: its name where that can be written, else its number.

    The font that draws them knows ASCII alone. Marks differ between animals.
    """
    marks: dict[str, str] = {}
    for number, name in enumerate(individuals, start=1):
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        plain = "".join(character for character in plain if character.isprintable()).strip()
        usable = 0 < len(plain) <= _LONGEST_MARK and plain not in marks.values()
        marks[name] = plain if usable else f"animal {number}"
    return marks


def draw_scale_bar(image: Image, bar: ScaleBar) -> None:
    """Draw a bar with its length at the lower left, white on black; changes the image."""
    import cv2

    height, width = image.shape[:2]
    inset, thick = max(4, width // 40), max(3, height // 110)
    length = max(1, round(bar.length_px))
    bottom = height - inset
    cv2.rectangle(
        image, (inset - 1, bottom - thick - 1), (inset + length, bottom), _BLACK, cv2.FILLED
    )  # both corners included
    cv2.rectangle(image, (inset, bottom - thick), (inset + length - 1, bottom - 1), _WHITE, cv2.FILLED)
    _write(image, bar.label, (inset, bottom - thick - 6))


def draw_skeletons(image: Image, skeletons: Sequence[Skeleton], keypoints: Sequence[str]) -> None:
    """Draw keypoints as dots, each of its own color, and the lines between them; changes the image.

    Parameters
    ----------
    keypoints
        All that are tracked, in order; a keypoint has the same color in every picture.
    """
    import cv2

    colors = dict(zip(keypoints, distinct_colors(len(keypoints)), strict=True))
    radius = max(2, min(image.shape[:2]) // 110)
    for skeleton in skeletons:
        for one, other in skeleton.lines:
            if one in skeleton.spots and other in skeleton.spots:
                ends = _whole(skeleton.spots[one]), _whole(skeleton.spots[other])
                cv2.line(image, *ends, _WHITE, max(1, radius // 2), cv2.LINE_AA)
        for keypoint, spot in skeleton.spots.items():
            cv2.circle(image, _whole(spot), radius + 1, _BLACK, cv2.FILLED, cv2.LINE_AA)
            cv2.circle(image, _whole(spot), radius, colors[keypoint], cv2.FILLED, cv2.LINE_AA)


def draw_marks(image: Image, marks: Mapping[str, Spot]) -> None:
    """Write marks beside the centers of animals; changes the image."""
    import cv2

    radius = max(2, min(image.shape[:2]) // 150)
    for mark, spot in marks.items():
        cv2.circle(image, _whole(spot), radius + 1, _BLACK, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(image, _whole(spot), radius, _WHITE, cv2.FILLED, cv2.LINE_AA)
        _write(image, mark, (round(spot[0]) + 2 * radius + 2, round(spot[1]) - radius - 2))


def side_by_side(views: Sequence[Image]) -> Image:
    """Put pictures of one moment beside each other, the first one's height for all, black where one is lower.

    Parameters
    ----------
    views
        uint8 RGB, shape ``(height, width, 3)`` each.
    """
    if len(views) == 1:
        return views[0]
    height = max(view.shape[0] for view in views)
    padded = [
        np.pad(view, (((height - view.shape[0]) // 2, -(-(height - view.shape[0]) // 2)), (0, 0), (0, 0)))
        for view in views
    ]
    return np.concatenate(padded, axis=1)


def scaled(image: Image, size: tuple[int, int]) -> Image:
    """Bring an image to a width and height: by areas where it shrinks, by cubic interpolation where it grows."""
    import cv2

    if (image.shape[1], image.shape[0]) == size:
        return image
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method), dtype=np.uint8)


def distinct_colors(n: int) -> list[tuple[int, int, int]]:
    """Colors as far apart in hue as ``n`` allows, RGB."""
    colors = [colorsys.hsv_to_rgb(k / max(n, 1), 0.9, 1.0) for k in range(n)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colors]


def _whole(spot: Spot) -> tuple[int, int]:
    return round(spot[0]), round(spot[1])


def _write(image: Image, text: str, at: tuple[int, int]) -> None:
    """Write white text with a black rim, its lower left corner at a place, moved into the picture."""
    import cv2

    height, width = image.shape[:2]
    scale = max(0.4, min(height, width) / 800)
    (wide, high), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    x = min(max(at[0], 2), max(2, width - wide - 2))
    y = min(max(at[1], high + 2), max(high + 2, height - below - 1))
    # The rim is the same text shifted: a heavier one of this font is also wider.
    for across, down in product((-1, 0, 1), repeat=2):
        cv2.putText(
            image, text, (x + across, y + down), cv2.FONT_HERSHEY_SIMPLEX, scale, _BLACK, 1, cv2.LINE_AA
        )
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, _WHITE, 1, cv2.LINE_AA)
