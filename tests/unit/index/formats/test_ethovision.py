"""EthoVision XT exports: header, track in cm, zones as bouts."""

from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from ethochat.index.errors import FormatError
from ethochat.index.formats.ethovision import EthoVisionReader, EthoVisionZonesReader, read_header
from ethochat.index.formats.labels import BOUT_ROWS, COVERAGE_ROWS

TRACK, ZONES = EthoVisionReader(), EthoVisionZonesReader()
NAMES = [
    "Trial time",
    "Recording time",
    "X center",
    "Y center",
    "X nose",
    "Y nose",
    "In zone(left / Nose-point)",
]
UNITS = ["s", "s", "cm", "cm", "cm", "cm", ""]
DATA = [
    ["9.5", "0", "1", "2", "3", "4", "0"],
    ["9.533", "0.033", "1.5", "2", "-", "-", "1"],
    ["9.567", "0.067", "-", "-", "3", "4", "1"],
    ["9.6", "0.1", "1", "2", "3", "4", "-"],
]


@pytest.fixture
def export(spreadsheet):
    """Write a small export; 6 header lines, the last two are names and units."""

    def save(data=DATA, names=NAMES, units=UNITS, n_header="6", sheets=("Track-Arena 1",)):
        head = [["Number of header lines:", n_header], ["Experiment", "E"], ["mouse ID", "m7"], ["", ""]]
        return spreadsheet([*head, names, units, *data], sheets=sheets)

    return save


def test_track_is_in_centimeters_on_recording_frames(export, ask):
    track = TRACK.read(export(), ask())
    assert (track.source, track.keypoints, track.individuals) == ("EthoVision", ("center", "nose"), ("",))
    assert (track.unit, track.first_frame, track.fps, track.confidence) == ("cm", 0, Fraction(30), None)
    assert track.position.shape == (4, 2, 2, 1)
    np.testing.assert_array_equal(track.position[:, 0, :, 0], [[1, 3], [1.5, np.nan], [np.nan, 3], [1, 3]])


def test_sample_that_is_left_out_is_nan(export, ask):
    rows = [["0", f"{k / 25:.3f}", "1", "2", "3", "4", "0"] for k in range(40) if k != 7]
    track = TRACK.read(export(rows), ask())
    assert (len(track.position), track.fps) == (40, 25)
    assert np.flatnonzero(np.isnan(track.position[:, 0, 0, 0])).tolist() == [7]


def test_zones_become_bouts_of_an_automated_source(export, ask):
    labels = ZONES.read(export(), ask(fps=30))
    assert labels.bouts.schema == BOUT_ROWS
    assert labels.coverage.schema == COVERAGE_ROWS
    found = labels.bouts.select("behavior", "source", "source_kind", "start_frame", "stop_frame").rows()
    assert found == [("Nose-point in left", "EthoVision", "automated", 1, 3)]
    assert labels.coverage.select("n_frames", "stop_time", "behaviors").rows() == [
        (3, 0.1, ["Nose-point in left"])
    ]


def test_export_of_several_animals_needs_a_sheet(export, ask):
    path = export(sheets=("Track-Arena 1-Subject 1", "Track-Arena 1-Subject 2", "Trial log"))
    with pytest.raises(FormatError, match="declare `sheet`"):
        TRACK.read(path, ask())
    assert TRACK.read(path, ask(sheet="Track-Arena 1-Subject 2")).fps == 30


def test_header_is_read(export):
    assert read_header(export()) == {"Experiment": "E", "mouse ID": "m7"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": [*DATA[:2], ["9", "0.067", "far", "2", "3", "4", "0"]]}, "line 9.*'far'"),
        ({"data": [*DATA[:2], DATA[1]]}, "line 9.*increasing"),
        ({"data": DATA[:1]}, "two samples"),
        ({"units": ["s", "s", "in", "in", "in", "in", ""]}, "cm or px"),
        ({"n_header": "99"}, "header lines"),
        ({"names": ["Trial time", *["Recording time"] * 6]}, "different column names"),
        ({"names": ["Trial time", "Recording time", "a", "b", "c", "d", "e"]}, "X center"),
    ],
)
def test_wrong_export_is_refused(export, ask, change, words):
    with pytest.raises(FormatError, match=words):
        TRACK.read(export(**change), ask())


def test_wrong_zone_value_is_refused(export, ask):
    with pytest.raises(FormatError, match=r"line 7.*Expected 0 or 1, found 2"):
        ZONES.read(export([[*DATA[0][:6], "2"], *DATA[1:]]), ask())
    with pytest.raises(FormatError, match="In zone"):
        ZONES.read(export(names=[*NAMES[:6], "Result"]), ask())


def test_garbage_empty_missing_and_other_spreadsheets_are_refused(write, ask, tmp_path, spreadsheet):
    for raw in (b"garbage", b""):
        with pytest.raises(FormatError, match="spreadsheet"):
            TRACK.read(write(raw, "t.xlsx"), ask())
    with pytest.raises(FormatError, match=r"none\.xlsx"):
        TRACK.read(tmp_path / "none.xlsx", ask())
    other = spreadsheet([["a", "b"], [1, 2], [3, 4]])
    with pytest.raises(FormatError, match="header lines"):
        TRACK.read(other, ask())
    assert TRACK.sniff(other) is None
    assert TRACK.sniff(write("a,b\n1,2\n")) is None


def test_sniff_offers_track_and_zones(export):
    path = export()
    assert (TRACK.sniff(path).kind, ZONES.sniff(path).kind) == ("pose", "annotations")


@pytest.mark.data
def test_trial_of_novel_object_recognition(recordings, ask):
    path = next((recordings / "nort_ethovision").glob("*D3 20251003-Trial     2 *.xlsx"))
    track = TRACK.read(path, ask())
    assert (track.position.shape, track.fps) == ((5540, 2, 3, 1), 30)
    center = track.position[:, :, 0, 0].astype(float)
    assert np.nansum(np.linalg.norm(np.diff(center, axis=0), axis=1)) == pytest.approx(1607.9, abs=0.05)
    bouts = ZONES.read(path, ask(fps=30)).bouts
    times = {
        side: bouts.filter(behavior=f"Nose-point in round object {side}").select(
            (pl.col("stop_time") - pl.col("start_time")).sum()
        )
        for side in ("left", "right")
    }
    assert times["left"].item() == pytest.approx(11.2)
    assert times["right"].item() == pytest.approx(15.2)
    assert read_header(path)["mouse ID"] == "ID7687"


@pytest.mark.data
def test_trial_without_an_animal_is_read_as_mostly_missing(recordings, ask):
    path = next((recordings / "nort_ethovision").glob("*Trial    33*.xlsx"))
    missing = np.isnan(TRACK.read(path, ask()).position[:, 0, 0, 0]).mean()
    assert missing == pytest.approx(0.97, abs=0.001)
