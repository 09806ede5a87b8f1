"""What is drawn over the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from ethochat.index.vlm.drawing import (
    ScaleBar,
    Skeleton,
    distinct_colors,
    draw_marks,
    draw_scale_bar,
    draw_skeletons,
    marks_of,
    scale_bar,
    scaled,
    side_by_side,
)


def gray(height: int = 300, width: int = 400) -> np.ndarray:
    return np.full((height, width, 3), 128, dtype=np.uint8)


@pytest.mark.parametrize(
    ("px_per_cm", "width", "length"),
    [(10, 448, 10), (20, 448, 5), (60, 448, 2), (300, 448, 0.2), (1, 448, 100)],
)
def test_bar_is_the_longest_round_length_within_a_third(px_per_cm, width, length):
    bar = scale_bar(px_per_cm, width)
    assert bar is not None
    assert bar.length_cm == length
    assert bar.length_px == pytest.approx(length * px_per_cm)
    assert bar.length_px <= 0.3 * width


def test_no_length_fits_into_a_picture_of_a_millimetre():
    assert scale_bar(5000, 448) is None


@pytest.mark.parametrize("length", [40.0, 87.4, 120.6])
def test_bar_is_drawn_at_its_true_length(length):
    image = gray()
    draw_scale_bar(image, ScaleBar(length_cm=5, length_px=length))
    white = (image == 255).all(axis=2)
    longest = max(white.sum(axis=1))  # the row of the bar; letters are shorter
    assert longest == round(length)


def test_bar_leaves_the_rest_of_the_picture_alone():
    image = gray()
    draw_scale_bar(image, ScaleBar(length_cm=5, length_px=80.0))
    assert (image[:200] == 128).all()
    assert (image[:, 250:] == 128).all()


def test_keypoints_have_their_colors_and_named_ones_are_joined():
    image = gray()
    spots = {"nose": (100.0, 100.0), "tail": (200.0, 100.0), "ear": (100.0, 200.0)}
    draw_skeletons(
        image,
        [Skeleton(spots=spots, lines=(("nose", "tail"), ("nose", "gone")))],
        ("nose", "gone", "tail", "ear"),
    )
    colors = distinct_colors(4)
    assert tuple(image[100, 100]) == colors[0]
    assert tuple(image[100, 200]) == colors[2]
    assert (image[100, 150] > 220).all()
    assert (image[150, 100] == 128).all()


def test_colors_differ():
    assert len(set(distinct_colors(13))) == 13


def test_mark_is_written_inside_the_picture_also_at_its_edge():
    image = gray(100, 100)
    draw_marks(image, {"mouse1": (98.0, 1.0)})
    written = np.argwhere(
        (image > 220).all(axis=2) & (np.arange(100) < 94)[None, :]
    )  # without the dot itself
    assert len(written) > 20
    assert np.ptp(written[:, 1]) > 25  # all six letters


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        (["mouse1", "mouse2"], ["mouse1", "mouse2"]),
        (["Mäuschen"], ["Mauschen"]),
        (["鼠", "ok"], ["animal 1", "ok"]),
        (["é", "e"], ["e", "animal 2"]),
        (["a" * 30], ["animal 1"]),
    ],
)
def test_marks_are_plain_and_distinct(names, marks):
    assert list(marks_of(names).values()) == marks


def test_views_stand_side_by_side_at_one_height():
    tiled = side_by_side([gray(100, 50), gray(60, 80)])
    assert tiled.shape == (100, 130, 3)
    assert (tiled[:20, 50:] == 0).all()
    assert (tiled[20:80, 50:] == 128).all()


def test_scaling_keeps_what_is_there():
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    image[:, 40:] = 200
    for size in ((40, 30), (160, 120)):
        small = scaled(image, size)
        assert small.shape == (size[1], size[0], 3)
        assert (small[:, : size[0] // 2 - 3] == 0).all()
        assert (small[:, size[0] // 2 + 3 :] == 200).all()
