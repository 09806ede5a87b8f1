"""The sample experiment: what is on disk agrees with the simulated truth."""

import tomllib
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from ethochat.index.errors import ExperimentError
from ethochat.index.experiment import load_experiment
from ethochat.index.formats import read_input
from ethochat.index.sample import STATES, simulate, write_sample
from ethochat.index.sample.motion import ARENA_CM, GROOMING, RUNNING, SUPPORTED_REAR, WALKING
from ethochat.index.sample.mouse import (
    FRAME_PX,
    MAX_LOST_LIKELIHOOD,
    MIN_SEEN_LIKELIHOOD,
    POSE_JITTER_PX,
    to_px,
    track,
)
from ethochat.index.sample.posture import KEYPOINTS
from ethochat.index.sample.rendering import render
from ethochat.index.sample.writing import bouts, plan_sessions, simulate_session

CENTER, NOSE = KEYPOINTS.index("body_center"), KEYPOINTS.index("nose")


@pytest.fixture(scope="module")
def mouse():
    """One caffeine mouse, 20 s at 25 frames per second."""
    return simulate(3, group="caffeine", duration_s=20)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A sample on disk of two mice, 4 s (100 frames) each, seed 7."""
    root = tmp_path_factory.mktemp("sample") / "experiment"
    write_sample(root, n_mice=2, duration_s=4)
    return root


@pytest.fixture(scope="module")
def full():
    """The truth about the twelve mice, 60 s each, of the sample that users get."""
    return [
        (item.group, simulate_session(item, duration_s=60, fps=25))
        for item in plan_sessions(seed=7, n_mice=12)
    ]


def distance_cm(mouse):
    return float(np.hypot(*np.diff(mouse.position_cm, axis=0).T).sum())


def center_s(mouse):
    inside = np.all(np.abs(mouse.position_cm - ARENA_CM / 2) < ARENA_CM / 4, axis=1)
    return float(inside.sum()) / mouse.fps


def seconds_of(*states):
    return lambda mouse: float(np.isin(mouse.state, states).sum()) / mouse.fps


def welch(animals, measure):
    from scipy.stats import ttest_ind

    groups = [
        [measure(mouse) for name, mouse in animals if name == group] for group in ("caffeine", "saline")
    ]
    result = ttest_ind(*groups, equal_var=False)
    return float(np.mean(groups[0]) - np.mean(groups[1])), float(result.pvalue)


# -- the truth -----------------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_mouse_and_another_seed_another():
    first, again, other = (simulate(seed, duration_s=6) for seed in (5, 5, 6))
    assert np.array_equal(first.keypoints_cm, again.keypoints_cm)
    assert np.array_equal(first.state, again.state)
    assert not np.array_equal(first.keypoints_cm, other.keypoints_cm)


@pytest.mark.parametrize("fps", [10, 25, 60])
def test_number_of_frames_is_duration_times_frame_rate(fps):
    assert len(simulate(1, duration_s=3, fps=fps).state) == 3 * fps


def test_body_center_is_the_position_and_stays_in_the_arena(full):
    for _, mouse in full:
        assert np.allclose(mouse.keypoints_cm[:, CENTER], mouse.position_cm)
        assert mouse.position_cm.min() > 0.5
        assert mouse.position_cm.max() < ARENA_CM - 0.5


def test_speeds_are_those_of_a_mouse(full):
    for _, mouse in full:
        speed = np.hypot(*np.diff(mouse.position_cm, axis=0).T) * mouse.fps
        assert speed.max() < 40
        assert 6 < np.median(speed[mouse.state[1:] == WALKING]) < 14
    grooming = np.concatenate([np.diff(m.position_cm, axis=0)[m.state[1:] == GROOMING] for _, m in full])
    assert np.median(np.hypot(*grooming.T) * 25) < 1
    runs = np.concatenate([np.diff(m.position_cm, axis=0)[m.state[1:] == RUNNING] for _, m in full])
    assert 18 < np.median(np.hypot(*runs.T) * 25) < 35


def test_nose_is_over_the_wall_at_the_height_of_a_supported_rear(full):
    seen = 0
    for _, mouse in full:
        upright = (mouse.state == SUPPORTED_REAR) & (mouse.posture.lift > 0.99)
        nose = mouse.keypoints_cm[upright, NOSE]
        beyond = np.maximum(-nose, nose - ARENA_CM).max(axis=1)
        assert np.all(beyond > -1.5)
        seen += int(upright.sum())
    assert seen > 100


def test_groups_differ_in_distance_running_rearing_and_grooming(full):
    for measure, sign, level in (
        (distance_cm, 1, 0.01),
        (seconds_of(RUNNING), 1, 0.01),
        (seconds_of(SUPPORTED_REAR), 1, 0.05),
        (seconds_of(GROOMING), -1, 0.05),
    ):
        difference, p = welch(full, measure)
        assert difference * sign > 0
        assert p < level


def test_groups_do_not_differ_in_time_in_the_center(full):
    assert welch(full, center_s)[1] > 0.1


@pytest.mark.slow
def test_time_in_the_center_has_the_same_expectation_in_both_groups():
    animals = [
        (group, simulate(seed, group=group)) for group in ("saline", "caffeine") for seed in range(120)
    ]
    difference, _ = welch(animals, center_s)
    assert abs(difference) < 1.6  # of about 13 s, standard error 0.65 s


def test_unknown_group_and_coarse_frame_rate_are_refused():
    with pytest.raises(ValueError, match="group"):
        simulate(1, group="water")
    with pytest.raises(ValueError, match="fps"):
        simulate(1, fps=5)


# -- ethogram and pose ---------------------------------------------------------------------------------------


def test_bouts_tile_the_session_and_match_the_states_exactly(mouse):
    table = bouts(mouse)
    rows = [(round(start * 25), round(stop * 25), name) for start, stop, name, _ in table.iter_rows()]
    assert rows[0][0] == 0
    assert rows[-1][1] == len(mouse.state)
    for (_, stop, name), (start, _, following) in pairwise(rows):
        assert stop == start
        assert name != following
    states = [name for start, stop, name in rows for _ in range(start, stop)]
    assert states == [STATES[state] for state in mouse.state]
    assert set(table["rater"]) == {"simulator"}


def test_seen_keypoints_lie_at_their_true_places_within_the_jitter(mouse):
    pose = track(np.random.default_rng(0), mouse)
    seen = pose.likelihood >= MIN_SEEN_LIKELIHOOD
    error = (pose.position_px - to_px(mouse.keypoints_cm))[seen]
    assert abs(error.mean()) < 0.05
    assert error.std() == pytest.approx(POSE_JITTER_PX, rel=0.05)
    assert np.abs(error).max() < 6 * POSE_JITTER_PX


def test_a_few_percent_of_keypoints_are_lost_with_low_likelihood_and_wrong_places(mouse):
    pose = track(np.random.default_rng(0), mouse)
    lost = pose.likelihood < MIN_SEEN_LIKELIHOOD
    assert 0.01 < lost.mean() < 0.08
    assert pose.likelihood[lost].max() < MAX_LOST_LIKELIHOOD
    distance = np.linalg.norm((pose.position_px - to_px(mouse.keypoints_cm))[lost], axis=-1)
    assert np.median(distance) > 15


# -- the pictures --------------------------------------------------------------------------------------------


def test_frames_are_the_same_for_the_same_seed_in_any_order(mouse):
    first, again = render(mouse, 1), render(mouse, 1)
    assert np.array_equal(first.frame(40), again.frame(40))
    first.frame(7)
    assert np.array_equal(first.frame(40), again.frame(40))
    assert not np.array_equal(first.frame(40), first.frame(41))


def test_silhouette_lies_about_the_body_center(mouse):
    renderer = render(mouse, 1)
    for index in range(0, len(mouse.state), 23):
        dark = _dark(renderer.frame(index))
        assert 1000 < dark.sum() < 5000
        centroid = np.argwhere(dark).mean(axis=0)[::-1]
        # The trunk is heavier than the head: its centroid lies a little behind the body center.
        assert np.linalg.norm(centroid - to_px(mouse.position_cm[index])) < 12


def test_snout_ends_at_the_nose_keypoint(mouse):
    """Along the line from neck to nose the picture turns from coat to floor at the nose."""
    renderer = render(mouse, 1)
    points = to_px(mouse.keypoints_cm)
    flat = np.flatnonzero(
        (mouse.state == WALKING) & (np.abs(mouse.keypoints_cm[:, NOSE] - 20).max(axis=1) < 17)
    )
    ends = []
    for index in flat[::12]:
        neck, nose = points[index, KEYPOINTS.index("neck")], points[index, NOSE]
        direction = (nose - neck) / np.linalg.norm(nose - neck)
        reach = np.arange(-8, 8, 0.25)
        x, y = (nose + reach[:, None] * direction).T
        gray = renderer.frame(int(index)).mean(axis=2)
        ends.append(reach[np.argmax(gray[np.rint(y).astype(int), np.rint(x).astype(int)] > 130)])
    assert len(ends) >= 5
    assert abs(np.median(ends)) < 2.5


def test_background_is_a_light_floor(mouse):
    frame = render(mouse, 1).frame(0)
    assert frame.shape == (FRAME_PX, FRAME_PX, 3)
    assert 150 < np.median(frame) < 215


def _dark(frame):
    import cv2

    inner = np.zeros(frame.shape[:2], dtype=bool)
    inner[4:-4, 4:-4] = True
    dark = (frame.mean(axis=2) < 95) & inner
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    assert count > 1
    return labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))


# -- on disk -------------------------------------------------------------------------------------------------


def test_written_sample_is_an_experiment_that_loads(tiny):
    experiment = load_experiment(tiny)
    assert [session.session_id for session in experiment.sessions] == ["S01", "S02"]
    assert experiment.session("S02").subject_id == "M02"
    assert set(experiment.metadata_columns) == {"group", "sex", "day", "weight_g"}
    assert experiment.metadata["group"].to_list() == ["saline", "caffeine"]
    assert tomllib.loads((tiny / "experiment.toml").read_text())["arena"]["width_cm"] == 40
    assert "simulated" in (tiny / "README.txt").read_text()


def test_video_has_as_many_frames_as_the_pose_has_rows(tiny):
    import av

    with av.open(str(tiny / "videos" / "S01.mp4")) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].average_rate == 25
    pose = pl.read_csv(tiny / "pose" / "S01DLC_simulated.csv", skip_rows=3, has_header=False)
    assert len(frames) == pose.height == 100
    assert (frames[0].width, frames[0].height) == (FRAME_PX, FRAME_PX)
    assert {frames[index].key_frame for index in (0, 25, 50, 75)} == {True}


def test_written_pose_is_read_back_as_the_pose_reported(tiny):
    session = load_experiment(tiny).session("S02")
    read = read_input(session.inputs_of("pose")[0], session)
    assert read.keypoints == KEYPOINTS
    truth = to_px(simulate_session(plan_sessions(7, 2)[1], duration_s=4, fps=25).keypoints_cm)
    seen = read.confidence[:, :, 0] >= MIN_SEEN_LIKELIHOOD
    error = np.moveaxis(read.position[..., 0], 1, 2) - truth
    assert np.abs(error[seen]).max() < 6 * POSE_JITTER_PX


def test_written_labels_are_read_back_as_the_exact_ethogram(tiny):
    session = load_experiment(tiny).session("S01")
    read = read_input(session.inputs_of("annotations")[0], session)
    truth = simulate_session(plan_sessions(7, 2)[0], duration_s=4, fps=25)
    rows = read.bouts.sort("start_frame").select("start_frame", "stop_frame", "behavior").rows()
    assert [name for start, stop, name in rows for _ in range(start, stop)] == [
        STATES[s] for s in truth.state
    ]
    assert set(read.bouts["source"]) == {"simulator"}
    assert set(read.coverage["behaviors"][0]) == set(STATES)


def test_same_seed_writes_the_same_tables(tiny, tmp_path):
    write_sample(tmp_path, n_mice=2, duration_s=4)
    for path in sorted(tiny.rglob("*.csv")):
        assert (tmp_path / path.relative_to(tiny)).read_bytes() == path.read_bytes()


def test_progress_goes_from_none_to_all(tmp_path):
    calls = []
    write_sample(tmp_path, n_mice=3, duration_s=0.2, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_sample_replaces_a_sample_but_no_other_experiment(tmp_path):
    write_sample(tmp_path, n_mice=1, duration_s=0.2)
    write_sample(tmp_path, n_mice=1, duration_s=0.2, seed=8)
    manifest = tmp_path / "experiment.toml"
    manifest.write_text('[experiment]\nname = "mine"\n')
    with pytest.raises(ExperimentError, match="another"):
        write_sample(tmp_path, n_mice=1, duration_s=0.2)
    assert "mine" in manifest.read_text()


def test_failing_session_ends_the_writing_and_leaves_no_manifest(tmp_path):
    (tmp_path / "videos" / "S02.mp4").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_sample(tmp_path, n_mice=3, duration_s=0.2)
    assert not (tmp_path / "experiment.toml").exists()


def test_animals_are_balanced_over_groups_sexes_and_days():
    plan = plan_sessions(seed=7, n_mice=12)
    cells = [(item.group, item.sex, item.day) for item in plan]
    assert len(set(cells)) == 12
    assert all(17 < item.weight_g < 31 for item in plan)
