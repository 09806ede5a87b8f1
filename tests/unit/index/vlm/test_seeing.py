"""Plans, frames and facts of clips, on a disc whose track is exact and on real recordings."""

from __future__ import annotations

import dataclasses
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ethochat.index.catalog import Catalog
from ethochat.index.derivation import derive_session, read_session
from ethochat.index.domain import Session
from ethochat.index.errors import VideoError
from ethochat.index.experiment import Experiment, load_experiment
from ethochat.index.settings import VlmSettings
from ethochat.index.video import decode_frames
from ethochat.index.vlm.drawing import distinct_colors
from ethochat.index.vlm.seeing import ClipPlan, SessionView

N = 100
LEAST = 2 * 1.25 * 30  # half a body and its margin to each side of a body of 30 px


def disc_at(frames) -> tuple[np.ndarray, np.ndarray]:
    angle = 2 * np.pi * np.asarray(frames) / 100
    return 160 + 80 * np.cos(angle), 120 + 60 * np.sin(angle)


def dark_middle(image: np.ndarray) -> tuple[float, float]:
    """Middle of what is darker than the floor."""
    rows, columns = np.nonzero(image.max(axis=2) < 100)
    return float(columns.mean()), float(rows.mean())


# ------------------------------------------------------------------ plans
def test_plan_shows_the_animal_at_the_wanted_rate(make_view):
    view = make_view()
    plan = view.plan(1.0, 3.0, "")
    assert len(plan.frames) == 8
    assert (plan.frames[0], plan.frames[-1]) == (25, 74)
    assert plan.times[0] == 0
    assert plan.times[-1] == pytest.approx(49 / 25)
    assert plan.duration == 2.0
    left, top, width, height = plan.window
    x, y = disc_at(range(25, 75))
    assert (left <= x - 30).all()
    assert (x + 30 <= left + width).all()
    assert (top <= y - 30).all()
    assert (y + 30 <= top + height).all()
    assert max(plan.size) == 448


def test_animal_at_rest_fills_its_window(make_view):
    still = np.full(N, 100.0), np.full(N, 110.0)
    plan = make_view(positions={"": still}).plan(0, 2, "")
    assert plan.window == (62, 72, LEAST, LEAST)
    assert plan.size == (300, 300)  # four times, not to 448


@pytest.mark.parametrize(
    ("individual", "whole"), [("a", False), ("b", False), (None, True), ("c", True), ("", True)]
)
def test_whole_image_is_shown_where_no_one_tracked_is_meant(make_view, individual, whole):
    ways = {"a": disc_at(range(N)), "b": (np.full(N, 40.0), np.full(N, 40.0))}
    plan = make_view(positions=ways).plan(0, 1, individual)
    assert plan.whole == whole
    assert (plan.window == (0, 0, 320, 240)) == whole
    assert plan.individual == (None if whole else individual)


def test_unnamed_animal_is_the_only_one_tracked(make_view):
    view = make_view(positions={"m1": disc_at(range(N))})
    assert view.plan(0, 1, "").individual == "m1"
    assert view.plan(0, 1, None).individual is None


def test_untracked_session_shows_the_whole_image(make_view):
    view = make_view(positions={})
    assert view.individuals == ()
    assert view.plan(0, 1, "").whole
    assert view.frames(view.plan(0, 1, "")).images.shape == (4, 336, 448, 3)
    assert view.facts(0, 1, "") == []


def test_missing_positions_break_nothing(make_view):
    x, y = disc_at(range(N))
    x[30:60], y[30:60] = np.nan, np.nan
    view = make_view(
        VlmSettings(overlay="skeleton"), positions={"m1": (x, y), "m2": (np.full(N, np.nan),) * 2}
    )
    for start, stop in ((0, 4), (1.2, 2.2), (1, 1.5)):
        for individual in ("m1", "m2", None):
            plan = view.plan(start, stop, individual)
            frames = view.frames(plan)
            assert frames.images.shape[0] == len(plan.frames)
            assert all("nan" not in fact for fact in view.facts(start, stop, individual))


def test_other_animal_that_comes_near_is_taken_in_and_counted(make_view):
    x, y = np.full(N, 100.0), np.full(N, 100.0)
    passing = np.linspace(300, 130, N)  # comes as near as 30 px: one body length
    view = make_view(positions={"a": (x, y), "b": (passing, y)})
    near, far = view.plan(3, 4, "a"), view.plan(0, 1, "a")
    assert near.animals == ("a", "b")
    assert near.window[2] > far.window[2]
    assert far.animals == ("a",)


def test_body_of_unknown_length_is_taken_from_the_scale(make_view):
    still = {"": (np.full(N, 160.0), np.full(N, 120.0))}
    plan = make_view(positions=still, body_px=None, px_per_cm=4.0).plan(0, 1, "")
    assert plan.window[2] == 2 * 1.25 * 8.5 * 4


def test_body_of_unknown_length_and_scale_is_taken_from_the_ground_covered(make_view):
    plan = make_view(body_px=None, px_per_cm=None).plan(0, 0.04, "")
    # 160 px in x: a body of 32 px
    assert plan.window[2] == 2 * 1.25 * 32
    assert plan.bar is None


def test_fast_half_is_shown_more_densely(make_view):
    x = np.concatenate([np.full(50, 100.0), 100 + 2.0 * np.arange(50)])
    view = make_view(positions={"": (x, np.full(N, 120.0))})
    frames = np.array(view.plan(0, 4, "").frames)
    assert (frames >= 50).sum() > (frames < 50).sum()


@pytest.mark.parametrize(("length", "n"), [(1.0, 1), (2.0, 1), (2.1, 2), (4.0, 2), (3.99, 2)])
def test_long_span_comes_in_equal_parts_with_no_fewer_frames(make_view, length, n):
    view = make_view(VlmSettings(max_frames=8))
    parts = view.parts(0.0, length)
    assert len(parts) == n
    assert (parts[0][0], parts[-1][1]) == (0.0, length)
    assert all(stop == later for (_, stop), (later, _) in pairwise(parts))
    assert max(stop - start for start, stop in parts) == pytest.approx(length / n)
    for start, stop in parts:
        assert len(view.plan(start, stop, "").frames) >= (stop - start) * 4


def test_session_without_a_frame_rate_counts_in_frames(make_view):
    view = make_view(fps=None)
    plan = view.plan(25, 75, "")
    assert (plan.frames[0], plan.frames[-1], len(plan.frames)) == (
        25,
        74,
        8,
    )  # 2 s of a video at 25 per second
    assert plan.times[-1] == 49
    assert not plan.seconds
    frames = view.frames(plan)
    assert frames.effective_fps is None
    assert frames.duration == 50
    assert view.parts(0, 100) == [(0, 100)]
    assert view.fps == 25
    assert view.facts(25, 75, "")[0].endswith("cm/frame at most.")


def test_clip_is_cut_to_the_video(make_view):
    view = make_view()
    plan = view.plan(3.5, 9.0, "")
    assert plan.stop_time == 4.0
    assert plan.frames[-1] == 99
    assert len(plan.frames) == 2


@pytest.mark.parametrize("span", [(4.0, 5.0), (-3.0, -1.0), (2.0, 1.0)])
def test_clip_outside_the_video_is_refused(make_view, span):
    with pytest.raises(VideoError, match=r"within 0 to 4\.000 s"):
        make_view().plan(*span, "")


def test_single_frame_is_a_clip(make_view):
    view = make_view()
    frames = view.frames(view.plan(1.0, 1.01, ""))
    assert frames.frames == (25,)


def test_fewer_frames_of_each_of_several_clips(make_view):
    assert len(make_view().plan(0, 4, "", most_frames=5).frames) == 5


def test_session_without_a_video_is_refused(tmp_path):
    experiment = Experiment(root=tmp_path, name="x", sessions=(Session(session_id="s1"),))
    with pytest.raises(VideoError, match="video of session 's1'"):
        SessionView(experiment, Catalog(tmp_path), "s1", VlmSettings())


def test_damaged_video_is_refused(make_view, tmp_path):
    view = make_view()
    (tmp_path / "view0.mp4").write_bytes(b"no video")
    with pytest.raises(VideoError, match="cannot be opened"):
        SessionView(view.experiment, Catalog(tmp_path), "s1", VlmSettings())


def test_session_that_was_not_ingested_is_shown_whole(make_view, tmp_path):
    experiment = make_view().experiment
    view = SessionView(experiment, Catalog(tmp_path / "nothing"), "s1", VlmSettings())
    assert view.plan(0, 1, "").whole
    assert view.behaviors == ()


# ------------------------------------------------------------------ digests
def test_digest_is_of_what_is_shown(make_view):
    view = make_view(video_hash="abc")
    plan = view.plan(1, 2, "")
    assert plan.digest() == view.plan(1, 2, "").digest()
    assert plan.digest() == dataclasses.replace(plan, session_id="other").digest()


@pytest.mark.parametrize(
    "change",
    [
        {"frames": (25, 49)},
        {"window": (0, 0, 10, 10)},
        {"size": (9, 9)},
        {"overlay": "ids"},
        {"bar": None},
        {"drawn": "x"},
        {"content": "def"},
        {"stop_time": 2.5},
        {"view_sizes": ((5, 5),)},
    ],
)
def test_digest_changes_with(make_view, change):
    plan = make_view().plan(1, 2, "")
    assert plan.digest() != dataclasses.replace(plan, **change).digest()


def test_digest_changes_with_the_file_where_no_hash_is_known(make_view, tmp_path):
    before = make_view().plan(1, 2, "").digest()
    os.utime(tmp_path / "view0.mp4", ns=(1, 1))
    assert make_view().plan(1, 2, "").digest() != before
    assert (
        make_view(video_hash="h").plan(1, 2, "").digest() == make_view(video_hash="h").plan(1, 2, "").digest()
    )


def test_digest_changes_with_what_an_overlay_draws(make_view):
    still = (np.full(N, 100.1), np.full(N, 110.0))
    moved = (still[0] + 0.2, still[1])
    one = make_view(VlmSettings(overlay="skeleton"), positions={"": still}, video_hash="h").plan(0, 1, "")
    other = make_view(VlmSettings(overlay="skeleton"), positions={"": moved}, video_hash="h").plan(0, 1, "")
    assert one.window == other.window
    assert one.digest() != other.digest()


# ------------------------------------------------------------------ pixels
def test_pixels_are_those_of_the_window(make_view):
    view = make_view(VlmSettings(size_px=448, scale_bar=False))
    plan = view.plan(0.4, 2.4, "")
    frames = view.frames(plan)
    scale = plan.size[0] / plan.window[2]
    for image, frame in zip(frames.images, frames.frames, strict=True):
        x, y = disc_at(frame)
        found = dark_middle(image)
        assert found[0] == pytest.approx((x - plan.window[0]) * scale, abs=2 * scale)
        assert found[1] == pytest.approx((y - plan.window[1]) * scale, abs=2 * scale)
    assert frames.effective_fps == pytest.approx(4.0)


def test_unscaled_window_is_cut_out_exactly(make_view, tmp_path):
    view = make_view(VlmSettings(scale_bar=False, size_px=320))
    plan = view.plan(0, 1, None)
    whole = decode_frames(tmp_path / "view0.mp4", plan.frames)
    np.testing.assert_array_equal(view.frames(plan).images, whole)


def test_scale_bar_is_as_long_as_it_says(make_view):
    view = make_view(VlmSettings(), positions={"": (np.full(N, 60.0), np.full(N, 200.0))})
    plan = view.plan(0, 1, "")
    assert plan.bar is not None
    image = view.frames(plan).images[0]
    drawn = (image == 255).all(axis=2).sum(axis=1).max()
    # 10 px per cm in the video
    assert drawn == pytest.approx(plan.bar.length_cm * 10 * plan.enlarged, abs=1)
    assert make_view(VlmSettings(scale_bar=False)).plan(0, 1, "").bar is None


def test_keypoints_are_drawn_where_they_are_trusted(make_view):
    still = {"": (np.full(N, 160.0), np.full(N, 60.0))}  # on the bare floor in the first frames
    view = make_view(VlmSettings(overlay="skeleton", scale_bar=False), positions=still)
    plan = view.plan(0, 0.2, "")
    images = view.frames(plan).images
    x = round((160 + 15 - plan.window[0] + 0.5) * plan.enlarged)
    y = round((60 - plan.window[1] + 0.5) * plan.enlarged)
    assert plan.frames == (0, 4)
    nose = list(distinct_colors(3)[0])
    assert images[0][y, x].tolist() == nose
    unsure = dataclasses.replace(plan, frames=(3,), times=(0.12,))
    assert view.frames(unsure).images[0][y, x].tolist() != nose


def test_keypoints_that_are_no_part_of_the_animal_are_not_drawn(make_view):
    view = make_view(VlmSettings(overlay="skeleton"))
    assert view._overlay().keypoints == ("nose", "center", "tailbase")
    assert view._overlay().lines == (("nose", "center"), ("center", "tailbase"))


def test_names_are_drawn_where_there_are_several(make_view):
    ways = {"a": (np.full(N, 100.0), np.full(N, 60.0)), "b": (np.full(N, 130.0), np.full(N, 60.0))}
    drawn, bare = (
        make_view(VlmSettings(overlay=overlay, scale_bar=False), positions=ways)
        for overlay in ("ids", "none")
    )
    difference = drawn.frames(drawn.plan(0, 1, "a")).images != bare.frames(bare.plan(0, 1, "a")).images
    assert difference.any(axis=(1, 2, 3)).all()
    one = make_view(VlmSettings(overlay="ids", scale_bar=False), positions={"a": ways["a"]})
    assert one._marks(one.plan(0, 1, "a"), 0) == {}


def test_views_are_tiled_and_a_shorter_one_turns_black(make_view):
    view = make_view(n_views=2)
    plan = view.plan(1.6, 2.4, "")  # the second view has 50 frames
    images = view.frames(plan).images
    assert plan.view_sizes == ((448, 336),)
    assert images.shape[2] == plan.size[0] + 448
    right = images[:, :, plan.size[0] :]
    there = np.array(plan.frames) < 50
    assert (right[there].max(axis=(1, 2, 3)) > 100).all()
    assert (right[~there] == 0).all()
    assert there.any()
    assert not there.all()


def test_several_threads_see_the_same(make_view):
    view = make_view()
    spans = [(k / 10, k / 10 + 1) for k in range(0, 30, 3)]
    alone = [view.frames(view.plan(*span, "")).images for span in spans]
    fresh = make_view()
    gate = threading.Barrier(4)

    def see(span):
        gate.wait(timeout=30) if span in spans[:4] else None
        return fresh.frames(fresh.plan(*span, "")).images

    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(alone, pool.map(see, spans), strict=True):
            np.testing.assert_array_equal(one, other)


def test_closed_view_opens_again(make_view):
    view = make_view()
    plan = view.plan(0, 1, "")
    before = view.frames(plan).images
    view.close()
    np.testing.assert_array_equal(view.frames(plan).images, before)


# ------------------------------------------------------------------ facts
def test_facts_are_as_measured(make_view):
    x = 50 + 2.0 * np.arange(N)  # 2 px in 1/25 s: 5 cm/s at 10 px per cm
    view = make_view(positions={"": (x, np.full(N, 120.0))})
    assert view.facts(0, 4, "") == [
        "Speed of its body center: 5.0 cm/s on average, 5.0 cm/s at most.",
        "Path of its body center: 19.8 cm.",
        "Its heading turns by 36 degrees clockwise in the picture, all in all.",
        "Its length from nose to tail base, as seen, is 100 % of its usual one.",
        "Distance of its body center from the nearest wall: 12.0 cm on average.",
        'It is in the zone "center" for 50 % of the clip.',
    ]


def test_facts_without_a_scale_are_in_body_lengths(make_view):
    x = 50 + 2.0 * np.arange(N)
    view = make_view(positions={"": (x, np.full(N, 120.0))}, px_per_cm=None)
    assert view.facts(0, 4, "")[:2] == [
        "Speed of its body center: 1.7 body lengths/s on average, 1.7 body lengths/s at most.",
        "Path of its body center: 6.6 body lengths.",
    ]


def test_facts_say_who_comes_near_and_who_is_meant(make_view):
    ways = {"a": (np.full(N, 100.0), np.full(N, 100.0)), "b": (np.linspace(300, 145, N), np.full(N, 100.0))}
    view = make_view(positions=ways)
    assert 'Smallest distance to "b", center to center: 1.5 body lengths.' in view.facts(0, 4, "a")
    assert all(fact.startswith(('"a": ', '"b": ')) for fact in view.facts(0, 4, None))


def test_facts_can_be_left_out(make_view):
    assert make_view(VlmSettings(facts=False)).facts(0, 1, "") == []


def test_fact_tells_that_the_track_is_broken(make_view):
    x, y = disc_at(range(N))
    x[10:20], y[10:20] = np.nan, np.nan
    assert "Its position is known in 60 % of the frames only." in make_view(positions={"": (x, y)}).facts(
        0, 1, ""
    )


# ------------------------------------------------------------------ real recordings
@pytest.mark.data
def test_real_mouse_is_in_its_window(real_data, tmp_path):
    source = real_data / "dlc_openfield" / "m3v1mp4.mp4"
    if not source.is_file():
        pytest.skip("no dlc_openfield here")
    view = derived(real_data / "dlc_openfield", tmp_path, "m3v1mp4.mp4")
    for start in range(0, 70, 10):
        plan = view.plan(start, start + 2, "")
        images = view.frames(plan).images
        assert not plan.whole
        assert max(images.shape[1:3]) == 448
        # A black mouse on a bright floor: dark where the track says, and a small part of the picture.
        x, y = (view._paths()[""].columns[name][list(plan.frames)] for name in ("x_px", "y_px"))
        for image, across, down in zip(images, x - plan.window[0], y - plan.window[1], strict=True):
            row, column = round(down * plan.enlarged), round(across * plan.enlarged)
            assert image[row - 4 : row + 5, column - 4 : column + 5].mean() < 80
            assert 0.02 < (image.max(axis=2) < 60).mean() < 0.4


@pytest.mark.data
def test_three_real_mice_are_told_apart(real_data, tmp_path):
    if not (real_data / "amadeus_mabe3").is_dir():
        pytest.skip("no amadeus_mabe3 here")
    view = derived(real_data / "amadeus_mabe3", tmp_path, "EGS8X2MN4SSUGFWAV976.mp4", fps=30)
    assert len(view.individuals) == 3
    plan = view.plan(40, 42, view.individuals[0])
    assert plan.n_tracked == 3
    assert view.frames(plan).images.shape[0] == len(plan.frames) == 8


def derived(folder: Path, tmp_path: Path, video: str, **defaults: object) -> SessionView:
    """Derive the tables of one real recording and look at it."""
    (pose,) = folder.glob("*.h5")
    lines = ["[experiment]", 'name = "Real mice"', f"allow_roots = ['{folder}']", "[defaults]"]
    lines += [f"{key} = {value}" for key, value in defaults.items()]
    (tmp_path / "experiment.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sheet = f"session_id,video,pose\ns1,{folder / video},{pose}\n"
    (tmp_path / "sessions.csv").write_text(sheet, encoding="utf-8")
    experiment = load_experiment(tmp_path)
    catalog = Catalog(experiment.data_dir)
    catalog.write_session("s1", derive_session(experiment, read_session(experiment.session("s1"))))
    return SessionView(experiment, catalog, "s1", VlmSettings())


def test_plan_is_frozen(make_view):
    plan = make_view().plan(0, 1, "")
    assert isinstance(plan, ClipPlan)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.frames = ()
