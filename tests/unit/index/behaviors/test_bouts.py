"""Frame labels <-> bouts, runs and intervals."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.behaviors.bouts import (
    bouts_to_labels,
    bridge_runs,
    clip_intervals,
    drop_short,
    intersect,
    labels_to_bouts,
    mask_to_runs,
    runs_to_mask,
    stretches,
    total,
    unite,
)

LABELS = st.lists(st.sampled_from([None, "rear", "None", "", "groom"]), max_size=60)
MASKS = st.lists(st.booleans(), max_size=80)
ENDS = st.integers(-20, 20)
INTERVALS = st.lists(st.tuples(ENDS, ENDS).map(lambda pair: (float(min(pair)), float(max(pair)))), max_size=8)


@st.composite
def separate_bouts(draw):
    """Bouts of which no two overlap and no two of one label touch, and a recording that holds them."""
    bouts, frame, last = [], 0, None
    for _ in range(draw(st.integers(0, 8))):
        gap, label = draw(st.integers(0, 3)), draw(st.sampled_from(["rear", "groom", "None"]))
        gap = max(gap, 1) if label == last else gap
        start = frame + gap
        frame = start + draw(st.integers(1, 5))
        bouts.append((label, start, frame))
        last = label
    return bouts, frame + draw(st.integers(0, 3))


@given(LABELS)
def test_labels_survive_bouts(labels):
    assert bouts_to_labels(labels_to_bouts(labels), len(labels)) == labels


@given(separate_bouts())
def test_bouts_survive_labels(case):
    bouts, n_frames = case
    assert labels_to_bouts(bouts_to_labels(bouts, n_frames)) == bouts


@given(LABELS)
def test_bouts_sum_to_the_labeled_frames(labels):
    framed = sum(stop - start for _, start, stop in labels_to_bouts(labels))
    assert framed == sum(label is not None for label in labels)


def test_a_run_keeps_its_first_and_last_frame():
    assert labels_to_bouts([None, "a", "a", "b", None, "a"]) == [("a", 1, 3), ("b", 3, 4), ("a", 5, 6)]


def test_ignored_labels_are_not_labeled():
    assert labels_to_bouts(["None", "a", "None"], ignore=("None",)) == [("a", 1, 2)]
    assert labels_to_bouts(["None", "a"]) == [("None", 0, 1), ("a", 1, 2)]


def test_a_categorical_series_is_read_as_text():
    assert labels_to_bouts(pl.Series(["a", "a", None], dtype=pl.Categorical)) == [("a", 0, 2)]


@pytest.mark.parametrize("labels", [[], [None], [None] * 5])
def test_nothing_labeled_gives_no_bout(labels):
    assert labels_to_bouts(labels) == []


def test_overlapping_bouts_are_refused():
    with pytest.raises(ValueError, match="at most one label per frame"):
        bouts_to_labels([("a", 0, 3), ("b", 2, 4)], 5)


@pytest.mark.parametrize("bout", [("a", 2, 2), ("a", 3, 2), ("a", -1, 2), ("a", 3, 6)])
def test_empty_or_outside_bouts_are_refused(bout):
    with pytest.raises(ValueError, match="at least one frame"):
        bouts_to_labels([bout], 5)


@given(MASKS)
def test_masks_survive_runs(mask):
    values = np.array(mask, dtype=bool)
    assert runs_to_mask(mask_to_runs(values), len(mask)).tolist() == mask


def test_an_empty_mask_gives_no_run():
    assert mask_to_runs(np.zeros(5, dtype=bool)) == []
    assert mask_to_runs(np.zeros(0, dtype=bool)) == []


def test_a_run_outside_the_recording_is_refused():
    with pytest.raises(ValueError, match="within"):
        runs_to_mask([(3, 9)], 5)


def test_gaps_up_to_the_limit_are_bridged():
    assert bridge_runs([(0, 2), (4, 6), (9, 10)], 2) == [(0, 6), (9, 10)]
    assert bridge_runs([(4, 6), (0, 2)], 0) == [(0, 2), (4, 6)]


def test_short_runs_are_dropped():
    assert drop_short([(0, 2), (4, 7)], 3) == [(4, 7)]


def test_union_joins_touching_and_drops_empty():
    assert unite([(3, 4), (0, 1), (1, 2), (2.5, 2.5)]) == [(0, 2), (3, 4)]


def test_an_interval_that_runs_backward_is_refused():
    with pytest.raises(ValueError, match="stop >= start"):
        unite([(2.0, 1.0)])


def test_clipping_keeps_what_is_inside():
    assert clip_intervals([(0, 5), (6, 8), (9, 12)], 3, 10) == [(3, 5), (6, 8), (9, 10)]


@given(INTERVALS, INTERVALS)
def test_intersection_holds_where_both_hold(a, b):
    both = intersect(a, b)
    for x in np.arange(-20, 20) + 0.5:
        expected = any(p <= x < q for p, q in a) and any(p <= x < q for p, q in b)
        assert any(p <= x < q for p, q in both) == expected


@given(INTERVALS)
def test_total_counts_each_moment_once(intervals):
    covered = sum(any(p <= x < q for p, q in intervals) for x in np.arange(-20, 20) + 0.5)
    assert total(intervals) == covered


def test_stretches_that_touch_stay_apart():
    assert stretches([(2.0, 3.0), (0.0, 2.0), (0.5, 1.0), (3.0, 3.0), (2.5, 4.0)]) == [(0.0, 2.0), (2.0, 4.0)]
    with pytest.raises(ValueError, match="stop >= start"):
        stretches([(2.0, 1.0)])
