"""Caltech Behavior Annotator files: frames from 1, stops included; channels are sources."""

import pytest

from ethochat.index.errors import FormatError
from ethochat.index.formats.caltech import CaltechReader
from ethochat.index.formats.labels import BOUT_ROWS, COVERAGE_ROWS

READER = CaltechReader()
TEXT = (
    "Caltech Behavior Annotator - Annotation File\r\n\r\nConfiguration file:\r\n"
    "base\tz\r\nsocial\ts\r\nbite\tb\r\n\r\n"
    "S1:\tstart\tend\ttype\r\n-----\r\n   \t1\t10\tbase\r\n   \t11\t15\tsocial\r\n   \t16\t20\tbase\r\n  \r\n"
    "S2:\tstart\tend\ttype\r\n-----\r\n   \t1\t20\tbase\r\n  \r\n"
)


def test_channels_are_sources_that_could_have_marked_every_behavior(write, ask):
    labels = READER.read(write(TEXT), ask(fps=None))
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS
    found = labels.bouts.select("source", "behavior", "start_frame", "stop_frame", "start_time").rows()
    assert found == [
        ("S1", "base", 0, 10, 0.0),
        ("S1", "social", 10, 15, 10.0),
        ("S1", "base", 15, 20, 15.0),
        ("S2", "base", 0, 20, 0.0),
    ]
    behaviors = ["base", "social", "bite"]
    assert labels.coverage.rows() == [
        ("", "annotations", "S1", "manual", 0.0, 20.0, 20, behaviors),
        ("", "annotations", "S2", "manual", 0.0, 20.0, 20, behaviors),
    ]


def test_ignored_labels_are_covered_but_no_bouts(write, ask):
    labels = READER.read(write(TEXT), ask(ignore=["base"]))
    assert labels.bouts.select("behavior", "start_time", "stop_time").rows() == [("social", 0.4, 0.6)]
    assert labels.coverage["n_frames"].to_list() == [20, 20]
    assert labels.coverage["behaviors"].to_list() == [["social", "bite"]] * 2


def test_frames_between_bouts_are_not_covered(write, ask):
    labels = READER.read(write(TEXT.replace("   \t11\t15\tsocial\r\n", "")), ask())
    assert labels.coverage["n_frames"].to_list() == [15, 20]


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("11\t15\tsocial", "15\t11\tsocial", 11, "15 to 11"),
        ("11\t15\tsocial", "11\tsocial", 11, "start, end and type"),
        ("11\t15\tsocial", "10\t15\tsocial", 11, "after frame 10"),
        ("11\t15\tsocial", "11\t15\tsocail", 11, "did you mean 'social'"),
        ("1\t10\tbase", "0\t10\tbase", 10, "from 1 on"),
        ("Configuration file:", "Configuration", 3, "Configuration file"),
        ("Caltech", "Calltech", 1, "Caltech"),
    ],
)
def test_wrong_line_is_refused(write, ask, old, new, line, words):
    with pytest.raises(FormatError, match=words) as caught:
        READER.read(write(TEXT.replace(old, new, 1)), ask())
    assert caught.value.row == line


def test_cut_off_empty_and_missing_files_are_refused(write, ask, tmp_path):
    with pytest.raises(FormatError, match="cut off"):
        READER.read(write(TEXT[: TEXT.index("S1:")]), ask())
    for raw in ("", b"\x00\xff"):
        with pytest.raises(FormatError, match="Expected"):
            READER.read(write(raw), ask())
    with pytest.raises(FormatError, match=r"none\.txt"):
        READER.read(tmp_path / "none.txt", ask())


def test_sniff_reads_the_title(write):
    assert READER.sniff(write(TEXT)).note == "Caltech Behavior Annotator, channels: S1, S2"
    assert READER.sniff(write("a,b\n1,2\n")) is None


@pytest.mark.data
def test_annotations_of_two_animals(recordings, ask):
    folder = recordings / "ri_social" / "annotations"
    labels = READER.read(folder / "1_annot.txt", ask(fps=None))
    aggression = labels.bouts.filter(source="S1", behavior="aggression")
    assert (aggression["stop_frame"] - aggression["start_frame"]).sum() == 3767
    longest = labels.bouts.filter(source="S2", behavior="keepdown")
    assert (longest["stop_frame"] - longest["start_frame"]).max() == 288
    assert labels.coverage["n_frames"].to_list() == [14734, 14734]
    without = READER.read(folder / "9_annot.txt", ask(fps=None))
    assert without.coverage["source"].to_list() == ["S1"]
    assert "aggression" in without.coverage["behaviors"].to_list()[0]
    assert without.bouts.filter(behavior="aggression").is_empty()
