"""Bout tables: raters, markers, clocks; a zero is a zero only where somebody watched."""

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.errors import FormatError
from ethochat.index.formats.bout_table import BoutTableReader
from ethochat.index.formats.labels import BOUT_ROWS, COVERAGE_ROWS

READER = BoutTableReader()
SHARED = (
    "file;who;from;to;type;ID\n"
    "f;Ann;0.5;1.5;StartEnd;s1\n"
    "f;Ann;2;3.02;groom;s1\n"
    "f;Ann;4;4;jump;s1\n"
    "f;Bob;1;2;StartEnd;s1\n"
    "f;Bob;1;9;rear;s2\n"
)
OPTIONS = {"delimiter": ";", "rater": "who", "key_column": "ID", "ignore": ["StartEnd"]}


def rows(labels, *columns):
    return labels.bouts.select(columns).rows()


def test_bouts_of_a_session_by_rater(write, ask):
    labels = READER.read(write(SHARED), ask(session_key="s1", source="ignored", **OPTIONS))
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS
    found = rows(labels, "source", "behavior", "start_time", "stop_time", "start_frame", "stop_frame")
    assert found == [("Ann", "groom", 2.0, 3.02, 50, 76), ("Ann", "jump", 4.0, 4.0, 100, 100)]


def test_rater_with_a_marker_alone_watched_the_session(write, ask):
    labels = READER.read(write(SHARED), ask(session_key="s1", **OPTIONS))
    assert labels.coverage.rows() == [
        ("", "annotations", "Ann", "manual", 0.0, 4.0, 100, ["groom", "jump"]),
        ("", "annotations", "Bob", "manual", 0.0, 4.0, 100, ["rear"]),
    ]


def test_marker_may_lack_a_time_but_a_bout_may_not(write, ask):
    labels = READER.read(write("from,to,type\n1,NA,NA\n2,3,walk\n"), ask(ignore=["NA"]))
    assert rows(labels, "behavior", "start_time", "stop_time") == [("walk", 2.0, 3.0)]
    assert labels.coverage["stop_time"].to_list() == [3.0]
    only = READER.read(write("from,to,type\n1,NA,NA\n"), ask(ignore=["NA"]))
    assert only.coverage.is_empty()


def test_session_that_nobody_rated_has_no_coverage(write, ask):
    labels = READER.read(write(SHARED), ask(session_key="s3", **OPTIONS))
    assert labels.bouts.is_empty()
    assert labels.coverage.is_empty()
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS


def test_declared_behaviors_were_looked_for_by_every_rater(write, ask):
    labels = READER.read(write(SHARED), ask(session_key="s1", behaviors=["jump"], **OPTIONS))
    assert labels.coverage["behaviors"].to_list() == [["groom", "jump"], ["jump", "rear"]]


def test_file_without_rater_is_named_by_the_user(write, ask):
    path = write("start,stop,behavior\n1,2,walk\n")
    assert READER.read(path, ask(source="me")).coverage["source"].to_list() == ["me"]
    assert READER.read(path, ask()).coverage["source"].to_list() == ["labels"]


@pytest.mark.parametrize(("unit", "start_time"), [("s", 30.0), ("ms", 0.03), ("min", 1800.0)])
def test_time_units_become_seconds(write, ask, unit, start_time):
    labels = READER.read(write("start,stop,behavior\n30,40,walk\n"), ask(time_unit=unit))
    assert labels.bouts["start_time"].to_list() == [pytest.approx(start_time)]


def test_offset_is_added_to_every_time(write, ask):
    labels = READER.read(write("start,stop,behavior\n12.4,13,walk\n"), ask(offset_s=-12))
    assert rows(labels, "start_time", "stop_time", "start_frame") == [
        (pytest.approx(0.4), pytest.approx(1.0), 10),
    ]


def test_frames_counted_from_one_with_the_last_frame_included(write, ask):
    path = write("start,stop,behavior\n1,25,walk\n26,26,rear\n")
    labels = READER.read(path, ask(time_unit="frames", first_frame=1, inclusive=True))
    found = rows(labels, "behavior", "start_frame", "stop_frame", "start_time", "stop_time")
    assert found == [("walk", 0, 25, 0.0, 1.0), ("rear", 25, 26, 1.0, 1.04)]


def test_session_without_frame_rate_takes_frames_but_not_seconds(write, ask):
    path = write("start,stop,behavior\n10,20,walk\n")
    labels = READER.read(path, ask(fps=None, time_unit="frames"))
    assert rows(labels, "start_time", "stop_time", "start_frame") == [(10.0, 20.0, 10)]
    with pytest.raises(FormatError, match="declare `fps`"):
        READER.read(path, ask(fps=None))


def test_animals_partners_and_scores_are_kept(write, ask):
    path = write("start,stop,behavior,who,with,p\n0,9,mark,,,\n1,2,chase,m1,m2,0.75\n3,4,chase,m2,m1,\n")
    labels = READER.read(path, ask(individual="who", partner="with", score="p", ignore="mark"))
    found = rows(labels, "individual", "partner", "score")
    assert found == [("m1", "m2", 0.75), ("m2", "m1", None)]
    assert labels.coverage.select("individual", "stop_time").rows() == [("m1", 9.0), ("m2", 9.0)]


def test_overlapping_bouts_of_one_rater_are_kept(write, ask):
    labels = READER.read(write("start,stop,behavior\n1,5,walk\n2,3,walk\n"), ask())
    assert rows(labels, "start_time", "stop_time") == [(1.0, 5.0), (2.0, 3.0)]


@pytest.mark.parametrize(
    ("text", "options", "line", "words"),
    [
        ("from,to,type\n1,2,a\n5,3,b\n", {}, 3, "found 5 to 3"),
        ("from,to,type\n1,2,a\n5,soon,b\n", {}, 3, "'soon'"),
        ("from,to,type\n1,2,a\n5,,b\n", {}, 3, "Expected a number"),
        ("from,to,type\n1,2,a\n5,6\n", {}, 3, "Expected 3 cells"),
        ("from,to,type\n1,2,a\n5,6,\n", {}, 3, "name of a behavior"),
        ("from,to,type,rater\n1,2,a,\n", {}, 2, "name of a rater"),
        ("from,to,type\n1,2,a\n", {"offset_s": -3}, 2, "from session start"),
        ("from;to;type\n1;2;a\n", {}, 1, "declare `delimiter"),
        ("from,to,what\n1,2,a\n", {}, None, "`behavior`"),
        ("from,to,type\n1,2,a\n", {"start": "begin"}, None, "column 'begin'"),
        ("from,to,type\n1.5,2,a\n", {"time_unit": "frames"}, 2, "whole number"),
        ("from,to,type\n1,2,a\n", {"time_unit": "frames", "offset_s": 1}, None, "first_frame"),
        ("from,to,type\n1,2,a\n", {"inclusive": True}, None, "frames"),
        ("from,to,type\n1,2,a\n", {"time_unit": "hours"}, None, "time_unit"),
        ("from,to,type\n1,2,a\n", {"marker": "a"}, None, "'marker'"),
        ("", {}, None, "empty"),
        (b"\x00\xff", {}, None, "Expected"),
    ],
)
def test_wrong_file_is_refused_with_its_line(write, ask, text, options, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        READER.read(write(text), ask(**options))
    if line is not None:
        assert caught.value.row == line


def test_missing_file_is_refused(tmp_path, ask):
    with pytest.raises(FormatError, match=r"none\.csv"):
        READER.read(tmp_path / "none.csv", ask())


def test_wrong_row_of_another_session_does_not_stop_this_one(write, ask):
    path = write("from,to,type,ID\n1,2,a,s1\n5,3,b,s2\n")
    assert READER.read(path, ask(session_key="s1", key_column="ID")).bouts.height == 1
    with pytest.raises(FormatError) as caught:
        READER.read(path, ask(session_key="s2", key_column="ID"))
    assert caught.value.row == 3


def test_sniff_drafts_the_columns(write):
    found = READER.sniff(write("file;Experimenter;from;to;type\nf;A;1;2;x\n"))
    assert found.options == {
        "delimiter": ";",
        "start": "from",
        "stop": "to",
        "behavior": "type",
        "rater": "Experimenter",
    }
    frames = READER.sniff(write("start_frame,stop_frame,label\n1,2,x\n"))
    assert frames.options["time_unit"] == "frames"


@pytest.mark.parametrize(
    "text", ["", b"\x00", "from,to\n1,2\n", "from,to,type\nmon,tue,x\n", "from,to,type\n"]
)
def test_other_files_are_not_taken_for_bouts(write, text):
    assert READER.sniff(write(text)) is None


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.integers(0, 500),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["R", "S"]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_row_is_a_bout_and_none_is_lost(write, ask, found):
    text = "start,stop,behavior,rater\n" + "".join(f"{f},{f + n},{b},{r}\n" for f, n, b, r in found)
    labels = READER.read(write(text), ask(time_unit="frames"))
    back = rows(labels, "source", "start_frame", "stop_frame", "behavior")
    assert sorted(back) == sorted((r, f, f + n, b) for f, n, b, r in found)
    assert labels.coverage["n_frames"].to_list() == [max(f + n for f, n, _, _ in found)] * len(
        {r for *_, r in found}
    )


MARKERS = ["StartEnd", "Start/End", "Start_End", "_DEFAULT", "NA"]


@pytest.mark.data
def test_three_raters_of_twenty_recordings(recordings, ask):
    path = recordings / "ethz_oft_csi" / "human_labels" / "AllLabDataOFT_final.csv"
    options = {"delimiter": ";", "rater": "Experimenter", "key_column": "ID", "ignore": MARKERS}
    every = [READER.read(path, ask(session_key=f"OFT_{k}", **options)) for k in range(1, 61)]
    rated = [labels for labels in every if labels.coverage.height]
    assert len(rated) == 20
    assert {tuple(labels.coverage["source"]) for labels in rated} == {("Furkan", "Jin", "Oliver")}
    behaviors = ["Grooming", "Jumping", "Supported", "Unsupported"]
    assert all(labels.coverage["behaviors"].to_list() == [behaviors] * 3 for labels in rated)
    bouts = pl.concat([labels.bouts for labels in rated])
    counts = {
        (source, behavior): n for source, behavior, n in bouts.group_by("source", "behavior").len().rows()
    }
    assert [counts[rater, "Supported"] for rater in ("Furkan", "Jin", "Oliver")] == [1016, 980, 1007]
    assert [counts[rater, "Jumping"] for rater in ("Furkan", "Jin", "Oliver")] == [6, 5, 5]


@pytest.mark.data
def test_four_raters_of_the_swim_test(recordings, ask):
    path = recordings / "ethz_fst_labels" / "AllFSTLables.csv"
    options = {"delimiter": ";", "rater": "Experimenter", "key_column": "ID", "ignore": MARKERS}
    every = [
        READER.read(path, ask(session_key=f"FST_{k}", **options))
        for k in (1, 3, 7, 9, 16, 17, 22, 23, 25, 28)
    ]
    counts = pl.concat([labels.bouts for labels in every]).group_by("source").len().sort("source").rows()
    assert counts == [("Jin", 134), ("Oliver", 130), ("Rebecca", 367), ("Schlappi", 173)]
