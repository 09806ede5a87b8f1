"""When things hold: who marks it, where somebody watched, frames as intervals, and arithmetic against single frames."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.timebase import TimeBase
from ethochat.tools.arguments import Selection
from ethochat.tools.searching.lanes import (
    Lanes,
    Span,
    behavior_lanes,
    intersect_lanes,
    limit_lanes,
    subtract_lanes,
    whole_lanes,
    within,
    zone_lanes,
)
from ethochat.tools.searching.limits import Limit
from ethochat.tools.selection import select_sessions

RULE = {"rules": "rule", "net": "automated"}


def scope_of(context, **selection):
    return select_sessions(context, Selection(**selection))


def marked(context, *behaviors, sources=()):
    lanes = behavior_lanes(context, scope_of(context), behaviors, sources)
    return {key: [(span.start, span.stop) for span in lane] for key, lane in lanes.spans.items()}


def marked_by(context, *behaviors, sources=()):
    lanes = behavior_lanes(context, scope_of(context), behaviors, sources)
    return [
        (span.start, span.stop, ", ".join(sorted(span.sources)), span.n_watching)
        for lane in lanes.spans.values()
        for span in lane
    ]


# ------------------------------------------------------------------ who marks it
def test_raters_that_overlap_are_one_event_of_all_of_them(labeled):
    context = labeled({"s1": [("anna", "rear", 1, 3), ("ben", "rear", 2, 4), ("ben", "rear", 6, 7)]})
    assert marked_by(context, "rear") == [(1, 4, "anna, ben", 2), (6, 7, "ben", 2)]


def test_bouts_that_touch_stay_apart(labeled):
    context = labeled({"s1": [("anna", "rear", 1, 2), ("anna", "rear", 2, 3)]})
    assert marked(context, "rear") == {("s1", ""): [(1, 2), (2, 3)]}


def test_only_who_looks_for_it_then_is_counted_as_watching(labeled):
    bouts = {
        "s1": [("anna", "rear", 1, 2), ("anna", "rear", 6, 7), ("ben", "rear", 6, 8), ("cara", "groom", 6, 7)]
    }
    looked = [
        ("s1", "anna", "", 0, 10, ["rear"]),
        ("s1", "ben", "", 5, 10, ["rear"]),
        ("s1", "cara", "", 0, 10, ["groom"]),
    ]
    context = labeled(bouts, looked_for=looked)
    assert marked_by(context, "rear") == [(1, 2, "anna", 1), (6, 8, "anna, ben", 2)]


def test_a_rule_confirms_what_a_rater_marks_and_adds_nothing_where_one_watched(labeled):
    bouts = {
        "s1": [
            ("anna", "rear", 1, 3),
            ("rules", "rear", 2, 4),
            ("rules", "rear", 6, 7),
            ("rules", "rear", 11, 12),
        ]
    }
    looked = [("s1", "anna", "", 0, 10, ["rear"]), ("s1", "rules", "", 0, 20, ["rear"])]
    context = labeled(bouts, looked_for=looked, kinds=RULE, duration=20.0)
    assert marked_by(context, "rear") == [(1, 3, "anna, rules", 1), (11, 12, "rules", 0)]


def test_a_rule_stands_alone_where_nobody_watched(labeled):
    bouts = {"s1": [("rules", "rear", 1, 2)], "s2": [("anna", "rear", 5, 6), ("rules", "rear", 1, 2)]}
    looked = [
        ("s1", "rules", "", 0, 10, ["rear"]),
        ("s2", "anna", "", 0, 10, ["rear"]),
        ("s2", "rules", "", 0, 10, ["rear"]),
    ]
    context = labeled(bouts, looked_for=looked, kinds=RULE)
    assert marked(context, "rear") == {("s1", ""): [(1, 2)], ("s2", ""): [(5, 6)]}


def test_one_rule_bout_over_two_bouts_of_a_rater_confirms_both(labeled):
    context = labeled(
        {"s1": [("anna", "rear", 1, 2), ("anna", "rear", 3, 4), ("rules", "rear", 1, 4)]}, kinds=RULE
    )
    assert marked_by(context, "rear") == [(1, 2, "anna, rules", 1), (3, 4, "anna, rules", 1)]


def test_a_named_source_alone_is_heard(labeled):
    context = labeled(
        {"s1": [("anna", "rear", 1, 3), ("ben", "rear", 2, 4), ("rules", "rear", 6, 7)]}, kinds=RULE
    )
    assert marked_by(context, "rear", sources=["ben"]) == [(2, 4, "ben", 1)]
    assert marked_by(context, "rear", sources=["rules"]) == [(6, 7, "rules", 0)]


def test_several_behaviors_are_one_lane(labeled):
    context = labeled({"s1": [("anna", "rear", 1, 3), ("anna", "groom", 2, 4), ("anna", "walk", 5, 6)]})
    assert marked(context, "rear", "groom") == {("s1", ""): [(1, 4)]}


def test_it_can_be_told_where_somebody_looked_for_it(labeled):
    bouts = {"s1": [("anna", "rear", 1, 2)], "s2": [], "s3": [("anna", "walk", 1, 2)]}
    looked = [
        ("s1", "anna", "", 0, 10, ["rear"]),
        ("s2", "anna", "", 0, 10, ["rear"]),
        ("s3", "anna", "", 0, 10, ["walk"]),
    ]
    context = labeled(bouts, looked_for=looked)
    assert behavior_lanes(context, scope_of(context), ["rear"], ()).known == {"s1", "s2"}


def test_a_bout_under_no_name_is_the_event_of_the_animal_named_then(labeled):
    """A file that tells no animals apart marks [1, 3), another gives [2, 4) to a: one event of a."""
    bouts = {
        "s1": [
            ("anna", "rear", 1, 3, ""),
            ("ben", "rear", 2, 4, "a"),
            ("anna", "rear", 6, 7, ""),
            ("ben", "rear", 8, 9, "b"),
        ]
    }
    context = labeled(bouts)
    found = marked(context, "rear")
    assert found["s1", "a"] == [(1, 4)]
    assert found["s1", "b"] == [(8, 9)]
    assert found["s1", ""] == [(6, 7)]


def test_animals_of_one_session_are_kept_apart(labeled):
    context = labeled({"s1": [("anna", "rear", 1, 3, "a"), ("anna", "rear", 2, 4, "b")]})
    assert marked(context, "rear") == {("s1", "a"): [(1, 3)], ("s1", "b"): [(2, 4)]}


# ------------------------------------------------------------------ frames
def tracked(labeled, speeds=None, *, fps=10.0, source="cam", extra=(), duration=10.0, **columns):
    """Make one session whose frames have these speeds in cm/s; ``None`` is a frame without a position."""
    rows = [
        {
            "source": source,
            "individual": "",
            "frame": frame,
            "speed_cm_per_s": value,
            **dict.fromkeys(columns, value),
        }
        for frame, value in enumerate(speeds or [])
        if value != "gone"
    ]
    return labeled(
        {"s1": [("anna", "rear", 0, 1)]},
        fps=fps,
        duration=duration,
        extra={"s1": {"kinematics": [*rows, *extra]}},
    )


def fast(context, **limit):
    found = limit_lanes(context, scope_of(context), Limit(quantity="speed", unit="cm/s", **limit))
    return {key: [(span.start, span.stop) for span in lane] for key, lane in found.spans.items()}, found.known


def test_frames_become_half_open_times(labeled):
    spans, known = fast(tracked(labeled, [0] * 20 + [9] * 30 + [0] * 50), low=5.0)
    assert spans == {("s1", ""): [(2.0, 5.0)]}
    assert known == {"s1"}


@pytest.mark.parametrize(("gap", "found"), [(2, [(2.0, 5.2)]), (3, [(2.0, 3.5), (3.8, 5.3)])])
def test_gaps_of_a_fifth_of_a_second_are_bridged_and_longer_ones_not(labeled, gap, found):
    spans, _ = fast(tracked(labeled, [0] * 20 + [9] * 15 + [0] * gap + [9] * 15 + [0] * 30), low=5.0)
    assert np.array(spans["s1", ""]) == pytest.approx(np.array(found))


@pytest.mark.parametrize(("length", "n"), [(1, 0), (2, 1)])
def test_runs_shorter_than_a_fifth_of_a_second_are_dropped(labeled, length, n):
    spans, known = fast(tracked(labeled, [0] * 20 + [9] * length + [0] * 30), low=5.0)
    assert len(spans.get(("s1", ""), [])) == n
    assert known == {"s1"}


def test_a_missing_speed_lies_in_no_range(labeled):
    context = tracked(labeled, [9] * 20 + [None] * 10 + [9] * 20)
    assert fast(context, low=5.0)[0]["s1", ""] == [(0.0, 2.0), (3.0, 5.0)]
    assert fast(context, high=50.0)[0]["s1", ""] == [(0.0, 2.0), (3.0, 5.0)]


def test_frames_without_a_row_are_no_frames_of_the_range(labeled):
    context = tracked(labeled, [9] * 20 + ["gone"] * 10 + [9] * 20)
    assert fast(context, low=5.0)[0]["s1", ""] == [(0.0, 2.0), (3.0, 5.0)]


@pytest.mark.parametrize(("strict", "n"), [(False, 1), (True, 0)])
def test_the_limit_itself_lies_in_the_range_unless_it_is_strict(labeled, strict, n):
    context = tracked(labeled, [5] * 30)
    assert len(fast(context, low=5.0, strict=strict)[0]) == n
    assert len(fast(context, high=5.0, strict=strict)[0]) == n


def test_without_that_unit_or_a_frame_rate_it_cannot_be_told(labeled):
    px = tracked(labeled, [None] * 30, speed_px_per_s=9)
    assert fast(px, low=5.0) == ({}, frozenset())
    frames = tracked(labeled, [9] * 30, fps=None)
    assert fast(frames, low=5.0) == ({}, frozenset())


def test_the_first_tracker_of_an_animal_counts(labeled):
    others = [
        {"source": "other", "individual": "", "frame": frame, "speed_cm_per_s": 99.0} for frame in range(50)
    ]
    others += [
        {"source": "other", "individual": "b", "frame": frame, "speed_cm_per_s": 99.0} for frame in range(50)
    ]
    spans, _ = fast(tracked(labeled, [9] * 50, extra=others), low=5.0, high=10.0)
    assert spans == {("s1", ""): [(0.0, 5.0)]}
    spans, _ = fast(tracked(labeled, [9] * 50, extra=others), low=50.0)
    assert spans == {("s1", "b"): [(0.0, 5.0)]}


def test_zones_keep_their_exact_frames_and_touching_zones_are_one_stay(labeled):
    rows = [
        {"source": "cam", "individual": "", "zone": zone, "frame": frame, "inside": inside}
        for zone, frames in (("center", {*range(20, 30), 31}), ("ring", {*range(30, 31), *range(60, 70)}))
        for frame in range(100)
        for inside in [None if frame == 65 else frame in frames]
    ]
    context = labeled({"s1": [("anna", "rear", 0, 1)]}, extra={"s1": {"zones": rows}})

    def stays(*zones):
        lanes = zone_lanes(context, scope_of(context), zones)
        return [(span.start, span.stop) for span in lanes.spans.get(("s1", ""), [])]

    assert stays("center") == [(2.0, 3.0), (3.1, 3.2)]
    assert stays("center", "ring") == [(2.0, 3.2), (6.0, 6.5), (6.6, 7.0)]
    assert stays("attic") == []


def test_animals_are_apart_as_far_as_their_centers(social):
    """``a`` rests at 0; ``b`` is at x = frame, missing in frame 4; kinematics are written beside the tracks here."""
    limit = Limit(quantity="partner_distance", low=10.0, unit="px")
    assert limit_lanes(social, scope_of(social), limit).known == frozenset()


def test_the_distance_of_two_animals_in_each_one_s_lane(labeled):
    rows = [
        {
            "source": "cam",
            "individual": name,
            "frame": frame,
            "x_px": 0.0 if name == "a" else 1.0 * frame,
            "y_px": 0.0,
        }
        for name in ("a", "b")
        for frame in range(50)
        if (name, frame) != ("b", 40)
    ]
    context = labeled(
        {"s1": [("anna", "rear", 0, 1, "a"), ("anna", "rear", 2, 3, "b")]}, extra={"s1": {"kinematics": rows}}
    )
    found = limit_lanes(context, scope_of(context), Limit(quantity="partner_distance", high=9.0, unit="px"))
    assert {key: [(s.start, s.stop, s.partner) for s in lane] for key, lane in found.spans.items()} == {
        ("s1", "a"): [(0.0, 1.0, "b")],
        ("s1", "b"): [(0.0, 1.0, "a")],
    }


def test_all_of_the_time_is_what_was_tracked_or_watched(labeled):
    looked = [("s1", "anna", "", 2, 5, ["rear"]), ("s1", "ben", "", 4, 8, ["rear"])]
    context = labeled({"s1": [("anna", "rear", 2, 3)], "s2": []}, looked_for=looked)
    lanes = whole_lanes(context, scope_of(context))
    assert {key: [(s.start, s.stop) for s in lane] for key, lane in lanes.spans.items()} == {
        ("s1", ""): [(2, 8)]
    }
    assert lanes.known == {"s1"}


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e3, 1e3)), min_size=1, max_size=30),
    st.floats(-10, 10),
    st.floats(0, 20),
)
def test_a_range_is_what_python_says(values, low, width):
    for strict in (False, True):
        limit = Limit(quantity="speed", low=low, high=low + width, strict=strict, unit="cm/s")
        array = np.array([np.nan if value is None else value for value in values])
        expected = [
            value is not None and (low < value < low + width if strict else low <= value <= low + width)
            for value in values
        ]
        assert within(limit, array).tolist() == expected


# ------------------------------------------------------------------ arithmetic
CLOCK = TimeBase(fps=Fraction(10))
N = 40


@st.composite
def lane(draw) -> list[Span]:
    """Disjoint spans on the grid of frames, some of which touch."""
    cuts = sorted(draw(st.sets(st.integers(0, N), max_size=14)))
    pairs = list(itertools.pairwise(cuts))
    kept = [pair for pair in pairs if draw(st.booleans())]
    return [Span(start=CLOCK.time_of(a), stop=CLOCK.time_of(b)) for a, b in kept]


@st.composite
def lanes(draw) -> Lanes:
    animals = draw(st.sampled_from([("",), ("a",), ("a", "b"), ("", "a"), ("", "a", "b")]))
    spans = {("s1", name): draw(lane()) for name in animals}
    always = {("s1", ""): [(0.0, CLOCK.time_of(N))]}
    return Lanes(
        spans={key: item for key, item in spans.items() if item}, known=frozenset({"s1"}), told=always
    )


def frames(item: Lanes, animal: str) -> set[int]:
    return {
        frame
        for span in item.spans.get(("s1", animal), [])
        for frame in range(CLOCK.nearest_boundary(span.start), CLOCK.nearest_boundary(span.stop))
    }


def is_tidy(item: Lanes) -> bool:
    """Whether spans are in order, disjoint, none empty."""
    return all(
        span.start < span.stop and (place == 0 or some[place - 1].stop <= span.start)
        for some in item.spans.values()
        for place, span in enumerate(some)
    ) and all(item.spans.values())


@given(lanes(), lanes())
def test_both_hold_in_the_frames_that_are_in_both(first, second):
    both = intersect_lanes(first, second)
    assert is_tidy(both)
    for animal in ("a", "b"):
        named = (frames(first, animal) & frames(second, animal)) | (
            (frames(first, "") & frames(second, animal)) | (frames(first, animal) & frames(second, ""))
        )
        assert frames(both, animal) == named
    assert frames(both, "") == frames(first, "") & frames(second, "")


@given(lanes(), lanes())
def test_only_the_first_holds_in_the_frames_that_are_not_in_the_second(first, second):
    left = subtract_lanes(first, second)
    assert is_tidy(left)
    for animal in ("a", "b"):
        assert frames(left, animal) == frames(first, animal) - frames(second, animal) - frames(second, "")
    anyone = frames(second, "") | frames(second, "a") | frames(second, "b")
    assert frames(left, "") == frames(first, "") - anyone


@given(lanes(), lanes(), lane())
def test_what_cannot_be_told_of_the_second_is_not_what_it_leaves(first, second, looked):
    told = {("s1", ""): [(span.start, span.stop) for span in looked]}
    left = subtract_lanes(first, Lanes(spans=second.spans, known=second.known, told=told))
    assert is_tidy(left)
    seen = frames(Lanes(spans={("s1", ""): looked}, known=frozenset()), "")
    anyone = frames(second, "") | frames(second, "a") | frames(second, "b")
    assert frames(left, "a") == (frames(first, "a") - frames(second, "a") - frames(second, "")) & seen
    assert frames(left, "") == (frames(first, "") - anyone) & seen


@given(lanes(), lanes())
def test_what_is_told_is_told_of_both(first, second):
    other = Lanes(spans=second.spans, told=second.told, known=frozenset({"s1", "s2"}), flags=("x",))
    assert intersect_lanes(first, other).known == subtract_lanes(first, other).known == {"s1"}
    assert intersect_lanes(first, other).flags == ("x",)
