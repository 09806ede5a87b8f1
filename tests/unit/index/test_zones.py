"""Arena and zones in pixels."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ethochat.index import tables
from ethochat.index.arena import Arena, Zone
from ethochat.index.domain import InputFile, Session
from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import Experiment
from ethochat.index.formats.base import Track
from ethochat.index.kinematics import kinematics_frame
from ethochat.index.settings import TrackingSettings
from ethochat.index.zones import resolve_geometry, wall_distance, zones_frame

DATA = Path(os.environ.get("ETHOCHAT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
CORNERS = ((100, 100), (500, 100), (500, 300), (100, 300))
RECTANGLE = Arena(shape="rectangle", width_cm=40, height_cm=20, corners_px=CORNERS)
SESSION = Session(session_id="s", fps=Fraction(25))


def lab(*zones: Zone, arena: Arena | None = RECTANGLE, **more: object) -> Experiment:
    return Experiment(root=Path("lab"), name="test", arena=arena, zones=zones, **more)


def track(x, y, **points) -> Track:
    """One animal at the given positions; further keypoints stay at one place."""
    n = len(x)
    columns = [np.column_stack([x, y])] + [np.tile(place, (n, 1)) for place in points.values()]
    position = np.stack(columns, axis=2)[..., None].astype(np.float32)
    return Track(
        source="t", individuals=("",), keypoints=("center", *points), position=position, confidence=None
    )


def inside(experiment: Experiment, x, y, **points) -> dict[str, list[bool | None]]:
    item = track(x, y, **points)
    geometry = resolve_geometry(experiment, SESSION, [item])
    table = zones_frame(geometry, kinematics_frame(SESSION, item, experiment, geometry, None))
    assert table.schema == tables.ZONES
    names = table["zone"].unique(maintain_order=True)
    return {name: table.filter(pl.col("zone") == name)["inside"].to_list() for name in names}


def test_the_center_zone_is_the_arena_shrunk_about_its_center():
    """Half of a 400 x 200 px arena around (300, 200): 200 to 400 by 150 to 250."""
    zones = (
        Zone(name="center", kind="scaled", scale=0.5),
        Zone(name="periphery", kind="outside_scaled", scale=0.5),
    )
    found = inside(lab(*zones), [201, 399, 199, 300, 50], [151, 249, 200, 260, 200])
    assert found["center"] == [True, True, False, False, False]
    assert found["periphery"] == [False, False, True, True, False]


def test_a_missing_position_is_neither_inside_nor_outside():
    found = inside(lab(Zone(name="center", kind="scaled", scale=0.5)), [np.nan, 300], [np.nan, 200])
    assert found["center"] == [None, True]


def test_zones_in_centimetres_follow_a_rotated_arena():
    """The first side runs down: 10 cm along it is 100 px down, 5 cm along the last is 50 px left."""
    corners = ((300, 100), (300, 500), (100, 500), (100, 100))
    arena = Arena(shape="rectangle", width_cm=40, height_cm=20, corners_px=corners)
    zone = Zone(name="hole", kind="polygon", points_cm=((10, 5), (12, 5), (12, 7), (10, 7)))
    assert inside(lab(zone, arena=arena), [240, 260, 240], [210, 210, 190])["hole"] == [True, False, False]


def test_corners_are_the_median_of_the_tracked_keypoints():
    arena = Arena(shape="rectangle", width_cm=40, height_cm=20, corner_keypoints=("tl", "tr", "br", "bl"))
    places = dict(zip(("tl", "tr", "br", "bl"), CORNERS, strict=True))
    item = track([300] * 5, [200] * 5, **places)
    item.position[0, :, 1] = 0  # a missing corner in one frame
    geometry = resolve_geometry(lab(arena=arena), SESSION, [item])
    assert geometry is not None
    assert geometry.arena.bounds == (100, 100, 500, 300)
    assert geometry.px_per_cm == pytest.approx(10)


def test_wall_distance_is_negative_outside():
    geometry = resolve_geometry(lab(), SESSION, [track([1], [1])])
    x, y = np.array([300, 110, 90, np.nan, 80]), np.array([200, 290, 200, 200, 80])
    expected = [100, 10, -10, np.nan, -np.hypot(20, 20)]
    np.testing.assert_allclose(wall_distance(geometry, x, y), expected)


def test_a_circle_gives_scale_and_wall_distance():
    arena = Arena(shape="circle", diameter_cm=50, center_px=(300, 300), radius_px=200)
    geometry = resolve_geometry(lab(arena=arena), SESSION, [track([1], [1])])
    assert geometry.px_per_cm == 8
    np.testing.assert_allclose(
        wall_distance(geometry, np.array([300, 490.0]), np.array([300, 300.0])), [200, 10], atol=0.1
    )


def test_zones_need_no_arena():
    zones = (
        Zone(name="nest", kind="polygon", points_px=((0, 0), (10, 0), (10, 10))),
        Zone(name="object", kind="circle", center_px=(50, 50), radius_px=5),
        Zone(name="cue", kind="circle", keypoints=("lamp",), radius_px=5),
    )
    found = inside(lab(*zones, arena=None), [8, 51, 90], [5, 51, 20], lamp=(90, 20))
    assert found == {
        "nest": [True, False, False],
        "object": [False, True, False],
        "cue": [False, False, True],
    }


def test_nothing_declared_or_tracked_is_no_geometry():
    assert resolve_geometry(lab(arena=None), SESSION, [track([1], [1])]) is None
    assert resolve_geometry(lab(Zone(name="center", kind="scaled", scale=0.5)), SESSION, []) is None
    size_only = Arena(shape="rectangle", width_cm=40, height_cm=20)
    assert resolve_geometry(lab(arena=size_only), SESSION, [track([1], [1])]) is None


@pytest.mark.parametrize(
    ("zone", "arena", "expected"),
    [
        (Zone(name="z", kind="scaled", scale=0.5), None, "placed in the image"),
        (Zone(name="z", kind="polygon", points_px=((0, 0), (1, 1))), RECTANGLE, "at least three points"),
        (
            Zone(name="z", kind="polygon", points_px=((0, 0), (9, 9), (9, 0), (0, 9))),
            RECTANGLE,
            "crosses itself",
        ),
        (Zone(name="z", kind="polygon", keypoints=("a", "b", "c")), RECTANGLE, "'a', 'b', 'c'"),
        (Zone(name="z", kind="polygon", points_cm=((0, 0), (1, 0), (0, 1))), None, "points_cm"),
        (Zone(name="z", kind="circle", center_px=(0, 0)), RECTANGLE, "radius_px"),
    ],
)
def test_a_zone_that_cannot_be_placed_is_refused(zone, arena, expected):
    with pytest.raises(ExperimentError, match=expected):
        resolve_geometry(lab(zone, arena=arena), SESSION, [track([1], [1])])


@pytest.mark.data
def test_the_plus_maze_is_cut_by_its_tracked_points():
    """The arms follow from the tracked maze; a third of the noisy frames lie outside of it."""
    from ethochat.index.formats import read_input

    paths = sorted((DATA / "ethz_epm_pose").glob("EPM_15*.csv"))
    if not paths:
        pytest.skip(f"no plus maze in {DATA}")
    item = read_input(InputFile(kind="pose", path=paths[0], format="deeplabcut"), SESSION)
    arms = {
        "arena": ("tl", "tr", "ctr", "rt", "rb", "cbr", "br", "bl", "cbl", "lb", "lt", "ctl"),
        "closed.top": ("tl", "tr", "ctr", "ctl"),
        "closed.bottom": ("cbr", "br", "bl", "cbl"),
        "open.left": ("lt", "ctl", "cbl", "lb"),
        "open.right": ("rt", "rb", "cbr", "ctr"),
        "center": ("ctr", "ctl", "cbl", "cbr"),
    }
    zones = tuple(Zone(name=name, kind="polygon", keypoints=points) for name, points in arms.items())
    experiment = lab(*zones, arena=None, tracking=TrackingSettings(min_confidence=0.0, max_gap_s=0.0))
    geometry = resolve_geometry(experiment, SESSION, [item])
    areas = {name: area.area for name, area in geometry.zones}
    parts = sum(area for name, area in areas.items() if name != "arena")
    assert areas["arena"] == pytest.approx(parts, rel=1e-6)
    table = zones_frame(geometry, kinematics_frame(SESSION, item, experiment, geometry, None))
    shares = dict(table.group_by("zone").agg(pl.col("inside").mean()).iter_rows())
    assert 1 - shares["arena"] == pytest.approx(0.33, abs=0.01)
    assert sum(shares.values()) == pytest.approx(2 * shares["arena"])
