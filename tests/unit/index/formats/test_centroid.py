"""Centroid tracks: declared columns, frames from the file's own numbering, gaps as NaN."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.errors import FormatError
from ethochat.index.formats.centroid import CentroidReader

READER = CentroidReader()


def test_rows_lie_on_their_frames_and_missing_frames_are_nan(write, ask):
    track = READER.read(write("frame,x,y\n3,1,2\n6,3,4\n4,5,6\n"), ask(source="T", first_frame=1))
    assert (track.source, track.individuals, track.keypoints) == ("T", ("",), ("centroid",))
    assert (track.first_frame, track.unit, track.confidence) == (2, "px", None)
    assert track.explicit_frames
    assert track.position.dtype == np.float32
    np.testing.assert_array_equal(track.position[:, :, 0, 0], [[1, 2], [5, 6], [np.nan, np.nan], [3, 4]])


def test_columns_offsets_and_frame_shift_are_as_declared(write, ask):
    path = write("7\t0\t1.5\t2\n8\t0\t2.5\t3\n", "t.txt")
    options = {"delimiter": "\t", "has_header": False, "frame": 0, "x": 2, "y": 3, "dx": 10, "dy": -1}
    track = READER.read(path, ask(frame_offset=1, **options))
    assert track.first_frame == 8
    np.testing.assert_array_equal(track.position[:, :, 0, 0], [[11.5, 1], [12.5, 2]])


def test_file_without_frame_numbers_begins_where_declared(write, ask):
    track = READER.read(write("x1,y1\n1,2\nNaN,NaN\n"), ask(start_frame=5))
    assert track.first_frame == 5
    assert not track.explicit_frames
    np.testing.assert_array_equal(track.position[:, :, 0, 0], [[1, 2], [np.nan, np.nan]])


def test_several_animals_confidence_and_area_are_read(write, ask):
    text = "frame,id,x_cm,y_cm,p,a\n0,A,1,2,0.5,10\n0,B,3,4,,\n1,B,5,6,0.9,12\n"
    options = {"x": "x_cm", "y": "y_cm", "unit": "cm", "individual": "id", "confidence": "p", "area": "a"}
    track = READER.read(write(text), ask(**options))
    assert (track.individuals, track.unit) == (("A", "B"), "cm")
    np.testing.assert_array_equal(track.position[:, 0, 0, :], [[1, 3], [np.nan, 5]])
    np.testing.assert_allclose(track.confidence[:, 0, :], [[0.5, np.nan], [np.nan, 0.9]])
    np.testing.assert_array_equal(track.area_px2, [[10, np.nan], [np.nan, 12]])


def test_seconds_are_put_on_frames_with_the_session_frame_rate(write, ask):
    path = write("time_s,x,y\n0.00,1,1\n0.04,2,2\n0.12,3,3\n")
    track = READER.read(path, ask(fps=25))
    np.testing.assert_array_equal(track.position[:, 0, 0, 0], [1, 2, np.nan, 3])
    with pytest.raises(FormatError, match="fps"):
        READER.read(path, ask(fps=None))


def test_rows_of_one_session_are_picked_from_a_shared_file(write, ask):
    path = write("run,frame,x,y\na,0,1,1\nb,0,2,2\nb,1,3,3\n")
    track = READER.read(path, ask(session_key="b", key_column="run"))
    np.testing.assert_array_equal(track.position[:, 0, 0, 0], [2, 3])


def test_spreadsheet_is_read(spreadsheet, ask):
    path = spreadsheet([["frame", "rr", "cc"], [0, 1.5, 3], [1, 2.5, None]])
    track = READER.read(path, ask())
    np.testing.assert_array_equal(track.position[:, :, 0, 0], [[3, 1.5], [np.nan, 2.5]])


@pytest.mark.parametrize(
    ("text", "options", "line", "words"),
    [
        ("frame,x,y\n0,1,2\n0,3,4\n", {}, 3, "frame 0 again .first in line 2"),
        ("frame,x,y\n0,1,2\n1,oops,4\n", {}, 3, "'oops'"),
        ("frame,x,y\n0,1,2\n1.5,3,4\n", {}, 3, "whole number"),
        ("frame,x,y\n0,1,2\n,3,4\n", {}, 3, "Expected a number"),
        ("frame,x,y\n0,1,2\n1,3\n", {}, 3, "Expected 3 cells"),
        ("frame,x,y\n0,1,2\n", {"first_frame": 1}, 2, "from 0 on"),
        ("frame,x,y\n0,1,2\n1e12,1,2\n", {}, 3, "is this a time"),
        ("frame;x;y\n0;1;2\n", {}, 1, "declare `delimiter"),
        ("frame,a,b\n0,1,2\n", {}, None, "`x` and `y`"),
        ("frame,a,b\n0,1,2\n", {"x": "a", "y": "c"}, None, "column 'c'"),
        ("frame,x,y\n", {}, None, "found none"),
        ("0,1,2\n", {"has_header": False}, None, "`x` and `y`"),
        ("frame,x,y\n0,1,2\n", {"start_frame": 3}, None, "frame_offset"),
        ("id,x,y\n0,1,2\n", {"individual": "id"}, None, "without numbers"),
        ("frame,x,y\n0,1,2\n", {"unit": "inch"}, None, "unit"),
        ("frame,time,x,y\n0,0,1,2\n", {"frame": "frame", "time": "time"}, None, "found both"),
        ("", {}, None, "empty"),
        (b"\x00\xff\x00", {}, None, "Expected"),
    ],
)
def test_wrong_file_is_refused_with_its_line(write, ask, text, options, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        READER.read(write(text), ask(**options))
    if line is not None:
        assert caught.value.row == line


def test_missing_file_is_refused(tmp_path, ask):
    for name in ("none.csv", "none.xlsx"):
        with pytest.raises(FormatError, match=name):
            READER.read(tmp_path / name, ask())


def test_one_animal_per_frame_is_required_but_two_animals_may_share_one(write, ask):
    text = "frame,id,x,y\n0,A,1,2\n0,B,3,4\n0,B,5,6\n"
    with pytest.raises(FormatError, match="first in line 3") as caught:
        READER.read(write(text), ask(individual="id"))
    assert caught.value.row == 4


def test_sniff_drafts_columns_and_says_what_it_guessed(write):
    found = READER.sniff(write(";frame;pos_x;pos_y\n0;1.0;5;6\n1;2.0;7;8\n"))
    assert found.options == {"x": "pos_x", "y": "pos_y", "delimiter": ";", "frame": "frame", "first_frame": 1}
    assert "guessed" in found.note
    rows = "".join(f"{k},{k}\n" for k in range(200))
    assert READER.sniff(write("X1,Y1\n" + rows)).certainty == 0.5


@pytest.mark.parametrize(
    "text",
    ["x,y\n1,2\n3,4\n", "frame,x,y\n0,a,b\n", "frame,speed\n0,1\n", "", b"\xff\x00", "1,2,3\n4,5,6\n"],
)
def test_other_tables_are_not_taken_for_tracks(write, text):
    assert READER.sniff(write(text)) is None


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.dictionaries(
        st.integers(0, 60), st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 2), min_size=1, max_size=20
    ),
    first=st.integers(0, 5),
)
def test_every_row_comes_back_on_its_frame(write, ask, rows, first):
    text = "frame,x,y\n" + "".join(f"{frame + first},{x!r},{y!r}\n" for frame, (x, y) in rows.items())
    track = READER.read(write(text), ask(first_frame=first))
    assert len(track.position) == max(rows) - min(rows) + 1
    for k, point in enumerate(track.position[:, :, 0, 0]):
        expected = rows.get(track.first_frame + k)
        assert np.isnan(point).all() if expected is None else tuple(point) == expected


@pytest.mark.data
def test_three_trackers_of_one_video_lie_on_each_other(recordings, ask):
    folder = recordings / "tracktor_mouse"
    tracktor = READER.read(
        folder / "mouse_video_tracked.csv", ask(frame="frame", x="pos_x", y="pos_y", first_frame=1)
    )
    idtracker = READER.read(folder / "mouse_video_idtracked.txt", ask(delimiter="\t", x="X1", y="Y1"))
    columns = {"has_header": False, "frame": 0, "x": 3, "y": 4, "dx": 85.80, "dy": 13.43}
    toxtrac = READER.read(folder / "mouse_video_toxtracked.txt", ask(delimiter="\t", **columns))
    assert [len(track.position) for track in (tracktor, idtracker, toxtrac)] == [10000, 9999, 9812]
    assert np.isfinite(toxtrac.position[:, 0, 0, 0]).sum() == 9405
    steps = np.linalg.norm(np.diff(tracktor.position[:, :, 0, 0].astype(float), axis=0), axis=1)
    assert steps.sum() == pytest.approx(12582.2, abs=0.1)

    def difference(track, shift=0):
        first = track.first_frame + shift
        ours = tracktor.position[first : first + len(track.position)]
        return np.nanmedian(np.linalg.norm(ours - track.position[: len(ours)], axis=1))

    assert difference(idtracker) == pytest.approx(2.88, abs=0.01)
    assert difference(toxtrac) == pytest.approx(1.53, abs=0.01)
    assert difference(idtracker) < difference(idtracker, 1)
    assert difference(toxtrac) < min(difference(toxtrac, 1), difference(toxtrac, -1))


@pytest.mark.data
def test_spreadsheet_with_row_and_column_of_the_image_is_read(recordings, ask):
    path = recordings / "epm_tracker_example" / "test3-tracking-data.xlsx"
    track = READER.read(path, ask(frame="frame", x="cc", y="rr", area="area"))
    assert track.position.shape == (9072, 2, 1, 1)
    assert np.isfinite(track.position).all()
    assert np.isfinite(track.area_px2).all()
    steps = np.linalg.norm(np.diff(track.position[:, :, 0, 0].astype(float), axis=0), axis=1)
    assert steps.sum() == pytest.approx(5967.43, abs=0.05)
