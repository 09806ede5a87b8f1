"""The rule catalogue on walks whose behavior is known by construction."""

from __future__ import annotations

import string
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.index import tables
from ethochat.index.arena import Arena, Zone
from ethochat.index.behaviors.applying import rule_bouts, unapplied_rules
from ethochat.index.behaviors.rules import RULES, rules_of
from ethochat.index.behaviors.scene import NEEDS
from ethochat.index.domain import Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import kinematics_frame, scale_of
from ethochat.index.settings import BehaviorSettings
from ethochat.index.zones import resolve_geometry, zones_frame

FPS = 25
PX_PER_CM = 10.0
ARENA = Arena(
    shape="rectangle", width_cm=60, height_cm=60, corners_px=((0, 0), (600, 0), (600, 600), (0, 600))
)
CENTER = Zone(name="center", kind="scaled", scale=0.5)


def lab(**more: object) -> Experiment:
    return Experiment(root=Path("lab"), name="test", **more)


def at_speed(speeds_cm_per_s, start=(100.0, 300.0)) -> np.ndarray:
    """Walk to the right at a speed per frame."""
    x = start[0] + np.concatenate([[0], np.cumsum(np.asarray(speeds_cm_per_s)[:-1]) * PX_PER_CM / FPS])
    return np.column_stack([x, np.full(len(x), start[1])])


def one(points: dict[str, np.ndarray]) -> Track:
    position = np.stack(list(points.values()), axis=2)[..., None].astype(np.float32)
    return Track(source="t", individuals=("",), keypoints=tuple(points), position=position, confidence=None)


def mice(**paths: np.ndarray) -> Track:
    position = np.stack(list(paths.values()), axis=2)[:, :, None, :].astype(np.float32)
    return Track(
        source="t", individuals=tuple(paths), keypoints=("body",), position=position, confidence=None
    )


def applied(track: Track, experiment: Experiment | None = None, *, fps=FPS, px_per_cm=PX_PER_CM, others=()):
    experiment = experiment or lab()
    session = Session(session_id="s", fps=None if fps is None else Fraction(fps), px_per_cm=px_per_cm)
    geometry = resolve_geometry(experiment, session, [track])
    scale = scale_of(session, experiment, geometry)
    kinematics = pl.concat(
        [kinematics_frame(session, item, experiment, geometry, scale) for item in (track, *others)]
    )
    zones = zones_frame(geometry, kinematics) if geometry is not None else tables.empty("zones")
    arguments = (session, kinematics, zones, [track, *others], experiment, geometry)
    bouts, coverage = rule_bouts(*arguments)
    assert bouts.schema == tables.BOUTS
    assert coverage.schema == tables.COVERAGE
    return bouts, coverage, unapplied_rules(*arguments)


def runs(bouts: pl.DataFrame, behavior: str) -> list[tuple[int, int]]:
    return bouts.filter(pl.col("behavior") == behavior).select("start_frame", "stop_frame").rows()


# ------------------------------------------------------------------ the catalogue
def test_every_definition_uses_its_thresholds_and_every_need_has_words():
    for rule in RULES.values():
        used = {name for _, name, _, _ in string.Formatter().parse(rule.definition) if name}
        assert used <= set(rule.thresholds), rule.name
        assert {"min_bout_s", "max_gap_s"} <= set(rule.thresholds), rule.name
        assert rule.needs <= set(NEEDS), rule.name
        assert "{" not in rule.text()


def test_an_unknown_threshold_is_refused_with_the_known_ones():
    settings = BehaviorSettings(name="running", thresholds={"min_speed": 3})
    with pytest.raises(ExperimentError, match="min_speed_cm_per_s"):
        rules_of(lab(behaviors=(settings,)))


def test_thresholds_for_what_is_no_rule_are_refused():
    settings = BehaviorSettings(name="digging", thresholds={"min_bout_s": 3})
    with pytest.raises(ExperimentError, match="digging"):
        rules_of(lab(behaviors=(settings,)))


def test_a_label_without_thresholds_is_no_rule_and_no_error():
    assert len(rules_of(lab(behaviors=(BehaviorSettings(name="Grooming"),)))) == len(RULES)


# ------------------------------------------------------------------ locomotion
def test_still_walking_and_running_follow_the_speed():
    """4 s at rest, 4 s at 10 cm/s, 1 s at 30 cm/s; smoothing moves an edge by at most 3 frames."""
    bouts, _, _ = applied(one({"body": at_speed([0] * 100 + [10] * 100 + [30] * 25)}))
    for behavior, expected in {
        "immobile": [(0, 100)],
        "walking": [(100, 200)],
        "running": [(200, 225)],
    }.items():
        np.testing.assert_allclose(runs(bouts, behavior), expected, atol=3)


def test_times_are_those_of_the_frames():
    bouts, coverage, _ = applied(one({"body": at_speed([10] * 50)}))
    row = bouts.filter(pl.col("behavior") == "walking").row(0, named=True)
    assert (row["start_time"], row["stop_time"]) == (0.0, 2.0)
    assert (row["source"], row["source_kind"], row["partner"]) == ("rules", "rule", None)
    covered = coverage.row(0, named=True)
    assert (covered["kind"], covered["start_time"], covered["stop_time"]) == ("rules", 0.0, 2.0)


def test_a_missing_stretch_is_no_behavior():
    points = at_speed([0] * 150)
    points[50:100] = np.nan
    bouts, _, _ = applied(one({"body": points}))
    assert runs(bouts, "immobile") == [(0, 50), (100, 150)]


def test_a_short_pause_neither_ends_nor_makes_a_bout():
    bouts, _, _ = applied(one({"body": at_speed([10] * 50 + [0] * 4 + [10] * 50)}))
    assert runs(bouts, "walking") == [(0, 104)]
    assert runs(bouts, "immobile") == []


def test_thresholds_can_be_overridden_and_rules_disabled():
    settings = (
        BehaviorSettings(name="running", thresholds={"min_speed_cm_per_s": 8}),
        BehaviorSettings(name="walking", enabled=False),
    )
    bouts, coverage, _ = applied(one({"body": at_speed([10] * 50)}), lab(behaviors=settings))
    assert runs(bouts, "running") == [(0, 50)]
    assert "walking" not in coverage["behaviors"][0]
    assert runs(bouts, "walking") == []


# ------------------------------------------------------------------ turning, as the animal sees it
def spin(degrees_per_s: float, n: int = 50) -> Track:
    angle = np.radians(degrees_per_s * np.arange(n) / FPS)
    tail = np.full((n, 2), 300.0)
    nose = tail + 80 * np.column_stack([np.cos(angle), np.sin(angle)])
    return one({"nose": nose, "tailbase": tail})


def test_a_nose_that_swings_up_in_the_image_from_facing_right_turns_left():
    """The image's y axis points down: facing right (+x), up in the image (-y) is the animal's left hand."""
    track = spin(-90)
    assert track.position[10, 1, 0, 0] < track.position[0, 1, 0, 0]
    bouts, _, _ = applied(track)
    assert runs(bouts, "turning left") == [(0, 50)]
    assert runs(bouts, "turning right") == []


def test_a_nose_that_swings_down_in_the_image_from_facing_right_turns_right():
    bouts, _, _ = applied(spin(90))
    assert runs(bouts, "turning right") == [(0, 50)]
    assert runs(bouts, "turning left") == []


def test_a_small_turn_is_no_turn():
    """90°/s for 0.32 s is 29°, less than 45°."""
    bouts, _, _ = applied(spin(90, n=9))
    assert runs(bouts, "turning right") == []


# ------------------------------------------------------------------ places
def test_walls_corners_and_center_follow_the_arena():
    """2 s each in a corner, at a wall, in the center."""
    places = np.repeat([(20.0, 20.0), (20.0, 300.0), (300.0, 300.0)], 50, axis=0)
    bouts, _, _ = applied(one({"body": places}), lab(arena=ARENA, zones=(CENTER,)))
    assert runs(bouts, "corner visit") == [(0, 50)]
    assert runs(bouts, "wall-hugging") == [(0, 100)]
    assert runs(bouts, "center visit") == [(100, 150)]


def test_a_round_arena_has_no_corners():
    arena = Arena(shape="circle", diameter_cm=60, center_px=(300, 300), radius_px=300)
    _, coverage, lacking = applied(one({"body": at_speed([10] * 50)}), lab(arena=arena))
    assert "corner visit" not in coverage["behaviors"][0]
    assert lacking["corner visit"] == ("a rectangular arena placed in the image",)


# ------------------------------------------------------------------ posture
def rear(nose_x_cm: float) -> Track:
    """An 8 cm long mouse, which for 1 s (frames 50 to 75) is 4 cm long seen from above."""
    nose = np.tile([nose_x_cm * PX_PER_CM, 300.0], (150, 1))
    length = np.where((np.arange(150) >= 50) & (np.arange(150) < 75), 4.0, 8.0) * PX_PER_CM
    return one({"nose": nose, "tailbase": nose - np.column_stack([length, np.zeros(150)])})


def test_a_short_body_with_the_nose_at_the_wall_is_a_supported_rear():
    bouts, _, _ = applied(rear(58), lab(arena=ARENA))
    np.testing.assert_allclose(runs(bouts, "supported rearing"), [(50, 75)], atol=3)
    assert runs(bouts, "unsupported rearing") == runs(bouts, "rearing") == []


def test_a_short_body_away_from_the_wall_is_an_unsupported_rear():
    bouts, _, _ = applied(rear(40), lab(arena=ARENA))
    np.testing.assert_allclose(runs(bouts, "unsupported rearing"), [(50, 75)], atol=3)
    assert runs(bouts, "supported rearing") == []


def test_without_an_arena_rears_are_not_told_apart():
    bouts, coverage, _ = applied(rear(40))
    np.testing.assert_allclose(runs(bouts, "rearing"), [(50, 75)], atol=3)
    assert not {"supported rearing", "unsupported rearing"} & set(coverage["behaviors"][0])


# ------------------------------------------------------------------ two animals
def test_near_is_one_bout_per_pair_and_has_no_actor():
    """b stands 5 cm beside a for the first 2 s, then 20 cm away."""
    a = np.tile([300.0, 300.0], (100, 1))
    b = a + np.where(np.arange(100) < 50, 50.0, 200.0)[:, None] * [1, 0]
    bouts, coverage, _ = applied(mice(a=a, b=b))
    rows = bouts.filter(pl.col("behavior") == "near").select(
        "individual", "partner", "start_frame", "stop_frame"
    )
    assert rows.rows() == [("a", "b", 0, 50)]
    assert all("near" in listed for listed in coverage["behaviors"])


def test_the_animal_that_moves_approaches_and_the_other_does_not():
    still = np.tile([400.0, 300.0], (75, 1))
    walker = at_speed([10] * 70 + [0] * 5, start=(80.0, 300.0))
    bouts, _, _ = applied(mice(still=still, walker=walker))
    rows = bouts.filter(pl.col("behavior") == "approach").select("individual", "partner").rows()
    assert rows == [("walker", "still")]


def test_the_animal_behind_follows_the_one_in_front():
    bouts, _, _ = applied(mice(front=at_speed([10] * 60, (200, 300)), behind=at_speed([10] * 60, (120, 300))))
    rows = bouts.filter(pl.col("behavior") == "follow").select(
        "individual", "partner", "start_frame", "stop_frame"
    )
    assert rows.rows() == [("behind", "front", 0, 60)]
    assert runs(bouts, "chase") == []


def test_running_after_another_is_a_chase_and_running_away_an_escape():
    pair = mice(front=at_speed([25] * 50, (200, 300)), behind=at_speed([25] * 50, (120, 300)))
    bouts, _, _ = applied(pair)
    assert bouts.filter(pl.col("behavior") == "chase")["individual"].to_list() == ["behind"]
    assert bouts.filter(pl.col("behavior") == "escape")["individual"].to_list() == ["front"]


def test_one_animal_has_no_social_behavior():
    _, coverage, lacking = applied(one({"body": at_speed([10] * 50)}))
    assert "near" not in coverage["behaviors"][0]
    assert lacking["near"] == ("at least two tracked animals",)


# ------------------------------------------------------------------ what cannot be applied
def test_without_a_scale_the_body_length_stands_for_it():
    """An 85 px long mouse: 8.5 cm in the rules, so 100 px/s is 10 cm/s; no centimetre is reported."""
    nose = at_speed([10] * 50)
    bouts, _, _ = applied(one({"nose": nose, "tailbase": nose - [85, 0]}), px_per_cm=None)
    assert runs(bouts, "walking") == [(0, 50)]


def test_a_centroid_without_a_scale_has_no_speed_rule():
    bouts, coverage, lacking = applied(one({"body": at_speed([10] * 50)}), px_per_cm=None)
    assert not {"walking", "immobile"} & set(coverage["behaviors"][0])
    assert lacking["walking"] == (NEEDS["length"],)
    assert bouts.is_empty()


def test_without_a_frame_rate_only_rules_without_speed_apply():
    track = one({"body": np.tile([20.0, 300.0], (50, 1))})
    bouts, coverage, _ = applied(track, lab(arena=ARENA), fps=None)
    assert set(coverage["behaviors"][0]) == {"wall-hugging", "corner visit"}
    assert bouts.select("behavior", "start_time", "stop_time").rows() == [("wall-hugging", 0.0, 50.0)]


def test_only_the_first_track_is_used():
    second = Track(
        source="other",
        individuals=("",),
        keypoints=("body",),
        position=at_speed([0] * 50)[..., None, None].astype(np.float32),
        confidence=None,
    )
    bouts, coverage, _ = applied(one({"body": at_speed([10] * 50)}), others=(second,))
    assert set(bouts["behavior"]) == {"walking"}
    assert len(coverage) == 1


def test_no_track_gives_no_bout_and_no_coverage():
    session = Session(session_id="s", fps=Fraction(25))
    empty = (tables.empty("kinematics"), tables.empty("zones"), [], lab(), None)
    bouts, coverage = rule_bouts(session, *empty)
    assert bouts.is_empty()
    assert coverage.is_empty()
