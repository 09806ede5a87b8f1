"""The engine of frames against loops in plain Python."""

from __future__ import annotations

import itertools
import math
import statistics
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ethochat.index.frames import Spans, cut_intervals, in_spans, reduce_frames, time_bins
from ethochat.index.timebase import TimeBase

RATES = (None, Fraction(10), Fraction(30), Fraction("29.97"), Fraction(30_000, 1_001))
EVERYTHING = ("mean", "std", "min", "max")

Row = tuple[str, int, str | None, float | None]
"""session, frame, behavior, value"""


def frame_table(rows: list[Row]) -> pl.DataFrame:
    schema = {"session": pl.String, "frame": pl.Int32, "behavior": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def by_loop(rows: list[Row], fps: Fraction | None, edges: list[Fraction]) -> dict[Any, dict[str, Any]]:
    """Every group by exact fractions and the standard library: no float decides where a frame belongs."""
    groups: dict[Any, list[float | None]] = {}
    for session, frame, behavior, value in rows:
        time = Fraction(frame) / (fps or 1)
        for number, (start, stop) in enumerate(itertools.pairwise(edges)):
            if start <= time < stop and behavior is not None:
                groups.setdefault((session, behavior, number), []).append(value)
    found = {}
    for key, values in groups.items():
        seen = [value for value in values if value is not None and math.isfinite(value)]
        found[key] = {
            "n_frames": len(values),
            "n": len(seen),
            "sum": math.fsum(seen) if seen else None,
            "mean": statistics.fmean(seen) if seen else None,
            "std": statistics.stdev(seen) if len(seen) > 1 else None,
            "min": min(seen, default=None),
            "max": max(seen, default=None),
        }
    return found


def by_engine(table: pl.DataFrame, fps: Fraction | None, edges: list[Fraction]) -> dict[Any, dict[str, Any]]:
    bins = time_bins(TimeBase(fps=fps), [float(edge) for edge in edges])
    frames = in_spans(table.lazy(), [bins], "bin")
    reduced = reduce_frames(frames, "value", by=["session", "behavior", "bin"], statistics=EVERYTHING)
    rows = reduced.to_dicts()
    keys = [(row.pop("session"), row.pop("behavior"), row.pop("bin")) for row in rows]
    assert keys == sorted(keys)
    return dict(zip(keys, rows, strict=True))


def assert_same(found: dict[Any, dict[str, Any]], expected: dict[Any, dict[str, Any]]) -> None:
    assert found.keys() == expected.keys()
    for key, numbers in expected.items():
        for name, number in numbers.items():
            # pytest compares no None with a tolerance.
            close = number if number is None else pytest.approx(number, rel=1e-9, abs=1e-6)
            assert found[key][name] == close, (key, name)


values = st.one_of(
    st.none(),
    st.just(math.nan),
    st.just(math.inf),
    st.floats(-50, 50, allow_subnormal=False).map(lambda x: round(x, 3)),
)
rows_of_frames = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 120), st.sampled_from(["groom", "rear", None]), values),
    min_size=1,
    max_size=60,
)
widths = st.fractions(Fraction(1, 10), 3, max_denominator=20)


@settings(max_examples=60, deadline=None)
@given(rows_of_frames, st.sampled_from(RATES), widths, st.integers(0, 6))
def test_groups_are_those_of_a_loop(
    rows: list[Row], fps: Fraction | None, width: Fraction, n_bins: int
) -> None:
    edges = [Fraction(1, 2) + k * width for k in range(n_bins + 2)]
    assert_same(by_engine(frame_table(rows), fps, edges), by_loop(rows, fps, edges))


@settings(max_examples=30, deadline=None)
@given(rows_of_frames, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(rows: list[Row], random: Any) -> None:
    edges = [Fraction(k) for k in range(5)]
    before = by_engine(frame_table(rows), Fraction("29.97"), edges)
    random.shuffle(rows)
    assert_same(by_engine(frame_table(rows), Fraction("29.97"), edges), before)


@settings(max_examples=30, deadline=None)
@given(rows_of_frames, st.sampled_from(RATES), widths)
def test_bins_sum_to_the_total(rows: list[Row], fps: Fraction | None, width: Fraction) -> None:
    table, end = frame_table(rows), 121 * width + 121
    binned = by_engine(table, fps, [k * width for k in range(math.ceil(end / width) + 1)])
    whole = by_engine(table, fps, [Fraction(0), end])
    for (session, behavior, _), numbers in whole.items():
        parts = [found for key, found in binned.items() if key[:2] == (session, behavior)]
        for name in ("n_frames", "n"):
            assert sum(part[name] for part in parts) == numbers[name]
        sums = [part["sum"] for part in parts if part["sum"] is not None]
        assert (math.fsum(sums) if sums else None) == pytest.approx(numbers["sum"], abs=1e-9)


def test_permuting_sessions_changes_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    files = []
    for session in "abcdef":
        rows = pl.DataFrame(
            {
                "session": session,
                "frame": np.arange(3_000, dtype=np.int32),
                "behavior": rng.choice(["groom", "rear"], 3_000),
                "value": rng.gamma(2.0, 2.0, 3_000).astype(np.float32),
            }
        )
        files.append(tmp_path / f"{session}.parquet")
        rows.write_parquet(files[-1])
    bins = time_bins(TimeBase(fps=Fraction(30)), [0.0, 60.0, 120.0])
    reduced = [
        reduce_frames(
            in_spans(pl.scan_parquet(order), [bins], "bin"),
            "value",
            by=["session", "behavior", "bin"],
            statistics=EVERYTHING,
        )
        for order in (files, files[::-1])
    ]
    assert_frame_equal(reduced[0], reduced[1], rel_tol=1e-12)


def test_a_missing_value_is_no_zero() -> None:
    rows: list[Row] = [
        ("a", 0, "rear", 4.0),
        ("a", 1, "rear", None),
        ("a", 2, "rear", math.nan),
        ("a", 3, "groom", None),
    ]
    found = by_engine(frame_table(rows), None, [Fraction(0), Fraction(10)])
    assert found["a", "rear", 0] == {
        "n_frames": 3,
        "n": 1,
        "sum": 4.0,
        "mean": 4.0,
        "std": None,
        "min": 4.0,
        "max": 4.0,
    }
    assert found["a", "groom", 0] == {"n_frames": 1, "n": 0} | dict.fromkeys(("sum", *EVERYTHING))


def test_a_frame_at_the_edge_belongs_to_the_bin_it_starts() -> None:
    # At 29.97 frames per second frame 999 starts at 33.333… s and frame 2997 at exactly 100 s.
    clock = TimeBase(fps=Fraction("29.97"))
    bins = time_bins(clock, [0.0, 100.0, 200.0])
    assert bins.starts.tolist() == [0, 2_997]
    assert bins.stops.tolist() == [2_997, 5_994]
    assert time_bins(clock, [0.0, 60.0]).stops.tolist() == [1_799]  # 60 s is frame 1798.2


def test_times_far_from_zero_keep_their_frames() -> None:
    clock = TimeBase(fps=Fraction(30_000, 1_001))
    frames = range(2_500_000, 2_500_500)
    assert clock.first_frames([clock.time_of(frame) for frame in frames]).tolist() == list(frames)


def test_labels_that_change_every_frame_in_a_long_table() -> None:
    # More runs than are kept at once, in many batches.
    n = 2_300_000
    labels, values = np.arange(n) % 3, np.random.default_rng(1).normal(100.0, 0.5, n).astype(np.float32)
    table = pl.DataFrame({"label": labels, "value": values})
    reduced = reduce_frames(table.lazy(), "value", by=["label"], statistics=EVERYTHING)
    parts = [values[labels == label].astype(np.float64) for label in range(3)]
    assert reduced["n_frames"].to_list() == reduced["n"].to_list() == [len(part) for part in parts]
    assert reduced["mean"].to_list() == pytest.approx([part.mean() for part in parts], rel=1e-12)
    assert reduced["std"].to_list() == pytest.approx([part.std(ddof=1) for part in parts], rel=1e-9)
    assert reduced["min"].to_list() == [part.min() for part in parts]
    assert reduced["max"].to_list() == [part.max() for part in parts]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["b", "a", "b", None], {"a": 2.0, "b": 5.0}),
        ([True, False, True, None], {False: 2.0, True: 5.0}),
        ([5, -7, 5, None], {-7: 2.0, 5: 5.0}),
        ([3_000_000_000, 1, 3_000_000_000, None], {1: 2.0, 3_000_000_000: 5.0}),
    ],
)
def test_labels_of_any_kind(labels: list[Any], expected: dict[Any, float]) -> None:
    table = pl.LazyFrame({"label": labels, "value": [1, 2, 4, 8]})
    reduced = reduce_frames(table, "value", by=["label"])
    assert list(reduced.select("label", "sum").iter_rows()) == list(expected.items())
    assert reduced.schema["label"] == table.collect_schema()["label"]


def test_numbers_with_fractions_are_no_labels() -> None:
    with pytest.raises(ValueError, match="label column 'minute', got Float64"):
        reduce_frames(pl.LazyFrame({"minute": [0.5], "value": [1.0]}), "value", by=["minute"])


def test_deviation_of_constant_values_is_zero() -> None:
    values = np.full(100_000, 5.3, dtype=np.float32)
    table = pl.DataFrame(
        {
            "label": np.repeat([0, 1], 50_000)[np.argsort(np.arange(100_000) % 7, kind="stable")],
            "value": values,
        }
    )
    deviations = reduce_frames(table.lazy(), "value", by=["label"], statistics=["std"])["std"]
    assert deviations.to_list() == [0.0, 0.0]


def test_groups_are_sorted_by_text_and_by_the_order_of_enumerations() -> None:
    labels = ["walk", "rest", "climb"] * 20
    table = pl.DataFrame({"text": labels, "value": 1.0}).with_columns(
        declared=pl.col("text").cast(pl.Enum(["walk", "climb", "rest"])),
        category=pl.col("text").cast(pl.Categorical),
    )
    for column, expected in {
        "text": ["climb", "rest", "walk"],
        "category": ["climb", "rest", "walk"],
        "declared": ["walk", "climb", "rest"],
    }.items():
        assert reduce_frames(table.lazy(), "value", by=[column])[column].cast(pl.String).to_list() == expected


def test_true_counts_as_one() -> None:
    table = pl.DataFrame({"zone": ["center"] * 4, "inside": [True, False, None, True]})
    row = reduce_frames(table.lazy(), "inside", by=["zone"]).row(0, named=True)
    assert row == {"zone": "center", "n_frames": 4, "n": 3, "sum": 2.0}


class TestSpans:
    clock = TimeBase(fps=Fraction(10))

    def test_intervals_are_united_and_cut_to_bins(self) -> None:
        spans = cut_intervals([(0.3, 1.2), (1.0, 2.5), (7.0, math.inf)], self.clock, [0.5, 2.0, 8.0])
        assert list(zip(spans.starts, spans.stops, spans.numbers, strict=True)) == [
            (5, 20, 0),
            (20, 25, 1),
            (70, 80, 1),
        ]

    def test_interval_within_a_frame_holds_no_frame(self) -> None:
        assert cut_intervals([(0.31, 0.39)], self.clock, [0.0, 2.0]).starts.tolist() == []

    def test_no_interval_gives_no_frame_and_nothing_is_read(self) -> None:
        table = pl.LazyFrame({"frame": [0, 1], "value": [1.0, 2.0]})
        nothing = in_spans(table, [cut_intervals([], self.clock, [0.0, 1.0])], "bin")
        assert reduce_frames(nothing, "value", by=["bin"], statistics=EVERYTHING).is_empty()

    def test_window_that_stops_before_it_starts_is_empty(self) -> None:
        assert time_bins(self.clock, [5.0, 2.0]).starts.tolist() == []

    def test_overlapping_layers_count_a_frame_once_each(self) -> None:
        table = pl.LazyFrame({"frame": np.arange(30), "value": np.arange(30.0)})
        layers = [
            Spans(starts=np.array([0, 20]), stops=np.array([10, 30]), numbers=np.array([0, 1])),
            Spans(starts=np.array([5]), stops=np.array([15]), numbers=np.array([2])),
            Spans(starts=np.array([15]), stops=np.array([20]), numbers=np.array([3])),
        ]
        reduced = reduce_frames(in_spans(table, layers, "span"), "value", by=["span"])
        assert dict(reduced.select("span", "sum").iter_rows()) == {
            0: sum(range(10)),
            1: sum(range(20, 30)),
            2: sum(range(5, 15)),
            3: sum(range(15, 20)),
        }

    @pytest.mark.parametrize("dtype", [pl.Int32, pl.Int64, pl.UInt32])
    def test_frames_outside_of_all_spans_are_dropped(self, dtype: Any) -> None:
        frames = [0, 4, 5, 9, 10, 4_000] if dtype == pl.UInt32 else [-1, 0, 4, 5, 9, 10, 4_000]
        table = pl.LazyFrame({"frame": pl.Series(frames, dtype=dtype), "value": 1})
        spans = Spans(starts=np.array([5]), stops=np.array([10]), numbers=np.array([0]))
        assert reduce_frames(in_spans(table, [spans], "span"), "value", by=["span"])[
            "n_frames"
        ].to_list() == [2]

    @settings(max_examples=80, deadline=None)
    @given(
        st.lists(
            st.tuples(st.fractions(0, 9, max_denominator=30), st.fractions(0, 3, max_denominator=30)),
            max_size=6,
        ),
        st.sampled_from(RATES),
        widths,
    )
    def test_a_frame_counts_where_it_starts_in_an_interval(
        self, given_intervals: list[tuple[Fraction, Fraction]], fps: Fraction | None, width: Fraction
    ) -> None:
        intervals = [(start, start + length) for start, length in given_intervals]
        edges = [k * width for k in range(6)]
        spans = cut_intervals(
            [(float(start), float(stop)) for start, stop in intervals],
            TimeBase(fps=fps),
            [float(edge) for edge in edges],
        )
        found = {
            frame: number
            for start, stop, number in zip(spans.starts, spans.stops, spans.numbers, strict=True)
            for frame in range(start, stop)
        }
        expected = {}
        for frame in range(400):
            time = Fraction(frame) / (fps or 1)
            for number, (start, stop) in enumerate(itertools.pairwise(edges)):
                if start <= time < stop and any(low <= time < high for low, high in intervals):
                    expected[frame] = number
        assert found == expected
        assert (spans.stops[:-1] <= spans.starts[1:]).all()
