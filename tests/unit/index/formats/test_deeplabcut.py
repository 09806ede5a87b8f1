"""DeepLabCut pose: what stands in the file, on the frame it stands for."""

from pathlib import Path

import numpy as np
import pytest

from ethochat.index.errors import FormatError
from ethochat.index.formats import recognise
from ethochat.index.formats.dlc import DeepLabCutReader

READER = DeepLabCutReader()
HEAD = (
    "scorer,net,net,net,net,net,net\nbodyparts,nose,nose,nose,tail,tail,tail\n"
    "coords,x,y,likelihood,x,y,likelihood\n"
)
ONE = HEAD + "0,1,2,0.9,3,4,0.5\n1,,,,5,6,1\n2,0,0,0.1,7,8,1\n"
TWO = (
    "scorer,net,net,net,net\nindividuals,m1,m1,m2,m2\nbodyparts,nose,nose,nose,nose\ncoords,x,y,x,y\n"
    "0,1,2,3,4\n1,5,6,NaN,nan\n"
)


def test_one_animal_is_read_as_it_stands(write, ask):
    track = READER.read(write(ONE), ask())
    assert (track.source, track.individuals, track.keypoints) == ("dlc", ("",), ("nose", "tail"))
    assert track.position.shape == (3, 2, 2, 1)
    assert track.position.dtype == track.confidence.dtype == np.float32
    np.testing.assert_array_equal(track.position[:, :, 0, 0], [[1, 2], [np.nan, np.nan], [0, 0]])
    np.testing.assert_array_equal(track.position[:, :, 1, 0], [[3, 4], [5, 6], [7, 8]])
    np.testing.assert_allclose(track.confidence[:, 0, 0], [0.9, np.nan, 0.1])
    assert (track.first_frame, track.unit, track.fps) == (0, "px", None)


def test_several_animals_without_likelihood_have_no_confidence(write, ask):
    track = READER.read(write(TWO), ask(source="SuperAnimal"))
    assert (track.source, track.individuals, track.keypoints) == ("SuperAnimal", ("m1", "m2"), ("nose",))
    assert track.confidence is None
    np.testing.assert_array_equal(track.position[:, :, 0, 1], [[3, 4], [np.nan, np.nan]])


def test_header_numbered_by_pandas_is_understood(write, ask):
    mangled = ONE.replace("nose,nose,nose,tail,tail,tail", "nose,nose.1,nose.2,tail,tail.1,tail.2")
    assert READER.read(write(mangled), ask()).keypoints == ("nose", "tail")


def test_keypoint_that_ends_with_a_number_keeps_its_name(write, ask):
    text = ONE.replace("tail,tail,tail", "nose.1,nose.1,nose.1")
    assert READER.read(write(text), ask()).keypoints == ("nose", "nose.1")


def test_rows_lie_on_the_frames_they_name(write, ask):
    text = HEAD + "12,1,2,1,3,4,1\n14,5,6,1,7,8,1\n"
    track = READER.read(write(text), ask(first_frame=10))
    assert track.first_frame == 2
    np.testing.assert_array_equal(track.position[:, 0, 0, 0], [1, np.nan, 5])


def test_nan_only_track_is_read(write, ask):
    track = READER.read(write(HEAD + "0,,,,,,\n1,,,,,,\n"), ask())
    assert np.isnan(track.position).all()


def test_point_that_one_animal_lacks_is_nan(write, ask):
    text = (
        "scorer,n,n,n,n\nindividuals,m1,m1,single,single\nbodyparts,nose,nose,corner,corner\n"
        "coords,x,y,x,y\n0,1,2,3,4\n"
    )
    track = READER.read(write(text), ask())
    assert (track.individuals, track.keypoints) == (("m1", "single"), ("nose", "corner"))
    assert np.isnan(track.position[0, :, 1, 0]).all()
    np.testing.assert_array_equal(track.position[0, :, 1, 1], [3, 4])


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (ONE.replace("7,8", "7,oops"), 6, "'oops'"),
        (ONE.replace("1,,,,5,6,1", "1,,,,5,6"), 5, "Expected 7 cells"),
        (ONE.replace("2,0,0", "1,0,0"), 6, "frame 1 again"),
        (ONE.replace("\n1,,", "\nimg1.png,,"), 5, "img1.png"),
        (ONE.replace(",", ";"), 1, "separated by ','"),
        (HEAD, None, "one row per frame"),
        ("frame,x,y\n0,1,2\n", 1, "scorer"),
        (ONE.replace("x,y,likelihood\n", "x,y,z\n"), 3, "'z'"),
        (ONE.replace("tail,tail,tail", "tail,nose,tail"), 2, "'nose'"),
        (ONE.replace("tail,tail,tail", "nose,nose,nose"), 2, "each point once"),
        ("", None, "empty"),
        (b"\x89HDF\x00garbage", None, "Expected"),
    ],
)
def test_wrong_file_is_refused_with_its_line(write, ask, text, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        READER.read(write(text), ask())
    if line is not None:
        assert caught.value.row == line


def test_error_names_the_keypoint(write, ask):
    with pytest.raises(FormatError) as caught:
        READER.read(write(ONE.replace("7,8", "7,oops")), ask())
    assert caught.value.column == "tail y"


def test_missing_and_broken_h5_are_refused(write, ask, tmp_path):
    with pytest.raises(FormatError, match=r"none\.h5"):
        READER.read(tmp_path / "none.h5", ask())
    with pytest.raises(FormatError, match="h5 file"):
        READER.read(write(b"garbage", "t.h5"), ask())
    assert READER.sniff(write(b"garbage", "t.h5")) is None


def test_unknown_option_is_refused_with_the_near_one(write, ask):
    with pytest.raises(FormatError, match="did you mean 'first_frame'"):
        READER.read(write(ONE), ask(frist_frame=1))


def test_sniff_tells_recordings_from_other_tables(write):
    assert READER.sniff(write(ONE)).note == "DeepLabCut pose, one animal"
    assert READER.sniff(write(TWO)).note == "DeepLabCut pose, several animals"
    assert READER.sniff(write(ONE.replace(",", ";"))).options == {"delimiter": ";"}
    assert READER.sniff(write("a,b\n1,2\n")) is None
    assert READER.sniff(write(ONE.replace("\n0,", "\nlabeled-data/img0.png,"))) is None


@pytest.fixture
def h5(tmp_path: Path):
    """Write rows of two animals with nose (x, y, likelihood) as DeepLabCut does."""
    import pandas as pd

    def save(index, names=("scorer", "individuals", "bodyparts", "coords"), axes=("x", "y", "likelihood")):
        columns = pd.MultiIndex.from_product([["net"], ["m1", "m2"], ["nose"], list(axes)], names=names)
        values = np.arange(len(index) * len(columns), dtype=float).reshape(len(index), -1)
        path = tmp_path / "pose.h5"
        pd.DataFrame(values, index=index, columns=columns).to_hdf(path, key="df_with_missing", format="table")
        return path

    return save


def test_h5_is_read_on_its_frames(h5, ask):
    track = READER.read(h5([3, 4, 6]), ask())
    assert (track.individuals, track.keypoints, track.first_frame) == (("m1", "m2"), ("nose",), 3)
    np.testing.assert_array_equal(track.position[:, 0, 0, 1], [3, 9, np.nan, 15])
    np.testing.assert_array_equal(track.confidence[:, 0, 0], [2, 8, np.nan, 14])


@pytest.mark.parametrize(
    "change",
    [
        {"index": [0, 10**9]},
        {"index": ["a", "b"]},
        {"index": [1, 1]},
        {"index": [0], "axes": ("x", "y", "z")},
    ],
    ids=str,
)
def test_h5_of_another_layout_is_refused(h5, ask, change):
    with pytest.raises(FormatError, match="Expected"):
        READER.read(h5(**change), ask())


def test_reading_leaves_pythons_warnings_alone(h5, ask):
    import warnings

    before = warnings.showwarning
    READER.read(h5([0, 1]), ask())
    assert warnings.showwarning is before


@pytest.mark.data
def test_csv_and_h5_of_one_recording_agree(recordings, ask):
    folder = recordings / "dlc_openfield"
    csv = READER.read(next(folder.glob("m3v1*.csv")), ask())
    h5 = READER.read(next(folder.glob("m3v1*.h5")), ask())
    assert csv.position.shape == (2330, 2, 4, 1)
    np.testing.assert_allclose(csv.position, h5.position, rtol=1e-6)
    np.testing.assert_allclose(csv.confidence, h5.confidence, rtol=1e-6)
    above = (csv.confidence[:, :, 0] > 0.9).mean(axis=0)
    np.testing.assert_allclose(above, [0.906, 0.9013, 0.9004, 0.985], atol=5e-5)
    raw = np.linalg.norm(np.diff(csv.position[..., 0].astype(float), axis=0), axis=1).sum(axis=0)
    np.testing.assert_allclose(raw, [12967.7, 11765.9, 10191.7, 8353.8], atol=0.5)


@pytest.mark.data
def test_csv_of_two_animals_agrees_with_movement(recordings, ask):
    from movement.io import load_poses

    path = next((recordings / "ri_social" / "pose").glob("1DLC*.csv"))
    track, theirs = READER.read(path, ask()), load_poses.from_dlc_file(path)
    np.testing.assert_array_equal(track.position, theirs.position.to_numpy().astype(np.float32))
    np.testing.assert_array_equal(track.confidence, theirs.confidence.to_numpy().astype(np.float32))


@pytest.mark.data
def test_zeros_of_the_three_mice_stay_as_they_are(recordings, ask):
    path = next((recordings / "amadeus_mabe3").glob("*.h5"))
    track = READER.read(path, ask())
    assert track.position.shape == (1800, 2, 12, 3)
    assert track.confidence is None
    assert (track.position == 0).all(axis=(1, 2)).sum(axis=0).tolist() == [358, 42, 162]


@pytest.mark.data
def test_frames_labeled_by_hand_are_no_recording(recordings):
    assert recognise(recordings / "dlc_openfield" / "m4s1_CollectedData_Pranav.csv") == []


def test_position_beyond_any_image_is_refused(write, ask):
    with pytest.raises(FormatError, match="up to 1e") as caught:
        READER.read(write(ONE.replace("7,8", "7e100,8")), ask())
    assert (caught.value.row, caught.value.column) == (6, "tail x")
