"""Positions, speed, heading, turning and flags with answers known by hand."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.index import tables
from ethochat.index.arena import Arena
from ethochat.index.domain import InputFile, Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import (
    bridge,
    kinematics_frame,
    masked_positions,
    path_length,
    quality_flags,
    resolve_roles,
    scale_of,
    smooth,
    tracks_frame,
)
from ethochat.index.settings import KeypointRoles, TrackingSettings
from ethochat.index.zones import resolve_geometry

DATA = Path(os.environ.get("ETHOCHAT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
NAN = float("nan")


def session(fps: int | None = 25, px_per_cm: float | None = None) -> Session:
    return Session(session_id="s", fps=None if fps is None else Fraction(fps), px_per_cm=px_per_cm)


def experiment(**settings: object) -> Experiment:
    return Experiment(root=Path("lab"), name="test", **settings)


def track(points: dict[str, np.ndarray], confidence: np.ndarray | None = None, **more: object) -> Track:
    """One animal; each keypoint an array of shape (n_frames, 2)."""
    position = np.stack(list(points.values()), axis=2)[..., None].astype(np.float32)
    return Track(
        source="t",
        individuals=("",),
        keypoints=tuple(points),
        position=position,
        confidence=confidence,
        **more,
    )


def line(n: int, step: float) -> np.ndarray:
    return np.column_stack([50 + step * np.arange(n), np.full(n, 80.0)])


def kinematics(
    item: Track, *, fps: int | None = 25, px_per_cm: float | None = None, **settings
) -> pl.DataFrame:
    return kinematics_frame(session(fps, px_per_cm), item, experiment(**settings), None, px_per_cm)


# ------------------------------------------------------------------ bridging
def test_only_gaps_up_to_the_limit_are_bridged():
    x = np.array([0, NAN, NAN, 3, NAN, NAN, NAN, 7])
    np.testing.assert_array_equal(bridge(x, 2), [0, 1, 2, 3, NAN, NAN, NAN, 7])
    np.testing.assert_array_equal(bridge(x, None), np.arange(8))
    np.testing.assert_array_equal(bridge(x, 0), x)


def test_nothing_is_extrapolated():
    x = np.array([NAN, 1, NAN, 3, NAN])
    np.testing.assert_array_equal(bridge(x, None), [NAN, 1, 2, 3, NAN])
    np.testing.assert_array_equal(bridge(np.full(3, NAN), None), np.full(3, NAN))
    np.testing.assert_array_equal(bridge(np.array([NAN, 2, NAN]), None), [NAN, 2, NAN])


def test_path_length_by_the_gaps_it_crosses():
    """Steps of 1 around a short gap (1 frame, 3 wide, 4 high) and a long one (3 frames, 10 wide)."""
    x = np.array([0, 1, NAN, 4, NAN, NAN, NAN, 14, 15])
    y = np.array([0, 0, NAN, 4, NAN, NAN, NAN, 4, 4])
    assert path_length(x, y, bridge="none") == 2
    assert path_length(x, y, bridge="short", max_gap=1) == 2 + 5
    assert path_length(x, y, bridge="all") == 2 + 5 + 10


def test_short_bridging_needs_a_limit():
    with pytest.raises(ValueError, match="max_gap"):
        path_length(np.zeros(2), np.zeros(2))


def test_smoothing_keeps_a_straight_line_and_removes_a_jump():
    x = np.arange(12.0)
    np.testing.assert_allclose(smooth(x, 3), x)
    x[5] = 500
    assert np.abs(smooth(x, 2) - np.arange(12)).max() <= 1


# ------------------------------------------------------------------ speed and path
@pytest.mark.parametrize("fps", [25, 30, 60])
def test_speed_does_not_depend_on_the_frame_rate(fps):
    """10 cm/s at 8 px/cm is 80 px/s."""
    table = kinematics(track({"centroid": line(50, 80 / fps)}), fps=fps, px_per_cm=8.0)
    np.testing.assert_allclose(table["speed_cm_per_s"].to_numpy(), 10, rtol=1e-3)
    np.testing.assert_allclose(table["step_cm"].sum(), 49 * 10 / fps, rtol=1e-4)
    assert table["step_px"][0] is None


def test_without_a_frame_rate_speed_counts_per_frame():
    table = kinematics(track({"centroid": line(20, 3)}), fps=None)
    np.testing.assert_allclose(table["speed_px_per_s"].to_numpy(), 3, rtol=1e-5)


def test_without_a_scale_nothing_is_in_centimetres():
    table = kinematics(track({"centroid": line(20, 3)}))
    for column in (name for name in table.columns if name.endswith(("_cm", "_cm_per_s"))):
        assert table[column].null_count() == 20, column


def test_a_track_in_centimetres_has_no_pixels():
    table = kinematics(track({"centroid": line(20, 0.4)}, unit="cm"))
    assert table["x_px"].null_count() == 20
    np.testing.assert_allclose(table["speed_cm_per_s"].to_numpy(), 10, rtol=1e-4)


def test_a_walk_around_a_circle():
    """Radius 100 px, one turn to the right in 4 s: 157.08 px/s, 90°/s, 628 px."""
    angle = 2 * np.pi * np.arange(101) / 100
    circle = np.column_stack([200 + 100 * np.cos(angle), 200 + 100 * np.sin(angle)])
    table = kinematics(track({"centroid": circle}))
    np.testing.assert_allclose(table["speed_px_per_s"].to_numpy()[3:-3], 157.08, rtol=0.01)
    np.testing.assert_allclose(table["turning_deg_per_s"].to_numpy()[5:-5], 90, rtol=0.04)
    np.testing.assert_allclose(table["step_px"].sum(), 2 * np.pi * 100, rtol=0.001)


def test_a_gap_longer_than_the_limit_stays_missing():
    """0.5 s at 10 frames per second is 5 frames."""
    points = line(40, 1.0)
    points[10:15] = NAN
    points[20:26] = NAN
    table = kinematics(track({"centroid": points}), fps=10)
    missing = table["x_px"].is_null().to_numpy()
    assert np.flatnonzero(missing).tolist() == list(range(20, 26))
    assert table["step_px"].is_null().to_numpy().nonzero()[0].tolist() == [0, *range(20, 27)]
    assert table["speed_px_per_s"].is_null().to_numpy().nonzero()[0].tolist() == list(range(20, 26))


def test_frames_before_the_first_and_after_the_last_position_stay_missing():
    points = line(20, 1.0)
    points[:3], points[-2:] = NAN, NAN
    table = kinematics(track({"centroid": points}))
    assert table["x_px"].is_null().to_list() == [True] * 3 + [False] * 15 + [True] * 2


def test_low_confidence_is_missing_and_stays_in_the_tracks():
    confidence = np.ones((10, 1, 1), dtype=np.float32)
    confidence[4:] = 0.5
    item = track({"centroid": line(10, 1.0)}, confidence)
    assert kinematics(item)["x_px"].null_count() == 6
    kept = tracks_frame(session(), item, experiment(), None)
    assert kept["x_px"].null_count() == 0
    frames, x, _ = masked_positions(kept, min_confidence=0.6)
    assert frames.tolist() == list(range(10))
    assert np.isnan(x).tolist() == [False] * 4 + [True] * 6


def test_zero_is_missing_only_where_it_codes_a_missing_point():
    points = line(10, 1.0)
    points[3] = 0
    plain, sure = track({"centroid": points}), track({"centroid": points}, np.ones((10, 1, 1), np.float32))
    assert tracks_frame(session(), plain, experiment(), None)["x_px"].null_count() == 1
    assert tracks_frame(session(), sure, experiment(), None)["x_px"].null_count() == 0
    declared = experiment(tracking=TrackingSettings(zero_is_missing=False))
    assert tracks_frame(session(), plain, declared, None)["x_px"].null_count() == 0


def test_the_tables_have_their_schemas_and_keep_the_first_frame():
    item = track({"nose": line(6, 1.0), "tail": line(6, 1.0)}, first_frame=300)
    long = tracks_frame(session(px_per_cm=2.0), item, experiment(), 2.0)
    assert long.schema == tables.TRACKS
    assert long.filter(pl.col("keypoint") == "nose")["frame"].to_list() == list(range(300, 306))
    np.testing.assert_allclose(long["x_cm"].to_numpy(), long["x_px"].to_numpy() / 2)
    assert kinematics(item).schema == tables.KINEMATICS


def test_an_empty_track_gives_empty_tables():
    item = track({"centroid": np.zeros((0, 2))})
    assert tracks_frame(session(), item, experiment(), None).is_empty()
    assert kinematics(item).is_empty()


def test_several_animals_stay_apart():
    position = np.zeros((10, 2, 1, 2), dtype=np.float32)
    position[:, 0, 0, 0] = 1 + np.arange(10)
    position[:, :, 0, 1] = 7
    item = Track(source="t", individuals=("a", "b"), keypoints=("c",), position=position, confidence=None)
    table = kinematics(item)
    assert table.filter(pl.col("individual") == "a")["step_px"].sum() == 9
    assert table.filter(pl.col("individual") == "b")["step_px"].sum() == 0
    long = tracks_frame(session(), item, experiment(), None)
    assert long.filter(pl.col("individual") == "a")["x_px"].to_list() == list(range(1, 11))


# ------------------------------------------------------------------ roles, heading, body
@pytest.mark.parametrize(
    ("keypoints", "expected"),
    [
        (("snout", "leftear", "rightear", "tailbase"), (None, "snout", "leftear", "rightear", "tailbase")),
        (("nose", "center back", "tail base", "tail tip"), ("center back", "nose", None, None, "tail base")),
        (
            ("nose", "earl", "earr", "bodycentre", "tailbase"),
            ("bodycentre", "nose", "earl", "earr", "tailbase"),
        ),
        (("Snout", "Front Paw R", "Butt/Proximal Tail"), (None, "Snout", None, None, "Butt/Proximal Tail")),
        (
            ("Nose-point", "Center-point", "Tail-base"),
            ("Center-point", "Nose-point", None, None, "Tail-base"),
        ),
        (("L_ear", "R_ear", "body_center"), ("body_center", None, "L_ear", "R_ear", None)),
        (("blob",), ("blob", None, None, None, None)),
    ],
)
def test_roles_are_found_by_the_usual_names(keypoints, expected):
    roles = resolve_roles(keypoints, KeypointRoles())
    assert (roles.center, roles.nose, roles.left_ear, roles.right_ear, roles.tail_base) == expected


def test_a_declared_role_wins_and_must_be_tracked():
    assert resolve_roles(("body", "neck"), KeypointRoles(center="neck")).center == "neck"
    with pytest.raises(ExperimentError, match="bodycenter"):
        resolve_roles(("body", "neck"), KeypointRoles(center="bodycenter"))


def test_without_a_center_the_mean_of_the_body_points_is_used():
    left, right, corner = line(5, 0.0), line(5, 0.0) + np.array([10, 0]), np.full((5, 2), 900.0)
    item = track({"nose": right, "tailbase": left, "tail tip": left - 40, "tl": corner})
    table = kinematics(item, keypoints=KeypointRoles(ignored=("tl",)))
    assert table["x_px"].to_list() == [55.0] * 5
    assert table["body_length_px"].to_list() == [10.0] * 5


@pytest.mark.parametrize(
    ("direction", "heading"), [((1, 0), 0), ((0, 1), 90), ((0, -1), -90), ((-1, 1e-3), 179.94)]
)
def test_heading_points_from_tail_to_nose(direction, heading):
    tail = line(10, 0.0)
    table = kinematics(track({"nose": tail + 30 * np.array(direction), "tailbase": tail}))
    np.testing.assert_allclose(table["heading_deg"].to_numpy(), heading, atol=0.01)


def test_an_animal_at_rest_without_a_body_axis_has_no_heading():
    assert kinematics(track({"centroid": line(10, 0.0)}))["heading_deg"].null_count() == 10


def test_the_trackers_orientation_is_the_heading_of_a_silhouette():
    item = track({"centroid": line(10, 0.0)}, orientation_deg=np.full((10, 1), 45, dtype=np.float32))
    np.testing.assert_allclose(kinematics(item)["heading_deg"].to_numpy(), 45)


def test_turning_crosses_180_degrees_without_a_jump():
    """180°/s for one second, across the direction where angles wrap."""
    angle = np.radians(90 + 180 * np.arange(26) / 25)
    tail = line(26, 0.0)
    nose = tail + 20 * np.column_stack([np.cos(angle), np.sin(angle)])
    table = kinematics(track({"nose": nose, "tailbase": tail}))
    np.testing.assert_allclose(table["turning_deg_per_s"].to_numpy(), 180, rtol=1e-3)
    assert table["heading_deg"].is_between(-180, 180).all()


# ------------------------------------------------------------------ scale and flags
def test_the_declared_scale_wins_over_the_arena():
    square = Arena(
        shape="rectangle", width_cm=40, height_cm=40, corners_px=((0, 0), (400, 0), (400, 400), (0, 400))
    )
    lab = experiment(arena=square)
    geometry = resolve_geometry(lab, session(), [track({"centroid": line(5, 1.0)})])
    assert scale_of(session(), lab, geometry) == pytest.approx(10)
    assert scale_of(session(px_per_cm=9.5), lab, geometry) == 9.5
    assert scale_of(session(), experiment(), None) is None


def flags(item: Track, n_video: int | None = None, px_per_cm: float | None = None) -> dict[str, bool]:
    table = quality_flags(session(px_per_cm=px_per_cm), item, n_video, kinematics(item, px_per_cm=px_per_cm))
    assert table.schema == tables.FLAGS
    return dict(zip(table["code"], table["excludes"], strict=True))


def test_a_track_without_an_animal_is_flagged():
    assert flags(track({"centroid": np.full((20, 2), NAN)})) == {"no_animal": True}


def test_a_mostly_missing_track_is_flagged_with_its_percentage():
    points = line(100, 1.0)
    points[np.arange(100) % 10 != 0] = NAN
    item = track({"centroid": points})
    assert flags(item) == {"mostly_missing": True}
    message = quality_flags(session(), item, None, kinematics(item))["message"].item()
    assert "90.0 %" in message


def test_corners_do_not_count_as_the_animal():
    item = track({"tl": line(10, 0.0), "nose": np.full((10, 2), NAN)})
    lab = experiment(keypoints=KeypointRoles(ignored=("tl",)))
    table = quality_flags(session(), item, None, kinematics(item), experiment=lab)
    assert table["code"].to_list() == ["no_animal"]


@pytest.mark.parametrize(("n_video", "excludes"), [(101, False), (90, False), (160, True)])
def test_a_different_frame_count_is_flagged(n_video, excludes):
    assert flags(track({"centroid": line(100, 1.0)}), n_video) == {"frame_count_differs": excludes}


@pytest.mark.parametrize(("n_video", "expected"), [(300, {}), (100, {}), (60, {"frame_count_differs": True})])
def test_a_track_that_numbers_its_frames_may_end_early_but_not_late(n_video, expected):
    assert flags(track({"centroid": line(100, 1.0)}, explicit_frames=True), n_video) == expected


def test_a_good_track_has_no_flag():
    assert flags(track({"centroid": line(100, 1.0)}), 100, px_per_cm=10.0) == {}


def test_implausible_speed_is_flagged():
    points = line(100, 1.0)
    points[::5, 0] += 300  # 30 cm within one frame
    assert flags(track({"centroid": points}), px_per_cm=10.0) == {"implausible_speed": False}


def test_rows_of_two_points_are_refused():
    item = track({"nose": line(3, 1.0), "tail": line(3, 1.0)})
    with pytest.raises(ValueError, match="several per frame"):
        masked_positions(tracks_frame(session(), item, experiment(), None), min_confidence=0.6)


# ------------------------------------------------------------------ real recordings
def recorded(pattern: str, fps: int) -> tuple[Session, Track]:
    from ethochat.index.formats import read_input

    paths = sorted(DATA.glob(pattern))
    if not paths:
        pytest.skip(f"no {pattern} in {DATA}")
    item = read_input(InputFile(kind="pose", path=paths[0], format="deeplabcut"), session(fps))
    assert isinstance(item, Track)
    return session(fps), item


def full_path(table: pl.DataFrame, individual: str, keypoint: str, min_confidence: float) -> float:
    rows = table.filter((pl.col("individual") == individual) & (pl.col("keypoint") == keypoint))
    _, x, y = masked_positions(rows, min_confidence=min_confidence)
    return path_length(x, y, bridge="all")


@pytest.mark.data
def test_paths_of_three_mice_with_missing_points_coded_zero():
    where, item = recorded("amadeus_mabe3/*.h5", 30)
    table = tracks_frame(where, item, experiment(), None)
    found = [full_path(table, name, "center back", 0.6) for name in ("mouse1", "mouse2", "mouse3")]
    assert found == pytest.approx([1323.6, 1927.3, 1819.9], abs=0.1)


@pytest.mark.data
def test_paths_of_the_open_field_recording():
    where, item = recorded("dlc_openfield/*.h5", 30)
    table = tracks_frame(where, item, experiment(), None)
    points = ("snout", "leftear", "rightear", "tailbase")
    found = [full_path(table, "", point, 0.9) for point in points]
    assert found == pytest.approx([8765.3, 8145.0, 8156.1, 8249.4], abs=0.1)
