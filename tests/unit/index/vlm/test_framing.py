"""Which part of the image is shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.vlm.framing import LEAST_PX, clip_window, place_in_words, shown_size

IMAGE = (640, 480)


def at(x: float, y: float, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    return np.full(n, float(x)), np.full(n, float(y))


def window(path, *others, body=40.0, margin=0.75, image=IMAGE):
    return clip_window(path, others, body_px=body, margin=margin, image=image)


def test_animal_at_rest_is_in_the_middle_with_its_margin():
    # half a body and 0.75 body lengths to each side: 2 * 1.25 * 40 = 100
    assert window(at(300, 200)) == (250, 150, 100, 100)


def test_window_at_the_wall_is_shifted_and_not_cut():
    assert window(at(5, 475)) == (0, 380, 100, 100)


def test_window_covers_the_whole_path_and_stays_nearly_square():
    x, y = np.linspace(100, 400, 200), np.full(200, 240.0)
    left, top, width, height = window((x, y))
    assert left <= 100 - 40
    assert left + width >= 400 + 40
    assert height == pytest.approx(width * 3 / 4, abs=1)
    assert top < 240 < top + height


def test_small_animal_gets_the_least_window():
    assert window(at(300, 200), body=5)[2:] == (LEAST_PX, LEAST_PX)


def test_window_is_no_larger_than_the_image():
    assert window(at(20, 20), body=500, image=(50, 40)) == (0, 0, 50, 40)


def test_animal_that_comes_near_is_taken_in():
    left, _, width, _ = window(at(300, 200), at(355, 200))  # 55 px: within 1.5 body lengths of 40 px
    assert (left, left + width) == (250, 405)


def test_animal_that_stays_away_is_not():
    assert window(at(300, 200), at(361, 200)) == window(at(300, 200))


def test_jump_of_the_tracker_does_not_widen_the_window():
    x, y = at(300, 200, 300)
    x[100], y[100] = 10, 10
    assert window((x, y)) == window(at(300, 200))


def test_animal_that_is_hardly_seen_shows_the_whole_image():
    x, y = at(300, 200)
    x[10:], y[10:] = np.nan, np.nan
    assert window((x, y)) == (0, 0, *IMAGE)


def test_missing_positions_of_others_are_nothing():
    assert window(at(300, 200), at(np.nan, np.nan)) == window(at(300, 200))


@given(
    x=st.lists(st.one_of(st.just(float("nan")), st.floats(-50, 700)), min_size=1, max_size=40),
    y=st.floats(-50, 600),
    body=st.floats(1, 400),
    margin=st.floats(0, 3),
)
def test_window_lies_inside_the_image(x, y, body, margin):
    left, top, width, height = window((np.array(x), np.full(len(x), y)), body=body, margin=margin)
    assert 0 <= left <= left + width <= IMAGE[0]
    assert 0 <= top <= top + height <= IMAGE[1]
    assert width >= LEAST_PX
    assert height >= LEAST_PX


@pytest.mark.parametrize(
    ("size", "shown"),
    [((0, 0, 200, 100), (448, 224)), ((0, 0, 64, 64), (256, 256)), ((0, 0, 640, 480), (448, 336))],
)
def test_size_shown(size, shown):
    assert shown_size(size, 448) == shown


@pytest.mark.parametrize(
    ("spot", "words"),
    [
        ((10, 10), "upper left"),
        ((150, 10), "top"),
        ((150, 150), "middle"),
        ((299, 150), "right"),
        ((150, 299), "bottom"),
        ((300, 300), "lower right"),
        ((-5, 150), "left"),
    ],
)
def test_places_in_words(spot, words):
    assert place_in_words(*spot, (300, 300)) == words
