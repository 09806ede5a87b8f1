"""Frame labels: runs become bouts, unlabeled frames are not covered, nothing is missing unless declared."""

from itertools import groupby

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ethochat.index.errors import FormatError
from ethochat.index.formats.frame_labels import FrameLabelsReader
from ethochat.index.formats.labels import BOUT_ROWS, COVERAGE_ROWS

READER = FrameLabelsReader()


def bouts(labels, *columns):
    return labels.bouts.select(columns or ("behavior", "start_frame", "stop_frame")).rows()


def test_runs_become_bouts_and_unlabeled_frames_are_not_covered(write, ask):
    path = write("rear\nNA\nNone\nNone\nUp\nNA\nUp\n")
    labels = READER.read(path, ask(missing=["NA"], start_frame=100, source_kind="automated"))
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS
    assert bouts(labels) == [("None", 101, 103), ("Up", 103, 104), ("Up", 105, 106)]
    assert bouts(labels, "start_time", "stop_time") == [(4.04, 4.12), (4.12, 4.16), (4.2, 4.24)]
    assert labels.bouts["source"].unique().to_list() == ["rear"]
    assert labels.bouts["source_kind"].unique().to_list() == ["automated"]
    assert labels.coverage.rows() == [
        ("", "annotations", "rear", "automated", 4.04, 4.24, 4, ["None", "Up"]),
    ]


def test_nothing_is_missing_unless_declared(write, ask):
    labels = READER.read(write("rear\nNA\nNone\n"), ask())
    assert bouts(labels) == [("NA", 0, 1), ("None", 1, 2)]


def test_each_column_is_a_source_unless_one_is_declared(write, ask):
    path = write("a,b\nx,1\nx,2\n")
    assert READER.read(path, ask()).coverage["source"].to_list() == ["a", "b"]
    assert READER.read(path, ask(columns=["b"])).coverage["source"].to_list() == ["b"]
    merged = READER.read(path, ask(source="me"))
    assert merged.coverage.select("source", "n_frames", "behaviors").rows() == [("me", 2, ["x", "1", "2"])]
    assert len(merged.bouts) == 3


def test_ignored_labels_are_covered_but_no_bouts(write, ask):
    labels = READER.read(write("b\nbase\nwalk\nbase\n"), ask(ignore=["base"]))
    assert bouts(labels) == [("walk", 1, 2)]
    assert labels.coverage["n_frames"].to_list() == [3]
    assert labels.coverage["behaviors"].to_list() == [["walk"]]


def test_declared_behaviors_that_never_happen_are_covered(write, ask):
    labels = READER.read(write("b\nwalk\n"), ask(behaviors=["walk", "jump"]))
    assert labels.coverage["behaviors"].to_list() == [["jump", "walk"]]


def test_file_without_any_label_covers_nothing(write, ask):
    labels = READER.read(write("b\nNA\nNA\n"), ask(missing="NA"))
    assert labels.bouts.is_empty()
    assert labels.coverage.is_empty()
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS


def test_session_without_frame_rate_counts_in_frames(write, ask):
    labels = READER.read(write("b\nx\nx\n"), ask(fps=None))
    assert bouts(labels, "start_time", "stop_time", "stop_frame") == [(0.0, 2.0, 2)]


def test_rows_slower_than_the_frames_cover_more_frames(write, ask):
    request = ask(start_frame=50)
    slow = type(request)(timebase=request.timebase, options={"start_frame": 50, "fps": 1})
    labels = READER.read(write("b\nx\nx\ny\n"), slow)
    assert bouts(labels) == [("x", 50, 100), ("y", 100, 125)]
    assert bouts(labels, "start_time", "stop_time") == [(2.0, 4.0), (4.0, 5.0)]
    assert labels.coverage["n_frames"].to_list() == [75]


def test_rows_per_second_without_a_session_frame_rate_are_refused(write, ask):
    request = ask(fps=None)
    slow = type(request)(timebase=request.timebase, options={"fps": 1})
    with pytest.raises(FormatError, match="declare `fps` of the session"):
        READER.read(write("b\nx\n"), slow)


def test_one_hot_columns_are_behaviors_of_one_source(write, ask):
    labels = READER.read(
        write("walk,rear\n1,0\n1,1\n0,1\n,0\n"), ask(one_hot=True, missing=[""], source="model")
    )
    assert bouts(labels) == [("walk", 0, 2), ("rear", 1, 3)]
    assert labels.coverage.select("source", "n_frames", "behaviors").rows() == [
        ("model", 4, ["walk", "rear"])
    ]
    with pytest.raises(FormatError, match="Expected 0 or 1, found '2'") as caught:
        READER.read(write("walk\n1\n2\n"), ask(one_hot=True))
    assert (caught.value.row, caught.value.column) == (3, "walk")


WIDE = "cage,run,t,R.b,G.b\nA,2,0,x,y\nA,2,1,x,y\nA,1,0,x,z\nA,1,1,x,z\nB,1,0,w,w\n"
WIDE_OPTIONS = {
    "individual_columns": {"R": "R.b", "G": "G.b"},
    "key_column": "cage",
    "order": ["run", "t"],
}


def test_animals_side_by_side_share_their_vocabulary_and_bouts_end_with_their_block(write, ask):
    labels = READER.read(write(WIDE), ask(fps=1, session_key="A", source="rater", **WIDE_OPTIONS))
    found = bouts(labels, "individual", "behavior", "start_frame", "stop_frame")
    assert found == [("G", "z", 0, 2), ("G", "y", 2, 4), ("R", "x", 0, 2), ("R", "x", 2, 4)]
    # each block is a stretch of its own
    assert labels.coverage.select("individual", "source", "start_time", "stop_time", "n_frames").rows() == [
        ("G", "rater", 0.0, 2.0, 2), ("G", "rater", 2.0, 4.0, 2), ("R", "rater", 0.0, 2.0, 2), ("R", "rater", 2.0, 4.0, 2),
    ]  # fmt: skip
    assert labels.coverage["behaviors"].to_list() == [["w", "x", "y", "z"]] * 4


def test_session_that_the_shared_file_lacks_has_no_bouts_and_no_coverage(write, ask):
    labels = READER.read(write(WIDE), ask(fps=1, session_key="C", **WIDE_OPTIONS))
    assert labels.bouts.is_empty()
    assert labels.coverage.is_empty()


def test_number_left_out_of_the_order_is_an_unlabeled_row(write, ask):
    labels = READER.read(write("t,b\n7,x\n5,x\n8,x\n"), ask(order="t"))
    assert bouts(labels) == [("x", 0, 1), ("x", 2, 4)]
    assert labels.coverage["n_frames"].to_list() == [3]


@pytest.mark.parametrize(
    ("text", "options", "line", "words"),
    [
        ('"a";"b"\n"x";"1"\n"y";"2"\n', {}, 1, r'declare `delimiter = ";"`'),
        ('"a";"b"\n"x";"1"\n"y";"2"\n', {"columns": ["a"]}, 1, r'declare `delimiter = ";"`'),
        ("a,b\nx,1\ny\n", {}, 3, "Expected 2 cells"),
        ("a,b\nx,1\n,2\n", {}, 3, "declare `missing"),
        ("a\nx\nX\n", {"behaviors": ["x"]}, 3, "found 'X'; did you mean 'x'"),
        ("a\nx\n", {"columns": ["b"]}, None, "Expected a column 'b'"),
        ("t,a\n1,x\n1,y\n", {"order": "t"}, 3, "again"),
        ("t,a\n1,x\n1e9,y\n", {"order": "t"}, None, "is this a time"),
        ("a\nx\n", {"individual_columns": {"m": "a"}, "columns": ["a"]}, None, "alone"),
        ("a\nx\n", {"start_frame": -1}, None, "start_frame"),
        ("a\nx\n", {"delimiter": ";;"}, None, "delimiter"),
        ("a\n" + "\n".join(map(str, range(400))), {}, None, "400 different values"),
        ("", {}, None, "empty"),
        (b"\xff\xfe\x00", {}, None, "Expected"),
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


def test_sniff_drafts_delimiter_and_missing_tokens_as_a_guess(write):
    rows = ['"NA";"1"'] * 10 + ['"walk";"1"'] * 70 + ['"rear";"2"'] * 70
    found = READER.sniff(write('"state";"cluster"\n' + "\n".join(rows)))
    assert found.options == {"delimiter": ";", "missing": ["NA"]}
    assert "guessed" in found.note


@pytest.mark.parametrize(
    "text",
    ["", b"\x00", "a\nx\n", "x,y\n" + "".join(f"{k},{k}\n" for k in range(300)), "a\n" + "x\ny\n" * 200],
)
def test_other_files_are_not_taken_for_labels(write, text):
    assert READER.sniff(write(text)) is None


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    labels=st.lists(st.sampled_from(["a", "None", "NA", "b c"]), min_size=1, max_size=40),
    start=st.integers(0, 9),
)
def test_labels_can_be_rebuilt_from_bouts(write, ask, labels, start):
    found = READER.read(write("b\n" + "\n".join(labels) + "\n"), ask(missing=["NA"], start_frame=start))
    rebuilt = ["NA"] * len(labels)
    for behavior, first, last in bouts(found):
        rebuilt[first - start : last - start] = [behavior] * (last - first)
    assert rebuilt == labels
    assert len(found.bouts) == sum(1 for label, _ in groupby(labels) if label != "NA")
    covered = found.coverage["n_frames"].sum()
    assert covered == sum(label != "NA" for label in labels)


@pytest.mark.data
def test_classifier_labels_of_59_recordings(recordings, ask):
    files = sorted((recordings / "ethz_oft_csi" / "auto_labels").glob("*.csv"))
    request = ask(delimiter=";", missing=["NA"], start_frame=300, columns=["rear.classifier"])
    every = [READER.read(path, request) for path in files]
    assert len(every) == 59
    first = every[0].coverage.row(0, named=True)
    assert (first["source"], first["start_time"], first["behaviors"]) == (
        "rear.classifier",
        12.6,  # 300 frames, and 15 that have no label
        ["None", "Supported", "Unsupported"],
    )
    for path, labels in zip(files, every, strict=True):
        lines = path.read_text().splitlines()[1:]
        held = sum(not line.startswith("NA;") for line in lines)
        assert labels.coverage["n_frames"].to_list() == [held]
        assert labels.bouts.select((pl.col("stop_frame") - pl.col("start_frame")).sum()).item() == held


@pytest.mark.data
def test_home_cage_labels_by_the_second(recordings, ask):
    path = recordings / "abode" / "abode_annotations.csv.gz"
    options = {
        "individual_columns": {mouse: f"{mouse}_GT.Behaviour" for mouse in "RGB"},
        "key_column": "CageID",
        "order": ["Segment", "Snippet", "BTI"],
    }
    cage_b = READER.read(path, ask(fps=1, session_key="B", **options)).bouts
    grooming = cage_b.filter(individual="R", behavior="S-Grm")
    assert (grooming["stop_time"] - grooming["start_time"]).sum() == 216
    runs = cage_b.filter(individual="B", behavior="S-Grm").select(pl.col("stop_time") - pl.col("start_time"))
    assert runs.to_series().mean() == pytest.approx(39.90909)
    assert runs.to_series().max() == 116
    cage_c = READER.read(path, ask(fps=1, session_key="C", **options))
    assert cage_c.bouts.filter(individual="G", behavior="Feed").height == 5
    snippets = cage_c.coverage.group_by("individual").agg(pl.len(), pl.col("n_frames").sum())
    assert sorted(snippets.rows()) == [(mouse, 17, 2040) for mouse in "BGR"]
