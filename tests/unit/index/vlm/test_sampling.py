"""Which frames are shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.vlm.sampling import frames_wanted, pick_frames


@pytest.mark.parametrize(
    ("seconds", "fps", "most", "available", "expected"),
    [
        (2.0, 4.0, 32, 50, 8),
        (2.1, 4.0, 32, 52, 9),
        (0.1, 4.0, 32, 3, 2),
        (100.0, 4.0, 32, 2500, 32),
        (0.04, 4.0, 32, 1, 1),
        (2.0, 4.0, 1, 50, 1),
        (0.3 / 0.1, 1.0, 32, 90, 3),
    ],
)
def test_number_of_frames(seconds, fps, most, available, expected):
    assert frames_wanted(seconds, fps, most, available) == expected


def test_animal_at_rest_is_shown_evenly():
    assert pick_frames(100, 141, 5, np.zeros(41)) == (100, 110, 120, 130, 140)


def test_half_of_the_frames_go_where_the_animal_moves():
    movement = np.zeros(101)
    movement[81:] = 1.0  # it moves in the last fifth alone
    frames = np.array(pick_frames(0, 101, 21, movement))
    # Half of the clock runs in the last 20 frames for the movement, and a fifth of the other half for the time.
    assert (frames > 80).sum() == pytest.approx(21 * 0.6, abs=1)


def test_unknown_movement_counts_as_none():
    assert pick_frames(0, 41, 5, np.full(41, np.nan)) == (0, 10, 20, 30, 40)


def test_single_frame_is_the_middle_one():
    assert pick_frames(10, 21, 1, np.zeros(11)) == (15,)


def test_jump_does_not_make_frames_coincide():
    movement = np.zeros(10)
    movement[5] = 1e6
    frames = pick_frames(0, 10, 9, movement)
    assert len(set(frames)) == 9


@given(st.data())
def test_frames_are_distinct_ascending_and_span_the_clip(data):
    n_frames = data.draw(st.integers(2, 200))
    n = data.draw(st.integers(2, n_frames))
    start = data.draw(st.integers(0, 1000))
    steps = st.one_of(st.just(float("nan")), st.floats(0, 1e6))
    movement = np.array(data.draw(st.lists(steps, min_size=n_frames, max_size=n_frames)))
    frames = pick_frames(start, start + n_frames, n, movement)
    assert len(frames) == n
    assert list(frames) == sorted(set(frames))
    assert (frames[0], frames[-1]) == (start, start + n_frames - 1)
