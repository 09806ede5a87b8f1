"""Sessions cut where behavior changes."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethochat.index import tables
from ethochat.index.domain import Session
from ethochat.index.segmentation import segment_session
from ethochat.index.settings import SegmentSettings
from ethochat.index.tables import conform, empty

SESSION = Session(session_id="s1", fps=Fraction(25))


def bouts(*rows: tuple[str, float, float], source: str = "Ann", individual: str = "", kind: str = "manual"):
    fps = 25
    return conform(
        pl.DataFrame(
            [
                {
                    "session_id": "s1",
                    "individual": individual,
                    "behavior": behavior,
                    "source": source,
                    "source_kind": kind,
                    "start_time": float(start),
                    "stop_time": float(stop),
                    "start_frame": round(start * fps),
                    "stop_frame": round(stop * fps),
                }
                for behavior, start, stop in rows
            ]
        ),
        "bouts",
    )


def ruled(stop: float, individual: str = "") -> pl.DataFrame:
    row = {
        "session_id": "s1",
        "individual": individual,
        "kind": "rules",
        "source": "rules",
        "source_kind": "rule",
        "start_time": 0.0,
        "stop_time": stop,
        "n_frames": round(stop * 25),
        "behaviors": ["walking"],
    }
    return conform(pl.DataFrame([row]), "coverage")


def motion(steps_cm: list[float | None], individual: str = "") -> pl.DataFrame:
    speeds = [None if step is None else step * 25 for step in steps_cm]
    table = pl.DataFrame(
        {"frame": range(len(steps_cm)), "step_cm": steps_cm, "speed_cm_per_s": speeds},
        schema_overrides={"step_cm": pl.Float64, "speed_cm_per_s": pl.Float64},
    )
    return conform(
        table.with_columns(session_id=pl.lit("s1"), source=pl.lit("t"), individual=pl.lit(individual)),
        "kinematics",
    )


def cut(labels=None, coverage=None, kinematics=None, zones=None, session=SESSION, duration=60.0, **options):
    table = segment_session(
        session,
        duration,
        empty("bouts") if labels is None else labels,
        empty("coverage") if coverage is None else coverage,
        empty("kinematics") if kinematics is None else kinematics,
        empty("zones") if zones is None else zones,
        SegmentSettings(**options),
    )
    assert table.schema == tables.SEGMENTS
    assert table["segment_id"].is_unique().all()
    return table


def intervals(table: pl.DataFrame) -> list[tuple[float, float, list[str]]]:
    return [(a, b, names) for a, b, names in table.select("start_time", "stop_time", "behaviors").rows()]


# ------------------------------------------------------------------ labels
def test_a_bout_is_a_segment_at_its_exact_times():
    table = cut(bouts(("rear", 1.234, 2.5), ("groom", 10.0, 14.001)))
    assert intervals(table) == [(1.234, 2.5, ["rear"]), (10.0, 14.001, ["groom"])]


def test_unlabeled_stretches_are_no_segments():
    assert cut(coverage=ruled(0.0)).is_empty()
    assert cut().is_empty()


def test_a_long_bout_is_split_into_equal_parts():
    table = cut(bouts(("groom", 0, 20)), max_s=8)
    lengths = (table["stop_time"] - table["start_time"]).to_list()
    assert len(lengths) == 3
    assert sum(lengths) == pytest.approx(20)
    assert max(lengths) - min(lengths) < 0.1
    assert table["behaviors"].to_list() == [["groom"]] * 3


def test_a_short_bout_that_stands_alone_stays():
    assert intervals(cut(bouts(("rear", 5, 5.1)), min_s=0.4)) == [(5.0, 5.1, ["rear"])]


def test_short_touching_bouts_are_joined_with_what_follows():
    table = cut(bouts(("rear", 1, 1.2), ("groom", 1.2, 3), ("rear", 3, 3.2)), min_s=0.4)
    assert intervals(table) == [(1.0, 3.2, ["groom", "rear"])]


def test_touching_bouts_that_are_long_enough_stay_apart():
    table = cut(bouts(("rear", 1, 2), ("groom", 2, 3)), min_s=0.4)
    assert intervals(table) == [(1.0, 2.0, ["rear"]), (2.0, 3.0, ["groom"])]


def test_overlapping_bouts_are_segments_of_their_own():
    table = cut(bouts(("rear", 1, 3), ("groom", 2, 2.2), ("groom", 1, 3)), min_s=0.4)
    assert sorted(intervals(table)) == [(1.0, 3.0, ["groom"]), (1.0, 3.0, ["rear"]), (2.0, 2.2, ["groom"])]


def test_a_label_that_changes_every_frame_is_bounded():
    """60 s of another cluster each frame: at most one segment per 0.4 s."""
    flickering = bouts(*((f"cluster {k % 25}", k / 25, (k + 1) / 25) for k in range(1500)))
    table = cut(flickering, min_s=0.4)
    assert len(table) <= 150
    assert (table["stop_time"] - table["start_time"]).sum() == pytest.approx(60)


def test_sources_can_be_chosen_and_skipped():
    both = pl.concat([bouts(("rear", 1, 2)), bouts(("rear", 1, 2), source="net", kind="automated")])
    assert cut(both)["source"].to_list() == ["Ann", "net"]
    assert cut(both, skip_sources=("net",))["source"].to_list() == ["Ann"]
    assert cut(both, sources=("net",))["source"].to_list() == ["net"]


def test_without_a_frame_rate_times_are_frames():
    """8 s are 200 frames where the frame rate is not known."""
    table = cut(bouts(("rear", 10, 310)), session=Session(session_id="s1"))
    assert intervals(table) == [(10.0, 160.0, ["rear"]), (160.0, 310.0, ["rear"])]


def test_ids_are_the_same_every_time_and_say_where():
    first, second = cut(bouts(("rear", 1, 2))), cut(bouts(("rear", 1, 2)))
    assert first["segment_id"].to_list() == second["segment_id"].to_list()
    assert first["segment_id"].item().startswith("s1/-/Ann/25-50/")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 40)), min_size=1, max_size=30))
def test_touching_labels_are_covered_exactly_once(lengths):
    rows, start = [], 0
    for name, length in lengths:
        rows.append((name, start / 25, (start + length) / 25))
        start += length
    table = cut(bouts(*rows), min_s=0.4, max_s=2.0)
    found = table.select("start_time", "stop_time").rows()
    assert found[0][0] == 0
    assert found[-1][1] == start / 25
    assert all(left[1] == right[0] for left, right in pairwise(found))


# ------------------------------------------------------------------ rules
def rule(*rows: tuple[str, float, float]) -> pl.DataFrame:
    return bouts(*rows, source="rules", kind="rule")


def test_rules_tile_the_recording_at_every_change():
    table = cut(rule(("walking", 0, 4), ("turning left", 2, 3)), ruled(6.0))
    assert intervals(table) == [
        (0.0, 2.0, ["walking"]),
        (2.0, 3.0, ["turning left", "walking"]),
        (3.0, 4.0, ["walking"]),
        (4.0, 6.0, []),
    ]


def test_short_pieces_join_the_longer_neighbor():
    table = cut(rule(("walking", 0, 2), ("running", 2.2, 5)), ruled(5.0), min_s=0.4)
    assert intervals(table) == [(0.0, 2.0, ["walking"]), (2.0, 5.0, ["running"])]


def test_long_pieces_are_split_and_none_spans_the_recording():
    table = cut(coverage=ruled(60.0), max_s=8)
    assert (table["stop_time"] - table["start_time"]).max() <= 8
    assert len(table) == 8


def test_being_near_belongs_to_both_animals_and_acts_to_one():
    social = pl.concat(
        [
            bouts(("near", 0, 2), source="rules", kind="rule", individual="a"),
            bouts(("approach", 0, 2), source="rules", kind="rule", individual="a"),
        ]
    ).with_columns(partner=pl.lit("b"))
    coverage = pl.concat([ruled(2.0, "a"), ruled(2.0, "b")])
    table = cut(social, coverage)
    assert table.select("individual", "behaviors").rows() == [("a", ["approach", "near"]), ("b", ["near"])]


# ------------------------------------------------------------------ what the track says
def test_speed_and_distance_are_those_of_the_segment():
    """0.4 cm per frame (10 cm/s) for 2 s, then at rest, one frame of it missing."""
    steps = [None] + [0.4] * 49 + [0.0] * 25 + [None] + [0.0] * 24
    table = cut(bouts(("walk", 0, 2), ("rest", 2, 4)), kinematics=motion(steps))
    assert table["mean_speed"].to_list() == pytest.approx([10.0, 0.0])
    assert table["distance"].to_list() == pytest.approx([0.4 * 49, 0.0], rel=1e-5)


def test_an_animal_without_a_track_has_no_speed():
    labels = bouts(("walk", 0, 2), individual="c")
    tracks = pl.concat([motion([0.1] * 50, "a"), motion([0.1] * 50, "b")])
    assert cut(labels, kinematics=tracks)["mean_speed"].to_list() == [None]


def test_zones_are_those_of_most_of_the_segment():
    zones = pl.concat(
        conform(
            pl.DataFrame(
                {"frame": range(100), "inside": [frame < limit for frame in range(100)]}
            ).with_columns(
                session_id=pl.lit("s1"), source=pl.lit("t"), individual=pl.lit(""), zone=pl.lit(name)
            ),
            "zones",
        )
        for name, limit in (("center", 60), ("left", 40))
    )
    table = cut(bouts(("walk", 0, 4)), kinematics=motion([0.1] * 100), zones=zones)
    assert table["zones"].to_list() == [["center"]]
