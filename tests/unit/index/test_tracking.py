"""The silhouette tracker on drawn videos whose animal is known, and on real ones that others have tracked."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from ethochat.index.errors import VideoError
from ethochat.index.formats.base import Track
from ethochat.index.tracking import SilhouetteSettings, track_silhouette

DATA = Path(os.environ.get("ETHOCHAT_TEST_DATA", Path(__file__).parents[3] / ".." / "shared" / "data"))
SIZE = (320, 240)
N = 300


def write_video(path: Path, images: Iterable[np.ndarray], fps: int = 30) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for image in images:
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(image, format="gray").reformat(format="yuv420p"))
            )
        container.mux(stream.encode())
    return path


def walk(n: int = N) -> np.ndarray:
    """An animal that always walks forward on a closed curve: rows of x, y, heading in radians."""
    t = np.linspace(0, 2 * math.pi, n)
    x, y = 160 + 100 * np.cos(t), 120 + 70 * np.sin(2 * t)
    return np.column_stack([x, y, np.arctan2(np.gradient(y), np.gradient(x))])


def floor(level: int = 170, texture: float = 0.0, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (SIZE[1], SIZE[0])), (0, 0), 3)
    return np.clip(level + texture * grain / grain.std(), 0, 255).astype(np.float32)


def draw(
    scene: np.ndarray, pose: np.ndarray | None, color: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """A body of 34 by 17 px, and a thin tail of 30 px behind it."""
    image = scene.copy()
    if pose is not None:
        x, y, heading = pose
        at = (round(x * 16), round(y * 16))
        ahead = np.array([math.cos(heading), math.sin(heading)])
        rump, tip = (tuple(int(v) for v in np.round(pose[:2] - ahead * reach)) for reach in (15, 45))
        cv2.line(image, rump, tip, color, 2, cv2.LINE_AA)
        axes = (17 * 16, 8 * 16 + 8)
        cv2.ellipse(image, at, axes, math.degrees(heading), 0, 360, color, -1, cv2.LINE_AA, shift=4)
    if rng is not None:
        image = image + rng.normal(0, 5, image.shape)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def errors(track: Track, poses: np.ndarray) -> np.ndarray:
    return np.linalg.norm(track.position[:, :, 0, 0] - poses[:, :2], axis=1)


def found(track: Track) -> np.ndarray:
    return np.isfinite(track.position[:, 0, 0, 0])


def heading_errors(track: Track, poses: np.ndarray) -> np.ndarray:
    assert track.orientation_deg is not None
    return np.abs((track.orientation_deg[:, 0] - np.degrees(poses[:, 2]) + 180) % 360 - 180)


@pytest.mark.parametrize(("level", "color"), [(170, 25), (40, 200)], ids=["dark on bright", "bright on dark"])
def test_animal_is_followed_to_within_two_pixels_whatever_its_polarity(
    tmp_path: Path, level: int, color: int
) -> None:
    poses = walk()
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(level), p, color) for p in poses)))
    assert found(track).all()
    assert errors(track, poses).max() < 2
    assert (track.source, track.keypoints, track.individuals) == ("silhouette", ("centroid",), ("",))
    assert track.position.shape == (N, 2, 1, 1)
    assert track.confidence is not None
    assert track.confidence.shape == (N, 1, 1)
    assert 0.9 < track.confidence.min() <= track.confidence.max() <= 1
    assert track.area_px2 is not None
    assert np.median(track.area_px2) == pytest.approx(math.pi * 17 * 8.5, rel=0.15)
    assert track.fps == 30


def test_heading_points_where_the_animal_walks(tmp_path: Path) -> None:
    poses = walk()
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(), p, 25) for p in poses)))
    assert np.nanpercentile(heading_errors(track, poses), 95) < 12


def test_heading_holds_through_a_pause(tmp_path: Path) -> None:
    poses = walk()
    poses = np.concatenate([poses[:150], np.repeat(poses[150:151], 100, axis=0), poses[150:]])
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(), p, 25) for p in poses)))
    assert np.nanmax(heading_errors(track, poses)[150:250]) < 15


def test_texture_and_sensor_noise_do_not_pull_the_position(tmp_path: Path) -> None:
    rng, poses = np.random.default_rng(1), walk()
    scene = floor(140, texture=15)
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(scene, p, 40, rng) for p in poses)))
    assert found(track).mean() > 0.99
    assert np.nanmedian(errors(track, poses)) < 1.5
    assert np.nanpercentile(errors(track, poses), 99) < 4


@pytest.mark.parametrize("color", [25, 250])
@pytest.mark.parametrize("order", ["sits first", "sits last"])
def test_animal_that_sits_still_for_two_thirds_of_the_video_is_no_floor(
    tmp_path: Path, color: int, order: str
) -> None:
    moving = walk(100)
    still = np.repeat(moving[:1] if order == "sits first" else moving[-1:], 200, axis=0)
    poses = np.concatenate([still, moving] if order == "sits first" else [moving, still])
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(130), p, color) for p in poses)))
    assert found(track).all()
    assert errors(track, poses).max() < 3


def test_animal_that_only_changes_place_once_is_found_at_both(tmp_path: Path) -> None:
    poses = np.repeat([[80.0, 60.0, 0.3], [240.0, 170.0, 1.2]], [180, 120], axis=0)
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(texture=6), p, 25) for p in poses)))
    assert errors(track, poses).max() < 3


def test_drifting_light_is_followed(tmp_path: Path) -> None:
    poses = walk()
    side = np.linspace(-1, 1, SIZE[0], dtype=np.float32)

    def lit() -> Iterable[np.ndarray]:
        for k, pose in enumerate(poses):
            light = (1.0 - 0.45 * k / N) * (1 + 0.1 * side * k / N)  # dimmer by half, and more so on one side
            yield np.clip(draw(floor(190, texture=8), pose, 30) * light, 0, 255).astype(np.uint8)

    track = track_silhouette(write_video(tmp_path / "v.mp4", lit()))
    assert found(track).mean() > 0.99
    assert np.nanpercentile(errors(track, poses), 99) < 4


@pytest.mark.parametrize("noise", [False, True])
def test_empty_arena_gives_no_position_at_all(tmp_path: Path, noise: bool) -> None:
    rng = np.random.default_rng(2) if noise else None
    scene = floor(texture=10)
    track = track_silhouette(
        write_video(tmp_path / "v.mp4", (draw(scene, None, 25, rng) for _ in range(120)))
    )
    assert not found(track).any()
    assert track.confidence is not None
    assert (track.confidence == 0).all()
    assert track.area_px2 is not None
    assert np.isnan(track.area_px2).all()
    assert track.orientation_deg is not None
    assert np.isnan(track.orientation_deg).all()


def test_empty_arena_whose_light_flickers_gives_no_position(tmp_path: Path) -> None:
    images = (
        np.clip(floor(150, texture=10) * (1 + 0.2 * math.sin(k)), 0, 255).astype(np.uint8) for k in range(120)
    )
    assert not found(track_silhouette(write_video(tmp_path / "v.mp4", images))).any()


def test_frames_before_the_animal_enters_and_after_it_left_have_no_position(tmp_path: Path) -> None:
    rng, poses = np.random.default_rng(3), walk(200)
    scene = floor(texture=6)
    shown = [None] * 100 + list(poses) + [None] * 60
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(scene, p, 25, rng) for p in shown)))
    expected = np.array([pose is not None for pose in shown])
    np.testing.assert_array_equal(found(track), expected)
    assert track.confidence is not None
    assert (track.confidence[~expected] == 0).all()


def test_animal_is_found_on_both_halves_of_a_black_and_white_box(tmp_path: Path) -> None:
    poses = walk()
    scene = floor(200)
    scene[:, :160] = 60
    track = track_silhouette(write_video(tmp_path / "v.mp4", (draw(scene, p, 15) for p in poses)))
    inside = np.abs(poses[:, 0] - 160) > 20  # the body lies on one half
    assert found(track)[inside].mean() > 0.97
    assert np.nanpercentile(errors(track, poses)[inside], 95) < 4


def test_mirror_image_on_a_dark_wall_does_not_pull_the_position(tmp_path: Path) -> None:
    poses = walk()
    poses[:, 1] = 100 + 0.5 * (poses[:, 1] - 120)
    scene = floor(170)
    scene[155:] = 60

    def mirrored() -> Iterable[np.ndarray]:
        for pose in poses:
            wall = draw(scene, np.array([pose[0], 310 - pose[1], -pose[2]]), 40)
            yield draw(np.where(np.arange(SIZE[1])[:, None] >= 155, wall, scene).astype(np.float32), pose, 25)

    track = track_silhouette(write_video(tmp_path / "v.mp4", mirrored()))
    assert errors(track, poses).max() < 3


def test_polarity_can_be_declared(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", (draw(floor(), p, 25) for p in walk()))
    assert found(track_silhouette(path, settings=SilhouetteSettings(polarity="dark"))).all()
    assert not found(track_silhouette(path, settings=SilhouetteSettings(polarity="bright"))).any()


def test_video_of_two_frames_is_too_short_to_know_the_floor(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", (draw(floor(), p, 25) for p in walk(2)))
    track = track_silhouette(path)
    assert track.position.shape == (2, 2, 1, 1)
    assert not found(track).any()


def test_progress_ends_at_the_number_of_frames(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    note: Callable[[int, int], None] = lambda done, total: calls.append((done, total))  # noqa: E731
    track_silhouette(write_video(tmp_path / "v.mp4", (draw(floor(), p, 25) for p in walk())), progress=note)
    assert calls[-1] == (N, N)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_same_video_gives_the_same_track(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    path = write_video(tmp_path / "v.mp4", (draw(floor(texture=8), p, 25, rng) for p in walk()))
    first, second = track_silhouette(path), track_silhouette(path)
    np.testing.assert_array_equal(first.position, second.position)
    assert first.orientation_deg is not None
    assert second.orientation_deg is not None
    np.testing.assert_array_equal(first.orientation_deg, second.orientation_deg)


def test_missing_unreadable_and_empty_videos_are_refused(tmp_path: Path) -> None:
    garbage, empty = tmp_path / "garbage.mp4", tmp_path / "empty.mp4"
    garbage.write_bytes(b"no video at all" * 100)
    write_video(empty, [])
    for path in (tmp_path / "missing.mp4", garbage, empty):
        with pytest.raises(VideoError, match=path.name):
            track_silhouette(path)


@pytest.mark.data
@pytest.mark.slow
def test_real_mouse_stays_within_six_pixels_of_the_shipped_track() -> None:
    folder = DATA / "tracktor_mouse"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {DATA}")
    track = track_silhouette(folder / "mouse_video.mp4")
    reference = np.full((10_000, 2), np.nan)
    with (folder / "mouse_video_tracked.csv").open() as file:
        for row in csv.DictReader(file):
            reference[int(float(row["frame"])) - 1] = float(row["pos_x"]), float(row["pos_y"])
    distance = errors(track, np.column_stack([reference, np.zeros(10_000)]))
    assert found(track).mean() > 0.999
    assert np.nanmedian(distance) < 2
    assert np.nanpercentile(distance, 95) < 6
    assert (distance < 12).mean() > 0.99


@pytest.mark.data
def test_real_heading_agrees_with_tracked_ears_and_tail_base() -> None:
    folder = DATA / "dlc_openfield"
    if not folder.is_dir():
        pytest.skip(f"no recordings in {DATA}")
    track = track_silhouette(folder / "m3v1mp4.mp4")
    pose = np.genfromtxt(next(folder.glob("m3v1mp4*.csv")), delimiter=",", skip_header=3)
    (left, right, tail), sure = (pose[:, k : k + 2] for k in (4, 7, 10)), (pose[:, 3::3] > 0.9).all(axis=1)
    ahead = (left + right) / 2 - tail
    poses = np.column_stack([(left + right + 2 * tail) / 4, np.arctan2(ahead[:, 1], ahead[:, 0])])
    wrong = heading_errors(track, poses)[sure]
    assert np.isfinite(wrong).mean() > 0.95
    assert np.nanmedian(wrong) < 5
    assert np.nanmean(wrong > 90) < 0.01
    assert np.nanmedian(errors(track, poses)[sure]) < 12
