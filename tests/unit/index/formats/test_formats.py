"""The registry: names to readers, files to names, inputs to content."""

import contextlib
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index import formats
from ethochat.index.domain import InputFile, Session
from ethochat.index.errors import FormatError
from ethochat.index.formats import READERS, get_reader, read_input, recognise
from ethochat.index.formats.base import Labels, Metrics, Reader, ReadRequest, Recognition, Track

SESSION = Session(session_id="s", fps=Fraction(25))
POSE = "frame,x,y\n0,1,2\n1,3,4\n"
BOUTS = "start,stop,behavior\n1,2,walk\n"


@pytest.mark.parametrize("name", READERS)
def test_every_name_leads_to_its_reader(name):
    reader = get_reader(name)
    assert isinstance(reader, Reader)
    assert reader.name == name


def test_unknown_name_is_refused_with_the_near_one():
    with pytest.raises(FormatError, match=r"deeplabcut, .*did you mean 'deeplabcut'"):
        get_reader("deeplabcat")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("raw", [b"", b"\x00\xff" * 100, b"\n\n", b"just words\n", b"a,b\n"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".h5", ".txt", ".gz"])
def test_no_reader_takes_or_chokes_on_a_foreign_file(write, name, raw, suffix):
    assert get_reader(name).sniff(write(raw, f"file{suffix}")) is None


def test_file_is_recognised_best_first(write):
    assert [found.format for found in recognise(write(POSE))] == ["centroid"]
    assert [found.format for found in recognise(write(BOUTS))] == ["bout_table"]


def test_absent_or_unknown_file_is_not_recognised(tmp_path, write):
    assert recognise(tmp_path / "none.csv") == []
    assert recognise(tmp_path) == []
    assert recognise(write("hello\n", "notes.txt")) == []


def test_video_is_recognised_by_what_is_in_it(tmp_path, write):
    import av
    import numpy as np

    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        for packet in stream.encode(
            av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        ):
            container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    (found,) = recognise(path)
    assert (found.format, found.kind, found.certainty) == ("video", "video", 1.0)
    (broken,) = recognise(write(b"garbage", "broken.mp4"))
    assert broken.kind == "video"
    assert broken.certainty < 0.5


def test_input_is_read_by_declared_format(write):
    item = InputFile(
        kind="annotations", path=write(BOUTS), format="bout_table", name="me", source_kind="automated"
    )
    labels = read_input(item, SESSION)
    assert isinstance(labels, Labels)
    assert labels.bouts.select("source", "source_kind", "start_frame").rows() == [("me", "automated", 25)]


def test_input_is_read_by_the_format_it_is_recognised_as(write):
    assert isinstance(read_input(InputFile(kind="pose", path=write(POSE)), SESSION), Track)
    table = write("file,a,b,c\nx,1,2,3\ny,4,5,6\n", "m.csv")
    item = InputFile(kind="metrics", path=table, session_key="y", options={"key_column": "file"})
    metrics = read_input(item, SESSION)
    assert isinstance(metrics, Metrics)
    assert metrics.metrics["value"].to_list() == [4, 5, 6]


def test_recognition_never_lends_its_guesses_to_reading(write):
    path = write("state;cluster\n" + "NA;1\n" * 60 + "walk;2\n" * 60)
    assert recognise(path)[0].options["delimiter"] == ";"
    with pytest.raises(FormatError, match="declare `delimiter"):
        read_input(InputFile(kind="annotations", path=path), SESSION)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"kind": "annotations"}, "frame_labels, bout_table.*declare `format`"),
        ({"kind": "annotations", "format": "centroid"}, "which holds pose"),
        ({"kind": "pose", "format": "bouttable"}, "did you mean 'bout_table'"),
        ({"kind": "video"}, "found a video"),
    ],
)
def test_input_that_does_not_fit_is_refused(write, item, words):
    with pytest.raises(FormatError, match=words):
        read_input(InputFile(path=write(POSE), **item), SESSION)


def test_missing_input_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"none\.csv"):
        read_input(InputFile(kind="pose", path=tmp_path / "none.csv"), SESSION)


def test_two_formats_that_fit_equally_are_not_chosen_between(write, monkeypatch):
    equal = [Recognition(format=name, kind="pose", certainty=0.7) for name in ("centroid", "deeplabcut")]
    monkeypatch.setattr(formats, "recognise", lambda path: equal)
    with pytest.raises(FormatError, match="centroid and deeplabcut equally well; declare `format`"):
        read_input(InputFile(kind="pose", path=write(POSE)), SESSION)


@pytest.mark.data
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("bsoid_pose/*.csv", ["deeplabcut"]),
        ("amadeus_mabe3/*.h5", ["deeplabcut"]),
        ("amadeus_mabe3/*.mp4", ["video"]),
        ("tracktor_mouse/*_tracked.csv", ["centroid"]),
        ("ethz_oft_csi/auto_labels/1_*.csv", ["frame_labels"]),
        ("ethz_oft_csi/human_labels/*.csv", ["bout_table"]),
        ("ethz_oft_csi/tables/*.csv", ["metric_table"]),
        ("ethz_oft_csi/metadata/*.csv", []),
        ("ri_social/annotations/1_annot.txt", ["caltech"]),
        ("nort_ethovision/*Trial    33*.xlsx", ["ethovision", "ethovision_zones"]),
        ("epm_tracker_example/test3-mask-pixel-coords.xlsx", []),
    ],
)
def test_real_files_are_recognised(recordings, pattern, expected):
    assert [found.format for found in recognise(next(recordings.glob(pattern)))] == expected


VALID = {
    "deeplabcut": "scorer,n,n,n\nbodyparts,a,a,a\ncoords,x,y,likelihood\n0,1,2,0.5\n1,3,4,0.5\n",
    "centroid": "frame,x,y,area\n0,1.5,2,7\n1,3,4,\n",
    "frame_labels": "a,b\nwalk,1\nrest,2\n",
    "bout_table": "from,to,type,rater\n0.5,2,walk,A\n3,4,rest,B\n",
    "metric_table": "id,a,b\nx,1.5,2\n",
    "caltech": (
        "Caltech Behavior Annotator - Annotation File\n\nConfiguration file:\nwalk\tw\n\n"
        "S1:\tstart\tend\ttype\n----\n 1\t5\twalk\n 6\t9\twalk\n"
    ),
}
"""A small right file of each text format."""


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(VALID)),
    start=st.integers(0, 120),
    length=st.integers(0, 20),
    new=st.text(st.sampled_from('0179.,;\t\n\r"-exNa \0é'), max_size=6),
)
def test_damaged_file_is_read_or_refused_as_a_format_error(write, name, start, length, new):
    text = VALID[name]
    path = write(text[:start] + new + text[start + length :])
    get_reader(name).sniff(path)
    request = ReadRequest(timebase=SESSION.timebase)
    with contextlib.suppress(FormatError):
        assert isinstance(get_reader(name).read(path, request), Track | Labels | Metrics)


@pytest.mark.parametrize("name", sorted(VALID))
def test_right_file_is_read(write, name):
    get_reader(name).read(write(VALID[name]), ReadRequest(timebase=SESSION.timebase))
